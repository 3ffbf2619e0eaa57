//! A copy of the store, made while it is in use.
//!
//! The copy is one file and shows the store as it stood between two saves. SQLite builds it anew from what is in the
//! store, out of one view, so that savers need not wait, and what is broken is not copied along unseen. It bears its
//! name only once it is whole, checked, and safe from a loss of power: a backup under its name is a good one.
//!
//! The master key is not in it. Backups are made often, travel to other machines and are kept for long; the key never
//! changes, so one copy of it, kept elsewhere, is enough, and a backup that gets lost opens no secret.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use anteroom_protocol::time::Timestamp;
use data_encoding::HEXLOWER;
use rusqlite::ErrorCode;

use super::error::OpenError;
use super::health::{self, Depth};
use super::lock::{FolderLock, owner_only, sync_directory};
use super::{FILE_NAME, schema};

/// A backup that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backup {
    /// The moment of the newest save in it; the beginning of time when there was none.
    pub as_of: Timestamp,
    /// How many documents are in it.
    pub documents: u64,
    /// Its size.
    pub bytes: u64,
}

/// Why there is no backup. Nothing is left of it then, unless the process was ended: what remains has `unfinished` in
/// its name and may be removed.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// There is no store.
    #[error("there is no store in {}: nothing to back up", path.display())]
    NotThere {
        /// The data directory.
        path: PathBuf,
    },
    /// A backup replaces nothing.
    #[error("{} is there already, and a backup replaces nothing; name a file that is not there", path.display())]
    Taken {
        /// What was named.
        path: PathBuf,
    },
    /// The store cannot be read.
    #[error("could not read the store")]
    Store(#[source] OpenError),
    /// The backup cannot be written.
    #[error("could not write {}; name a file in a directory that can be written", path.display())]
    NotWritable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The copying failed.
    #[error("could not copy the store to {}; {advice}", path.display())]
    Copy {
        /// The backup.
        path: PathBuf,
        /// What an operator can do.
        advice: &'static str,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// Some documents of the store are not as they were written.
    #[error(
        "{altered} documents of the store are not as they were written ({}); put back an older backup with `anteroom restore`",
        keys.join(", ")
    )]
    Altered {
        /// How many.
        altered: u64,
        /// The keys of the first few.
        keys: Vec<String>,
    },
}

/// Copies the store in this data directory to a new file, which only this user may read. Others may use the store
/// meanwhile; they are not held up. Blocks for about a second for each 100 MiB.
///
/// # Errors
/// When there is no sound store, the name is taken, or the copy cannot be written.
pub fn back_up(directory: &Path, to: &Path) -> Result<Backup, BackupError> {
    let path = directory.join(FILE_NAME);
    if !path.exists() {
        return Err(BackupError::NotThere { path: directory.to_owned() });
    }
    if to.exists() {
        return Err(BackupError::Taken { path: to.to_owned() });
    }
    let _lock = FolderLock::shared(directory, || health::check_files(&path)).map_err(BackupError::Store)?;
    let refuse = |source| BackupError::NotWritable { path: to.to_owned(), source };
    let unfinished = Unfinished::beside(to).map_err(refuse)?;
    copy(&path, &unfinished.0, to)?;
    let backup = check(&unfinished.0).map_err(BackupError::Store)??;
    unfinished.finish(to).map_err(refuse)?;
    Ok(backup)
}

fn copy(from: &Path, unfinished: &Path, to: &Path) -> Result<(), BackupError> {
    let store = schema::open_for_copying(from).map_err(BackupError::Store)?;
    let name = unfinished.to_str().ok_or_else(|| BackupError::NotWritable {
        path: to.to_owned(),
        source: io::Error::new(io::ErrorKind::InvalidInput, "the name is not Unicode"),
    })?;
    store.execute("VACUUM INTO ?1", [name]).map_err(|source| {
        let advice = match source.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => "free some room there",
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                "the store is damaged: put back an older backup with `anteroom restore`"
            }
            _ => "check that both disks are mounted and healthy",
        };
        BackupError::Copy { path: to.to_owned(), advice, source }
    })?;
    Ok(())
}

fn check(unfinished: &Path) -> Result<Result<Backup, BackupError>, OpenError> {
    let copy = schema::open_for_copying(unfinished)?;
    let health = health::check(unfinished, &copy, Depth::Full)?;
    if health.altered > 0 {
        return Ok(Err(BackupError::Altered { altered: health.altered, keys: health.altered_keys }));
    }
    let (_, as_of) = schema::progress(&copy).map_err(|cause| OpenError::from_sqlite(unfinished, cause))?;
    let bytes = fs::metadata(unfinished).map_or(0, |metadata| metadata.len());
    Ok(Ok(Backup { as_of, documents: health.documents, bytes }))
}

/// An empty file for this user only, beside the one it is to become. Removed unless it became that.
struct Unfinished(PathBuf);

impl Unfinished {
    fn beside(to: &Path) -> io::Result<Self> {
        let to = std::path::absolute(to)?;
        // Not by process id: two containers on one volume both are process 1.
        let mut suffix = [0; 8];
        getrandom::fill(&mut suffix).map_err(io::Error::other)?;
        let mut name = to.file_name().map_or_else(OsString::new, OsString::from);
        name.push(format!(".unfinished.{}", HEXLOWER.encode(&suffix)));
        let path = to.with_file_name(name);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        owner_only(&mut options);
        options.open(&path)?;
        Ok(Self(path))
    }

    fn finish(self, to: &Path) -> io::Result<()> {
        File::open(&self.0)?.sync_all()?;
        fs::rename(&self.0, to)?;
        match std::path::absolute(to)?.parent() {
            Some(directory) => sync_directory(directory),
            None => Ok(()),
        }
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // Gone already when it became the backup.
        let _ = fs::remove_file(&self.0);
    }
}
