//! What an operator does to a line while it runs: pause and resume it, begin it anew, and mix a public value into its draw.

use anteroom_protocol::id::{CustomerId, RoomId};
use anteroom_protocol::problem::Problem;
use anteroom_queue::draw::BEACON_BYTES_MAX;
use anteroom_queue::engine::MESSAGE_BYTES_MAX;
use anteroom_queue::{Command, Outcome, Refusal};

use super::room_settings::named;
use super::rooms::{RoomView, record_of};
use super::{ActionError, Actions};
use crate::access::{Caller, Deed};

impl Actions {
    /// Stops letting in; everybody keeps their place and reads the message.
    pub(crate) async fn pause_room(
        &self,
        caller: &Caller,
        customer: &CustomerId,
        room: &RoomId,
        message: String,
    ) -> Result<RoomView, ActionError> {
        if message.len() > MESSAGE_BYTES_MAX {
            return Err(ActionError::unusable(too_long("message", message.len(), MESSAGE_BYTES_MAX)));
        }
        let what = format!("paused the room {room} with the message “{message}”");
        self.steer(caller, customer, room, Command::Pause { message }, what).await
    }

    /// Lets in again.
    pub(crate) async fn resume_room(
        &self,
        caller: &Caller,
        customer: &CustomerId,
        room: &RoomId,
    ) -> Result<RoomView, ActionError> {
        self.steer(caller, customer, room, Command::Resume, format!("resumed the room {room}")).await
    }

    /// Begins the line anew: every ticket so far is spent. `confirm` must be the room's id, and the epoch is the one that
    /// the caller saw, so that a repeated request resets once.
    pub(crate) async fn reset_room(
        &self,
        caller: &Caller,
        customer: &CustomerId,
        room: &RoomId,
        confirm: &str,
        epoch: u64,
    ) -> Result<RoomView, ActionError> {
        if confirm != room.as_str() {
            let expected = format!("the id of the room, {room}: all who wait in it lose their places");
            return Err(ActionError::unusable(Problem::new("confirm", Problem::quote(confirm), expected)));
        }
        let what = format!("reset the room {room}: its epoch {epoch} and all tickets of it are over");
        self.steer(caller, customer, room, Command::Reset { epoch }, what).await
    }

    /// Mixes a public value into the draw that lies ahead.
    pub(crate) async fn set_beacon(
        &self,
        caller: &Caller,
        customer: &CustomerId,
        room: &RoomId,
        value: String,
    ) -> Result<RoomView, ActionError> {
        if value.len() > BEACON_BYTES_MAX {
            return Err(ActionError::unusable(too_long("value", value.len(), BEACON_BYTES_MAX)));
        }
        let what = format!("set the beacon of the room {room} to “{value}”");
        self.steer(caller, customer, room, Command::Beacon { value }, what).await
    }

    async fn steer(
        &self,
        caller: &Caller,
        customer: &CustomerId,
        room: &RoomId,
        command: Command,
        what: String,
    ) -> Result<RoomView, ActionError> {
        let account = self.authorize(caller, Deed::SteerRooms, customer).await?.value;
        record_of(&account, room)?;
        self.command(customer, room, command).await?;
        self.note(caller, customer, what).await?;
        self.look_at_room(caller, customer, room).await
    }

    /// Gives the line a command that needs no answer.
    pub(super) async fn command(
        &self,
        customer: &CustomerId,
        room: &RoomId,
        command: Command,
    ) -> Result<(), ActionError> {
        let configured = match &command {
            Command::Configure(settings) => Some(settings.clone()),
            _ => None,
        };
        match self.rooms.submit(customer, room, command).await? {
            Outcome::Done => Ok(()),
            Outcome::Refused(Refusal::Settings(problems)) => Err(ActionError::Unusable {
                summary: "The room's settings cannot be used.".into(),
                problems: problems
                    .into_iter()
                    .map(|problem| match &configured {
                        Some(settings) => named(settings, problem, "UTC"),
                        None => Problem::new(problem.name, problem.found, problem.expected),
                    })
                    .collect(),
            }),
            Outcome::Refused(refusal) => Err(refusal.into()),
            Outcome::Placed { .. }
            | Outcome::Admitted { .. }
            | Outcome::Held { .. }
            | Outcome::NotYet
            | Outcome::Paused { .. }
            | Outcome::Spent(_) => Err(ActionError::Ours("an operator's command had a visitor's outcome")),
        }
    }
}

fn too_long(field: &str, found_bytes: usize, bytes_max: usize) -> Problem {
    Problem::new(field, format!("{found_bytes} bytes"), format!("at most {bytes_max} bytes"))
}
