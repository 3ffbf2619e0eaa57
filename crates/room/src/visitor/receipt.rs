//! The draw, as the room publishes it: on the page of each who takes part, and as a document for anybody who wants to
//! check it (`docs/draw.md`). Before the start it holds the commitment alone.

use std::sync::Arc;

use anteroom_protocol::place::{Place, PlaceNumber};
use anteroom_queue::draw::document::{Commitment, Document, DrawnLane, Format, Receipt};
use anteroom_queue::snapshot::Snapshot;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use http::{Response, StatusCode};

use super::entrance::Entrance;
use crate::pages::{DrawShown, Drawn};
use crate::{Shared, reply};

/// How long anybody between us and a visitor may keep the document. Before the start it is about to change.
const KEPT_SECONDS_BEFORE: u32 = 5;
const KEPT_SECONDS_AFTER: u32 = 60;

/// GET of the published draw of a room.
pub(crate) async fn published(
    State(shared): State<Arc<Shared>>,
    path: Result<Path<(String, String)>, PathRejection>,
) -> Response<Body> {
    let entrance = path
        .ok()
        .and_then(|Path((customer, file))| Entrance::find(&shared, &customer, file.strip_suffix(".json")?));
    let Some(entrance) = entrance else {
        return reply::problem(
            StatusCode::NOT_FOUND,
            "no such waiting room",
            "The path names the account and the waiting room, as in /draw/acme/spring.json; there is none of these \
             names.",
        );
    };
    let room = match entrance.open(&shared.rooms).await {
        Ok(room) => room,
        Err(trouble) => {
            trouble.log(&entrance);
            return trouble.as_problem();
        }
    };
    match document(&entrance, &room.snapshot()) {
        Some(document) => {
            let seconds = if document.key.is_some() { KEPT_SECONDS_AFTER } else { KEPT_SECONDS_BEFORE };
            reply::public_json(&document, seconds)
        }
        None => reply::problem(
            StatusCode::NOT_FOUND,
            "no draw",
            "This room has no draw: it has no pre-queue, or nobody was in it.",
        ),
    }
}

/// What the room publishes of its draw, if it has one.
pub(crate) fn document(entrance: &Entrance, snapshot: &Snapshot) -> Option<Document> {
    let (customer, room) = (&entrance.account.customer, &entrance.record.room);
    let draw = snapshot.draw(customer.as_str(), room.as_str())?;
    let lane = |lane: &anteroom_queue::snapshot::LaneDrawn| DrawnLane {
        lane: lane.lane.number(),
        entrants: lane.entrants,
        first_tag: lane.first_tag,
    };
    Some(Document {
        format: Format::One,
        account: customer.clone(),
        room: room.clone(),
        epoch: draw.epoch,
        commitment: Commitment(draw.commitment),
        key: draw.key,
        beacon: draw.beacon,
        lanes: draw.lanes.iter().map(lane).collect(),
    })
}

/// What a page shows of the draw to who has this place, or none yet.
pub(crate) fn shown(document: &Document, place: Option<Place>) -> DrawShown {
    let drawn = place.and_then(|place| {
        let PlaceNumber::Entry(index) = place.number else { return None };
        let lane = place.lane.number();
        let entry = index.saturating_add(1);
        let entered = document.lanes.iter().find(|entered| entered.lane == lane);
        Some(Drawn {
            entry,
            entrants: entered.map_or(entry, |entered| entered.entrants),
            lane: (document.lanes.len() > 1 || lane > 0).then_some(lane),
            place: document.place(Receipt { lane, entry }).ok(),
        })
    });
    DrawShown {
        commitment: document.commitment.into(),
        key: document.key.as_ref().map(anteroom_queue::draw::DrawKey::to_hex),
        beacon: document.beacon.clone(),
        path: format!("/draw/{}/{}.json", document.account, document.room),
        drawn,
    }
}
