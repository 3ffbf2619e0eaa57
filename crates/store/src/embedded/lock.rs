//! Who uses a data directory. Processes that serve from it share a lock on a file of its own; whoever replaces the
//! database takes the lock alone. The system lets go of it when a process ends, however it ends.
//!
//! The lock is not on the database itself: SQLite's own locks there are lost as soon as this process closes any other
//! handle of that file, and a damaged database must be replaceable too.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use super::error::OpenError;

/// Name of the lock's file within the data directory. It stays there, empty.
const LOCK_NAME: &str = "anteroom.lock";
/// Name of the file that is there while the database is being replaced, and afterwards if that was cut short.
pub(super) const UNFINISHED_NAME: &str = "restore.unfinished";

/// How long whoever is first may keep the others waiting; a restore takes longer.
const FIRST_WAIT_MAX: Duration = Duration::from_millis(500);
const RETRY_EVERY: Duration = Duration::from_millis(2);

/// Held until dropped.
#[derive(Debug)]
pub(super) struct FolderLock {
    _file: File,
}

impl FolderLock {
    /// For those who serve from the directory. Whoever comes first does `first` alone; others wait for it.
    pub(super) fn shared(
        directory: &Path,
        first: impl FnOnce() -> Result<(), OpenError>,
    ) -> Result<Self, OpenError> {
        let file = open(directory)?;
        let refuse = |source| OpenError::Lock { path: lock_path(directory), source };
        match file.try_lock() {
            Ok(()) => {
                refuse_half_restored(directory)?;
                first()?;
                file.unlock().map_err(refuse)?;
            }
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(source)) => return Err(refuse(source)),
        }
        let begun = Instant::now();
        loop {
            match file.try_lock_shared() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if begun.elapsed() < FIRST_WAIT_MAX => {
                    thread::sleep(RETRY_EVERY);
                }
                Err(TryLockError::WouldBlock) => {
                    return Err(OpenError::BeingRestored { path: directory.to_owned() });
                }
                Err(TryLockError::Error(source)) => return Err(refuse(source)),
            }
        }
        refuse_half_restored(directory)?;
        Ok(Self { _file: file })
    }

    /// For whoever replaces the database; none while anybody else has the directory in use.
    pub(super) fn alone(directory: &Path) -> Result<Option<Self>, OpenError> {
        let file = open(directory)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(source)) => Err(OpenError::Lock { path: lock_path(directory), source }),
        }
    }
}

fn refuse_half_restored(directory: &Path) -> Result<(), OpenError> {
    if directory.join(UNFINISHED_NAME).exists() {
        return Err(OpenError::RestoreCutShort { path: directory.to_owned() });
    }
    Ok(())
}

fn lock_path(directory: &Path) -> PathBuf {
    directory.join(LOCK_NAME)
}

fn open(directory: &Path) -> Result<File, OpenError> {
    let path = lock_path(directory);
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    owner_only(&mut options);
    options.open(&path).map_err(|source| OpenError::NotWritable { path: directory.to_owned(), source })
}

/// What is kept is for this user only: it holds hashes of passwords.
pub(super) fn owner_only(options: &mut OpenOptions) {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    #[cfg(not(unix))]
    let _ = options;
}

/// Makes names that were given, changed or taken away in this directory survive a loss of power.
pub(super) fn sync_directory(directory: &Path) -> std::io::Result<()> {
    if cfg!(unix) { File::open(directory)?.sync_all() } else { Ok(()) }
}

/// Makes a directory for this user only, and those above it, and makes their names survive a loss of power; one that is
/// there is left as it is.
pub(super) fn make_directory(directory: &Path) -> std::io::Result<()> {
    let directory = std::path::absolute(directory)?;
    let missing: Vec<&Path> = directory.ancestors().take_while(|path| !path.exists()).collect();
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(&directory)?;
    for above in missing.iter().filter_map(|path| path.parent()) {
        match sync_directory(above) {
            // Where one may make directories but not look at them, there is nothing to be done.
            Err(cause) if cause.kind() != std::io::ErrorKind::PermissionDenied => return Err(cause),
            _ => {}
        }
    }
    Ok(())
}
