//! Commands that are carried out and saved together, and the records they read.

use std::collections::BTreeMap;
use std::time::Duration;

use anteroom_protocol::time::Timestamp;

use super::{Document, Versioned, Waiting, Write};
use crate::command::{Command, Outcome, RecordId};
use crate::engine::{Record, RoomState};

/// One batch, from its gathering to its save.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) ids: Vec<u64>,
    pub(super) commands: Vec<Command>,
    since: Vec<Timestamp>,
    /// The records that the commands read, as they were loaded.
    pub(super) records: BTreeMap<RecordId, Record>,
    versions: BTreeMap<RecordId, u64>,
    /// Records that the store may have lost and that are looked at in addition.
    pub(super) suspected: Vec<RecordId>,
    /// Those of them, and of the ones the commands read, that it did lose: they are put back with the state.
    pub(super) lost: BTreeMap<RecordId, Record>,
    /// What carrying it out came to.
    pub(super) next_state: Option<RoomState>,
    pub(super) outcomes: Vec<Outcome>,
    pub(super) changed: BTreeMap<RecordId, Record>,
    /// How often it was offered to the store.
    pub(super) attempts: u32,
    /// Whether the last offer may have been taken without a word.
    pub(super) is_save_in_doubt: bool,
}

impl Batch {
    pub(super) fn push(&mut self, id: u64, command: Command, since: Timestamp) {
        self.ids.push(id);
        self.commands.push(command);
        self.since.push(since);
    }

    pub(super) fn reads_records(&self) -> bool {
        self.commands.iter().any(|command| command.record_id().is_some())
    }

    /// The records it needs, each once.
    pub(super) fn record_documents(&self) -> Vec<Document> {
        let named = self.commands.iter().filter_map(Command::record_id);
        let mut ids: Vec<RecordId> = named.chain(self.suspected.iter().copied()).collect();
        ids.sort_unstable();
        ids.dedup();
        ids.into_iter().map(Document::Record).collect()
    }

    /// Takes in a record as the store has it. One that it lacks and that is remembered was lost.
    ///
    /// One that cannot be read takes the commands that name it out of the batch; their ids and the reason are returned.
    pub(super) fn take_in(
        &mut self,
        id: RecordId,
        current: Option<Versioned>,
        remembered: Option<&Record>,
    ) -> Option<(Vec<u64>, String)> {
        self.records.remove(&id);
        self.versions.remove(&id);
        self.lost.remove(&id);
        match current {
            Some(Versioned { version, bytes }) => match Record::decode(&bytes) {
                Ok(record) => {
                    self.records.insert(id, record);
                    self.versions.insert(id, version);
                }
                Err(error) => return Some((self.take_out_naming(id), super::with_causes(&error))),
            },
            None => {
                if let Some(record) = remembered {
                    self.records.insert(id, record.clone());
                    self.lost.insert(id, record.clone());
                }
            }
        }
        None
    }

    fn take_out_naming(&mut self, record: RecordId) -> Vec<u64> {
        let mut out = Vec::new();
        for at in (0..self.commands.len())
            .rev()
            .filter(|&at| self.commands[at].record_id() == Some(record))
            .collect::<Vec<_>>()
        {
            out.push(self.ids.remove(at));
            self.commands.remove(at);
            self.since.remove(at);
            if at < self.outcomes.len() {
                self.outcomes.remove(at);
            }
        }
        out
    }

    /// What to save: the state first, then the records that changed.
    pub(super) fn writes(&self, state_version: Option<u64>) -> Vec<Write> {
        let state = self.next_state.iter().map(|state| Write {
            document: Document::State,
            expected: state_version,
            bytes: state.encode(),
            expires_at: None,
        });
        let records = self.changed.iter().map(|(id, record)| Write {
            document: Document::Record(*id),
            expected: self.versions.get(id).copied(),
            bytes: record.encode(),
            expires_at: Some(record.expires_at),
        });
        let lost = self.lost.iter().filter(|(id, _)| !self.changed.contains_key(id));
        let lost = lost.map(|(id, record)| Write {
            document: Document::Record(*id),
            expected: None,
            bytes: record.encode(),
            expires_at: Some(record.expires_at),
        });
        state.chain(records).chain(lost).collect()
    }

    /// Whether a save in doubt did happen: the store holds just the state that was to be saved, and the newest place in
    /// it is that of a visitor of this batch. Without a visitor in it a batch can as well be carried out again.
    pub(super) fn was_saved_as(&self, found: Option<&RoomState>) -> bool {
        let newest = found.and_then(|state| state.newest);
        let is_ours = |command: &Command| matches!(command, Command::Arrive { queue_id, .. } if Some(*queue_id) == newest);
        self.is_save_in_doubt && self.next_state.as_ref() == found && self.commands.iter().any(is_ours)
    }

    /// Gives its commands back, the last one first. What it knows of records stays.
    pub(super) fn give_back(&mut self) -> Vec<Waiting> {
        self.outcomes.clear();
        let ids = std::mem::take(&mut self.ids).into_iter();
        let commands = std::mem::take(&mut self.commands).into_iter().zip(std::mem::take(&mut self.since));
        ids.zip(commands).map(|(id, (command, since))| Waiting { id, command, since }).rev().collect()
    }

    /// Takes out the commands that have waited for `age_max`; returns their ids.
    pub(super) fn split_old(self, now: Timestamp, age_max: Duration) -> (Self, Vec<u64>) {
        if self.since.iter().all(|&since| now.saturating_since(since) < age_max) {
            return (self, Vec::new());
        }
        let mut kept = Self { attempts: self.attempts, ..Self::default() };
        let mut old = Vec::new();
        for ((id, command), since) in self.ids.into_iter().zip(self.commands).zip(self.since) {
            if now.saturating_since(since) >= age_max {
                old.push(id);
            } else {
                kept.push(id, command, since);
            }
        }
        (kept, old)
    }
}
