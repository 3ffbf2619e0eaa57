//! Every route of the service. All but connectors' questions answer GET; HEAD is told what GET would find, and nothing
//! happens by it; anything else is answered 405. An address may end in a slash or not. One longer than [`URL_BYTES_MAX`] is answered 414.
//!
//! | route | what | status |
//! | --- | --- | --- |
//! | `/?c=&e=&t=` | join the line, wait, be let in | 200 the waiting page, 302 to the site, 403 cookies are needed, 404 no such room, 500 or 503 trouble of ours |
//! | `/error/{code}/` | why a site sent a visitor back | 302 to the site with a fresh queue token, 400 or 410 with a page, 404, 500, 503 |
//! | `/cancel/multiple/{c}?wrl=`, `/cancel/{c}/{e}[/{q}]` | give up places | 302 to where the visitor was going, 200 a page, 404, 503 |
//! | `/api/v1/rooms/{e}/ticket?c=` | the ticket as JSON | 200, 404, 500, 503 |
//! | `POST /api/verify/{c}/{e}/{q}?limit=` | a connector counts a use of a queue id | 200, 400, 401, 404, 408, 413, 503 |
//! | `POST /api/directpass/{c}/{e}` | a connector asks whether a visitor may pass at once | 200, 400, 401, 404, 408, 413, 500, 503 |
//! | `/draw/{c}/{e}.json` | what is published of a room's draw, for everybody | 200, 404, 500, 503 |
//! | `/assets/{file}` | style, script, picture | 200, 404 |
//! | `/favicon.ico`, `/robots.txt` | for browsers and crawlers | 200 |
//! | `/health` | whether visitors can be served here | 200, 503 while the store does not answer |
//! | `/healthz` | whether the process answers | 200 |

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::middleware::{Next, from_fn_with_state, map_response};
use axum::routing::{MethodRouter, get, post};
use http::{Response, StatusCode};

use crate::ask::direct_pass::direct_pass;
use crate::ask::only_post;
use crate::ask::verify::verify;
use crate::visitor::{cancel, enter, error, look, notices, receipt, status};
use crate::{Shared, private, reply};

/// The longest address that is read: a target of 2000 bytes, each encoded as three, and room for the rest.
const URL_BYTES_MAX: usize = 8 * 1024;

const ROBOTS: &str = "User-agent: *\nDisallow: /\n";

/// All routes.
pub(crate) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/", get(enter::enter).head(look))
        .route("/error/{*code}", get(error::explain).head(look))
        .route("/cancel/{*places}", get(cancel::cancel).head(look))
        .merge(with_or_without_slash("/api/v1/rooms/{room}/ticket", get(status::ticket).head(status::look)))
        .merge(with_or_without_slash(
            "/api/verify/{customer}/{room}/{queue_id}",
            post(verify).fallback(only_post),
        ))
        .merge(with_or_without_slash(
            "/api/directpass/{customer}/{room}",
            post(direct_pass).fallback(only_post),
        ))
        .merge(with_or_without_slash("/draw/{customer}/{file}", get(receipt::published)))
        .merge(with_or_without_slash("/assets/{file}", get(asset)))
        .merge(with_or_without_slash("/favicon.ico", get(favicon)))
        .merge(with_or_without_slash("/robots.txt", get(async || reply::text(ROBOTS))))
        .merge(with_or_without_slash("/health", get(private::ready)))
        .merge(with_or_without_slash("/healthz", get(private::alive)))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(from_fn_with_state(Arc::clone(&shared), refuse_long_addresses))
        .layer(map_response(reply::add_security_headers))
        .with_state(shared)
}

fn with_or_without_slash(path: &str, methods: MethodRouter<Arc<Shared>>) -> Router<Arc<Shared>> {
    Router::new().route(path, methods.clone()).route(&format!("{path}/"), methods)
}

async fn asset(
    State(shared): State<Arc<Shared>>,
    file: Result<Path<String>, PathRejection>,
) -> Response<Body> {
    let asset = file.ok().and_then(|Path(file)| shared.pages.assets.serve(&file));
    asset.unwrap_or_else(|| notices::not_found(&shared))
}

async fn favicon(State(shared): State<Arc<Shared>>) -> Response<Body> {
    shared.pages.assets.favicon()
}

async fn not_found(State(shared): State<Arc<Shared>>) -> Response<Body> {
    notices::not_found(&shared)
}

async fn method_not_allowed(State(shared): State<Arc<Shared>>) -> Response<Body> {
    notices::method_not_allowed(&shared)
}

async fn refuse_long_addresses(
    State(shared): State<Arc<Shared>>,
    request: Request,
    next: Next,
) -> Response<Body> {
    let found_bytes = request.uri().path_and_query().map_or(0, |address| address.as_str().len());
    if found_bytes > URL_BYTES_MAX {
        return reply::page_of(&shared, StatusCode::URI_TOO_LONG, &notices::address_too_long());
    }
    next.run(request).await
}
