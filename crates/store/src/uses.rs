//! How often queue ids were used at a site, where an action of the site limits that (protocol section 9.1).
//!
//! A use is counted before the answer is given. If that answer is lost, or the store's is, a use may have been counted
//! that nobody had: the other way round, a limit of three would let in four. Whoever asks for one use asks once.
//!
//! A count lasts for [`KEPT_AFTER_USE`] from its newest use. Beyond the limit nothing is written but to keep it that
//! long, so a visitor who goes on asking costs a read.

use std::collections::hash_map::DefaultHasher;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use anteroom_protocol::id::{CustomerId, QueueId, RoomId};
use anteroom_protocol::time::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use crate::backend::{Backend, BackendError, Key, Saved, Write};

/// How long a count is kept after its newest use: longer than accepted cookies last, so that a limit cannot be waited
/// out with one of them.
pub const KEPT_AFTER_USE: Duration = Duration::from_hours(24);
/// How often a count is tried again because another process counted first. Each refusal means that the other got
/// through, so more in a row than there are processes mean a fault.
const TRIES_MAX: usize = 32;
/// Uses of one queue id are counted one after the other in a process: a browser asks for a page and all its pictures at
/// once, and each would make the others' saves fail. Ids that share one of so many turns wait for each other's save.
const TURNS: usize = 64;
/// The written form that this release reads and writes.
const FORM: u64 = 1;

/// Why a use was not counted.
#[derive(Clone, Debug, thiserror::Error)]
pub enum UsesError {
    /// The store. The use may have been counted.
    #[error("the store did not answer")]
    Backend(#[from] BackendError),
    /// A count is not as this program writes it.
    #[error("the count {key} cannot be read: {reason}")]
    Unreadable {
        /// Where.
        key: String,
        /// Why.
        reason: String,
    },
    /// Other processes were first each time.
    #[error("other processes counted first, {TRIES_MAX} times in a row")]
    Contended,
}

/// The counts kept in a store. Cheap to clone.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::sync::Arc;
///
/// use anteroom_protocol::id::QueueId;
/// use anteroom_store::documents::Memory;
/// use anteroom_store::uses::Uses;
///
/// let uses = Uses::new(Arc::new(Memory::new()));
/// let (customer, room, queue_id) = ("acme".parse()?, "spring24".parse()?, QueueId::from_random([7; 16]));
/// assert_eq!(uses.count(&customer, &room, queue_id, Some(1)).await?, 1);
/// assert_eq!(uses.count(&customer, &room, queue_id, Some(1)).await?, 2);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Uses {
    backend: Arc<dyn Backend>,
    turns: Arc<[Mutex<()>; TURNS]>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Count {
    form: u64,
    uses: u64,
    /// Unix milliseconds. A store may keep the document for longer.
    kept_until: u64,
}

impl Uses {
    /// The counts in this store.
    pub fn new(backend: Arc<dyn Backend>) -> Self {
        Self { backend, turns: Arc::new(std::array::from_fn(|_| Mutex::new(()))) }
    }

    /// Counts one more use and returns how many there are now. Beyond `limit` it counts no further: then the answer is
    /// one more than the limit.
    ///
    /// # Errors
    /// When the store does not answer or the count cannot be read.
    pub async fn count(
        &self,
        customer: &CustomerId,
        room: &RoomId,
        queue_id: QueueId,
        limit: Option<u64>,
    ) -> Result<u64, UsesError> {
        // One id counts as one, in whatever letters it is written.
        let queue_id = QueueId::from_bytes(*queue_id.as_bytes());
        let key = Key::new(&format!("uses:{customer}:{room}"), queue_id);
        let _turn = self.turns[turn(&key)].lock().await;
        let loaded = self.backend.load(vec![key.clone()]).await?;
        let (mut current, mut now) = (loaded.documents.into_iter().next().flatten(), loaded.now);
        for _ in 0..TRIES_MAX {
            let count = match &current {
                Some(document) => read(&key, &document.bytes)?,
                None => Count { form: FORM, uses: 0, kept_until: 0 },
            };
            let kept_for = Timestamp::from_millis(count.kept_until).saturating_since(now);
            let before = if kept_for.is_zero() { 0 } else { count.uses };
            let uses = match limit {
                Some(limit) => before.saturating_add(1).min(limit.saturating_add(1)),
                None => before.saturating_add(1),
            };
            let is_beyond = limit.is_some_and(|limit| before > limit);
            if is_beyond && kept_for > KEPT_AFTER_USE / 2 {
                return Ok(uses);
            }
            let expires_at = now.saturating_add(KEPT_AFTER_USE);
            let next = Count { form: FORM, uses: uses.max(before), kept_until: expires_at.as_millis() };
            let bytes = serde_json::to_vec(&next).expect("this holds because a count is three numbers");
            let expected = current.as_ref().map(|document| document.version);
            let write = Write { key: key.clone(), expected, bytes, expires_at: Some(expires_at) };
            match self.backend.save(vec![write]).await? {
                Saved::Done { .. } => return Ok(uses),
                Saved::Refused { current: found, now: then } => {
                    (current, now) = (found.into_iter().next().flatten(), then);
                }
            }
        }
        Err(UsesError::Contended)
    }
}

impl fmt::Debug for Uses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Uses").finish_non_exhaustive()
    }
}

fn turn(key: &Key) -> usize {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    usize::try_from(hasher.finish() % TURNS as u64).unwrap_or(0)
}

fn read(key: &Key, bytes: &[u8]) -> Result<Count, UsesError> {
    let unreadable = |reason: String| UsesError::Unreadable { key: key.to_string(), reason };
    let count: Count = serde_json::from_slice(bytes).map_err(|error| unreadable(error.to_string()))?;
    if count.form == FORM {
        Ok(count)
    } else {
        Err(unreadable(format!("its form is {}, and this release reads {FORM}", count.form)))
    }
}
