//! `/api/v1/accounts/{customer}/rooms`: waiting rooms with their live figures, and how to steer them.

use std::sync::Arc;

use anteroom_protocol::id::RoomId;
use anteroom_protocol::problem::Problem;
use anteroom_queue::LANES_MAX;
use anteroom_store::records::LocalSchedule;
use axum::extract::State;
use http::StatusCode;
use serde::Serialize;

use super::Shared;
use super::answer::{Answer, Refusal, json, ok};
use super::asked::{Asked, InRoom};
use super::body::{JsonBody, SMALL};
use super::fields::Fields;
use super::room_body::{ENQUEUE_TOKEN_USES, MODES, RoomBody};
use crate::actions::{NewRoom, RoomChange, SettingsChange};

const ID_CHARS_MAX: usize = 60;
const NAME_CHARS_MAX: usize = 100;
const TARGET_CHARS_MAX: usize = 2_000;
/// A moment or the name of a time zone.
const MOMENT_CHARS_MAX: usize = 60;
/// A public value for a draw: the numbers of a lottery, the hash of a block.
const BEACON_CHARS_MAX: usize = 200;
/// What visitors read while a room is paused: a few sentences.
const MESSAGE_CHARS_MAX: usize = 500;

#[derive(Serialize)]
struct RoomsBody {
    rooms: Vec<RoomBody>,
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
    let settings = SettingsChange { outflow_per_minute: outflow, ..settings_change(&mut fields) };
    let made = room.zip(display_name).zip(default_target).zip(outflow).map(
        |(((room, display_name), default_target), _)| NewRoom {
            room,
            display_name,
            default_target,
            settings,
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
    let change = room_change(&mut fields);
    let change = fields.finish(Some(change)).map_err(unusable)?;
    let view = shared.actions.change_room(&asked.caller, &asked.customer, &room, change).await?;
    ok(&RoomBody::from(view))
}

/// What `change` would do, without doing it.
pub(super) async fn check(
    State(shared): State<Arc<Shared>>,
    asked: Asked,
    InRoom(room): InRoom,
    JsonBody(mut fields): JsonBody<SMALL>,
) -> Answer {
    let change = room_change(&mut fields);
    let change = fields.finish(Some(change)).map_err(unusable)?;
    let view = shared.actions.try_change(&asked.caller, &asked.customer, &room, change).await?;
    ok(&RoomBody::from(view))
}

fn room_change(fields: &mut Fields) -> RoomChange {
    let change = RoomChange {
        display_name: fields.text("displayName", NAME_CHARS_MAX),
        default_target: fields.text("defaultTarget", TARGET_CHARS_MAX),
        settings: settings_change(fields),
    };
    if change.display_name.as_deref().is_some_and(|name| name.trim().is_empty()) {
        fields.refuse("displayName", "an empty text".into(), "a text".into());
    }
    change
}

fn settings_change(fields: &mut Fields) -> SettingsChange {
    SettingsChange {
        outflow_per_minute: fields.number("outflowPerMinute"),
        burst: fields.number_or_none("burst"),
        late_window_seconds: fields.number("lateWindowSeconds"),
        token_validity_seconds: fields.number("tokenValiditySeconds"),
        re_entry_limit: fields.number("reEntryLimit"),
        mode: fields.one_of("mode", &MODES),
        schedule: fields.object_or_none("schedule", |schedule| {
            let time_zone = schedule.required_text("timeZone", MOMENT_CHARS_MAX);
            let [pre_queue_at, starts_at, ends_at] =
                ["preQueueAt", "startsAt", "endsAt"].map(|name| schedule.text(name, MOMENT_CHARS_MAX));
            Some(LocalSchedule { time_zone: time_zone?, pre_queue_at, starts_at, ends_at })
        }),
        lane_weights: fields.numbers("laneWeights", LANES_MAX),
        max_active: fields.number_or_none("maxActive"),
        session_seconds: fields.number("sessionSeconds"),
        ramp_seconds: fields.number("rampSeconds"),
        unique_keys: fields.truth("uniqueKeys"),
        enqueue_token: fields.one_of("enqueueToken", &ENQUEUE_TOKEN_USES),
    }
}

/// Begins the line anew.
pub(super) async fn reset(
    State(shared): State<Arc<Shared>>,
    asked: Asked,
    InRoom(room): InRoom,
    JsonBody(mut fields): JsonBody<SMALL>,
) -> Answer {
    let confirm = fields.required_text("confirm", NAME_CHARS_MAX);
    let epoch = fields.required_number("epoch");
    let (confirm, epoch) = fields.finish(confirm.zip(epoch)).map_err(|problems| {
        let detail = "A reset names the room, to confirm it, and the epoch that ends.";
        Refusal::unusable(detail, problems)
    })?;
    let actions = &shared.actions;
    let view = actions.reset_room(&asked.caller, &asked.customer, &room, &confirm, epoch.into()).await?;
    ok(&RoomBody::from(view))
}

/// Sets the public value that is mixed into the draw.
pub(super) async fn beacon(
    State(shared): State<Arc<Shared>>,
    asked: Asked,
    InRoom(room): InRoom,
    JsonBody(mut fields): JsonBody<SMALL>,
) -> Answer {
    let value = fields.required_text("value", BEACON_CHARS_MAX);
    let value = fields
        .finish(value)
        .map_err(|problems| Refusal::unusable("The value of a beacon is a text.", problems))?;
    let view = shared.actions.set_beacon(&asked.caller, &asked.customer, &room, value).await?;
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
