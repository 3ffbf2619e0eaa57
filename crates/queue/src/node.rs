//! One process's share in a room.

use std::sync::Arc;

use anteroom_protocol::id::QueueId;
use anteroom_protocol::time::Timestamp;

use crate::command::{Command, Outcome};
use crate::snapshot::Snapshot;

/// A document a room keeps. The store maps it to a key; all of one room share a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Document {
    /// The room's state.
    State,
    /// What is kept of a queue id that was admitted or cancelled.
    Claimed(QueueId),
}

/// A document as it stands in the store: absent, or its version and bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Which one.
    pub document: Document,
    /// Its version and bytes; absent when there is none.
    pub current: Option<Versioned>,
}

/// Bytes and the version they have in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Versioned {
    /// Only grows.
    pub version: u64,
    /// What is kept.
    pub bytes: Vec<u8>,
}

/// One write of a save.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// What is written.
    pub document: Document,
    /// The version that must stand there now; absent: there must be none.
    pub expected: Option<u64>,
    /// What is kept from then on.
    pub bytes: Vec<u8>,
    /// When it may be forgotten; absent: never.
    pub expires_at: Option<Timestamp>,
}

/// What the node wants from the store. At most one is under way at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreRequest {
    /// Answer with [`Node::handle_loaded`] or [`Node::handle_failed`].
    Load {
        /// What to load.
        documents: Vec<Document>,
    },
    /// All or nothing. Answer with [`Node::handle_saved`], [`Node::handle_conflict`] or [`Node::handle_failed`].
    Save {
        /// What to write, each with the version it expects.
        writes: Vec<Write>,
    },
}

/// One process's share in one room.
#[derive(Debug)]
pub struct Node {}

impl Node {
    /// A node that knows nothing yet. Its first wish is to load the state.
    pub fn new() -> Self {
        Self {}
    }

    /// Takes a command. `id` is the caller's and comes back with the outcome.
    pub fn handle_command(&mut self, id: u64, command: Command, now: Timestamp) {
        let _ = (id, command, now);
    }

    /// The answer to a load: every document asked for, present or absent.
    pub fn handle_loaded(&mut self, found: Vec<Found>, now: Timestamp) {
        let _ = (found, now);
    }

    /// The save happened. `versions` are the new versions of the writes, in their order.
    pub fn handle_saved(&mut self, versions: &[u64], now: Timestamp) {
        let _ = (versions, now);
    }

    /// The save was refused: these are the documents as they stand (at least those that differ).
    pub fn handle_conflict(&mut self, current: Vec<Found>, now: Timestamp) {
        let _ = (current, now);
    }

    /// The store did not do it, or it is not known whether it did. The node tries again by itself.
    pub fn handle_failed(&mut self, now: Timestamp) {
        let _ = now;
    }

    /// Somebody saved documents of this room.
    pub fn handle_changed(&mut self, now: Timestamp) {
        let _ = now;
    }

    /// The moment of [`poll_timeout`](Self::poll_timeout) has come. Harmless at any other.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        let _ = now;
    }

    /// What to ask of the store now.
    pub fn poll_store(&mut self, now: Timestamp) -> Option<StoreRequest> {
        let _ = now;
        None
    }

    /// The next outcome to hand out, with the id its command came with.
    pub fn poll_outcome(&mut self) -> Option<(u64, Outcome)> {
        None
    }

    /// A newer snapshot than the last one handed out here.
    pub fn poll_snapshot(&mut self) -> Option<Arc<Snapshot>> {
        None
    }

    /// When [`handle_timeout`](Self::handle_timeout) must be called; absent when nothing is due.
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        None
    }

    /// Whether the first load was answered.
    pub fn is_loaded(&self) -> bool {
        false
    }

    /// Whether the room was ever configured, as far as this node knows.
    pub fn is_configured(&self) -> bool {
        false
    }

    /// Whether commands wait for their outcome; a process that stops waits for this to become false.
    pub fn has_pending(&self) -> bool {
        false
    }

    /// Why the kept state cannot be read, if that is so.
    pub fn problem(&self) -> Option<&str> {
        None
    }
}

impl Default for Node {
    fn default() -> Self {
        Self::new()
    }
}
