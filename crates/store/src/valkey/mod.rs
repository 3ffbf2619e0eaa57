//! Documents on Valkey (7.2 or newer) or Redis (7.0 or newer), for installations of several nodes: one server, a
//! primary with replicas under Sentinel, or a Cluster.
//!
//! **How it is kept.** A document is a text key, `{prefix}{{segment}}/name`, whose value is 20 digits of its version and
//! its bytes. The braces are the hash tag by which a cluster keeps a segment on one server. Beside the documents stands
//! `{prefix}{{segment}}` with the segment's newest version. Two small scripts do all there is to do: one compares
//! versions and writes, one reads. They know no rule of the line, and never change with the rules.
//!
//! **Versions grow** also when a document was removed, expired or evicted, because a new one is above the segment's
//! newest; and also when that is lost too (a failover that lost writes, a flush), because it is never below the clock of
//! the process that saves nor below any version that process has seen.
//!
//! **The clock** is the servers' (see `clock`). As versions follow it, the newest version of a segment also says when it
//! was last saved, so a process that comes new to a server whose clock was set back goes on from there.
//!
//! **What an acknowledgement means** is decided by the servers' settings, and each step has its price:
//!
//! | servers | [`Saved::Done`] survives |
//! | --- | --- |
//! | `appendfsync always` | the death of the server and loss of power, on its own disk |
//! | `appendfsync everysec` | the death of the process, not of the last second before a loss of power |
//! | and `wait_replicas` of 1 or more | the loss of the primary as well, as long as one of those that have it takes over |
//! | neither | nothing but a dropped connection |
//!
//! A failover without `wait_replicas` can lose what was acknowledged just before. The engine then puts back what the
//! nodes remember. A former primary that does not know yet that it was replaced could acknowledge what the new one does
//! not have, and twice the outflow could be admitted as long as that lasts; `wait_replicas`, and `min-replicas-to-write`
//! on the servers, make it refuse instead.

mod clock;
mod error;
mod link;
mod news;
mod script;
mod servers;
mod soundness;

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anteroom_protocol::time::Timestamp;
use redis::RedisError;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use self::clock::ServerClock;
pub use self::error::ConnectError;
use self::link::Links;
use self::script::{Read, Scripts, Wrote};
pub use self::servers::{ADDRESSES_MAX, AddressProblem, Addresses, Servers};
use crate::backend::{
    Backend, BackendError, BoxFuture, Key, Loaded, Saved, Version, Write, check_keys, check_writes,
};
use crate::watchers::Watchers;

/// Most loads and saves under way at a time. A thousand rooms ask for one each.
pub const REQUESTS_UNDER_WAY_MAX: usize = 4_096;
/// How long [`connect`] tries.
pub const START_WAIT_MAX: Duration = Duration::from_secs(10);
/// Connections for saves when each waits for replicas: a connection stands still meanwhile, so rooms share several.
const SAVING_CONNECTIONS: usize = 8;

/// How the servers are used.
#[derive(Clone, Debug)]
pub struct Options {
    /// What every key begins with, so that other programs can use the same servers. No braces.
    pub prefix: String,
    /// How many replicas must have a save before it is acknowledged.
    pub wait_replicas: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self { prefix: "anteroom:".to_owned(), wait_replicas: 0 }
    }
}

/// Connects to the servers, and looks whether they can be relied on.
///
/// # Errors
/// When no server answers within [`START_WAIT_MAX`], when it is too old, or when it evicts.
pub async fn connect(servers: &Servers, options: Options) -> Result<Valkey, ConnectError> {
    let place = servers.to_string();
    let unreachable = |source: RedisError| {
        let (advice, _) = error::advice(&source);
        ConnectError::Unreachable { place: place.clone(), advice, source }
    };
    let count = if options.wait_replicas > 0 { 1 + SAVING_CONNECTIONS } else { 1 };
    let links: Result<Vec<Links>, RedisError> = (0..count).map(|_| Links::new(servers)).collect();
    let inner = Arc::new(Inner {
        channel: format!("{}saves", options.prefix),
        options,
        links: links.map_err(unreachable)?,
        scripts: Scripts::new(),
        clock: ServerClock::new(),
        newest: AtomicU64::new(0),
        watchers: Watchers::default(),
        permits: Semaphore::new(REQUESTS_UNDER_WAY_MAX),
        warnings: Mutex::default(),
        place: place.clone(),
    });
    let give_up_at = Instant::now() + START_WAIT_MAX;
    loop {
        match inner.begin().await {
            Ok(()) => break,
            Err(Begin::Unfit(error)) => return Err(error),
            Err(Begin::Failed(error)) => {
                let (_, is_temporary) = error::advice(&error);
                if !is_temporary || Instant::now() >= give_up_at {
                    return Err(unreachable(error));
                }
                tracing::warn!(place, error = %error, "the store does not answer yet, trying again");
                sleep(Duration::from_millis(500)).await;
            }
        }
    }
    let mut tasks = JoinSet::new();
    tasks.spawn(news::listen(inner.clone()));
    tasks.spawn(news::look(inner.clone()));
    Ok(Valkey { inner, _tasks: Arc::new(tasks) })
}

/// The store on Valkey or Redis servers. Clones share it and its connections.
#[derive(Clone)]
pub struct Valkey {
    inner: Arc<Inner>,
    /// They end with the last clone.
    _tasks: Arc<JoinSet<()>>,
}

struct Inner {
    place: String,
    options: Options,
    /// Where saves are told.
    channel: String,
    /// The first loads; the others, when there are any, save.
    links: Vec<Links>,
    scripts: Scripts,
    clock: ServerClock,
    /// The newest version this process has seen.
    newest: AtomicU64,
    watchers: Watchers,
    permits: Semaphore,
    warnings: Mutex<Vec<String>>,
}

enum Begin {
    Unfit(ConnectError),
    Failed(RedisError),
}

impl Inner {
    /// The first questions: what time it is, and whether the servers can be relied on.
    async fn begin(&self) -> Result<(), Begin> {
        // Any segment would do; this one is saved at every first start.
        let read = self.read("installation", &[]).await.map_err(Begin::Failed)?;
        self.saw(&read.seen);
        let found = self.look_at_servers().await.map_err(Begin::Failed)?;
        found.check(&self.place).map_err(Begin::Unfit)?;
        self.warn(found.warnings(self.options.wait_replicas));
        Ok(())
    }

    /// Replaces what an operator should put right, and logs what is new of it.
    fn warn(&self, warnings: Vec<String>) {
        let mut known = self.warnings.lock().unwrap_or_else(PoisonError::into_inner);
        for warning in warnings.iter().filter(|warning| !known.contains(warning)) {
            tracing::warn!(place = self.place, "{warning}");
        }
        *known = warnings;
    }

    /// Takes in what an answer says of the time and of versions.
    fn saw(&self, seen: &script::Seen) -> Timestamp {
        self.clock.saw(seen.asked, seen.server_time);
        self.newest.fetch_max(seen.newest.0, Ordering::Relaxed);
        self.clock.raise_to(seen.newest.saved_at());
        self.clock.now()
    }

    /// The least version that a save made now may have.
    fn floor(&self) -> Version {
        Version(self.newest.load(Ordering::Relaxed)).following(self.clock.now())
    }

    fn permit(&self) -> Result<tokio::sync::SemaphorePermit<'_>, BackendError> {
        let behind = |_| BackendError::Behind { place: self.place.clone(), waiting: REQUESTS_UNDER_WAY_MAX };
        self.permits.try_acquire().map_err(behind)
    }

    async fn load(&self, keys: Vec<Key>) -> Result<Loaded, BackendError> {
        check_keys(&keys)?;
        keys.iter().try_for_each(check_segment)?;
        let _permit = self.permit()?;
        let mut documents = vec![None; keys.len()];
        let mut segments: Vec<&str> = keys.iter().map(Key::segment).collect();
        segments.sort_unstable();
        segments.dedup();
        for segment in segments {
            let places: Vec<usize> = (0..keys.len()).filter(|&at| keys[at].segment() == segment).collect();
            let asked: Vec<&Key> = places.iter().map(|&at| &keys[at]).collect();
            let read = self.read(segment, &asked).await;
            let Read { seen, found } =
                read.map_err(|error| error::unavailable(&self.place, "read", error))?;
            self.saw(&seen);
            for (at, document) in places.into_iter().zip(found) {
                documents[at] = document;
            }
        }
        Ok(Loaded { documents, now: self.clock.now() })
    }

    async fn save(&self, writes: Vec<Write>) -> Result<Saved, BackendError> {
        check_writes(&writes)?;
        writes.iter().map(|write| &write.key).try_for_each(check_segment)?;
        let _permit = self.permit()?;
        let segment = writes[0].key.segment();
        let wrote = self.write(segment, &writes).await;
        match wrote.map_err(|error| error::unavailable(&self.place, "write", error))? {
            Wrote::Done { seen, replicas } => {
                let now = self.saw(&seen);
                // It is there, whether or not it is acknowledged.
                self.watchers.tell(segment, seen.newest);
                if replicas < self.options.wait_replicas {
                    return Err(self.too_few(replicas));
                }
                Ok(Saved::Done { version: seen.newest, now })
            }
            Wrote::Refused { seen, current } => Ok(Saved::Refused { current, now: self.saw(&seen) }),
        }
    }

    fn too_few(&self, replicas: u32) -> BackendError {
        let wanted = self.options.wait_replicas;
        BackendError::Unavailable {
            place: self.place.clone(),
            doing: "have enough replicas keep a save in",
            advice: "see that its replicas run and are connected, or lower store.wait_replicas",
            is_temporary: true,
            source: Arc::new(std::io::Error::other(format!(
                "{replicas} replicas had it in time, where {wanted} are wanted"
            ))),
        }
    }
}

/// A brace would end the hash tag early or make it empty, and the segment would be spread.
fn check_segment(key: &Key) -> Result<(), BackendError> {
    if key.segment().contains(['{', '}']) {
        return Err(BackendError::Misuse { found: format!("the key {key} with a brace in its segment") });
    }
    Ok(())
}

impl Backend for Valkey {
    /// In a cluster, documents of several segments are not of one moment.
    fn load(&self, keys: Vec<Key>) -> BoxFuture<'_, Result<Loaded, BackendError>> {
        Box::pin(self.inner.load(keys))
    }

    fn save(&self, writes: Vec<Write>) -> BoxFuture<'_, Result<Saved, BackendError>> {
        Box::pin(self.inner.save(writes))
    }

    fn watch(&self, segment: &str) -> watch::Receiver<u64> {
        self.inner.watchers.watch(segment)
    }

    fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    fn warnings(&self) -> Vec<String> {
        self.inner.warnings.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl fmt::Debug for Valkey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Valkey").field("place", &self.inner.place).finish_non_exhaustive()
    }
}
