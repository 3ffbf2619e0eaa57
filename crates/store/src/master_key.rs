//! The key that secrets are sealed with at rest.
//!
//! It lies beside the data in a file of its own, so that a copy of the database alone opens no secret. Whoever
//! keeps a backup needs both.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use data_encoding::{BASE64URL_NOPAD, HEXLOWER, HEXLOWER_PERMISSIVE};

use anteroom_protocol::secret::Secret;

/// Name of the file within the data directory.
pub const FILE_NAME: &str = "master.key";

const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 24;
/// First characters of every sealed text: which way of sealing it was.
const SEALED_PREFIX: &str = "xc20p.";

/// Seals secrets and opens them again.
#[derive(Clone)]
pub struct MasterKey {
    cipher: XChaCha20Poly1305,
}

/// Why there is no master key.
#[derive(Debug, thiserror::Error)]
pub enum MasterKeyError {
    /// The file is there and holds something else.
    #[error(
        "{} does not hold a master key, which is {} hexadecimal digits; put back the backup of that file",
        path.display(), 2 * KEY_BYTES
    )]
    Malformed {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be read.
    #[error("cannot read the master key {}; give the user this program runs as the right to read it", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file cannot be made.
    #[error("cannot write a new master key to {}; give the user this program runs as the right to write there", path.display())]
    NotWritable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The system gives no random bytes.
    #[error("the system gives no random bytes to make a master key of")]
    NoRandomness(#[source] getrandom::Error),
}

/// A sealed text could not be opened: this is not the key it was sealed with, or it was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("sealed with another master key, or changed since")]
pub struct NotOpened;

impl MasterKey {
    /// Reads the key in this data directory, or makes one when there is none.
    ///
    /// When several processes start at once, one of them makes the key and all use it. Blocks for some
    /// milliseconds.
    ///
    /// # Errors
    /// When the file holds no key, or cannot be read or written.
    pub fn load_or_create(directory: &Path) -> Result<Self, MasterKeyError> {
        Self::load_or_create_at(&directory.join(FILE_NAME))
    }

    /// The same with a file of any name, in a directory that is there.
    ///
    /// # Errors
    /// When the file holds no key, or cannot be read or written.
    pub fn load_or_create_at(path: &Path) -> Result<Self, MasterKeyError> {
        match Self::load_at(path)? {
            Some(key) => Ok(key),
            None => Self::create(path),
        }
    }

    /// Reads the key in this file; none when there is no such file.
    ///
    /// # Errors
    /// When the file holds no key, or cannot be read.
    pub fn load_at(path: &Path) -> Result<Option<Self>, MasterKeyError> {
        match fs::read_to_string(path) {
            Ok(text) => Self::parse(path, &text).map(Some),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(cause) if cause.kind() == io::ErrorKind::InvalidData => {
                Err(MasterKeyError::Malformed { path: path.to_owned() })
            }
            Err(source) => Err(MasterKeyError::Unreadable { path: path.to_owned(), source }),
        }
    }

    /// A key of these bytes, for those who keep it elsewhere and for tests.
    pub fn from_bytes(bytes: &[u8; KEY_BYTES]) -> Self {
        Self { cipher: XChaCha20Poly1305::new(bytes.into()) }
    }

    fn parse(path: &Path, text: &str) -> Result<Self, MasterKeyError> {
        let refuse = || MasterKeyError::Malformed { path: path.to_owned() };
        let bytes = HEXLOWER_PERMISSIVE.decode(text.trim_ascii().as_bytes()).map_err(|_| refuse())?;
        let bytes = <[u8; KEY_BYTES]>::try_from(bytes).map_err(|_| refuse())?;
        warn_when_others_can_read(path);
        Ok(Self::from_bytes(&bytes))
    }

    /// Writes a new key under another name first, and then gives it its name only if nobody has it: the file is
    /// never there in part, and never replaced.
    fn create(path: &Path) -> Result<Self, MasterKeyError> {
        let refuse = |source| MasterKeyError::NotWritable { path: path.to_owned(), source };
        let mut bytes = [0; KEY_BYTES];
        getrandom::fill(&mut bytes).map_err(MasterKeyError::NoRandomness)?;
        // Not by process id: two containers on one volume both are process 1.
        let mut suffix = [0; 8];
        getrandom::fill(&mut suffix).map_err(MasterKeyError::NoRandomness)?;
        let unnamed = path.with_extension(format!("new.{}", HEXLOWER.encode(&suffix)));
        let named = write_new(&unnamed, &HEXLOWER.encode(&bytes))
            .and_then(|()| fs::hard_link(&unnamed, path))
            .and_then(|()| sync_directory(path));
        let _ = fs::remove_file(&unnamed);
        match named {
            Ok(()) => Ok(Self::from_bytes(&bytes)),
            Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => {
                let text = fs::read_to_string(path)
                    .map_err(|source| MasterKeyError::Unreadable { path: path.to_owned(), source })?;
                Self::parse(path, &text)
            }
            Err(source) => Err(refuse(source)),
        }
    }

    /// Seals a secret. What it belongs to is bound in: a sealed text opens only for the same owner.
    pub(crate) fn seal(&self, owner: &str, secret: &Secret) -> Result<String, getrandom::Error> {
        let mut nonce = [0; NONCE_BYTES];
        getrandom::fill(&mut nonce)?;
        let payload = Payload { msg: secret.expose().as_bytes(), aad: owner.as_bytes() };
        #[expect(clippy::expect_used, reason = "the cipher fails only beyond 256 GiB")]
        let sealed = self.cipher.encrypt(&XNonce::from(nonce), payload).expect("secrets are short");
        Ok(format!("{SEALED_PREFIX}{}", BASE64URL_NOPAD.encode(&[nonce.as_slice(), &sealed].concat())))
    }

    /// Opens what [`seal`](Self::seal) made for the same owner.
    pub(crate) fn open(&self, owner: &str, sealed: &str) -> Result<Secret, NotOpened> {
        let text = sealed.strip_prefix(SEALED_PREFIX).ok_or(NotOpened)?;
        let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).map_err(|_| NotOpened)?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE_BYTES>().ok_or(NotOpened)?;
        let payload = Payload { msg: sealed, aad: owner.as_bytes() };
        let secret = self.cipher.decrypt(&XNonce::from(*nonce), payload).map_err(|_| NotOpened)?;
        String::from_utf8(secret).map(Secret::new).map_err(|_| NotOpened)
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey([secret])")
    }
}

fn write_new(path: &Path, text: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    writeln!(file, "{text}")?;
    file.sync_all()
}

/// Makes the new name survive a loss of power: without it, secrets already sealed could not be opened again.
fn sync_directory(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(directory) if cfg!(unix) => File::open(directory)?.sync_all(),
        _ => Ok(()),
    }
}

fn warn_when_others_can_read(path: &Path) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(path).map_or(0, |metadata| metadata.permissions().mode());
        if mode & 0o077 != 0 {
            tracing::warn!(path = %path.display(), "others can read the master key; set its mode to 0600");
        }
    }
    #[cfg(not(unix))]
    let _ = path;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> MasterKey {
        MasterKey::from_bytes(&[byte; KEY_BYTES])
    }

    #[test]
    fn sealed_secret_opens_for_its_owner_and_key_alone() {
        let secret = Secret::new("correct horse".to_owned());
        let sealed = key(1).seal("account:demo", &secret).unwrap();
        assert!(!sealed.contains("horse"));
        assert_eq!(key(1).open("account:demo", &sealed), Ok(secret.clone()));
        assert_eq!(key(1).open("account:other", &sealed), Err(NotOpened));
        assert_eq!(key(2).open("account:demo", &sealed), Err(NotOpened));
        assert_ne!(key(1).seal("account:demo", &secret).unwrap(), sealed, "the nonce is new each time");
    }

    #[test]
    fn garbage_does_not_open() {
        for text in ["", "xc20p.", "xc20p.AAAA", "xc20p.!", "v9.AAAA", &format!("xc20p.{}", "A".repeat(80))] {
            assert_eq!(key(1).open("a", text), Err(NotOpened), "{text}");
        }
    }

    #[test]
    fn key_is_made_once_and_read_again() {
        let directory = tempfile::tempdir().unwrap();
        let made = MasterKey::load_or_create(directory.path()).unwrap();
        let read = MasterKey::load_or_create(directory.path()).unwrap();
        let sealed = made.seal("a", &Secret::new("s".to_owned())).unwrap();
        assert!(read.open("a", &sealed).is_ok());
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(directory.path().join(FILE_NAME)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn processes_that_start_at_once_use_one_key() {
        let directory = tempfile::tempdir().unwrap();
        let keys: Vec<MasterKey> = std::thread::scope(|scope| {
            let start = || scope.spawn(|| MasterKey::load_or_create(directory.path()).unwrap());
            let threads: Vec<_> = (0..8).map(|_| start()).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let sealed = keys[0].seal("a", &Secret::new("s".to_owned())).unwrap();
        assert!(keys.iter().all(|key| key.open("a", &sealed).is_ok()));
    }

    #[test]
    fn file_with_something_else_is_refused_and_kept() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(FILE_NAME);
        for content in [b"".as_slice(), b"hello", &[0xff; 64], "é".repeat(64).as_bytes(), &[b'0'; 66]] {
            fs::write(&path, content).unwrap();
            let error = MasterKey::load_or_create(directory.path()).unwrap_err();
            assert!(matches!(error, MasterKeyError::Malformed { .. }), "{error}");
            assert!(error.to_string().contains("master.key"));
            assert_eq!(fs::read(&path).unwrap(), content);
        }
    }

    #[test]
    fn directory_that_is_not_there_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let error = MasterKey::load_or_create(&directory.path().join("missing")).unwrap_err();
        assert!(error.to_string().contains("missing"), "{error}");
    }
}
