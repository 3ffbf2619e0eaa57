//! Whose word counts on where a request came from. The address of the connection is certain; what forwarding
//! headers say is only as good as the proxy that wrote them, so they count as far as they were written by
//! proxies that the operator named (protocol 1.2 and 11-S12). Both sides need the same rule, because an address
//! is hashed by one and compared by the other.

use std::net::IpAddr;
use std::str::FromStr;

use crate::problem::Problem;

/// The addresses and networks whose forwarding headers are believed. Empty: nobody's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedProxies(Vec<Network>);

impl TrustedProxies {
    /// Reads entries such as `192.0.2.7`, `10.0.0.0/8` or `2001:db8::/32`, and tells every one that is wrong.
    pub fn parse<T: AsRef<str>>(entries: &[T]) -> Result<Self, Vec<Problem>> {
        let mut networks = Vec::with_capacity(entries.len());
        let mut problems = Vec::new();
        for (at, entry) in entries.iter().map(AsRef::as_ref).enumerate() {
            match entry.parse() {
                Ok(network) => networks.push(network),
                Err(NotANetwork) => problems.push(Problem {
                    path: format!("[{at}]"),
                    found: format!("{entry:?}"),
                    expected: "an address or a network such as \"192.0.2.7\" or \"10.0.0.0/8\"".to_owned(),
                }),
            }
        }
        if problems.is_empty() { Ok(Self(networks)) } else { Err(problems) }
    }

    /// Whether forwarding headers on a connection from this address are believed.
    pub fn trusts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(address))
    }

    /// The address of the client: the connection's own, unless that is a trusted proxy; then the last address
    /// in `X-Forwarded-For` that is not one. `forwarded_for` are the header's values, in the order of the request.
    ///
    /// Each proxy appends the address it saw, so the list is read from the right and everything to the left of
    /// the first untrusted entry is hearsay. An entry that is no address ends the walk as well: what was
    /// established so far stands.
    pub fn client_ip<'a>(
        &self,
        peer: IpAddr,
        forwarded_for: impl DoubleEndedIterator<Item = &'a str>,
    ) -> IpAddr {
        let mut known = peer.to_canonical();
        for entry in forwarded_for.rev().flat_map(|value| value.rsplit(',')) {
            if !self.trusts(known) {
                break;
            }
            let Some(address) = address_of(entry.trim()) else { break };
            known = address.to_canonical();
        }
        known
    }
}

/// Some proxies append the port, and brackets around an IPv6 address with one.
fn address_of(entry: &str) -> Option<IpAddr> {
    let unbracketed = entry.strip_prefix('[').and_then(|rest| rest.split(']').next()).unwrap_or(entry);
    unbracketed.parse().ok().or_else(|| entry.parse::<std::net::SocketAddr>().ok().map(|socket| socket.ip()))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Network {
    address: IpAddr,
    prefix_bits: u32,
}

impl Network {
    fn contains(&self, address: IpAddr) -> bool {
        fn top(bits: u128, of: u32, prefix: u32) -> u128 {
            if prefix == 0 { 0 } else { bits >> (of - prefix) }
        }
        match (self.address, address) {
            (IpAddr::V4(mine), IpAddr::V4(other)) => {
                let top = |ip: std::net::Ipv4Addr| top(u128::from(u32::from(ip)), 32, self.prefix_bits);
                top(mine) == top(other)
            }
            (IpAddr::V6(mine), IpAddr::V6(other)) => {
                let top = |ip: std::net::Ipv6Addr| top(u128::from(ip), 128, self.prefix_bits);
                top(mine) == top(other)
            }
            _ => false,
        }
    }
}

struct NotANetwork;

impl FromStr for Network {
    type Err = NotANetwork;

    fn from_str(text: &str) -> Result<Self, NotANetwork> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| NotANetwork)?;
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let prefix_bits = prefix.map_or(Ok(bits), str::parse).map_err(|_| NotANetwork)?;
        if prefix_bits > bits { Err(NotANetwork) } else { Ok(Self { address, prefix_bits }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trusted(entries: &[&str]) -> TrustedProxies {
        TrustedProxies::parse(entries).unwrap()
    }

    fn client(proxies: &TrustedProxies, peer: &str, forwarded_for: &[&str]) -> String {
        proxies.client_ip(peer.parse().unwrap(), forwarded_for.iter().copied()).to_string()
    }

    #[test]
    fn a_stranger_cannot_choose_an_address() {
        let proxies = trusted(&["10.0.0.0/8"]);
        assert_eq!(client(&proxies, "203.0.113.7", &["198.51.100.1"]), "203.0.113.7");
        assert_eq!(client(&TrustedProxies::default(), "127.0.0.1", &["198.51.100.1"]), "127.0.0.1");
    }

    #[test]
    fn the_last_untrusted_entry_is_the_client() {
        let proxies = trusted(&["10.0.0.0/8", "2001:db8::/32"]);
        assert_eq!(client(&proxies, "10.1.1.1", &["1.1.1.1, 198.51.100.1, 10.2.2.2"]), "198.51.100.1");
        assert_eq!(client(&proxies, "2001:db8::1", &["1.1.1.1", "198.51.100.1", "10.2.2.2"]), "198.51.100.1");
        assert_eq!(client(&proxies, "::ffff:10.1.1.1", &["[2001:dead::7]:443"]), "2001:dead::7");
        assert_eq!(client(&proxies, "10.1.1.1", &["198.51.100.1:5555"]), "198.51.100.1");
    }

    #[test]
    fn what_is_no_address_ends_the_walk() {
        let proxies = trusted(&["10.0.0.0/8"]);
        assert_eq!(client(&proxies, "10.1.1.1", &["198.51.100.1, unknown, 10.2.2.2"]), "10.2.2.2");
        assert_eq!(client(&proxies, "10.1.1.1", &[""]), "10.1.1.1");
    }

    #[test]
    fn wrong_entries_are_told_all_at_once() {
        let problems =
            TrustedProxies::parse(&["10.0.0.0/33", "10.0.0.1", "localhost", "::/129"]).unwrap_err();
        let paths: Vec<&str> = problems.iter().map(|problem| problem.path.as_str()).collect();
        assert_eq!(paths, ["[0]", "[2]", "[3]"]);
    }

    #[test]
    fn a_network_of_every_address_holds_them_all() {
        assert!(trusted(&["0.0.0.0/0"]).trusts("203.0.113.7".parse().unwrap()));
        assert!(trusted(&["::/0"]).trusts("2001:db8::1".parse().unwrap()));
        assert!(!trusted(&["0.0.0.0/0"]).trusts("2001:db8::1".parse().unwrap()));
    }
}
