//! What a decision may have to ask a waiting room first, as data: the host puts the question, and nobody here waits.
//!
//! Two things can be asked. *Verify* (protocol section 9.1): whether a queue id that the room let go has been used too
//! often, where an action has `VerifyQueueIdEnabled`. *Direct pass* (9.2): whether a visitor who would be sent to queue
//! may pass at once, where the host turned that on.
//!
//! The answer comes back with the same request and the same time, and the decision is made anew from all of it, so
//! nothing is kept in between:
//!
//! ```
//! use anteroom_connector::ask::{Answers, Question, Step, VerifyAnswer};
//! use anteroom_connector::decision::Decision;
//! use anteroom_connector::policy::Policy;
//! use anteroom_connector::view::RequestView;
//! use anteroom_protocol::time::Timestamp;
//!
//! fn decide<'p>(policy: &'p Policy, view: &RequestView<'_>, now: Timestamp) -> Decision<'p> {
//!     let mut answers = Answers::default();
//!     loop {
//!         match policy.step(view, now, &answers) {
//!             Step::Decided(decision) => return decision,
//!             // Here a host puts `question.call` to the waiting room and reads what it says.
//!             Step::Ask(question) => answers.give_up(&question),
//!         }
//!     }
//! }
//! ```

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use anteroom_protocol::id::QueueId;
use anteroom_protocol::secret::Secret;

use crate::decision::Decision;

/// What comes of a look at a request.
#[derive(Clone, Debug)]
pub enum Step<'p> {
    /// It is decided.
    Decided(Decision<'p>),
    /// A waiting room must be asked first.
    Ask(Box<Question>),
}

/// A question to a waiting room.
#[derive(Clone, Debug)]
pub enum Question {
    /// Whether a queue id may be used once more.
    Verify(VerifyQuestion),
    /// Whether a visitor may pass without queueing.
    DirectPass(DirectPassQuestion),
}

impl Question {
    /// The call that puts it.
    pub const fn call(&self) -> &Call {
        match self {
            Self::Verify(question) => &question.call,
            Self::DirectPass(question) => &question.call,
        }
    }
}

/// A `POST` with a JSON body.
#[derive(Clone)]
pub struct Call {
    /// Where it goes.
    pub url: String,
    /// The name of the header that says who asks: `api-key` or `x-queueit-proxykey`.
    pub key_header: &'static str,
    /// The JSON.
    pub body: String,
    /// How long the room has for its whole answer.
    pub timeout: Duration,
}

impl fmt::Debug for Call {
    /// Names neither address nor body: both hold a queue id or a visitor's address.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

/// Whether a queue id may be used once more.
#[derive(Clone, Debug)]
pub struct VerifyQuestion {
    /// How to ask. The host puts its own API key into the header.
    pub call: Call,
    /// The room of the action, also when another one let the visitor in.
    pub event_id: String,
    /// Whose.
    pub queue_id: QueueId,
    /// How often it may be used; `None` leaves that to the room.
    pub usage_limit: Option<u64>,
    /// The action's name.
    pub action_name: String,
}

/// Whether a visitor may pass without queueing.
#[derive(Clone)]
pub struct DirectPassQuestion {
    /// How to ask.
    pub call: Call,
    /// What goes into the header.
    pub proxy_key: Secret,
    /// The room of the action.
    pub event_id: String,
    /// The action's name.
    pub action_name: String,
    /// The absolute address that was asked for.
    pub protected_url: String,
    /// The visitor's address.
    pub client_ip: Option<IpAddr>,
    /// The visitor's `User-Agent`; may be empty.
    pub user_agent: String,
    /// The visitor's `Referer`; may be empty.
    pub referer: String,
}

impl fmt::Debug for DirectPassQuestion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DirectPassQuestion").field("event_id", &self.event_id).finish_non_exhaustive()
    }
}

/// What waiting rooms and the host have said about one request so far.
#[derive(Clone, Default)]
pub struct Answers {
    /// About the queue id.
    pub verify: Option<VerifyAnswer>,
    /// About direct pass.
    pub direct_pass: Option<DirectPassAnswer>,
    /// The visitor's enqueue token, where the host has one already: then the provider in the settings is not asked.
    pub enqueue_token: Option<String>,
}

impl fmt::Debug for Answers {
    /// Without the enqueue token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answers").field("verify", &self.verify).finish_non_exhaustive()
    }
}

impl Answers {
    /// Nothing will be answered: what the settings say for that case holds.
    pub const NONE_TO_COME: Self = Self {
        verify: Some(VerifyAnswer::Failed),
        direct_pass: Some(DirectPassAnswer::Failed),
        enqueue_token: None,
    };

    /// Takes down what a waiting room answered to this question: its body when the status was 200, else nothing.
    pub fn take(&mut self, question: &Question, body: Option<&[u8]>) {
        match question {
            Question::Verify(question) => {
                let is_allowed = body.and_then(|body| {
                    anteroom_protocol::room_call::is_use_allowed(body, question.usage_limit)
                });
                self.verify = Some(match is_allowed {
                    Some(true) => VerifyAnswer::Allowed,
                    Some(false) => VerifyAnswer::Denied,
                    None => VerifyAnswer::Failed,
                });
            }
            Question::DirectPass(_) => {
                self.direct_pass =
                    Some(match body.and_then(anteroom_protocol::room_call::read_direct_pass) {
                        Some(Some(queue_token)) => DirectPassAnswer::Passed { queue_token },
                        Some(None) => DirectPassAnswer::NotPassed,
                        None => DirectPassAnswer::Failed,
                    });
            }
        }
    }

    /// This question will not be answered.
    pub fn give_up(&mut self, question: &Question) {
        self.take(question, None);
    }
}

/// What a room said about a queue id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VerifyAnswer {
    /// It may be used.
    Allowed,
    /// It has been used too often.
    Denied,
    /// Nothing of use, or nothing in time.
    Failed,
}

/// What a room said about passing without queueing.
#[derive(Clone, PartialEq, Eq)]
pub enum DirectPassAnswer {
    /// They must queue.
    NotPassed,
    /// They may pass with this queue token, which is checked like any other.
    Passed {
        /// The queue token.
        queue_token: String,
    },
    /// Nothing of use, or nothing in time.
    Failed,
}

impl fmt::Debug for DirectPassAnswer {
    /// Names the answer alone; the queue token lets whoever holds it pass.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotPassed => "NotPassed",
            Self::Passed { .. } => "Passed",
            Self::Failed => "Failed",
        })
    }
}
