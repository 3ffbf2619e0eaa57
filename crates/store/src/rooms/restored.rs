//! What a backup says of a room is older than what the room did, by an unknown time.

use anteroom_protocol::id::{CustomerId, RoomId};
use anteroom_queue::node::{Document, state_from_backup};

use super::{segment, task};
use crate::backend::{Backend, BackendError, Saved, Write};

/// Why a room's state from a backup cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum NotTakenOver {
    /// The store.
    #[error("the store did not answer")]
    Backend(#[from] BackendError),
    /// Somebody else uses the store.
    #[error("somebody else saves to the store meanwhile")]
    Used,
    /// The state cannot be read.
    #[error("the kept state of the room cannot be read: {0}")]
    Unreadable(String),
}

/// Prepares the state of one room in a store that was put back from a backup and that nobody uses yet: whom the room
/// let in since is not known, and it must not let in too many all the same (I1). A room that has no state needs nothing.
///
/// # Errors
/// When the state cannot be read or saved.
pub async fn take_over_from_backup(
    backend: &dyn Backend,
    customer: &CustomerId,
    room: &RoomId,
) -> Result<(), NotTakenOver> {
    let key = task::key(&segment(customer, room), &Document::State);
    let mut found = backend.load(vec![key.clone()]).await?.documents;
    let Some(state) = found.pop().flatten() else { return Ok(()) };
    let bytes = state_from_backup(&state.bytes).map_err(NotTakenOver::Unreadable)?;
    let write = Write { key, expected: Some(state.version), bytes, expires_at: None };
    match backend.save(vec![write]).await? {
        Saved::Done { .. } => Ok(()),
        Saved::Refused { .. } => Err(NotTakenOver::Used),
    }
}
