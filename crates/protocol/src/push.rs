//! A push of the integration config: the platform sends it by itself, signed (protocol 8.2).
//!
//! ```text
//! {"integrationInfo": "{the document in hex}", "hash": "{MAC of that hex text}"}
//! ```
//!
//! The signature says who sent it, not when: what was once genuine stays so. Whoever takes a push must refuse a
//! document older than the one in force (11-S17).

use std::borrow::Cow;

use data_encoding::HEXLOWER_PERMISSIVE;
use serde::Deserialize;

use crate::mac::Key;

/// Why a push is not taken. One answer for all reasons: who cannot sign need not know which it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the push is not signed with this account's key, or is not a push")]
pub struct NotGenuine;

#[derive(Deserialize)]
struct Push<'b> {
    #[serde(rename = "integrationInfo", borrow)]
    integration_info: Cow<'b, str>,
    #[serde(borrow)]
    hash: Cow<'b, str>,
}

/// Checks a push's signature in constant time and gives the document in it, which is not checked otherwise. The caller
/// bounds the size of the body.
///
/// Nobody knows whether the official platform writes UTF-8 or Latin-1: what is not UTF-8 is read as Latin-1.
///
/// ```
/// use anteroom_protocol::mac::Key;
/// use anteroom_protocol::push;
///
/// let key = Key::new(b"the account's secret key");
/// let hash = key.sign(&[b"7b7d"]).to_hex();
/// let body = format!(r#"{{"integrationInfo": "7b7d", "hash": "{hash}"}}"#);
/// assert_eq!(push::accept(body.as_bytes(), &key)?, "{}");
/// # Ok::<(), push::NotGenuine>(())
/// ```
///
/// # Errors
/// When it is not genuine.
pub fn accept(body: &[u8], key: &Key) -> Result<String, NotGenuine> {
    let push: Push<'_> = serde_json::from_slice(body).map_err(|_| NotGenuine)?;
    let hex = push.integration_info.as_bytes();
    if !key.verifies_hex(&[hex], &push.hash) {
        return Err(NotGenuine);
    }
    let document = HEXLOWER_PERMISSIVE.decode(hex).map_err(|_| NotGenuine)?;
    Ok(String::from_utf8(document)
        .unwrap_or_else(|error| error.into_bytes().iter().copied().map(char::from).collect()))
}
