//! Which waiting room is asked. A generator of load is a weapon in wrong hands, so without a word from the person who
//! starts it, it speaks to this machine only; and it speaks to no address but those that were looked at.

use std::net::{IpAddr, SocketAddr};

use anteroom_protocol::encode::enc;
use anteroom_protocol::id::{CustomerId, RoomId};
use url::{Host, Url};

/// A waiting room, and where it is.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) is_tls: bool,
    /// As the `Host` header names it.
    pub(super) authority: String,
    /// Without a port.
    pub(super) host: String,
    /// What the host's name means, at least one. Looked up once, so that it cannot mean something else later.
    pub(super) addresses: Vec<SocketAddr>,
    /// The enqueue address as a connector writes it, without the origin.
    pub(super) enqueue_path: String,
    /// Where a ticket's state is told, if the page does not say.
    pub(super) poll_path: String,
}

/// A waiting room that is not asked.
#[derive(Debug, thiserror::Error)]
pub(super) enum TargetError {
    #[error("found {found:?} as the room's address, expected its origin alone, as in http://127.0.0.1:8601")]
    NoOrigin { found: String },
    #[error("{host} has no address")]
    NoAddress { host: String },
    #[error("could not look up {host}")]
    Lookup { host: String, source: std::io::Error },
    #[error(
        "{host} is not this machine. Load on a site that is not yours, or that others use now, is an attack. If it is \
         yours, and those who run its network know, say so: --yes-i-own-this-site {host}"
    )]
    NotOurs { host: String },
    #[error("--yes-i-own-this-site names {named:?}, and the room is at {host}")]
    OtherSite { named: String, host: String },
}

impl Target {
    /// Finds the room's addresses, and refuses those that nobody answers for.
    pub(super) async fn find(
        origin: &str,
        customer: &CustomerId,
        room: &RoomId,
        wanted: Option<&str>,
        owned: Option<&str>,
    ) -> Result<Self, TargetError> {
        let no_origin = || TargetError::NoOrigin { found: origin.to_owned() };
        let url = Url::parse(origin).map_err(|_| no_origin())?;
        let is_origin = matches!(url.scheme(), "http" | "https")
            && matches!(url.path(), "" | "/")
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none();
        let (Some(host), Some(port), true) = (url.host(), url.port_or_known_default(), is_origin) else {
            return Err(no_origin());
        };
        let authority = url.port().map_or_else(|| host.to_string(), |port| format!("{host}:{port}"));
        let addresses = match &host {
            Host::Ipv4(address) => vec![SocketAddr::from((*address, port))],
            Host::Ipv6(address) => vec![SocketAddr::from((*address, port))],
            Host::Domain(name) => tokio::net::lookup_host((*name, port))
                .await
                .map_err(|source| TargetError::Lookup { host: (*name).to_owned(), source })?
                .collect(),
        };
        let host = host.to_string();
        check_ownership(&host, &addresses, owned)?;
        let mut enqueue_path = format!("/?c={customer}&e={room}");
        if let Some(wanted) = wanted {
            enqueue_path.push_str("&t=");
            enqueue_path.push_str(&enc(wanted));
        }
        let poll_path = format!("/api/v1/rooms/{room}/ticket?c={customer}");
        Ok(Self { is_tls: url.scheme() == "https", authority, host, addresses, enqueue_path, poll_path })
    }
}

fn check_ownership(host: &str, addresses: &[SocketAddr], owned: Option<&str>) -> Result<(), TargetError> {
    let host = host.to_owned();
    if addresses.is_empty() {
        return Err(TargetError::NoAddress { host });
    }
    match owned {
        Some(named) if named.eq_ignore_ascii_case(&host) => Ok(()),
        Some(named) => Err(TargetError::OtherSite { named: named.to_owned(), host }),
        None if addresses.iter().all(|address| is_this_machine(address.ip())) => Ok(()),
        None => Err(TargetError::NotOurs { host }),
    }
}

fn is_this_machine(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn find(origin: &str, owned: Option<&str>) -> Result<Target, TargetError> {
        let (customer, room) = ("acme".parse().unwrap(), "spring24".parse().unwrap());
        Target::find(origin, &customer, &room, Some("https://shop.example/?a=1"), owned).await
    }

    #[tokio::test]
    async fn room_on_this_machine_needs_no_word() {
        let target = find("http://127.0.0.1:8601", None).await.unwrap();
        assert_eq!(target.authority, "127.0.0.1:8601");
        assert_eq!(target.enqueue_path, "/?c=acme&e=spring24&t=https%3A%2F%2Fshop.example%2F%3Fa%3D1");
        assert_eq!(target.poll_path, "/api/v1/rooms/spring24/ticket?c=acme");
        assert!(!target.is_tls);
        for origin in ["http://127.8.9.1:80/", "https://[::1]:8602", "http://[::ffff:127.0.0.1]:8601"] {
            assert!(find(origin, None).await.is_ok(), "{origin}");
        }
    }

    #[tokio::test]
    async fn room_elsewhere_needs_a_word_that_names_it() {
        for origin in
            ["http://192.0.2.7:8601", "https://[2001:db8::1]", "http://0.0.0.0:8601", "http://10.0.0.1"]
        {
            assert!(matches!(find(origin, None).await, Err(TargetError::NotOurs { .. })), "{origin}");
        }
        assert!(find("https://192.0.2.7", Some("192.0.2.7")).await.is_ok());
        let other = find("https://192.0.2.7", Some("shop.example")).await;
        assert!(matches!(other, Err(TargetError::OtherSite { .. })));
    }

    #[tokio::test]
    async fn more_than_an_origin_is_refused() {
        for origin in
            ["", "127.0.0.1:8601", "ftp://127.0.0.1", "http://127.0.0.1/x", "http://a:b@127.0.0.1/?c=d"]
        {
            assert!(matches!(find(origin, None).await, Err(TargetError::NoOrigin { .. })), "{origin}");
        }
    }
}
