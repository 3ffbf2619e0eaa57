//! Waiting rooms: what they are is a record of the account; how they run (outflow, pause) is in their line alone, and
//! changing it is a command to the line.

use std::time::Duration;

use anteroom_protocol::id::{CustomerId, RoomId};
use anteroom_protocol::problem::Problem;
use anteroom_protocol::redirect::AllowedHosts;
use anteroom_queue::engine::MESSAGE_BYTES_MAX;
use anteroom_queue::settings::OUTFLOW_PER_MINUTE_MAX;
use anteroom_queue::snapshot::Figures;
use anteroom_queue::{Command, Outcome, Refusal, Settings};
use anteroom_store::records::{Account, Change, RoomRecord};

use super::{ATTEMPTS_MAX, ActionError, Actions};
use crate::access::{Caller, Deed};

/// A room as it stands.
#[derive(Clone, Debug)]
pub(crate) struct RoomView {
    pub(crate) record: RoomRecord,
    pub(crate) life: Life,
}

/// Whether a room lives, and how.
#[derive(Clone, Debug)]
pub(crate) enum Life {
    /// Its line, as of a moment ago.
    Live(Box<Figures>),
    /// Its line cannot be looked at; why.
    Unavailable(String),
}

/// A room to be added.
#[derive(Clone, Debug)]
pub(crate) struct NewRoom {
    pub(crate) room: RoomId,
    pub(crate) display_name: String,
    pub(crate) default_target: String,
    pub(crate) outflow_per_minute: u32,
}

/// What is to change of a room; what is not named stays.
#[derive(Clone, Debug, Default)]
pub(crate) struct RoomChange {
    pub(crate) display_name: Option<String>,
    pub(crate) default_target: Option<String>,
    pub(crate) outflow_per_minute: Option<u32>,
}

impl Actions {
    /// All rooms of the account. One whose line cannot be read does not hide the others.
    pub(crate) async fn list_rooms(
        &self,
        caller: &Caller,
        customer: &CustomerId,
    ) -> Result<Vec<RoomView>, ActionError> {
        let account = self.authorize(caller, Deed::Look, customer).await?.value;
        let mut views = Vec::with_capacity(account.rooms.len());
        for record in account.rooms {
            views.push(self.view(customer, record).await);
        }
        Ok(views)
    }

    /// One room.
    pub(crate) async fn look_at_room(
        &self,
        caller: &Caller,
        customer: &CustomerId,
        room: &RoomId,
    ) -> Result<RoomView, ActionError> {
        let account = self.authorize(caller, Deed::Look, customer).await?.value;
        Ok(self.view(customer, record_of(&account, room)?.clone()).await)
    }

    /// Adds a room.
    pub(crate) async fn add_room(
        &self,
        caller: &Caller,
        customer: &CustomerId,
        new: NewRoom,
    ) -> Result<RoomView, ActionError> {
        let NewRoom { room, display_name, default_target, outflow_per_minute } = new;
        let what = format!("added the room {room}, which lets in {outflow_per_minute} a minute");
        let record = RoomRecord { room, display_name, default_target, schedule: None };
        for _ in 0..ATTEMPTS_MAX {
            let mut account = self.authorize(caller, Deed::ChangeRooms, customer).await?;
            if account.value.rooms.iter().any(|known| known.room == record.room) {
                return Err(ActionError::Taken { what: "room", name: record.room.to_string() });
            }
            let mut problems = Vec::new();
            problems.extend(target_problem(&account.value, &record.default_target));
            problems.extend(outflow_problem(outflow_per_minute));
            ActionError::unless_none(problems)?;
            // The line comes first: a line without a record is not seen by anybody and is found again by the next
            // attempt, while a record without a line would be a room that nobody can enter.
            let line = Command::Configure(Settings::with_outflow(outflow_per_minute));
            self.command(customer, &record.room, line).await?;
            account.value.rooms.push(record.clone());
            let change = Change::Account { expected: account.version, account: account.value };
            match self.records.commit(customer, change, self.audit_entry(caller, what.clone())).await {
                Err(anteroom_store::records::RecordError::Conflict) => {}
                done => {
                    done?;
                    return Ok(self.view(customer, record).await);
                }
            }
        }
        Err(ActionError::Conflict)
    }

    /// Changes what a room is and how fast it lets in. Everything is checked before anything is changed.
    pub(crate) async fn change_room(
        &self,
        caller: &Caller,
        customer: &CustomerId,
        room: &RoomId,
        change: RoomChange,
    ) -> Result<RoomView, ActionError> {
        let account = self.authorize(caller, Deed::ChangeRooms, customer).await?.value;
        record_of(&account, room)?;
        let mut problems = Vec::new();
        problems.extend(change.default_target.as_deref().and_then(|target| target_problem(&account, target)));
        problems.extend(change.outflow_per_minute.and_then(outflow_problem));
        ActionError::unless_none(problems)?;
        if change.display_name.is_some() || change.default_target.is_some() {
            self.change_record(caller, customer, room, &change).await?;
        }
        if let Some(outflow) = change.outflow_per_minute {
            self.change_outflow(caller, customer, room, outflow).await?;
        }
        self.look_at_room(caller, customer, room).await
    }

    /// Stops letting in; everybody keeps their place and reads the message.
    pub(crate) async fn pause_room(
        &self,
        caller: &Caller,
        customer: &CustomerId,
        room: &RoomId,
        message: String,
    ) -> Result<RoomView, ActionError> {
        let account = self.authorize(caller, Deed::SteerRooms, customer).await?.value;
        record_of(&account, room)?;
        if message.len() > MESSAGE_BYTES_MAX {
            return Err(ActionError::unusable(Problem::new(
                "message",
                format!("{} bytes", message.len()),
                format!("at most {MESSAGE_BYTES_MAX} bytes"),
            )));
        }
        let what = format!("paused the room {room} with the message “{message}”");
        self.command(customer, room, Command::Pause { message }).await?;
        self.note(caller, customer, what).await?;
        self.look_at_room(caller, customer, room).await
    }

    /// Lets in again.
    pub(crate) async fn resume_room(
        &self,
        caller: &Caller,
        customer: &CustomerId,
        room: &RoomId,
    ) -> Result<RoomView, ActionError> {
        let account = self.authorize(caller, Deed::SteerRooms, customer).await?.value;
        record_of(&account, room)?;
        self.command(customer, room, Command::Resume).await?;
        self.note(caller, customer, format!("resumed the room {room}")).await?;
        self.look_at_room(caller, customer, room).await
    }

    async fn change_record(
        &self,
        caller: &Caller,
        customer: &CustomerId,
        room: &RoomId,
        change: &RoomChange,
    ) -> Result<(), ActionError> {
        for _ in 0..ATTEMPTS_MAX {
            let mut account = self.authorize(caller, Deed::ChangeRooms, customer).await?;
            let record = account.value.rooms.iter_mut().find(|record| record.room == *room);
            let record = record.ok_or_else(|| ActionError::absent("room", room))?;
            let mut parts = Vec::new();
            if let Some(name) = change.display_name.as_ref().filter(|name| **name != record.display_name) {
                parts.push(format!("its name is “{name}”"));
                record.display_name.clone_from(name);
            }
            if let Some(target) = change.default_target.as_ref().filter(|new| **new != record.default_target)
            {
                parts.push(format!("its default target is {target}"));
                record.default_target.clone_from(target);
            }
            if parts.is_empty() {
                return Ok(());
            }
            let entry = self.audit_entry(caller, format!("changed the room {room}: {}", parts.join(", ")));
            let change = Change::Account { expected: account.version, account: account.value };
            match self.records.commit(customer, change, entry).await {
                Err(anteroom_store::records::RecordError::Conflict) => {}
                done => return done.map(drop).map_err(ActionError::from),
            }
        }
        Err(ActionError::Conflict)
    }

    async fn change_outflow(
        &self,
        caller: &Caller,
        customer: &CustomerId,
        room: &RoomId,
        outflow: u32,
    ) -> Result<(), ActionError> {
        let now = self.rooms.open(customer, room).await?.snapshot().settings().clone();
        let what = format!(
            "set the outflow of the room {room} from {} to {outflow} a minute",
            now.outflow_per_minute
        );
        let settings = Settings { outflow_per_minute: outflow, ..now };
        self.command(customer, room, Command::Configure(settings)).await?;
        self.note(caller, customer, what).await
    }

    async fn command(
        &self,
        customer: &CustomerId,
        room: &RoomId,
        command: Command,
    ) -> Result<(), ActionError> {
        match self.rooms.submit(customer, room, command).await? {
            Outcome::Done => Ok(()),
            Outcome::Refused(Refusal::Settings(problems)) => Err(ActionError::Unusable {
                summary: "The room's settings cannot be used.".into(),
                problems: problems
                    .into_iter()
                    .map(|problem| Problem::new(problem.name, problem.found, problem.expected))
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

    async fn view(&self, customer: &CustomerId, record: RoomRecord) -> RoomView {
        let life = match self.rooms.open(customer, &record.room).await {
            Ok(handle) => Life::Live(Box::new(handle.snapshot().figures(handle.now()))),
            Err(error) => Life::Unavailable(error.to_string()),
        };
        RoomView { record, life }
    }
}

impl RoomView {
    /// Whether the room is running, paused or idle, for people.
    pub(crate) fn state(&self) -> &'static str {
        match &self.life {
            Life::Unavailable(_) => "unavailable",
            Life::Live(figures) if figures.paused.is_some() => "paused",
            Life::Live(figures) if figures.waiting > 0 => "running",
            Life::Live(_) => "idle",
        }
    }

    /// What someone who came now would wait, where that is known.
    pub(crate) fn expected_wait(&self) -> Option<Duration> {
        match &self.life {
            Life::Live(figures) => figures.expected_wait_of_new_visitor,
            Life::Unavailable(_) => None,
        }
    }
}

fn record_of<'a>(account: &'a Account, room: &RoomId) -> Result<&'a RoomRecord, ActionError> {
    let found = account.rooms.iter().find(|record| record.room == *room);
    found.ok_or_else(|| ActionError::absent("room", room))
}

fn target_problem(account: &Account, target: &str) -> Option<Problem> {
    let found = Problem::quote(target);
    let Ok(hosts) = AllowedHosts::parse(&account.allowed_hosts) else {
        return Some(Problem::new("defaultTarget", found, "an account whose allowed hosts can be read"));
    };
    let refusal = hosts.check(target).err()?;
    Some(Problem::new(
        "defaultTarget",
        format!("{found} ({refusal})"),
        format!("an http or https address on one of {}", account.allowed_hosts.join(", ")),
    ))
}

fn outflow_problem(outflow_per_minute: u32) -> Option<Problem> {
    Settings::with_outflow(outflow_per_minute).check().err()?;
    let expected = format!("a whole number from 1 to {OUTFLOW_PER_MINUTE_MAX}");
    Some(Problem::new("outflowPerMinute", outflow_per_minute.to_string(), expected))
}
