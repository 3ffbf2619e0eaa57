//! Inputs that nobody thought of, searched for by what code they reach. Each target is a plain function over bytes, so
//! that the tests of the connector can run the same ones on a stable compiler. Knows no way to make genuine inputs
//! beyond signing what it was handed.

pub mod seeds;
pub mod targets;
