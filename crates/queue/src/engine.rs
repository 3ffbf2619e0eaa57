//! One step of a room.

use std::collections::BTreeMap;

use anteroom_protocol::id::QueueId;
use anteroom_protocol::time::Timestamp;

use crate::command::{Command, Outcome};
use crate::settings::Settings;

/// The longest pause message, in bytes.
pub const MESSAGE_BYTES_MAX: usize = 2_000;

/// The whole state of one room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomState {
    pub(crate) settings: Settings,
}

/// Kept bytes that are not a state or a record this version can read.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// Written by a newer release.
    #[error(
        "written in form {found}, this release reads up to {newest}: run the newer release, or restore older data"
    )]
    Newer {
        /// The form found.
        found: u64,
        /// The newest form this release reads.
        newest: u64,
    },
    /// Not what this crate writes.
    #[error("not a form that this program writes")]
    Malformed(#[source] serde_json::Error),
    /// It reads, but breaks a rule every written state keeps.
    #[error("damaged: {0}")]
    Damaged(&'static str),
}

impl RoomState {
    /// The written form: JSON with a leading version number.
    pub fn encode(&self) -> Vec<u8> {
        Vec::new()
    }

    /// Reads a written form. Refuses what a newer release wrote.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let _ = bytes;
        Err(DecodeError::Damaged("not yet"))
    }
}

/// What is kept of one queue id once it was admitted or cancelled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimedRecord {
    /// Nobody needs the record from here on.
    pub expires_at: Timestamp,
}

/// What one step made of a state.
#[derive(Debug)]
pub struct Applied {
    /// The next state; absent while the room is not configured.
    pub state: Option<RoomState>,
    /// One outcome per command, in their order.
    pub outcomes: Vec<Outcome>,
    /// Records to save together with the state.
    pub claimed: BTreeMap<QueueId, ClaimedRecord>,
    /// Whether any outcome rests on the new state or records being saved.
    pub must_save: bool,
}
/// Applies.
pub fn apply(
    state: Option<&RoomState>,
    claimed: &BTreeMap<QueueId, ClaimedRecord>,
    batch: &[Command],
    now: Timestamp,
) -> Applied {
    let _ = (state, claimed, batch, now);
    Applied { state: None, outcomes: Vec::new(), claimed: BTreeMap::new(), must_save: false }
}
