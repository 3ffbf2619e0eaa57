//! What visitors are like.

use crate::plan::pick;
use crate::random::Random;

/// The most tabs one visitor looks from.
pub(crate) const TABS_MAX: usize = 4;

/// What a visitor is like. Moments are milliseconds after they came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Habit {
    /// Asks again when told to, until let in.
    Patient,
    /// Asks five times as often.
    Eager,
    /// Asks many times a second, whatever it is told.
    Hammers { every_ms: u64 },
    /// Joins, and never asks.
    NeverAsks,
    /// Goes away without a word.
    Leaves { after_ms: u64 },
    /// Is away for a while and comes back.
    Sleeps { after_ms: u64, for_ms: u64 },
    /// Looks at one ticket from several tabs.
    ManyTabs { tabs: usize },
    /// Gives a copy of the ticket to a friend, who comes to look some time later; both try to get in, and once more.
    Shares { after_ms: u64 },
    /// Claims again after having been let in, now and much later.
    Replays { times: u32 },
    /// Loses the reply to the first join, and joins anew.
    LosesReply,
    /// Cancels, and then tries to get in all the same.
    Cancels { after_ms: u64 },
    /// Shows altered tickets between the genuine one.
    Forges { times: u32 },
}

/// How many of a thousand are of which kind in one world.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mixture {
    leavers: u64,
    sleepers: u64,
    odd: u64,
    line_ms: u64,
}

impl Mixture {
    pub(crate) fn draw(random: &mut Random, line_ms: u64) -> Self {
        Self {
            leavers: *pick(random, &[0, 50, 200, 500]),
            sleepers: *pick(random, &[0, 30, 100, 300]),
            odd: *pick(random, &[0, 100, 400]),
            line_ms,
        }
    }
}

impl Habit {
    pub(crate) fn draw(random: &mut Random, mixture: Mixture) -> Self {
        let line_ms = mixture.line_ms;
        if random.chance(mixture.leavers) {
            if random.chance(100) {
                return Self::NeverAsks;
            }
            return Self::Leaves { after_ms: random.below(line_ms) };
        }
        if random.chance(mixture.sleepers) {
            let for_ms = random.between(10_000, 2 * line_ms);
            return Self::Sleeps { after_ms: random.below(line_ms), for_ms };
        }
        if !random.chance(mixture.odd) {
            return Self::Patient;
        }
        match random.below(8) {
            0 => Self::Eager,
            1 => Self::ManyTabs { tabs: 2 + random.position(TABS_MAX - 1) },
            2 => Self::Replays { times: small(random.between(1, 5)) },
            3 => Self::LosesReply,
            4 => Self::Shares { after_ms: random.below(line_ms) },
            // Rarely, because each costs as many events as a hundred others.
            5 if random.chance(300) => Self::Hammers { every_ms: random.between(100, 500) },
            5 | 6 => Self::Forges { times: small(random.between(1, 4)) },
            _ => Self::Cancels { after_ms: random.below(line_ms) },
        }
    }
}

fn small(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
