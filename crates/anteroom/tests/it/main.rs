//! The program as people run it: the real binary, in a process of its own.
#![allow(clippy::unwrap_used, clippy::panic, reason = "test helpers fail the test")]

mod bad_input;
mod connector;
mod crash;
mod demo;
mod draw;
mod guide;
mod load;
mod support;
mod together;
