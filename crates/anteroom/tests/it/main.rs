//! The program as people run it: the real binary, in a process of its own.
#![allow(clippy::unwrap_used, clippy::panic, reason = "test helpers fail the test")]

mod backup;
mod bad_input;
mod connector;
mod crash;
#[cfg(feature = "valkey")]
mod crash_on_servers;
mod demo;
mod draw;
mod full_disk;
mod guide;
mod line;
mod load;
#[cfg(feature = "valkey")]
mod many_nodes;
#[cfg(feature = "valkey")]
mod nodes;
#[cfg(feature = "valkey")]
#[path = "../../../store/tests/it/valkey/server.rs"]
#[allow(dead_code, reason = "the store's tests start more arrangements of servers than these")]
mod redis;
mod support;
mod together;
#[cfg(feature = "valkey")]
mod wires;
