//! The ticket as JSON: what the waiting page's script asks, and pages of others may ask.

use std::sync::Arc;

use anteroom_protocol::encode::percent_decode;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use http::{Response, StatusCode};

use super::answer;
use super::entrance::Entrance;
use super::outside::Outside;
use super::visit::Visit;
use crate::answer::Answer;
use crate::{Shared, cookies, reply};

const NO_TICKET: &str =
    "Your browser sent no ticket for this room. Please allow cookies for this site, then join the line.";

/// GET: where the holder of the ticket in the cookie stands, and the way in when it is their turn.
pub(crate) async fn ticket(
    State(shared): State<Arc<Shared>>,
    room: Result<Path<String>, PathRejection>,
    visit: Visit,
) -> Response<Body> {
    let Some(entrance) = find(&shared, room, &visit) else { return unknown_room() };
    let Some(ticket) = entrance.ticket(&visit) else {
        return reply::json(StatusCode::OK, &without_ticket(&shared, &entrance).await);
    };
    let answer = match entrance.target(ticket.target.as_deref()) {
        Ok(target) => answer(&shared, &entrance, &ticket, &target).await,
        Err(trouble) => Err(trouble),
    };
    match answer {
        Ok((answer, new_ticket)) => {
            let response = reply::json(StatusCode::OK, &answer);
            new_ticket.iter().fold(response, |response, ticket| {
                let cookie = cookies::set_ticket(ticket, &entrance.account.key, visit.is_secure);
                reply::with_cookie(response, &cookie)
            })
        }
        Err(trouble) => {
            trouble.log(&entrance);
            let response = reply::json(trouble.status(), &Answer::in_trouble(&ticket));
            reply::with_retry_after(response, trouble.retry_after_seconds())
        }
    }
}

/// What the page of somebody is told who waits for the room to open, or whose browser lost the ticket.
async fn without_ticket(shared: &Shared, entrance: &Entrance) -> Answer {
    // Whatever is wrong with the room, they have no place in it.
    let Ok(room) = entrance.open(&shared.rooms).await else { return Answer::unknown(NO_TICKET) };
    let (snapshot, now) = (room.snapshot(), room.now());
    match Outside::of(&snapshot, now) {
        Some(outside) => Answer::outside(outside, now),
        None => Answer::without_ticket(NO_TICKET, snapshot.phase(now)),
    }
}

/// HEAD: whether there is such a room. Lets nobody in.
pub(crate) async fn look(
    State(shared): State<Arc<Shared>>,
    room: Result<Path<String>, PathRejection>,
    visit: Visit,
) -> Response<Body> {
    match find(&shared, room, &visit) {
        Some(_) => reply::json(StatusCode::OK, &()),
        None => unknown_room(),
    }
}

fn find(shared: &Shared, room: Result<Path<String>, PathRejection>, visit: &Visit) -> Option<Entrance> {
    let Path(room) = room.ok()?;
    let customer = visit.query().split('&').find_map(|parameter| parameter.strip_prefix("c="))?;
    Entrance::find(shared, &percent_decode(customer), &room)
}

fn unknown_room() -> Response<Body> {
    reply::problem(
        StatusCode::NOT_FOUND,
        "no such waiting room",
        "The path names the waiting room and `c` the account, as in /api/v1/rooms/spring/ticket?c=acme; there \
         is none of these names.",
    )
}
