//! One line of output.

use anteroom_connector::decision::{ActionKind, Decision, Outcome, Reason};
use anteroom_connector::set_cookie::SetCookie;
use anteroom_protocol::encode::percent_decode;
use anteroom_protocol::queue_token::RedirectType;
use anteroom_protocol::time::Timestamp;
use serde::Serialize;
use serde_json::Value;

/// What is to become of a request.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Answer<'d> {
    pub(super) id: Value,
    outcome: &'static str,
    location: Option<String>,
    action_type: Option<&'static str>,
    action_name: Option<&'d str>,
    event_id: Option<&'d str>,
    queue_id: Option<String>,
    redirect_type: Option<String>,
    is_ajax: bool,
    set_cookies: Vec<CookieAnswer<'d>>,
    /// What is wrong with the integration config or the account; the request passes then.
    error: Option<String>,
    reason: String,
}

/// A cookie to be set. Removed when its value is empty and it ended with the epoch.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CookieAnswer<'d> {
    name: &'d str,
    value: &'d str,
    domain: Option<&'d str>,
    /// In Unix seconds.
    expires: u64,
    http_only: bool,
    secure: bool,
}

/// A line that could not be answered.
#[derive(Serialize)]
pub(super) struct BadLine {
    pub(super) id: Value,
    pub(super) error: String,
}

impl<'d> Answer<'d> {
    pub(super) fn of(id: Value, decision: &'d Decision<'_>, reason: String, now: Timestamp) -> Self {
        let (outcome, location) = outcome_and_location(&decision.outcome);
        Self {
            id,
            outcome,
            location,
            action_type: decision.action.map(ActionKind::as_str),
            action_name: decision.action_name,
            event_id: decision.event_id,
            queue_id: decision.queue_id.map(|queue_id| queue_id.to_string()),
            redirect_type: decision.redirect_type.map(|kind| redirect_type_text(kind, decision.reason)),
            is_ajax: decision.is_ajax,
            set_cookies: decision.set_cookies.iter().map(|cookie| CookieAnswer::of(cookie, now)).collect(),
            error: None,
            reason,
        }
    }

    /// The connector has no policy to decide by, so the request passes.
    pub(super) fn undecided(id: Value, error: String) -> Self {
        Self {
            id,
            outcome: "pass",
            location: None,
            action_type: None,
            action_name: None,
            event_id: None,
            queue_id: None,
            redirect_type: None,
            is_ajax: false,
            set_cookies: Vec::new(),
            error: Some(error),
            reason: "The integration config cannot be followed, so the request passes undecided.".to_owned(),
        }
    }
}

/// As it came: accepted cookies write it in small letters, queue tokens as the wire protocol spells it.
fn redirect_type_text(kind: RedirectType, reason: Reason) -> String {
    match reason {
        Reason::CookieAccepted | Reason::Cancelled => kind.as_str().to_ascii_lowercase(),
        _ => kind.as_str().to_owned(),
    }
}

/// The outcome's name, and the address a browser goes to. A script's header holds that address encoded.
pub(super) fn outcome_and_location(outcome: &Outcome) -> (&'static str, Option<String>) {
    match outcome {
        Outcome::Pass => ("pass", None),
        Outcome::Redirect { location } => ("redirect", Some(location.clone())),
        Outcome::AjaxRedirect { header_value } => {
            ("ajax-redirect", Some(percent_decode(header_value).into_owned()))
        }
        Outcome::StripToken { location } => ("strip-token-redirect", Some(location.clone())),
    }
}

impl<'d> CookieAnswer<'d> {
    fn of(cookie: &'d SetCookie<'_>, now: Timestamp) -> Self {
        Self {
            name: cookie.name,
            value: cookie.value.as_deref().unwrap_or_default(),
            domain: cookie.domain,
            expires: cookie.expires_at(now).as_seconds(),
            http_only: cookie.is_http_only,
            secure: cookie.is_secure,
        }
    }
}
