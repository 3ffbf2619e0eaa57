//! What the service wants to know of a request. No request here has a body.

use std::convert::Infallible;
use std::sync::Arc;

use anteroom_listen::Peer;
use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{HeaderMap, HeaderName, Uri};

use crate::Shared;

const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// A request.
pub(crate) struct Visit {
    uri: Uri,
    pub(crate) headers: HeaderMap,
    /// Whether the visitor speaks to us over TLS, as far as we or a trusted proxy can tell.
    pub(crate) is_secure: bool,
}

impl Visit {
    /// As the browser wrote it.
    pub(crate) fn path_and_query(&self) -> &str {
        self.uri.path_and_query().map_or("/", |address| address.as_str())
    }

    /// What stands behind the `?`; empty when there is none.
    pub(crate) fn query(&self) -> &str {
        self.uri.query().unwrap_or_default()
    }
}

impl FromRequestParts<Arc<Shared>> for Visit {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, Infallible> {
        Ok(Self {
            uri: parts.uri.clone(),
            headers: parts.headers.clone(),
            is_secure: is_secure(parts, shared),
        })
    }
}

/// A trusted proxy that says nothing is taken to pass on what it got. The proxy nearest to us wrote the last value.
fn is_secure(parts: &Parts, shared: &Shared) -> bool {
    let Some(peer) = parts.extensions.get::<Peer>() else { return false };
    let forwarded = if shared.settings.trusted_proxies.trusts(peer.address.ip()) {
        let values = parts.headers.get_all(FORWARDED_PROTO).iter();
        values.filter_map(|value| value.to_str().ok()).next_back().and_then(|list| list.rsplit(',').next())
    } else {
        None
    };
    match forwarded.map(str::trim) {
        Some(scheme) if scheme.eq_ignore_ascii_case("https") => true,
        Some(scheme) if scheme.eq_ignore_ascii_case("http") => false,
        _ => peer.is_tls,
    }
}
