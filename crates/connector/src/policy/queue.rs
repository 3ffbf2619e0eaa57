//! A queue action: who has been through the waiting room passes, everybody else is sent there (protocol 5.3).

use std::borrow::Cow;

use anteroom_protocol::accepted_cookie::{CookieAge, NewAcceptedCookie};
use anteroom_protocol::integration::RedirectLogic;
use anteroom_protocol::queue_token::{QueueToken, QueueTokenError, RawQueueToken, RedirectType};
use anteroom_protocol::redirect::{CommonQuery, InvalidReason};

use super::action::{QueueAction, Room, Rooms};
use super::asking::{self, Verified};
use super::held::{self, Held, HeldCookie};
use super::visit::{CarriedToken, Visit};
use crate::ask::{DirectPassAnswer, Question};
use crate::decision::{ActionKind, Decision, Outcome, Reason, TokenFault};
use crate::enqueue_token::{self, EnqueueRequest};
use crate::features::Generation;
use crate::set_cookie::SetCookie;

/// What the connector calls itself to the waiting room.
pub(super) const VER: &str = concat!("rust-", env!("CARGO_PKG_VERSION"));

/// The error page's code for a cookie of another address.
const SESSION_STATE_CODE: &str = "connector/sessionstate";

/// The error page's code for a queue id that has been used too often.
const USAGE_LIMIT_CODE: &str = "qidlimit";

/// What a cookie that was written because direct pass failed counts for, in minutes (protocol 9.2).
const TIMEOUT_COOKIE_MINUTES: u32 = 3;

/// Or the question that must be answered first.
pub(super) fn decide<'p>(
    action: &'p QueueAction,
    visit: &Visit<'_>,
    decision: &mut Decision<'p>,
) -> Result<(), Box<Question>> {
    let age = CookieAge::Counts { now: visit.now, validity: action.cookie_validity };
    let mut others = Held::Nothing;
    for room in action.rooms.as_slice() {
        // It is looked at where it lies, because moving it takes time.
        let mut held = held::of_first_cookie(room, age, visit);
        held.look_further(room, age, visit);
        match &held {
            Held::Nothing => {}
            Held::Refused => others = Held::Refused,
            Held::OtherAddress(cookie) => others = Held::OtherAddress(cookie.clone()),
            Held::Good(cookie) => return let_in_by_cookie(action, room, cookie, visit, decision),
        }
    }
    *decision = decide_without_cookie(action, others, visit)?;
    Ok(())
}

fn let_in_by_cookie<'p>(
    action: &'p QueueAction,
    room: &'p Room,
    cookie: &HeldCookie<'_>,
    visit: &Visit<'_>,
    decision: &mut Decision<'p>,
) -> Result<(), Box<Question>> {
    let verified = asking::verify(action, cookie.queue_id, visit)?;
    if verified.is_refused() {
        *decision = refuse_use(action, verified, visit.carried_token().as_ref(), true, visit);
        return Ok(());
    }
    if action.is_cookie_extended && cookie.fixed_validity_minutes.is_none() {
        decision.set_cookies = vec![renewed(&action.rooms, room, cookie, visit)];
    }
    if let Some(token) = visit.token_in_address() {
        decision.outcome = visit.let_in(Some(&token));
    }
    decision.action = Some(ActionKind::Queue);
    decision.event_id = Some(&action.event_id);
    decision.queue_id = cookie.queue_id;
    decision.redirect_type = Some(cookie.redirect_type);
    decision.has_failed = verified == Verified::AllowedUnanswered;
    decision.reason = Reason::CookieAccepted;
    Ok(())
}

fn decide_without_cookie<'p>(
    action: &'p QueueAction,
    held: Held<HeldCookie<'_>>,
    visit: &Visit<'_>,
) -> Result<Decision<'p>, Box<Question>> {
    let token = visit.carried_token();
    let Some(carried) = &token else { return send_to_queue(action, held, token.as_ref(), visit) };
    match open(&carried.text, action, visit) {
        Ok(opened) => {
            let queue_id = opened.queue_id.and_then(|queue_id| queue_id.parse().ok());
            let verified = asking::verify(action, queue_id, visit)?;
            if verified.is_refused() {
                return Ok(refuse_use(action, verified, token.as_ref(), false, visit));
            }
            Ok(Decision {
                has_failed: verified == Verified::AllowedUnanswered,
                ..let_in_by_token(action, &opened, token.as_ref(), Reason::TokenAccepted, visit)
            })
        }
        Err(_) if is_debug_token_of_no_use(&carried.text, visit) => {
            send_to_queue(action, held, token.as_ref(), visit)
        }
        Err(error) => Ok(refuse_token(action, &error, carried, &held, visit)),
    }
}

fn open<'t>(
    text: &'t str,
    action: &QueueAction,
    visit: &Visit<'_>,
) -> Result<QueueToken<'t>, QueueTokenError> {
    QueueToken::open(text, &visit.common.key, visit.now, action.rooms.as_slice(), visit.client_ip)
}

/// In generation 5 a debug token for another room, say, is no reason for an error page: its bearer queues.
fn is_debug_token_of_no_use(text: &str, visit: &Visit<'_>) -> bool {
    matches!(visit.common.features.generation, Generation::Five { .. })
        && RawQueueToken::read(text)
            .and_then(|token| token.redirect_type)
            .is_some_and(|kind| RedirectType::from_text(kind) == Some(RedirectType::Debug))
}

/// The queue id has been used too often, or nobody says that it has not.
fn refuse_use<'p>(
    action: &'p QueueAction,
    verified: Verified,
    token: Option<&CarriedToken<'_>>,
    is_cookie_good: bool,
    visit: &Visit<'_>,
) -> Decision<'p> {
    let url = action.address.error_url(
        &common_query(action, visit),
        USAGE_LIMIT_CODE,
        None,
        token.map(|token| &*token.text),
        visit.now,
        &target(action, visit),
    );
    let (reason, set_cookies) = match verified {
        // The cookie may well be good once somebody answers again.
        Verified::RefusedUnanswered => (Reason::NotVerified, Vec::new()),
        _ if is_cookie_good => (Reason::UsageLimitReached, held::removals(&action.rooms, visit)),
        _ => (Reason::UsageLimitReached, Vec::new()),
    };
    Decision { set_cookies, ..outcome(action, visit.send_to(url), reason) }
}

fn let_in_by_token<'p>(
    action: &'p QueueAction,
    opened: &QueueToken<'_>,
    carried: Option<&CarriedToken<'_>>,
    reason: Reason,
    visit: &Visit<'_>,
) -> Decision<'p> {
    // What is no known type could not be read back from the cookie, and the visitor would queue for ever.
    let redirect_type = RedirectType::from_text(opened.redirect_type).unwrap_or(RedirectType::Unknown);
    let room = action.rooms.as_slice().iter().find(|room| &*room.event_id == opened.event_id);
    let set_cookies = room.map(|room| {
        let cookie = NewAcceptedCookie {
            event_id: &room.event_id,
            queue_id: opened.queue_id,
            fixed_validity_minutes: opened.cookie_validity_minutes,
            redirect_type,
            issued_at: visit.now,
            hashed_ip: opened.hashed_ip,
        };
        action.rooms.set_cookie(room, Some(cookie.seal(&visit.common.key)))
    });
    Decision {
        set_cookies: set_cookies.into_iter().collect(),
        queue_id: opened.queue_id.and_then(|queue_id| queue_id.parse().ok()),
        redirect_type: Some(redirect_type),
        ..outcome(action, visit.let_in(carried), reason)
    }
}

fn refuse_token<'p>(
    action: &'p QueueAction,
    error: &QueueTokenError,
    token: &CarriedToken<'_>,
    held: &Held<HeldCookie<'_>>,
    visit: &Visit<'_>,
) -> Decision<'p> {
    let (fault, hashed_ip) = match error {
        QueueTokenError::Hash => (TokenFault::Signature, None),
        QueueTokenError::EventId => (TokenFault::Room, None),
        QueueTokenError::Timestamp => (TokenFault::Expired, None),
        QueueTokenError::Ip { hashed_ip } => (TokenFault::Address, Some(hashed_ip)),
    };
    let reason = visit
        .client_ip
        .zip(hashed_ip)
        .map(|(client_ip, hashed_ip)| InvalidReason::QueueToken { client_ip, hashed_ip });
    let url = action.address.error_url(
        &common_query(action, visit),
        error.code(),
        reason.as_ref(),
        Some(&token.text),
        visit.now,
        &target(action, visit),
    );
    Decision {
        set_cookies: removals(action, held, visit),
        ..outcome(action, visit.send_to(url), Reason::TokenRefused(fault))
    }
}

fn send_to_queue<'p>(
    action: &'p QueueAction,
    held: Held<HeldCookie<'_>>,
    token: Option<&CarriedToken<'_>>,
    visit: &Visit<'_>,
) -> Result<Decision<'p>, Box<Question>> {
    let set_cookies = removals(action, &held, visit);
    let (url, reason) = match held {
        Held::OtherAddress(cookie) => {
            (other_address_url(action, &cookie, token, visit), Reason::CookieOfAnotherAddress)
        }
        Held::Refused | Held::Nothing | Held::Good(_) => {
            if let Some(passed) = pass_directly(action, token, visit)? {
                return Ok(instead_of(set_cookies, passed));
            }
            let is_refused = matches!(held, Held::Refused);
            let reason = if is_refused { Reason::CookieRefused } else { Reason::NothingToShow };
            (enqueue_url(action, visit), reason)
        }
    };
    Ok(Decision { set_cookies, ..outcome(action, visit.send_to(url), reason) })
}

/// What comes of asking the room whether the visitor may pass without queueing; nothing when they may not.
fn pass_directly<'p>(
    action: &'p QueueAction,
    token: Option<&CarriedToken<'_>>,
    visit: &Visit<'_>,
) -> Result<Option<Decision<'p>>, Box<Question>> {
    let Some(direct_pass) = visit.common.features.direct_pass() else { return Ok(None) };
    visit.is_direct_pass_asked.set(true);
    match &visit.answers.direct_pass {
        None => Err(asking::direct_pass_question(action, direct_pass, visit)),
        Some(DirectPassAnswer::NotPassed) => Ok(None),
        Some(DirectPassAnswer::Passed { queue_token }) => {
            let opened = open(queue_token, action, visit);
            Ok(opened
                .ok()
                .map(|opened| let_in_by_token(action, &opened, token, Reason::DirectlyPassed, visit)))
        }
        Some(DirectPassAnswer::Failed) if !direct_pass.is_passed_on_failure => Ok(None),
        Some(DirectPassAnswer::Failed) => {
            let for_a_while = HeldCookie {
                queue_id: None,
                fixed_validity_minutes: Some(TIMEOUT_COOKIE_MINUTES),
                redirect_type: RedirectType::Timeout,
                hashed_ip: None,
            };
            let own_room = action.rooms.as_slice().first();
            Ok(Some(Decision {
                set_cookies: own_room
                    .map(|room| renewed(&action.rooms, room, &for_a_while, visit))
                    .into_iter()
                    .collect(),
                redirect_type: Some(RedirectType::Timeout),
                has_failed: true,
                ..outcome(action, visit.let_in(token), Reason::DirectPassFailed)
            }))
        }
    }
}

/// Of two cookies of one name only the later one is set.
fn instead_of<'p>(mut removals: Vec<SetCookie<'p>>, mut passed: Decision<'p>) -> Decision<'p> {
    removals.retain(|removal| passed.set_cookies.iter().all(|written| written.name != removal.name));
    removals.append(&mut passed.set_cookies);
    Decision { set_cookies: removals, ..passed }
}

fn enqueue_url(action: &QueueAction, visit: &Visit<'_>) -> String {
    let given = visit.answers.enqueue_token.clone();
    let enqueue_token = given.or_else(|| {
        visit.common.features.enqueue_tokens.as_ref()?.give(&EnqueueRequest {
            customer_id: &visit.common.customer_id,
            event_id: &action.event_id,
            view: visit.view,
            now: visit.now,
        })
    });
    let enqueue_token = enqueue_token.filter(|token| enqueue_token::is_plain(token));
    action.address.enqueue_url(&common_query(action, visit), enqueue_token.as_deref(), &target(action, visit))
}

/// There is a token only when it is a debug token of no use.
fn other_address_url(
    action: &QueueAction,
    cookie: &HeldCookie<'_>,
    token: Option<&CarriedToken<'_>>,
    visit: &Visit<'_>,
) -> String {
    let queue_id = cookie.queue_id.map(|queue_id| queue_id.to_string());
    let redirect_type = cookie.redirect_type.as_str().to_ascii_lowercase();
    let reason = visit.client_ip.zip(cookie.hashed_ip.as_deref()).map(|(client_ip, hashed_ip)| {
        InvalidReason::AcceptedCookie {
            client_ip,
            hashed_ip,
            redirect_type: &redirect_type,
            queue_id: queue_id.as_deref(),
            now: visit.now,
        }
    });
    action.address.error_url(
        &common_query(action, visit),
        SESSION_STATE_CODE,
        reason.as_ref(),
        token.map(|token| &*token.text),
        visit.now,
        &target(action, visit),
    )
}

/// The same cookie, as of now.
pub(super) fn renewed<'p>(
    rooms: &'p Rooms,
    room: &'p Room,
    cookie: &HeldCookie<'_>,
    visit: &Visit<'_>,
) -> SetCookie<'p> {
    let queue_id = cookie.queue_id.map(|queue_id| queue_id.to_string());
    let renewed = NewAcceptedCookie {
        event_id: &room.event_id,
        queue_id: queue_id.as_deref(),
        fixed_validity_minutes: cookie.fixed_validity_minutes,
        redirect_type: cookie.redirect_type,
        issued_at: visit.now,
        hashed_ip: cookie.hashed_ip.as_deref(),
    };
    rooms.set_cookie(room, Some(renewed.seal(&visit.common.key)))
}

/// Cookies that are not good are removed, so that they are not sent and checked again with each request.
fn removals<'p>(
    action: &'p QueueAction,
    held: &Held<HeldCookie<'_>>,
    visit: &Visit<'_>,
) -> Vec<SetCookie<'p>> {
    match held {
        Held::Nothing => Vec::new(),
        Held::Refused | Held::OtherAddress(_) | Held::Good(_) => held::removals(&action.rooms, visit),
    }
}

/// Where the waiting room sends the visitor afterwards; empty for its own address.
pub(super) fn target<'a>(action: &'a QueueAction, visit: &Visit<'a>) -> Cow<'a, str> {
    match &action.redirect_logic {
        RedirectLogic::AllowTParameter => visit.wanted_url(),
        RedirectLogic::ForcedTargetUrl(target) => target.into(),
        RedirectLogic::EventTargetUrl => "".into(),
    }
}

fn common_query<'a>(action: &'a QueueAction, visit: &Visit<'a>) -> CommonQuery<'a> {
    CommonQuery {
        customer: &visit.common.customer_id,
        event: &action.event_id,
        ver: VER,
        cver: &visit.common.version_text,
        man: &action.name,
        culture: &action.culture,
        layout: &action.layout,
    }
}

fn outcome(action: &QueueAction, outcome: Outcome, reason: Reason) -> Decision<'_> {
    Decision {
        outcome,
        action: Some(ActionKind::Queue),
        event_id: Some(&action.event_id),
        ..Decision::untouched(reason)
    }
}
