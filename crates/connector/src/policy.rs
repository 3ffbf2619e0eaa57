//! What the integration config in force says to each request.
//!
//! The rules, in words:
//!
//! * `HEAD` and `OPTIONS` requests are not guarded.
//! * The first action with a trigger that matches decides. Without one, and with an ignore action, the request passes.
//! * At a queue action, an accepted cookie of one of its rooms lets the visitor pass, and so does a queue token, for
//!   which the visitor gets such a cookie. Whoever has neither is sent to the waiting room; whoever shows something
//!   that is not good is sent to its page that says why, and loses the cookies that are not good.
//! * At a cancel action, a visitor with an accepted cookie loses it, and the waiting room is told on the way.
//!
//! Nothing a client sends can make this fail: whatever cannot be read is no token, no cookie, and an empty text to
//! triggers (protocol 11-S6 and S7).

mod action;
mod asking;
mod cancel;
mod diagnostics;
mod held;
mod queue;
mod visit;

use std::borrow::Cow;
use std::cell::OnceCell;
use std::fmt;

use anteroom_protocol::accepted_cookie::{CookieAge, rooms_that_need_queue_id};
use anteroom_protocol::integration::{Action, IntegrationConfig};
use anteroom_protocol::mac::Key;
use anteroom_protocol::problem::Problem;
use anteroom_protocol::redirect::{TOKEN_PARAMETER, strip_token};
use anteroom_protocol::time::Timestamp;

use self::action::CompiledAction;
use self::diagnostics::Check;
use self::held::Held;
use self::visit::Visit;
use crate::ask::{Answers, Question, Step};
use crate::decision::{ActionKind, Decision, Reason};
use crate::features::Features;
use crate::set_cookie::SetCookie;
use crate::settings::Settings;
use crate::triggers::{Triggers, TriggersBuilder, Values};
use crate::url_parts::UrlParts;
use crate::view::RequestView;

/// An integration config made ready to decide requests. Never changes.
///
/// ```
/// use anteroom_connector::decision::Outcome;
/// use anteroom_connector::policy::Policy;
/// use anteroom_connector::settings::{Fallback, Settings};
/// use anteroom_connector::view::RequestView;
/// use anteroom_protocol::{integration, secret::Secret, time::Timestamp};
///
/// let config = integration::parse(
///     br#"{"Version": 7, "Integrations": [{
///         "Name": "tickets", "ActionType": "Queue", "EventId": "spring24", "QueueDomain": "queue.shop.example",
///         "CookieValidityMinute": 20,
///         "Triggers": [{"LogicalOperator": "And", "TriggerParts": [{
///             "ValidatorType": "UrlValidator", "UrlPart": "PagePath", "Operator": "Contains", "ValueToCompare": "/tickets"
///         }]}]
///     }]}"#,
/// )
/// .unwrap();
/// let settings = Settings {
///     customer_id: "acme".to_owned(),
///     secret_key: Secret::new("a made-up key".to_owned()),
///     room_base: None,
///     platform_suffix: None,
///     fallback: Fallback::LetPass,
///     features: Default::default(),
/// };
/// let policy = Policy::compile(&config, &settings)?;
///
/// let decide = |url| {
///     let view = RequestView { method: "GET", url, headers: &[("host", "shop.example")], client_ip: None, body: None };
///     policy.decide(&view, Timestamp::from_seconds(1_700_000_000)).outcome
/// };
/// assert_eq!(decide("https://shop.example/"), Outcome::Pass);
/// assert!(matches!(decide("https://shop.example/tickets"), Outcome::Redirect { location }
///     if location.starts_with("https://queue.shop.example/?c=acme&e=spring24&ver=rust-")));
/// # Ok::<(), anteroom_connector::policy::CompileError>(())
/// ```
pub struct Policy {
    version: u64,
    warnings: Vec<String>,
    triggers: Triggers,
    body_bytes_max: usize,
    /// In the order in which they are tried.
    actions: Vec<CompiledAction>,
    common: Common,
}

/// What all actions share.
struct Common {
    key: Key,
    customer_id: String,
    /// `cver` of every address of a waiting room.
    version_text: String,
    /// `&kupver=…`, or empty.
    address_end: String,
    /// The platform the connector is built into, or empty.
    platform: String,
    /// Whether the config was given in code.
    is_inline: bool,
    features: Features,
}

/// Why an integration config cannot be followed with these settings.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the integration config cannot be followed with these settings")]
pub struct CompileError(Vec<Problem>);

impl CompileError {
    /// Everything that is wrong; at least one problem.
    pub fn problems(&self) -> &[Problem] {
        &self.0
    }
}

impl Policy {
    /// Makes a config ready. Takes time and memory in proportion to its size; done once for each version.
    ///
    /// # Errors
    /// When the [settings](Settings::problems) are of no use, or the triggers look for more than can be numbered.
    pub fn compile(config: &IntegrationConfig, settings: &Settings) -> Result<Self, CompileError> {
        let problems = settings.problems();
        if !problems.is_empty() {
            return Err(CompileError(problems));
        }
        let need_queue_id = rooms_that_need_queue_id(config.integrations.iter().flat_map(|integration| {
            match &integration.action {
                Action::Queue(queue) => queue.rooms.as_slice(),
                Action::Cancel(cancel) => cancel.rooms.as_slice(),
                Action::Ignore => &[],
            }
            .iter()
            .map(String::as_str)
        }));
        let mut triggers = TriggersBuilder::default();
        let mut actions = Vec::with_capacity(config.integrations.len());
        for integration in &config.integrations {
            triggers.add(&integration.triggers, integration.is_normalized);
            actions.push(CompiledAction::compile(integration, &need_queue_id, settings));
        }
        let triggers = triggers.build().map_err(|error| {
            CompileError(vec![Problem::new(
                "Integrations",
                error.to_string(),
                "fewer or shorter texts in triggers",
            )])
        })?;
        Ok(Self {
            version: config.version,
            warnings: warnings(config, settings),
            body_bytes_max: if triggers.has_body() { settings.features.body_bytes_max } else { 0 },
            triggers,
            actions,
            common: Common {
                key: Key::from_secret(&settings.secret_key),
                customer_id: settings.customer_id.clone(),
                version_text: config.version_text.clone(),
                address_end: settings
                    .platform_suffix
                    .as_ref()
                    .map(|suffix| format!("&kupver={suffix}"))
                    .unwrap_or_default(),
                platform: settings.platform_suffix.clone().unwrap_or_default(),
                is_inline: config.is_inline,
                features: settings.features.clone(),
            },
        })
    }

    /// Says what to do with one request. What a waiting room would have to be asked first counts as not answered: a
    /// host that can ask takes [`step`](Self::step).
    ///
    /// Reads nothing but its arguments: the same request at the same time gets the same answer, save for what a
    /// provider of enqueue tokens draws. Costs one pass over
    /// each thing that triggers look at and, where a queue action matches, one MAC for a cookie or token that is good.
    /// A request that passes without a cookie to be set takes no allocation, unless triggers look at its normalised
    /// address, at letters beyond ASCII without regard to case, or one of more than
    /// 128 texts that are looked for in one thing occurs.
    #[inline]
    pub fn decide(&self, view: &RequestView<'_>, now: Timestamp) -> Decision<'_> {
        let mut decision = Decision::untouched(Reason::NoActionMatches);
        self.look(view, now, &Answers::NONE_TO_COME, &mut decision)
            .expect("a question is only asked when its answer is not there, and all answers are");
        decision
    }

    /// Says what to do with one request, or what a waiting room must be asked first: see [`ask`](crate::ask). Put the
    /// answer into `answers` and call it again with the same request and time; each question comes once at the most.
    pub fn step(&self, view: &RequestView<'_>, now: Timestamp, answers: &Answers) -> Step<'_> {
        let mut decision = Decision::untouched(Reason::NoActionMatches);
        match self.look(view, now, answers, &mut decision) {
            Ok(()) => Step::Decided(decision),
            Err(question) => Step::Ask(question),
        }
    }

    /// Decides into what is handed in, which says that no action matches. A decision that is made in one place and
    /// moved to another makes a processor wait for each move, some 5 ns.
    fn look<'p>(
        &'p self,
        view: &RequestView<'_>,
        now: Timestamp,
        answers: &Answers,
        decision: &mut Decision<'p>,
    ) -> Result<(), Box<Question>> {
        // By case, as HTTP compares methods: `head` is another method, and guarded.
        if matches!(view.method, "HEAD" | "OPTIONS") {
            decision.reason = Reason::MethodNotGuarded;
            return Ok(());
        }
        let parts = UrlParts::of(view.url);
        // Most addresses have no room for a queue token's name.
        let url = match parts.query_and_fragment.len() > TOKEN_PARAMETER.len() {
            true => strip_token(view.url),
            false => Cow::Borrowed(view.url),
        };
        match &self.common.features.diagnostics {
            None => match self.matched(view, &url, &parts) {
                None => Ok(()),
                Some(action) => act(action, &Visit::new(&self.common, view, &url, now, answers), decision),
            },
            Some(diagnostics) => {
                let mut visit = Visit::new(&self.common, view, &url, now, answers);
                let token = match diagnostics::check(diagnostics, &self.common, view, now) {
                    Check::Refused(refused) => {
                        *decision = *refused;
                        return Ok(());
                    }
                    Check::Off => None,
                    Check::On { token } => Some(token),
                };
                if token.is_some() && diagnostics.is_strict {
                    visit.ignore_token();
                }
                let action = self.matched(view, &url, &parts);
                if let Some(action) = action {
                    act(action, &visit, decision)?;
                }
                if let Some(token) = token {
                    decision.set_cookies.push(diagnostics::cookie(&token, &url, action, &visit));
                }
                Ok(())
            }
        }
    }

    /// The first action with a trigger that matches. `url` is the address without queue tokens, of which host name and
    /// path are the same with them.
    fn matched(&self, view: &RequestView<'_>, url: &str, parts: &UrlParts<'_>) -> Option<&CompiledAction> {
        let normalized = OnceCell::new();
        let mut values = Values::new(&self.triggers, view, url, parts, &normalized);
        self.triggers.first_match(&mut values).map(|action| &self.actions[action])
    }

    /// Writes the accepted cookie of a room anew as of now, also one of a fixed validity, for a host that wants a visit
    /// to last while something goes on (protocol section 3.6). Nothing when no queue action has that room, or the
    /// visitor holds no cookie of it that is good: whatever else the official call does here would sign what a client
    /// made up (11-S2).
    pub fn extend_queue_cookie(
        &self,
        event_id: &str,
        view: &RequestView<'_>,
        now: Timestamp,
    ) -> Option<SetCookie<'_>> {
        let (action, room) = self.actions.iter().find_map(|action| match action {
            CompiledAction::Queue(action) => {
                let room = action.rooms.as_slice().iter().find(|room| &*room.event_id == event_id);
                room.map(|room| (action, room))
            }
            CompiledAction::Cancel(_) | CompiledAction::Ignore { .. } => None,
        })?;
        let answers = Answers::default();
        let visit = Visit::new(&self.common, view, view.url, now, &answers);
        let age = CookieAge::Counts { now, validity: action.cookie_validity };
        match held::of_room(room, age, &visit) {
            Held::Good(cookie) => Some(queue::renewed(&action.rooms, room, &cookie, &visit)),
            Held::Nothing | Held::Refused | Held::OtherAddress(_) => None,
        }
    }

    /// Whether any trigger looks at the request's body. If none does, a host need not read it.
    pub const fn reads_body(&self) -> bool {
        self.body_bytes_max > 0
    }

    /// How much of the beginning of a body a host is to put into the [view](RequestView::body), in bytes; 0 when no
    /// trigger looks at it. What is not UTF-8 may stand there with replacement characters.
    pub const fn body_bytes_max(&self) -> usize {
        self.body_bytes_max
    }

    /// The version of the integration config.
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// What in the config is allowed but probably not meant; a sentence each.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }
}

impl fmt::Debug for Policy {
    /// Names the version. The rest is large, and some of it secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Policy").field("version", &self.version).finish_non_exhaustive()
    }
}

/// What a matched action says.
fn act<'p>(
    action: &'p CompiledAction,
    visit: &Visit<'_>,
    decision: &mut Decision<'p>,
) -> Result<(), Box<Question>> {
    match action {
        CompiledAction::Queue(action) => queue::decide(action, visit, decision)?,
        CompiledAction::Cancel(action) => *decision = cancel::decide(action, visit),
        CompiledAction::Ignore { .. } => {
            decision.action = Some(ActionKind::Ignore);
            decision.reason = Reason::Ignored;
        }
    }
    decision.action_name = Some(action.name());
    decision.is_ajax = visit.is_ajax();
    Ok(())
}

fn warnings(config: &IntegrationConfig, settings: &Settings) -> Vec<String> {
    config.warnings().iter().map(ToString::to_string).chain(settings.warning()).collect()
}
