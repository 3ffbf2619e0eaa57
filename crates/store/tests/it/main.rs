//! The store as others use it: every backend against the contract, the embedded one against disks and
//! neighbours, and the typed layers above it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "this whole binary is a test, its helpers too")]

mod backends;
mod backup;
mod damage;
mod directory;
mod embedded;
mod growth;
mod limits;
mod power;
mod records;
mod rooms;
mod support;
mod uses;
#[cfg(feature = "valkey")]
mod valkey;
