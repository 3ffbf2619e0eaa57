//! The behaviour of the protocol: the golden cases of `vectors/`, what must never open, and what a config document
//! may look like.

#![allow(clippy::unwrap_used, clippy::panic, reason = "this whole binary is a test, its helpers too")]

mod cases;
mod enqueue_tokens;
mod forgeries;
mod integration;
mod privacy;
mod vectors;
