//! The one way to write a client's address (protocol 1.2).
//!
//! The address is hashed as a text, so both sides must write it alike: IPv4 in dotted decimals, IPv6 by RFC 5952,
//! and an IPv4 address mapped into IPv6 as IPv4. Only a parsed address can be hashed, because hashing whatever
//! text a client sends would make us sign what an attacker chooses (protocol 11-S3).

use std::fmt::{self, Write as _};
use std::net::IpAddr;

use crate::mac::{HexMac, Key};

/// An address in its canonical form, without an allocation.
#[derive(Clone, Copy)]
pub struct ClientIpText {
    bytes: [u8; Self::LEN_MAX],
    len: usize,
}

impl ClientIpText {
    /// Eight groups of four digits with colons between them.
    const LEN_MAX: usize = 39;

    /// Writes an address.
    pub fn new(address: IpAddr) -> Self {
        let mut text = Self { bytes: [0; Self::LEN_MAX], len: 0 };
        write!(text, "{}", address.to_canonical()).expect("a canonical address has at most 39 characters");
        text
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.bytes[..self.len]).expect("an address is written in ASCII")
    }
}

impl fmt::Write for ClientIpText {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.len + text.len();
        self.bytes.get_mut(self.len..end).ok_or(fmt::Error)?.copy_from_slice(text.as_bytes());
        self.len = end;
        Ok(())
    }
}

/// The canonical text of an address.
///
/// ```
/// use anteroom_protocol::client_ip::canonical_text;
///
/// assert_eq!(canonical_text("::ffff:203.0.113.7".parse()?), "203.0.113.7");
/// assert_eq!(canonical_text("2001:0DB8:0:0:0:0:0:7".parse()?), "2001:db8::7");
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
pub fn canonical_text(address: IpAddr) -> String {
    ClientIpText::new(address).as_str().to_owned()
}

/// The `hip` of an address: what a queue token or accepted cookie bound to it carries.
pub fn hashed(address: IpAddr, key: &Key) -> HexMac {
    key.sign(&[ClientIpText::new(address).as_str().as_bytes()]).to_hex()
}

/// Whether a `hip` was made of this address.
pub fn is_bound_to(hashed_ip: &str, address: IpAddr, key: &Key) -> bool {
    key.verifies_hex(&[ClientIpText::new(address).as_str().as_bytes()], hashed_ip)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn longest_address_fits() {
        let text = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
        assert_eq!(canonical_text(text.parse().unwrap()), text);
    }
}
