//! The platform as whoever speaks to it sees it: through its routes, over a store in memory.

#![allow(clippy::unwrap_used, clippy::panic, reason = "this whole binary is a test, its helpers too")]

mod access;
mod console;
mod feed;
mod first_start;
mod room_settings;
mod rooms;
mod scope;
mod session;
mod shutdown;
mod world;
