//! Every text that travels between a protected site, a waiting room and a visitor, made and opened here, in
//! both directions. This crate does not know what a place in the line is, what time it is, how bytes travel, or
//! why somebody is sent anywhere: it is handed texts, keys and moments, and gives back values.
//!
//! Section numbers in the documentation are those of the protocol description that the project follows.

pub mod accepted_cookie;
pub mod client_ip;
pub mod encode;
pub mod enqueue_token;
pub mod forwarded;
pub mod id;
pub mod integration;
pub mod mac;
mod number;
pub mod place;
pub mod problem;
pub mod push;
pub mod queue_token;
pub mod redirect;
pub mod room_call;
pub mod secret;
pub mod ticket;
pub mod time;
