//! The file: where it lies, who may read it, what is in it, and which releases can.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anteroom_protocol::time::Timestamp;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::FILE_NAME;
use super::error::OpenError;
use crate::backend::Version;

/// Marks a file as ours: "Ante" in ASCII.
const APPLICATION_ID: i64 = 0x416e_7465;
/// The format this release writes, and the newest it reads. It goes up with every change of the tables.
const FORMAT: i64 = 1;
/// How long one process waits for another one's write lock before it gives up.
const LOCK_WAIT_MAX: Duration = Duration::from_secs(5);
/// How long to wait between two tries for the lock. A sync takes from a tenth of a millisecond to some.
const LOCK_RETRY_EVERY: Duration = Duration::from_micros(500);
/// Up to this size the whole file is checked when it is opened, which takes about a second for so much.
const CHECKED_BYTES_MAX: u64 = 256 << 20;
/// The write-ahead log is cut back to this size after a burst.
const LOG_BYTES_KEPT: i64 = 64 << 20;

const TABLES: &str = "
    CREATE TABLE documents (
        key TEXT NOT NULL PRIMARY KEY,
        version INTEGER NOT NULL,
        expires_at INTEGER,
        bytes BLOB NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX documents_by_expiry ON documents (expires_at) WHERE expires_at IS NOT NULL;

    -- The newest version in each first segment, so that other processes see whose documents were saved.
    CREATE TABLE segments (
        segment TEXT NOT NULL PRIMARY KEY,
        version INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;

    -- One row: the newest version of all, and the latest moment at which anything was saved.
    CREATE TABLE progress (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        version INTEGER NOT NULL,
        clock INTEGER NOT NULL
    ) STRICT;
    INSERT INTO progress VALUES (1, 0, 0);
";

/// The connection that writes, and where the store stands.
pub(super) struct Opened {
    pub(super) connection: Connection,
    pub(super) newest: Version,
    pub(super) clock_mark: Timestamp,
}

/// Makes the directory and an empty file when they are not there. Both are for this user only: the file holds
/// hashes of passwords.
pub(super) fn prepare_directory(directory: &Path) -> Result<PathBuf, OpenError> {
    let path = directory.to_owned();
    let refuse = |source: io::Error| match source.kind() {
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
            OpenError::NotADirectory { path: path.clone() }
        }
        _ => OpenError::NotWritable { path: path.clone(), source },
    };
    if directory.exists() && !directory.is_dir() {
        return Err(OpenError::NotADirectory { path });
    }
    let mut builder = fs::DirBuilder::new();
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    }
    builder.recursive(true).create(directory).map_err(refuse)?;
    let file = directory.join(FILE_NAME);
    match options.open(&file) {
        Ok(_) => Ok(file),
        Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists && file.is_dir() => {
            Err(OpenError::Damaged { path: file, found: "a directory is in its place".to_owned() })
        }
        Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => Ok(file),
        Err(cause) => Err(refuse(cause)),
    }
}

pub(super) fn open_for_writing(path: &Path) -> Result<Opened, OpenError> {
    let refuse = |cause| OpenError::from_sqlite(path, cause);
    let mut connection = connect(path).map_err(refuse)?;
    check_format(path, &connection)?;
    use_log(&connection).map_err(refuse)?;
    connection.pragma_update(None, "synchronous", "FULL").map_err(refuse)?;
    connection.pragma_update(None, "journal_size_limit", LOG_BYTES_KEPT).map_err(refuse)?;
    make_tables(&mut connection).map_err(refuse)?;
    // Another process may have made the tables meanwhile, and not of our format.
    check_format(path, &connection)?;
    check_health(path, &connection)?;
    let (newest, clock_mark) = progress(&connection).map_err(refuse)?;
    Ok(Opened { connection, newest, clock_mark })
}

pub(super) fn open_for_reading(path: &Path) -> Result<Connection, OpenError> {
    let connection = connect(path).map_err(|cause| OpenError::from_sqlite(path, cause))?;
    connection
        .pragma_update(None, "query_only", true)
        .map_err(|cause| OpenError::from_sqlite(path, cause))?;
    Ok(connection)
}

/// The newest version of all, and the latest moment at which anything was saved.
pub(super) fn progress(connection: &Connection) -> rusqlite::Result<(Version, Timestamp)> {
    let mut statement = connection.prepare_cached("SELECT version, clock FROM progress WHERE id = 1")?;
    statement.query_one([], |row| Ok((Version(row.get(0)?), Timestamp::from_millis(row.get(1)?))))
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    connection.busy_handler(Some(wait_for_lock))?;
    connection.set_prepared_statement_cache_capacity(32);
    Ok(connection)
}

/// SQLite's own waiting sleeps up to 100 ms between tries, in which a busy neighbour takes the lock many times.
fn wait_for_lock(tries: i32) -> bool {
    let tries_max = LOCK_WAIT_MAX.as_micros() / LOCK_RETRY_EVERY.as_micros();
    std::thread::sleep(LOCK_RETRY_EVERY);
    u128::from(tries.unsigned_abs()) < tries_max
}

fn check_format(path: &Path, connection: &Connection) -> Result<(), OpenError> {
    let read = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let application_id = read("application_id").map_err(|cause| OpenError::from_sqlite(path, cause))?;
    let format = read("user_version").map_err(|cause| OpenError::from_sqlite(path, cause))?;
    match (application_id, format) {
        (APPLICATION_ID, 0..=FORMAT) => Ok(()),
        (APPLICATION_ID, found) => Err(OpenError::Newer { path: path.to_owned(), found, known: FORMAT }),
        (0, 0) if is_empty(connection).map_err(|cause| OpenError::from_sqlite(path, cause))? => Ok(()),
        (found, _) => Err(OpenError::Foreign { path: path.to_owned(), found }),
    }
}

fn is_empty(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_one("SELECT NOT EXISTS (SELECT 1 FROM sqlite_schema)", [], |row| row.get(0))
}

/// Switches to the write-ahead log. SQLite does not wait by itself when two processes do this at once.
fn use_log(connection: &Connection) -> rusqlite::Result<()> {
    let begun = Instant::now();
    loop {
        match connection.pragma_update(None, "journal_mode", "WAL") {
            Err(cause)
                if cause.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy)
                    && begun.elapsed() < LOCK_WAIT_MAX =>
            {
                std::thread::sleep(LOCK_RETRY_EVERY);
            }
            result => return result,
        }
    }
}

fn make_tables(connection: &mut Connection) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if is_empty(&transaction)? {
        transaction.execute_batch(TABLES)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", FORMAT)?;
    }
    transaction.commit()
}

fn check_health(path: &Path, connection: &Connection) -> Result<(), OpenError> {
    let bytes = fs::metadata(path).map_or(0, |metadata| metadata.len());
    if bytes > CHECKED_BYTES_MAX {
        return Ok(());
    }
    let found: String = connection
        .query_one("PRAGMA quick_check(1)", [], |row| row.get(0))
        .map_err(|cause| OpenError::from_sqlite(path, cause))?;
    if found == "ok" { Ok(()) } else { Err(OpenError::Damaged { path: path.to_owned(), found }) }
}
