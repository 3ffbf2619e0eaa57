//! Configuration push (protocol 8.2). (Contract stub.)

use crate::mac::Key;

/// Why a push is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the push is not signed with this account's key, or is not a push")]
pub struct NotGenuine;

/// Checks a push's signature and gives the document in it.
///
/// # Errors
/// When it is not genuine.
pub fn accept(_body: &[u8], _key: &Key) -> Result<String, NotGenuine> {
    Err(NotGenuine)
}
