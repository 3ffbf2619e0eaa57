//! `/api/v1/accounts/{customer}/rooms`: waiting rooms with their live figures, and how to steer them.

use std::sync::Arc;

use anteroom_protocol::id::RoomId;
use anteroom_protocol::problem::Problem;
use axum::extract::State;
use http::StatusCode;
use serde::Serialize;

use super::Shared;
use super::answer::{Answer, Refusal, json, ok};
use super::asked::{Asked, InRoom};
use super::body::{JsonBody, SMALL};
use crate::actions::{Life, NewRoom, RoomChange, RoomView};

const ID_CHARS_MAX: usize = 60;
const NAME_CHARS_MAX: usize = 100;
const TARGET_CHARS_MAX: usize = 2_000;
/// What visitors read while a room is paused: a few sentences.
const MESSAGE_CHARS_MAX: usize = 500;

#[derive(Serialize)]
struct RoomsBody {
    rooms: Vec<RoomBody>,
}

/// Figures are null while the room's line cannot be looked at; `problem` says why.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RoomBody {
    waiting_room_id: String,
    display_name: String,
    default_target: String,
    state: &'static str,
    problem: Option<String>,
    outflow_per_minute: Option<u32>,
    waiting: Option<u64>,
    called: Option<u64>,
    admitted_total: Option<u64>,
    admitted_last_minute: Option<u64>,
    no_show_percent: Option<u8>,
    expected_wait_seconds: Option<u64>,
    pause_message: Option<String>,
}

impl From<RoomView> for RoomBody {
    fn from(view: RoomView) -> Self {
        let state = view.state();
        let expected_wait_seconds = view.expected_wait().map(|wait| wait.as_secs());
        let RoomView { record, life } = view;
        let (figures, problem) = match life {
            Life::Live(figures) => (Some(figures), None),
            Life::Unavailable(reason) => (None, Some(reason)),
        };
        let figures = figures.as_deref();
        Self {
            waiting_room_id: record.room.to_string(),
            display_name: record.display_name,
            default_target: record.default_target,
            state,
            problem,
            outflow_per_minute: figures.map(|figures| figures.outflow_per_minute),
            waiting: figures.map(|figures| figures.waiting),
            called: figures.map(|figures| figures.called),
            admitted_total: figures.map(|figures| figures.admitted_total),
            admitted_last_minute: figures.map(|figures| figures.admitted_last_minute),
            no_show_percent: figures.map(|figures| figures.no_show_percent),
            expected_wait_seconds,
            pause_message: figures.and_then(|figures| figures.paused.clone()),
        }
    }
}

pub(super) async fn list(State(shared): State<Arc<Shared>>, asked: Asked) -> Answer {
    let views = shared.actions.list_rooms(&asked.caller, &asked.customer).await?;
    ok(&RoomsBody { rooms: views.into_iter().map(RoomBody::from).collect() })
}

pub(super) async fn look(State(shared): State<Arc<Shared>>, asked: Asked, InRoom(room): InRoom) -> Answer {
    let view = shared.actions.look_at_room(&asked.caller, &asked.customer, &room).await?;
    ok(&RoomBody::from(view))
}

pub(super) async fn add(
    State(shared): State<Arc<Shared>>,
    asked: Asked,
    JsonBody(mut fields): JsonBody<SMALL>,
) -> Answer {
    let id = fields.required_text("waitingRoomId", ID_CHARS_MAX);
    let room = id.and_then(|id| match id.parse::<RoomId>() {
        Ok(room) => Some(room),
        Err(_) => {
            let expected = "3 to 20 small letters and digits";
            fields.refuse("waitingRoomId", Problem::quote(&id), expected.into());
            None
        }
    });
    let display_name = fields.required_text("displayName", NAME_CHARS_MAX);
    let default_target = fields.required_text("defaultTarget", TARGET_CHARS_MAX);
    let outflow = fields.required_number("outflowPerMinute");
    let made = room.zip(display_name).zip(default_target).zip(outflow).map(
        |(((room, display_name), default_target), outflow_per_minute)| NewRoom {
            room,
            display_name,
            default_target,
            outflow_per_minute,
        },
    );
    let new = fields.finish(made).map_err(unusable)?;
    let view = shared.actions.add_room(&asked.caller, &asked.customer, new).await?;
    json(StatusCode::CREATED, &RoomBody::from(view))
}

pub(super) async fn change(
    State(shared): State<Arc<Shared>>,
    asked: Asked,
    InRoom(room): InRoom,
    JsonBody(mut fields): JsonBody<SMALL>,
) -> Answer {
    let change = RoomChange {
        display_name: fields.text("displayName", NAME_CHARS_MAX),
        default_target: fields.text("defaultTarget", TARGET_CHARS_MAX),
        outflow_per_minute: fields.number("outflowPerMinute"),
    };
    if change.display_name.as_deref().is_some_and(|name| name.trim().is_empty()) {
        fields.refuse("displayName", "an empty text".into(), "a text".into());
    }
    let change = fields.finish(Some(change)).map_err(unusable)?;
    let view = shared.actions.change_room(&asked.caller, &asked.customer, &room, change).await?;
    ok(&RoomBody::from(view))
}

pub(super) async fn pause(
    State(shared): State<Arc<Shared>>,
    asked: Asked,
    InRoom(room): InRoom,
    JsonBody(mut fields): JsonBody<SMALL>,
) -> Answer {
    let message = fields.required_text("message", MESSAGE_CHARS_MAX);
    let message = fields
        .finish(message)
        .map_err(|problems| Refusal::unusable("Those who wait must be told why.", problems))?;
    let view = shared.actions.pause_room(&asked.caller, &asked.customer, &room, message).await?;
    ok(&RoomBody::from(view))
}

pub(super) async fn resume(
    State(shared): State<Arc<Shared>>,
    asked: Asked,
    InRoom(room): InRoom,
    JsonBody(fields): JsonBody<SMALL>,
) -> Answer {
    fields.finish(Some(())).map_err(unusable)?;
    let view = shared.actions.resume_room(&asked.caller, &asked.customer, &room).await?;
    ok(&RoomBody::from(view))
}

fn unusable(problems: Vec<Problem>) -> Refusal {
    Refusal::unusable("This does not describe a room.", problems)
}
