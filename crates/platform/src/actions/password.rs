//! Passwords of operators: hashed with argon2id, away from the threads that answer requests, and never more than
//! a few at once, because each takes some 20 MiB and a few hundredths of a second on purpose.

use std::sync::Arc;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use tokio::sync::Semaphore;

/// Passwords looked at at the same time: two keep a small machine responsive.
const AT_ONCE: usize = 2;
/// Further ones that may wait for their turn; beyond it the answer is "busy", so that a flood of sign-ins holds
/// neither memory nor connections.
const WAITING_MAX: usize = 16;

/// Looks at passwords.
#[derive(Clone, Debug)]
pub(crate) struct Passwords {
    running: Arc<Semaphore>,
    admitted: Arc<Semaphore>,
}

/// Why a password could not be looked at.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PasswordError {
    #[error("too many sign-ins at the same time")]
    Busy,
    #[error("the password could not be hashed: {0}")]
    Hash(String),
}

impl Passwords {
    /// Nothing is being looked at yet.
    pub(crate) fn new() -> Self {
        Self {
            running: Arc::new(Semaphore::new(AT_ONCE)),
            admitted: Arc::new(Semaphore::new(AT_ONCE + WAITING_MAX)),
        }
    }

    /// Whether `password` is the one `hash` was made of. Without a hash (there is no such operator) the answer is no
    /// and takes as long as one with, so that names cannot be found out by the time it takes.
    pub(crate) async fn is_right(
        &self,
        password: String,
        hash: Option<String>,
    ) -> Result<bool, PasswordError> {
        let _admitted = self.admitted.try_acquire().map_err(|_| PasswordError::Busy)?;
        let _running = self.running.acquire().await.map_err(|_| PasswordError::Busy)?;
        tokio::task::spawn_blocking(move || match hash {
            Some(hash) => PasswordHash::new(&hash)
                .is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok()),
            None => {
                let _as_long_as_a_real_one = hash_password(&password);
                false
            }
        })
        .await
        .map_err(|error| PasswordError::Hash(error.to_string()))
    }
}

/// The text to keep in place of `password`. Takes a few hundredths of a second of the calling thread.
pub(crate) fn hash_password(password: &str) -> Result<String, PasswordError> {
    Argon2::default()
        .hash_password(password.as_bytes())
        .map(|hash| hash.to_string())
        .map_err(|error| PasswordError::Hash(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_right_password_of_a_known_operator_is_right() {
        let passwords = Passwords::new();
        let hash = hash_password("open sesame").unwrap();
        assert!(hash.starts_with("$argon2id$"));
        assert!(passwords.is_right("open sesame".into(), Some(hash.clone())).await.unwrap());
        assert!(!passwords.is_right("open barley".into(), Some(hash)).await.unwrap());
        assert!(!passwords.is_right("open sesame".into(), None).await.unwrap());
        assert!(!passwords.is_right("x".into(), Some("not a hash".into())).await.unwrap());
    }
}
