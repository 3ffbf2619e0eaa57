//! Documents in one SQLite file, for an installation on one machine: no server to install, safe against crashes
//! and loss of power.
//!
//! The file is `anteroom.db` in the data directory, in WAL mode with `synchronous=FULL`. One thread writes: it
//! takes whatever saves came while the last ones were being synced and makes them durable together, so that the
//! cost of a sync is shared, while each save keeps its own verdict. Another thread reads. Several processes of
//! one machine may share the directory: a save compares and sets inside SQLite's write lock, and each process
//! looks for the others' saves 20 times a second. A directory on a network file system will not do, because WAL
//! needs shared memory.

mod backup;
mod error;
mod health;
mod lock;
mod reader;
mod restore;
mod schema;
mod writer;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};

use anteroom_protocol::time::Timestamp;
use tokio::sync::{oneshot, watch};

pub use self::backup::{Backup, BackupError, back_up};
pub use self::error::OpenError;
use self::health::Depth;
pub use self::health::Health;
use self::lock::FolderLock;
use self::reader::{Load, Reader};
pub use self::restore::{RestoreError, Restored, Restoring};
use self::schema::Opened;
use self::writer::{Save, Writer};
use crate::backend::{Backend, BackendError, BoxFuture, Key, Loaded, Saved, Write, check_keys, check_writes};
use crate::clock::Clock;
use crate::watchers::Watchers;

/// Name of the database within the data directory.
pub const FILE_NAME: &str = "anteroom.db";
/// Most saves that wait for the writer. At a thousand syncs a second and one save per room and sync, far more
/// than a machine has rooms; beyond it, waiting longer would only hide that the disk is too slow.
pub const SAVES_WAITING_MAX: usize = 4_096;
/// Most loads that wait for the reader.
pub const LOADS_WAITING_MAX: usize = 4_096;

const WRITER: &str = "anteroom-writer";
const READER: &str = "anteroom-reader";

/// Opens the store in this data directory, or makes both when they are not there.
///
/// Blocks for some milliseconds; when the file is large or another process is busy with it, longer.
pub fn open(directory: &Path) -> Result<Embedded, OpenError> {
    open_with(directory, &Options::default())
}

/// Reads the whole store in this data directory and says what is in it, without changing any of it. Others may use
/// it meanwhile. None when there is no store.
///
/// # Errors
/// When its structure is broken, or it cannot be read.
pub fn inspect(directory: &Path) -> Result<Option<Health>, OpenError> {
    let path = directory.join(FILE_NAME);
    if !path.exists() {
        return Ok(None);
    }
    let _lock = FolderLock::shared(directory, || health::check_files(&path))?;
    let connection = schema::open_for_copying(&path)?;
    health::check(&path, &connection, Depth::Full).map(Some)
}

#[derive(Default)]
struct Options {
    /// As if the disk had room for so many pages only.
    pages_max: Option<u32>,
}

fn open_with(directory: &Path, options: &Options) -> Result<Embedded, OpenError> {
    schema::prepare_directory(directory)?;
    let lock = FolderLock::shared(directory, || schema::prepare_file(directory))?;
    let path = directory.join(FILE_NAME);
    let Opened { connection, checksums, newest, clock_mark, health } = schema::open_for_writing(&path)?;
    if let Some(health) = health.filter(|health| health.altered > 0) {
        tracing::error!(
            path = %path.display(),
            altered = health.altered,
            keys = ?health.altered_keys,
            "documents are not as they were written and will not be handed out; put back a backup with `anteroom restore`"
        );
    }
    if let Some(pages) = options.pages_max {
        connection
            .pragma_update(None, "max_page_count", pages)
            .map_err(|cause| OpenError::from_sqlite(&path, cause))?;
    }
    let reading = schema::open_for_reading(&path)?;

    let clock = Arc::new(Clock::start(clock_mark));
    let ahead = clock.ahead();
    if ahead.as_secs() > 0 {
        tracing::warn!(
            path = %path.display(),
            seconds = ahead.as_secs(),
            "the store has seen later moments than this machine's clock shows, and goes on from there; check the clock"
        );
    }
    let watchers = Arc::new(Watchers::default());
    let (saves, saves_to_do) = sync_channel(SAVES_WAITING_MAX);
    let (loads, loads_to_do) = sync_channel(LOADS_WAITING_MAX);
    let writer =
        Writer::new(path.clone(), connection, checksums.clone(), clock.clone(), watchers.clone(), newest);
    let reader = Reader::new(path.clone(), reading, checksums, clock.clone());
    let threads = vec![
        spawn(&path, WRITER, move || writer.run(&saves_to_do))?,
        spawn(&path, READER, move || reader.run(&loads_to_do))?,
    ];
    let channels = Some(Channels { saves, loads });
    Ok(Embedded { inner: Arc::new(Inner { path, clock, watchers, channels, threads, _lock: lock }) })
}

fn spawn(path: &Path, name: &str, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, OpenError> {
    let thread = thread::Builder::new().name(name.to_owned());
    thread.spawn(run).map_err(|source| OpenError::Thread { path: path.to_owned(), source })
}

/// The store in one SQLite file. Clones share it; when the last one is dropped, the saves that still wait are
/// made and the file is closed, which may block for as long as that takes.
#[derive(Clone)]
pub struct Embedded {
    inner: Arc<Inner>,
}

struct Inner {
    path: PathBuf,
    clock: Arc<Clock>,
    watchers: Arc<Watchers>,
    /// Always there until the last owner is gone; the threads end when it is taken.
    channels: Option<Channels>,
    threads: Vec<JoinHandle<()>>,
    /// Given back after the threads have ended.
    _lock: FolderLock,
}

struct Channels {
    saves: SyncSender<Save>,
    loads: SyncSender<Load>,
}

impl Embedded {
    /// The database file.
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    fn place(&self) -> String {
        self.inner.path.display().to_string()
    }

    async fn ask<Q, A>(
        &self,
        queue: Option<&SyncSender<Q>>,
        waiting_max: usize,
        question: impl FnOnce(oneshot::Sender<Result<A, BackendError>>) -> Q,
    ) -> Result<A, BackendError> {
        let closed = || BackendError::Closed { place: self.place() };
        let (reply, answer) = oneshot::channel();
        match queue.ok_or_else(closed)?.try_send(question(reply)) {
            Ok(()) => answer.await.unwrap_or_else(|_| Err(closed())),
            Err(TrySendError::Full(_)) => {
                Err(BackendError::Behind { place: self.place(), waiting: waiting_max })
            }
            Err(TrySendError::Disconnected(_)) => Err(closed()),
        }
    }
}

impl Backend for Embedded {
    fn load(&self, keys: Vec<Key>) -> BoxFuture<'_, Result<Loaded, BackendError>> {
        Box::pin(async move {
            check_keys(&keys)?;
            let queue = self.inner.channels.as_ref().map(|channels| &channels.loads);
            self.ask(queue, LOADS_WAITING_MAX, |reply| Load { keys, reply }).await
        })
    }

    fn save(&self, writes: Vec<Write>) -> BoxFuture<'_, Result<Saved, BackendError>> {
        Box::pin(async move {
            check_writes(&writes)?;
            let queue = self.inner.channels.as_ref().map(|channels| &channels.saves);
            self.ask(queue, SAVES_WAITING_MAX, |reply| Save { writes, reply }).await
        })
    }

    fn watch(&self, segment: &str) -> watch::Receiver<u64> {
        self.inner.watchers.watch(segment)
    }

    fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }
}

impl fmt::Debug for Embedded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Embedded").field("path", &self.inner.path).finish_non_exhaustive()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // Without senders the threads finish what waits and end. They are waited for, so that whoever drops the last
        // owner may remove the directory; the reader first, because only the last connection works off the log, and of
        // two that close at the same moment neither is the last.
        let Some(Channels { saves, loads }) = self.channels.take() else { return };
        drop(loads);
        self.join(READER);
        drop(saves);
        self.join(WRITER);
    }
}

impl Inner {
    fn join(&mut self, name: &str) {
        let Some(at) = self.threads.iter().position(|thread| thread.thread().name() == Some(name)) else {
            return;
        };
        if self.threads.swap_remove(at).join().is_err() {
            tracing::error!(path = %self.path.display(), name, "a thread of the store ended by a panic");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn put(store: &Embedded, name: &str, bytes: usize) -> Result<Saved, BackendError> {
        let write =
            Write { key: Key::new("room", name), expected: None, bytes: vec![1; bytes], expires_at: None };
        store.save(vec![write]).await
    }

    #[tokio::test]
    async fn full_disk_is_said_and_what_was_acknowledged_stays() {
        const PAGES: u32 = 64;
        let directory = tempfile::tempdir().unwrap();
        let full = open_with(directory.path(), &Options { pages_max: Some(PAGES) }).unwrap();
        put(&full, "a", 1_000).await.unwrap();
        let error = put(&full, "large", 1 << 20).await.unwrap_err();
        assert!(error.is_temporary(), "{error}");
        assert!(error.to_string().contains("free some room on its disk"), "{error}");
        // What is small enough still fits, and what was there is there.
        put(&full, "b", 1_000).await.unwrap();
        drop(full);
        let store = open(directory.path()).unwrap();
        let keys = ["a", "large", "b"].map(|name| Key::new("room", name));
        let found = store.load(keys.to_vec()).await.unwrap().documents;
        assert!(
            matches!(&found[..], [Some(first), None, Some(second)] if first.version < second.version),
            "{found:?}"
        );
        put(&store, "large", 1 << 20).await.unwrap();
    }
}
