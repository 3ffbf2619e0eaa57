//! A backup put in place of the store.
//!
//! It is copied into the data directory and looked at there before anything else is touched; what it replaces is set
//! aside and not removed. While files change their names, a file of its own says so: if that is cut short, no process
//! starts on what is there in part, and the same restore once more brings it to its end.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use anteroom_protocol::time::Timestamp;

use super::error::OpenError;
use super::health::{self, Depth};
use super::lock::{FolderLock, UNFINISHED_NAME, make_directory, owner_only, sync_directory};
use super::{FILE_NAME, schema};

/// Name of the directory within the data directory in which a backup is looked at.
const STAGE_NAME: &str = "restore.new";
/// First part of the names of the directories in which replaced stores lie.
const ASIDE_NAME: &str = "before-restore";

/// Why a backup was not put in place. Unless the error says otherwise, nothing has changed.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// Somebody uses the store.
    #[error("a process uses the store in {}; stop every anteroom process there, then restore", path.display())]
    InUse {
        /// The data directory.
        path: PathBuf,
    },
    /// There is no such backup, or it cannot be read.
    #[error("could not read the backup {}", path.display())]
    NoBackup {
        /// What was named.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The backup is no store of ours, one of a newer release, or damaged.
    #[error("the backup {} cannot be used: {found}; take another one", path.display())]
    Unsound {
        /// The backup.
        path: PathBuf,
        /// What was found.
        found: String,
    },
    /// The data directory cannot be used.
    #[error("could not prepare the data directory")]
    Directory(#[source] OpenError),
    /// The backup cannot be written there.
    #[error("could not copy the backup to {}; free some room on its disk, and let this user write there", path.display())]
    Copy {
        /// Where to.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The files could not be given their names, or not all of them.
    #[error(
        "could not put the backup in place in {}; run the same command again: until it succeeds, nothing starts there",
        path.display()
    )]
    CutShort {
        /// The data directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// A backup that was put in place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// The moment of the newest save in it.
    pub as_of: Timestamp,
    /// How many documents are in it.
    pub documents: u64,
    /// Where the store that it replaced lies now, if there was one.
    pub set_aside: Option<PathBuf>,
}

/// A sound backup, copied into the data directory but not in place yet. While this lives, nobody else can use the
/// directory; when it is dropped, all is as it was before.
#[derive(Debug)]
pub struct Restoring {
    directory: PathBuf,
    as_of: Timestamp,
    documents: u64,
    _lock: FolderLock,
}

impl Restoring {
    /// Copies the backup into this data directory, which is made when it is not there, and looks at all of it.
    ///
    /// # Errors
    /// When a process uses the directory, or the backup cannot be read or is not sound.
    pub fn begin(directory: &Path, from: &Path) -> Result<Self, RestoreError> {
        schema::prepare_directory(directory).map_err(RestoreError::Directory)?;
        let lock = FolderLock::alone(directory).map_err(RestoreError::Directory)?;
        let lock = lock.ok_or_else(|| RestoreError::InUse { path: directory.to_owned() })?;
        let mut restoring =
            Self { directory: directory.to_owned(), as_of: Timestamp::EPOCH, documents: 0, _lock: lock };
        let staged = restoring.stage(from)?;
        (restoring.as_of, restoring.documents) =
            look_at(&staged).map_err(|error| unsound(from, &staged, error))?;
        Ok(restoring)
    }

    /// A data directory of its own with nothing in it but the backup, for those who want to look at it before it is in
    /// place. They must have closed it before [`finish`](Self::finish).
    pub fn staged(&self) -> PathBuf {
        self.directory.join(STAGE_NAME)
    }

    /// Sets aside what is there and puts the backup in its place.
    ///
    /// # Errors
    /// When the system fails half way; see [`RestoreError::CutShort`].
    pub fn finish(self) -> Result<Restored, RestoreError> {
        let refuse = |source| RestoreError::CutShort { path: self.directory.clone(), source };
        let staged = self.staged().join(FILE_NAME);
        // Whoever looked at it gave it a log.
        let close = schema::open_for_copying(&staged).and_then(|connection| {
            schema::give_up_log(&connection).map_err(|cause| OpenError::from_sqlite(&staged, cause))
        });
        close.map_err(RestoreError::Directory)?;
        let set_aside = self.swap(&staged).map_err(refuse)?;
        Ok(Restored { as_of: self.as_of, documents: self.documents, set_aside })
    }

    fn stage(&self, from: &Path) -> Result<PathBuf, RestoreError> {
        let staged = self.staged();
        let refuse = |source| RestoreError::Copy { path: staged.clone(), source };
        // What a restore left behind that was ended.
        match fs::remove_dir_all(&staged) {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(refuse(cause)),
            _ => {}
        }
        make_directory(&staged).map_err(refuse)?;
        let database = staged.join(FILE_NAME);
        // A plain copy of a data directory has a log beside it, which is part of it; a backup of ours has none.
        for (from, to) in [(from.to_owned(), database.clone()), (log_of(from), log_of(&database))] {
            let unreadable = |source| RestoreError::NoBackup { path: from.clone(), source };
            let mut source = match File::open(&from) {
                Err(cause) if to != database && cause.kind() == io::ErrorKind::NotFound => continue,
                opened => opened.map_err(unreadable)?,
            };
            if source.metadata().map_err(unreadable)?.is_dir() {
                return Err(unreadable(io::ErrorKind::IsADirectory.into()));
            }
            let mut options = OpenOptions::new();
            options.write(true).create_new(true);
            owner_only(&mut options);
            let mut copy = options.open(&to).map_err(refuse)?;
            io::copy(&mut source, &mut copy).and_then(|_| copy.sync_all()).map_err(refuse)?;
        }
        Ok(database)
    }

    fn swap(&self, staged: &Path) -> io::Result<Option<PathBuf>> {
        let directory = &self.directory;
        let unfinished = directory.join(UNFINISHED_NAME);
        // The files of a store belong together, so an earlier restore that was cut short is gone on with.
        let aside = match fs::read_to_string(&unfinished) {
            Ok(name) if name.starts_with(ASIDE_NAME) => directory.join(name),
            _ => self.free_name(),
        };
        let name = aside.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        owner_only(&mut options);
        let mut marker = options.open(&unfinished)?;
        io::Write::write_all(&mut marker, name.as_bytes())?;
        marker.sync_all()?;
        make_directory(&aside)?;
        sync_directory(directory)?;
        for ending in ["", "-wal", "-journal"] {
            let name = format!("{FILE_NAME}{ending}");
            match fs::rename(directory.join(&name), aside.join(&name)) {
                Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(cause),
                _ => {}
            }
        }
        // Memory that processes shared; made anew from the log.
        let _ = fs::remove_file(directory.join(format!("{FILE_NAME}-shm")));
        sync_directory(&aside)?;
        sync_directory(directory)?;
        File::open(staged)?.sync_all()?;
        fs::rename(staged, directory.join(FILE_NAME))?;
        sync_directory(directory)?;
        fs::remove_file(&unfinished)?;
        sync_directory(directory)?;
        // Only an empty one goes.
        Ok(fs::remove_dir(&aside).is_err().then_some(aside))
    }

    fn free_name(&self) -> PathBuf {
        let names = (1_u64..).map(|number| self.directory.join(format!("{ASIDE_NAME}-{number}")));
        names.into_iter().find(|path| !path.exists()).unwrap_or_else(|| self.directory.join(ASIDE_NAME))
    }
}

impl Drop for Restoring {
    fn drop(&mut self) {
        // What is left over is in nobody's way, and the next restore removes it.
        let _ = fs::remove_dir_all(self.staged());
    }
}

fn log_of(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

/// Opens the copy as a start would, and looks at all of it.
fn look_at(staged: &Path) -> Result<(Timestamp, u64), OpenError> {
    health::check_files(staged)?;
    drop(schema::open_for_copying(staged)?);
    let opened = schema::open_for_writing(staged)?;
    let health = health::check(staged, &opened.connection, Depth::Full)?;
    if health.altered > 0 {
        let (altered, keys) = (health.altered, health.altered_keys.join(", "));
        let found = format!("{altered} documents are not as they were written: {keys}");
        return Err(OpenError::Damaged { path: staged.to_owned(), found });
    }
    Ok((opened.clock_mark, health.documents))
}

/// What was found, without the advice that is meant for a store in use.
fn unsound(from: &Path, staged: &Path, error: OpenError) -> RestoreError {
    let found = match error {
        OpenError::Damaged { found, .. } => format!("it is damaged ({found})"),
        OpenError::Foreign { .. } => "it is a database of another program".to_owned(),
        OpenError::ForeignLog { .. } => "the file beside it that ends in -wal is not its own".to_owned(),
        OpenError::Newer { found, known, .. } => {
            format!("it has format {found}, and this release reads up to {known}")
        }
        OpenError::Full { source, .. } => {
            return RestoreError::Copy { path: staged.to_owned(), source: io::Error::other(source) };
        }
        other => return RestoreError::Directory(other),
    };
    RestoreError::Unsound { path: from.to_owned(), found }
}
