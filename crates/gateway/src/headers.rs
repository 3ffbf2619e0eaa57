//! Which headers cross the gateway, and which it writes itself.
//!
//! Headers that speak of one connection end with it (RFC 9110 section 7.6.1): the known ones, and those that
//! `Connection` names. Where a request came from is said in `X-Forwarded-…`: what a trusted proxy wrote is carried
//! on with the proxy's own address behind it; what anybody else wrote is removed, because the site behind us would
//! believe it.
//!
//! `Via` is not added, although RFC 9110 section 7.6.3 asks for it: widespread servers stop compressing when they
//! see one, and a loop is a mistake in two addresses that an operator typed.

use anteroom_tower::ClientAddress;
use http::header::{
    CONNECTION, HOST, HeaderMap, HeaderName, HeaderValue, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE,
    TRANSFER_ENCODING, UPGRADE,
};
use http::uri::Authority;
use http::{Method, Request, Version};

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// Whether the request asks to become a WebSocket.
///
/// The only upgrade that is passed on. Behind any other, `h2c` say, requests could follow that no connector sees.
pub(crate) fn is_websocket<B>(request: &Request<B>) -> bool {
    *request.method() == Method::GET
        && request.version() == Version::HTTP_11
        && tokens(request.headers(), &CONNECTION).any(|token| token.eq_ignore_ascii_case("upgrade"))
        && names_websocket(request.headers())
}

/// Whether `Upgrade` names WebSocket and nothing else.
pub(crate) fn names_websocket(headers: &HeaderMap) -> bool {
    let mut protocols = tokens(headers, &UPGRADE);
    protocols.next().is_some_and(|name| name.eq_ignore_ascii_case("websocket")) && protocols.next().is_none()
}

/// Says again, for the next connection, that it is to become a WebSocket.
pub(crate) fn ask_for_websocket(headers: &mut HeaderMap) {
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
}

/// Removes what speaks of the connection it came on.
pub(crate) fn end_with_connection(headers: &mut HeaderMap) {
    // Without a host a request is for nobody, so a client cannot have that taken away.
    let named: Vec<HeaderName> = tokens(headers, &CONNECTION)
        .filter_map(|token| HeaderName::from_bytes(token.as_bytes()).ok())
        .filter(|name| *name != HOST)
        .collect();
    for name in named {
        headers.remove(name);
    }
    for name in [
        CONNECTION,
        KEEP_ALIVE,
        PROXY_CONNECTION,
        PROXY_AUTHENTICATE,
        PROXY_AUTHORIZATION,
        TE,
        TRANSFER_ENCODING,
        UPGRADE,
    ] {
        headers.remove(name);
    }
}

/// Tells the site where the request came from. `host` is the host that the request names.
pub(crate) fn write_forwarded(
    headers: &mut HeaderMap,
    client: ClientAddress,
    is_trusted: bool,
    host: Option<&HeaderValue>,
) {
    if !is_trusted {
        let claims: Vec<HeaderName> = headers.keys().filter(|name| is_claim(name)).cloned().collect();
        for name in claims {
            headers.remove(name);
        }
    }
    let mut line: Vec<u8> = Vec::new();
    for earlier in headers.get_all(FORWARDED_FOR) {
        line.extend_from_slice(earlier.as_bytes());
        line.extend_from_slice(b", ");
    }
    line.extend_from_slice(client.ip.to_canonical().to_string().as_bytes());
    if let Ok(line) = HeaderValue::from_bytes(&line) {
        headers.insert(FORWARDED_FOR, line);
    }
    headers.entry(FORWARDED_PROTO).or_insert(HeaderValue::from_static(if client.is_tls {
        "https"
    } else {
        "http"
    }));
    if let Some(host) = host {
        headers.entry(FORWARDED_HOST).or_insert_with(|| host.clone());
    }
}

/// A host out of a request's address, as a header.
pub(crate) fn host_value(authority: &Authority) -> Option<HeaderValue> {
    HeaderValue::from_str(authority.as_str()).ok()
}

/// Whether a header claims to know where a request came from.
fn is_claim(name: &HeaderName) -> bool {
    name.as_str().starts_with("x-forwarded-") || matches!(name.as_str(), "forwarded" | "x-real-ip")
}

/// The items of a list header. A line that is no text has none.
fn tokens<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    headers
        .get_all(name)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .map(str::trim)
        .filter(|token| !token.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(lines: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    fn lines(headers: &HeaderMap) -> Vec<String> {
        let mut lines: Vec<_> =
            headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
        lines.sort();
        lines
    }

    #[test]
    fn headers_of_the_connection_end_with_it() {
        let mut headers = map(&[
            ("host", "shop.example"),
            ("connection", "close, X-Secret-Hop"),
            ("connection", "host,keep-alive"),
            ("x-secret-hop", "1"),
            ("x-secret-hop", "2"),
            ("keep-alive", "timeout=5"),
            ("proxy-connection", "keep-alive"),
            ("te", "trailers"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "h2c"),
            ("cookie", "a=1"),
        ]);
        end_with_connection(&mut headers);
        assert_eq!(lines(&headers), ["cookie: a=1", "host: shop.example"]);
    }

    #[test]
    fn stranger_cannot_say_where_a_request_came_from() {
        let mut headers = map(&[
            ("x-forwarded-for", "198.51.100.1"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "evil.example"),
            ("x-forwarded-port", "443"),
            ("x-real-ip", "198.51.100.1"),
            ("forwarded", "for=198.51.100.1"),
            ("accept", "*/*"),
        ]);
        let client = ClientAddress { ip: "::ffff:203.0.113.9".parse().unwrap(), is_tls: false };
        write_forwarded(&mut headers, client, false, Some(&HeaderValue::from_static("shop.example")));
        assert_eq!(
            lines(&headers),
            [
                "accept: */*",
                "x-forwarded-for: 203.0.113.9",
                "x-forwarded-host: shop.example",
                "x-forwarded-proto: http"
            ]
        );
    }

    #[test]
    fn trusted_proxy_is_carried_on() {
        let mut headers = map(&[
            ("x-forwarded-for", "198.51.100.1"),
            ("x-forwarded-for", "10.0.0.2"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "shop.example"),
            ("x-real-ip", "198.51.100.1"),
        ]);
        let client = ClientAddress { ip: "10.0.0.1".parse().unwrap(), is_tls: false };
        write_forwarded(&mut headers, client, true, Some(&HeaderValue::from_static("inner:8080")));
        assert_eq!(
            lines(&headers),
            [
                "x-forwarded-for: 198.51.100.1, 10.0.0.2, 10.0.0.1",
                "x-forwarded-host: shop.example",
                "x-forwarded-proto: https",
                "x-real-ip: 198.51.100.1"
            ]
        );
    }

    #[test]
    fn websocket_is_the_only_upgrade() {
        for (method, connection, upgrade, expected) in [
            ("GET", "keep-alive, Upgrade", "WebSocket", true),
            ("GET", "upgrade", "h2c", false),
            ("GET", "upgrade", "websocket, h2c", false),
            ("GET", "keep-alive", "websocket", false),
            ("POST", "upgrade", "websocket", false),
        ] {
            let request = Request::builder().method(method).header("connection", connection);
            let request = request.header("upgrade", upgrade).body(()).unwrap();
            assert_eq!(is_websocket(&request), expected, "{method} {connection} {upgrade}");
        }
    }
}
