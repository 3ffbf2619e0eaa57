//! A whole waiting room under one seed, in virtual time and one thread: several processes that each drive the real
//! `queue::node` over the reference of the store's contract, visitors of many habits with real tickets, operators,
//! and faults. It knows no real time, no sockets and no HTTP.
//!
//! What happens is kept as a trace of facts. The [`checkers`] read nothing else, one for each invariant; they know
//! neither the workload nor the faults. A world is its class, its seed and its number of visitors: the same three make
//! the same trace, so a failure is a seed and a commit.
//!
//! ```
//! use anteroom_simulator::{Class, Scenario};
//!
//! let scenario = Scenario::new(Class::Ordinary, 7, 20);
//! assert_eq!(scenario.run().trace_hash, scenario.run().trace_hash);
//! ```
//!
//! Inside, `plan` draws what a world is to be like and `world` lets it happen: `front` does what a process does with a
//! visitor's request, `desk` writes and reads tickets, `traffic` goes between processes and `store`, `office` gives
//! the operator's commands, `workload` and `faults` make trouble.

pub mod checkers;
mod crowd;
mod desk;
mod faults;
mod front;
mod office;
mod plan;
mod process;
mod random;
mod report;
mod sale;
mod store;
pub mod trace;
mod traffic;
mod trouble;
mod workload;
mod world;

pub use plan::Class;
pub use report::{Counts, Report, Summary};

use crate::trace::Trace;
use crate::world::World;

/// What makes a world.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// What kind of world it is.
    pub class: Class,
    /// Where its chance begins.
    pub seed: u64,
    /// How many visitors come.
    pub visitors: u32,
    /// Whether the desk is broken on purpose, and takes tickets that somebody else has signed. For tests of the checker.
    pub trusts_any_key: bool,
}

impl Scenario {
    /// A world of this class.
    pub const fn new(class: Class, seed: u64, visitors: u32) -> Self {
        Self { class, seed, visitors, trusts_any_key: false }
    }

    /// Lets the world happen and checks it.
    pub fn run(self) -> Report {
        let (trace, counts, has_ended) = self.happen();
        let mut verdicts = checkers::check_all(&trace);
        verdicts.push(checkers::is_alive(&counts, has_ended && counts.runaways == 0));
        Report { seed: self.seed, counts, verdicts, trace_hash: trace.hash() }
    }

    /// Lets the world happen and hands out its facts unchecked, for tests that change them.
    pub fn trace(self) -> Trace {
        self.happen().0
    }

    fn happen(self) -> (Trace, Counts, bool) {
        let mut world = World::new(self);
        let ended = world.run();
        (world.trace, world.counts, ended)
    }
}

/// Lets a crowd of millions come to one room: a class of worlds of its own, in which everything is counted and nothing
/// traced.
pub fn run_crowd(seed: u64, visitors: u32) -> Report {
    crowd::run(seed, visitors)
}

/// Lets worlds happen, one for each seed from `start` on.
pub fn run_many(class: Class, start: u64, seeds: u64, visitors: u32) -> Summary {
    let mut summary = Summary::default();
    for seed in (start..).take(usize::try_from(seeds).unwrap_or(usize::MAX)) {
        summary.add(&Scenario::new(class, seed, visitors).run());
    }
    summary
}
