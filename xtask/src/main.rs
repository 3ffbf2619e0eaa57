//! What the project does to itself: `cargo xtask ci` and the steps it is made of.
//!
//! Knows the tools that build and test Anteroom, and nothing of how Anteroom works inside.
#![allow(clippy::print_stdout, reason = "a command line tool talks to a person")]
#![allow(clippy::print_stderr, reason = "a command line tool talks to a person")]

mod bench;
mod ci;
mod command;
mod setup;
mod simulate;
mod structure;
mod tally;
mod tidy;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Builds, checks and tests Anteroom.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Everything a change must pass, in order; stops at the first failure.
    Ci {
        /// Say what is missing on this machine instead of installing it.
        #[arg(long)]
        no_install: bool,
    },
    /// Installs what the checks and tests need: Debian packages, npm packages, cargo-deny.
    Setup {
        /// Say what is missing on this machine instead of installing it.
        #[arg(long)]
        no_install: bool,
    },
    /// Compares the arrows between the crates with the intended ones, and each file with what a file must be.
    Structure,
    /// Runs whole waiting rooms in virtual time, one world per seed, and checks the invariants.
    Simulate {
        /// What kind of worlds.
        #[arg(long, value_enum, default_value_t)]
        class: simulate::ClassName,
        /// How many seeds, each a world of its own.
        #[arg(long, default_value_t = simulate::SEEDS_DEFAULT, value_parser = clap::value_parser!(u64).range(1..))]
        seeds: u64,
        /// The first seed.
        #[arg(long, default_value_t = simulate::START_DEFAULT)]
        start: u64,
        /// How many visitors come in each world; 300 when not given, and a million in a crowd.
        #[arg(long)]
        visitors: Option<u32>,
    },
    /// Tests the built program against a real browser and the official connector.
    E2e {
        /// Names of test files, such as `journey`; all when none is given.
        only: Vec<String>,
    },
    /// Measures what docs/performance.md tells, and prints it as tables.
    Bench {
        /// Names of measurements: joins, poll, connections, idle, memory; all when none is given.
        only: Vec<String>,
        /// Features to build the program with.
        #[arg(long)]
        features: Option<String>,
    },
    /// Checks the locked dependencies against published advisories (needs the network).
    Advisories,
}

fn main() -> ExitCode {
    let root = root();
    let done = match Arguments::parse().task {
        Task::Ci { no_install } => ci::run(&root, setup::Mode::from_flag(no_install)),
        Task::Setup { no_install } => setup::run(&root, setup::Mode::from_flag(no_install)),
        Task::Structure => structure::run(&root),
        Task::Simulate { class, seeds, start, visitors } => simulate::run(class, start, seeds, visitors),
        Task::E2e { only } => ci::e2e(&root, &only).map(|_| ()),
        Task::Bench { only, features } => bench::run(&root, &only, features.as_deref()),
        Task::Advisories => ci::advisories(&root),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("\nxtask: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// The checkout that this call is about: cargo says so at run time, as two checkouts may share one target folder.
fn root() -> PathBuf {
    let manifest =
        std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    let mut root = PathBuf::from(manifest);
    root.pop();
    root
}
