//! A visitor's way, from the first request to the last. A request is read top to bottom, and nothing calls back up:
//!
//! 1. [`visit`]: what arrived. [`entrance`]: the room it names, as the directory knows it.
//! 2. [`enter`]: the enqueue address. Without a ticket the visitor gets a place and a ticket; with one they keep it.
//! 3. [`mod@stand`]: where the ticket's holder stands; lets them in when it is their turn.
//! 4. The [`Answer`] to that is shown as the waiting page (`enter`) or told as JSON ([`status`]), or it is a redirect.
//! 5. [`error`]: the site sent the visitor back. [`cancel`]: the visitor is done, and gives the place inside back.
//!
//! What goes wrong on the way is a [`trouble`]; pages that say one thing are [`notices`].

pub(crate) mod address;
pub(crate) mod cancel;
pub(crate) mod enter;
pub(crate) mod entrance;
pub(crate) mod error;
pub(crate) mod invitation;
pub(crate) mod notices;
pub(crate) mod outside;
pub(crate) mod receipt;
pub(crate) mod stand;
pub(crate) mod status;
pub(crate) mod trouble;
pub(crate) mod visit;

use std::sync::Arc;

use anteroom_protocol::id::QueueId;
use anteroom_protocol::redirect::{RoomRequest, Target, read_room_url};
use anteroom_protocol::ticket::Ticket;
use axum::body::Body;
use axum::extract::State;
use http::{Response, StatusCode};

use crate::answer::Answer;
use crate::{Shared, reply};

use self::entrance::Entrance;
use self::stand::{Stood, stand};
use self::trouble::Trouble;
use self::visit::Visit;

/// What the holder of a ticket is told, on the page and as JSON alike, and the ticket that they hold from now on, if it
/// is another one. Lets them in when it is their turn.
pub(crate) async fn answer(
    shared: &Shared,
    entrance: &Entrance,
    ticket: &Ticket,
    target: &Target,
) -> Result<(Answer, Option<Ticket>), Trouble> {
    let room = entrance.open(&shared.rooms).await?;
    let Stood { stand, phase, new_ticket } = stand(&room, ticket).await?;
    let held = new_ticket.as_ref().unwrap_or(ticket);
    let way_in = |admission| entrance.admission_url(held, target, admission);
    Ok((Answer::new(held, stand, phase, room.now(), way_in), new_ticket))
}

/// HEAD of an address where GET would take a place, let somebody in or give up a place: whether it leads anywhere.
/// Link checkers and previews ask like this, and must not change anything.
pub(crate) async fn look(State(shared): State<Arc<Shared>>, visit: Visit) -> Response<Body> {
    let names = match read_room_url(visit.path_and_query()) {
        Some(RoomRequest::Enqueue(request)) => request.customer.zip(request.event),
        Some(RoomRequest::Error(request)) => request.customer.zip(request.event),
        Some(RoomRequest::Cancel(request)) => {
            Some(request.customer).zip(request.rooms.into_iter().next().map(|(room, _)| room))
        }
        None => None,
    };
    let is_known = names.is_some_and(|(customer, room)| Entrance::find(&shared, &customer, &room).is_some());
    reply::page(if is_known { StatusCode::OK } else { StatusCode::NOT_FOUND }, String::new())
}

/// An id for a visitor who has none.
pub(crate) fn new_queue_id() -> Result<QueueId, Trouble> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(Trouble::Random)?;
    Ok(QueueId::from_random(bytes))
}
