//! The contract between what is kept and whatever keeps it.
//!
//! 1. A *document* is bytes under a key, with a version that only grows, also across a removal and across a loss of the
//!    newest writes.
//! 2. A save lists writes, each with the version it expects ("absent" is one). All happen or none; a refusal
//!    brings the current documents along.
//! 3. The keys of one save share their first segment (a room, an account), so that a cluster can keep them
//!    together and a watcher can be told of them.
//! 4. A write may carry an expiry, after which the document may be gone at any moment. Expiry frees space; a
//!    rule that depends on a moment keeps that moment inside the document, because backends sweep at different
//!    times.
//! 5. Every answer carries the store's clock, which never goes back.
//!
//! Nothing else is asked of a backend: no counters, no lists, no rules. The suite in
//! [`conformance`](crate::conformance) says the same as tests.

use std::collections::HashSet;
use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use anteroom_protocol::time::Timestamp;
use tokio::sync::watch;

/// A future on the heap, so that [`Backend`] can be a trait object.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Longest key, in bytes. The longest of ours is about 120.
pub const KEY_BYTES_MAX: usize = 200;
/// Largest document, in bytes. An integration config of a large account has some hundred kilobytes.
pub const DOCUMENT_BYTES_MAX: usize = 4 << 20;
/// Most writes in one save: a full batch of claims, a record each, and the room's state.
pub const WRITES_PER_SAVE_MAX: usize = 16_384;
/// Most bytes in one save, so that one caller cannot hold up the others for long.
pub const SAVE_BYTES_MAX: usize = 16 << 20;
/// Most keys in one load; as many as a save may write.
pub const KEYS_PER_LOAD_MAX: usize = WRITES_PER_SAVE_MAX;

/// What keeps documents.
///
/// Callers hold it as `Arc<dyn Backend>`, share it freely, and may drop a future they no longer want: a save
/// that was begun then happens or does not, as a whole.
pub trait Backend: Send + Sync + 'static {
    /// The documents under these keys, in the order asked, as they stood at one moment.
    ///
    /// Sees every save that was acknowledged before the call. An expired document may still be there.
    fn load(&self, keys: Vec<Key>) -> BoxFuture<'_, Result<Loaded, BackendError>>;

    /// Makes all of these writes or none.
    ///
    /// [`Saved::Done`] is said only when the writes would survive the loss of power. A refusal changed nothing.
    /// After an error the writes may or may not have happened (see [`BackendError::is_surely_not_saved`]): load
    /// again before deciding. The other wrong answer, an acknowledgement of what is not kept, would lose what
    /// the engine relies on (I1, I4) and must never be given.
    fn save(&self, writes: Vec<Write>) -> BoxFuture<'_, Result<Saved, BackendError>>;

    /// The version of the newest save of documents in this segment that is known of, here or elsewhere; 0 before
    /// the first since the watch began. Whoever has seen that version or a later one need not load again.
    ///
    /// A wake-up too many is harmless; one too few costs freshness, and is made good within a second by
    /// whoever polls as well. Several saves may show as one change.
    fn watch(&self, segment: &str) -> watch::Receiver<u64>;

    /// The store's clock. Never goes back, and no two processes on the same store stay apart for long.
    fn now(&self) -> Timestamp;

    /// What an operator should put right about the store, a sentence each; as found when it was last looked at.
    fn warnings(&self) -> Vec<String> {
        Vec::new()
    }
}

/// Where a document is kept: a first segment that says whose it is, and a name within that.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    text: Arc<str>,
    segment_bytes: usize,
}

impl Key {
    /// The key `{segment}/{name}`. Neither may be empty, and the segment holds no `/`; a backend refuses what
    /// breaks this or is longer than [`KEY_BYTES_MAX`].
    pub fn new(segment: &str, name: impl fmt::Display) -> Self {
        Self { text: format!("{segment}/{name}").into(), segment_bytes: segment.len() }
    }

    /// The whole key as it is written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The part before the first `/`: what a save must have in common, and what is watched.
    pub fn segment(&self) -> &str {
        &self.text[..self.segment_bytes]
    }

    fn check(&self) -> Result<(), BackendError> {
        let name_bytes = self.text.len() - self.segment_bytes - 1;
        if self.text.len() > KEY_BYTES_MAX {
            return Err(BackendError::too_much("bytes in a key", self.text.len(), KEY_BYTES_MAX));
        }
        if self.segment_bytes == 0 || name_bytes == 0 || self.segment().contains('/') {
            return Err(BackendError::Misuse { found: format!("the key {:?}", self.as_str()) });
        }
        Ok(())
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.text)
    }
}

/// Which writing of a document this is. Later ones are larger; nothing else is promised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub u64);

impl Version {
    /// The version that follows this one in a store whose clock shows `now`.
    ///
    /// It rests on the clock, so that a store which lost its newest writes (a backup put back, a failover) does not use
    /// their versions again: a process that remembers one would take what it finds under it for its own, and write
    /// over it. Up to a thousand saves a millisecond leave it in step with the clock.
    pub(crate) fn following(self, now: Timestamp) -> Self {
        Self(self.0.saturating_add(1).max(now.as_millis().saturating_mul(Self::PER_MILLISECOND)))
    }

    /// When a store on the same clock made this version, or a little later.
    #[cfg(feature = "valkey")]
    pub(crate) fn saved_at(self) -> Timestamp {
        Timestamp::from_millis(self.0 / Self::PER_MILLISECOND)
    }

    const PER_MILLISECOND: u64 = 1 << 10;
}

/// Bytes that are kept, and the version they have.
#[derive(Clone, PartialEq, Eq)]
pub struct Document {
    /// Which writing this is.
    pub version: Version,
    /// What was written.
    pub bytes: Vec<u8>,
}

impl fmt::Debug for Document {
    /// Without the bytes, which may hold what no log should show.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Document({} bytes at version {})", self.bytes.len(), self.version.0)
    }
}

/// One document to be written.
#[derive(Clone, PartialEq, Eq)]
pub struct Write {
    /// Where.
    pub key: Key,
    /// The version that must be there now; `None`: nothing may be there.
    pub expected: Option<Version>,
    /// What to write.
    pub bytes: Vec<u8>,
    /// From when on the document may be gone; `None`: it stays. A moment already past removes it.
    pub expires_at: Option<Timestamp>,
}

impl fmt::Debug for Write {
    /// Without the bytes, which may hold what no log should show.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Write({}, {} bytes, expects {:?})", self.key, self.bytes.len(), self.expected)
    }
}

/// What a load found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// One answer for each key, in the order asked.
    pub documents: Vec<Option<Document>>,
    /// The store's clock.
    pub now: Timestamp,
}

/// What became of a save.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Saved {
    /// All writes were made and will survive.
    Done {
        /// The version that all of them have now.
        version: Version,
        /// The store's clock.
        now: Timestamp,
    },
    /// Somebody else was first; nothing was written.
    Refused {
        /// What is there instead: one answer for each write, in their order.
        current: Vec<Option<Document>>,
        /// The store's clock.
        now: Timestamp,
    },
}

/// Why a backend could not answer.
#[derive(Clone, Debug, thiserror::Error)]
pub enum BackendError {
    /// The caller asked for more than a named limit allows.
    #[error("{found} {what}, where at most {limit} are kept")]
    TooMuch {
        /// What there is too much of.
        what: &'static str,
        /// How much of it there was.
        found: usize,
        /// How much there may be.
        limit: usize,
    },
    /// The caller broke the contract; a fault in this program.
    #[error("{found} breaks the contract of the store")]
    Misuse {
        /// What was found.
        found: String,
    },
    /// More is waiting to be done than the backend takes on. Nothing was written.
    #[error("{place} is behind: {waiting} requests wait for it already")]
    Behind {
        /// Which store.
        place: String,
        /// How many wait.
        waiting: usize,
    },
    /// The store could not be read or written.
    #[error("could not {doing} {place}; {advice}")]
    Unavailable {
        /// Which store: a path or an address.
        place: String,
        /// What was being done.
        doing: &'static str,
        /// What an operator can do.
        advice: &'static str,
        /// Whether the same request can succeed later without anybody's help.
        is_temporary: bool,
        /// What went wrong below.
        source: Arc<dyn Error + Send + Sync>,
    },
    /// The store was closed, or the part that serves it is gone. What was under way may have happened.
    #[error("{place} is closed")]
    Closed {
        /// Which store.
        place: String,
    },
}

impl BackendError {
    pub(crate) fn too_much(what: &'static str, found: usize, limit: usize) -> Self {
        Self::TooMuch { what, found, limit }
    }

    /// Whether the same request can succeed later without anybody's help.
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Behind { .. } => true,
            Self::Unavailable { is_temporary, .. } => *is_temporary,
            Self::TooMuch { .. } | Self::Misuse { .. } | Self::Closed { .. } => false,
        }
    }

    /// Whether a save that ended so has certainly not happened.
    pub fn is_surely_not_saved(&self) -> bool {
        matches!(self, Self::TooMuch { .. } | Self::Misuse { .. } | Self::Behind { .. })
    }
}

/// Checks what every backend must refuse before it loads: too many keys, keys that are none.
pub fn check_keys(keys: &[Key]) -> Result<(), BackendError> {
    if keys.len() > KEYS_PER_LOAD_MAX {
        return Err(BackendError::too_much("keys in a load", keys.len(), KEYS_PER_LOAD_MAX));
    }
    keys.iter().try_for_each(Key::check)
}

/// Checks what every backend must refuse before it saves: too much, no keys, a key twice, or keys of several
/// segments.
pub fn check_writes(writes: &[Write]) -> Result<(), BackendError> {
    if writes.len() > WRITES_PER_SAVE_MAX {
        return Err(BackendError::too_much("writes in a save", writes.len(), WRITES_PER_SAVE_MAX));
    }
    let Some(first) = writes.first() else {
        return Err(BackendError::Misuse { found: "a save of nothing".to_owned() });
    };
    let mut seen = HashSet::with_capacity(writes.len());
    let mut total_bytes = 0;
    for write in writes {
        write.key.check()?;
        if write.bytes.len() > DOCUMENT_BYTES_MAX {
            return Err(BackendError::too_much("bytes in a document", write.bytes.len(), DOCUMENT_BYTES_MAX));
        }
        total_bytes += write.bytes.len();
        if write.key.segment() != first.key.segment() {
            let found = format!("a save of both {} and {}", first.key, write.key);
            return Err(BackendError::Misuse { found });
        }
        if !seen.insert(&write.key) {
            return Err(BackendError::Misuse { found: format!("a save with {} twice", write.key) });
        }
    }
    if total_bytes > SAVE_BYTES_MAX {
        return Err(BackendError::too_much("bytes in a save", total_bytes, SAVE_BYTES_MAX));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(segment: &str, name: &str, bytes: usize) -> Write {
        Write { key: Key::new(segment, name), expected: None, bytes: vec![0; bytes], expires_at: None }
    }

    #[test]
    fn key_knows_its_segment() {
        let key = Key::new("account:demo", "version:1/x");
        assert_eq!(key.segment(), "account:demo");
        assert_eq!(key.as_str(), "account:demo/version:1/x");
    }

    #[test]
    fn keys_that_are_none_are_refused() {
        for key in [
            Key::new("", "a"),
            Key::new("a", ""),
            Key::new("a/b", "c"),
            Key::new("a", "x".repeat(KEY_BYTES_MAX)),
        ] {
            assert!(check_keys(std::slice::from_ref(&key)).is_err(), "{key}");
        }
        assert!(check_keys(&[Key::new("a", "x".repeat(KEY_BYTES_MAX - 2))]).is_ok());
    }

    #[test]
    fn loads_and_saves_are_bounded() {
        let keys: Vec<Key> = (0..=KEYS_PER_LOAD_MAX).map(|n| Key::new("a", n)).collect();
        assert!(check_keys(&keys).is_err());
        assert!(check_keys(&keys[1..]).is_ok());

        let writes: Vec<Write> = (0..=WRITES_PER_SAVE_MAX).map(|n| write("a", &n.to_string(), 0)).collect();
        assert!(check_writes(&writes).is_err());
        assert!(check_writes(&writes[1..]).is_ok());
        assert!(check_writes(&[write("a", "b", DOCUMENT_BYTES_MAX + 1)]).is_err());
        assert!(check_writes(&[write("a", "b", DOCUMENT_BYTES_MAX)]).is_ok());
        let large: Vec<Write> = (0..5).map(|n| write("a", &n.to_string(), DOCUMENT_BYTES_MAX)).collect();
        assert!(check_writes(&large).is_err());
    }

    #[test]
    fn save_of_nothing_or_of_two_segments_or_of_a_key_twice_is_refused() {
        assert!(check_writes(&[]).is_err());
        assert!(check_writes(&[write("a", "x", 1), write("b", "x", 1)]).is_err());
        assert!(check_writes(&[write("a", "x", 1), write("a", "x", 1)]).is_err());
    }

    #[test]
    fn debug_shows_no_bytes() {
        let write = Write { bytes: b"hunter2".to_vec(), ..write("a", "x", 0) };
        assert!(!format!("{write:?}").contains("104") && !format!("{write:?}").contains("hunter2"));
    }
}
