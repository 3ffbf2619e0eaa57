//! Who has no place, and cannot get one now: the room is not open yet, closed, or over. Nothing is submitted for them;
//! their page counts down and comes back by itself.

use anteroom_protocol::time::Timestamp;
use anteroom_queue::Refusal;
use anteroom_queue::settings::Mode;
use anteroom_queue::snapshot::{Phase, Snapshot};

/// Why nobody can join.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outside {
    /// Not yet: one may join at the first moment, and the line moves from the second one on.
    NotOpen { opens_at: Timestamp, starts_at: Timestamp },
    /// An operator has closed the room.
    Closed,
    /// The room's time is over.
    Ended,
}

impl Outside {
    /// Why nobody can join the room at `now`, if so.
    pub(crate) fn of(snapshot: &Snapshot, now: Timestamp) -> Option<Self> {
        match (snapshot.phase(now), snapshot.settings().mode) {
            // What the schedule means to a room that lets everybody pass is said by the engine alone.
            (_, Mode::Passthrough) => None,
            (Phase::Before { pre_queue_at, starts_at }, _) => {
                Some(Self::NotOpen { opens_at: pre_queue_at.unwrap_or(starts_at), starts_at })
            }
            (Phase::Ended, _) => Some(Self::Ended),
            (Phase::PreQueue { .. } | Phase::Running, Mode::Closed) => Some(Self::Closed),
            (Phase::PreQueue { .. } | Phase::Running, Mode::Queue) => None,
        }
    }

    /// What a refusal to join says, if it is one that the operator has set for everybody.
    pub(crate) fn of_refusal(refusal: &Refusal, snapshot: &Snapshot, now: Timestamp) -> Option<Self> {
        match *refusal {
            Refusal::Closed => Some(Self::Closed),
            Refusal::Ended => Some(Self::Ended),
            Refusal::NotOpenYet { opens_at } => match Self::of(snapshot, now) {
                Some(outside @ Self::NotOpen { .. }) => Some(outside),
                _ => Some(Self::NotOpen { opens_at, starts_at: opens_at }),
            },
            _ => None,
        }
    }
}
