//! The visitors of a crowd: nine bytes each. What they are like follows from their numbers.

use anteroom_protocol::id::QueueId;
use anteroom_queue::{Place, SpentReason};

/// What a visitor does when their moment has come.
pub(super) enum Next {
    Nothing,
    SleepsUntil(u64),
    Joins,
    Asks { place: Place },
}

pub(super) struct People {
    seed: u64,
    /// When the line should be over; habits are spread over that time.
    line_ends: u64,
    /// 0: none.
    tags: Vec<u32>,
    /// When they were let in, in milliseconds since the start; 0: not yet.
    admitted_at: Vec<u32>,
    marks: Vec<u8>,
    asked: u64,
    pub(super) counts: PeopleCounts,
}

/// What became of the crowd.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct PeopleCounts {
    pub(super) admitted: u64,
    /// Who stayed all the time, and was refused or let in at two moments.
    pub(super) refused_stayers: u64,
    pub(super) admitted_twice: u64,
}

/// Has slept already.
const SLEPT: u8 = 1;
/// Has asked to be let in.
const ASKED: u8 = 2;
/// Has claimed once more after having been let in.
const REPLAYED: u8 = 4;
/// Is done: has left, or was let in or refused.
const DONE: u8 = 8;

#[derive(PartialEq, Eq)]
enum Habit {
    Stays,
    Leaves,
    NeverAsks,
    Sleeps,
    Replays,
}

impl People {
    pub(super) fn new(seed: u64, count: u32, line_ends: u64) -> Self {
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        Self {
            seed,
            line_ends,
            tags: vec![0; count],
            admitted_at: vec![0; count],
            marks: vec![0; count],
            asked: 0,
            counts: PeopleCounts::default(),
        }
    }

    pub(super) fn queue_id(&self, visitor: u32) -> QueueId {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.chance(visitor, 1).to_be_bytes());
        bytes[8..].copy_from_slice(&self.chance(visitor, 2).to_be_bytes());
        QueueId::from_random(bytes)
    }

    /// A number of the visitor's own, by which what they are told is spread.
    pub(super) fn share(&self, visitor: u32) -> u8 {
        self.chance(visitor, 3).to_be_bytes()[0]
    }

    pub(super) fn next(&mut self, visitor: u32, now: u64) -> Next {
        let place = index(visitor);
        if self.marks[place] & DONE != 0 {
            return Next::Nothing;
        }
        if self.tags[place] == 0 {
            return Next::Joins;
        }
        let moment = self.chance(visitor, 5) % self.line_ends.max(1);
        match self.habit(visitor) {
            Habit::NeverAsks => return self.done(place),
            Habit::Leaves if now > moment => return self.done(place),
            Habit::Sleeps if now > moment && self.marks[place] & SLEPT == 0 => {
                self.marks[place] |= SLEPT;
                return Next::SleepsUntil(now + 30_000 + self.chance(visitor, 6) % 200_000);
            }
            _ => {}
        }
        Next::Asks { place: Place::ordinary(u64::from(self.tags[place])) }
    }

    pub(super) fn placed(&mut self, visitor: u32, tag: u64) {
        self.tags[index(visitor)] = u32::try_from(tag).unwrap_or(u32::MAX);
    }

    /// Says whether this admission is another than was told before.
    pub(super) fn admitted(&mut self, visitor: u32, since_start: u64) -> bool {
        let at = u32::try_from(since_start).unwrap_or(u32::MAX);
        let before = std::mem::replace(&mut self.admitted_at[index(visitor)], at);
        match before {
            0 => self.counts.admitted += 1,
            before if before != at => self.counts.admitted_twice += 1,
            _ => {}
        }
        if !self.will_claim_again(visitor) {
            self.marks[index(visitor)] |= DONE;
        }
        before != at
    }

    /// Whether the visitor claims once more although they have been let in.
    pub(super) fn claims_again(&mut self, visitor: u32) -> bool {
        let will = self.will_claim_again(visitor);
        self.marks[index(visitor)] |= REPLAYED;
        will
    }

    pub(super) fn refused(&mut self, visitor: u32, _reason: SpentReason) {
        self.marks[index(visitor)] |= DONE;
        let has_stayed = self.habit(visitor) != Habit::Sleeps;
        if has_stayed {
            self.counts.refused_stayers += 1;
        }
    }

    pub(super) fn note_asked(&mut self, visitor: u32) {
        let mark = &mut self.marks[index(visitor)];
        if *mark & ASKED == 0 {
            *mark |= ASKED;
            self.asked += 1;
        }
    }

    /// How many ever asked to be let in.
    pub(super) const fn asked(&self) -> u64 {
        self.asked
    }

    /// Who stayed to the end and was not let in.
    pub(super) fn left_over(&self) -> u64 {
        let is_left = |visitor: &u32| {
            let stays = matches!(self.habit(*visitor), Habit::Stays | Habit::Replays);
            stays && self.admitted_at[index(*visitor)] == 0
        };
        let count = u32::try_from(self.tags.len()).unwrap_or(u32::MAX);
        u64::try_from((0..count).filter(is_left).count()).unwrap_or(u64::MAX)
    }

    fn will_claim_again(&self, visitor: u32) -> bool {
        self.habit(visitor) == Habit::Replays && self.marks[index(visitor)] & REPLAYED == 0
    }

    fn done(&mut self, place: usize) -> Next {
        self.marks[place] |= DONE;
        Next::Nothing
    }

    fn habit(&self, visitor: u32) -> Habit {
        match self.chance(visitor, 4) % 1_000 {
            0..10 => Habit::NeverAsks,
            10..100 => Habit::Leaves,
            100..130 => Habit::Sleeps,
            130..140 => Habit::Replays,
            _ => Habit::Stays,
        }
    }

    /// A number that only this visitor has for this purpose (`SplitMix64` of both).
    fn chance(&self, visitor: u32, purpose: u64) -> u64 {
        let mut mixed = self.seed ^ (u64::from(visitor) << 8 | purpose).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

fn index(visitor: u32) -> usize {
    usize::try_from(visitor).unwrap_or(usize::MAX)
}
