//! Anteroom, a self-hosted virtual waiting room: the program. It reads settings, picks parts, starts and stops
//! them. It does not know any rule: who may pass, who is next and what is published are decided in the crates
//! below.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this is the program that people run in a terminal"
)]

mod assemble;
mod backend;
mod backup;
mod cli;
mod connector;
mod credentials;
mod demo;
mod draw;
mod failure;
mod installation;
mod load;
mod settings;
mod stop;
mod tls;

use std::process::ExitCode;

use clap::Parser;

#[cfg(feature = "jemalloc")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    match cli::run(cli::Cli::parse()) {
        Ok(code) => code,
        Err(failure) => {
            eprintln!("anteroom: {}", failure::chain(failure.as_ref()));
            ExitCode::FAILURE
        }
    }
}
