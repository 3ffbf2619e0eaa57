//! The integration config: which requests of a site lead to which waiting room (protocol 4.1). What stands on the
//! wire is JSON that somebody else wrote; [`parse`] turns it into a form that needs no further checks, or tells
//! every problem at once. Knows no connector and no operator.
//!
//! A document with a problem is refused as a whole: the official connectors notice such things only when a
//! visitor comes by, and then let everybody in. What can be followed but is probably not meant is a
//! [warning](IntegrationConfig::warnings).
//!
//! Everything is bounded by a named limit, because a config is downloaded and compiled unattended.

mod describe;
mod fields;
mod inline;
mod read;

use std::time::Duration;

pub use self::inline::{CancelConfig, QueueConfig};
use crate::problem::Problem;

/// The largest document, in bytes. A large real one, with a thousand triggers, has half a million.
pub const DOCUMENT_BYTES_MAX: usize = 4 * 1024 * 1024;

/// The most actions in a document.
pub const INTEGRATIONS_MAX: usize = 1_000;

/// The most rooms of one action beside its own. Each may cost a MAC on a request.
pub const INVOLVED_ROOMS_MAX: usize = 100;

/// The most triggers of one action.
pub const TRIGGERS_MAX: usize = 1_000;

/// The most conditions of one trigger.
pub const TRIGGER_PARTS_MAX: usize = 1_000;

/// The most texts that one condition compares with.
pub const VALUES_MAX: usize = 10_000;

/// The longest text of any field, in bytes: as long as an address that servers take.
pub const TEXT_BYTES_MAX: usize = 8 * 1024;

/// The most problems, and the most warnings, that are told one by one; others are counted.
pub const PROBLEMS_MAX: usize = 500;

/// A checked integration config.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IntegrationConfig {
    /// Whose it is, where it says so.
    pub customer_id: Option<String>,
    /// Its number: what newer and older are told by. At least 1, except 0 for one given in code without a version.
    pub version: u64,
    /// Its number as it is written, and as it is sent on (`cver`).
    pub version_text: String,
    /// The actions, in the order in which they are tried.
    pub integrations: Vec<Integration>,
    /// Whether it was given in code, as a [`QueueConfig`] or [`CancelConfig`].
    pub is_inline: bool,
    warnings: Vec<Problem>,
}

/// One action, and the requests it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Integration {
    /// Its name, for people; `unspecified` when it has none.
    pub name: String,
    /// What becomes of a request it is for.
    pub action: Action,
    /// Whether its triggers look at the normalised address.
    pub is_normalized: bool,
    /// It is for the requests that one of these matches.
    pub triggers: Vec<Trigger>,
    /// The fields of a queue or cancel action as they were written, in the form of connector diagnostics (9.3).
    pub diagnostics: String,
}

/// What becomes of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Only who was let in by a waiting room passes.
    Queue(QueueAction),
    /// Whoever was let in gives that up.
    Cancel(CancelAction),
    /// It passes.
    Ignore,
}

/// A waiting room before some addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueAction {
    /// The waiting room visitors are sent to.
    pub event_id: String,
    /// The rooms whose visitors are let in: that one first, each once.
    pub rooms: Vec<String>,
    /// Where the rooms are.
    pub place: RoomPlace,
    /// How cookies are written.
    pub cookies: CookieAttributes,
    /// How long an accepted cookie without a validity of its own counts, in whole seconds.
    pub cookie_validity: Duration,
    /// Whether such a cookie begins anew with each request.
    pub is_cookie_extended: bool,
    /// Where the room sends its visitors afterwards.
    pub redirect_logic: RedirectLogic,
    /// The layout of the room's pages; may be empty.
    pub layout: String,
    /// The language of the room's pages; may be empty.
    pub culture: String,
    /// Whether each use of a queue id is to be counted by the room.
    pub is_queue_id_verified: bool,
    /// How often a queue id may be used then; `None` leaves that to the room.
    pub queue_id_usage_limit: Option<u64>,
}

/// The end of a visit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CancelAction {
    /// The rooms that are left, each once; at least one.
    pub rooms: Vec<String>,
    /// Where the rooms are.
    pub place: RoomPlace,
    /// How cookies are written.
    pub cookies: CookieAttributes,
}

/// Where waiting rooms are found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomPlace {
    /// The host, and a port if it has one.
    pub domain: String,
    /// What their paths begin with; may be empty.
    pub path_prefix: String,
}

/// Attributes of the cookies that a connector sets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CookieAttributes {
    /// The `Domain` attribute, if there is to be one.
    pub domain: Option<String>,
    /// Whether page scripts are kept from reading them.
    pub is_http_only: bool,
    /// Whether they travel over TLS alone.
    pub is_secure: bool,
}

/// Where a waiting room sends its visitors afterwards.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum RedirectLogic {
    /// Back to the address they wanted.
    #[default]
    AllowTParameter,
    /// To this address; to the room's own one when it is empty.
    ForcedTargetUrl(String),
    /// To the room's own address.
    EventTargetUrl,
}

/// Conditions on a request, joined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trigger {
    /// How the parts are joined.
    pub logical_operator: LogicalOperator,
    /// The conditions.
    pub parts: Vec<TriggerPart>,
}

/// How conditions are joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogicalOperator {
    /// All must hold; also what any unknown operator means.
    And,
    /// One must hold.
    Or,
}

/// One condition on a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TriggerPart {
    /// What is looked at.
    pub validator: Validator,
    /// How it is compared.
    pub operator: Operator,
    /// The text that `Equals` and `Contains` compare with.
    pub value_to_compare: String,
    /// The texts that `EqualsAny` and `ContainsAny` compare with.
    pub values_to_compare: Vec<String>,
    /// Whether the condition is turned round.
    pub is_negative: bool,
    /// Whether letter case makes no difference.
    pub is_ignore_case: bool,
}

/// What a condition looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Validator {
    /// A piece of the address.
    Url(UrlPart),
    /// A cookie.
    Cookie {
        /// Its name.
        name: String,
    },
    /// The `User-Agent` header.
    UserAgent,
    /// A header.
    HttpHeader {
        /// Its name.
        name: String,
    },
    /// The request's body.
    RequestBody,
    /// Nothing a connector on a server knows: such a condition never holds.
    Unknown,
}

/// A piece of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UrlPart {
    /// All of it.
    PageUrl,
    /// The host, and the port when one is written.
    HostName,
    /// The path.
    PagePath,
    /// None that exists: an empty text.
    Unknown,
}

/// How a condition compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// Both are the same.
    Equals,
    /// The text occurs; `*` alone occurs in whatever is not empty.
    Contains,
    /// One of the texts is the same.
    EqualsAny,
    /// One of the texts occurs.
    ContainsAny,
    /// None that exists: such a condition never holds.
    Unknown,
}

impl IntegrationConfig {
    /// What is allowed but probably not meant: same form as problems.
    pub fn warnings(&self) -> &[Problem] {
        &self.warnings
    }
}

/// Reads and checks a document; tells every problem at once. Fields that are not known are left aside.
///
/// ```
/// use anteroom_protocol::integration::parse;
///
/// let config = parse(br#"{"Version": 3, "Integrations": []}"#).unwrap();
/// assert_eq!(config.version, 3);
///
/// let problems = parse(br#"{"Integrations": [{"ActionType": "Ignore", "Triggers": 5}]}"#).unwrap_err();
/// let texts = problems.iter().map(ToString::to_string).collect::<Vec<_>>();
/// assert_eq!(
///     texts,
///     [
///         "Version: found nothing, expected a whole number greater than 0",
///         "Integrations[0].Triggers: found 5, expected a list",
///     ]
/// );
/// ```
///
/// # Errors
/// Everything wrong with it, each with its path. At least one problem, at most [`PROBLEMS_MAX`] and one that counts
/// the others.
pub fn parse(bytes: &[u8]) -> Result<IntegrationConfig, Vec<Problem>> {
    if bytes.len() > DOCUMENT_BYTES_MAX {
        let found = format!("{} bytes", bytes.len());
        return Err(vec![Problem::new("", found, format!("at most {DOCUMENT_BYTES_MAX}"))]);
    }
    // Nesting deeper than 128 levels is an error of the reader, so nothing below recurses without a bound.
    let document = serde_json::from_slice(bytes).map_err(|error| {
        vec![Problem::new("", format!("no JSON ({error})"), "an integration config in JSON")]
    })?;
    read::read(&document)
}
