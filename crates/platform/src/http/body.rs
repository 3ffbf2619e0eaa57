//! JSON bodies, within a limit of bytes and of time. No body is the same as an empty object.

use std::time::Duration;

use axum::body::to_bytes;
use axum::extract::{FromRequest, Request};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::{Map, Value};

use super::answer::Refusal;
use super::fields::Fields;

/// Enough for any form of the console but the draft.
pub(super) const SMALL: usize = 64 * 1024;
/// A draft with a thousand triggers has half a megabyte. The document made of it, with everything filled in, must
/// fit what connectors look at, four megabytes.
pub(super) const DRAFT: usize = 2 * 1024 * 1024;
/// How long a body may take to arrive: a draft over a slow line.
const READ_WITHIN: Duration = Duration::from_secs(20);

/// The object in a body of at most `BYTES_MAX` bytes.
pub(super) struct JsonBody<const BYTES_MAX: usize>(pub(super) Fields);

impl<S: Sync, const BYTES_MAX: usize> FromRequest<S> for JsonBody<BYTES_MAX> {
    type Rejection = Refusal;

    async fn from_request(request: Request, _: &S) -> Result<Self, Refusal> {
        let (parts, body) = request.into_parts();
        let too_large = || {
            let detail = format!("The body is larger than the {BYTES_MAX} bytes that are taken here.");
            Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "Too much", detail)
                .with(header::CONNECTION, HeaderValue::from_static("close"))
        };
        let declared =
            parts.headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        if declared.is_some_and(|length: u64| length > BYTES_MAX as u64) {
            return Err(too_large());
        }
        let bytes = match tokio::time::timeout(READ_WITHIN, to_bytes(body, BYTES_MAX)).await {
            Ok(Ok(bytes)) => bytes,
            Ok(Err(error)) if is_over_limit(&error) => return Err(too_large()),
            Ok(Err(_)) => {
                return Err(Refusal::new(
                    StatusCode::BAD_REQUEST,
                    "Broken off",
                    "The body did not arrive whole.",
                ));
            }
            Err(_) => {
                let detail = format!("The body did not arrive within {} seconds.", READ_WITHIN.as_secs());
                return Err(Refusal::new(StatusCode::REQUEST_TIMEOUT, "Too slow", detail));
            }
        };
        let value = if bytes.is_empty() {
            Value::Object(Map::new())
        } else if is_json(&parts.headers) {
            serde_json::from_slice(&bytes).map_err(|error| {
                Refusal::new(StatusCode::BAD_REQUEST, "Not JSON", format!("The body is not JSON: {error}."))
            })?
        } else {
            let detail = "The body must be JSON, and the header “Content-Type” must say “application/json”.";
            return Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "Not JSON", detail));
        };
        Fields::of(value)
            .map(Self)
            .map_err(|problems| Refusal::unusable("The body must be an object.", problems))
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let content_type =
        headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    media_type.eq_ignore_ascii_case("application/json")
}

fn is_over_limit(error: &axum::Error) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.is::<http_body_util::LengthLimitError>() {
            return true;
        }
        cause = error.source();
    }
    false
}
