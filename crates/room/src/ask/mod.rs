//! What a connector asks while a visitor waits at its site (protocol 9.1 and 9.2): [`verify`], whether a queue id may
//! be used once more, and [`direct_pass`], whether a visitor may pass without queueing. Both are a `POST` with JSON and
//! one of the account's API keys, and both answer JSON. The addresses are ours; the official ones are not public.
//!
//! These routes stand at the public address, so the key is looked at before anything else, and what cannot be answered
//! soon is refused: the connector has a configured answer for that, and a visitor should not wait for ours.

pub(crate) mod direct_pass;
pub(crate) mod verify;

use std::sync::Arc;
use std::time::Duration;

use anteroom_store::directory::AccountEntry;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use http::{HeaderValue, Response, StatusCode, header};
use serde::de::IgnoredAny;
use tokio::sync::{Semaphore, SemaphorePermit};

use self::direct_pass::Passes;
use crate::visitor::entrance::Entrance;
use crate::{Shared, reply};

/// The largest question, in bytes: an address of 8 KiB and three headers of 1 KiB, and what writing them as JSON adds.
const QUESTION_BYTES_MAX: usize = 64 * 1024;
/// How long a question may take to arrive. Connectors wait a second or a few for the answer.
const QUESTION_WITHIN: Duration = Duration::from_secs(5);
/// Questions under way at once in a process; each waits for the store. Four times what one gateway has under way at the
/// most, and with the time a save takes also the limit on their rate.
const UNDER_WAY_MAX: usize = 1_024;
/// Longest key that is looked at, in bytes; ours have 43 letters.
const KEY_BYTES_MAX: usize = 200;

/// What questions share.
pub(crate) struct Asks {
    under_way: Semaphore,
    passes: Passes,
}

impl Asks {
    pub(crate) fn new() -> Self {
        Self { under_way: Semaphore::new(UNDER_WAY_MAX), passes: Passes::default() }
    }
}

/// A question by somebody with a key of the account, about a room of it, read to its end.
struct Question<'a> {
    entrance: Entrance,
    _place: SemaphorePermit<'a>,
}

impl<'a> Question<'a> {
    async fn read(
        shared: &'a Shared,
        customer: &str,
        room: &str,
        key_header: &'static str,
        request: Request,
    ) -> Result<Self, Box<Response<Body>>> {
        let account = account_of(shared, customer, key_header, &request)?;
        let record = room.parse().ok().and_then(|room| account.room(&room).cloned());
        let record = record.ok_or_else(|| {
            let detail = "The account in the address has no waiting room of the name in the address.";
            Box::new(reply::problem(StatusCode::NOT_FOUND, "no such waiting room", detail))
        })?;
        let place = shared.asks.under_way.try_acquire().map_err(|_| {
            let detail = "More questions are under way than this process answers at once.";
            let problem = reply::problem(StatusCode::SERVICE_UNAVAILABLE, "too many questions", detail);
            Box::new(reply::with_retry_after(problem, 1))
        })?;
        read_to_its_end(request.into_body()).await?;
        Ok(Self { entrance: Entrance { account, record }, _place: place })
    }
}

/// The account in the address, if the key in the header is one of its keys. Whether there is such an account is not
/// told to anybody else.
fn account_of(
    shared: &Shared,
    customer: &str,
    key_header: &'static str,
    request: &Request,
) -> Result<Arc<AccountEntry>, Box<Response<Body>>> {
    let key = request.headers().get(key_header).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let account = customer.parse().ok().and_then(|customer| shared.directory.account(&customer));
    let is_known = |account: &Arc<AccountEntry>| key.len() <= KEY_BYTES_MAX && account.is_opened_by(key);
    account.filter(is_known).ok_or_else(|| {
        let detail =
            format!("The header {key_header:?} must hold an API key of the account that the address names.");
        let mut problem = reply::problem(StatusCode::UNAUTHORIZED, "no key of this account", &detail);
        problem.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("api-key"));
        Box::new(problem)
    })
}

/// What a question says beyond its address is for rules to come; no answer depends on it yet. It is read all the same,
/// so that the connection serves for the next one and a caller with a mistake learns of it.
async fn read_to_its_end(body: Body) -> Result<(), Box<Response<Body>>> {
    let refuse = |status, title: &str, detail: &str| Err(Box::new(reply::problem(status, title, detail)));
    match tokio::time::timeout(QUESTION_WITHIN, to_bytes(body, QUESTION_BYTES_MAX)).await {
        Err(_) => {
            refuse(StatusCode::REQUEST_TIMEOUT, "too slow", "The question did not arrive within 5 seconds.")
        }
        Ok(Err(_)) => {
            let detail = format!("A question has at most {QUESTION_BYTES_MAX} bytes, or it broke off.");
            refuse(StatusCode::PAYLOAD_TOO_LARGE, "too large", &detail)
        }
        Ok(Ok(bytes)) => match serde_json::from_slice::<IgnoredAny>(&bytes) {
            Ok(_) => Ok(()),
            Err(error) => {
                refuse(StatusCode::BAD_REQUEST, "not JSON", &format!("The body must be JSON: {error}."))
            }
        },
    }
}

/// Any other method at these addresses.
pub(crate) async fn only_post() -> Response<Body> {
    let detail = "This address takes a POST with JSON.";
    let mut problem = reply::problem(StatusCode::METHOD_NOT_ALLOWED, "only POST", detail);
    problem.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
    problem
}

fn bad_address(detail: &str) -> Response<Body> {
    reply::problem(StatusCode::BAD_REQUEST, "the address cannot be read", detail)
}
