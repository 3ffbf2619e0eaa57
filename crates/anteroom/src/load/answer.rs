//! What the room's answers say, as a browser understands them: the waiting page by the marks that its script goes by,
//! the ticket's state by its JSON, and a redirect by where it leads.

use std::time::Duration;

use anteroom_protocol::queue_token::RawQueueToken;
use anteroom_protocol::redirect::find_token;
use http::{StatusCode, header};
use serde::Deserialize;

use super::connection::{NoReply, Reply};

/// What a visitor was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// To wait, and when to ask again.
    Wait(Wait),
    /// To go in. The token says until when it may be used, which is the moment of admission and a fixed time.
    GoIn { token_expires_at_seconds: Option<i64> },
    /// That the ticket gives nothing any more.
    Spent,
}

/// A visitor is asked to wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wait {
    pub(super) ask_again_after: Duration,
    /// Nothing when there is no telling.
    pub(super) ahead: Option<u64>,
    pub(super) expected_wait: Option<Duration>,
    /// Whether places go by arrival: not before a start at which they are drawn.
    pub(super) is_by_arrival: bool,
}

/// What should not have come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Fault {
    /// No answer at all.
    NoReply(NoReply),
    /// An answer that says that something is wrong.
    Status(StatusCode),
    /// An answer that no waiting room gives.
    Unreadable,
    /// The room does not know the ticket that it gave.
    TicketUnknown,
    /// The ticket gives nothing any more, although its holder came whenever told to.
    PlaceLost,
}

impl Fault {
    /// As people and programs read it.
    pub(super) fn describe(self) -> String {
        match self {
            Self::NoReply(NoReply::NotConnected) => "no connection".to_owned(),
            Self::NoReply(NoReply::Broken) => "connection broken off".to_owned(),
            Self::NoReply(NoReply::TimedOut) => "no answer within 10 seconds".to_owned(),
            Self::Status(status) => format!("answered {}", status.as_u16()),
            Self::Unreadable => "not an answer of a waiting room".to_owned(),
            Self::TicketUnknown => "the room did not know a ticket of its own".to_owned(),
            Self::PlaceLost => "a visitor who came whenever told to lost the place".to_owned(),
        }
    }
}

/// Reads the answer of the enqueue address.
pub(super) fn read_page(reply: &Reply) -> Result<Told, Fault> {
    if reply.status.is_redirection() {
        let location = reply.headers.get(header::LOCATION).and_then(|location| location.to_str().ok());
        return location.map(go_in).ok_or(Fault::Unreadable);
    }
    if reply.status != StatusCode::OK {
        return Err(Fault::Status(reply.status));
    }
    let page = str::from_utf8(&reply.body).map_err(|_| Fault::Unreadable)?;
    let state = between(page, "data-state=\"", "\"").ok_or(Fault::Unreadable)?;
    let ask_again_after_ms: Option<u64> =
        between(page, "data-ask-again-ms=\"", "\"").and_then(|millis| millis.parse().ok());
    match (state, ask_again_after_ms) {
        ("spent", _) => Ok(Told::Spent),
        ("unknown", _) => Err(Fault::TicketUnknown),
        (_, Some(millis)) => Ok(Told::Wait(Wait {
            ask_again_after: Duration::from_millis(millis),
            ahead: between(page, "id=\"number\">", "<").and_then(|number| number.parse().ok()),
            expected_wait: None,
            is_by_arrival: is_by_arrival(state),
        })),
        (_, None) => Err(Fault::Unreadable),
    }
}

/// Reads the ticket's state.
pub(super) fn read_state(reply: &Reply) -> Result<Told, Fault> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct State<'a> {
        state: &'a str,
        people_ahead: Option<u64>,
        expected_wait_seconds: Option<u64>,
        ask_again_after_ms: u64,
        redirect_url: Option<String>,
    }
    if reply.status != StatusCode::OK {
        return Err(Fault::Status(reply.status));
    }
    let told: State<'_> = serde_json::from_slice(&reply.body).map_err(|_| Fault::Unreadable)?;
    match (told.state, told.redirect_url) {
        ("admitted", Some(url)) => Ok(go_in(&url)),
        ("admitted", None) => Err(Fault::Unreadable),
        ("spent", _) => Ok(Told::Spent),
        ("unknown", _) => Err(Fault::TicketUnknown),
        (state, _) => Ok(Told::Wait(Wait {
            ask_again_after: Duration::from_millis(told.ask_again_after_ms),
            ahead: told.people_ahead,
            expected_wait: told.expected_wait_seconds.map(Duration::from_secs),
            is_by_arrival: is_by_arrival(state),
        })),
    }
}

/// Where the page's script asks; nothing when the page does not say.
pub(super) fn poll_path(reply: &Reply) -> Option<String> {
    let page = str::from_utf8(&reply.body).ok()?;
    let path = between(page, "data-poll=\"", "\"")?.replace("&amp;", "&").replace("&#x2f;", "/");
    path.starts_with('/').then_some(path)
}

fn go_in(url: &str) -> Told {
    let token = find_token(url);
    let token = token.as_deref().and_then(RawQueueToken::read);
    Told::GoIn { token_expires_at_seconds: token.map(|token| token.expires_at_seconds) }
}

fn is_by_arrival(state: &str) -> bool {
    matches!(state, "waiting" | "paused")
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    Some(rest.split_once(after)?.0)
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue};

    use super::*;

    fn reply(status: u16, body: &'static str) -> Reply {
        let status = StatusCode::from_u16(status).unwrap();
        Reply { status, headers: HeaderMap::new(), body: body.into() }
    }

    #[test]
    fn page_says_when_to_ask_again_and_where() {
        let page = reply(
            200,
            "<main id=\"line\" data-state=\"waiting\" data-poll=\"/api?c=a&amp;b\" data-ask-again-ms=\"2500\">\
             <strong id=\"number\">41</strong>",
        );
        let Ok(Told::Wait(wait)) = read_page(&page) else { unreachable!() };
        assert_eq!((wait.ask_again_after, wait.ahead), (Duration::from_millis(2500), Some(41)));
        assert!(wait.is_by_arrival);
        assert_eq!(poll_path(&page).as_deref(), Some("/api?c=a&b"));
        assert_eq!(read_page(&reply(200, "<h1>Welcome</h1>")), Err(Fault::Unreadable));
        assert_eq!(read_page(&reply(503, "")), Err(Fault::Status(StatusCode::SERVICE_UNAVAILABLE)));
    }

    #[test]
    fn redirect_says_when_its_visitor_was_let_in() {
        let mut redirect = reply(302, "");
        assert_eq!(read_page(&redirect), Err(Fault::Unreadable));
        let location = HeaderValue::from_static(
            "https://shop.example/?queueittoken=e_spring24~q_7d3f0c52-8a4e-4c0e-9e55-1f2b3c4d5e6f~ts_1700000060~ce_true~rt_queue~h_00",
        );
        redirect.headers.insert(header::LOCATION, location);
        assert_eq!(read_page(&redirect), Ok(Told::GoIn { token_expires_at_seconds: Some(1_700_000_060) }));
    }

    #[test]
    fn state_is_read_whatever_else_it_says() {
        let waiting = r#"{"state":"waiting","queueId":"x","peopleAhead":3,"expectedWaitSeconds":9,"progress":0.1,
            "askAgainAfterMs":3000,"redirectUrl":null,"message":"m","later":1}"#;
        let Ok(Told::Wait(wait)) = read_state(&reply(200, waiting)) else { unreachable!() };
        assert_eq!((wait.ahead, wait.expected_wait), (Some(3), Some(Duration::from_secs(9))));
        for (body, told) in [
            (r#"{"state":"spent","askAgainAfterMs":5000}"#, Ok(Told::Spent)),
            (r#"{"state":"unknown","askAgainAfterMs":5000}"#, Err(Fault::TicketUnknown)),
            (r#"{"state":"admitted","askAgainAfterMs":5000}"#, Err(Fault::Unreadable)),
            ("", Err(Fault::Unreadable)),
        ] {
            assert_eq!(read_state(&reply(200, body)), told, "{body}");
        }
    }
}
