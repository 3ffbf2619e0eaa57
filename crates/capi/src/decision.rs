//! A decision as the caller gets it: numbers in the struct, and everything that varies in one piece of memory behind it.
//!
//! Texts are copied, so a decision does not care what becomes of its engine. A request that no action is for takes no
//! memory at all.

use std::ops::Range;

use anteroom_connector::ask::Question;
use anteroom_connector::decision::{
    AJAX_REDIRECT_HEADER, ActionKind, CONNECTOR_HEADER, Decision, EXPOSE_HEADER, FAILED_HEADER,
    NO_CACHE_HEADERS, Outcome,
};
use anteroom_protocol::time::Timestamp;

use crate::abi::*;
use crate::reason;

/// The memory behind a decision.
pub(crate) struct Owned {
    /// All texts, each with a zero byte behind it. Neither this nor the lists below are touched once they are given out.
    texts: Vec<u8>,
    set_cookies: Vec<AnteroomText>,
    headers: Vec<AnteroomPair>,
}

/// A decision on its way to the caller.
pub(crate) struct Made {
    pub(crate) decision: AnteroomDecision,
    pub(crate) owned: Option<Box<Owned>>,
}

/// Nothing is decided.
pub(crate) const NOTHING: AnteroomDecision = AnteroomDecision {
    struct_size: size_of::<AnteroomDecision>(),
    owned: std::ptr::null_mut(),
    outcome: ANTEROOM_OUTCOME_NONE,
    http_status: 0,
    action: ANTEROOM_ACTION_NONE,
    reason: reason::ANTEROOM_REASON_NONE,
    question: ANTEROOM_QUESTION_NONE,
    is_ajax: 0,
    has_failed: 0,
    location: AnteroomText::EMPTY,
    action_type: AnteroomText::EMPTY,
    action_name: AnteroomText::EMPTY,
    event_id: AnteroomText::EMPTY,
    queue_id: AnteroomText::EMPTY,
    redirect_type: AnteroomText::EMPTY,
    reason_text: AnteroomText::EMPTY,
    set_cookies: std::ptr::null(),
    set_cookies_len: 0,
    headers: std::ptr::null(),
    headers_len: 0,
    call_url: AnteroomText::EMPTY,
    call_key_header: AnteroomText::EMPTY,
    call_key: AnteroomText::EMPTY,
    call_body: AnteroomText::EMPTY,
    call_timeout_ms: 0,
};

/// What the struct and the lists hold of a header, with a zero byte at the end of each text.
struct StaticPairs<const LEN: usize>([AnteroomPair; LEN]);

// SAFETY: its pointers lead to constants.
unsafe impl<const LEN: usize> Sync for StaticPairs<LEN> {}

/// Headers of most decisions: the connector's name, and that of a failure behind it where there is one.
static PASSED_HEADERS: StaticPairs<2> =
    StaticPairs([pair("x-queueit-connector\0", "rust\0"), pair("x-queueit-failed\0", "true\0")]);

const fn pair(name: &'static str, value: &'static str) -> AnteroomPair {
    AnteroomPair { name: AnteroomText::of_terminated(name), value: AnteroomText::of_terminated(value) }
}

/// Gathers texts, and tells where each will be.
#[derive(Default)]
struct Texts(Vec<u8>);

impl Texts {
    fn push(&mut self, text: &str) -> Range<usize> {
        let start = self.0.len();
        self.0.extend_from_slice(text.as_bytes());
        self.0.push(0);
        start..start + text.len()
    }

    fn push_given(&mut self, text: Option<&str>) -> Option<Range<usize>> {
        text.map(|text| self.push(text))
    }
}

impl Owned {
    fn text(&self, place: &Option<Range<usize>>) -> AnteroomText {
        place.as_ref().map_or(AnteroomText::EMPTY, |place| self.at(place))
    }

    fn at(&self, place: &Range<usize>) -> AnteroomText {
        AnteroomText { ptr: self.texts[place.start..].as_ptr().cast(), len: place.len() }
    }
}

/// A decision of the connector.
pub(crate) fn made(decided: &Decision<'_>, now: Timestamp) -> Made {
    let (reason, reason_text) = reason::of(decided.reason);
    let (outcome, http_status, target) = match &decided.outcome {
        Outcome::Pass => (ANTEROOM_OUTCOME_PASS, 0, None),
        Outcome::Redirect { location } => (ANTEROOM_OUTCOME_REDIRECT, 302, Some(location.as_str())),
        Outcome::AjaxRedirect { header_value } => {
            (ANTEROOM_OUTCOME_AJAX_REDIRECT, 200, Some(header_value.as_str()))
        }
        Outcome::StripToken { location } => (ANTEROOM_OUTCOME_STRIP_TOKEN, 302, Some(location.as_str())),
    };
    let mut decision = AnteroomDecision {
        outcome,
        http_status,
        action: match decided.action {
            None => ANTEROOM_ACTION_NONE,
            Some(ActionKind::Queue) => ANTEROOM_ACTION_QUEUE,
            Some(ActionKind::Cancel) => ANTEROOM_ACTION_CANCEL,
            Some(ActionKind::Ignore) => ANTEROOM_ACTION_IGNORE,
            Some(ActionKind::Diagnostics) => ANTEROOM_ACTION_DIAGNOSTICS,
        },
        reason,
        reason_text,
        is_ajax: decided.is_ajax.into(),
        has_failed: decided.has_failed.into(),
        headers: PASSED_HEADERS.0.as_ptr(),
        headers_len: if decided.has_failed { 2 } else { 1 },
        ..NOTHING
    };
    let is_bare = target.is_none() && decided.action.is_none() && decided.set_cookies.is_empty();
    if is_bare {
        return Made { decision, owned: None };
    }
    let mut texts = Texts::default();
    let location = texts.push_given(target);
    let action_type = texts.push_given(decided.action.map(ActionKind::as_str));
    let action_name = texts.push_given(decided.action_name);
    let event_id = texts.push_given(decided.event_id);
    let queue_id = decided.queue_id.map(|id| texts.push(&id.to_string()));
    let redirect_type = texts.push_given(decided.redirect_type.map(|kind| kind.as_str()));
    let cookies = decided.set_cookies.iter().map(|cookie| texts.push(&cookie.to_header_value(now)));
    let cookies = cookies.collect::<Vec<_>>();
    let headers = response_headers(decided)
        .map(|(name, value)| (texts.push(name), texts.push(value)))
        .collect::<Vec<_>>();
    let mut owned = Box::new(Owned { texts: texts.0, set_cookies: Vec::new(), headers: Vec::new() });
    decision.location = owned.text(&location);
    decision.action_type = owned.text(&action_type);
    decision.action_name = owned.text(&action_name);
    decision.event_id = owned.text(&event_id);
    decision.queue_id = owned.text(&queue_id);
    decision.redirect_type = owned.text(&redirect_type);
    owned.set_cookies = cookies.iter().map(|cookie| owned.at(cookie)).collect();
    owned.headers = headers
        .iter()
        .map(|(name, value)| AnteroomPair { name: owned.at(name), value: owned.at(value) })
        .collect();
    decision.set_cookies = owned.set_cookies.as_ptr();
    decision.set_cookies_len = owned.set_cookies.len();
    if !owned.headers.is_empty() {
        decision.headers = owned.headers.as_ptr();
        decision.headers_len = owned.headers.len();
    }
    Made { decision, owned: Some(owned) }
}

/// The headers of an answer that does not come from the site; nothing for one that does, which has
/// [`PASSED_HEADERS`].
fn response_headers<'d>(decided: &'d Decision<'_>) -> impl Iterator<Item = (&'d str, &'d str)> {
    let ajax = match &decided.outcome {
        Outcome::AjaxRedirect { header_value } => Some(header_value.as_str()),
        Outcome::Pass | Outcome::Redirect { .. } | Outcome::StripToken { .. } => None,
    };
    let is_ours = decided.outcome != Outcome::Pass;
    let connector = is_ours.then_some((CONNECTOR_HEADER, "rust"));
    let failed = (is_ours && decided.has_failed).then_some((FAILED_HEADER, "true"));
    let ajax = ajax
        .into_iter()
        .flat_map(|value| [(AJAX_REDIRECT_HEADER, value), (EXPOSE_HEADER, AJAX_REDIRECT_HEADER)]);
    let no_cache = NO_CACHE_HEADERS.into_iter().filter(move |_| is_ours);
    connector.into_iter().chain(failed).chain(ajax).chain(no_cache)
}

/// A question to the waiting room.
pub(crate) fn question(question: &Question) -> Made {
    let call = question.call();
    let (kind, key) = match question {
        Question::Verify(_) => (ANTEROOM_QUESTION_VERIFY, None),
        Question::DirectPass(it) => (ANTEROOM_QUESTION_DIRECT_PASS, Some(it.proxy_key.expose())),
    };
    let mut texts = Texts::default();
    let url = texts.push(&call.url);
    let key_header = texts.push(call.key_header);
    let key = texts.push_given(key);
    let body = texts.push(&call.body);
    let owned = Box::new(Owned { texts: texts.0, set_cookies: Vec::new(), headers: Vec::new() });
    let decision = AnteroomDecision {
        outcome: ANTEROOM_OUTCOME_ASK,
        question: kind,
        call_url: owned.at(&url),
        call_key_header: owned.at(&key_header),
        call_key: owned.text(&key),
        call_body: owned.at(&body),
        call_timeout_ms: u64::try_from(call.timeout.as_millis()).unwrap_or(u64::MAX),
        ..NOTHING
    };
    Made { decision, owned: Some(owned) }
}

/// What becomes of a request while no config is in force.
pub(crate) const fn without_config(is_held: bool) -> Made {
    let (outcome, http_status) =
        if is_held { (ANTEROOM_OUTCOME_HOLD, 503) } else { (ANTEROOM_OUTCOME_PASS, 0) };
    let (reason, reason_text) = reason::no_config();
    let decision = AnteroomDecision {
        outcome,
        http_status,
        reason,
        reason_text,
        has_failed: !is_held as u8,
        headers: PASSED_HEADERS.0.as_ptr(),
        headers_len: if is_held { 1 } else { 2 },
        ..NOTHING
    };
    Made { decision, owned: None }
}
