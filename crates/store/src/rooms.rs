//! A task per live room that drives `queue::node` over the backend and publishes its snapshots; decides nothing.
//! (Contract stub: signatures stand, bodies are to come.)

use std::sync::Arc;

use anteroom_protocol::id::{CustomerId, RoomId};
use anteroom_protocol::time::Timestamp;
use anteroom_queue::snapshot::Snapshot;
use anteroom_queue::{Command, Outcome};

use crate::backend::Backend;

/// Why a room could not be opened.
#[derive(Clone, Debug, thiserror::Error)]
pub enum RoomError {
    /// It was never configured: there is no line to stand in.
    #[error("the room is not configured")]
    NotConfigured,
    /// Its kept state cannot be read; an operator must look.
    #[error("the kept state of the room cannot be read: {0}")]
    Unreadable(String),
    /// The store did not answer in time. Trying again can help.
    #[error("the store does not answer")]
    StoreUnavailable,
    /// More rooms are live than the process keeps.
    #[error("more rooms are live than the process keeps")]
    TooMany,
}

/// Why a command got no outcome.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SubmitError {
    /// The process is stopping.
    #[error("the room is closed, the process is stopping")]
    Closed,
    /// No outcome came in time; whatever was asked may have been done.
    #[error("the room did not answer in time")]
    TimedOut,
}

/// The live rooms of a process. Cheap to clone.
#[derive(Clone)]
pub struct Rooms {
    _backend: Arc<dyn Backend>,
}

/// One live room. Cheap to clone.
#[derive(Clone)]
pub struct RoomHandle {
    _rooms: Rooms,
}

#[allow(clippy::unused_async, missing_docs, clippy::missing_errors_doc)]
impl Rooms {
    pub fn new(backend: Arc<dyn Backend>) -> Self {
        Self { _backend: backend }
    }
    /// The room, with its state loaded. The first call for a room starts its task.
    pub async fn open(&self, _customer: &CustomerId, _room: &RoomId) -> Result<RoomHandle, RoomError> {
        todo!()
    }
    /// Creates the room's line or changes its settings, or gives any other command to a room that need not be
    /// configured yet.
    pub async fn submit(
        &self,
        _customer: &CustomerId,
        _room: &RoomId,
        _command: Command,
    ) -> Result<Outcome, SubmitError> {
        todo!()
    }
    /// Takes no further commands and waits until those under way have their outcome.
    pub async fn close(&self) {
        todo!()
    }
}

#[allow(clippy::unused_async, missing_docs, clippy::missing_errors_doc)]
impl RoomHandle {
    /// The newest state this process knows, at most a second old. Memory only.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        todo!()
    }
    /// The room's time.
    pub fn now(&self) -> Timestamp {
        todo!()
    }
    pub async fn submit(&self, _command: Command) -> Result<Outcome, SubmitError> {
        todo!()
    }
}
