//! `cargo xtask ci`: the steps in their order, each with a heading, a time, and a word on what to do when it fails.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::command::{self, TaskError, cargo, program};
use crate::tally::Tally;
use crate::{setup, simulate, structure};

type StepResult = Result<Tally, TaskError>;

/// Runs every step; the last line printed is the number of tests that ran.
pub(crate) fn run(root: &Path, mode: setup::Mode) -> Result<(), TaskError> {
    let started = Instant::now();
    let mut times = Vec::new();
    let mut total = Tally::default();
    let mut step = |name: &'static str, work: &dyn Fn() -> StepResult| -> Result<(), TaskError> {
        println!("\n=== {name} ===");
        let begun = Instant::now();
        let done = work();
        let took = begun.elapsed();
        match done {
            Ok(tally) => {
                println!("--- {name}: done in {}", seconds(took));
                total = total + tally;
                times.push((name, took));
                Ok(())
            }
            Err(failure) => {
                println!("--- {name}: FAILED after {}", seconds(took));
                Err(failure)
            }
        }
    };

    step("setup", &|| untested(setup::run(root, mode)))?;
    step("format", &|| untested(format(root)))?;
    step("lints", &|| untested(lints(root)))?;
    step("structure", &|| untested(structure::run(root)))?;
    step("licences, bans, sources", &|| untested(deny(root)))?;
    step("tests", &|| tests(root))?;
    step("doc tests", &|| doc_tests(root))?;
    step("docs", &|| untested(docs(root)))?;
    step("simulation", &|| untested(simulate::in_ci()))?;
    step("real counterparts", &|| e2e(root, &[]))?;

    println!("\n=== all steps passed in {} ===", seconds(started.elapsed()));
    for (name, took) in times {
        println!("{:>8}  {name}", seconds(took));
    }
    println!("{total}");
    Ok(())
}

/// Builds the program and runs the Node tests against it; `only` names test files.
pub(crate) fn e2e(root: &Path, only: &[String]) -> StepResult {
    let advice = "see the first error above; the world's log is printed with a failing test";
    command::run(cargo(root).args(["build", "--locked", "--package", "anteroom"]), advice)?;
    let mut node = program(&root.join("tests/e2e"), "node");
    node.args(["--test", "--test-concurrency=1", "--test-reporter=spec"]);
    node.args(test_files(&root.join("tests/e2e"), only)?);
    node.env("ANTEROOM_PROGRAM", target_directory(root)?.join("debug/anteroom"));
    command::run_tests(
        &mut node,
        "one file alone: cargo xtask e2e journey; pages are kept in tests/e2e/artifacts",
    )
}

/// Asks the advisory database about the locked dependencies.
pub(crate) fn advisories(root: &Path) -> Result<(), TaskError> {
    command::run(
        cargo(root).args(["deny", "--locked", "check", "advisories"]),
        "update the crate named above, or say in deny.toml why it does not concern us and when that ends",
    )
}

fn format(root: &Path) -> Result<(), TaskError> {
    command::run(cargo(root).args(["fmt", "--all", "--check"]), "cargo fmt --all")
}

fn lints(root: &Path) -> Result<(), TaskError> {
    let clippy = ["clippy", "--locked", "--workspace", "--all-targets", "--", "-D", "warnings"];
    command::run(cargo(root).args(clippy), "mend each, or allow it at the smallest place with a reason")
}

fn deny(root: &Path) -> Result<(), TaskError> {
    command::run(cargo(root).args(["fetch", "--locked"]), "the registry must be reachable once")?;
    command::run(
        cargo(root).args([
            "deny",
            "--offline",
            "--locked",
            "check",
            "--hide-inclusion-graph",
            "bans",
            "licenses",
            "sources",
        ]),
        "deny.toml says what is allowed and why",
    )
}

fn tests(root: &Path) -> StepResult {
    let mut runner = cargo(root);
    if command::succeeds(cargo(root).args(["nextest", "--version"])) {
        runner.args(["nextest", "run", "--locked", "--workspace", "--no-fail-fast"]);
    } else {
        runner.args(["test", "--locked", "--workspace", "--lib", "--bins", "--tests", "--no-fail-fast"]);
    }
    command::run_tests(&mut runner, "one crate alone: cargo test -p anteroom-queue")
}

fn doc_tests(root: &Path) -> StepResult {
    let advice = "an example in a doc comment no longer holds";
    command::run_tests(cargo(root).args(["test", "--locked", "--workspace", "--doc"]), advice)
}

fn docs(root: &Path) -> Result<(), TaskError> {
    let mut doc = cargo(root);
    doc.args(["doc", "--locked", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings");
    command::run(&mut doc, "mend the doc comment named above")
}

fn test_files(folder: &Path, only: &[String]) -> Result<Vec<String>, TaskError> {
    let unreadable = |error: std::io::Error| TaskError::File {
        path: folder.display().to_string(),
        reason: error.to_string(),
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let name = entry.map_err(unreadable)?.file_name().to_string_lossy().into_owned();
        let Some(subject) = name.strip_suffix(".test.mjs") else { continue };
        if only.is_empty() || only.iter().any(|wanted| wanted == subject) {
            files.push(name);
        }
    }
    if files.is_empty() {
        let wanted = if only.is_empty() { "any test".to_owned() } else { only.join(", ") };
        return Err(TaskError::File {
            path: folder.display().to_string(),
            reason: format!("no file named <subject>.test.mjs for {wanted}"),
        });
    }
    files.sort();
    Ok(files)
}

pub(crate) fn target_directory(root: &Path) -> Result<std::path::PathBuf, TaskError> {
    let metadata = structure::metadata(root)?;
    let folder = metadata.get("target_directory").and_then(serde_json::Value::as_str);
    folder.map(Into::into).ok_or_else(|| TaskError::Unreadable {
        command: "cargo metadata".to_owned(),
        reason: "it names no target_directory".to_owned(),
    })
}

fn untested(done: Result<(), TaskError>) -> StepResult {
    done.map(|()| Tally::default())
}

fn seconds(span: Duration) -> String {
    format!("{:.1} s", span.as_secs_f64())
}
