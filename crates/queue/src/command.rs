//! What a room can be asked, and what it answers.

use std::fmt;
use std::time::Duration;

use anteroom_protocol::id::QueueId;
use anteroom_protocol::place::{Lane, Place};
use anteroom_protocol::time::Timestamp;

use crate::settings::Settings;

/// Something a visitor or an operator asks of a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// A new visitor joins. Answered with [`Outcome::Placed`]. A repeated `Arrive` is a further place, unless the room
    /// has unique keys and it brings one that was brought before.
    Arrive {
        /// The visitor's id, made by the caller.
        queue_id: QueueId,
        /// The lane; one that the room does not have is the ordinary one.
        lane: Lane,
        /// The key of the visitor's enqueue token, if there is one. Looked at only when the room's keys are unique; a
        /// caller that knows they are not leaves it out, because it costs a record's reading.
        key: Option<KeyDigest>,
    },
    /// A visitor whose turn it seems to be asks to be let in. Place and epoch are those of a genuine ticket.
    Claim {
        /// The visitor's id.
        queue_id: QueueId,
        /// The ticket's place.
        place: Place,
        /// The ticket's epoch.
        epoch: u64,
    },
    /// A genuine ticket whose place the state does not know yet was seen: the state fell behind and heals. Answered with
    /// [`Outcome::Placed`] when the draw was held without this entry: the place at the end that the ticket gets for it.
    Present {
        /// The visitor's id.
        queue_id: QueueId,
        /// The ticket's place.
        place: Place,
        /// The ticket's epoch.
        epoch: u64,
    },
    /// This id must not be let in any more, and who was inside with it has left. Idempotent; an unknown id is cancelled
    /// too.
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
    /// Begins the room's line anew, in the next epoch. Tickets of the epoch that ends are spent. It names that epoch, so
    /// that a reset whose answer was lost can be asked for again.
    Reset {
        /// The epoch that ends.
        epoch: u64,
    },
    /// A public value to be mixed into the draw; only before the start. A further one replaces it.
    Beacon {
        /// The value; at most [`BEACON_BYTES_MAX`](crate::draw::BEACON_BYTES_MAX) bytes.
        value: String,
    },
}

impl Command {
    /// The record that the command reads.
    pub(crate) fn record_id(&self) -> Option<RecordId> {
        match self {
            Self::Claim { queue_id, .. } | Self::Cancel { queue_id } => Some(RecordId::Visitor(*queue_id)),
            Self::Arrive { key, .. } => key.map(RecordId::Key),
            Self::Present { .. }
            | Self::Configure(_)
            | Self::Pause { .. }
            | Self::Resume
            | Self::Reset { .. }
            | Self::Beacon { .. } => None,
        }
    }
}

/// What stands for the key of an enqueue token: a digest under a secret of the account, so that neither the room nor its
/// store knows what the key says.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyDigest([u8; 16]);

impl KeyDigest {
    /// From the first bytes of the digest.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Debug for KeyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyDigest(..)")
    }
}

/// What a record of the room is kept for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RecordId {
    /// A queue id that was admitted or cancelled.
    Visitor(QueueId),
    /// A key that holds a place.
    Key(KeyDigest),
}

/// What became of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// To `Arrive`: the visitor's place. To `Present` and `Claim`: the place at the end that the ticket gets for an entry
    /// the draw was held without.
    Placed {
        /// Whose place it is: the visitor's own id, or that of the first one who brought the same key.
        queue_id: QueueId,
        /// The place; goes into the ticket.
        place: Place,
        /// The room's epoch; goes into the ticket.
        epoch: u64,
        /// How many are ahead right now; 0 for one who is called next, or at once, and for an entry of the pre-queue.
        ahead: u64,
    },
    /// To `Claim`: let in. The queue token is computed from these values alone, so a claim that is repeated while the
    /// token is valid gets identical bytes.
    Admitted {
        /// When this admission happened.
        at: Timestamp,
        /// What let the visitor in.
        why: AdmittedBy,
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

/// What let a visitor in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdmittedBy {
    /// It was their turn.
    Turn,
    /// The room lets everybody pass.
    Passthrough,
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
    /// The beacon value is empty, or longer than the room keeps.
    #[error("the beacon value is {found_bytes} bytes long, it needs 1 to {}", crate::draw::BEACON_BYTES_MAX)]
    BeaconLength {
        /// Its length.
        found_bytes: usize,
    },
    /// There is no draw ahead that the beacon could be mixed into.
    #[error("no draw lies ahead: the room has started, or is not scheduled")]
    NoDrawAhead,
    /// The epoch that was to end is not there yet.
    #[error("the room is in epoch {present}, which is not the one to end")]
    OtherEpoch {
        /// The room's epoch.
        present: u64,
    },
    /// A tag that no room can have given.
    #[error("the tag is beyond any that a room gives")]
    TagOutOfRange,
    /// Nobody may join yet.
    #[error("the room is not open yet")]
    NotOpenYet {
        /// When visitors may join.
        opens_at: Timestamp,
    },
    /// An operator has closed the room: nobody joins, and nobody is let in.
    #[error("the room is closed")]
    Closed,
    /// The room's time is over: nobody joins, and nobody is let in.
    #[error("the room has ended")]
    Ended,
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

    /// Whether it is what the operator has set for everybody, rather than a fault.
    pub const fn is_as_set(&self) -> bool {
        matches!(self, Self::NotOpenYet { .. } | Self::Closed | Self::Ended)
    }
}
