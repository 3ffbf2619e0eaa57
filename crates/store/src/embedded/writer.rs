//! The thread that writes.
//!
//! It makes durable together what came while it was busy, never by a timer: a lone save is made at once, and
//! under load the groups grow by themselves. All saves of a group stand in one transaction and are judged one
//! after the other inside it, so that each sees those before it; all are answered after the one sync.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use anteroom_protocol::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use tokio::sync::oneshot;

use super::error::unavailable;
use super::health::Checksums;
use super::reader::document;
use super::schema::{progress, work_off_log};
use crate::backend::{BackendError, SAVE_BYTES_MAX, Saved, Version, Write};
use crate::clock::Clock;
use crate::watchers::Watchers;

/// How often to look for saves of other processes. A change made elsewhere is to be seen within a second.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Most saves made durable together: what bounds the wait of the first of them.
const SAVES_TOGETHER_MAX: usize = 1_024;
/// Most bytes made durable together; one largest save always fits.
const BYTES_TOGETHER_MAX: usize = 2 * SAVE_BYTES_MAX;
/// How often expired documents are removed.
const SWEEP_EVERY: Duration = Duration::from_secs(1);
/// Most documents removed at once; that takes a few milliseconds. When there are more, the next sweep follows
/// with the next group, so that the removal keeps up with any rate of admission.
const SWEEP_MAX: usize = 2_000;
/// SQLite empties its log by itself when nobody reads at that moment. Where somebody always does, it is emptied when it has
/// grown by so much since that was last tried.
const LOG_BYTES_WORKED_OFF: u64 = 16 << 20;

/// A save that waits.
pub(super) struct Save {
    pub(super) writes: Vec<Write>,
    pub(super) reply: oneshot::Sender<Result<Saved, BackendError>>,
}

pub(super) struct Writer {
    path: PathBuf,
    log_path: PathBuf,
    connection: Connection,
    checksums: Checksums,
    clock: Arc<Clock>,
    watchers: Arc<Watchers>,
    /// The newest version whose watchers were told.
    told: Version,
    sweep_at: Instant,
    /// How long the log was when it was last tried to empty it and somebody read on.
    log_bytes_tried: u64,
    file: FileIdentity,
    /// Whether looking after the store failed the last time.
    is_failing: bool,
}

/// What one save came to inside the transaction.
enum Verdict {
    Done(Version),
    Refused(Saved),
    /// Refused, and what is there instead cannot be handed out.
    Failed(rusqlite::Error),
}

/// What a committed transaction did.
struct Committed {
    verdicts: Vec<Verdict>,
    now: Timestamp,
    before: Version,
    newest: Version,
}

impl Writer {
    pub(super) fn new(
        path: PathBuf,
        connection: Connection,
        checksums: Checksums,
        clock: Arc<Clock>,
        watchers: Arc<Watchers>,
        newest: Version,
    ) -> Self {
        let file = FileIdentity::of(&path);
        let mut log_path = path.clone().into_os_string();
        log_path.push("-wal");
        Self {
            path,
            log_path: log_path.into(),
            connection,
            checksums,
            clock,
            watchers,
            told: newest,
            sweep_at: Instant::now(),
            log_bytes_tried: 0,
            file,
            is_failing: false,
        }
    }

    /// Serves saves until nobody can send one any more.
    pub(super) fn run(mut self, waiting: &Receiver<Save>) {
        loop {
            match waiting.recv_timeout(LOOK_EVERY) {
                Ok(first) => {
                    let group = gather(first, waiting);
                    self.serve(group);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            let kept = self.keep_house();
            self.note(kept);
        }
    }

    fn serve(&mut self, group: Vec<Save>) {
        let outcome = if self.file.is_still_at(&self.path) { self.commit(&group) } else { Err(self.moved()) };
        match outcome {
            Ok(committed) => {
                self.tell(&group, &committed);
                for (save, verdict) in group.into_iter().zip(committed.verdicts) {
                    let saved = match verdict {
                        Verdict::Done(version) => Ok(Saved::Done { version, now: committed.now }),
                        Verdict::Refused(saved) => Ok(saved),
                        Verdict::Failed(cause) => Err(unavailable(&self.path, "read", cause)),
                    };
                    // Whoever asked may have gone; what was saved stays saved.
                    let _ = save.reply.send(saved);
                }
            }
            Err(error) => {
                for save in group {
                    let _ = save.reply.send(Err(error.clone()));
                }
            }
        }
    }

    fn commit(&mut self, group: &[Save]) -> Result<Committed, BackendError> {
        let committed = write_all(&mut self.connection, &self.checksums, &self.clock, group);
        committed.map_err(|cause| unavailable(&self.path, "write", cause))
    }

    /// Tells the watchers of what this group saved, and of what other processes saved before it.
    fn tell(&mut self, group: &[Save], committed: &Committed) {
        if committed.before != self.told {
            // Not yet told: versions of other processes. They are found together with our own.
            if let Err(cause) = self.look_around() {
                tracing::warn!(path = %self.path.display(), error = %cause, "could not look for others' saves");
            }
            return;
        }
        for (save, verdict) in group.iter().zip(&committed.verdicts) {
            if let (Verdict::Done(version), Some(write)) = (verdict, save.writes.first()) {
                self.watchers.tell(write.key.segment(), *version);
            }
        }
        self.told = committed.newest;
    }

    /// Logs when looking after the store begins to fail and when it works again, not 20 times a second in between.
    fn note(&mut self, kept: rusqlite::Result<()>) {
        let was_failing = std::mem::replace(&mut self.is_failing, kept.is_err());
        match kept {
            Err(cause) if !was_failing => {
                tracing::warn!(path = %self.path.display(), error = %cause, "could not look after the store");
            }
            Ok(()) if was_failing => {
                tracing::info!(path = %self.path.display(), "the store can be looked after again");
            }
            Ok(()) | Err(_) => {}
        }
    }

    fn keep_house(&mut self) -> rusqlite::Result<()> {
        self.look_around()?;
        if Instant::now() >= self.sweep_at {
            let removed = sweep(&self.connection, self.clock.now())?;
            if removed < SWEEP_MAX {
                self.sweep_at = Instant::now() + SWEEP_EVERY;
            }
        }
        self.bound_log()
    }

    fn bound_log(&mut self) -> rusqlite::Result<()> {
        let log_bytes = fs::metadata(&self.log_path).map_or(0, |log| log.len());
        self.log_bytes_tried = self.log_bytes_tried.min(log_bytes);
        if log_bytes >= self.log_bytes_tried + LOG_BYTES_WORKED_OFF {
            self.log_bytes_tried = if work_off_log(&mut self.connection)? { 0 } else { log_bytes };
        }
        Ok(())
    }

    /// Looks for what other processes saved, tells who watches it, and takes over their clock when it is ahead.
    fn look_around(&mut self) -> rusqlite::Result<()> {
        let (newest, clock_mark) = progress(&self.connection)?;
        self.clock.raise_to(clock_mark);
        if newest == self.told {
            return Ok(());
        }
        let mut statement =
            self.connection.prepare_cached("SELECT segment, version FROM segments WHERE version > ?1")?;
        let mut rows = statement.query([self.told.0])?;
        while let Some(row) = rows.next()? {
            self.watchers.tell(row.get_ref(0)?.as_str()?, Version(row.get(1)?));
        }
        self.told = newest;
        Ok(())
    }

    fn moved(&self) -> BackendError {
        BackendError::Unavailable {
            place: self.path.display().to_string(),
            doing: "write",
            advice: "the file was moved, removed or replaced under the running program: put it back or start again",
            is_temporary: false,
            source: Arc::new(std::io::Error::from(std::io::ErrorKind::NotFound)),
        }
    }
}

fn gather(first: Save, waiting: &Receiver<Save>) -> Vec<Save> {
    let size = |save: &Save| save.writes.iter().map(|write| write.bytes.len()).sum::<usize>();
    let mut bytes = size(&first);
    let mut group = vec![first];
    while group.len() < SAVES_TOGETHER_MAX && bytes + SAVE_BYTES_MAX <= BYTES_TOGETHER_MAX {
        let Ok(save) = waiting.try_recv() else { break };
        bytes += size(&save);
        group.push(save);
    }
    group
}

fn write_all(
    connection: &mut Connection,
    checksums: &Checksums,
    clock: &Clock,
    group: &[Save],
) -> rusqlite::Result<Committed> {
    // Dropped without a commit, the transaction is rolled back.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let (before, clock_mark) = progress(&transaction)?;
    clock.raise_to(clock_mark);
    let now = clock.now();
    let mut newest = before;
    let mut verdicts = Vec::with_capacity(group.len());
    for save in group {
        let next = newest.following(now);
        let verdict = judge(&transaction, checksums, &save.writes, next, now)?;
        if let Verdict::Done(version) = verdict {
            newest = version;
        }
        verdicts.push(verdict);
    }
    if newest != before {
        let mut statement =
            transaction.prepare_cached("UPDATE progress SET version = ?1, clock = ?2 WHERE id = 1")?;
        statement.execute(params![newest.0, kept_moment(now)])?;
    }
    transaction.commit()?;
    Ok(Committed { verdicts, now, before, newest })
}

fn judge(
    transaction: &Transaction<'_>,
    checksums: &Checksums,
    writes: &[Write],
    version: Version,
    now: Timestamp,
) -> rusqlite::Result<Verdict> {
    let mut statement = transaction.prepare_cached("SELECT version FROM documents WHERE key = ?1")?;
    for write in writes {
        let found = statement.query_one([write.key.as_str()], |row| row.get(0).map(Version)).optional()?;
        if found != write.expected {
            let current = writes.iter().map(|write| document(transaction, checksums, &write.key)).collect();
            return Ok(match current {
                Ok(current) => Verdict::Refused(Saved::Refused { current, now }),
                // Nothing was written for this one. The others of the group are not to suffer from its document.
                Err(cause) => Verdict::Failed(cause),
            });
        }
    }
    for write in writes {
        apply(transaction, checksums, write, version, now)?;
    }
    if let Some(write) = writes.first() {
        let mut statement = transaction.prepare_cached(
            "INSERT INTO segments VALUES (?1, ?2) ON CONFLICT (segment) DO UPDATE SET version = excluded.version",
        )?;
        statement.execute(params![write.key.segment(), version.0])?;
    }
    Ok(Verdict::Done(version))
}

fn apply(
    transaction: &Transaction<'_>,
    checksums: &Checksums,
    write: &Write,
    version: Version,
    now: Timestamp,
) -> rusqlite::Result<()> {
    let key = write.key.as_str();
    if write.expires_at.is_some_and(|moment| moment <= now) {
        transaction.prepare_cached("DELETE FROM documents WHERE key = ?1")?.execute([key])?;
        return Ok(());
    }
    let mut statement = transaction.prepare_cached(
        "INSERT INTO documents (key, version, expires_at, bytes, checksum) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (key) DO UPDATE SET version = excluded.version, expires_at = excluded.expires_at,
         bytes = excluded.bytes, checksum = excluded.checksum",
    )?;
    let expires_at = write.expires_at.map(kept_moment);
    let checksum = checksums.make(key.as_bytes(), kept_version(version), expires_at, &write.bytes);
    statement.execute(params![key, version.0, expires_at, write.bytes, checksum])?;
    Ok(())
}

fn sweep(connection: &Connection, now: Timestamp) -> rusqlite::Result<usize> {
    let mut statement = connection.prepare_cached(
        "DELETE FROM documents WHERE key IN
         (SELECT key FROM documents WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2)",
    )?;
    statement.execute(params![kept_moment(now), SWEEP_MAX])
}

/// A version as SQLite keeps it; one beyond its integers is refused by the driver.
fn kept_version(version: Version) -> i64 {
    i64::try_from(version.0).unwrap_or(i64::MAX)
}

/// A moment as SQLite can keep it; what lies beyond its integers is far enough away to be the same.
fn kept_moment(moment: Timestamp) -> i64 {
    i64::try_from(moment.as_millis()).unwrap_or(i64::MAX)
}

/// Which file was opened. Somebody who removes or replaces the file under a running process would otherwise get
/// acknowledgements for what is written to a file without a name.
struct FileIdentity {
    #[cfg(unix)]
    device_and_inode: Option<(u64, u64)>,
}

#[cfg(unix)]
impl FileIdentity {
    fn of(path: &std::path::Path) -> Self {
        use std::os::unix::fs::MetadataExt;
        let metadata = fs::metadata(path);
        Self { device_and_inode: metadata.ok().map(|found| (found.dev(), found.ino())) }
    }

    fn is_still_at(&self, path: &std::path::Path) -> bool {
        Self::of(path).device_and_inode == self.device_and_inode
    }
}

#[cfg(not(unix))]
impl FileIdentity {
    fn of(_: &std::path::Path) -> Self {
        Self {}
    }

    fn is_still_at(&self, _: &std::path::Path) -> bool {
        // Such systems do not let an open file be removed.
        true
    }
}
