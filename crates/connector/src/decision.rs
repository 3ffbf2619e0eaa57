//! What is to become of one request: the whole vocabulary a host must act on.

use std::fmt;

use anteroom_protocol::id::QueueId;
use anteroom_protocol::queue_token::RedirectType;

use crate::set_cookie::SetCookie;

/// What a connector says about one request.
///
/// A host does three things with it: it follows the [`outcome`](Self::outcome), adds every one of
/// [`set_cookies`](Self::set_cookies) to whatever response goes out, and puts [`CONNECTOR_HEADER`] on it. The rest
/// is for logs and figures.
///
/// Names are those of the policy, borrowed: to share them by counting would cost each request of the site some 25 ns.
#[derive(Clone, Debug)]
pub struct Decision<'p> {
    /// What to do with the request.
    pub outcome: Outcome,
    /// Cookies to set, at most one of each name.
    pub set_cookies: Vec<SetCookie<'p>>,
    /// What kind of action matched; `None` when none did.
    pub action: Option<ActionKind>,
    /// The matched action's name.
    pub action_name: Option<&'p str>,
    /// The waiting room a queue action guards with, also when one of its involved rooms let the visitor in.
    pub event_id: Option<&'p str>,
    /// The visitor's place in that room's books, when a queue token or an accepted cookie told it.
    pub queue_id: Option<QueueId>,
    /// Why the waiting room had let the visitor go, as the queue token or accepted cookie told it.
    pub redirect_type: Option<RedirectType>,
    /// Whether a script of a page asked and follows redirects itself. False when no action matched.
    pub is_ajax: bool,
    /// Whether a waiting room did not say what it was asked, and the visitor passes all the same, as the settings
    /// say: then [`FAILED_HEADER`] goes onto the response.
    pub has_failed: bool,
    /// Why, for people.
    pub reason: Reason,
}

impl Decision<'_> {
    /// Nothing matched or nothing is guarded here: the request goes on as it is.
    pub(crate) const fn untouched(reason: Reason) -> Self {
        Self {
            outcome: Outcome::Pass,
            set_cookies: Vec::new(),
            action: None,
            action_name: None,
            event_id: None,
            queue_id: None,
            redirect_type: None,
            is_ajax: false,
            has_failed: false,
            reason,
        }
    }
}

/// What a host does with the request.
#[derive(Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Let it reach the site.
    Pass,
    /// Answer 302 with this `Location` and [`NO_CACHE_HEADERS`].
    Redirect {
        /// The waiting room's address for this visitor.
        location: String,
    },
    /// Answer 200 with an empty body, [`AJAX_REDIRECT_HEADER`] with this value, [`EXPOSE_HEADER`] naming that
    /// header, and [`NO_CACHE_HEADERS`]: the page's script goes there.
    AjaxRedirect {
        /// The waiting room's address for this visitor, already encoded for the header.
        header_value: String,
    },
    /// The visitor is let in: answer 302 to the same address without the queue token, with
    /// [`NO_CACHE_HEADERS`], so that the token does not stay in the address bar, in histories and in referrers.
    StripToken {
        /// The address without the queue token, as visible ASCII alone.
        location: String,
    },
}

impl fmt::Debug for Outcome {
    /// Names the outcome. An address may hold what a visitor typed, or a queue token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pass => "Pass",
            Self::Redirect { .. } => "Redirect",
            Self::AjaxRedirect { .. } => "AjaxRedirect",
            Self::StripToken { .. } => "StripToken",
        })
    }
}

/// The kinds of actions an integration config knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ActionKind {
    /// Only visitors with an accepted cookie or a queue token pass.
    Queue,
    /// The visitor's pass ends here.
    Cancel,
    /// Let pass, whatever later actions say.
    Ignore,
    /// No action at all: a debug token is not good, and its bearer is told so.
    Diagnostics,
}

impl ActionKind {
    /// What official connectors call it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queue => "Queue",
            Self::Cancel => "Cancel",
            Self::Ignore => "Ignore",
            Self::Diagnostics => "ConnectorDiagnosticsRedirect",
        }
    }
}

/// Why a request was decided as it was. Its text is one plain sentence and never holds a key, a queue token, a
/// cookie or an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// A `HEAD` or `OPTIONS` request.
    MethodNotGuarded,
    /// No action's triggers match.
    NoActionMatches,
    /// An ignore action matches.
    Ignored,
    /// The accepted cookie is good.
    CookieAccepted,
    /// The queue token is good.
    TokenAccepted,
    /// The queue token is not good.
    TokenRefused(TokenFault),
    /// There is neither a queue token nor an accepted cookie.
    NothingToShow,
    /// There is an accepted cookie, but it is over or not genuine.
    CookieRefused,
    /// The accepted cookie is bound to another address than the visitor now has.
    CookieOfAnotherAddress,
    /// The queue id has been used as often as it may be.
    UsageLimitReached,
    /// The waiting room did not say whether the queue id may be used once more, and the settings say to refuse then.
    NotVerified,
    /// The waiting room says that the visitor may pass without queueing.
    DirectlyPassed,
    /// The waiting room did not say whether the visitor may pass without queueing, and the settings say to let pass.
    DirectPassFailed,
    /// Connector diagnostics were asked for with a debug token that is not good.
    DebugTokenRefused(TokenFault),
    /// A cancel action ended the visitor's pass.
    Cancelled,
    /// A cancel action found no pass to end.
    NothingToCancel,
}

/// What is wrong with a queue token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TokenFault {
    /// It was not signed with this account's key, or was altered.
    Signature,
    /// It is for a room that this action does not accept.
    Room,
    /// It was to be used earlier.
    Expired,
    /// It is bound to another address than the visitor's.
    Address,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::MethodNotGuarded => "HEAD and OPTIONS requests are not guarded",
            Self::NoActionMatches => "no action matches this request",
            Self::Ignored => "an ignore action matches this request",
            Self::CookieAccepted => "the visitor holds a good accepted cookie",
            Self::TokenAccepted => "the visitor came from the waiting room with a good queue token",
            Self::TokenRefused(TokenFault::Signature) => {
                "the queue token is not signed with this account's key, or was altered"
            }
            Self::TokenRefused(TokenFault::Room) => {
                "the queue token is for a waiting room this action does not accept"
            }
            Self::TokenRefused(TokenFault::Expired) => "the queue token's time is over",
            Self::TokenRefused(TokenFault::Address) => {
                "the queue token is bound to another network address than the visitor's"
            }
            Self::NothingToShow => "the visitor has not been through the waiting room yet",
            Self::CookieRefused => "the visitor's accepted cookie is over or not genuine",
            Self::CookieOfAnotherAddress => {
                "the visitor's accepted cookie is bound to another network address than the visitor's"
            }
            Self::UsageLimitReached => "the visitor's queue id has been used as often as it may be",
            Self::NotVerified => {
                "the waiting room did not say whether the visitor's queue id may be used again"
            }
            Self::DirectlyPassed => "the waiting room lets the visitor pass without queueing",
            Self::DirectPassFailed => {
                "the waiting room did not say whether the visitor may pass without queueing, so they may"
            }
            Self::DebugTokenRefused(TokenFault::Expired) => "the debug token's time is over",
            Self::DebugTokenRefused(_) => {
                "the debug token is not signed with this account's key, or was altered"
            }
            Self::Cancelled => "a cancel action ended the visitor's pass",
            Self::NothingToCancel => {
                "a cancel action matches, and the visitor holds no pass that it could end"
            }
        })
    }
}

/// On every response the connector saw; its value names the connector, `rust`.
pub const CONNECTOR_HEADER: &str = "x-queueit-connector";

/// With the value `true` on the response to a request that passed undecided.
pub const FAILED_HEADER: &str = "x-queueit-failed";

/// Tells a page's script where to go.
pub const AJAX_REDIRECT_HEADER: &str = "x-queueit-redirect";

/// Lets a page's script read [`AJAX_REDIRECT_HEADER`] across origins.
pub const EXPOSE_HEADER: &str = "access-control-expose-headers";

/// On every redirect, so that nothing on the way keeps one visitor's answer for another.
pub const NO_CACHE_HEADERS: [(&str, &str); 3] = [
    ("cache-control", "no-cache, no-store, must-revalidate, max-age=0"),
    ("pragma", "no-cache"),
    ("expires", "Fri, 01 Jan 1990 00:00:00 GMT"),
];
