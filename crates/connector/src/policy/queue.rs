//! A queue action: who has been through the waiting room passes, everybody else is sent there (protocol 5.3).

use std::borrow::Cow;
use std::sync::Arc;

use anteroom_protocol::accepted_cookie::{CookieAge, NewAcceptedCookie};
use anteroom_protocol::integration::RedirectLogic;
use anteroom_protocol::queue_token::{QueueToken, QueueTokenError, RedirectType};
use anteroom_protocol::redirect::{CommonQuery, InvalidReason};

use super::action::{QueueAction, Room};
use super::held::{self, Held, HeldCookie};
use super::visit::{CarriedToken, Visit};
use crate::decision::{ActionKind, Decision, Outcome, Reason, TokenFault};
use crate::set_cookie::SetCookie;

/// What the connector calls itself to the waiting room.
const VER: &str = concat!("rust-", env!("CARGO_PKG_VERSION"));

/// The error page's code for a cookie of another address.
const SESSION_STATE_CODE: &str = "connector/sessionstate";

pub(super) fn decide(action: &QueueAction, visit: &Visit<'_>) -> Decision {
    let age = CookieAge::Counts { now: visit.now, validity: action.cookie_validity };
    let held = held::first_good(&action.rooms, age, visit);
    let token = visit.carried_token();

    if let Held::Good((room, cookie)) = held {
        let set_cookies = if action.is_cookie_extended && cookie.fixed_validity_minutes.is_none() {
            vec![extended(action, room, &cookie, visit)]
        } else {
            Vec::new()
        };
        return Decision {
            set_cookies,
            queue_id: cookie.queue_id,
            redirect_type: Some(cookie.redirect_type),
            ..outcome(action, visit.let_in(token.as_ref()), Reason::CookieAccepted)
        };
    }

    let opened = token.as_ref().map(|token| {
        QueueToken::open(&token.text, &visit.common.key, visit.now, action.rooms.as_slice(), visit.client_ip)
    });
    match (opened, &token) {
        (Some(Ok(opened)), _) => let_in_by_token(action, &opened, token.as_ref(), visit),
        (Some(Err(error)), Some(token)) => refuse_token(action, &error, token, &held, visit),
        _ => send_to_queue(action, held, visit),
    }
}

fn let_in_by_token(
    action: &QueueAction,
    opened: &QueueToken<'_>,
    carried: Option<&CarriedToken<'_>>,
    visit: &Visit<'_>,
) -> Decision {
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
        ..outcome(action, visit.let_in(carried), Reason::TokenAccepted)
    }
}

fn refuse_token<C>(
    action: &QueueAction,
    error: &QueueTokenError,
    token: &CarriedToken<'_>,
    held: &Held<C>,
    visit: &Visit<'_>,
) -> Decision {
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

fn send_to_queue(action: &QueueAction, held: Held<(&Room, HeldCookie)>, visit: &Visit<'_>) -> Decision {
    let set_cookies = removals(action, &held, visit);
    let (url, reason) = match held {
        Held::OtherAddress((_, cookie)) => {
            (other_address_url(action, &cookie, visit), Reason::CookieOfAnotherAddress)
        }
        Held::Refused => (enqueue_url(action, visit), Reason::CookieRefused),
        Held::Nothing | Held::Good(_) => (enqueue_url(action, visit), Reason::NothingToShow),
    };
    Decision { set_cookies, ..outcome(action, visit.send_to(url), reason) }
}

fn enqueue_url(action: &QueueAction, visit: &Visit<'_>) -> String {
    action.address.enqueue_url(&common_query(action, visit), None, &target(action, visit))
}

fn other_address_url(action: &QueueAction, cookie: &HeldCookie, visit: &Visit<'_>) -> String {
    let queue_id = cookie.queue_id.map(|queue_id| queue_id.to_string());
    let redirect_type = cookie.redirect_type.as_str().to_ascii_lowercase();
    let reason = visit.client_ip.zip(cookie.hashed_ip.as_ref()).map(|(client_ip, hashed_ip)| {
        InvalidReason::AcceptedCookie {
            client_ip,
            hashed_ip: hashed_ip.as_str(),
            redirect_type: &redirect_type,
            queue_id: queue_id.as_deref(),
            now: visit.now,
        }
    });
    action.address.error_url(
        &common_query(action, visit),
        SESSION_STATE_CODE,
        reason.as_ref(),
        None,
        visit.now,
        &target(action, visit),
    )
}

/// The same cookie, as of now.
fn extended(action: &QueueAction, room: &Room, cookie: &HeldCookie, visit: &Visit<'_>) -> SetCookie {
    let queue_id = cookie.queue_id.map(|queue_id| queue_id.to_string());
    let renewed = NewAcceptedCookie {
        event_id: &room.event_id,
        queue_id: queue_id.as_deref(),
        fixed_validity_minutes: None,
        redirect_type: cookie.redirect_type,
        issued_at: visit.now,
        hashed_ip: cookie.hashed_ip.as_ref().map(AsRef::as_ref),
    };
    action.rooms.set_cookie(room, Some(renewed.seal(&visit.common.key)))
}

/// Cookies that are not good are removed, so that they are not sent and checked again with each request.
fn removals<C>(action: &QueueAction, held: &Held<C>, visit: &Visit<'_>) -> Vec<SetCookie> {
    match held {
        Held::Nothing => Vec::new(),
        Held::Refused | Held::OtherAddress(_) | Held::Good(_) => held::removals(&action.rooms, visit),
    }
}

/// Where the waiting room sends the visitor afterwards; empty for its own address.
fn target<'a>(action: &'a QueueAction, visit: &Visit<'a>) -> Cow<'a, str> {
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

fn outcome(action: &QueueAction, outcome: Outcome, reason: Reason) -> Decision {
    Decision {
        outcome,
        action: Some(ActionKind::Queue),
        event_id: Some(Arc::clone(&action.event_id)),
        ..Decision::untouched(reason)
    }
}
