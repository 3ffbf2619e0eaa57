//! Pages that say one thing: what is wrong, and what a visitor can do about it.

use anteroom_protocol::enqueue_token::EnqueueTokenError;
use anteroom_store::records::RoomRecord;
use axum::body::Body;
use http::{Response, StatusCode};

use super::entrance::Entrance;
use super::invitation::Uninvited;
use super::trouble::Trouble;
use crate::pages::{Link, MessagePage};
use crate::{Shared, reply, words};

/// There is nothing at this address.
pub(crate) fn not_found(shared: &Shared) -> Response<Body> {
    let page = MessagePage {
        title: "There is nothing here",
        texts: vec![
            "The address may be incomplete. Please start from the site that you want to visit.".to_owned(),
        ],
        ..MessagePage::default()
    };
    reply::page_of(shared, StatusCode::NOT_FOUND, &page)
}

/// The address names an account or a room that does not exist, or no more.
pub(crate) fn unknown_room(shared: &Shared) -> Response<Body> {
    let page = MessagePage {
        title: "There is no such waiting room",
        texts: vec![
            "The address does not lead to a waiting room, or the room has been closed for good.".to_owned(),
            "Please go back to the site that you want to visit and start from there: if it has a line, it \
             leads you to it."
                .to_owned(),
        ],
        code: Some("unknown-room"),
        ..MessagePage::default()
    };
    reply::page_of(shared, StatusCode::NOT_FOUND, &page)
}

/// The request is neither GET nor HEAD.
pub(crate) fn method_not_allowed(shared: &Shared) -> Response<Body> {
    let page = MessagePage {
        title: "Nothing can be sent here",
        texts: vec![
            "This address can be opened, but takes no data. Please start from the site that you want to \
             visit."
                .to_owned(),
        ],
        ..MessagePage::default()
    };
    reply::page_of(shared, StatusCode::METHOD_NOT_ALLOWED, &page)
}

/// The address is longer than we read.
pub(crate) fn address_too_long() -> MessagePage<'static> {
    MessagePage {
        title: "This address is too long",
        texts: vec![
            "The page that you want to visit has a longer address than the waiting room takes. Please open the \
             site's start page and go on from there.".to_owned(),
        ],
        code: Some("address-too-long"),
        ..MessagePage::default()
    }
}

/// A waiting page came back without its ticket.
pub(crate) fn cookies_needed(shared: &Shared, record: &RoomRecord, enqueue_url: &str) -> Response<Body> {
    let page = MessagePage {
        room_name: Some(&record.display_name),
        title: "Your browser did not keep your ticket",
        texts: vec![
            "Your place in line is kept in a cookie, which your browser refused or deleted.".to_owned(),
            "Please allow cookies for this site, or use another browser or a window that is not private, and \
             join the line.".to_owned(),
        ],
        link: Some(Link { url: enqueue_url, label: "Join the line" }),
        code: Some("no-cookie"),
        refresh_seconds: None,
    };
    reply::page_of(shared, StatusCode::FORBIDDEN, &page)
}

/// The room takes invited visitors only, and this one's invitation is none, or not good. The site, to which the link leads,
/// gives a new one to whom it wants.
pub(crate) fn uninvited(
    shared: &Shared,
    record: &RoomRecord,
    uninvited: Uninvited,
    site_url: &str,
) -> Response<Body> {
    use EnqueueTokenError::{Address, Customer, Event, Expired, NotYetIssued};
    let (status, title, text, code) = match uninvited {
        Uninvited::Missing => (
            StatusCode::FORBIDDEN,
            "You need an invitation",
            "This line cannot be joined from here alone. Please open the link in your invitation, or start from the \
             site.",
            "invitation-missing",
        ),
        Uninvited::Nameless => (
            StatusCode::FORBIDDEN,
            "You need an invitation of your own",
            "This line is for people who were invited by name. Please open the link in your own invitation.",
            "invitation-nameless",
        ),
        Uninvited::Refused(Expired) => (
            StatusCode::GONE,
            "Your invitation has run out",
            "An invitation is good for a certain time only. The site can give you a new one: please start from there.",
            "invitation-expired",
        ),
        Uninvited::Refused(Event | Customer) => (
            StatusCode::FORBIDDEN,
            "Your invitation is for another line",
            "It does not lead to this waiting room. Please start from the site that you want to visit.",
            "invitation-other-line",
        ),
        Uninvited::Refused(Address) => (
            StatusCode::FORBIDDEN,
            "Your invitation is for somebody else",
            "It was given to a visitor on another network. Please start from the site to get one of your own.",
            "invitation-other-visitor",
        ),
        Uninvited::Refused(NotYetIssued) => (
            StatusCode::FORBIDDEN,
            "Your invitation is not good yet",
            "It was made with a clock that is ahead of ours. Please try again in a few minutes.",
            "invitation-early",
        ),
        Uninvited::Refused(_) => (
            StatusCode::BAD_REQUEST,
            "Your invitation could not be checked",
            "A link that was copied in part or changed does this. Please open the link in your invitation once more, or \
             start from the site.",
            "invitation-unreadable",
        ),
    };
    let page = MessagePage {
        room_name: Some(&record.display_name),
        title,
        texts: vec![text.to_owned()],
        link: Some(Link { url: site_url, label: &format!("Go to {}", words::host(site_url)) }),
        code: Some(code),
        refresh_seconds: None,
    };
    reply::page_of(shared, status, &page)
}

/// The one place that an invitation is good for was used.
pub(crate) fn invitation_used(shared: &Shared, record: &RoomRecord) -> Response<Body> {
    let page = MessagePage {
        room_name: Some(&record.display_name),
        title: "This invitation has been used",
        texts: vec![
            "Each invitation is good for one place, and the place of this one was used or given up, perhaps on another \
             device of yours or by somebody you passed it on to.".to_owned(),
        ],
        code: Some("invitation-used"),
        ..MessagePage::default()
    };
    reply::page_of(shared, StatusCode::GONE, &page)
}

/// Places were given up, and there is nowhere to go from here.
pub(crate) fn place_given_up(shared: &Shared, record: &RoomRecord) -> Response<Body> {
    let page = MessagePage {
        room_name: Some(&record.display_name),
        title: "You are out",
        texts: vec![
            "Your place has been given to the next visitor. Thank you! You can close this page.".to_owned(),
        ],
        ..MessagePage::default()
    };
    reply::page_of(shared, StatusCode::OK, &page)
}

/// Something of ours failed before there was anything to show. The page loads itself again; a ticket is kept.
pub(crate) fn trouble(shared: &Shared, entrance: &Entrance, trouble: &Trouble) -> Response<Body> {
    trouble.log(entrance);
    let seconds = trouble.retry_after_seconds();
    let page = MessagePage {
        room_name: Some(&entrance.record.display_name),
        title: "One moment, please",
        texts: vec![
            "The waiting room cannot answer right now. If you have a place in line, it is safe.".to_owned(),
            "This page tries again by itself; you need not do anything.".to_owned(),
        ],
        refresh_seconds: Some(seconds),
        ..MessagePage::default()
    };
    reply::with_retry_after(reply::page_of(shared, trouble.status(), &page), seconds)
}
