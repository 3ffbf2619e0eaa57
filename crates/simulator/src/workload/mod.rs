//! Who makes the load: visitors of many habits, and an operator who turns the knobs.

pub(crate) mod operator;
pub(crate) mod visitor;

use anteroom_protocol::id::QueueId;

use crate::trace::{Place, Told};

/// What a visitor's browser holds: its id and its place, genuine and unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ticket {
    pub(crate) queue_id: QueueId,
    pub(crate) place: Place,
}

/// What a visitor asks of the room.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ask {
    /// For a place, with a ticket for it.
    Join,
    /// How it stands, and to be let in.
    Poll(Ticket),
    /// To be let in, without looking first, as a replayed request does.
    Claim(Ticket),
    /// That their place be cancelled.
    Cancel(Ticket),
}

/// What a visitor hears.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Reply {
    /// An answer, with the ticket that a join made.
    Answer { ticket: Option<Ticket>, told: Told, ask_again_after_ms: u64 },
    /// The process is not there, or did not answer.
    Nothing,
}
