//! Inputs that nobody thought of, searched for by what code they reach. Each target is a plain function over bytes, so
//! that the tests of the connector can run the same ones on a stable compiler. Knows no way to make genuine inputs
//! beyond signing what it was handed.
//!
//! Needs a nightly compiler and `cargo install cargo-fuzz`. Inputs to begin with are made of the golden cases; what a run
//! finds is minimised, mended, and kept in `corpus/` under a name that says what it was.
//!
//! ```text
//! cargo +nightly run --manifest-path fuzz/Cargo.toml --bin write_seeds -- /tmp/seeds
//! cargo +nightly fuzz run decision /tmp/seeds/decision fuzz/corpus/decision -- -max_total_time=600
//! ```

pub mod seeds;
pub mod targets;
