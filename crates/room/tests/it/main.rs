//! The public service as visitors meet it: the real router over the real line, on a store in memory whose clock only
//! the tests move.
#![allow(clippy::unwrap_used, clippy::panic, reason = "this whole binary is a test, its helpers too")]

mod support;

mod asked;
mod bad_input;
mod cancel;
mod error;
mod invitation;
mod journey;
mod schedule;
mod secure;
mod targets;
mod trouble;
