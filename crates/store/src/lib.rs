//! What is kept: typed records and room states over a small contract of versioned documents.
//!
//! * [`backend`]: the contract, as a trait.
//! * [`embedded`]: the backend for one machine, in one file. [`documents`]: the same contract as a plain value.
//! * `valkey`, by a feature of that name: the backend for several nodes, on Valkey or Redis servers.
//! * [`conformance`]: the suite that every backend passes.
//! * [`rooms`]: drives the engine of each live room over the backend. [`directory`]: accounts in memory.
//! * [`records`]: accounts, rooms, drafts, versions, sessions and the audit log, as types.
//! * [`uses`]: how often queue ids were used, where that is limited.
//! * [`master_key`]: what secrets are sealed with at rest.
//!
//! The crate knows no HTTP, not who asks, and no rule of the line.

pub mod backend;
mod clock;
pub mod conformance;
pub mod directory;
pub mod documents;
pub mod embedded;
pub mod master_key;
pub mod records;
pub mod rooms;
pub mod uses;
#[cfg(feature = "valkey")]
pub mod valkey;
mod watchers;
