//! How the questions to waiting rooms went, counted since the start.

use std::sync::atomic::{AtomicU64, Ordering};

/// What can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AskedWhat {
    /// Whether a queue id may be used once more.
    Verify,
    /// Whether a visitor may pass without queueing.
    DirectPass,
}

/// How a question went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AskedResult {
    /// The room said something of use.
    Answered,
    /// The room could not be reached.
    Unreachable,
    /// No answer came in time.
    Late,
    /// The room answered with another status than 200: its key, address or store may be wrong.
    Refused,
    /// The answer cannot be read.
    Unreadable,
    /// So many visitors waited for a room already that it was not asked.
    Crowded,
}

/// How many questions of each kind went how.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AskedCounts {
    counts: [[u64; AskedResult::ALL.len()]; AskedWhat::ALL.len()],
}

impl AskedWhat {
    /// All there are.
    pub const ALL: [Self; 2] = [Self::Verify, Self::DirectPass];

    /// In small letters, with `_` between words.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Verify => "verify",
            Self::DirectPass => "direct_pass",
        }
    }
}

impl AskedResult {
    /// All there are.
    pub const ALL: [Self; 6] =
        [Self::Answered, Self::Unreachable, Self::Late, Self::Refused, Self::Unreadable, Self::Crowded];

    /// In small letters.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Unreachable => "unreachable",
            Self::Late => "late",
            Self::Refused => "refused",
            Self::Unreadable => "unreadable",
            Self::Crowded => "crowded",
        }
    }
}

impl AskedCounts {
    /// How many questions of this kind went so.
    pub const fn of(&self, what: AskedWhat, result: AskedResult) -> u64 {
        self.counts[what as usize][result as usize]
    }

    /// How many questions got no answer of use, for whatever reason.
    pub fn failed(&self) -> u64 {
        let results = AskedResult::ALL.into_iter().filter(|result| *result != AskedResult::Answered);
        results.flat_map(|result| AskedWhat::ALL.map(|what| self.of(what, result))).sum()
    }
}

#[derive(Debug, Default)]
pub(crate) struct Tally {
    counts: [[AtomicU64; AskedResult::ALL.len()]; AskedWhat::ALL.len()],
}

impl Tally {
    pub(crate) fn add(&self, what: AskedWhat, result: AskedResult) {
        self.counts[what as usize][result as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn counts(&self) -> AskedCounts {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        AskedCounts { counts: self.counts.each_ref().map(|results| results.each_ref().map(read)) }
    }
}
