//! What a node and a store say to each other: documents, by what they are for, and the versions they have.

use anteroom_protocol::time::Timestamp;

use crate::command::RecordId;

/// A document a room keeps. The store maps it to a key; all of one room share a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Document {
    /// The room's state.
    State,
    /// What is kept of a queue id that was admitted or cancelled, or of a key that holds a place.
    Record(RecordId),
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
    /// Answer with [`Node::handle_loaded`](super::Node::handle_loaded) or [`Node::handle_failed`](super::Node::handle_failed).
    Load {
        /// What to load.
        documents: Vec<Document>,
    },
    /// All or nothing. Answer with [`Node::handle_saved`](super::Node::handle_saved), [`Node::handle_conflict`](super::Node::handle_conflict) or [`Node::handle_failed`](super::Node::handle_failed).
    Save {
        /// What to write, each with the version it expects.
        writes: Vec<Write>,
    },
}
