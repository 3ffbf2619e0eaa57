//! Where a visitor may be sent back to (protocol 6.2). A redirect with a queue token hands over a bearer
//! credential, so only hosts that the account registered are allowed, judged by what a browser would read.

use std::fmt;
use std::str::FromStr;

use url::{Host, Url};

use crate::problem::Problem;
use crate::ticket::TARGET_BYTES_MAX;

/// The hosts of an account.
///
/// ```
/// use anteroom_protocol::redirect::AllowedHosts;
///
/// let hosts = AllowedHosts::parse(&["shop.example".to_owned(), "*.shop.example:8443".to_owned()]).unwrap();
/// assert_eq!(hosts.check("https://shop.example/a b").unwrap().as_str(), "https://shop.example/a%20b");
/// assert!(hosts.check("https://www.shop.example:8443/").is_ok());
/// assert!(hosts.check("https://evil.example/?shop.example").is_err());
/// assert!(hosts.check("https://shop.example@evil.example/").is_err());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowedHosts(Vec<HostPattern>);

impl AllowedHosts {
    /// Reads the entries of an account: `shop.example` (ports 80 and 443), `shop.example:8443`, `127.0.0.1:*`
    /// (any port), `*.shop.example` (every name below it, not itself), `[::1]:*`.
    ///
    /// # Errors
    /// Every entry that is none of these, with its number as path.
    pub fn parse(entries: &[String]) -> Result<Self, Vec<Problem>> {
        let mut hosts = Vec::with_capacity(entries.len());
        let mut problems = Vec::new();
        for (at, entry) in entries.iter().enumerate() {
            match entry.parse() {
                Ok(host) => hosts.push(host),
                Err(expected) => {
                    problems.push(Problem::new(format!("[{at}]"), Problem::quote(entry), expected));
                }
            }
        }
        if problems.is_empty() { Ok(Self(hosts)) } else { Err(problems) }
    }

    /// Whether a visitor may be sent there.
    ///
    /// # Errors
    /// Why not.
    pub fn check(&self, target: &str) -> Result<Target, TargetRefusal> {
        if target.len() > TARGET_BYTES_MAX {
            return Err(TargetRefusal::TooLong);
        }
        if target.chars().any(char::is_control) || target != target.trim() {
            return Err(TargetRefusal::ControlCharacter);
        }
        if target.contains('\\') {
            return Err(TargetRefusal::Backslash);
        }
        let (scheme, rest) = target.split_once("://").ok_or(TargetRefusal::NotAbsolute)?;
        if !["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
            return Err(TargetRefusal::NotAbsolute);
        }
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let url = Url::parse(target).map_err(|_| TargetRefusal::NotAbsolute)?;
        if authority.is_empty() {
            return Err(TargetRefusal::NotAbsolute);
        }
        if authority.contains('@') || !url.username().is_empty() || url.password().is_some() {
            return Err(TargetRefusal::UserInfo);
        }
        let host = url.host().ok_or(TargetRefusal::NotAbsolute)?;
        let port = url.port_or_known_default().ok_or(TargetRefusal::NotAbsolute)?;
        if !self.0.iter().any(|pattern| pattern.covers(&host, port)) {
            return Err(TargetRefusal::HostNotAllowed(Problem::quote(&format!("{host}:{port}"))));
        }
        if url.as_str().len() > TARGET_BYTES_MAX {
            return Err(TargetRefusal::TooLong);
        }
        Ok(Target(url.into()))
    }
}

/// An absolute http or https address on one of the account's hosts, as a browser would write it: ASCII only.
#[derive(Clone, PartialEq, Eq)]
pub struct Target(String);

impl Target {
    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The address.
    pub fn into_string(self) -> String {
        self.0
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Target(..)")
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a visitor may not be sent somewhere.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetRefusal {
    /// Longer than a ticket carries.
    #[error("the address is longer than {TARGET_BYTES_MAX} bytes")]
    TooLong,
    /// Relative, of another scheme, or no address at all.
    #[error("the address is not an absolute http or https address")]
    NotAbsolute,
    /// A name before an `@`, which makes one host look like another.
    #[error("the address names a user")]
    UserInfo,
    /// A control character, or white space at an end.
    #[error("the address has control characters or white space around it")]
    ControlCharacter,
    /// A backslash, which browsers read as a slash and others do not.
    #[error("the address has a backslash")]
    Backslash,
    /// A host that the account did not register; quoted, with its port.
    #[error("the host {0} is not among the account's allowed hosts")]
    HostNotAllowed(String),
}

/// One entry of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
struct HostPattern {
    name: NamePattern,
    port: PortPattern,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum NamePattern {
    Exactly(Host),
    /// Every name that ends in this, a dot in front.
    Below(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum PortPattern {
    Usual,
    Exactly(u16),
    Any,
}

impl HostPattern {
    fn covers(&self, host: &Host<&str>, port: u16) -> bool {
        let is_name_covered = match (&self.name, host) {
            (NamePattern::Exactly(Host::Domain(own)), Host::Domain(asked)) => own == asked,
            (NamePattern::Exactly(Host::Ipv4(own)), Host::Ipv4(asked)) => own == asked,
            (NamePattern::Exactly(Host::Ipv6(own)), Host::Ipv6(asked)) => own == asked,
            (NamePattern::Below(ending), Host::Domain(asked)) => {
                asked.len() > ending.len() && asked.ends_with(ending.as_str())
            }
            _ => false,
        };
        is_name_covered
            && match self.port {
                PortPattern::Usual => port == 80 || port == 443,
                PortPattern::Exactly(own) => port == own,
                PortPattern::Any => true,
            }
    }
}

impl FromStr for HostPattern {
    type Err = &'static str;

    fn from_str(entry: &str) -> Result<Self, Self::Err> {
        const EXPECTED: &str = "a host such as shop.example, shop.example:8443, 127.0.0.1:* or *.shop.example, without scheme and path";
        let (name, port) = match entry.rsplit_once(':') {
            // The last colon of a bare IPv6 address is inside its brackets.
            Some((name, port)) if !port.ends_with(']') => (name, Some(port)),
            _ => (entry, None),
        };
        let port = match port {
            None => PortPattern::Usual,
            Some("*") => PortPattern::Any,
            Some(port) if port.bytes().all(|byte| byte.is_ascii_digit()) => PortPattern::Exactly(
                port.parse().ok().filter(|&port| port != 0).ok_or("a port from 1 to 65535")?,
            ),
            Some(_) => return Err(EXPECTED),
        };
        if name.chars().any(|c| c.is_whitespace() || matches!(c, '/' | '\\' | '@' | '?' | '#' | '%')) {
            return Err(EXPECTED);
        }
        let name = match name.strip_prefix("*.") {
            Some(parent) => match Host::parse(parent).map_err(|_| EXPECTED)? {
                Host::Domain(parent) => NamePattern::Below(format!(".{parent}")),
                Host::Ipv4(_) | Host::Ipv6(_) => return Err("a name behind *., not an address"),
            },
            None if name.contains('*') => {
                return Err("* only as the whole first label, such as *.shop.example");
            }
            None => NamePattern::Exactly(Host::parse(name).map_err(|_| EXPECTED)?),
        };
        Ok(Self { name, port })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(entries: &[&str]) -> AllowedHosts {
        AllowedHosts::parse(&entries.iter().map(|&entry| entry.to_owned()).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn hosts_are_covered_by_name_and_port() {
        let hosts = hosts(&[
            "Shop.example",
            "api.example:8443",
            "127.0.0.1:*",
            "*.wild.example",
            "[::1]:*",
            "bücher.example",
        ]);
        for target in [
            "https://shop.example/",
            "HTTP://SHOP.example",
            "https://shop.example:80/",
            "https://api.example:8443/x?y#z",
            "http://127.0.0.1:8600/tickets",
            "http://[::1]:1/",
            "https://a.b.wild.example/",
            "https://xn--bcher-kva.example/",
            "https://bücher.example/",
        ] {
            assert!(hosts.check(target).is_ok(), "{target}: {:?}", hosts.check(target));
        }
        for target in [
            "https://shop.example:8443/",
            "https://www.shop.example/",
            "https://shop.example.evil.example/",
            "https://evilshop.example/",
            "https://wild.example/",
            "https://evilwild.example/",
            "https://api.example/",
            "https://127.0.0.2/",
        ] {
            assert!(matches!(hosts.check(target), Err(TargetRefusal::HostNotAllowed(_))), "{target}");
        }
    }

    #[test]
    fn addresses_that_readers_disagree_on_are_refused() {
        let hosts = hosts(&["shop.example"]);
        for target in [
            "",
            "/tickets",
            "//shop.example/",
            "shop.example/",
            "https:shop.example/",
            "https:///shop.example/",
            "javascript://shop.example/%0aalert(1)",
            "ftp://shop.example/",
            "https://user@shop.example/",
            "https://@shop.example/",
            "https://user:pass@shop.example/",
            "https://evil.example\\@shop.example/",
            "https://shop.example\\.evil.example/",
            "https://shop.example/\r\nSet-Cookie: a=b",
            "https://shop.example/\t",
            " https://shop.example/",
            "https://shop.example/ ",
            "https://",
            "https://:443/",
        ] {
            assert!(hosts.check(target).is_err(), "{target:?}");
        }
        assert_eq!(
            hosts.check(&format!("https://shop.example/{}", "x".repeat(2000))),
            Err(TargetRefusal::TooLong)
        );
        assert_eq!(
            hosts.check(&format!("https://shop.example/{}", "é".repeat(900))),
            Err(TargetRefusal::TooLong)
        );
    }

    #[test]
    fn nothing_is_allowed_unless_registered() {
        assert!(AllowedHosts::default().check("https://shop.example/").is_err());
    }

    #[test]
    fn every_bad_entry_is_reported() {
        let entries = [
            "ok.example",
            "https://a.example",
            "a.example/x",
            "a.*.example",
            "*.127.0.0.1",
            "a:0",
            "a:x",
            "",
            "*",
        ];
        let problems = AllowedHosts::parse(&entries.map(str::to_owned)).unwrap_err();
        assert_eq!(problems.len(), entries.len() - 1, "{problems:#?}");
        assert_eq!(problems[0].path, "[1]");
    }
}
