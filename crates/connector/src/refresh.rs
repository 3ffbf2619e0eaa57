//! Keeps a connector's policy current: when to ask the platform, what of its answers to accept, what to keep.
//!
//! The rules, in words:
//!
//! * Ask at once after the start, and again at once after each answer: the platform holds the question until
//!   there is something new (a long poll), so a change is in force within a second of being published.
//! * A platform that answers at once that nothing is new does not do that. It is asked every five minutes.
//! * After a failure, ask again soon, then ever more rarely, up to once a minute, at moments that differ between
//!   connectors.
//! * Accept a document only when it is not over the size limit, is this account's, is not older than the one in
//!   force, and compiles without a problem. Otherwise the one in force stays, and the reason is told.
//! * Whatever is accepted is handed to the host to be kept on disk, and is what the next start begins with.
//!
//! Nothing here sends, sleeps or writes. The host does, and tells what happened; see [`Refresh`].

mod document;
mod pace;
mod status;

use std::sync::Arc;
use std::time::Duration;

use anteroom_protocol::mac::Key;
use anteroom_protocol::push;
use anteroom_protocol::time::Timestamp;

pub use self::document::DocumentRefusal;
use self::document::Running;
use self::pace::Pace;
pub use self::status::{Source, Status};
use crate::policy::Policy;
use crate::settings::Settings;

pub use anteroom_protocol::integration::DOCUMENT_BYTES_MAX;

/// The largest body of a push: the document in hexadecimal digits, and what stands around it.
pub const PUSH_BYTES_MAX: usize = 2 * DOCUMENT_BYTES_MAX + 1024;

/// How long the platform is asked to hold a question before it answers that nothing is new. Below the half minute
/// after which common proxies give up.
pub const WAIT: Duration = Duration::from_secs(25);

/// How much longer than [`WAIT`] a host waits for the answer before it counts as failed.
const ANSWER_GRACE: Duration = Duration::from_secs(10);

/// Keeps the policy current, as a state machine without transport, disk or clock.
///
/// ```
/// use anteroom_connector::refresh::{Fetch, FetchFailure, Fetched, Refresh};
/// use anteroom_connector::settings::{Fallback, Settings};
/// use anteroom_protocol::{secret::Secret, time::Timestamp};
///
/// # let settings = Settings {
/// #     customer_id: "demo".to_owned(), secret_key: Secret::new("a made-up key".to_owned()),
/// #     room_base: None, platform_suffix: None, fallback: Fallback::LetPass, features: Default::default(),
/// # };
/// # let document = br#"{"CustomerId":"demo","Version":3,"Integrations":[]}"#;
/// # let mut disk: Option<Vec<u8>> = None;
/// # let mut now = Timestamp::from_seconds(1_700_000_000);
/// // Stands for the HTTP exchange. The host reads no more than `DOCUMENT_BYTES_MAX` and one byte.
/// let mut ask_platform = |question: &Fetch| -> Result<Fetched, FetchFailure> {
///     match question.etag.as_deref() {
///         Some("\"3\"") => Ok(Fetched::Unchanged),
///         _ => Ok(Fetched::Document { bytes: document.to_vec(), etag: Some("\"3\"".to_owned()) }),
///     }
/// };
///
/// let mut refresh = Refresh::new(settings, disk.as_deref(), 0x5eed);
/// let mut policy = None;
/// for _ in 0..3 {
///     if let Some(newer) = refresh.poll_policy() {
///         policy = Some(newer);
///     }
///     if let Some(bytes) = refresh.poll_keep() {
///         disk = Some(bytes);
///     }
///     match refresh.poll_fetch(now) {
///         Some(question) => {
///             let answer = ask_platform(&question);
///             refresh.handle_fetched(now, answer);
///         }
///         // Stands for sleeping until then, or until something else is to be done.
///         None => now = refresh.poll_timeout(),
///     }
/// }
/// assert_eq!(policy.map(|policy| policy.version()), Some(3));
/// assert_eq!(disk.as_deref(), Some(&document[..]));
/// ```
#[derive(Debug)]
pub struct Refresh {
    settings: Settings,
    push_key: Key,
    running: Option<Running>,
    /// The policy, until the host has taken it.
    unseen_policy: Option<Arc<Policy>>,
    /// The document's bytes, until the host has taken them.
    unkept: Option<Vec<u8>>,
    /// What the platform called the document it last sent, also when that was refused: it would be again.
    etag: Option<String>,
    last_success: Option<Timestamp>,
    /// Why the newest document was refused, until another is accepted.
    refusal: Option<String>,
    /// Why the last question brought no answer.
    failure: Option<String>,
    pace: Pace,
}

/// A question to be put to the platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetch {
    /// For `If-None-Match`.
    pub etag: Option<String>,
    /// The version in force, for the platform's list of connectors.
    pub running_version: Option<u64>,
    /// How long the platform may hold the question.
    pub wait: Duration,
    /// After how long without an answer the host calls the question failed.
    pub timeout: Duration,
    /// Why the newest document was refused, for the platform's list of connectors.
    pub problem: Option<String>,
}

/// What the platform answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fetched {
    /// Status 200.
    Document {
        /// The body. A host stops reading behind [`DOCUMENT_BYTES_MAX`]; what is longer is refused.
        bytes: Vec<u8>,
        /// The `ETag` header.
        etag: Option<String>,
    },
    /// Status 304.
    Unchanged,
}

/// The platform gave no usable answer: no connection, no answer in time, another status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchFailure {
    /// What went wrong, for operators; no secret in it.
    pub reason: String,
    /// What the platform asked for in a `Retry-After` header.
    pub retry_after: Option<Duration>,
}

/// Why a push was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum PushRefusal {
    /// Not signed with this account's key, or not a push at all.
    #[error("the push is not genuine")]
    NotGenuine,
    /// Genuine, but its document is not for use.
    #[error("the pushed config document is refused")]
    Document(#[source] DocumentRefusal),
}

impl Refresh {
    /// Begins with the document the host kept when it last ran, if there is one. A kept document that is of no
    /// use is set aside with a note in the [`status`](Self::status).
    ///
    /// `seed` sets the moments of repeated questions apart from those of other connectors; any number will do
    /// that differs between processes.
    pub fn new(settings: Settings, kept: Option<&[u8]>, seed: u64) -> Self {
        let mut refresh = Self {
            push_key: Key::from_secret(&settings.secret_key),
            settings,
            running: None,
            unseen_policy: None,
            unkept: None,
            etag: None,
            last_success: None,
            refusal: None,
            failure: None,
            pace: Pace::new(seed),
        };
        if let Some(bytes) = kept {
            match refresh.accept(bytes, Source::Kept) {
                // It comes from the disk and need not go back there.
                Ok(()) => refresh.unkept = None,
                Err(refusal) => refresh.refusal = Some(format!("the kept copy is set aside: {refusal}")),
            }
        }
        refresh
    }

    /// A question to be put to the platform now. None while one is under way or the next is not due; the host
    /// answers each with [`handle_fetched`](Self::handle_fetched).
    pub fn poll_fetch(&mut self, now: Timestamp) -> Option<Fetch> {
        self.pace.take_turn(now).then(|| Fetch {
            etag: self.etag.clone(),
            running_version: self.running_version(),
            wait: WAIT,
            timeout: WAIT + ANSWER_GRACE,
            problem: self.refusal.clone(),
        })
    }

    /// Takes the platform's answer to the last question.
    pub fn handle_fetched(&mut self, now: Timestamp, answer: Result<Fetched, FetchFailure>) {
        match answer {
            Ok(Fetched::Unchanged) => {
                self.answered(now);
                self.pace.heard_nothing_new(now, WAIT);
            }
            Ok(Fetched::Document { bytes, etag }) => self.handle_document(now, &bytes, etag),
            Err(failure) => {
                self.failure = Some(failure.reason);
                self.pace.failed(now, failure.retry_after);
            }
        }
    }

    fn handle_document(&mut self, now: Timestamp, bytes: &[u8], etag: Option<String>) {
        self.failure = None;
        let running_version = self.running_version();
        // The first question after a start, and after a push, cannot name what it knows.
        let is_first_naming = self.etag.is_none() && etag.is_some();
        self.etag = etag;
        if self.running.as_ref().is_none_or(|running| running.bytes != bytes)
            && let Err(refusal) = self.accept(bytes, Source::Fetched)
        {
            self.refusal = Some(refusal.to_string());
            self.pace.failed(now, None);
            return;
        }
        self.answered(now);
        self.refusal = None;
        // Only what leads on is worth asking again at once. A platform that knows no ETag, or writes the moment
        // into each document, would be asked without end.
        if is_first_naming || self.running_version() > running_version {
            self.pace.heard_something(now);
        } else {
            self.pace.heard_nothing_new(now, WAIT);
        }
    }

    fn answered(&mut self, now: Timestamp) {
        self.last_success = Some(now);
        self.failure = None;
    }

    /// Takes the body of a signed push (protocol section 8.2) and says which version is in force now.
    pub fn handle_pushed(&mut self, now: Timestamp, body: &[u8]) -> Result<u64, PushRefusal> {
        if body.len() > PUSH_BYTES_MAX {
            return Err(PushRefusal::Document(DocumentRefusal::TooLarge));
        }
        let bytes = push::accept(body, &self.push_key).map_err(|_| PushRefusal::NotGenuine)?;
        self.accept(bytes.as_bytes(), Source::Pushed).map_err(PushRefusal::Document)?;
        self.answered(now);
        // The platform's name for the document in force is no longer known.
        self.etag = None;
        Ok(self.running_version().unwrap_or_default())
    }

    /// A policy that came into force since this was last asked.
    pub fn poll_policy(&mut self) -> Option<Arc<Policy>> {
        self.unseen_policy.take()
    }

    /// A document to be kept for the next start, since this was last asked. The host replaces what it kept as a
    /// whole: half a document is refused at the next start.
    pub fn poll_keep(&mut self) -> Option<Vec<u8>> {
        self.unkept.take()
    }

    /// When [`poll_fetch`](Self::poll_fetch) has something next; the last moment there is while a question is
    /// under way.
    pub fn poll_timeout(&self) -> Timestamp {
        self.pace.next_turn()
    }

    /// How things stand, for people.
    pub fn status(&self) -> Status {
        Status {
            running_version: self.running_version(),
            source: self.running.as_ref().map(|running| running.source),
            last_success: self.last_success,
            last_problem: self.failure.clone().or_else(|| self.refusal.clone()),
            failures_in_a_row: self.pace.failures_in_a_row(),
            is_platform_holding_questions: self.pace.is_held(),
            warnings: self
                .running
                .as_ref()
                .map(|running| running.policy.warnings().to_vec())
                .unwrap_or_default(),
        }
    }

    fn running_version(&self) -> Option<u64> {
        self.running.as_ref().map(|running| running.policy.version())
    }

    fn accept(&mut self, bytes: &[u8], source: Source) -> Result<(), DocumentRefusal> {
        let running = document::compile(bytes, source, &self.settings, self.running_version())?;
        self.unseen_policy = Some(Arc::clone(&running.policy));
        self.unkept = Some(running.bytes.clone());
        self.running = Some(running);
        self.refusal = None;
        Ok(())
    }
}
