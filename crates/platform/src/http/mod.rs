//! Parses what arrives and answers, nothing else. Every route of the service, with its methods, stands here.
//!
//! Errors are `application/problem+json` (RFC 9457), with `problems` naming every faulty field at once. Operators are
//! known by a cookie, scripts by `Authorization: Bearer <api key>`, connectors by `api-key`.

mod accounts;
mod answer;
mod asked;
mod assets;
mod body;
mod connectors;
mod download;
mod etag;
mod fields;
mod room_body;
mod rooms;
mod scope;
mod session;

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, patch, post};
use http::{HeaderValue, StatusCode, header};

use crate::PlatformServiceSettings;
use crate::actions::Actions;
use crate::feed::Feed;
use answer::Refusal;

/// What every request may use.
pub(crate) struct Shared {
    pub(crate) actions: Actions,
    pub(crate) feed: Feed,
    pub(crate) settings: PlatformServiceSettings,
}

/// Every route.
pub(crate) fn router(shared: Arc<Shared>) -> Router {
    let account = Router::new()
        .route("/", get(accounts::look))
        .route("/audit", get(accounts::audit))
        .route("/connectors", get(connectors::list))
        .route("/draft", get(scope::look_at_draft).put(scope::save_draft))
        .route("/draft/check", post(scope::check_draft))
        .route("/publish", post(scope::publish))
        .route("/rooms", get(rooms::list).post(rooms::add))
        .route("/rooms/{room}", patch(rooms::change).get(rooms::look))
        .route("/rooms/{room}/beacon", post(rooms::beacon))
        .route("/rooms/{room}/check", post(rooms::check))
        .route("/rooms/{room}/pause", post(rooms::pause))
        .route("/rooms/{room}/reset", post(rooms::reset))
        .route("/rooms/{room}/resume", post(rooms::resume))
        .route("/versions", get(scope::list_versions))
        .route("/versions/{version}", get(scope::look_at_version));
    Router::new()
        .route("/api/v1/session", get(session::look).post(session::sign_in).delete(session::sign_out))
        .nest("/api/v1/accounts/{customer}", account)
        .route("/api/v1/connectors/{customer}/config", get(connectors::poll))
        .route("/status/integrationconfig/secure/{customer}", get(download::secure))
        .route("/status/integrationconfig/{customer}", get(download::open))
        .route("/health", get(|| async { "ok\n" }))
        .route("/", get(assets::page))
        .route("/assets/{file}", get(assets::asset))
        .fallback(nothing_here)
        .method_not_allowed_fallback(not_this_method)
        .layer(map_response(with_safe_headers))
        .with_state(shared)
}

async fn nothing_here() -> Refusal {
    Refusal::new(
        StatusCode::NOT_FOUND,
        "Nothing is here",
        "There is nothing at this address. The console is at /.",
    )
}

async fn not_this_method(request: Request) -> Refusal {
    let detail =
        format!("{} cannot be asked of this address. The header “Allow” says what can.", request.method());
    Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "Not with this method", detail)
}

/// What a browser must not do with anything from here: guess types, run scripts that are not ours, show it in a frame,
/// tell others its address, or keep it.
async fn with_safe_headers(response: Response) -> Response {
    const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
         connect-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'";
    let mut response = response.into_response();
    let headers = response.headers_mut();
    let mut set = |name, value| headers.insert(name, HeaderValue::from_static(value));
    set(header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY);
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::X_FRAME_OPTIONS, "DENY");
    set(header::REFERRER_POLICY, "no-referrer");
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}
