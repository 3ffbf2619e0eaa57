//! Who asks, and about what: the account and the room in the address, and the credentials beside it.
//!
//! A page elsewhere can make a browser send a request here, and the operator's cookie with it. It cannot set a header
//! of its own without being asked for permission, which nobody here gives; so whatever changes something on the
//! strength of a cookie must carry one. Where the browser also says where the request comes from, it must be here.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use anteroom_listen::Peer;
use anteroom_protocol::id::{CustomerId, RoomId};
use axum::extract::{FromRequestParts, RawPathParams};
use http::request::Parts;
use http::{HeaderMap, HeaderName, Method, StatusCode, header};

use super::Shared;
use super::answer::Refusal;
use crate::access::Caller;

/// The operator's cookie. It goes to the REST interface alone.
pub(super) const COOKIE: &str = "anteroom_console";
/// What the console sends with each request.
const CONSOLE: HeaderName = HeaderName::from_static("x-anteroom-console");
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const API_KEY: HeaderName = HeaderName::from_static("api-key");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Somebody known, and the account in the address.
pub(super) struct Asked {
    pub(super) caller: Caller,
    pub(super) customer: CustomerId,
}

impl FromRequestParts<Arc<Shared>> for Asked {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, Refusal> {
        let named = in_path(parts, shared, "customer").await?;
        let customer: Result<CustomerId, _> = named.parse();
        if parts.headers.contains_key(header::AUTHORIZATION) {
            // Whether the account does not exist or the key is not one of its keys is told in the same words.
            let refused =
                || Refusal::unauthorized(format!("This API key does not open an account “{named}”."));
            let customer = customer.map_err(|_| refused())?;
            let api_key = bearer(&parts.headers)?;
            let caller = shared.actions.script_of(&customer, api_key).await?.ok_or_else(refused)?;
            return Ok(Self { caller, customer });
        }
        let caller = operator(parts, shared).await?;
        let absent = |_| {
            Refusal::new(
                StatusCode::NOT_FOUND,
                "There is no such thing",
                format!("There is no account “{named}”."),
            )
        };
        Ok(Self { caller, customer: customer.map_err(absent)? })
    }
}

/// A signed-in operator, on an address that names no account.
pub(super) struct Operator(pub(super) Caller);

impl FromRequestParts<Arc<Shared>> for Operator {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, Refusal> {
        operator(parts, shared).await.map(Self)
    }
}

/// The account of a connector that proved with `api-key` to be of it.
pub(super) struct OfConnector(pub(super) CustomerId);

impl FromRequestParts<Arc<Shared>> for OfConnector {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, Refusal> {
        let named = in_path(parts, shared, "customer").await?;
        let api_key = parts.headers.get(API_KEY).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if api_key.is_empty() {
            return Err(Refusal::unauthorized(
                "The header “api-key” with an API key of the account is missing.",
            ));
        }
        let refused = || {
            Refusal::unauthorized(format!(
                "The API key in the header “api-key” does not open an account “{named}”."
            ))
        };
        let customer: CustomerId = named.parse().map_err(|_| refused())?;
        shared.actions.script_of(&customer, api_key).await?.ok_or_else(refused)?;
        Ok(Self(customer))
    }
}

/// The room in the address.
pub(super) struct InRoom(pub(super) RoomId);

impl FromRequestParts<Arc<Shared>> for InRoom {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, Refusal> {
        let named = in_path(parts, shared, "room").await?;
        let absent = |_| {
            Refusal::new(
                StatusCode::NOT_FOUND,
                "There is no such thing",
                format!("There is no room “{named}”."),
            )
        };
        named.parse().map(Self).map_err(absent)
    }
}

/// The number of a version in the address.
pub(super) struct OfVersion(pub(super) u64);

impl FromRequestParts<Arc<Shared>> for OfVersion {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, Refusal> {
        let named = in_path(parts, shared, "version").await?;
        let absent = |_| {
            Refusal::new(
                StatusCode::NOT_FOUND,
                "There is no such thing",
                format!("There is no version “{named}”."),
            )
        };
        named.parse().map(Self).map_err(absent)
    }
}

/// Nobody in particular: a sign-in or sign-out that was not made by a page elsewhere.
pub(super) struct FromConsole {
    /// Where it comes from.
    pub(super) address: IpAddr,
    /// Whether it came encrypted all the way.
    pub(super) is_secure: bool,
    /// The cookie it came with.
    pub(super) session: Option<String>,
}

impl FromRequestParts<Arc<Shared>> for FromConsole {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, Refusal> {
        guard(parts)?;
        let proxies = &shared.settings.trusted_proxies;
        let peer = parts.extensions.get::<Peer>();
        let peer_address = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.address.ip());
        let texts = |name| parts.headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
        let forwarded: Vec<&str> = texts(FORWARDED_FOR).collect();
        let is_forwarded_secure = || {
            let last = texts(FORWARDED_PROTO).next_back().and_then(|value| value.rsplit(',').next());
            proxies.trusts(peer_address)
                && last.is_some_and(|proto| proto.trim().eq_ignore_ascii_case("https"))
        };
        Ok(Self {
            address: proxies.client_ip(peer_address, forwarded.into_iter()),
            is_secure: peer.is_some_and(|peer| peer.is_tls) || is_forwarded_secure(),
            session: session_cookie(&parts.headers).map(str::to_owned),
        })
    }
}

async fn in_path(parts: &mut Parts, shared: &Arc<Shared>, name: &str) -> Result<String, Refusal> {
    const SHOWN_CHARS: usize = 60;
    let unreadable =
        || Refusal::new(StatusCode::NOT_FOUND, "Nothing is here", "The address cannot be read: is it UTF-8?");
    let params = RawPathParams::from_request_parts(parts, shared).await.map_err(|_| unreadable())?;
    let found = params.iter().find(|(key, _)| *key == name).map(|(_, value)| value);
    // No id is longer, so a cut one is as unknown as the whole.
    found.map(|value| value.chars().take(SHOWN_CHARS).collect()).ok_or_else(unreadable)
}

fn bearer(headers: &HeaderMap) -> Result<&str, Refusal> {
    const SCHEME: &str = "bearer ";
    let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    match value.get(..SCHEME.len()) {
        Some(scheme) if scheme.eq_ignore_ascii_case(SCHEME) => Ok(value[SCHEME.len()..].trim()),
        _ => Err(Refusal::unauthorized("The header “Authorization” must be “Bearer” and an API key.")),
    }
}

async fn operator(parts: &Parts, shared: &Shared) -> Result<Caller, Refusal> {
    let nobody =
        || Refusal::unauthorized("Sign in, or send an API key of the account as “Authorization: Bearer …”.");
    let session = session_cookie(&parts.headers).ok_or_else(nobody)?;
    guard(parts)?;
    shared.actions.operator_of(session).await?.ok_or_else(nobody)
}

fn session_cookie(headers: &HeaderMap) -> Option<&str> {
    let texts = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    texts
        .flat_map(|text| text.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| *name == COOKIE)
        .map(|(_, value)| value)
}

/// Refuses what a page elsewhere may have made a browser send.
fn guard(parts: &Parts) -> Result<(), Refusal> {
    if matches!(parts.method, Method::GET | Method::HEAD) {
        return Ok(());
    }
    let text = |name: HeaderName| parts.headers.get(name).map(|value| value.to_str().unwrap_or("unreadable"));
    let is_from_here = match (text(FETCH_SITE), text(header::ORIGIN), text(header::HOST)) {
        (Some(site), ..) => matches!(site, "same-origin" | "none"),
        (None, Some(origin), Some(host)) => {
            origin.split_once("://").is_some_and(|(_, authority)| authority.eq_ignore_ascii_case(host))
        }
        (None, Some(_), None) => false,
        (None, None, _) => true,
    };
    if is_from_here && parts.headers.contains_key(CONSOLE) {
        return Ok(());
    }
    Err(Refusal::new(
        StatusCode::FORBIDDEN,
        "Not from another page",
        "With an operator's cookie, changes are taken from the console alone. Scripts send an API key instead.",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(headers: &[(&str, &str)]) -> Parts {
        let mut request = http::Request::post("/api/v1/session");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn only_the_console_itself_passes_the_guard() {
        let console = ("x-anteroom-console", "1");
        let host = ("host", "platform.example:8443");
        for good in [
            &[console][..],
            &[console, ("sec-fetch-site", "same-origin")],
            &[console, host, ("origin", "https://platform.example:8443")],
        ] {
            assert!(guard(&parts(good)).is_ok(), "{good:?}");
        }
        for bad in [
            &[][..],
            &[("sec-fetch-site", "same-origin")],
            &[console, ("sec-fetch-site", "same-site")],
            &[console, ("sec-fetch-site", "cross-site"), host, ("origin", "https://platform.example:8443")],
            &[console, host, ("origin", "https://evil.example")],
            &[console, host, ("origin", "null")],
            &[console, ("origin", "https://platform.example:8443")],
        ] {
            assert!(guard(&parts(bad)).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn cookie_is_found_among_others() {
        let found = |text| session_cookie(&parts(&[("cookie", text)]).headers).map(str::to_owned);
        assert_eq!(found("a=1; anteroom_console=xyz; b=2").as_deref(), Some("xyz"));
        assert_eq!(found("a=anteroom_console=1; anteroom_consolex=2"), None);
    }

    #[test]
    fn scheme_of_a_key_is_bearer_in_any_letter_case() {
        let key = |text| bearer(&parts(&[("authorization", text)]).headers).ok().map(str::to_owned);
        assert_eq!(key("bearer abc").as_deref(), Some("abc"));
        for bad in ["abc", "Basic abc", "Bearer", "ÄÄÄÄÄÄÄ"] {
            assert_eq!(key(bad), None, "{bad}");
        }
    }
}
