//! The enqueue address: a visitor joins the line, sees the waiting page, and is let in, all by the same address.
//!
//! Whoever brings a ticket keeps its place, however often they come and from wherever. A place is given only to a
//! visitor without one; the page then loads itself from a marked address, so that a browser that refuses cookies is
//! told so instead of being given place after place. A spent ticket is replaced only when its holder asks for it.

use std::sync::Arc;

use anteroom_protocol::redirect::{RoomRequest, Target, read_room_url};
use anteroom_protocol::ticket::Ticket;
use anteroom_queue::{Command, Lane, Outcome};
use axum::body::Body;
use axum::extract::State;
use http::{Response, StatusCode};

use super::address::{EnqueueAddress, Mark};
use super::entrance::Entrance;
use super::trouble::Trouble;
use super::visit::Visit;
use super::{answer, new_queue_id, notices};
use crate::answer::{Answer, State as Standing};
use crate::pages::WaitingPage;
use crate::{Shared, cookies, reply, words};

/// GET of the enqueue address.
pub(crate) async fn enter(State(shared): State<Arc<Shared>>, visit: Visit) -> Response<Body> {
    let Some(RoomRequest::Enqueue(request)) = read_room_url(visit.path_and_query()) else {
        return notices::not_found(&shared);
    };
    let address = EnqueueAddress::of_enqueue(&request);
    let names = request.customer.as_deref().zip(request.event.as_deref());
    let Some(entrance) = names.and_then(|(customer, room)| Entrance::find(&shared, customer, room)) else {
        return notices::unknown_room(&shared);
    };
    let door = Door { shared: &shared, visit: &visit, entrance: &entrance, address: &address };

    let mark = Mark::find(visit.query());
    let wanted = entrance.allow(request.target.as_deref());
    let Some(held) = entrance.ticket(&visit) else {
        if mark == Some(Mark::Waiting) {
            return notices::cookies_needed(&shared, &entrance.record, &address.plain());
        }
        return match door.arrive(wanted).await {
            Ok(ticket) => door.with_ticket(door.show(&ticket).await, &ticket),
            Err(trouble) => notices::trouble(&shared, &entrance, &trouble),
        };
    };

    let (ticket, is_changed) = heading_for(held, wanted);
    match door.answer(&ticket).await {
        // Only now: a ticket that still holds a place is never given up for another one.
        Ok(answer) if answer.state == Standing::Spent && mark == Some(Mark::Again) => {
            door.join_again(ticket.target).await
        }
        answer => {
            let response = door.respond(&ticket, answer);
            if is_changed { door.with_ticket(response, &ticket) } else { response }
        }
    }
}

/// The ticket with the target that the visitor wants now, and whether that changed it.
fn heading_for(mut ticket: Ticket, wanted: Option<Target>) -> (Ticket, bool) {
    match wanted {
        Some(wanted) if ticket.target.as_deref() != Some(wanted.as_str()) => {
            ticket.target = Some(wanted.into_string());
            (ticket, true)
        }
        _ => (ticket, false),
    }
}

/// One request at the enqueue address of a room there is.
struct Door<'a> {
    shared: &'a Shared,
    visit: &'a Visit,
    entrance: &'a Entrance,
    address: &'a EnqueueAddress<'a>,
}

impl Door<'_> {
    /// Gives the visitor a place, and the ticket that proves it.
    async fn arrive(&self, wanted: Option<Target>) -> Result<Ticket, Trouble> {
        // Nobody should wait for a room that leads nowhere.
        self.entrance.target(wanted.as_ref().map(Target::as_str))?;
        let room = self.entrance.open(&self.shared.rooms).await?;
        let queue_id = new_queue_id()?;
        let arrive = Command::Arrive { queue_id, lane: Lane::ORDINARY, key: None };
        match room.submit(arrive).await? {
            Outcome::Placed { queue_id, place, epoch, ahead } => Ok(Ticket {
                customer: self.entrance.account.customer.clone(),
                room: self.entrance.record.room.clone(),
                queue_id,
                epoch,
                place,
                ahead_at_issue: ahead,
                issued_at: room.now(),
                target: wanted.map(Target::into_string),
            }),
            Outcome::Refused(refusal) => Err(Trouble::Refused(refusal)),
            _ => Err(Trouble::Unexpected),
        }
    }

    /// Gives the holder of a spent ticket a new place, and leads to the address without the mark: a page that is
    /// loaded again must not join again.
    async fn join_again(&self, target: Option<String>) -> Response<Body> {
        match self.arrive(self.entrance.allow(target.as_deref())).await {
            Ok(ticket) => self.with_ticket(reply::redirect(&self.address.plain()), &ticket),
            Err(trouble) => notices::trouble(self.shared, self.entrance, &trouble),
        }
    }

    async fn show(&self, ticket: &Ticket) -> Response<Body> {
        self.respond(ticket, self.answer(ticket).await)
    }

    async fn answer(&self, ticket: &Ticket) -> Result<Answer, Trouble> {
        let target = self.entrance.target(ticket.target.as_deref())?;
        answer(self.shared, self.entrance, ticket, &target).await
    }

    /// The redirect to the site, or the waiting page: also in trouble, because it goes on asking by itself.
    fn respond(&self, ticket: &Ticket, answer: Result<Answer, Trouble>) -> Response<Body> {
        match answer {
            Ok(Answer { redirect_url: Some(url), .. }) => reply::redirect(&url),
            Ok(answer) => self.page(StatusCode::OK, ticket, &answer),
            Err(trouble) => {
                trouble.log(self.entrance);
                let response = self.page(trouble.status(), ticket, &Answer::in_trouble(ticket));
                reply::with_retry_after(response, trouble.retry_after_seconds())
            }
        }
    }

    fn page(&self, status: StatusCode, ticket: &Ticket, answer: &Answer) -> Response<Body> {
        let (account, record) = (&self.entrance.account, &self.entrance.record);
        let target = self.entrance.target(ticket.target.as_deref());
        let html = self.shared.pages.waiting(&WaitingPage {
            answer,
            room_name: &record.display_name,
            site: target.as_ref().map_or("the site", |target| words::host(target.as_str())),
            poll_url: &format!("/api/v1/rooms/{}/ticket?c={}", record.room, account.customer),
            refresh_url: &self.address.marked(Mark::Waiting),
            join_url: &self.address.marked(Mark::Again),
            now_seconds: words::now_seconds(),
        });
        reply::page(status, html)
    }

    fn with_ticket(&self, response: Response<Body>, ticket: &Ticket) -> Response<Body> {
        let cookie = cookies::set_ticket(ticket, &self.entrance.account.key, self.visit.is_secure);
        reply::with_cookie(response, &cookie)
    }
}
