//! `cargo xtask bench`: what `docs/performance.md` tells, measured again on this machine, as tables. Judges nothing: a
//! machine that is busy with other things measures those.

use std::path::Path;

use crate::ci::target_directory;
use crate::command::{self, TaskError, cargo, program};

/// The measurement that is a bench of one crate, without processes.
const JOINS: &str = "joins";
/// Those that `tests/bench` makes on the built program.
const OF_PROCESSES: [&str; 4] = ["poll", "connections", "idle", "memory"];

/// Builds the program as it is released, with these features, and measures; `only` names measurements.
pub(crate) fn run(root: &Path, only: &[String], features: Option<&str>) -> Result<(), TaskError> {
    let is_wanted = |name: &&str| only.is_empty() || only.iter().any(|wanted| wanted == name);
    let of_processes: Vec<&str> = OF_PROCESSES.into_iter().filter(is_wanted).collect();
    if let Some(unknown) = only.iter().find(|name| *name != JOINS && !OF_PROCESSES.contains(&name.as_str())) {
        return Err(TaskError::Missing {
            missing: format!("  a measurement named {unknown}"),
            advice: format!("there are {JOINS}, {}", OF_PROCESSES.join(", ")),
        });
    }
    if is_wanted(&JOINS) {
        let bench = ["bench", "--locked", "--package", "anteroom-store", "--bench", JOINS];
        command::run(cargo(root).args(bench), "see the first error above")?;
    }
    if of_processes.is_empty() {
        return Ok(());
    }
    let mut build = cargo(root);
    build.args(["build", "--release", "--locked", "--package", "anteroom"]);
    if let Some(features) = features {
        build.args(["--features", features]);
    }
    command::run(&mut build, "see the first error above")?;
    let mut node = program(root, "node");
    node.arg("tests/bench/bench.mjs").args(of_processes);
    node.env("ANTEROOM_PROGRAM", target_directory(root)?.join("release/anteroom"));
    command::run(
        &mut node,
        "it needs Node.js, openssl, and Debian's wrk and nginx: apt-get install wrk nginx-light",
    )
}
