//! A whole waiting room under one seed, in virtual time and one thread: several processes that each drive the real
//! `queue::node` over the reference of the store's contract, visitors of many habits, operators, and faults. It
//! knows no real time, no sockets and no HTTP.
//!
//! What happens is kept as a trace of facts. The [`checkers`] read nothing else, one for each invariant; they know
//! neither the workload nor the faults. A world is its seed and its number of visitors: the same two make the same
//! trace, so a failure is a seed and a commit.
//!
//! ```
//! let report = anteroom_simulator::run(7, 20);
//! assert_eq!(report.trace_hash, anteroom_simulator::run(7, 20).trace_hash);
//! ```
//!
//! Inside, `plan` draws what a world is to be like, `world` lets it happen, `front` does what a process does with a
//! visitor's request, `workload` and `faults` make trouble, and `store` keeps.

pub mod checkers;
mod faults;
mod front;
mod plan;
mod process;
mod random;
mod report;
mod store;
pub mod trace;
mod workload;
mod world;

pub use report::{Counts, Report, Summary};

use crate::trace::Trace;
use crate::world::World;

/// Lets one world happen and checks it.
pub fn run(seed: u64, visitors: u32) -> Report {
    let (trace, counts, has_ended) = world(seed, visitors);
    let mut verdicts = checkers::check_all(&trace);
    verdicts.push(checkers::is_alive(&counts, has_ended && counts.runaways == 0));
    Report { seed, counts, verdicts, trace_hash: trace.hash() }
}

/// Lets worlds happen, one for each seed from `start` on.
pub fn run_many(start: u64, seeds: u64, visitors: u32) -> Summary {
    let mut summary = Summary::default();
    for seed in (start..).take(usize::try_from(seeds).unwrap_or(usize::MAX)) {
        summary.add(&run(seed, visitors));
    }
    summary
}

/// Lets one world happen and hands out its facts unchecked, for tests that change them.
pub fn trace(seed: u64, visitors: u32) -> Trace {
    world(seed, visitors).0
}

fn world(seed: u64, visitors: u32) -> (Trace, Counts, bool) {
    let mut world = World::new(seed, visitors);
    let ended = world.run();
    (world.trace, world.counts, ended)
}
