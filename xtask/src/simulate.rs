//! `cargo xtask simulate`: hands the seeds to the simulator and shows what it found.

use std::time::Instant;

use anteroom_simulator::{Class, Summary};
use clap::ValueEnum;

use crate::command::TaskError;

/// As many worlds as `ci` can afford on a small machine.
pub(crate) const SEEDS_DEFAULT: u64 = 20;
/// `ci` always runs the same seeds, so that a failure is the fault of the change; hunts start elsewhere.
pub(crate) const START_DEFAULT: u64 = 1;
/// Enough for a line of minutes with every kind of visitor in it.
const VISITORS_DEFAULT: u32 = 300;
const CROWD_DEFAULT: u32 = 1_000_000;

/// Kinds of worlds, as they are named on the command line.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum ClassName {
    /// What a room meets in some bad weeks; in a third of the worlds nothing goes wrong.
    #[default]
    Ordinary,
    /// Many losses of writes, crashes, clock steps and long cuts in each world.
    Lossy,
    /// Pre-queue and draw, lanes, a limit of people inside, unique keys, slow start, reset.
    Sale,
    /// Everybody comes within seconds; then the newest writes are lost, and all processes crash.
    LateLoss,
    /// Millions in one room: counted, not traced.
    Crowd,
}

/// What `ci` runs: the ordinary worlds, half as many lossy ones, and a small crowd.
pub(crate) fn in_ci() -> Result<(), TaskError> {
    run(ClassName::Ordinary, START_DEFAULT, SEEDS_DEFAULT, None)?;
    run(ClassName::Lossy, START_DEFAULT, SEEDS_DEFAULT / 2, None)?;
    run(ClassName::Sale, START_DEFAULT, SEEDS_DEFAULT, None)?;
    run(ClassName::LateLoss, START_DEFAULT, SEEDS_DEFAULT / 4, None)?;
    run(ClassName::Crowd, START_DEFAULT, 1, Some(20_000))
}

/// Runs `seeds` worlds from `start` on, shows the worst figures seen, and fails when an invariant broke in any world.
pub(crate) fn run(name: ClassName, start: u64, seeds: u64, visitors: Option<u32>) -> Result<(), TaskError> {
    let begun = Instant::now();
    let (summary, visitors) = match name {
        ClassName::Ordinary => worlds(Class::Ordinary, start, seeds, visitors),
        ClassName::Lossy => worlds(Class::Lossy, start, seeds, visitors),
        ClassName::Sale => worlds(Class::Sale, start, seeds, visitors),
        ClassName::LateLoss => worlds(Class::LateLoss, start, seeds, visitors),
        ClassName::Crowd => {
            let visitors = visitors.unwrap_or(CROWD_DEFAULT);
            let mut summary = Summary::default();
            for seed in (start..).take(usize::try_from(seeds).unwrap_or(usize::MAX)) {
                summary.add(&anteroom_simulator::run_crowd(seed, visitors));
            }
            (summary, visitors)
        }
    };
    print!("{summary}");
    println!("{:.1} s{}\n", begun.elapsed().as_secs_f64(), memory());
    if summary.is_clean() {
        return Ok(());
    }
    let class = name.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned());
    Err(TaskError::BrokenInvariant {
        advice: format!(
            "one world alone: cargo xtask simulate --class {class} --seeds 1 --start <its seed> --visitors {visitors}; \
             keep the seed as a test with a line on what it taught"
        ),
    })
}

fn worlds(class: Class, start: u64, seeds: u64, visitors: Option<u32>) -> (Summary, u32) {
    let visitors = visitors.unwrap_or(VISITORS_DEFAULT);
    (anteroom_simulator::run_many(class, start, seeds, visitors), visitors)
}

/// The most memory this process ever had, where the system tells.
fn memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    peak.map(|peak| format!(", at most {} of memory", peak.trim())).unwrap_or_default()
}
