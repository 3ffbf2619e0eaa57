//! The enqueue address: a visitor joins the line, sees the waiting page, and is let in, all by the same address.
//!
//! Whoever brings a ticket keeps its place, however often they come and from wherever. A place is given only to a
//! visitor without one; the page then loads itself from a marked address, so that a browser that refuses cookies is
//! told so instead of being given place after place. A spent ticket is replaced only when its holder asks for it.
//!
//! While nobody can join (not open yet, closed, over), a visitor without a good ticket gets a page that counts down and
//! comes back by itself. Where the room asks for an enqueue token, it is looked at when a place is to be given, and
//! never again: the ticket is worth as much.

use std::sync::Arc;

use anteroom_protocol::redirect::{RoomRequest, Target, read_room_url};
use anteroom_protocol::ticket::Ticket;
use anteroom_queue::settings::EnqueueTokenUse;
use anteroom_queue::{Command, Outcome};
use axum::body::Body;
use axum::extract::State;
use http::{Response, StatusCode};

use super::address::{EnqueueAddress, Mark};
use super::entrance::Entrance;
use super::invitation::{self, Invitation, Uninvited};
use super::outside::Outside;
use super::trouble::Trouble;
use super::visit::Visit;
use super::{answer, new_queue_id, notices, receipt};
use crate::answer::{Answer, State as Standing};
use crate::pages::{DrawShown, WaitingPage};
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
    let enqueue_token = request.enqueue_token.as_deref();
    let door = Door { shared: &shared, visit: &visit, entrance: &entrance, address: &address, enqueue_token };

    let mark = Mark::find(visit.query());
    let wanted = entrance.allow(request.target.as_deref());
    match entrance.ticket(&visit) {
        None => door.newcomer(mark, wanted).await,
        Some(held) => door.holder(mark, held, wanted).await,
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
    enqueue_token: Option<&'a str>,
}

/// What became of a visitor who wants a place.
enum Joined {
    /// They have one. It may be the one that somebody with the same key was given before.
    Placed {
        ticket: Ticket,
        is_shared: bool,
    },
    /// Nobody can have one now.
    Outside(Outside),
    Uninvited(Uninvited),
    /// The page came back without the ticket that it was given.
    WithoutCookies,
}

impl Door<'_> {
    /// Somebody without a ticket.
    async fn newcomer(&self, mark: Option<Mark>, wanted: Option<Target>) -> Response<Body> {
        let ticket = match self.join(mark, wanted.as_ref()).await {
            Ok(Joined::Placed { ticket, is_shared: false }) => ticket,
            Ok(Joined::Placed { ticket, is_shared: true }) => return self.show_shared(ticket).await,
            other => return self.turn_away(other, wanted.as_ref()).await,
        };
        match self.answer(&ticket).await {
            Ok((answer, new_ticket)) => {
                let ticket = new_ticket.unwrap_or(ticket);
                self.with_ticket(self.respond(&ticket, Ok(answer)).await, &ticket)
            }
            Err(trouble) => self.with_ticket(self.respond(&ticket, Err(trouble)).await, &ticket),
        }
    }

    /// Somebody who brought a ticket.
    async fn holder(&self, mark: Option<Mark>, held: Ticket, wanted: Option<Target>) -> Response<Body> {
        let (ticket, is_changed) = heading_for(held, wanted);
        match self.answer(&ticket).await {
            // Only now: a ticket that still holds a place is never given up for another one.
            Ok((answer, _)) if answer.state == Standing::Spent && mark == Some(Mark::Again) => {
                self.join_again(&ticket).await
            }
            Ok((answer, new_ticket)) => {
                let is_changed = is_changed || new_ticket.is_some();
                let ticket = new_ticket.unwrap_or(ticket);
                let response = self.respond(&ticket, Ok(answer)).await;
                if is_changed { self.with_ticket(response, &ticket) } else { response }
            }
            Err(trouble) => {
                let response = self.respond(&ticket, Err(trouble)).await;
                if is_changed { self.with_ticket(response, &ticket) } else { response }
            }
        }
    }

    /// Gives the holder of a spent ticket a new place, and leads to the address without the mark: a page that is
    /// loaded again must not join again.
    async fn join_again(&self, spent: &Ticket) -> Response<Body> {
        let wanted = self.entrance.allow(spent.target.as_deref());
        match self.join(Some(Mark::Again), wanted.as_ref()).await {
            Ok(Joined::Placed { ticket, .. }) if ticket.queue_id == spent.queue_id => {
                notices::invitation_used(self.shared, &self.entrance.record)
            }
            Ok(Joined::Placed { ticket, .. }) => {
                self.with_ticket(reply::redirect(&self.address.plain()), &ticket)
            }
            other => self.turn_away(other, wanted.as_ref()).await,
        }
    }

    /// Gives the visitor a place, if there is one to be had.
    async fn join(&self, mark: Option<Mark>, wanted: Option<&Target>) -> Result<Joined, Trouble> {
        // Nobody should wait for a room that leads nowhere.
        self.entrance.target(wanted.map(Target::as_str))?;
        let room = self.entrance.open(&self.shared.rooms).await?;
        let (snapshot, now) = (room.snapshot(), room.now());
        if let Some(outside) = Outside::of(&snapshot, now) {
            return Ok(Joined::Outside(outside));
        }
        if mark == Some(Mark::Waiting) {
            return Ok(Joined::WithoutCookies);
        }
        let Invitation { lane, key } =
            match invitation::read(self.entrance, snapshot.settings(), self.enqueue_token, now) {
                Ok(invitation) => invitation,
                Err(uninvited) => return Ok(Joined::Uninvited(uninvited)),
            };
        let queue_id = new_queue_id()?;
        match room.submit(Command::Arrive { queue_id, lane, key }).await? {
            Outcome::Placed { queue_id: placed, place, epoch, ahead } => Ok(Joined::Placed {
                ticket: Ticket {
                    customer: self.entrance.account.customer.clone(),
                    room: self.entrance.record.room.clone(),
                    queue_id: placed,
                    epoch,
                    place,
                    ahead_at_issue: ahead,
                    issued_at: room.now(),
                    target: wanted.map(|wanted| wanted.as_str().to_owned()),
                },
                is_shared: placed != queue_id,
            }),
            Outcome::Refused(refusal) => match Outside::of_refusal(&refusal, &room.snapshot(), room.now()) {
                Some(outside) => Ok(Joined::Outside(outside)),
                None => Err(Trouble::Refused(refusal)),
            },
            _ => Err(Trouble::Unexpected),
        }
    }

    /// A place that somebody with the same key holds already: this visitor on another device, or somebody who was
    /// handed the invitation.
    async fn show_shared(&self, ticket: Ticket) -> Response<Body> {
        match self.answer(&ticket).await {
            Ok((Answer { state: Standing::Spent, .. }, _)) => {
                notices::invitation_used(self.shared, &self.entrance.record)
            }
            Ok((answer, new_ticket)) => {
                let ticket = new_ticket.unwrap_or(ticket);
                self.with_ticket(self.respond(&ticket, Ok(answer)).await, &ticket)
            }
            Err(trouble) => self.with_ticket(self.respond(&ticket, Err(trouble)).await, &ticket),
        }
    }

    /// Says why there is no place.
    async fn turn_away(&self, joined: Result<Joined, Trouble>, wanted: Option<&Target>) -> Response<Body> {
        let record = &self.entrance.record;
        match joined {
            Ok(Joined::Outside(outside)) => self.show_outside(outside, wanted).await,
            Ok(Joined::Uninvited(uninvited)) => match self.entrance.target(wanted.map(Target::as_str)) {
                Ok(target) => notices::uninvited(self.shared, record, uninvited, target.as_str()),
                Err(trouble) => notices::trouble(self.shared, self.entrance, &trouble),
            },
            Ok(Joined::WithoutCookies | Joined::Placed { .. }) => {
                notices::cookies_needed(self.shared, record, &self.address.plain())
            }
            Err(trouble) => notices::trouble(self.shared, self.entrance, &trouble),
        }
    }

    /// The page of somebody who cannot join now. It comes back by way of the site where the room wants an enqueue token:
    /// the one in this address will be out of date by then, and the site gives a new one.
    async fn show_outside(&self, outside: Outside, wanted: Option<&Target>) -> Response<Body> {
        let opened = match self.entrance.open(&self.shared.rooms).await {
            Ok(room) => self.entrance.target(wanted.map(Target::as_str)).map(|target| (room, target)),
            Err(trouble) => Err(trouble),
        };
        let (room, target) = match opened {
            Ok(opened) => opened,
            Err(trouble) => return notices::trouble(self.shared, self.entrance, &trouble),
        };
        let (snapshot, now) = (room.snapshot(), room.now());
        let opens_at = if let Outside::NotOpen { opens_at, .. } = outside { opens_at } else { now };
        let is_token_used = snapshot.settings().enqueue_token != EnqueueTokenUse::NotUsed;
        let again = if is_token_used && !invitation::is_good_at(self.entrance, self.enqueue_token, opens_at) {
            target.as_str().to_owned()
        } else {
            self.address.plain()
        };
        let has_pre_queue =
            matches!(outside, Outside::NotOpen { opens_at, starts_at } if opens_at < starts_at);
        let draw = has_pre_queue
            .then(|| receipt::document(self.entrance, &snapshot))
            .flatten()
            .map(|document| receipt::shown(&document, None));
        let page = Page {
            answer: &Answer::outside(outside, now),
            site: words::host(target.as_str()),
            refresh_url: &again,
            join_url: &again,
            draw,
        };
        self.page(StatusCode::OK, page)
    }

    async fn answer(&self, ticket: &Ticket) -> Result<(Answer, Option<Ticket>), Trouble> {
        let target = self.entrance.target(ticket.target.as_deref())?;
        answer(self.shared, self.entrance, ticket, &target).await
    }

    /// The redirect to the site, or the waiting page: also in trouble, because it goes on asking by itself.
    async fn respond(&self, ticket: &Ticket, answer: Result<Answer, Trouble>) -> Response<Body> {
        match answer {
            Ok(Answer { redirect_url: Some(url), .. }) => reply::redirect(&url),
            Ok(answer) => {
                let draw = self.draw_of(ticket, &answer).await;
                self.page_of(StatusCode::OK, ticket, &answer, draw)
            }
            Err(trouble) => {
                trouble.log(self.entrance);
                let response = self.page_of(trouble.status(), ticket, &Answer::in_trouble(ticket), None);
                reply::with_retry_after(response, trouble.retry_after_seconds())
            }
        }
    }

    /// The draw, for who takes part in it or is about to.
    async fn draw_of(&self, ticket: &Ticket, answer: &Answer) -> Option<DrawShown> {
        if answer.entry.is_none() && answer.state != Standing::Before {
            return None;
        }
        let room = self.entrance.open(&self.shared.rooms).await.ok()?;
        let document = receipt::document(self.entrance, &room.snapshot())?;
        // A ticket of another epoch has no part in this one's draw.
        let place = (document.epoch == ticket.epoch).then_some(ticket.place);
        Some(receipt::shown(&document, place))
    }

    fn page_of(
        &self,
        status: StatusCode,
        ticket: &Ticket,
        answer: &Answer,
        draw: Option<DrawShown>,
    ) -> Response<Body> {
        let target = self.entrance.target(ticket.target.as_deref());
        let page = Page {
            answer,
            site: target.as_ref().map_or("the site", |target| words::host(target.as_str())),
            refresh_url: &self.address.marked(Mark::Waiting),
            join_url: &self.address.marked(Mark::Again),
            draw,
        };
        self.page(status, page)
    }

    fn page(&self, status: StatusCode, page: Page<'_>) -> Response<Body> {
        let (account, record) = (&self.entrance.account, &self.entrance.record);
        let Page { answer, site, refresh_url, join_url, draw } = page;
        let html = self.shared.pages.waiting(&WaitingPage {
            answer,
            room_name: &record.display_name,
            site,
            poll_url: &format!("/api/v1/rooms/{}/ticket?c={}", record.room, account.customer),
            refresh_url,
            join_url,
            now_seconds: words::now_seconds(),
            draw: draw.as_ref(),
        });
        reply::page(status, html)
    }

    fn with_ticket(&self, response: Response<Body>, ticket: &Ticket) -> Response<Body> {
        let cookie = cookies::set_ticket(ticket, &self.entrance.account.key, self.visit.is_secure);
        reply::with_cookie(response, &cookie)
    }
}

/// What differs from one waiting page to the other.
struct Page<'a> {
    answer: &'a Answer,
    site: &'a str,
    /// Where the page goes to be drawn again.
    refresh_url: &'a str,
    join_url: &'a str,
    draw: Option<DrawShown>,
}
