//! The store of a world: the reference of the store's contract, a clock that can be stepped, and a memory of what
//! was saved when.

use std::collections::{BTreeMap, BTreeSet};

use anteroom_protocol::id::QueueId;
use anteroom_protocol::time::Timestamp;
use anteroom_queue::RecordId;
use anteroom_queue::node::{Document, Found, StoreRequest, Versioned, Write};
use anteroom_store::backend::{self, BackendError, Key, Saved, Version};
use anteroom_store::documents::Documents;

use crate::trace::Moment;

/// True time at the start of every world.
const STARTS_AT_MS: u64 = 1_700_000_000_000;
/// How often expired documents are removed.
const SWEEP_EVERY_MS: u64 = 1_000;
const SEGMENT: &str = "room";

/// What the store answers.
#[derive(Debug)]
pub(crate) enum Answer {
    Loaded { found: Vec<Found>, now: Timestamp },
    Saved { versions: Vec<u64>, now: Timestamp },
    Conflict { current: Vec<Found>, now: Timestamp },
    Failed,
}

pub(crate) struct Store {
    documents: Documents,
    /// How far the store's clock was stepped.
    stepped_ms: u64,
    swept_at: u64,
    /// From when until when it stands still.
    stands_still: Option<(u64, u64)>,
    /// When each id's record was last saved.
    claimed: BTreeMap<QueueId, Moment>,
    /// Who ever asked to be let in or to be cancelled.
    asked: BTreeSet<QueueId>,
    /// Keys that anybody brought.
    keys: BTreeSet<u64>,
    state_bytes: usize,
}

/// True time, so many milliseconds after the start of the world.
pub(crate) fn world_time(since_start: u64) -> Timestamp {
    Timestamp::from_millis(STARTS_AT_MS + since_start)
}

impl Store {
    pub(crate) fn new() -> Self {
        Self {
            documents: Documents::default(),
            stepped_ms: 0,
            swept_at: 0,
            stands_still: None,
            claimed: BTreeMap::new(),
            asked: BTreeSet::new(),
            keys: BTreeSet::new(),
            state_bytes: 0,
        }
    }

    pub(crate) fn moment(&self, since_start: u64) -> Moment {
        let world = world_time(since_start);
        let seen = match self.stands_still {
            Some((from, until)) if (from..until).contains(&since_start) => from,
            _ => since_start,
        };
        Moment { world, room: Timestamp::from_millis(world_time(seen).as_millis() + self.stepped_ms) }
    }

    /// The clock was set back by this much: since it never goes back, it stands still until it has caught up.
    pub(crate) fn stand_still(&mut self, since_start: u64, for_ms: u64) {
        // One that stands still already does so from its own beginning.
        let from = match self.stands_still {
            Some((from, until)) if (from..until).contains(&since_start) => from,
            _ => since_start,
        };
        self.stands_still = Some((from, since_start + for_ms));
    }

    pub(crate) fn note_asked(&mut self, queue_id: QueueId) {
        self.asked.insert(queue_id);
    }

    pub(crate) fn note_key(&mut self, key: u64) {
        self.keys.insert(key);
    }

    /// How large the state is, how many documents there are beside it, and how many visitors ever asked for one.
    pub(crate) fn kept(&self) -> (u64, u64, u64) {
        let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        let records = self.documents.len().saturating_sub(1);
        (number(self.state_bytes), number(records), number(self.asked.len() + self.keys.len()))
    }

    pub(crate) fn step(&mut self, by_ms: u64) {
        self.stepped_ms += by_ms;
    }

    pub(crate) fn copy(&self) -> Documents {
        self.documents.clone()
    }

    /// What goes back to an older copy is another server, whose clock is right: versions rest on it, and must not be used
    /// twice.
    pub(crate) fn restore(&mut self, copy: Documents) {
        self.documents = copy;
        self.stands_still = None;
    }

    /// When the record of this id was last saved.
    pub(crate) fn claimed_at(&self, queue_id: QueueId) -> Option<Moment> {
        self.claimed.get(&queue_id).copied()
    }

    pub(crate) fn carry_out(&mut self, request: &StoreRequest, since_start: u64) -> Answer {
        let moment = self.moment(since_start);
        if since_start >= self.swept_at + SWEEP_EVERY_MS {
            self.swept_at = since_start;
            self.documents.sweep(moment.room);
        }
        let answer = match request {
            StoreRequest::Load { documents } => self.load(documents, moment),
            StoreRequest::Save { writes } => self.save(writes, moment),
        };
        answer.unwrap_or(Answer::Failed)
    }

    fn load(&self, documents: &[Document], moment: Moment) -> Result<Answer, BackendError> {
        let keys: Vec<Key> = documents.iter().map(key).collect();
        let loaded = self.documents.load(&keys, moment.room)?;
        let found = documents.iter().copied().zip(loaded.documents).map(found).collect();
        Ok(Answer::Loaded { found, now: loaded.now })
    }

    fn save(&mut self, writes: &[Write], moment: Moment) -> Result<Answer, BackendError> {
        let kept: Vec<backend::Write> = writes
            .iter()
            .map(|write| backend::Write {
                key: key(&write.document),
                expected: write.expected.map(Version),
                bytes: write.bytes.clone(),
                expires_at: write.expires_at,
            })
            .collect();
        Ok(match self.documents.save(&kept, moment.room)? {
            Saved::Done { version, now } => {
                for write in writes {
                    match write.document {
                        Document::State => self.state_bytes = write.bytes.len(),
                        Document::Record(RecordId::Visitor(queue_id)) => {
                            self.claimed.insert(queue_id, moment);
                        }
                        Document::Record(RecordId::Key(_)) => {}
                    }
                }
                Answer::Saved { versions: vec![version.0; writes.len()], now }
            }
            Saved::Refused { current, now } => {
                let documents = writes.iter().map(|write| write.document);
                Answer::Conflict { current: documents.zip(current).map(found).collect(), now }
            }
        })
    }
}

fn key(document: &Document) -> Key {
    match document {
        Document::State => Key::new(SEGMENT, "state"),
        Document::Record(RecordId::Visitor(queue_id)) => {
            Key::new(SEGMENT, format_args!("claimed:{queue_id}"))
        }
        Document::Record(RecordId::Key(digest)) => {
            Key::new(SEGMENT, format_args!("key:{}", u128::from_be_bytes(*digest.as_bytes())))
        }
    }
}

fn found((document, kept): (Document, Option<backend::Document>)) -> Found {
    let current = kept.map(|kept| Versioned { version: kept.version.0, bytes: kept.bytes });
    Found { document, current }
}
