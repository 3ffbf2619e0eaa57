//! The file: where it lies, who may read it, what is in it, and which releases can.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use anteroom_protocol::time::Timestamp;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::FILE_NAME;
use super::error::OpenError;
use super::health::{self, Checksums, Depth, Health};
use super::lock;
use crate::backend::Version;

/// Under this name a new store is made.
const NEW_NAME: &str = "anteroom.db.new";
/// Marks a file as ours: "Ante" in ASCII.
const APPLICATION_ID: i64 = 0x416e_7465;
/// The format this release writes, and the newest it reads. It goes up with every change of the tables.
const FORMAT: i64 = 2;
/// How long one process waits for another one's write lock before it gives up.
const LOCK_WAIT_MAX: Duration = Duration::from_secs(5);
/// How long to wait between two tries for the lock. A sync takes from a tenth of a millisecond to some.
const LOCK_RETRY_EVERY: Duration = Duration::from_micros(500);
/// Up to this size the whole file is checked when it is opened; that took 1.5 s for 215 MiB on a busy machine.
const CHECKED_BYTES_MAX: u64 = 256 << 20;
/// The write-ahead log is cut back to this size after a burst.
const LOG_BYTES_KEPT: i64 = 64 << 20;
/// How long a save may be held up by readers who are still in the log when it is worked off.
const LOG_WAIT_MAX: Duration = Duration::from_millis(50);

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

/// One row: which store this is. It has a page of its own that no save touches, so it is in no log: what a log of another
/// store brings with it is known by it.
const IDENTITY_TABLE: &str = "
    CREATE TABLE identity (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        bytes BLOB NOT NULL
    ) STRICT;
    INSERT INTO identity VALUES (1, randomblob(16));
";

/// The connection that writes, and where the store stands.
pub(super) struct Opened {
    pub(super) connection: Connection,
    pub(super) checksums: Checksums,
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

/// Makes an empty store where there is none, and refuses what cannot be one. Nobody else may use the directory.
///
/// The file gets its name when it is whole: one that is empty or hardly begun has lost what was in it, and must not
/// become a new store without a word.
pub(super) fn prepare_file(directory: &Path) -> Result<(), OpenError> {
    let path = directory.join(FILE_NAME);
    if path.is_dir() {
        return Err(OpenError::Damaged { path, found: "a directory is in its place".to_owned() });
    }
    if path.exists() {
        return health::check_files(&path);
    }
    if health::has_log(&path) {
        return Err(OpenError::Damaged { path, found: "it is missing, and its log is there".to_owned() });
    }
    let refuse = |source| OpenError::NotWritable { path: directory.to_owned(), source };
    let unfinished = directory.join(NEW_NAME);
    // What a start left behind that was cut short.
    for name in [NEW_NAME.to_owned(), format!("{NEW_NAME}-journal")] {
        match fs::remove_file(directory.join(name)) {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(refuse(cause)),
            _ => {}
        }
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    lock::owner_only(&mut options);
    options.open(&unfinished).map_err(refuse)?;
    make_tables(&unfinished).map_err(|cause| OpenError::from_sqlite(&path, cause))?;
    let named = File::open(&unfinished)
        .and_then(|file| file.sync_all())
        .and_then(|()| fs::rename(&unfinished, &path))
        .and_then(|()| lock::sync_directory(directory));
    named.map_err(refuse)
}

fn make_tables(path: &Path) -> rusqlite::Result<()> {
    let mut connection = connect(path)?;
    let transaction = connection.transaction()?;
    transaction.execute_batch(TABLES)?;
    transaction.execute_batch(IDENTITY_TABLE)?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", FORMAT)?;
    transaction.commit()
}

pub(super) fn open_for_writing(path: &Path) -> Result<Opened, OpenError> {
    let refuse = |cause| OpenError::from_sqlite(path, cause);
    let mut connection = connect(path).map_err(refuse)?;
    check_format(path, &connection)?;
    use_log(&connection).map_err(refuse)?;
    connection.pragma_update(None, "synchronous", "FULL").map_err(refuse)?;
    connection.pragma_update(None, "journal_size_limit", LOG_BYTES_KEPT).map_err(refuse)?;
    bring_to_format(&mut connection).map_err(refuse)?;
    let checksums = Checksums::of_store(&connection).map_err(refuse)?;
    let health = check_health(path, &connection)?;
    let (newest, clock_mark) = progress(&connection).map_err(refuse)?;
    Ok(Opened { connection, checksums, newest, clock_mark, health })
}

pub(super) fn open_for_reading(path: &Path) -> Result<Connection, OpenError> {
    let connection = connect(path).map_err(|cause| OpenError::from_sqlite(path, cause))?;
    connection
        .pragma_update(None, "query_only", true)
        .map_err(|cause| OpenError::from_sqlite(path, cause))?;
    Ok(connection)
}

/// For those who copy or inspect: changes nothing.
pub(super) fn open_for_copying(path: &Path) -> Result<Connection, OpenError> {
    let connection = connect(path).map_err(|cause| OpenError::from_sqlite(path, cause))?;
    check_format(path, &connection)?;
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

/// Works the log off and empties it, unless readers stay in it for longer than a save can be held up. Says whether it
/// was emptied.
pub(super) fn work_off_log(connection: &mut Connection) -> rusqlite::Result<bool> {
    connection.busy_timeout(LOG_WAIT_MAX)?;
    let was_held_up =
        connection.query_one("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, bool>(0));
    connection.busy_handler(Some(wait_for_lock))?;
    Ok(!was_held_up?)
}

/// SQLite's own waiting sleeps up to 100 ms between tries, in which a busy neighbour takes the lock many times.
fn wait_for_lock(tries: i32) -> bool {
    let tries_max = LOCK_WAIT_MAX.as_micros() / LOCK_RETRY_EVERY.as_micros();
    std::thread::sleep(LOCK_RETRY_EVERY);
    u128::from(tries.unsigned_abs()) < tries_max
}

/// Refuses what is not ours or too new.
fn check_format(path: &Path, connection: &Connection) -> Result<(), OpenError> {
    let refuse = |cause| OpenError::from_sqlite(path, cause);
    let application_id = number(connection, "application_id").map_err(refuse)?;
    let format = number(connection, "user_version").map_err(refuse)?;
    let path = path.to_owned();
    match (application_id, format) {
        (APPLICATION_ID, 1..=FORMAT) => Ok(()),
        (APPLICATION_ID, found) => Err(OpenError::Newer { path, found, known: FORMAT }),
        (0, 0) if is_empty(connection).map_err(refuse)? => {
            Err(OpenError::Damaged { path, found: "it is empty".to_owned() })
        }
        (found, _) => Err(OpenError::Foreign { path, found }),
    }
}

fn number(connection: &Connection, pragma: &str) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, pragma, |row| row.get(0))
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

/// Brings a file of format 1, which had no checksums, to format 2.
fn bring_to_format(connection: &mut Connection) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if number(&transaction, "user_version")? < FORMAT {
        transaction.execute_batch("ALTER TABLE documents ADD COLUMN checksum INTEGER NOT NULL DEFAULT 0")?;
        transaction.execute_batch(IDENTITY_TABLE)?;
        add_checksums(&transaction)?;
        transaction.pragma_update(None, "user_version", FORMAT)?;
    }
    transaction.commit()
}

fn add_checksums(connection: &Connection) -> rusqlite::Result<()> {
    let checksums = Checksums::of_store(connection)?;
    let mut read = connection.prepare("SELECT key, version, expires_at, bytes FROM documents")?;
    let made = read.query_map([], |row| {
        let key: String = row.get(0)?;
        let checksum = checksums.make(key.as_bytes(), row.get(1)?, row.get(2)?, row.get_ref(3)?.as_blob()?);
        Ok((key, checksum))
    })?;
    // Not while the table is being read.
    let made = made.collect::<rusqlite::Result<Vec<_>>>()?;
    let mut write = connection.prepare("UPDATE documents SET checksum = ?2 WHERE key = ?1")?;
    for checksum in made {
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
