//! `cargo xtask simulate`: hands the seeds to the simulator and shows what it found.

use crate::command::TaskError;

/// As many worlds as `ci` can afford on a small machine.
pub(crate) const SEEDS_DEFAULT: u64 = 20;
/// `ci` always runs the same seeds, so that a failure is the fault of the change; hunts start elsewhere.
pub(crate) const START_DEFAULT: u64 = 1;
/// Enough for a line of minutes with every kind of visitor in it.
pub(crate) const VISITORS_DEFAULT: u32 = 300;

/// Runs `seeds` worlds from `start` on, shows the worst figures seen, and fails when an invariant broke in any world.
pub(crate) fn run(start: u64, seeds: u64, visitors: u32) -> Result<(), TaskError> {
    let summary = anteroom_simulator::run_many(start, seeds, visitors);
    println!("{summary}");
    if !summary.is_clean() {
        return Err(TaskError::BrokenInvariant {
            advice: format!(
                "one world alone: cargo xtask simulate --seeds 1 --start <its seed> --visitors {visitors}; \
                 keep the seed as a test with a line on what it taught"
            ),
        });
    }
    Ok(())
}
