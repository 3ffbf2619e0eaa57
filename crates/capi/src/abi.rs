//! The structs of the interface as they lie in memory, and the numbers in them.

use std::ffi::{c_char, c_void};

/// A text: pointer and length in bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct AnteroomText {
    /// Its first byte; may be null when it is empty.
    pub ptr: *const c_char,
    /// How many bytes it has.
    pub len: usize,
}

impl AnteroomText {
    /// No text.
    pub const EMPTY: Self = Self { ptr: std::ptr::null(), len: 0 };

    /// A text that the caller keeps alive.
    pub const fn of(text: &str) -> Self {
        Self { ptr: text.as_ptr().cast(), len: text.len() }
    }

    /// A text that ends with a zero byte, which is not counted.
    pub(crate) const fn of_terminated(text: &str) -> Self {
        Self { ptr: text.as_ptr().cast(), len: text.len().saturating_sub(1) }
    }
}

/// A name and its value: a header, or a pair of an enqueue token's custom data.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct AnteroomPair {
    /// The name.
    pub name: AnteroomText,
    /// The value.
    pub value: AnteroomText,
}

/// A text that the library gave out. Give it back with `anteroom_text_free` and do not alter it.
#[repr(C)]
pub struct AnteroomOwnedText {
    /// Its first byte; null when there is no text.
    pub ptr: *mut c_char,
    /// How many bytes it has, without the zero byte that follows.
    pub len: usize,
}

impl AnteroomOwnedText {
    /// No text.
    pub const EMPTY: Self = Self { ptr: std::ptr::null_mut(), len: 0 };
}

/// While no config is in force, requests pass, marked as failed.
pub const ANTEROOM_FALLBACK_LET_PASS: u32 = 0;
/// While no config is in force, requests are held: answer 503.
pub const ANTEROOM_FALLBACK_HOLD: u32 = 1;

/// A visitor passes when the waiting room does not say whether their queue id may be used again.
pub const ANTEROOM_ON_FAILURE_ALLOW: u32 = 0;
/// A visitor is refused when the waiting room does not say whether their queue id may be used again.
pub const ANTEROOM_ON_FAILURE_DENY: u32 = 1;

/// What an engine is made of. Zero is the default of every field but the first four.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct AnteroomSettings {
    /// `sizeof(AnteroomSettings)`.
    pub struct_size: usize,
    /// The account.
    pub customer_id: AnteroomText,
    /// The account's secret key.
    pub secret_key: AnteroomText,
    /// The integration config as it was downloaded: JSON. Empty when none is at hand yet; then the fallback holds until
    /// `anteroom_engine_update`.
    pub config: AnteroomText,
    /// Where browsers find the waiting room instead of the actions' own host, for tests: `http://127.0.0.1:8602`.
    pub room_base: AnteroomText,
    /// Name and version of what the connector is built into, such as `shop-1.0`, for the room's statistics.
    pub platform_suffix: AnteroomText,
    /// `ANTEROOM_FALLBACK_…`.
    pub fallback: u32,
    /// `ANTEROOM_ON_FAILURE_…`: about queue ids that are to be verified.
    pub verify_failure: u32,
    /// Which generation of connectors to follow: 4, 5, or 0 for 4.
    pub generation: u32,
    /// Whether `body_bytes_max` counts; without it, 64 KiB of a body are looked at where a trigger looks at bodies.
    pub has_body_bytes_max: u8,
    /// Whether a debug token serves diagnostics alone and lets nobody pass.
    pub is_diagnostics_strict: u8,
    /// Whether a visitor passes when the room does not answer about direct pass. Think twice.
    pub is_passed_on_failure: u8,
    /// Whether visitors who are sent to queue get a signed enqueue token. It takes random bytes from the system.
    pub is_enqueue_token_sent: u8,
    /// How much of a body triggers look at, in bytes.
    pub body_bytes_max: usize,
    /// What diagnostics' error pages are put behind, such as `https://acme.api2.queue-it.net/acme`. Empty: no diagnostics.
    pub diagnostics_error_base: AnteroomText,
    /// With generation 5, who asks the room for direct pass. Empty: nobody does.
    pub direct_pass_proxy_key: AnteroomText,
    /// How long the room has for that; 0 stands for 3000, anything else is held between 800 and 5000.
    pub direct_pass_timeout_ms: u64,
    /// How long an enqueue token counts; 0 stands for 240, less than 30 for 30.
    pub enqueue_token_validity_seconds: u64,
    /// What each enqueue token's id begins with.
    pub enqueue_token_id_prefix: AnteroomText,
    /// What else is in each enqueue token.
    pub enqueue_token_custom_data: *const AnteroomPair,
    /// How many pairs that is.
    pub enqueue_token_custom_data_len: usize,
    /// The visitors' relative quality, from 0 to 1, where `has_relative_quality` is set.
    pub enqueue_token_relative_quality: f64,
    /// Whether the relative quality counts.
    pub has_enqueue_token_relative_quality: u8,
    /// Whether each enqueue token has a random key, so that it stands for one place alone.
    pub has_enqueue_token_key: u8,
    /// Whether the visitor's address is left out of enqueue tokens.
    pub is_enqueue_token_without_address: u8,
}

/// What an engine follows at the moment.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct AnteroomEngineState {
    /// `sizeof(AnteroomEngineState)`, set by the caller.
    pub struct_size: usize,
    /// The version of the integration config in force.
    pub config_version: u64,
    /// How much of the beginning of a body is to be handed over, in bytes; 0 when no trigger looks at bodies.
    pub body_bytes_max: usize,
    /// Whether a config is in force.
    pub has_config: u8,
}

/// The waiting room was not asked yet.
pub const ANTEROOM_ANSWER_NOT_ASKED: u32 = 0;
/// The waiting room answered with status 200 and this body.
pub const ANTEROOM_ANSWER_GIVEN: u32 = 1;
/// No answer came in time, or one with another status.
pub const ANTEROOM_ANSWER_FAILED: u32 = 2;

/// What a waiting room answered to a question.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct AnteroomAnswer {
    /// The body, where there is one.
    pub body: AnteroomText,
    /// `ANTEROOM_ANSWER_…`.
    pub state: u32,
}

/// One request as the visitor's browser made it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct AnteroomRequest {
    /// `sizeof(AnteroomRequest)`.
    pub struct_size: usize,
    /// The real method, such as `GET`.
    pub method: AnteroomText,
    /// The absolute address as the browser sees it, with any queue token still in it.
    pub url: AnteroomText,
    /// The headers, in the order of the request, cookies among them. What is not UTF-8 counts as not there.
    pub headers: *const AnteroomPair,
    /// How many headers there are.
    pub headers_len: usize,
    /// The visitor's address, from the connection or from a trusted proxy's header; empty when it is not known.
    pub client_ip: AnteroomText,
    /// The beginning of the body; see `AnteroomEngineState::body_bytes_max`. It may be any bytes.
    pub body: AnteroomText,
    /// The time, in seconds since 1970.
    pub now_seconds: u64,
    /// A visitor's enqueue token, where the host has one; else the settings say whether one is made.
    pub enqueue_token: AnteroomText,
    /// What the waiting room answered to `ANTEROOM_QUESTION_VERIFY`.
    pub verify: AnteroomAnswer,
    /// What the waiting room answered to `ANTEROOM_QUESTION_DIRECT_PASS`.
    pub direct_pass: AnteroomAnswer,
    /// Whether the host can ask the waiting room. Without it, every question counts as not answered.
    pub can_ask: u8,
    /// Whether `body` is given; an empty one is not the same as none.
    pub has_body: u8,
}

/// Nothing is decided: the call failed.
pub const ANTEROOM_OUTCOME_NONE: u32 = 0;
/// The request goes on to the site; cookies and headers go onto the site's response.
pub const ANTEROOM_OUTCOME_PASS: u32 = 1;
/// Answer 302 to `location`, a page of the waiting room.
pub const ANTEROOM_OUTCOME_REDIRECT: u32 = 2;
/// Answer 200 with an empty body and the headers; the page's script goes where they say.
pub const ANTEROOM_OUTCOME_AJAX_REDIRECT: u32 = 3;
/// The visitor is let in: answer 302 to `location`, the same address without the queue token.
pub const ANTEROOM_OUTCOME_STRIP_TOKEN: u32 = 4;
/// No config is in force and the fallback is to hold: answer 503.
pub const ANTEROOM_OUTCOME_HOLD: u32 = 5;
/// Put the question to the waiting room and call again with the same request, the same time and the answer.
pub const ANTEROOM_OUTCOME_ASK: u32 = 6;

/// No action matched.
pub const ANTEROOM_ACTION_NONE: u32 = 0;
/// Only visitors with an accepted cookie or a queue token pass.
pub const ANTEROOM_ACTION_QUEUE: u32 = 1;
/// The visitor's pass ends.
pub const ANTEROOM_ACTION_CANCEL: u32 = 2;
/// Whatever later actions say, the request passes.
pub const ANTEROOM_ACTION_IGNORE: u32 = 3;
/// A debug token is not good.
pub const ANTEROOM_ACTION_DIAGNOSTICS: u32 = 4;

/// There is no question.
pub const ANTEROOM_QUESTION_NONE: u32 = 0;
/// Whether a queue id may be used once more. The host puts its API key of the account into the header.
pub const ANTEROOM_QUESTION_VERIFY: u32 = 1;
/// Whether a visitor may pass without queueing. `call_key` goes into the header.
pub const ANTEROOM_QUESTION_DIRECT_PASS: u32 = 2;

/// What is to become of a request. Filled in by `anteroom_decide`, given back with `anteroom_decision_free`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct AnteroomDecision {
    /// `sizeof(AnteroomDecision)`, set by the caller.
    pub struct_size: usize,
    /// The library's own; do not touch.
    pub owned: *mut c_void,
    /// `ANTEROOM_OUTCOME_…`.
    pub outcome: u32,
    /// The status to answer with: 302, 200 or 503; 0 when the site or a further call answers.
    pub http_status: u32,
    /// `ANTEROOM_ACTION_…`: what kind of action matched.
    pub action: u32,
    /// `ANTEROOM_REASON_…`: why.
    pub reason: u32,
    /// `ANTEROOM_QUESTION_…`.
    pub question: u32,
    /// Whether a script of a page asked.
    pub is_ajax: u8,
    /// Whether the visitor passes undecided, as the settings say.
    pub has_failed: u8,
    /// Where a redirect leads; of `ANTEROOM_OUTCOME_AJAX_REDIRECT`, what stands in the header.
    pub location: AnteroomText,
    /// The kind of action as official connectors call it: `Queue`, `Cancel`, `Ignore`.
    pub action_type: AnteroomText,
    /// The matched action's name.
    pub action_name: AnteroomText,
    /// The waiting room.
    pub event_id: AnteroomText,
    /// The visitor's queue id, where one is known.
    pub queue_id: AnteroomText,
    /// Why the waiting room had let the visitor go.
    pub redirect_type: AnteroomText,
    /// Why, in one plain sentence.
    pub reason_text: AnteroomText,
    /// Values of `Set-Cookie` headers, for whatever response goes out.
    pub set_cookies: *const AnteroomText,
    /// How many there are.
    pub set_cookies_len: usize,
    /// All other headers for whatever response goes out, `Location` excepted.
    pub headers: *const AnteroomPair,
    /// How many there are.
    pub headers_len: usize,
    /// Where the question is posted.
    pub call_url: AnteroomText,
    /// The name of the header that says who asks.
    pub call_key_header: AnteroomText,
    /// What goes into it; empty where that is the host's API key.
    pub call_key: AnteroomText,
    /// The JSON to post.
    pub call_body: AnteroomText,
    /// How long the room has for its whole answer, in milliseconds.
    pub call_timeout_ms: u64,
}

/// Made by a connector at a protected site.
pub const ANTEROOM_ORIGIN_CONNECTOR: u32 = 0;
/// Made as an invitation.
pub const ANTEROOM_ORIGIN_INVITE_ONLY: u32 = 1;
/// Made by a bot manager in front of the site.
pub const ANTEROOM_ORIGIN_AKAMAI_BOT_MANAGER: u32 = 2;

/// An enqueue token (QT1) to be made.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct AnteroomEnqueueToken {
    /// `sizeof(AnteroomEnqueueToken)`.
    pub struct_size: usize,
    /// The account.
    pub customer_id: AnteroomText,
    /// The account's secret key.
    pub secret_key: AnteroomText,
    /// The waiting room; empty for every room of the account.
    pub event_id: AnteroomText,
    /// The token's id, which must never come twice. Empty: a random one is made, which takes bytes from the system.
    pub token_id: AnteroomText,
    /// What a random id begins with.
    pub token_id_prefix: AnteroomText,
    /// The time of writing, in milliseconds since 1970.
    pub issued_at_ms: u64,
    /// Until when it may be used, in milliseconds since 1970, where `has_expiry` is set.
    pub expires_at_ms: u64,
    /// The visitor's address; may be empty.
    pub client_ip: AnteroomText,
    /// The `X-Forwarded-For` of the visitor's request; may be empty.
    pub forwarded_for: AnteroomText,
    /// Who the visitor is, where `has_key` is set.
    pub key: AnteroomText,
    /// What else is kept with the place, in this order.
    pub custom_data: *const AnteroomPair,
    /// How many pairs that is.
    pub custom_data_len: usize,
    /// How well the visitor should do against others, from 0 to 1, where `has_relative_quality` is set.
    pub relative_quality: f64,
    /// `ANTEROOM_ORIGIN_…`.
    pub origin: u32,
    /// Whether `expires_at_ms` counts.
    pub has_expiry: u8,
    /// Whether there is a payload: key, relative quality, custom data and origin.
    pub has_payload: u8,
    /// Whether `relative_quality` counts.
    pub has_relative_quality: u8,
    /// Whether `key` counts.
    pub has_key: u8,
}
