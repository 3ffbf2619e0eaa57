//! The simulator itself: worlds are clean and always the same, and every checker can fail.

#![allow(clippy::unwrap_used, reason = "this whole binary is a test, its helpers too")]

mod broken;
mod checkers;
mod story;
mod worlds;
