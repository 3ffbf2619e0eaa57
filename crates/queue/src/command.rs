//! What a room can be asked, and what it answers.

use std::time::Duration;

use anteroom_protocol::id::QueueId;
use anteroom_protocol::time::Timestamp;

use crate::settings::Settings;

/// Something a visitor or an operator asks of a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// A new visitor joins. Answered with [`Outcome::Placed`]; a repeated `Arrive` is a further place.
    Arrive {
        /// The visitor's id, made by the caller.
        queue_id: QueueId,
    },
    /// A visitor whose turn it seems to be asks to be let in. The tag and epoch are those of a genuine ticket.
    Claim {
        /// The visitor's id.
        queue_id: QueueId,
        /// The ticket's place.
        tag: u64,
        /// The ticket's epoch.
        epoch: u64,
    },
    /// A genuine ticket whose tag the state does not know yet was seen: the state fell behind and heals.
    Present {
        /// The ticket's place.
        tag: u64,
        /// The ticket's epoch.
        epoch: u64,
    },
    /// This id must not be let in any more. Idempotent; an unknown id is cancelled too.
    Cancel {
        /// The visitor's id.
        queue_id: QueueId,
    },
    /// Creates the room, or changes its settings from now on.
    Configure(Settings),
    /// Stops redirects at once; the line stands still. Pausing again replaces the message.
    Pause {
        /// What visitors are told; at most [`MESSAGE_BYTES_MAX`](crate::engine::MESSAGE_BYTES_MAX) bytes.
        message: String,
    },
    /// Lets the line move again.
    Resume,
}

impl Command {
    /// The visitor whose claimed record the command reads.
    pub(crate) fn claimed_id(&self) -> Option<QueueId> {
        match self {
            Self::Claim { queue_id, .. } | Self::Cancel { queue_id } => Some(*queue_id),
            Self::Arrive { .. }
            | Self::Present { .. }
            | Self::Configure(_)
            | Self::Pause { .. }
            | Self::Resume => None,
        }
    }
}

/// What became of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// To `Arrive`: the visitor's place.
    Placed {
        /// The place; goes into the ticket.
        tag: u64,
        /// The room's epoch; goes into the ticket.
        epoch: u64,
        /// How many are ahead right now; 0 for one who is called next, or at once.
        ahead: u64,
    },
    /// To `Claim`: let in. The queue token is computed from `at` alone, so a claim that is repeated while the
    /// token is valid gets identical bytes.
    Admitted {
        /// When this admission happened.
        at: Timestamp,
    },
    /// To `Claim`: it is this visitor's turn, but the room has just redirected as many as it may.
    Held {
        /// When a place is free for this visitor: not to be spread by the caller, for it is spread already.
        ask_again_after: Duration,
    },
    /// To `Claim`: not this visitor's turn yet.
    NotYet,
    /// To `Claim`: the room is paused.
    Paused {
        /// What the operator tells visitors.
        message: String,
    },
    /// To `Claim` and `Present`: the ticket cannot be used any more.
    Spent(SpentReason),
    /// It is done; there is nothing to tell.
    Done,
    /// It was not done.
    Refused(Refusal),
}

/// Why a ticket cannot be used any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpentReason {
    /// The visitor was let in as often as the room allows.
    Used,
    /// The visitor was called and did not come within the late window.
    Late,
    /// The visitor's place was cancelled.
    Cancelled,
    /// The ticket belongs to an earlier life of the room.
    OtherEpoch,
}

/// Why a command was not carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No room was ever configured under this key.
    #[error("the room is not configured")]
    NotConfigured,
    /// A setting is out of its bounds. Nothing was changed.
    #[error("the settings cannot be used: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Settings(Vec<crate::settings::SettingsProblem>),
    /// The pause message is longer than the room keeps.
    #[error(
        "the message is {found_bytes} bytes long, more than the {} a room keeps",
        crate::engine::MESSAGE_BYTES_MAX
    )]
    MessageTooLong {
        /// Its length.
        found_bytes: usize,
    },
    /// A tag that no room can have given.
    #[error("the tag is beyond any that a room gives")]
    TagOutOfRange,
    /// More commands are waiting than the process keeps. Trying again a little later can help.
    #[error("more commands are waiting for this room than the process keeps")]
    Busy,
    /// The store did not answer in time. Trying again can help; whatever was asked may have been done.
    #[error("the store does not answer")]
    StoreUnavailable,
    /// The kept state cannot be read. Trying again does not help; an operator must look.
    #[error("the kept state of the room cannot be read: {0}")]
    Unreadable(String),
}

impl Refusal {
    /// Whether the same command may well succeed a little later.
    pub const fn is_worth_another_try(&self) -> bool {
        matches!(self, Self::Busy | Self::StoreUnavailable)
    }
}
