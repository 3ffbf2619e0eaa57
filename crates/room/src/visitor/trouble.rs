//! Why a visitor could not be answered properly. All of it is ours, never the visitor's, and none of it costs anyone
//! their place: tickets are kept and asked with again.

use anteroom_queue::Refusal;
use anteroom_store::rooms::{RoomError, SubmitError};

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    /// The room's state could not be loaded.
    #[error("the room cannot be opened")]
    Room(#[from] RoomError),
    /// The room's task or the store below it did not answer.
    #[error("the room did not answer")]
    Submit(#[from] SubmitError),
    /// The room would not do it.
    #[error("the room refused")]
    Refused(#[source] Refusal),
    /// The room answered a command with something that does not belong to it.
    #[error("the room gave an answer that does not belong to the question")]
    Unexpected,
    /// The operating system has no randomness to make a queue id of.
    #[error("no random bytes are to be had: {0}")]
    Random(getrandom::Error),
    /// Neither the visitor's target nor the room's own is on an allowed host.
    #[error("the room's default target is not on one of the account's allowed hosts")]
    NoTarget,
}
