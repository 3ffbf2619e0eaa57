//! What goes beyond the plain flow of generation 4. Nothing of it is on unless a host turns it on, save that triggers may
//! look at the beginning of a body.

use std::time::Duration;

use anteroom_protocol::problem::Problem;
use anteroom_protocol::secret::Secret;

use crate::enqueue_token::EnqueueTokens;

/// What a host turns on.
#[derive(Clone, Debug)]
pub struct Features {
    /// Who gives visitors their enqueue tokens (protocol section 7.3). Default: nobody, and the room's address goes
    /// without one.
    pub enqueue_tokens: Option<EnqueueTokens>,
    /// What becomes of a visitor whose queue id is to be verified (`VerifyQueueIdEnabled`) when the waiting room gives
    /// no answer, or the host cannot ask it. Default: [`OnFailure::Allow`], as in the official connectors.
    pub verify_failure: OnFailure,
    /// Which generation of connectors to follow where they differ. Default: the fourth.
    pub generation: Generation,
    /// Connector diagnostics (protocol section 9.3). Default: off, and a debug token is a queue token like any other.
    pub diagnostics: Option<Diagnostics>,
    /// How much of the beginning of a request's body triggers look at, in bytes. A host reads that much before the
    /// request is decided, and only where a trigger looks at bodies at all. Default: [`BODY_BYTES_MAX_DEFAULT`]; with 0,
    /// bodies are not read, and such triggers see an empty text.
    pub body_bytes_max: usize,
}

/// So much of a request's body is looked at unless it is said otherwise, in bytes: a filled-in form, and no upload.
pub const BODY_BYTES_MAX_DEFAULT: usize = 64 * 1024;

impl Default for Features {
    fn default() -> Self {
        Self {
            enqueue_tokens: None,
            verify_failure: OnFailure::default(),
            generation: Generation::default(),
            diagnostics: None,
            body_bytes_max: BODY_BYTES_MAX_DEFAULT,
        }
    }
}

/// What becomes of a visitor when a waiting room does not say whether they may pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnFailure {
    /// They pass, and the answer carries `x-queueit-failed: true`.
    #[default]
    Allow,
    /// They are sent to the waiting room's page that says that the usage limit is reached. They keep their accepted
    /// cookie, for when the room answers again.
    Deny,
}

/// A generation of connectors.
#[derive(Clone, Debug, Default)]
pub enum Generation {
    /// Nothing is asked before a visitor is sent to queue.
    #[default]
    Four,
    /// A debug token that is not good counts as none, and with direct pass the waiting room is asked, before a visitor
    /// is sent to queue, whether they may pass at once.
    Five {
        /// How the room is asked; without it, it is not.
        direct_pass: Option<DirectPass>,
    },
}

/// How a waiting room is asked whether a visitor may pass at once (protocol section 9.2).
#[derive(Clone, Debug)]
pub struct DirectPass {
    /// Says to the room who asks.
    pub proxy_key: Secret,
    /// How long the room has for its answer. `None` and zero stand for 3 s; anything else is held between 0.8 s and 5 s.
    pub timeout: Option<Duration>,
    /// Whether a visitor passes when no answer comes, with a cookie that counts for three minutes. It lets everybody in
    /// who can make the room slow, so think twice. Without it, they are sent to queue.
    pub is_passed_on_failure: bool,
}

impl DirectPass {
    /// How long the room really has.
    pub fn timeout_used(&self) -> Duration {
        const DEFAULT: Duration = Duration::from_secs(3);
        const LEAST: Duration = Duration::from_millis(800);
        const MOST: Duration = Duration::from_secs(5);
        self.timeout.filter(|timeout| !timeout.is_zero()).unwrap_or(DEFAULT).clamp(LEAST, MOST)
    }
}

/// Connector diagnostics: a visitor with a signed debug token is told, in a cookie, how the connector decided.
///
/// That cookie shows headers that proxies added and the action's fields, and the debug token lets its bearer pass
/// (protocol 11-S11).
#[derive(Clone, Debug)]
pub struct Diagnostics {
    /// What `/diagnostics/connector/error/?code=…` is put behind, for debug tokens that are not good, such as
    /// `https://acme.api2.queue-it.net/acme`.
    pub error_base: String,
    /// Whether a debug token serves diagnostics alone and lets nobody pass.
    pub is_strict: bool,
}

impl Features {
    /// Everything about them that cannot be used, each with the name of the setting.
    pub(crate) fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if let Some(diagnostics) = &self.diagnostics {
            let base = diagnostics.error_base.as_str();
            if !crate::settings::is_room_base(base) {
                let expected = "an address such as \"https://acme.api2.queue-it.net/acme\", without ? and #";
                problems.push(Problem::new("diagnostics.error_base", Problem::quote(base), expected));
            }
        }
        if let Generation::Five { direct_pass: Some(direct_pass) } = &self.generation
            && direct_pass.proxy_key.expose().is_empty()
        {
            problems.push(Problem::new("direct_pass.proxy_key", "an empty text", "the account's proxy key"));
        }
        problems
    }

    pub(crate) const fn direct_pass(&self) -> Option<&DirectPass> {
        match &self.generation {
            Generation::Five { direct_pass: Some(direct_pass) } => Some(direct_pass),
            Generation::Four | Generation::Five { direct_pass: None } => None,
        }
    }
}
