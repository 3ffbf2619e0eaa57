//! From where a request came, and what the visitor's browser calls the address it asked for.
//!
//! Both may stand in `X-Forwarded-…` headers, which anybody can write. So they are believed only as far as a
//! trusted proxy wrote them: the connection's other end must be one, and lists are read from the right, where the
//! nearest proxy appends.

use std::fmt::Write as _;
use std::net::IpAddr;

use anteroom_protocol::forwarded::TrustedProxies;
use http::header::{HOST, HeaderMap, HeaderName};
use http::uri::{Authority, Scheme};
use http::{Request, Uri};

use crate::settings::{Origin, is_plain_host};

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// Stands for the host of a request that names none, as HTTP/1.0 allows. It exists nowhere (RFC 6761 section 6.4),
/// so a waiting room sends such a visitor to the site's own start address.
const HOST_UNKNOWN: &str = "host.invalid";

/// The other end of the connection a request came on. The host puts it into the request's extensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientAddress {
    /// Address of the client, or of the proxy nearest to us.
    pub ip: IpAddr,
    /// Whether the connection is encrypted up to here.
    pub is_tls: bool,
}

/// A request names no host that an address could be made of. It is answered 400: an address guessed from it
/// might match no trigger where the site would still answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the request names several hosts or one that is not a host")]
pub struct BadHost;

/// How this host sees its requests: settings that decide whom to believe.
#[derive(Clone, Debug)]
pub(crate) struct Viewpoint {
    pub(crate) public_origin: Option<Origin>,
    pub(crate) trusted_proxies: TrustedProxies,
}

impl Viewpoint {
    /// The visitor's address: the nearest one that is not a trusted proxy's.
    pub(crate) fn client_ip<B>(&self, request: &Request<B>) -> Option<IpAddr> {
        let peer = request.extensions().get::<ClientAddress>()?.ip;
        // A line that is no text stands for a hop that cannot be read, at which the walk ends.
        let lines = request.headers().get_all(FORWARDED_FOR).iter();
        Some(self.trusted_proxies.client_ip(peer, lines.map(|line| line.to_str().unwrap_or_default())))
    }

    /// The absolute address that was asked for, as the browser wrote it.
    pub(crate) fn public_url<B>(&self, request: &Request<B>) -> Result<String, BadHost> {
        let origin = match &self.public_origin {
            Some(origin) => origin.clone(),
            None => self.origin_of(request)?,
        };
        Ok(absolute(&origin, request.uri()))
    }

    fn origin_of<B>(&self, request: &Request<B>) -> Result<Origin, BadHost> {
        let client = request.extensions().get::<ClientAddress>();
        let is_from_proxy = client.is_some_and(|client| self.trusted_proxies.trusts(client.ip));
        let forwarded = |name| if is_from_proxy { last_item(request.headers(), &name) } else { None };
        let scheme = match forwarded(FORWARDED_PROTO) {
            Some(text) if text.eq_ignore_ascii_case("https") => Scheme::HTTPS,
            Some(text) if text.eq_ignore_ascii_case("http") => Scheme::HTTP,
            _ if client.is_some_and(|client| client.is_tls) => Scheme::HTTPS,
            _ => Scheme::HTTP,
        };
        let authority = match forwarded(FORWARDED_HOST) {
            Some(text) => parse_host(text.as_bytes())?,
            None => named_host(request)?.unwrap_or(Authority::from_static(HOST_UNKNOWN)),
        };
        Ok(Origin { scheme, authority })
    }
}

/// The host a request names: in its address (RFC 9112 section 3.2.2 puts that first), else in `Host`. `None` when
/// it names none, as HTTP/1.0 allows.
///
/// # Errors
///
/// When there are several `Host` lines, or what is named is not a host with at most a port.
pub fn named_host<B>(request: &Request<B>) -> Result<Option<Authority>, BadHost> {
    if let Some(authority) = request.uri().authority() {
        return if is_plain_host(authority) { Ok(Some(authority.clone())) } else { Err(BadHost) };
    }
    let mut hosts = request.headers().get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) => Ok(None),
        (Some(host), None) => parse_host(host.as_bytes()).map(Some),
        (Some(_), Some(_)) => Err(BadHost),
    }
}

fn parse_host(text: &[u8]) -> Result<Authority, BadHost> {
    Authority::try_from(text).ok().filter(is_plain_host).ok_or(BadHost)
}

/// Scheme, host, the port where it is not the scheme's own, path and query.
fn absolute(origin: &Origin, uri: &Uri) -> String {
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    let own_port = if origin.scheme == Scheme::HTTPS { 443 } else { 80 };
    let mut url =
        String::with_capacity(origin.authority.as_str().len() + target.len() + "https://:65535/".len());
    url.push_str(origin.scheme.as_str());
    url.push_str("://");
    let host_at = url.len();
    // With a dot at its end a name is the same one, written in full. Sites answer to both, so triggers must see one.
    let host = origin.authority.host();
    url.push_str(host.strip_suffix('.').filter(|host| !host.is_empty()).unwrap_or(host));
    url[host_at..].make_ascii_lowercase();
    if let Some(port) = origin.authority.port_u16().filter(|&port| port != own_port) {
        // Writing to a string cannot fail.
        let _ = write!(url, ":{port}");
    }
    // The target of `OPTIONS *` is no path.
    if !target.starts_with('/') {
        url.push('/');
    }
    url.push_str(target);
    url
}

/// The last item of a list header, where the nearest proxy wrote.
fn last_item<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let line = headers.get_all(name).iter().next_back()?.to_str().ok()?;
    line.rsplit(',').next().map(str::trim).filter(|item| !item.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn viewpoint(trusted: &[&str]) -> Viewpoint {
        let trusted_proxies = TrustedProxies::parse(trusted).unwrap();
        Viewpoint { public_origin: None, trusted_proxies }
    }

    fn request(target: &str, peer: Option<&str>, headers: &[(&str, &str)]) -> Request<()> {
        let mut builder = Request::builder().uri(target);
        for (name, value) in headers {
            builder = builder.header(*name, *value);
        }
        let mut request = builder.body(()).unwrap();
        if let Some(peer) = peer {
            request.extensions_mut().insert(ClientAddress { ip: peer.parse().unwrap(), is_tls: false });
        }
        request
    }

    #[test]
    fn client_ip_is_the_nearest_address_that_is_no_trusted_proxy() {
        let behind_two = viewpoint(&["10.0.0.0/8"]);
        for (peer, lines, expected) in [
            ("203.0.113.9", &["198.51.100.1"][..], "203.0.113.9"),
            ("10.0.0.1", &["198.51.100.1"], "198.51.100.1"),
            ("10.0.0.1", &["1.1.1.1, 198.51.100.1, 10.0.0.2"], "198.51.100.1"),
            ("10.0.0.1", &["1.1.1.1", "198.51.100.1", "10.0.0.2"], "198.51.100.1"),
            ("::ffff:10.0.0.1", &["::ffff:198.51.100.1"], "198.51.100.1"),
            ("10.0.0.1", &["198.51.100.1:4711"], "198.51.100.1"),
            ("10.0.0.1", &["[2001:db8::1]:4711"], "2001:db8::1"),
            ("10.0.0.1", &["[2001:db8::1]"], "2001:db8::1"),
            ("10.0.0.1", &["unknown, 10.0.0.2"], "10.0.0.2"),
            ("10.0.0.1", &[""], "10.0.0.1"),
            ("10.0.0.1", &[], "10.0.0.1"),
        ] {
            let headers: Vec<_> = lines.iter().map(|line| ("x-forwarded-for", *line)).collect();
            let found = behind_two.client_ip(&request("/", Some(peer), &headers));
            assert_eq!(found, Some(expected.parse().unwrap()), "{peer} {lines:?}");
        }
        assert_eq!(behind_two.client_ip(&request("/", None, &[("x-forwarded-for", "198.51.100.1")])), None);
    }

    #[test]
    fn forwarded_host_counts_only_from_a_trusted_proxy() {
        let headers = [
            ("host", "inner:8080"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "evil.example, Shop.Example:443"),
        ];
        let behind_one = viewpoint(&["10.0.0.1"]);
        let url = |peer| behind_one.public_url(&request("/tickets?a=1", Some(peer), &headers));
        assert_eq!(url("10.0.0.1").as_deref(), Ok("https://shop.example/tickets?a=1"));
        assert_eq!(url("203.0.113.9").as_deref(), Ok("http://inner:8080/tickets?a=1"));
    }

    #[test]
    fn public_origin_overrules_what_the_request_says() {
        let fixed = Viewpoint {
            public_origin: Origin::parse("https://shop.example").ok(),
            trusted_proxies: TrustedProxies::default(),
        };
        for headers in
            [&[("host", "evil.example")][..], &[("host", "a/b?c")], &[("host", "a"), ("host", "b")], &[]]
        {
            let url = fixed.public_url(&request("/tickets", None, headers));
            assert_eq!(url.as_deref(), Ok("https://shop.example/tickets"), "{headers:?}");
        }
    }

    #[test]
    fn host_that_would_shift_the_path_is_refused() {
        for host in [
            "shop.example/x?",
            "a@shop.example",
            "shop.example#",
            "shop.example\\x",
            "",
            "shop.example:",
            "a:b",
            "a b",
        ] {
            let found = viewpoint(&[]).public_url(&request("/tickets", None, &[("host", host)]));
            assert_eq!(found, Err(BadHost), "{host}");
        }
        let several = request("/tickets", None, &[("host", "a"), ("host", "b")]);
        assert_eq!(viewpoint(&[]).public_url(&several), Err(BadHost));
    }

    #[test]
    fn address_is_written_as_a_browser_shows_it() {
        for (target, host, expected) in [
            ("/", Some("Shop.Example"), "http://shop.example/"),
            ("/a", Some("shop.example."), "http://shop.example/a"),
            ("/a?b=%20", Some("shop.example:80"), "http://shop.example/a?b=%20"),
            ("/a", Some("shop.example:8080"), "http://shop.example:8080/a"),
            ("/a", Some("[::1]:8080"), "http://[::1]:8080/a"),
            ("http://other.example/a", Some("shop.example"), "http://other.example/a"),
            ("*", Some("shop.example"), "http://shop.example/*"),
            ("/a", None, "http://host.invalid/a"),
        ] {
            let headers: Vec<_> = host.iter().map(|host| ("host", *host)).collect();
            let found = viewpoint(&[]).public_url(&request(target, None, &headers));
            assert_eq!(found.as_deref(), Ok(expected), "{target}");
        }
    }
}
