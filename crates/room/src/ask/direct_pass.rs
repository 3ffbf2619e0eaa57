//! Whether a visitor may pass without queueing (protocol 9.2): while nobody waits, and no faster than the outflow. The
//! visitor never comes here, so the room takes a place for them and claims it at once; such an admission is counted at
//! the gate like any other (I1), and never passes anybody in the line (I2).
//!
//! A place that was taken and could not be claimed at once (somebody else came at the same moment) is kept for the next
//! who asks. So a site with many visitors does not fill the line with places of people who are somewhere else.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anteroom_protocol::id::{CustomerId, QueueId, RoomId};
use anteroom_protocol::queue_token::RedirectType;
use anteroom_protocol::room_call::PROXY_KEY_HEADER;
use anteroom_protocol::time::Timestamp;
use anteroom_queue::snapshot::{Phase, Snapshot, Standing};
use anteroom_queue::{AdmittedBy, Command, Lane, Outcome};
use anteroom_store::rooms::RoomHandle;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use http::{Response, StatusCode};
use serde::Serialize;

use super::{Question, bad_address};
use crate::visitor::entrance::Entrance;
use crate::visitor::new_queue_id;
use crate::visitor::stand::Admission;
use crate::visitor::trouble::Trouble;
use crate::{Shared, reply};

/// Visitors of one room whom this process tries to let pass at the same time, at the most; fewer where the room's burst
/// is smaller. So many places at the most can be left over.
const AT_ONCE_MAX: usize = 64;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    has_passed: bool,
    queue_it_token: Option<String>,
}

/// POST: lets one visitor pass, if the room in the address has nobody waiting.
pub(crate) async fn direct_pass(
    State(shared): State<Arc<Shared>>,
    path: Result<Path<(String, String)>, PathRejection>,
    request: Request,
) -> Response<Body> {
    let Ok(Path((customer, room))) = path else {
        return bad_address("The address is /api/directpass/{customer}/{room}.");
    };
    let question = match Question::read(&shared, &customer, &room, PROXY_KEY_HEADER, request).await {
        Ok(question) => question,
        Err(refusal) => return *refusal,
    };
    match pass(&shared, &question.entrance).await {
        Ok(queue_it_token) => {
            let has_passed = queue_it_token.is_some();
            reply::json(StatusCode::OK, &Answer { has_passed, queue_it_token })
        }
        Err(trouble) => {
            trouble.log(&question.entrance);
            trouble.as_problem()
        }
    }
}

/// The queue token of an admission, if there can be one now.
async fn pass(shared: &Shared, entrance: &Entrance) -> Result<Option<String>, Trouble> {
    let room = entrance.open(&shared.rooms).await?;
    let snapshot = room.snapshot();
    let passes = &shared.asks.passes;
    let at_once_max = usize::try_from(snapshot.settings().burst_places()).unwrap_or(AT_ONCE_MAX);
    let Some(mut attempt) = passes.begin(entrance, at_once_max.min(AT_ONCE_MAX)) else { return Ok(None) };
    let place = match attempt.left_over() {
        Some(place) => place,
        None if is_idle(&snapshot, room.now()) => match arrive(&room).await? {
            Some(place) => place,
            None => return Ok(None),
        },
        None => return Ok(None),
    };
    let admitted = claim(&room, place).await;
    if matches!(admitted, Ok(Claimed::NotNow) | Err(_)) {
        attempt.leave_over(place);
    }
    let Claimed::Admitted { at, why } = admitted? else { return Ok(None) };
    let redirect_type = match why {
        AdmittedBy::Turn => RedirectType::Idle,
        AdmittedBy::Passthrough => RedirectType::Disabled,
    };
    let token_expires_at = at.saturating_add(snapshot.settings().token_validity());
    let admission = Admission { token_expires_at, why };
    Ok(Some(entrance.queue_token(place.queue_id, admission, redirect_type)))
}

/// Whether a visitor who came now would go straight through. Nobody does where an enqueue token is asked for: the
/// connector sends none along, and passing without queueing must not be a way around it.
fn is_idle(snapshot: &Snapshot, now: Timestamp) -> bool {
    let figures = snapshot.figures(now);
    !snapshot.settings().enqueue_token.is_required()
        && figures.phase == Phase::Running
        && figures.expected_wait_of_new_visitor == Some(Duration::ZERO)
}

/// A place that the room holds for a visitor who is at the site.
#[derive(Clone, Copy)]
struct Place {
    queue_id: QueueId,
    place: anteroom_queue::Place,
    epoch: u64,
}

async fn arrive(room: &RoomHandle) -> Result<Option<Place>, Trouble> {
    let queue_id = new_queue_id()?;
    match room.submit(Command::Arrive { queue_id, lane: Lane::ORDINARY, key: None }).await? {
        Outcome::Placed { queue_id, place, epoch, .. } => Ok(Some(Place { queue_id, place, epoch })),
        // Not open yet, closed, ended: nobody passes.
        Outcome::Refused(refusal) if refusal.is_as_set() => Ok(None),
        Outcome::Refused(refusal) => Err(Trouble::Refused(refusal)),
        _ => Err(Trouble::Unexpected),
    }
}

enum Claimed {
    Admitted {
        at: Timestamp,
        why: AdmittedBy,
    },
    /// The place is good for later.
    NotNow,
    /// The place is good for nothing any more.
    Spent,
}

async fn claim(room: &RoomHandle, place: Place) -> Result<Claimed, Trouble> {
    let Place { queue_id, place, epoch } = place;
    match room.snapshot().standing(place, epoch, room.now()) {
        Standing::Admissible | Standing::Ahead => {}
        Standing::Waiting { .. }
        | Standing::Paused { .. }
        | Standing::NotStarted { .. }
        | Standing::Closed { .. }
        | Standing::Ended => return Ok(Claimed::NotNow),
        Standing::Spent(_) => return Ok(Claimed::Spent),
    }
    match room.submit(Command::Claim { queue_id, place, epoch }).await? {
        Outcome::Admitted { at, why } => Ok(Claimed::Admitted { at, why }),
        Outcome::Spent(_) => Ok(Claimed::Spent),
        Outcome::Refused(refusal) if !refusal.is_as_set() => Err(Trouble::Refused(refusal)),
        _ => Ok(Claimed::NotNow),
    }
}

/// What this process does for visitors of each room: how many at the moment, and which places are left over.
#[derive(Default)]
pub(super) struct Passes {
    by_room: Mutex<HashMap<(CustomerId, RoomId), RoomPasses>>,
}

#[derive(Default)]
struct RoomPasses {
    under_way: usize,
    left_over: VecDeque<Place>,
}

impl Passes {
    fn begin(&self, entrance: &Entrance, at_once_max: usize) -> Option<Attempt<'_>> {
        let key = (entrance.account.customer.clone(), entrance.record.room.clone());
        let mut by_room = self.lock();
        let room = by_room.entry(key.clone()).or_default();
        if room.under_way >= at_once_max {
            return None;
        }
        room.under_way += 1;
        drop(by_room);
        Some(Attempt { passes: self, key })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(CustomerId, RoomId), RoomPasses>> {
        // What is guarded is whole after every statement, so a panic elsewhere does no harm to it.
        self.by_room.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One visitor for whom it is tried. Counts until it is dropped, also when the connector has hung up.
struct Attempt<'a> {
    passes: &'a Passes,
    key: (CustomerId, RoomId),
}

impl Attempt<'_> {
    /// The place that was left over first, if there is one.
    fn left_over(&mut self) -> Option<Place> {
        self.passes.lock().get_mut(&self.key)?.left_over.pop_front()
    }

    fn leave_over(&mut self, place: Place) {
        if let Some(room) = self.passes.lock().get_mut(&self.key)
            && room.left_over.len() < AT_ONCE_MAX
        {
            room.left_over.push_back(place);
        }
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        let mut by_room = self.passes.lock();
        let Some(room) = by_room.get_mut(&self.key) else { return };
        room.under_way = room.under_way.saturating_sub(1);
        if room.under_way == 0 && room.left_over.is_empty() {
            by_room.remove(&self.key);
        }
    }
}
