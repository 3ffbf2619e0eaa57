//! The behaviour of the connector: the golden cases of `vectors/`, and what must hold for every request.

#[path = "../../../protocol/tests/it/cases.rs"]
mod cases;
mod invariants;
mod vectors;
