//! The contract of [`backend`](crate::backend) as a plain value: the reference that other backends are compared
//! with, and what the simulator runs on. [`Memory`] wraps it as a [`Backend`] for tests and trials.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anteroom_protocol::time::Timestamp;
use tokio::sync::watch;

use crate::backend::{
    Backend, BackendError, BoxFuture, Document, Key, Loaded, Saved, Version, Write, check_keys, check_writes,
};
use crate::clock::Clock;

/// Documents in memory. Deterministic: reads no clock, does no IO.
///
/// ```
/// use anteroom_protocol::time::Timestamp;
/// use anteroom_store::backend::{Key, Saved, Write};
/// use anteroom_store::documents::Documents;
///
/// let now = Timestamp::from_seconds(1);
/// let mut documents = Documents::default();
/// let write = Write { key: Key::new("room", "state"), expected: None, bytes: vec![1], expires_at: None };
/// assert!(matches!(documents.save(&[write.clone()], now), Ok(Saved::Done { .. })));
/// assert!(matches!(documents.save(&[write], now), Ok(Saved::Refused { .. })));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Documents {
    kept: BTreeMap<Key, Kept>,
    /// The version of the newest save. One count for all keys, so that a version is never used twice even when
    /// a document was removed in between.
    newest: u64,
}

#[derive(Clone, Debug)]
struct Kept {
    document: Document,
    expires_at: Option<Timestamp>,
}

impl Documents {
    /// The documents under these keys, in the order asked.
    pub fn load(&self, keys: &[Key], now: Timestamp) -> Result<Loaded, BackendError> {
        check_keys(keys)?;
        let documents = keys.iter().map(|key| self.get(key)).collect();
        Ok(Loaded { documents, now })
    }

    /// Makes all of these writes or none.
    pub fn save(&mut self, writes: &[Write], now: Timestamp) -> Result<Saved, BackendError> {
        check_writes(writes)?;
        let is_current =
            |write: &Write| self.kept.get(&write.key).map(|kept| kept.document.version) == write.expected;
        if !writes.iter().all(is_current) {
            let current = writes.iter().map(|write| self.get(&write.key)).collect();
            return Ok(Saved::Refused { current, now });
        }
        let version = Version(self.newest).following(now);
        self.newest = version.0;
        for Write { key, bytes, expires_at, .. } in writes {
            let document = Document { version, bytes: bytes.clone() };
            self.kept.insert(key.clone(), Kept { document, expires_at: *expires_at });
        }
        Ok(Saved::Done { version, now })
    }

    /// Removes what has expired, and says how many documents that were.
    pub fn sweep(&mut self, now: Timestamp) -> usize {
        let before = self.kept.len();
        self.kept.retain(|_, kept| kept.expires_at.is_none_or(|moment| moment > now));
        before - self.kept.len()
    }

    /// How many documents there are.
    pub fn len(&self) -> usize {
        self.kept.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    fn get(&self, key: &Key) -> Option<Document> {
        self.kept.get(key).map(|kept| kept.document.clone())
    }
}

/// A [`Backend`] that keeps [`Documents`] in this process's memory, and so forgets them with it.
///
/// Clones share the same documents, as several processes share a store.
#[derive(Clone)]
pub struct Memory {
    shared: Arc<Mutex<Shared>>,
    clock: Arc<Clock>,
}

#[derive(Default)]
struct Shared {
    documents: Documents,
    watched: HashMap<Box<str>, watch::Sender<u64>>,
}

impl Memory {
    /// An empty store on the machine's clock.
    pub fn new() -> Self {
        Self::with_clock(Clock::start(Timestamp::EPOCH))
    }

    /// An empty store whose clock stands still at this moment and moves with [`set_now`](Self::set_now).
    pub fn at(now: Timestamp) -> Self {
        Self::with_clock(Clock::stopped(now))
    }

    /// Moves the clock forward to this moment. An earlier one changes nothing.
    pub fn set_now(&self, now: Timestamp) {
        self.clock.raise_to(now);
    }

    /// A copy of everything that is kept, as a backup would have it.
    pub fn documents(&self) -> Documents {
        self.lock().documents.clone()
    }

    /// Puts back an earlier copy, as a store does that lost its newest writes. Nobody is told.
    pub fn restore(&self, documents: Documents) {
        self.lock().documents = documents;
    }

    fn with_clock(clock: Clock) -> Self {
        Self { shared: Arc::default(), clock: Arc::new(clock) }
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}

impl Backend for Memory {
    fn load(&self, keys: Vec<Key>) -> BoxFuture<'_, Result<Loaded, BackendError>> {
        Box::pin(async move { self.lock().documents.load(&keys, self.now()) })
    }

    fn save(&self, writes: Vec<Write>) -> BoxFuture<'_, Result<Saved, BackendError>> {
        Box::pin(async move {
            let now = self.now();
            let mut shared = self.lock();
            let saved = shared.documents.save(&writes, now)?;
            if let (Saved::Done { version, .. }, Some(write)) = (&saved, writes.first()) {
                if let Some(sender) = shared.watched.get(write.key.segment()) {
                    sender.send_replace(version.0);
                }
                shared.documents.sweep(now);
            }
            Ok(saved)
        })
    }

    fn watch(&self, segment: &str) -> watch::Receiver<u64> {
        let mut shared = self.lock();
        shared.watched.retain(|_, sender| !sender.is_closed());
        shared.watched.entry(segment.into()).or_insert_with(|| watch::Sender::new(0)).subscribe()
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }
}
