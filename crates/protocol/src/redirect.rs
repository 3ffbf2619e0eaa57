//! The addresses to a waiting room and back, and which targets are allowed (protocol 6). Knows addresses, not why
//! somebody is sent.
//!
//! Four subjects, one file each: addresses a connector sends visitors to ([`RoomAddress`]), how a waiting room
//! reads them ([`read_room_url`]), where a visitor may be sent back to ([`AllowedHosts`]), and the queue token
//! within an address ([`find_token`], [`strip_token`], [`with_token`]).

mod room_address;
mod room_request;
mod target;
mod token;

pub use room_address::{CommonQuery, InvalidReason, RoomAddress};
pub use room_request::{
    CANCEL_ROOMS_MAX, CancelRequest, EnqueueRequest, ErrorRequest, RoomRequest, read_room_url,
};
pub use target::{AllowedHosts, Target, TargetRefusal};
pub use token::{TOKEN_PARAMETER, find_token, strip_token, with_token};
