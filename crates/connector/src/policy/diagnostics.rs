//! Connector diagnostics (protocol 9.3): whoever brings a signed debug token is told, in a cookie, what the connector saw
//! and did. A debug token that is not good leads to a page that says so, before anything else is looked at.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::time::{Duration, UNIX_EPOCH};

use anteroom_protocol::client_ip::canonical_text;
use anteroom_protocol::queue_token::{RawQueueToken, RedirectType};
use anteroom_protocol::time::Timestamp;
use httpdate::HttpDate;

use super::Common;
use super::action::CompiledAction;
use super::queue::{self, VER};
use super::visit::{CarriedToken, Visit};
use crate::ask::DirectPassAnswer;
use crate::decision::{ActionKind, Decision, Outcome, Reason, TokenFault};
use crate::features::Diagnostics;
use crate::set_cookie::SetCookie;
use crate::view::RequestView;

const COOKIE_NAME: &str = "queueitdebug";

/// How long a browser keeps it.
const COOKIE_AGE_MAX: Duration = Duration::from_secs(20 * 60);

/// The longest value, encoded, in bytes: browsers drop a cookie whose name and value are longer than 4096 together.
const COOKIE_BYTES_MAX: usize = 4096 - COOKIE_NAME.len();

/// Headers that proxies add, and what they are called in the cookie.
const HEADERS: [(&str, &str); 5] = [
    ("Via", "via"),
    ("Forwarded", "forwarded"),
    ("XForwardedFor", "x-forwarded-for"),
    ("XForwardedHost", "x-forwarded-host"),
    ("XForwardedProto", "x-forwarded-proto"),
];

/// What a request's debug token comes to.
pub(super) enum Check<'a> {
    /// It has none.
    Off,
    /// It is good.
    On { token: Cow<'a, str> },
    /// It is not good.
    Refused(Box<Decision<'static>>),
}

/// Its room and the address it is bound to are not looked at here (protocol 11-B20).
pub(super) fn check<'a>(
    diagnostics: &Diagnostics,
    common: &Common,
    view: &RequestView<'a>,
    now: Timestamp,
) -> Check<'a> {
    let Some(carried) = CarriedToken::of(view) else { return Check::Off };
    let Some(token) = RawQueueToken::read(&carried.text) else { return Check::Off };
    if token.redirect_type != Some(RedirectType::Debug.as_str()) {
        return Check::Off;
    }
    if !token.is_signed_with(&common.key) {
        return Check::Refused(Box::new(refuse(diagnostics, "hash", TokenFault::Signature)));
    }
    if u64::try_from(token.expires_at_seconds).is_ok_and(|until| until >= now.as_seconds()) {
        Check::On { token: carried.text }
    } else {
        Check::Refused(Box::new(refuse(diagnostics, "timestamp", TokenFault::Expired)))
    }
}

fn refuse(diagnostics: &Diagnostics, code: &str, fault: TokenFault) -> Decision<'static> {
    let base = diagnostics.error_base.trim_end_matches('/');
    Decision {
        outcome: Outcome::Redirect { location: format!("{base}/diagnostics/connector/error/?code={code}") },
        action: Some(ActionKind::Diagnostics),
        ..Decision::untouched(Reason::DebugTokenRefused(fault))
    }
}

/// The cookie that tells what was seen and done. What does not fit is cut off at the end.
pub(super) fn cookie(
    token: &str,
    url: &str,
    action: Option<&CompiledAction>,
    visit: &Visit<'_>,
) -> SetCookie<'static> {
    let mut entries = Entries::default();
    entries.add("SdkVersion", VER);
    if visit.common.is_inline {
        entries.add_target(action, visit);
        entries.add("QueueitToken", token);
        if matches!(action, Some(CompiledAction::Cancel(_))) {
            entries.add_fields(action);
            entries.add("OriginalUrl", visit.view.url);
        } else {
            entries.add("OriginalUrl", visit.view.url);
            entries.add_fields(action);
        }
        entries.add_request(visit);
    } else {
        entries.add("PureUrl", url);
        entries.add("QueueitToken", token);
        entries.add("OriginalUrl", visit.view.url);
        entries.add_request(visit);
        entries.add("ConfigVersion", &visit.common.version_text);
        entries.add("MatchedConfig", action.map_or("NULL", CompiledAction::name));
        entries.add_target(action, visit);
        entries.add_fields(action);
    }
    entries.add_direct_pass(visit);
    SetCookie {
        name: COOKIE_NAME,
        value: Some(cut(entries.0, COOKIE_BYTES_MAX)),
        age_max: COOKIE_AGE_MAX,
        domain: None,
        is_http_only: false,
        is_secure: false,
    }
}

#[derive(Default)]
struct Entries(String);

impl Entries {
    fn add(&mut self, name: &str, value: &str) {
        let joint = if self.0.is_empty() { "" } else { "|" };
        // Writing to a String cannot fail.
        let _ = write!(self.0, "{joint}{name}={value}");
    }

    fn add_request(&mut self, visit: &Visit<'_>) {
        self.add("ServerUtcTime", &utc(visit.now));
        self.add("RequestIP", &visit.client_ip.map(canonical_text).unwrap_or_default());
        for (name, header) in HEADERS {
            self.add(&format!("RequestHttpHeader_{name}"), visit.header(header));
        }
    }

    fn add_target(&mut self, action: Option<&CompiledAction>, visit: &Visit<'_>) {
        match action {
            Some(CompiledAction::Queue(action)) => self.add("TargetUrl", &queue::target(action, visit)),
            Some(CompiledAction::Cancel(_)) => self.add("TargetUrl", &visit.wanted_url()),
            Some(CompiledAction::Ignore { .. }) | None => {}
        }
    }

    fn add_fields(&mut self, action: Option<&CompiledAction>) {
        match action {
            Some(CompiledAction::Queue(action)) => self.add("QueueConfig", &action.diagnostics),
            Some(CompiledAction::Cancel(action)) => self.add("CancelConfig", &action.diagnostics),
            Some(CompiledAction::Ignore { .. }) | None => {}
        }
    }

    fn add_direct_pass(&mut self, visit: &Visit<'_>) {
        let Some(direct_pass) =
            visit.common.features.direct_pass().filter(|_| visit.is_direct_pass_asked.get())
        else {
            return;
        };
        let millis = |span: Duration| (span.as_secs_f64() * 1000.0).to_string();
        let setting = direct_pass.timeout.map_or_else(|| "null".to_owned(), millis);
        self.add("DirectPassTimeoutSetting", &setting);
        self.add("DirectPassTimeoutUsed", &millis(direct_pass.timeout_used()));
        self.add(
            "DirectPassResult",
            match visit.answers.direct_pass {
                Some(DirectPassAnswer::Passed { .. }) => "HasPassed",
                Some(DirectPassAnswer::NotPassed) => "NotPassed",
                Some(DirectPassAnswer::Failed) | None => "Timeout",
            },
        );
    }
}

/// The beginning of a text that has so many bytes once it is encoded.
fn cut(mut text: String, encoded_max: usize) -> String {
    let mut encoded = 0;
    let end = text.char_indices().find_map(|(at, c)| {
        let is_plain = c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '~');
        encoded += if is_plain { 1 } else { 3 * c.len_utf8() };
        (encoded > encoded_max).then_some(at)
    });
    text.truncate(end.unwrap_or(text.len()));
    text
}

/// `2023-11-14T22:13:20Z`, out of `Tue, 14 Nov 2023 22:13:20 GMT`.
fn utc(moment: Timestamp) -> String {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    const LAST_SECOND: u64 = 253_402_300_799;
    let date =
        HttpDate::from(UNIX_EPOCH + Duration::from_secs(moment.as_seconds().min(LAST_SECOND))).to_string();
    let parts = date.split(' ').collect::<Vec<_>>();
    let [_, day, month, year, time, _] = parts.as_slice() else { return String::new() };
    let month = MONTHS.iter().position(|name| name == month).map_or(0, |at| at + 1);
    format!("{year}-{month:02}-{day}T{time}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_as_iso_8601() {
        assert_eq!(utc(Timestamp::from_seconds(1_700_000_000)), "2023-11-14T22:13:20Z");
        assert_eq!(utc(Timestamp::from_seconds(u64::MAX)), "9999-12-31T23:59:59Z");
    }

    #[test]
    fn value_is_cut_where_its_encoded_form_would_be_too_long() {
        assert_eq!(cut("ab=é".to_owned(), 11), "ab=é");
        assert_eq!(cut("ab=é".to_owned(), 10), "ab=");
        assert_eq!(cut("ab=é".to_owned(), 4), "ab");
        assert_eq!(cut(String::new(), 0), "");
    }
}
