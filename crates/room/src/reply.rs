//! Responses as this service gives them: every kind with the headers that belong to it.

use axum::body::Body;
use bytes::Bytes;
use http::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, EXPIRES, LOCATION,
    PRAGMA, REFERRER_POLICY, RETRY_AFTER, SET_COOKIE, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use http_body_util::Full;
use serde::Serialize;

use crate::Shared;
use crate::pages::MessagePage;

/// Our pages use their own style, script and picture, speak to their own origin, and stand in nobody's frame.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// A page.
pub(crate) fn page(status: StatusCode, html: String) -> Response<Body> {
    uncached(status, HeaderValue::from_static("text/html; charset=utf-8"), html)
}

/// A page that says one thing.
pub(crate) fn page_of(shared: &Shared, status: StatusCode, message: &MessagePage<'_>) -> Response<Body> {
    page(status, shared.pages.message(message))
}

/// A JSON document.
pub(crate) fn json(status: StatusCode, value: &impl Serialize) -> Response<Body> {
    let mut response = json_at_once(value).map(Body::new);
    *response.status_mut() = status;
    response
}

/// A JSON document with all its headers, of which it has few: those that tell a browser how to treat a page would be
/// three times as long as what a visitor in line is told each time.
pub(crate) fn json_at_once(value: &impl Serialize) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(to_json(value))));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, JSON);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// A JSON document for everybody, which may be kept for a while on its way and read by any page.
pub(crate) fn public_json(value: &impl Serialize, kept_seconds: u32) -> Response<Body> {
    let mut response = Response::new(Body::from(to_json(value)));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Ok(cached) = HeaderValue::from_str(&format!("public, max-age={kept_seconds}")) {
        headers.insert(CACHE_CONTROL, cached);
    }
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    response
}

/// A problem as RFC 9457 writes it: for programs, in words a person can use.
pub(crate) fn problem(status: StatusCode, title: &str, detail: &str) -> Response<Body> {
    #[derive(Serialize)]
    struct Problem<'a> {
        r#type: &'static str,
        title: &'a str,
        status: u16,
        detail: &'a str,
    }
    let problem = Problem { r#type: "about:blank", title, status: status.as_u16(), detail };
    uncached(status, HeaderValue::from_static("application/problem+json"), to_json(&problem))
}

/// 302, never cached (protocol 5.6): the next visitor must not be sent where this one was.
pub(crate) fn redirect(location: &str) -> Response<Body> {
    let Ok(location) = HeaderValue::from_str(location) else {
        // Locations are made of parsed addresses and encoded values, so this is a fault of ours.
        tracing::error!("an address to redirect to cannot stand in a header");
        return problem(
            StatusCode::INTERNAL_SERVER_ERROR,
            "cannot redirect",
            "the address to go to is not valid",
        );
    };
    let mut response =
        uncached(StatusCode::FOUND, HeaderValue::from_static("text/plain; charset=utf-8"), String::new());
    response.headers_mut().insert(LOCATION, location);
    response
}

/// Something that never changes under its address.
pub(crate) fn immutable(content_type: &'static str, content: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::from(content));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
        .headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
    response
}

/// Something of ours that may be another one tomorrow.
pub(crate) fn plain(content_type: &'static str, content: &'static str) -> Response<Body> {
    uncached(StatusCode::OK, HeaderValue::from_static(content_type), content.to_owned())
}

/// A few words for programs.
pub(crate) fn text(content: &'static str) -> Response<Body> {
    plain("text/plain; charset=utf-8", content)
}

/// Adds a cookie to a response.
pub(crate) fn with_cookie(mut response: Response<Body>, cookie: &str) -> Response<Body> {
    match HeaderValue::from_str(cookie) {
        Ok(value) => {
            response.headers_mut().append(SET_COOKIE, value);
        }
        Err(_) => tracing::error!("a cookie of ours cannot stand in a header"),
    }
    response
}

/// Says when to try again.
pub(crate) fn with_retry_after(mut response: Response<Body>, seconds: u64) -> Response<Body> {
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    response
}

/// What every response carries, but for JSON, which no browser shows.
pub(crate) async fn add_security_headers(mut response: Response<Body>) -> Response<Body> {
    const ROBOTS: HeaderName = HeaderName::from_static("x-robots-tag");
    let headers = response.headers_mut();
    if headers.get(CONTENT_TYPE).is_some_and(|content_type| content_type == JSON) {
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        return response;
    }
    headers.insert(CONTENT_SECURITY_POLICY, POLICY);
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    // The address of a waiting page tells where its visitor wants to go.
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(ROBOTS, HeaderValue::from_static("noindex"));
    response
}

fn uncached(status: StatusCode, content_type: HeaderValue, content: impl Into<Body>) -> Response<Body> {
    let mut response = Response::new(content.into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, content_type);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, no-store, must-revalidate, max-age=0"));
    headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
    headers.insert(EXPIRES, HeaderValue::from_static("Fri, 01 Jan 1990 00:00:00 GMT"));
    response
}

fn to_json(value: &impl Serialize) -> Vec<u8> {
    /// More than most answers have, so that they are written in one go.
    const USUAL_BYTES_MAX: usize = 512;
    let mut json = Vec::with_capacity(USUAL_BYTES_MAX);
    serde_json::to_writer(&mut json, value)
        .expect("this holds because our answers are plain structures with text keys, and memory takes all that is written");
    json
}
