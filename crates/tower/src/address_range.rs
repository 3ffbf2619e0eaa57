//! Ranges of addresses, such as `10.0.0.0/8`, by which trusted proxies are named.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// One address or a block of them: `192.0.2.7`, `10.0.0.0/8`, `fd00::/8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressRange {
    first: IpAddr,
    prefix_bits: u8,
}

impl AddressRange {
    /// Whether the address lies within. An IPv4 address may come in its IPv6 form (`::ffff:10.0.0.1`), as sockets
    /// that listen on both families report it.
    pub fn contains(&self, address: IpAddr) -> bool {
        let (first, address) = match (self.first, address.to_canonical()) {
            (IpAddr::V4(first), IpAddr::V4(address)) => (left_bits_v4(first), left_bits_v4(address)),
            (IpAddr::V6(first), IpAddr::V6(address)) => (first.to_bits(), address.to_bits()),
            _ => return false,
        };
        let differing = first ^ address;
        differing.leading_zeros() >= u32::from(self.prefix_bits)
    }
}

/// An IPv4 address as the leftmost bits, so that one comparison serves both families.
fn left_bits_v4(address: std::net::Ipv4Addr) -> u128 {
    u128::from(address.to_bits()) << 96
}

impl From<IpAddr> for AddressRange {
    fn from(address: IpAddr) -> Self {
        let first = address.to_canonical();
        Self { first, prefix_bits: if first.is_ipv4() { 32 } else { 128 } }
    }
}

impl FromStr for AddressRange {
    type Err = AddressRangeError;

    fn from_str(text: &str) -> Result<Self, AddressRangeError> {
        let refuse = || AddressRangeError { found: text.chars().take(60).collect() };
        let Some((address, bits)) = text.split_once('/') else {
            return text.parse::<IpAddr>().map(Self::from).map_err(|_| refuse());
        };
        let first: IpAddr = address.parse().map_err(|_| refuse())?;
        let prefix_bits: u8 = bits.parse().map_err(|_| refuse())?;
        let bits_max = if first.is_ipv4() { 32 } else { 128 };
        if prefix_bits > bits_max {
            return Err(refuse());
        }
        Ok(Self { first, prefix_bits })
    }
}

impl fmt::Display for AddressRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.prefix_bits)
    }
}

/// A text that is neither an address nor a block of addresses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{found:?} is not an address or a block of addresses such as 192.0.2.7, 10.0.0.0/8 or fd00::/8")]
pub struct AddressRangeError {
    found: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(text: &str) -> AddressRange {
        text.parse().unwrap()
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn block_holds_its_first_and_last_address_and_no_neighbour() {
        let block = range("10.1.0.0/16");
        for inside in ["10.1.0.0", "10.1.255.255", "::ffff:10.1.2.3"] {
            assert!(block.contains(address(inside)), "{inside}");
        }
        for outside in ["10.0.255.255", "10.2.0.0", "a01::"] {
            assert!(!block.contains(address(outside)), "{outside}");
        }
        assert!(range("fd00::/8").contains(address("fdff::1")));
        assert!(!range("fd00::/8").contains(address("fe00::1")));
    }

    #[test]
    fn whole_family_is_a_block_of_no_bits() {
        assert!(range("0.0.0.0/0").contains(address("203.0.113.9")));
        assert!(!range("0.0.0.0/0").contains(address("2001:db8::1")));
        assert!(range("::/0").contains(address("2001:db8::1")));
    }

    #[test]
    fn single_address_is_only_itself() {
        assert!(range("127.0.0.1").contains(address("127.0.0.1")));
        assert!(!range("127.0.0.1").contains(address("127.0.0.2")));
    }

    #[test]
    fn nonsense_is_refused_with_what_was_found() {
        for text in ["", "10.0.0.0/33", "fd00::/129", "10.0.0/8", "10.0.0.0/-1", "shop.example"] {
            let problem = text.parse::<AddressRange>().unwrap_err().to_string();
            assert!(problem.contains(&format!("{text:?}")), "{problem}");
        }
    }
}
