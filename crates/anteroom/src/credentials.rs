//! The first credentials, in a file beside the data: written once, readable by its owner only. An operator notes
//! the password and may delete the file; a gateway on another machine gets a copy without the operator's part.

use std::fs::{OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anteroom_protocol::id::CustomerId;
use anteroom_protocol::secret::Secret;
use serde::{Deserialize, Serialize};

/// The file's name in the data directory.
pub(crate) const FILE: &str = "credentials.json";

/// What is needed to use a new installation.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Credentials {
    pub(crate) customer_id: CustomerId,
    #[serde(with = "anteroom_protocol::secret::exposed")]
    pub(crate) secret_key: Secret,
    #[serde(with = "anteroom_protocol::secret::exposed")]
    pub(crate) api_key: Secret,
    /// Says who asks for direct pass, where that is not the API key.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "optional")]
    pub(crate) proxy_key: Option<Secret>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) operator: Option<Operator>,
}

/// Whom the console lets in.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Operator {
    pub(crate) name: String,
    #[serde(with = "anteroom_protocol::secret::exposed")]
    pub(crate) password: Secret,
}

/// A credentials file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CredentialsError {
    #[error("could not read the credentials {}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{} does not hold credentials: it must be JSON with customerId, secretKey and apiKey", path.display())]
    Parse { path: PathBuf, source: serde_json::Error },
    #[error("could not write the credentials {}", path.display())]
    Write { path: PathBuf, source: io::Error },
}

impl Credentials {
    /// Reads a credentials file.
    pub(crate) fn read(path: &Path) -> Result<Self, CredentialsError> {
        let bytes =
            std::fs::read(path).map_err(|source| CredentialsError::Read { path: path.to_owned(), source })?;
        serde_json::from_slice(&bytes)
            .map_err(|source| CredentialsError::Parse { path: path.to_owned(), source })
    }

    /// Reads a credentials file, unless there is none.
    pub(crate) fn read_if_there(path: &Path) -> Result<Option<Self>, CredentialsError> {
        match Self::read(path) {
            Err(CredentialsError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                Ok(None)
            }
            read => read.map(Some),
        }
    }

    /// Writes the file whole, for its owner only, in place of what was there.
    pub(crate) fn write(&self, path: &Path) -> Result<(), CredentialsError> {
        let unfinished = unfinished(path);
        self.write_whole(&unfinished)
            .and_then(|()| std::fs::rename(&unfinished, path))
            .map_err(|source| CredentialsError::Write { path: path.to_owned(), source })
    }

    /// Writes the file if there is none, and hands back what is in it: when several processes start at once, one of
    /// them is first and all use its keys.
    pub(crate) fn write_first(self, path: &Path) -> Result<Self, CredentialsError> {
        let unfinished = unfinished(path);
        let written = self.write_whole(&unfinished).and_then(|()| std::fs::hard_link(&unfinished, path));
        // What is left of it after a crash is in nobody's way.
        let _ = std::fs::remove_file(&unfinished);
        match written {
            Ok(()) => Ok(self),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Self::read(path),
            Err(source) => Err(CredentialsError::Write { path: path.to_owned(), source }),
        }
    }

    fn write_whole(&self, path: &Path) -> io::Result<()> {
        const OWNER_ONLY: u32 = 0o600;
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(OWNER_ONLY).open(path)?;
        file.set_permissions(Permissions::from_mode(OWNER_ONLY))?;
        serde_json::to_writer_pretty(&mut file, self)?;
        file.write_all(b"\n")?;
        file.sync_all()
    }
}

/// Where a file is written before it gets its name, so that nobody ever reads half of it.
fn unfinished(path: &Path) -> PathBuf {
    path.with_extension(format!("unfinished.{}", std::process::id()))
}

/// A secret text that need not be there.
mod optional {
    use anteroom_protocol::secret::Secret;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(
        secret: &Option<Secret>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match secret {
            Some(secret) => serializer.serialize_some(secret.expose()),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Secret>, D::Error> {
        Option::deserialize(deserializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_and_nobody_else_may() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE);
        let written = Credentials {
            customer_id: "acme".parse().unwrap(),
            secret_key: Secret::new("s".to_owned()),
            api_key: Secret::new("a".to_owned()),
            proxy_key: None,
            operator: None,
        };
        written.write(&path).unwrap();
        let read = Credentials::read(&path).unwrap();
        assert_eq!(read.secret_key.expose(), "s");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(!format!("{read:?}").contains("\"s\""), "{read:?}");
    }

    #[test]
    fn who_writes_second_uses_what_the_first_wrote() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE);
        let with_key = |key: &str| Credentials {
            customer_id: "acme".parse().unwrap(),
            secret_key: Secret::new(key.to_owned()),
            api_key: Secret::new("a".to_owned()),
            proxy_key: None,
            operator: None,
        };
        assert_eq!(with_key("one").write_first(&path).unwrap().secret_key.expose(), "one");
        assert_eq!(with_key("two").write_first(&path).unwrap().secret_key.expose(), "one");
        with_key("three").write(&path).unwrap();
        assert_eq!(Credentials::read(&path).unwrap().secret_key.expose(), "three");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "nothing unfinished is left");
    }

    #[test]
    fn a_missing_file_is_no_mistake_where_it_may_be_missing() {
        let dir = tempfile::tempdir().unwrap();
        assert!(Credentials::read_if_there(&dir.path().join(FILE)).unwrap().is_none());
        std::fs::write(dir.path().join(FILE), "{").unwrap();
        assert!(Credentials::read_if_there(&dir.path().join(FILE)).is_err());
    }
}
