//! Who makes the load: visitors of many habits, and an operator who turns the knobs.

pub(crate) mod habit;
pub(crate) mod operator;
pub(crate) mod visitor;

use std::rc::Rc;

use anteroom_protocol::id::QueueId;
use anteroom_queue::Lane;

use crate::trace::{Place, Told};

/// What a ticket says: an id and a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ticket {
    pub(crate) queue_id: QueueId,
    pub(crate) place: Place,
}

/// A ticket as a visitor's browser holds it.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    pub(crate) ticket: Ticket,
    pub(crate) text: Rc<str>,
    /// Stands for the text in the trace.
    pub(crate) number: u64,
}

/// What a visitor asks of the room.
#[derive(Clone, Debug)]
pub(crate) enum Ask {
    /// For a place, with a ticket for it.
    Join { lane: Lane, key: Option<u64> },
    /// Something about the ticket that comes with it.
    With(Rc<str>, Wish),
}

/// What a visitor wants who shows a ticket.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Wish {
    /// To know how it stands, and to be let in.
    Poll,
    /// To be let in, without looking first, as a replayed request does.
    Claim,
    /// That their place be cancelled.
    Cancel,
}

/// What a visitor hears.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// An answer, with the ticket that a join made.
    Answer { ticket: Option<Held>, told: Told, ask_again_after_ms: u64 },
    /// The process is not there, or did not answer.
    Nothing,
}
