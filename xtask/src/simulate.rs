//! `cargo xtask simulate`: hands the seeds to the simulator and shows what it found.

use anteroom_simulator::Class;
use clap::ValueEnum;

use crate::command::TaskError;

/// As many worlds as `ci` can afford on a small machine.
pub(crate) const SEEDS_DEFAULT: u64 = 20;
/// `ci` always runs the same seeds, so that a failure is the fault of the change; hunts start elsewhere.
pub(crate) const START_DEFAULT: u64 = 1;
/// Enough for a line of minutes with every kind of visitor in it.
pub(crate) const VISITORS_DEFAULT: u32 = 300;

/// Kinds of worlds, as they are named on the command line.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum ClassName {
    /// What a room meets in some bad weeks; in a third of the worlds nothing goes wrong.
    #[default]
    Ordinary,
    /// Many losses of writes, crashes, clock steps and long cuts in each world.
    Lossy,
}

impl From<ClassName> for Class {
    fn from(name: ClassName) -> Self {
        match name {
            ClassName::Ordinary => Self::Ordinary,
            ClassName::Lossy => Self::Lossy,
        }
    }
}

/// What `ci` runs: the ordinary worlds, and half as many lossy ones.
pub(crate) fn in_ci() -> Result<(), TaskError> {
    run(ClassName::Ordinary, START_DEFAULT, SEEDS_DEFAULT, VISITORS_DEFAULT)?;
    run(ClassName::Lossy, START_DEFAULT, SEEDS_DEFAULT / 2, VISITORS_DEFAULT)
}

/// Runs `seeds` worlds from `start` on, shows the worst figures seen, and fails when an invariant broke in any world.
pub(crate) fn run(name: ClassName, start: u64, seeds: u64, visitors: u32) -> Result<(), TaskError> {
    let summary = anteroom_simulator::run_many(name.into(), start, seeds, visitors);
    println!("{summary}");
    if !summary.is_clean() {
        let shown = format!("{name:?}").to_lowercase();
        return Err(TaskError::BrokenInvariant {
            advice: format!(
                "one world alone: cargo xtask simulate --class {shown} --seeds 1 --start <its seed> \
                 --visitors {visitors}; keep the seed as a test with a line on what it taught"
            ),
        });
    }
    Ok(())
}
