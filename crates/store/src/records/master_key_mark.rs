//! Which master key the secrets of a store are sealed with, told without telling the key: a known text, sealed.

use anteroom_protocol::secret::Secret;

use super::{RecordError, keys};
use crate::backend::{Backend, Document, Saved, Write};
use crate::master_key::MasterKey;

/// What is sealed. It is no secret.
const MARK: &str = "anteroom";

/// Whether a master key was adopted in this store: then its secrets open with that one alone.
///
/// # Errors
/// When the store does not answer.
pub async fn is_master_key_known(backend: &dyn Backend) -> Result<bool, RecordError> {
    Ok(mark(backend).await?.is_some())
}

/// Makes this the store's master key when it has none yet. Says whether it is the store's.
///
/// # Errors
/// When the store does not answer, or there is no randomness to seal with.
pub async fn adopt_master_key(backend: &dyn Backend, master_key: &MasterKey) -> Result<bool, RecordError> {
    let found = match mark(backend).await? {
        Some(found) => found,
        None => {
            let sealed = master_key.seal(keys::INSTALLATION, &Secret::new(MARK.to_owned()));
            let bytes = sealed.map_err(|_| RecordError::NoRandomness)?.into_bytes();
            let write = Write { key: keys::master_key(), expected: None, bytes, expires_at: None };
            match backend.save(vec![write]).await? {
                Saved::Done { .. } => return Ok(true),
                // Another node was faster, perhaps with the same key.
                Saved::Refused { current, .. } => {
                    current.into_iter().next().flatten().ok_or(RecordError::Conflict)?
                }
            }
        }
    };
    let sealed = String::from_utf8(found.bytes).unwrap_or_default();
    let opened = master_key.open(keys::INSTALLATION, &sealed);
    Ok(opened.is_ok_and(|secret| secret.expose() == MARK))
}

async fn mark(backend: &dyn Backend) -> Result<Option<Document>, RecordError> {
    let loaded = backend.load(vec![keys::master_key()]).await?;
    Ok(loaded.documents.into_iter().next().flatten())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::documents::Memory;

    #[tokio::test]
    async fn first_key_is_adopted_and_another_one_is_told() {
        let (memory, ours, other) =
            (Memory::new(), MasterKey::from_bytes(&[1; 32]), MasterKey::from_bytes(&[2; 32]));
        assert!(!is_master_key_known(&memory).await.unwrap());
        assert!(adopt_master_key(&memory, &ours).await.unwrap());
        assert!(is_master_key_known(&memory).await.unwrap());
        assert!(adopt_master_key(&memory, &ours).await.unwrap());
        assert!(!adopt_master_key(&memory, &other).await.unwrap());
    }
}
