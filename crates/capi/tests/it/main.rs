//! The C interface as its callers see it: through the exported functions, and from C.

#![allow(clippy::unwrap_used, clippy::panic, reason = "this whole binary is a test, its helpers too")]

mod caller;
#[path = "../../../protocol/tests/it/cases.rs"]
mod cases;
mod header;
mod misuse;
mod programs;
mod vectors;
