//! The gateway between real sockets: raw bytes from clients, sites that are played byte by byte, and a platform
//! that takes every connection and never says a word, so that whatever works here works without it.

#![allow(clippy::unwrap_used, reason = "this whole binary is a test, its helpers too")]

mod carrying;
mod drain;
mod framing;
mod protection;
mod status;
mod streaming;
mod trouble;
mod websocket;
mod world;
