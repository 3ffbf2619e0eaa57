//! Why a visitor could not be answered properly. All of it is ours, never the visitor's, and none of it costs anyone
//! their place: tickets are kept and asked with again.

use std::error::Error;
use std::sync::atomic::{AtomicU64, Ordering};

use anteroom_protocol::redirect::TargetRefusal;
use anteroom_queue::Refusal;
use anteroom_store::rooms::{RoomError, SubmitError};
use anteroom_store::uses::UsesError;
use axum::body::Body;
use http::{Response, StatusCode};

use super::entrance::Entrance;
use crate::{reply, words};

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    /// The room's state could not be loaded.
    #[error("the room cannot be opened")]
    Room(#[from] RoomError),
    /// The room's task or the store below it did not answer.
    #[error("the room did not answer")]
    Submit(#[from] SubmitError),
    /// A use of a queue id could not be counted.
    #[error("a use could not be counted")]
    Uses(#[source] UsesError),
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
    #[error("visitors cannot be sent to the room's default target: mend it, or the account's allowed hosts")]
    NoTarget(#[source] TargetRefusal),
}

impl Trouble {
    /// Whether it may well be over in a few seconds, without anybody's help.
    const fn is_passing(&self) -> bool {
        match self {
            Self::Room(error) => !matches!(error, RoomError::NotConfigured | RoomError::Unreadable(_)),
            Self::Submit(_) => true,
            Self::Uses(error) => !matches!(error, UsesError::Unreadable { .. }),
            Self::Refused(refusal) => refusal.is_worth_another_try(),
            Self::Unexpected | Self::Random(_) | Self::NoTarget(_) => false,
        }
    }

    /// What a program is told.
    pub(crate) const fn status(&self) -> StatusCode {
        match self {
            Self::Room(_) | Self::Submit(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Refused(_) | Self::Uses(_) if self.is_passing() => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// When to come back. What needs an operator takes longer.
    pub(crate) const fn retry_after_seconds(&self) -> u64 {
        if self.is_passing() { 5 } else { 20 }
    }

    /// What a connector is told.
    pub(crate) fn as_problem(&self) -> Response<Body> {
        let detail = if self.is_passing() {
            "The waiting room cannot answer right now; it may a little later."
        } else {
            "The waiting room cannot answer; its log says why."
        };
        let problem = reply::problem(self.status(), "no answer", detail);
        reply::with_retry_after(problem, self.retry_after_seconds())
    }

    /// Tells the operator, once a second at the most: a whole line of visitors meets the same trouble.
    pub(crate) fn log(&self, entrance: &Entrance) {
        static LOGGED_AT_SECONDS: AtomicU64 = AtomicU64::new(0);
        let now = words::now_seconds();
        if LOGGED_AT_SECONDS.swap(now, Ordering::Relaxed) == now {
            return;
        }
        let (customer, room) = (&entrance.account.customer, &entrance.record.room);
        let error: &dyn Error = self;
        if self.is_passing() {
            tracing::warn!(%customer, %room, error, "visitors cannot be answered for the moment");
        } else {
            tracing::error!(%customer, %room, error, "visitors cannot be answered");
        }
    }
}
