//! `/status/integrationconfig/…`: the download that official connectors make (protocol 8.1).

use std::sync::Arc;

use anteroom_protocol::id::CustomerId;
use axum::extract::State;
use axum::response::IntoResponse;
use http::{HeaderMap, HeaderValue, StatusCode, header};

use super::Shared;
use super::answer::{Answer, Refusal};
use super::asked::OfConnector;
use super::etag;
use crate::feed::Published;

/// For who has an API key of the account.
pub(super) async fn secure(
    State(shared): State<Arc<Shared>>,
    OfConnector(customer): OfConnector,
    headers: HeaderMap,
) -> Answer {
    match shared.feed.newest(&customer).await? {
        None => Err(nothing_published(&customer)),
        Some(published) if etag::is_known(&headers, &published.etag) => unchanged(&headers),
        Some(published) => document(&published),
    }
}

/// For everybody. No account can allow that yet, so nobody learns here which accounts there are.
pub(super) async fn open() -> Refusal {
    Refusal::new(
        StatusCode::NOT_FOUND,
        "Not without a key",
        "An integration config is handed out to who has an API key only: ask \
         /status/integrationconfig/secure/{customer id} with the header “api-key”.",
    )
}

/// The document as it was published.
pub(super) fn document(published: &Published) -> Answer {
    let etag = HeaderValue::try_from(&published.etag).map_err(|_| Refusal::ours())?;
    let mut answer = published.document.clone().into_response();
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    headers.insert(header::ETAG, etag);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    Ok(answer)
}

/// The asker has the newest, under the name that was sent.
pub(super) fn unchanged(asked: &HeaderMap) -> Answer {
    let mut answer = StatusCode::NOT_MODIFIED.into_response();
    let headers = answer.headers_mut();
    if let Some(etag) = asked.get(header::IF_NONE_MATCH) {
        headers.insert(header::ETAG, etag.clone());
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    Ok(answer)
}

pub(super) fn nothing_published(customer: &CustomerId) -> Refusal {
    let detail =
        format!("Nothing was published yet for the account “{customer}”. Publish its draft in the console.");
    Refusal::new(StatusCode::NOT_FOUND, "Nothing is published", detail)
}
