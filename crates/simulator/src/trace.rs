//! What happened in a world, as facts. Checkers see nothing else: not the workload, not the faults that were
//! planned, not the inside of a process.

use std::hash::{Hash, Hasher};

use anteroom_protocol::id::QueueId;
use anteroom_protocol::time::Timestamp;
use anteroom_queue::{Lane, PlaceNumber};

/// One instant on both clocks. They differ once the store's clock was stepped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment {
    /// True time.
    pub world: Timestamp,
    /// What the store's clock shows, or what a process takes it to show.
    pub room: Timestamp,
}

/// A place in line, as a ticket holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The room's epoch.
    pub epoch: u64,
    /// The lane.
    pub lane: u8,
    /// Whether it is an entry of the pre-queue, whose place is drawn at the start.
    pub is_entry: bool,
    /// The place in the lane, or the index of the entry.
    pub tag: u64,
}

impl Place {
    /// A place as the room names it.
    pub(crate) fn of(place: anteroom_queue::Place, epoch: u64) -> Self {
        let (is_entry, tag) = match place.number {
            PlaceNumber::Tag(tag) => (false, tag),
            PlaceNumber::Entry(index) => (true, index),
        };
        Self { epoch, lane: place.lane.number(), is_entry, tag }
    }

    /// As the room names it.
    pub(crate) fn in_room(self) -> anteroom_queue::Place {
        let lane = Lane::new(self.lane).unwrap_or_default();
        let number = if self.is_entry { PlaceNumber::Entry(self.tag) } else { PlaceNumber::Tag(self.tag) };
        anteroom_queue::Place { lane, number }
    }
}

/// One run of one process, from its start to its crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Life {
    /// Which process.
    pub process: usize,
    /// How often it was started before.
    pub starts: u32,
}

/// What a visitor was told when they asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Told {
    /// Others are ahead.
    Waiting {
        /// How many.
        ahead: u64,
    },
    /// The room is paused.
    Paused {
        /// How many are ahead, where that was said.
        ahead: Option<u64>,
    },
    /// It is their turn, but the gate is closed for a moment.
    Held,
    /// Not yet, or the room could not say.
    TryAgain,
    /// Let in; the admission is a fact of its own.
    Admitted,
    /// Let in as often as the room allows.
    Used,
    /// Called, and came back after the late window.
    Late,
    /// Cancelled.
    Cancelled,
    /// The ticket is of another life of the room.
    OtherEpoch,
    /// What was shown is no ticket of this room.
    Rejected,
    /// The room has not started yet.
    NotStarted,
}

/// Something that can be said about a world without knowing why it happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fact {
    /// A visitor got a place; acknowledged when the fact was noted.
    Joined {
        /// Their id.
        queue_id: QueueId,
        /// Their place.
        place: Place,
        /// When their request reached a process.
        began: Timestamp,
        /// When the store had the save that gave the place.
        committed: Timestamp,
        /// Stands for the text of the ticket they were given.
        ticket: u64,
        /// The key they brought where keys are unique.
        key: Option<u64>,
    },
    /// A visitor was let in, or told again that they were.
    Admitted {
        /// Their id.
        queue_id: QueueId,
        /// When the admission happened, by the room's time. The same id and moment again is the same admission.
        at: Timestamp,
        /// When the store had the save that let them in.
        committed: Moment,
    },
    /// A visitor with a ticket asked and was answered.
    Polled {
        /// Their id.
        queue_id: QueueId,
        /// Their place.
        place: Place,
        /// Who answered.
        life: Life,
        /// The answer.
        told: Told,
        /// When they were told to ask again.
        ask_again_after_ms: u64,
    },
    /// A visitor showed a text that was refused as no ticket of this room.
    Rejected {
        /// Stands for the text.
        ticket: u64,
    },
    /// What the store keeps of the room.
    Kept {
        /// How large the state is.
        state_bytes: u64,
        /// How many documents there are beside it.
        records: u64,
        /// How many visitors ever asked to be let in, or to be cancelled, and how many keys were brought.
        asked: u64,
    },
    /// Somebody asked that this id be let in no more; not done yet.
    CancelAsked {
        /// Which id.
        queue_id: QueueId,
    },
    /// This id is let in no more.
    Cancelled {
        /// Which id.
        queue_id: QueueId,
    },
    /// An operator's settings came into force somewhere between `earliest` and the moment of this fact.
    Configured {
        /// The earliest moment.
        earliest: Moment,
        /// Visitors per minute.
        outflow_per_minute: u32,
        /// Places at once beyond the even flow.
        burst: u32,
        /// Further admissions of one id.
        re_entry_limit: u32,
        /// How long somebody who was called may still come, in milliseconds.
        late_window_ms: u64,
        /// How many may be inside at a time, and for how many milliseconds somebody counts as inside.
        active: Option<(u32, u64)>,
        /// Whether the room starts slowly.
        has_ramp: bool,
        /// When the room starts, in milliseconds of its own time; 0: it has no schedule.
        starts_at: Timestamp,
    },
    /// An operator asked to begin the line anew; not done yet.
    ResetAsked {
        /// The epoch that is to end.
        epoch: u64,
    },
    /// The line was begun anew somewhere between `earliest` and the moment of this fact: this epoch ended.
    Reset {
        /// The earliest moment.
        earliest: Moment,
        /// The epoch that ended.
        epoch: u64,
    },
    /// The room was paused somewhere between `earliest` and the moment of this fact.
    Paused {
        /// The earliest moment.
        earliest: Moment,
    },
    /// The room went on somewhere between `earliest` and the moment of this fact.
    Resumed {
        /// The earliest moment.
        earliest: Moment,
    },
    /// Something was broken from the moment of this fact on.
    Trouble {
        /// When it was over.
        until: Timestamp,
    },
    /// Whatever the store saved after `since` is gone.
    Lost {
        /// Up to when saves survived.
        since: Timestamp,
    },
    /// The store's clock was set forward.
    Stepped {
        /// By how much.
        by_ms: u64,
    },
}

/// A fact and when it was noted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Entry {
    /// When.
    pub when: Moment,
    /// What.
    pub fact: Fact,
}

/// All facts of one world, in the order they happened.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    /// The facts.
    pub entries: Vec<Entry>,
    /// When the world ended.
    pub ended: Timestamp,
}

/// A loss of the store's newest writes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Loss {
    pub(crate) since: Timestamp,
    pub(crate) at: Timestamp,
}

impl Loss {
    /// Whether a save of this moment is gone after the loss.
    pub(crate) fn has_taken(self, committed: Timestamp) -> bool {
        self.since < committed && committed <= self.at
    }
}

impl Trace {
    /// A number that differs between any two worlds that did not go exactly alike.
    pub fn hash(&self) -> u64 {
        let mut hasher = Fnv(FNV_START);
        self.entries.hash(&mut hasher);
        hasher.finish()
    }

    pub(crate) fn losses(&self) -> Vec<Loss> {
        let loss = |entry: &Entry| match entry.fact {
            Fact::Lost { since } => Some(Loss { since, at: entry.when.world }),
            _ => None,
        };
        self.entries.iter().filter_map(loss).collect()
    }

    /// Each admission once, in the order they were first told.
    pub(crate) fn admissions(&self) -> Vec<Admission> {
        let mut seen = std::collections::BTreeSet::new();
        let mut admissions = Vec::new();
        for entry in &self.entries {
            if let Fact::Admitted { queue_id, at, committed } = entry.fact
                && seen.insert((queue_id, at))
            {
                admissions.push(Admission { queue_id, at, committed, told: entry.when.world });
            }
        }
        admissions
    }
}

/// A visitor let in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Admission {
    pub(crate) queue_id: QueueId,
    pub(crate) at: Timestamp,
    pub(crate) committed: Moment,
    pub(crate) told: Timestamp,
}

/// A number that stands for a text.
pub(crate) fn text_number(text: &str) -> u64 {
    fold(FNV_START, text.as_bytes())
}

/// A number that stands for these numbers in this order.
pub(crate) fn fold_number(before: u64, number: u64) -> u64 {
    fold(before, &number.to_be_bytes())
}

const FNV_START: u64 = 0xcbf2_9ce4_8422_2325;

fn fold(before: u64, bytes: &[u8]) -> u64 {
    let mix = |hash: u64, &byte: &u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    bytes.iter().fold(before, mix)
}

/// FNV-1a, because the hashers of the standard library may change from one release to the next.
struct Fnv(u64);

impl Hasher for Fnv {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = fold(self.0, bytes);
    }
}
