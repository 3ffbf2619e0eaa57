//! Requests to a waiting room, as it reads them (protocol 6.2 to 6.5, all generations of connectors).
//!
//! Everything in them comes from a browser. What is read here is decoded text and nothing more: ids are not
//! parsed, and no target is allowed yet.

use std::fmt;

use crate::encode::percent_decode;
use crate::redirect::TOKEN_PARAMETER;

/// One of the things a browser asks of a waiting room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RoomRequest {
    /// To queue.
    Enqueue(EnqueueRequest),
    /// To be told why it came back from the site.
    Error(ErrorRequest),
    /// To give up places.
    Cancel(CancelRequest),
}

/// A visitor wants to queue. Texts are decoded; absent parameters are `None`.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct EnqueueRequest {
    /// `c`: the account.
    pub customer: Option<String>,
    /// `e`: the waiting room.
    pub event: Option<String>,
    /// The connector and its version; for statistics only.
    pub ver: Option<String>,
    /// The version of the integration config at the connector.
    pub cver: Option<String>,
    /// The name of the action.
    pub man: Option<String>,
    /// `cid`: the language of the pages.
    pub culture: Option<String>,
    /// `l`: the layout of the pages.
    pub layout: Option<String>,
    /// An invitation from the site.
    pub enqueue_token: Option<String>,
    /// `t`: where the visitor wants to go. Not yet allowed.
    pub target: Option<String>,
    /// The platform a connector runs on, and its version.
    pub kupver: Option<String>,
}

/// A connector refused a visitor's queue token or accepted cookie. Texts are decoded; absent parameters are `None`.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ErrorRequest {
    /// Why, such as `timestamp` or `connector/sessionstate`.
    pub code: String,
    /// `c`: the account.
    pub customer: Option<String>,
    /// `e`: the waiting room.
    pub event: Option<String>,
    /// The connector and its version; for statistics only.
    pub ver: Option<String>,
    /// The version of the integration config at the connector.
    pub cver: Option<String>,
    /// The name of the action.
    pub man: Option<String>,
    /// `cid`: the language of the pages.
    pub culture: Option<String>,
    /// `l`: the layout of the pages.
    pub layout: Option<String>,
    /// Details of the reason.
    pub icr: Option<String>,
    /// The refused queue token, whatever it was.
    pub token: Option<String>,
    /// The connector's clock, in Unix seconds.
    pub ts: Option<u64>,
    /// `t`: where the visitor wants to go. Not yet allowed.
    pub target: Option<String>,
    /// The platform a connector runs on, and its version.
    pub kupver: Option<String>,
}

/// A visitor gives up places. Texts are decoded; absent parameters are `None`.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct CancelRequest {
    /// The account.
    pub customer: String,
    /// The rooms in the order in which they stand, each with the queue id given up, if one was told. Both are
    /// unsigned texts.
    pub rooms: Vec<(String, Option<String>)>,
    /// `e`, from older connectors.
    pub event: Option<String>,
    /// The connector and its version, from older connectors; for statistics only.
    pub ver: Option<String>,
    /// The version of the integration config at the connector, from older connectors.
    pub cver: Option<String>,
    /// The name of the action, from older connectors.
    pub man: Option<String>,
    /// `r`: where the visitor wants to go then. Not yet allowed.
    pub return_url: Option<String>,
    /// The platform a connector runs on, and its version.
    pub kupver: Option<String>,
}

/// What a visitor brings is not for logs: tokens, queue ids, addresses to go back to.
impl fmt::Debug for EnqueueRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnqueueRequest").field("event", &self.event).finish_non_exhaustive()
    }
}

impl fmt::Debug for ErrorRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ErrorRequest").field("code", &self.code).finish_non_exhaustive()
    }
}

impl fmt::Debug for CancelRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CancelRequest").field("customer", &self.customer).finish_non_exhaustive()
    }
}

/// The most rooms that one cancel request names; what stands behind them is not looked at.
pub const CANCEL_ROOMS_MAX: usize = 50;

/// Reads the path and query of a request. Nothing when the path is none of the three kinds; each may end in `/`.
///
/// ```
/// use anteroom_protocol::redirect::{RoomRequest, read_room_url};
///
/// let Some(RoomRequest::Enqueue(request)) = read_room_url("/?c=acme&e=spring24&t=https%3A%2F%2Fshop.example%2F") else {
///     unreachable!()
/// };
/// assert_eq!(request.target.as_deref(), Some("https://shop.example/"));
/// ```
pub fn read_room_url(path_and_query: &str) -> Option<RoomRequest> {
    let without_fragment = path_and_query.split('#').next().unwrap_or_default();
    let (path, query) = without_fragment.split_once('?').unwrap_or((without_fragment, ""));
    let path = path.strip_prefix('/')?;
    let path = path.strip_suffix('/').unwrap_or(path);
    let segments: Vec<&str> = if path.is_empty() { Vec::new() } else { path.split('/').collect() };
    match segments.as_slice() {
        [] => Some(RoomRequest::Enqueue(enqueue(query))),
        ["error", code @ ..] if !code.is_empty() => Some(RoomRequest::Error(error(code, query))),
        ["cancel", "multiple", customer] => {
            Some(RoomRequest::Cancel(cancel(customer, listed_rooms(query), query)))
        }
        ["cancel", customer, room] => {
            Some(RoomRequest::Cancel(cancel(customer, vec![(text(room), None)], query)))
        }
        ["cancel", customer, room, queue_id] => {
            Some(RoomRequest::Cancel(cancel(customer, vec![(text(room), Some(text(queue_id)))], query)))
        }
        _ => None,
    }
}

fn enqueue(query: &str) -> EnqueueRequest {
    EnqueueRequest {
        customer: first(query, "c"),
        event: first(query, "e"),
        ver: first(query, "ver"),
        cver: first(query, "cver"),
        man: first(query, "man"),
        culture: first(query, "cid"),
        layout: first(query, "l"),
        enqueue_token: first(query, "enqueuetoken"),
        target: first(query, "t"),
        kupver: first(query, "kupver"),
    }
}

/// Official connectors echo the refused token without encoding it, so it may hold parameters of an attacker's. What
/// stands before it is read from there, what stands behind it from the end, and the rest is the token (6.3).
fn error(code: &[&str], query: &str) -> ErrorRequest {
    let (head, token, tail) = split_around_token(query);
    ErrorRequest {
        code: text(&code.join("/")),
        customer: first(head, "c"),
        event: first(head, "e"),
        ver: first(head, "ver"),
        cver: first(head, "cver"),
        man: first(head, "man"),
        culture: first(head, "cid"),
        layout: first(head, "l"),
        icr: first(head, "icr"),
        token: token.map(text),
        ts: last(tail, "ts").and_then(|seconds| seconds.parse().ok()),
        target: last(tail, "t"),
        kupver: first(head, "kupver").or_else(|| last(tail, "kupver")),
    }
}

/// The query before the token, the token as it stands, and what follows it from its `ts` on. Without a token, all of
/// the query is both head and tail.
fn split_around_token(query: &str) -> (&str, Option<&str>, &str) {
    let is_start = |at: usize| at == 0 || query.as_bytes()[at - 1] == b'&';
    let value_at = |at: usize| query[at + TOKEN_PARAMETER.len()..].strip_prefix('=');
    let found = query
        .match_indices(TOKEN_PARAMETER)
        .filter(|(at, _)| is_start(*at))
        .find_map(|(at, _)| Some((at, value_at(at)?)));
    let Some((at, behind)) = found else { return (query, None, query) };
    match behind.rfind("&ts=") {
        Some(end) => (&query[..at], Some(&behind[..end]), &behind[end + 1..]),
        None => (&query[..at], Some(behind), ""),
    }
}

fn cancel(customer: &str, rooms: Vec<(String, Option<String>)>, query: &str) -> CancelRequest {
    CancelRequest {
        customer: text(customer),
        rooms,
        event: first(query, "e"),
        ver: first(query, "ver"),
        cver: first(query, "cver"),
        man: first(query, "man"),
        return_url: first(query, "r"),
        kupver: first(query, "kupver"),
    }
}

/// The rooms of `wrl`: `{room}[~{queue id}]`, joined by `_`.
fn listed_rooms(query: &str) -> Vec<(String, Option<String>)> {
    let list = first(query, "wrl").unwrap_or_default();
    list.split('_')
        .filter(|entry| !entry.is_empty())
        .take(CANCEL_ROOMS_MAX)
        .map(|entry| match entry.split_once('~') {
            Some((room, queue_id)) => (room.to_owned(), Some(queue_id.to_owned())),
            None => (entry.to_owned(), None),
        })
        .collect()
}

fn first(query: &str, name: &str) -> Option<String> {
    values(query, name).next().map(text)
}

fn last(query: &str, name: &str) -> Option<String> {
    values(query, name).last().map(text)
}

fn values<'q>(query: &'q str, name: &str) -> impl Iterator<Item = &'q str> {
    query
        .split('&')
        .map(|parameter| parameter.split_once('=').unwrap_or((parameter, "")))
        .filter_map(move |(key, value)| (key == name).then_some(value))
}

fn text(raw: &str) -> String {
    percent_decode(raw).into_owned()
}
