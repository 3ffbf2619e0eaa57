//! Whether the file is what this program wrote.
//!
//! SQLite finds what breaks its own structure. It has no checksums, so a document whose bytes changed on the disk would
//! be handed out as if it were good; hence each document carries a checksum of ours. And it takes whatever log lies
//! beside a database for the log of that database; hence the checksums are different ones in each store, and no version
//! in a store is newer than the newest that was noted.
//!
//! What breaks the structure stops the store, because every write could make it worse. A document that was altered is
//! not handed out, and the others are.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, Row, ffi};
use sha2::{Digest, Sha256};

use super::FILE_NAME;
use super::error::OpenError;

/// How many altered documents are named; the others are only counted.
const NAMED_MAX: usize = 10;

/// How thoroughly to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Depth {
    /// At a start: about a second for 256 MiB.
    Quick,
    /// For whoever asks: also whether each index holds just what its table holds.
    Full,
}

/// What is in a store whose structure is sound.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// How many documents there are.
    pub documents: u64,
    /// How many of them are not as they were written.
    pub altered: u64,
    /// The keys of the first few of those.
    pub altered_keys: Vec<String>,
}

/// Looks at all of the file; an error when its structure is broken.
pub(super) fn check(path: &Path, connection: &Connection, depth: Depth) -> Result<Health, OpenError> {
    let refuse = |cause| OpenError::from_sqlite(path, cause);
    let damaged = |found| OpenError::Damaged { path: path.to_owned(), found };
    let pragma = match depth {
        Depth::Quick => "PRAGMA quick_check(1)",
        Depth::Full => "PRAGMA integrity_check(1)",
    };
    let found: String = connection.query_one(pragma, [], |row| row.get(0)).map_err(refuse)?;
    if found != "ok" {
        return Err(damaged(found));
    }
    let is_newer_than_noted =
        "SELECT EXISTS (SELECT 1 FROM segments, progress WHERE segments.version > progress.version)
         OR EXISTS (SELECT 1 FROM documents, progress WHERE documents.version > progress.version)";
    if connection.query_one(is_newer_than_noted, [], |row| row.get(0)).map_err(refuse)? {
        return Err(damaged(
            "it holds documents newer than its newest save: parts of two databases".to_owned(),
        ));
    }
    let has_checksums = connection
        .query_one(
            "SELECT EXISTS (SELECT 1 FROM pragma_table_info('documents') WHERE name = 'checksum')",
            [],
            |row| row.get(0),
        )
        .map_err(refuse)?;
    if has_checksums { read_all(connection).map_err(refuse) } else { count(connection).map_err(refuse) }
}

/// A file of an older format has no checksums until it is opened for writing.
fn count(connection: &Connection) -> rusqlite::Result<Health> {
    let documents = connection.query_one("SELECT count(*) FROM documents", [], |row| row.get(0))?;
    Ok(Health { documents, ..Health::default() })
}

fn read_all(connection: &Connection) -> rusqlite::Result<Health> {
    let checksums = Checksums::of_store(connection)?;
    let mut statement =
        connection.prepare("SELECT key, version, expires_at, bytes, checksum FROM documents")?;
    let mut rows = statement.query([])?;
    let mut health = Health::default();
    while let Some(row) = rows.next()? {
        health.documents += 1;
        if !checksums.fit(row) {
            health.altered += 1;
            if health.altered_keys.len() < NAMED_MAX {
                let key = row.get_ref(0)?.as_bytes().unwrap_or_default();
                health.altered_keys.push(String::from_utf8_lossy(key).into_owned());
            }
        }
    }
    Ok(health)
}

/// Makes checksums for the documents of one store. Its identity goes into them, so that what another store's log brings
/// into this one is known as such.
#[derive(Clone, Debug)]
pub(super) struct Checksums {
    identity: Vec<u8>,
}

impl Checksums {
    /// For the store that this connection has open.
    pub(super) fn of_store(connection: &Connection) -> rusqlite::Result<Self> {
        let identity =
            connection.query_one("SELECT bytes FROM identity WHERE id = 1", [], |row| row.get(0))?;
        Ok(Self { identity })
    }

    /// What is kept beside a document to know it again: part of the SHA-256 of all that is in its row.
    pub(super) fn make(&self, key: &[u8], version: i64, expires_at: Option<i64>, bytes: &[u8]) -> i64 {
        let mut hash = Sha256::new();
        hash.update(&self.identity);
        hash.update(version.to_be_bytes());
        // Nothing is kept until the last moment there is, so it stands for "stays".
        hash.update(expires_at.unwrap_or(i64::MAX).to_be_bytes());
        hash.update(key);
        hash.update([0]);
        hash.update(bytes);
        let digest: [u8; 32] = hash.finalize().into();
        let [a, b, c, d, e, f, g, h, ..] = digest;
        i64::from_be_bytes([a, b, c, d, e, f, g, h])
    }

    /// Whether this row of key, version, expiry, bytes and checksum is as it was written. One that was altered may not
    /// even have the types that it was written with.
    pub(super) fn fit(&self, row: &Row<'_>) -> bool {
        let made = || -> rusqlite::Result<bool> {
            let (key, bytes) = (row.get_ref(0)?.as_bytes()?, row.get_ref(3)?.as_blob()?);
            Ok(row.get::<_, i64>(4)? == self.make(key, row.get(1)?, row.get(2)?, bytes))
        };
        made().unwrap_or(false)
    }
}

/// The error for a document that is not as it was written, said as SQLite says damage.
pub(super) fn altered(key: &str) -> rusqlite::Error {
    let found = format!("the document {key} is not as it was written");
    rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_CORRUPT), Some(found))
}

/// Refuses a database that is hardly begun, and a log that cannot be its own, before SQLite writes over them.
///
/// A backup, and a file that was never opened, do not say of themselves that they have a log (bytes 18 and 19 of the
/// header, section 1.3.3 of SQLite's file format). SQLite says it there before it makes one. Only for a file that nobody
/// has open: closing it here would end the locks of a connection in this process.
pub(super) fn check_files(path: &Path) -> Result<(), OpenError> {
    const HEADER_BYTES: usize = 20;
    const HAS_LOG: u8 = 2;
    let mut header = [0; HEADER_BYTES];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut header));
    match read {
        Ok(()) if header[18] != HAS_LOG && has_log(path) => Err(OpenError::ForeignLog { path: log_of(path) }),
        // What cannot be read is told by SQLite, which takes the first for empty and would go on without the log.
        Err(cause) if cause.kind() == ErrorKind::UnexpectedEof => Err(OpenError::Damaged {
            path: path.to_owned(),
            found: "it ends within its first bytes".to_owned(),
        }),
        _ => Ok(()),
    }
}

/// Whether there is a log beside this database with anything in it.
pub(super) fn has_log(path: &Path) -> bool {
    std::fs::metadata(log_of(path)).is_ok_and(|found| found.len() > 0)
}

fn log_of(path: &Path) -> PathBuf {
    path.with_file_name(format!("{FILE_NAME}-wal"))
}
