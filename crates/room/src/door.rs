//! What stands in front of the routes. By far the most requests are polls of visitors who are in line and have to wait
//! on, and their answer needs no more than the ticket and a snapshot (I7). They are answered here, at once; every other
//! request goes on to the routes. Nothing is decided here: the routes would give the same answer, at three times the
//! processor time (docs/performance.md).

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use anteroom_protocol::place::PlaceNumber;
use anteroom_queue::snapshot::Standing;
use axum::body::Body;
use axum::routing::future::RouteFuture;
use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, Uri};
use http_body_util::{Either, Full};
use tower_service::Service;

use crate::answer::Answer;
use crate::visitor::entrance::Entrance;
use crate::visitor::stand::Stand;
use crate::{RoomService, Shared, reply};

impl<B> Service<Request<B>> for RoomService
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<axum::BoxError>,
{
    type Response = Response<Either<Full<Bytes>, Body>>;
    type Error = Infallible;
    type Future = Answering;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // So is a router.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Answering {
        match wait_on(&self.shared, request.method(), request.uri(), request.headers()) {
            Some(answer) => Answering(State::AtOnce(Some(answer))),
            None => Answering(State::ByRoute(self.router.call(request))),
        }
    }
}

/// An answer that is there, or on its way.
pub struct Answering(State);

enum State {
    AtOnce(Option<Response<Full<Bytes>>>),
    ByRoute(RouteFuture<Infallible>),
}

impl Future for Answering {
    type Output = Result<Response<Either<Full<Bytes>, Body>>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.get_mut().0 {
            State::AtOnce(answer) => match answer.take() {
                Some(answer) => Poll::Ready(Ok(answer.map(Either::Left))),
                // Asked again after its end, which nobody may do.
                None => Poll::Pending,
            },
            State::ByRoute(route) => Pin::new(route).poll(cx).map_ok(|response| response.map(Either::Right)),
        }
    }
}

/// The answer to a poll whose visitor waits on; nothing when it is another request, or when anything is not as usual.
fn wait_on(
    shared: &Shared,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
) -> Option<Response<Full<Bytes>>> {
    if method != Method::GET {
        return None;
    }
    let room = uri.path().strip_prefix("/api/v1/rooms/")?.strip_suffix("/ticket")?;
    let customer = uri.query()?.strip_prefix("c=")?;
    // Ids are written without escapes, so a name that has any is none.
    let entrance = Entrance::find(shared, customer, room)?;
    let (account, record) = (&entrance.account, &entrance.record);
    let ticket = entrance.ticket_in(headers)?;
    // An entry of a draw gets a new ticket the first time that its holder is told a place.
    let gets_new_ticket = matches!(ticket.place.number, PlaceNumber::Entry(_)) && ticket.ahead_at_issue == 0;
    if gets_new_ticket || !account.leads_somewhere(&record.room) {
        return None;
    }
    let room = shared.rooms.get(&account.customer, &record.room)?;
    let (snapshot, now) = (room.snapshot(), room.now());
    let Standing::Waiting { ahead, expected_wait: Some(wait), ask_again_after } =
        snapshot.standing(ticket.place, ticket.epoch, now)
    else {
        return None;
    };
    let stand = Stand::Waiting { ahead: Some(ahead), expected_wait: Some(wait), ask_again_after };
    // Who waits is not admitted, so no address is asked for.
    let answer = Answer::new(&ticket, stand, snapshot.phase(now), now, |_| String::new());
    Some(reply::json_at_once(&answer))
}
