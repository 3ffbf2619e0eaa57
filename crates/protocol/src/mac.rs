//! Hashing, keys, and comparison in constant time (protocol 1.1). Knows nothing of what is signed.
//!
//! The wire protocol signs everything with one and the same key. What is ours alone (tickets) is signed with a
//! key derived from it for that purpose, so that no text of one kind can pass for another.

use std::fmt;

use constant_time_eq::constant_time_eq;
use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit, Mac as _};
use sha2::{Digest, Sha256};

use crate::secret::Secret;

/// Length of a MAC and of a hash, in bytes.
const MAC_LEN: usize = 32;

/// Length of a MAC as it is written, in hex digits.
pub const HEX_LEN: usize = 2 * MAC_LEN;

/// An HMAC-SHA256 key, made ready once and then cloned for each use, which saves two of five compressions.
///
/// ```
/// use anteroom_protocol::mac::Key;
///
/// let key = Key::new(b"secret");
/// let mac = key.sign(&[b"two ", b"parts"]);
/// assert!(key.verifies_hex(&[b"two parts"], mac.to_hex().as_str()));
/// assert!(!key.derive("other").verifies_hex(&[b"two parts"], mac.to_hex().as_str()));
/// ```
#[derive(Clone)]
pub struct Key(Hmac<Sha256>);

impl Key {
    /// A key of these bytes, of any length.
    pub fn new(secret: &[u8]) -> Self {
        Self(Hmac::new_from_slice(secret).expect("HMAC takes keys of every length"))
    }

    /// The key of a secret text, used as its UTF-8 bytes as the wire protocol demands.
    pub fn from_secret(secret: &Secret) -> Self {
        Self::new(secret.expose().as_bytes())
    }

    /// Another key, for one purpose of our own: the MAC of `anteroom/` and the purpose.
    pub fn derive(&self, purpose: &str) -> Self {
        Self::new(&self.sign(&[b"anteroom/", purpose.as_bytes()]).0)
    }

    /// The MAC of the parts, joined without anything between them.
    pub fn sign(&self, parts: &[&[u8]]) -> Mac {
        let mut state = self.0.clone();
        for part in parts {
            state.update(part);
        }
        Mac(state.finalize().into_bytes().into())
    }

    /// Whether this is the MAC of the parts. Takes the same time wherever the two differ.
    pub fn verifies(&self, parts: &[&[u8]], mac: &[u8; 32]) -> bool {
        constant_time_eq(&self.sign(parts).0, mac)
    }

    /// Whether this text is the MAC of the parts in lower-case hex digits. Upper case is refused. Takes the same
    /// time wherever the two differ.
    pub fn verifies_hex(&self, parts: &[&[u8]], hex: &str) -> bool {
        hex.len() == HEX_LEN
            && constant_time_eq(self.sign(parts).to_hex().as_str().as_bytes(), hex.as_bytes())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key([secret])")
    }
}

/// An HMAC-SHA256. Compare it through [`Key::verifies`] only; it has no `==`, which would leak by its timing.
#[derive(Clone, Copy)]
pub struct Mac([u8; MAC_LEN]);

impl Mac {
    /// The bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// As 64 lower-case hex digits.
    pub fn to_hex(self) -> HexMac {
        let mut digits = [0; HEX_LEN];
        HEXLOWER.encode_mut(&self.0, &mut digits);
        HexMac(digits)
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mac(..)")
    }
}

/// A MAC as 64 lower-case hex digits, without an allocation.
#[derive(Clone, Copy)]
pub struct HexMac([u8; HEX_LEN]);

impl HexMac {
    /// Takes a text over if it [could be a MAC](is_hex_mac). Says nothing about whose it is.
    pub fn parse(text: &str) -> Option<Self> {
        if !is_hex_mac(text) {
            return None;
        }
        text.as_bytes().try_into().ok().map(Self)
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.0).expect("hex digits are ASCII")
    }
}

impl AsRef<str> for HexMac {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for HexMac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for HexMac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HexMac(..)")
    }
}

/// Whether a text could be a MAC: 64 lower-case hex digits.
pub fn is_hex_mac(text: &str) -> bool {
    text.len() == HEX_LEN && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// SHA-256 of the parts, joined without anything between them.
pub fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut state = Sha256::new();
    for part in parts {
        state.update(part);
    }
    state.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_parts_are_cut_does_not_matter() {
        let key = Key::new(b"k");
        assert_eq!(key.sign(&[b"ab", b"", b"c"]).0, key.sign(&[b"abc"]).0);
    }

    #[test]
    fn upper_case_hex_is_refused() {
        let key = Key::new(b"k");
        let hex = key.sign(&[b"m"]).to_hex().to_string();
        assert!(key.verifies_hex(&[b"m"], &hex));
        assert!(!key.verifies_hex(&[b"m"], &hex.to_uppercase()));
        assert!(!key.verifies_hex(&[b"m"], &hex[1..]));
    }

    #[test]
    fn debug_output_shows_no_key_and_no_mac() {
        let key = Key::new(b"k");
        assert_eq!(format!("{key:?} {:?}", key.sign(&[])), "Key([secret]) Mac(..)");
    }
}
