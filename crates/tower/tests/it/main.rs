//! The layer in front of a site, with a small platform of real HTTP that each test moves by hand.

#![allow(clippy::unwrap_used, reason = "this whole binary is a test, its helpers too")]

mod answers;
mod asked;
mod kept;
mod platform;
mod refreshed;
mod settings;
mod world;
