//! The copy of the integration config on disk, for a start while the platform is down.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// Bytes of the copy. A file that is larger was not written by us.
pub(crate) const KEPT_BYTES_MAX: usize = 8 * 1024 * 1024;

/// The file that the last good integration config is kept in.
#[derive(Clone, Debug)]
pub(crate) struct KeepFile {
    path: PathBuf,
    /// The new copy grows beside the old one, under a name of this process alone: several gateways may share a
    /// folder.
    growing: PathBuf,
}

impl KeepFile {
    pub(crate) fn new(path: PathBuf, instance: &str) -> Self {
        let mut growing = path.clone().into_os_string();
        growing.push(format!(".{instance}.new"));
        Self { path, growing: growing.into() }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The copy, if there is one.
    pub(crate) fn load(&self) -> io::Result<Option<Vec<u8>>> {
        let file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut bytes = Vec::new();
        file.take(KEPT_BYTES_MAX as u64 + 1).read_to_end(&mut bytes)?;
        if bytes.len() > KEPT_BYTES_MAX {
            return Err(io::Error::new(
                io::ErrorKind::FileTooLarge,
                "larger than any kept integration config",
            ));
        }
        Ok(Some(bytes))
    }

    /// Replaces the copy so that, whatever happens meanwhile, either the old or the new one is found whole.
    pub(crate) fn store(&self, bytes: &[u8]) -> io::Result<()> {
        let written = self.write_new(bytes).and_then(|()| fs::rename(&self.growing, &self.path));
        if written.is_err() {
            // What is left of a failed attempt only takes up room; the first error is the one to report.
            let _ = fs::remove_file(&self.growing);
        }
        written?;
        sync_folder(&self.path)
    }

    fn write_new(&self, bytes: &[u8]) -> io::Result<()> {
        if let Some(folder) = self.path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            fs::create_dir_all(folder)?;
        }
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        // Triggers tell which addresses are guarded and how to pass for somebody who is let through.
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&self.growing)?;
        file.write_all(bytes)?;
        file.sync_all()
    }
}

/// Makes the renaming itself durable.
fn sync_folder(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    if let Some(folder) = path.parent() {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        File::open(folder)?.sync_all()?;
    }
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keep_in(folder: &tempfile::TempDir) -> KeepFile {
        KeepFile::new(folder.path().join("deep").join("config.json"), "0a1b")
    }

    #[test]
    fn copy_is_replaced_whole_and_readable_by_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let keep = keep_in(&folder);
        assert_eq!(keep.load().unwrap(), None);
        keep.store(b"first, and longer").unwrap();
        keep.store(b"second").unwrap();
        assert_eq!(keep.load().unwrap().as_deref(), Some(&b"second"[..]));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(keep.path()).unwrap().permissions().mode() & 0o777, 0o600);
        }
        let names: Vec<_> = fs::read_dir(folder.path().join("deep"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(names, ["config.json"]);
    }

    #[test]
    fn failed_write_leaves_the_old_copy_and_no_litter() {
        let folder = tempfile::tempdir().unwrap();
        let keep = keep_in(&folder);
        fs::create_dir_all(keep.path()).unwrap();
        keep.store(b"new").unwrap_err();
        assert_eq!(fs::read_dir(folder.path().join("deep")).unwrap().count(), 1);
    }

    #[test]
    fn oversize_file_is_not_read_in() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.json");
        File::create(&path).unwrap().set_len(KEPT_BYTES_MAX as u64 + 1).unwrap();
        let error = KeepFile::new(path, "0a1b").load().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
    }
}
