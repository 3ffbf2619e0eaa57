//! A visitor is done at the site and gives the place inside back (protocol 6.5).
//!
//! Queue ids come from the browser unsigned, so whoever knows one may cancel it, an unknown one is cancelled as well
//! (the answer tells nobody which exist), and doing it twice is doing it once. What must not happen is that a link on
//! somebody's page costs a visitor the place they wait at (I3): a ticket is dropped only when its own queue id is
//! named, or when none is named and the ticket does not wait any more.

use std::sync::Arc;

use anteroom_protocol::id::QueueId;
use anteroom_protocol::redirect::{RoomRequest, read_room_url};
use anteroom_queue::snapshot::Standing;
use anteroom_queue::{Command, Outcome};
use anteroom_store::rooms::RoomHandle;
use axum::body::Body;
use axum::extract::State;
use http::Response;

use super::entrance::Entrance;
use super::notices;
use super::trouble::Trouble;
use super::visit::Visit;
use crate::{Shared, cookies, reply};

/// GET of a cancel address.
pub(crate) async fn cancel(State(shared): State<Arc<Shared>>, visit: Visit) -> Response<Body> {
    let Some(RoomRequest::Cancel(request)) = read_room_url(visit.path_and_query()) else {
        return notices::not_found(&shared);
    };
    // How many there can be is bounded where they are read.
    let places: Vec<(Entrance, Option<&str>)> = request
        .rooms
        .iter()
        .filter_map(|(room, queue_id)| {
            Some((Entrance::find(&shared, &request.customer, room)?, queue_id.as_deref()))
        })
        .collect();
    let Some((first, _)) = places.first() else { return notices::unknown_room(&shared) };

    let mut dropped = Vec::new();
    for (entrance, queue_id) in &places {
        match give_up(&shared, &visit, entrance, *queue_id).await {
            Ok(true) => dropped.extend(cookies::drop_ticket(
                &entrance.account.customer,
                &entrance.record.room,
                visit.is_secure,
            )),
            Ok(false) => {}
            // The page tries again by itself, all of it: what is done already is done once.
            Err(trouble) => return notices::trouble(&shared, entrance, &trouble),
        }
    }

    let target = first.allow(request.return_url.as_deref()).or_else(|| first.target(None).ok());
    let response = match target {
        Some(target) => reply::redirect(target.as_str()),
        None => notices::place_given_up(&shared, &first.record),
    };
    dropped.iter().fold(response, |response, cookie| reply::with_cookie(response, cookie))
}

/// Cancels one place. Says whether the visitor's ticket goes with it.
async fn give_up(
    shared: &Shared,
    visit: &Visit,
    entrance: &Entrance,
    queue_id: Option<&str>,
) -> Result<bool, Trouble> {
    let ticket = entrance.ticket(visit);
    match (queue_id.map(str::parse::<QueueId>), ticket) {
        (Some(Ok(queue_id)), ticket) => {
            let room = entrance.open(&shared.rooms).await?;
            submit(&room, queue_id).await?;
            Ok(ticket.is_some_and(|ticket| ticket.queue_id == queue_id))
        }
        // Older connectors name no queue id. Then it is the one of the visitor's own ticket.
        (None, Some(ticket)) => {
            let room = entrance.open(&shared.rooms).await?;
            match room.snapshot().standing(ticket.place, ticket.epoch, room.now()) {
                Standing::Admissible => submit(&room, ticket.queue_id).await.map(|()| true),
                Standing::Spent(_) => Ok(true),
                Standing::Waiting { .. }
                | Standing::Paused { .. }
                | Standing::NotStarted { .. }
                | Standing::Closed { .. }
                | Standing::Ended
                | Standing::Ahead => Ok(false),
            }
        }
        // What is no queue id cannot be anybody's.
        (Some(Err(_)), _) | (None, None) => Ok(false),
    }
}

async fn submit(room: &RoomHandle, queue_id: QueueId) -> Result<(), Trouble> {
    match room.submit(Command::Cancel { queue_id }).await? {
        Outcome::Done => Ok(()),
        Outcome::Refused(refusal) => Err(Trouble::Refused(refusal)),
        _ => Err(Trouble::Unexpected),
    }
}
