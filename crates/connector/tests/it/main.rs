//! The behaviour of the connector: the golden cases of `vectors/`, and what must hold for every request.

#![allow(clippy::unwrap_used, clippy::panic, reason = "this whole binary is a test, its helpers too")]

#[path = "../../../protocol/tests/it/cases.rs"]
mod cases;
mod cost;
mod explain;
mod features;
mod fuzz;
mod invariants;
mod matching;
mod old_connectors;
mod refresh;
mod rules;
mod security;
mod site;
mod vectors;
