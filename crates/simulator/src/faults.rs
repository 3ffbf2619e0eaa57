//! What goes wrong in a world, and when.
//!
//! The store's troubles come in storms, with calm between them, so that a room can be seen at its work too. Which
//! request meets which trouble is drawn when it is sent.

use crate::plan::pick;
use crate::random::Random;

/// Something that goes wrong.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// For this long, requests to the store meet trouble this many times in a thousand.
    Storm { for_ms: u64, per_mille: u64 },
    /// A process ends without notice, with all it remembers, and is started again after this time.
    Crash { process: usize, down_ms: u64 },
    /// All processes end at once.
    CrashAll { down_ms: u64 },
    /// The store goes back to what it held this long ago.
    Loss { back_ms: u64 },
    /// The store's clock is set forward by this much.
    Step { by_ms: u64 },
}

/// What happens to one request to the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is done and answered.
    Well,
    /// It is done and answered, late.
    Slow { by_ms: u64 },
    /// It fails before anything was done.
    NotDone,
    /// It is done and the answer is lost.
    AnswerLost,
    /// The caller has given up by the time it is done.
    DoneLater { by_ms: u64 },
    /// It is done, and the process crashes before it hears of it.
    CrashBeforeAnswer,
}

impl Fate {
    pub(crate) fn draw(random: &mut Random, trouble_per_mille: u64) -> Self {
        if !random.chance(trouble_per_mille) {
            return Self::Well;
        }
        match random.below(20) {
            0..=6 => Self::Slow { by_ms: random.between(50, 3_000) },
            7..=11 => Self::NotDone,
            12..=15 => Self::AnswerLost,
            16..=18 => Self::DoneLater { by_ms: random.between(1, 4_000) },
            _ => Self::CrashBeforeAnswer,
        }
    }
}

/// Draws what goes wrong within this time.
pub(crate) fn plan(random: &mut Random, processes: usize, busy_ms: u64) -> Vec<(u64, Fault)> {
    let storms = random.below(4);
    let crashes = random.below(5);
    let crashes_of_all = random.below(2);
    let losses = if random.chance(350) { random.between(1, 2) } else { 0 };
    let steps = if random.chance(350) { random.between(1, 2) } else { 0 };
    let mut faults = Vec::new();
    let mut add = |random: &mut Random, count: u64, draw: &dyn Fn(&mut Random) -> Fault| {
        for _ in 0..count {
            faults.push((random.below(busy_ms), draw(random)));
        }
    };
    add(random, storms, &|random| Fault::Storm {
        for_ms: random.between(2_000, 30_000),
        per_mille: *pick(random, &[50, 300, 900]),
    });
    add(random, crashes, &|random| Fault::Crash {
        process: random.position(processes),
        down_ms: random.between(200, 8_000),
    });
    add(random, crashes_of_all, &|random| Fault::CrashAll { down_ms: random.between(200, 8_000) });
    add(random, losses, &|random| Fault::Loss { back_ms: random.between(50, 2_000) });
    add(random, steps, &|random| Fault::Step {
        by_ms: *pick(random, &[700, 5_000, 60_000, 3_600_000, 86_400_000]),
    });
    faults
}
