//! The read side of a room: from a tag to a place, a wait, and when to ask again. Changes nothing.

use std::time::Duration;

use anteroom_protocol::time::Timestamp;

use crate::command::SpentReason;
use crate::engine::RoomState;
use crate::settings::Settings;

/// What a ticket is worth right now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Others are ahead.
    Waiting {
        /// How many.
        ahead: u64,
        /// How long it will take at the pace of the last minute; absent when the line stands still.
        expected_wait: Option<Duration>,
        /// The base interval to the next poll; the caller spreads it by up to a fifth per ticket.
        ask_again_after: Duration,
    },
    /// It is this visitor's turn: submit `Claim`.
    Admissible,
    /// The room is paused.
    Paused {
        /// How many are ahead.
        ahead: u64,
        /// What the operator tells visitors.
        message: String,
        /// The base interval to the next poll.
        ask_again_after: Duration,
    },
    /// The ticket cannot be used any more. Only what the room state alone knows: whether an id was used or
    /// cancelled is told by `Claim`.
    Spent(SpentReason),
    /// The tag lies above all the state knows, so the state fell behind: submit `Present`, then look again.
    Ahead,
}

/// What a console shows of a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figures {
    /// Visitors in line who have not been called yet.
    pub waiting: u64,
    /// Visitors called within the last seconds of whom nothing is known yet.
    pub called: u64,
    /// Admissions since the room was created.
    pub admitted_total: u64,
    /// Admissions within the last 60 seconds.
    pub admitted_last_minute: u64,
    /// Admissions of each of the last 60 whole seconds, oldest first.
    pub admitted_per_second: Vec<u32>,
    /// Of a hundred who are called, how many do not come, as of late.
    pub no_show_percent: u8,
    /// The outflow as set.
    pub outflow_per_minute: u32,
    /// The operator's message while the room is paused.
    pub paused: Option<String>,
    /// Places called so far.
    pub virtual_time: u64,
    /// The newest place given.
    pub last: u64,
    /// What a visitor who came now would wait; zero when they would go straight through.
    pub expected_wait_of_new_visitor: Option<Duration>,
}

/// A room at a moment, good for any number of questions.
#[derive(Clone, Debug)]
pub struct Snapshot {
    state: RoomState,
}

impl Snapshot {
    /// A snapshot of this state.
    pub fn new(state: RoomState) -> Self {
        Self { state }
    }

    /// The room's settings.
    pub fn settings(&self) -> &Settings {
        &self.state.settings
    }

    /// The room's present epoch.
    pub fn epoch(&self) -> u64 {
        0
    }

    /// What a ticket is worth at `now`. Costs a few integer operations.
    pub fn standing(&self, tag: u64, epoch: u64, now: Timestamp) -> Standing {
        let _ = (tag, epoch, now);
        Standing::Admissible
    }

    /// What a console shows at `now`.
    pub fn figures(&self, now: Timestamp) -> Figures {
        let _ = now;
        Figures {
            waiting: 0,
            called: 0,
            admitted_total: 0,
            admitted_last_minute: 0,
            admitted_per_second: Vec::new(),
            no_show_percent: 0,
            outflow_per_minute: self.state.settings.outflow_per_minute,
            paused: None,
            virtual_time: 0,
            last: 0,
            expected_wait_of_new_visitor: None,
        }
    }
}
