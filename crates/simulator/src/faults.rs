//! What goes wrong in a world, and when.
//!
//! The store's troubles come in storms, with calm between them, so that a room can be seen at its work too. Which
//! request meets which trouble is drawn when it is sent.

use crate::plan::{Class, FIRST_ARRIVAL_MS, RUSH_MAX_MS, pick};
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
    /// A process is not given the processor for this long: it neither hears nor does anything, and does not know.
    Stall { process: usize, for_ms: u64 },
    /// A process and the store do not reach each other for this long. When only answers are lost, saves happen.
    Cut { process: usize, for_ms: u64, loses: Loses },
    /// The store goes back to what it held this long ago.
    Loss { back_ms: u64 },
    /// The store's clock is set forward by this much.
    Step { by_ms: u64 },
    /// The store's clock is set back: it never shows an earlier moment, so it stands still for this long.
    StandStill { for_ms: u64 },
}

/// What does not come through between a process and the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loses {
    Requests,
    Answers,
}

/// What happens to one request to the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is done and answered.
    Well,
    /// It is done and answered, late.
    Slow { by_ms: u64 },
    /// It fails before anything was done, and the process hears of it.
    NotDone,
    /// It never arrives.
    Lost,
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

/// How much goes wrong: the most there is of each kind, and how long it lasts.
struct Measure {
    storms: u64,
    crashes: u64,
    crashes_of_all: u64,
    stalls: u64,
    cuts: u64,
    cut_ms: u64,
    /// These are in so many of a thousand worlds.
    rare_per_mille: u64,
    losses: u64,
    steps: u64,
}

impl Measure {
    const fn of(class: Class) -> Self {
        match class {
            Class::Ordinary => Self {
                storms: 3,
                crashes: 4,
                crashes_of_all: 1,
                stalls: 2,
                cuts: 2,
                cut_ms: 10_000,
                rare_per_mille: 350,
                losses: 2,
                steps: 2,
            },
            Class::Lossy => Self {
                storms: 6,
                crashes: 10,
                crashes_of_all: 3,
                stalls: 6,
                cuts: 6,
                cut_ms: 45_000,
                rare_per_mille: 900,
                losses: 8,
                steps: 6,
            },
            Class::Sale | Class::LateLoss => Self { losses: 0, steps: 0, ..Self::of(Class::Ordinary) },
        }
    }
}

/// Draws what goes wrong within this time.
pub(crate) fn plan(random: &mut Random, class: Class, processes: usize, busy_ms: u64) -> Vec<(u64, Fault)> {
    let measure = Measure::of(class);
    let mut faults = Vec::new();
    let mut add = |random: &mut Random, count: u64, draw: &dyn Fn(&mut Random) -> Fault| {
        for _ in 0..count {
            let fault = draw(random);
            // A loss is worst where a crowd has just been given its places.
            let is_in_rush = matches!(fault, Fault::Loss { .. }) && random.chance(500);
            let within_ms = if is_in_rush { FIRST_ARRIVAL_MS + RUSH_MAX_MS } else { busy_ms };
            faults.push((random.below(within_ms), fault));
        }
    };
    let often = |random: &mut Random, most: u64| random.between(0, most);
    let rarely = |random: &mut Random, most: u64| {
        if random.chance(measure.rare_per_mille) { random.between(most.min(1), most) } else { 0 }
    };
    let storms = often(random, measure.storms);
    add(random, storms, &|random| Fault::Storm {
        for_ms: random.between(2_000, 30_000),
        per_mille: *pick(random, &[50, 300, 900]),
    });
    let crashes = often(random, measure.crashes);
    add(random, crashes, &|random| Fault::Crash {
        process: random.position(processes),
        down_ms: random.between(200, 8_000),
    });
    let crashes_of_all = often(random, measure.crashes_of_all);
    add(random, crashes_of_all, &|random| Fault::CrashAll { down_ms: random.between(200, 8_000) });
    let stalls = often(random, measure.stalls);
    add(random, stalls, &|random| Fault::Stall {
        process: random.position(processes),
        for_ms: random.between(100, 20_000),
    });
    let cuts = often(random, measure.cuts);
    add(random, cuts, &|random| Fault::Cut {
        process: random.position(processes),
        for_ms: random.between(500, measure.cut_ms),
        loses: *pick(random, &[Loses::Requests, Loses::Answers]),
    });
    let losses = rarely(random, measure.losses);
    add(random, losses, &|random| Fault::Loss { back_ms: random.between(50, 2_000) });
    let steps = rarely(random, measure.steps);
    add(random, steps, &|random| {
        if random.chance(200) {
            return Fault::StandStill { for_ms: random.between(100, 5_000) };
        }
        Fault::Step { by_ms: *pick(random, &[700, 5_000, 60_000, 3_600_000, 86_400_000]) }
    });
    faults
}

/// Within this time everybody comes whose places are to be lost.
pub(crate) const RUSH_BEFORE_LOSS_MS: u64 = 3_000;

/// The second half of a rush is lost, and nobody remembers it but the visitors.
pub(crate) fn late_loss() -> Vec<(u64, Fault)> {
    let copied_at = FIRST_ARRIVAL_MS + RUSH_BEFORE_LOSS_MS / 2;
    let back_ms = RUSH_BEFORE_LOSS_MS / 2 + 400;
    vec![
        (copied_at, Fault::Loss { back_ms }),
        (copied_at + back_ms - 100, Fault::CrashAll { down_ms: 1_000 }),
    ]
}
