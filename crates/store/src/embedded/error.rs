//! What SQLite and the file system say, put as what an operator can do about it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::{ErrorCode, ffi};

use crate::backend::BackendError;

/// Why the store in a data directory could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The name is taken by something that is no directory.
    #[error("the data directory {} is not a directory; name one that is, or one that does not exist yet", path.display())]
    NotADirectory {
        /// What was named.
        path: PathBuf,
    },
    /// The directory cannot be made, or nothing can be written there.
    #[error(
        "cannot write to the data directory {}; give the user this program runs as the right to write there, or name another directory",
        path.display()
    )]
    NotWritable {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The lock on the directory cannot be had, because its file system has none.
    #[error("cannot lock {}; name a data directory on a local disk", path.display())]
    Lock {
        /// The lock's file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A backup is being put in place of the store.
    #[error("the store in {} is being restored at this moment; start again when that is done", path.display())]
    BeingRestored {
        /// The directory.
        path: PathBuf,
    },
    /// A backup was being put in place of the store, and that did not come to its end.
    #[error(
        "a restore into {} was cut short; run the same `anteroom restore` again, and start then",
        path.display()
    )]
    RestoreCutShort {
        /// The directory.
        path: PathBuf,
    },
    /// The log beside the database belongs to another one.
    #[error(
        "{} is the log of another database than the one beside it, as after copying a backup over a database by hand; move the log out of the directory, then start again",
        path.display()
    )]
    ForeignLog {
        /// The log.
        path: PathBuf,
    },
    /// The disk has no room left.
    #[error("no room is left on the disk for {}; free some and start again", path.display())]
    Full {
        /// The database.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// Another process holds the file and does not let go.
    #[error("{} is held by another process that does not let go of it; end that process and start again", path.display())]
    Held {
        /// The database.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// The file is a database, but not one of ours.
    #[error("{} is a database of another program (application id {found}); name another data directory", path.display())]
    Foreign {
        /// The database.
        path: PathBuf,
        /// The application id it carries.
        found: i64,
    },
    /// A newer release has written the file.
    #[error(
        "{} has format {found}, and this release reads up to {known}; start the newer release that wrote it, or put back a backup from before",
        path.display()
    )]
    Newer {
        /// The database.
        path: PathBuf,
        /// The format it has.
        found: i64,
        /// The newest format this release reads.
        known: i64,
    },
    /// The file is damaged, or no database at all.
    #[error(
        "{} is damaged ({found}); stop every anteroom process and put back a backup with `anteroom restore`, which sets the damaged file aside; visitors keep their places by their tickets; without a backup, move anteroom.db, anteroom.db-wal and anteroom.db-shm out of the directory and make rooms and operators anew",
        path.display()
    )]
    Damaged {
        /// The database.
        path: PathBuf,
        /// What is wrong with it.
        found: String,
    },
    /// The file could not be read or written.
    #[error("cannot open {}; check that its disk is mounted and healthy", path.display())]
    Unreadable {
        /// The database.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// The system would not start a thread.
    #[error("cannot start a thread to serve {}; allow this program more threads", path.display())]
    Thread {
        /// The database.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl OpenError {
    pub(super) fn from_sqlite(path: &Path, source: rusqlite::Error) -> Self {
        let path = path.to_owned();
        if matches!(source, rusqlite::Error::QueryReturnedNoRows) {
            return Self::Damaged { path, found: "what must be in it is missing".to_owned() };
        }
        match source.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                Self::Damaged { path, found: source.to_string() }
            }
            _ if is_no_room(&source) => Self::Full { path, source },
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Held { path, source },
            Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
                let directory = path.parent().map_or_else(|| path.clone(), Path::to_owned);
                Self::NotWritable { path: directory, source: io::Error::other(source) }
            }
            _ => Self::Unreadable { path, source },
        }
    }
}

/// Whether there is no room on the disk. SQLite says an input or output error when the memory that processes share, a
/// file too, cannot grow.
fn is_no_room(source: &rusqlite::Error) -> bool {
    source.sqlite_error().is_some_and(|error| {
        error.code == ErrorCode::DiskFull || error.extended_code == ffi::SQLITE_IOERR_SHMSIZE
    })
}

/// An error of SQLite while a request is served.
pub(super) fn unavailable(path: &Path, doing: &'static str, source: rusqlite::Error) -> BackendError {
    let (advice, is_temporary) = match source.sqlite_error_code() {
        _ if is_no_room(&source) => ("free some room on its disk", true),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            ("another process holds it; end that process if it does not let go", true)
        }
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => (
            "it is damaged: stop every anteroom process and put back a backup with `anteroom restore`",
            false,
        ),
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
            ("give the user this program runs as the right to write there", false)
        }
        _ => ("check that its disk is mounted and healthy", true),
    };
    BackendError::Unavailable {
        place: path.display().to_string(),
        doing,
        advice,
        is_temporary,
        source: Arc::new(source),
    }
}
