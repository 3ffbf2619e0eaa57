//! The file: where it lies, who may read it, what is in it, and which releases can.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anteroom_protocol::time::Timestamp;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::FILE_NAME;
use super::error::OpenError;
use super::health::{self, Depth, Health};
use super::lock;
use crate::backend::Version;

/// Marks a file as ours: "Ante" in ASCII.
const APPLICATION_ID: i64 = 0x416e_7465;
/// The format this release writes, and the newest it reads. It goes up with every change of the tables.
const FORMAT: i64 = 2;
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
        bytes BLOB NOT NULL,
        checksum INTEGER NOT NULL
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
    /// None when the file is too large to be looked at with every start.
    pub(super) health: Option<Health>,
}

/// Makes the directory when it is not there.
pub(super) fn prepare_directory(directory: &Path) -> Result<(), OpenError> {
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
    lock::make_directory(directory).map_err(refuse)
}

/// Makes an empty file when there is none.
pub(super) fn prepare_file(directory: &Path) -> Result<PathBuf, OpenError> {
    let file = directory.join(FILE_NAME);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    lock::owner_only(&mut options);
    match options.open(&file) {
        Ok(_) => Ok(file),
        Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists && file.is_dir() => {
            Err(OpenError::Damaged { path: file, found: "a directory is in its place".to_owned() })
        }
        Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => Ok(file),
        Err(source) => Err(OpenError::NotWritable { path: directory.to_owned(), source }),
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
    let health = check_health(path, &connection)?;
    let (newest, clock_mark) = progress(&connection).map_err(refuse)?;
    Ok(Opened { connection, newest, clock_mark, health })
}

pub(super) fn open_for_reading(path: &Path) -> Result<Connection, OpenError> {
    let connection = connect(path).map_err(|cause| OpenError::from_sqlite(path, cause))?;
    connection
        .pragma_update(None, "query_only", true)
        .map_err(|cause| OpenError::from_sqlite(path, cause))?;
    Ok(connection)
}

/// For those who copy or inspect: the file must be one of ours already.
pub(super) fn open_for_copying(path: &Path) -> Result<Connection, OpenError> {
    let connection = connect(path).map_err(|cause| OpenError::from_sqlite(path, cause))?;
    check_format(path, &connection)?;
    if is_empty(&connection).map_err(|cause| OpenError::from_sqlite(path, cause))? {
        return Err(OpenError::Damaged { path: path.to_owned(), found: "it is empty".to_owned() });
    }
    Ok(connection)
}

/// Makes the database a single file again. Nobody else may have it open.
pub(super) fn give_up_log(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "journal_mode", "DELETE")
}

/// The newest version of all, and the latest moment at which anything was saved.
pub(super) fn progress(connection: &Connection) -> rusqlite::Result<(Version, Timestamp)> {
    let mut statement = connection.prepare_cached("SELECT version, clock FROM progress WHERE id = 1")?;
    statement.query_one([], |row| Ok((Version(row.get(0)?), Timestamp::from_millis(row.get(1)?))))
}

pub(super) fn connect(path: &Path) -> rusqlite::Result<Connection> {
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

/// Refuses what is not ours or too new. A file without anything in it is to become one of ours.
fn check_format(path: &Path, connection: &Connection) -> Result<(), OpenError> {
    let refuse = |cause| OpenError::from_sqlite(path, cause);
    let application_id = number(connection, "application_id").map_err(refuse)?;
    let format = number(connection, "user_version").map_err(refuse)?;
    match (application_id, format) {
        (APPLICATION_ID, 0..=FORMAT) => Ok(()),
        (APPLICATION_ID, found) => Err(OpenError::Newer { path: path.to_owned(), found, known: FORMAT }),
        (0, 0) if is_empty(connection).map_err(refuse)? => Ok(()),
        (found, _) => Err(OpenError::Foreign { path: path.to_owned(), found }),
    }
}

fn number(connection: &Connection, pragma: &str) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, pragma, |row| row.get(0))
}

pub(super) fn is_empty(connection: &Connection) -> rusqlite::Result<bool> {
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
    } else if number(&transaction, "user_version")? < FORMAT {
        add_checksums(&transaction)?;
        transaction.pragma_update(None, "user_version", FORMAT)?;
    }
    transaction.commit()
}

/// Brings a file of format 1 to format 2.
fn add_checksums(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch("ALTER TABLE documents ADD COLUMN checksum INTEGER NOT NULL DEFAULT 0")?;
    let mut read = connection.prepare("SELECT key, version, expires_at, bytes FROM documents")?;
    let checksums = read.query_map([], |row| {
        let key: String = row.get(0)?;
        let checksum = health::checksum(key.as_bytes(), row.get(1)?, row.get(2)?, row.get_ref(3)?.as_blob()?);
        Ok((key, checksum))
    })?;
    // Not while the table is being read.
    let checksums = checksums.collect::<rusqlite::Result<Vec<_>>>()?;
    let mut write = connection.prepare("UPDATE documents SET checksum = ?2 WHERE key = ?1")?;
    for checksum in checksums {
        write.execute(checksum)?;
    }
    Ok(())
}

fn check_health(path: &Path, connection: &Connection) -> Result<Option<Health>, OpenError> {
    let bytes = fs::metadata(path).map_or(0, |metadata| metadata.len());
    if bytes > CHECKED_BYTES_MAX {
        return Ok(None);
    }
    health::check(path, connection, Depth::Quick).map(Some)
}
