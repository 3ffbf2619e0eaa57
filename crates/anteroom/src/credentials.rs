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
        serde_json::from_slice(&bytes).map_err(|source| CredentialsError::Parse { path: path.to_owned(), source })
    }

    /// Reads a credentials file, unless there is none.
    pub(crate) fn read_if_there(path: &Path) -> Result<Option<Self>, CredentialsError> {
        match Self::read(path) {
            Err(CredentialsError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(None),
            read => read.map(Some),
        }
    }

    /// Writes the file whole, for its owner only.
    pub(crate) fn write(&self, path: &Path) -> Result<(), CredentialsError> {
        self.write_file(path).map_err(|source| CredentialsError::Write { path: path.to_owned(), source })
    }

    fn write_file(&self, path: &Path) -> io::Result<()> {
        const OWNER_ONLY: u32 = 0o600;
        let unfinished = path.with_extension("unfinished");
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(OWNER_ONLY).open(&unfinished)?;
        file.set_permissions(Permissions::from_mode(OWNER_ONLY))?;
        serde_json::to_writer_pretty(&mut file, self)?;
        file.write_all(b"\n")?;
        file.sync_all()?;
        std::fs::rename(&unfinished, path)
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
            operator: None,
        };
        written.write(&path).unwrap();
        let read = Credentials::read(&path).unwrap();
        assert_eq!(read.secret_key.expose(), "s");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(!format!("{read:?}").contains("\"s\""), "{read:?}");
    }

    #[test]
    fn a_missing_file_is_no_mistake_where_it_may_be_missing() {
        let dir = tempfile::tempdir().unwrap();
        assert!(Credentials::read_if_there(&dir.path().join(FILE)).unwrap().is_none());
        std::fs::write(dir.path().join(FILE), "{").unwrap();
        assert!(Credentials::read_if_there(&dir.path().join(FILE)).is_err());
    }
}
