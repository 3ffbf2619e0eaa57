//! Waiting rooms: what they are is a record of the account; how they run is in their line alone, and changing it is a
//! command to the line. Of the schedule the record keeps what the operator wrote, and the line what it comes to.

use std::time::Duration;

use anteroom_protocol::id::{CustomerId, RoomId};
use anteroom_protocol::problem::Problem;
use anteroom_protocol::redirect::AllowedHosts;
use anteroom_protocol::time::Timestamp;
use anteroom_queue::settings::Mode;
use anteroom_queue::snapshot::{DrawPublished, Figures, Phase};
use anteroom_queue::{Command, Settings};
use anteroom_store::records::{Account, Change, RoomRecord};

use super::room_settings::{SettingsChange, differences};
use super::{ATTEMPTS_MAX, ActionError, Actions};
use crate::access::{Caller, Deed};

/// The interface asks for an outflow with every new room; this stands only until it is read.
const OUTFLOW_OF_A_NEW_ROOM: u32 = 60;

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
    Live(Box<Live>),
    /// Its line cannot be looked at; why.
    Unavailable(String),
}

/// A line that can be looked at.
#[derive(Clone, Debug)]
pub(crate) struct Live {
    pub(crate) figures: Figures,
    pub(crate) settings: Settings,
    /// What is published of its draw.
    pub(crate) draw: Option<DrawPublished>,
    /// The room's time.
    pub(crate) now: Timestamp,
}

/// A room to be added.
#[derive(Clone, Debug)]
pub(crate) struct NewRoom {
    pub(crate) room: RoomId,
    pub(crate) display_name: String,
    pub(crate) default_target: String,
    /// All that is to differ from the defaults; the outflow must be named.
    pub(crate) settings: SettingsChange,
}

/// What is to change of a room; what is not named stays.
#[derive(Clone, Debug, Default)]
pub(crate) struct RoomChange {
    pub(crate) display_name: Option<String>,
    pub(crate) default_target: Option<String>,
    pub(crate) settings: SettingsChange,
}

/// A change that can be made.
struct Planned {
    /// The line's settings, where they will be others.
    settings: Option<Settings>,
    /// What the audit list says of that.
    differences: Vec<String>,
}

impl RoomChange {
    fn apply_to(&self, record: &mut RoomRecord) {
        let RoomChange { display_name, default_target, settings } = self;
        if let Some(name) = display_name {
            record.display_name.clone_from(name);
        }
        if let Some(target) = default_target {
            record.default_target.clone_from(target);
        }
        if let Some(schedule) = &settings.schedule {
            record.schedule.clone_from(schedule);
        }
    }
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
        let NewRoom { room, display_name, default_target, settings } = new;
        let schedule = settings.schedule.clone().flatten();
        let record = RoomRecord { room, display_name, default_target, schedule };
        for _ in 0..ATTEMPTS_MAX {
            let mut account = self.authorize(caller, Deed::ChangeRooms, customer).await?;
            if account.value.rooms.iter().any(|known| known.room == record.room) {
                return Err(ActionError::Taken { what: "room", name: record.room.to_string() });
            }
            let mut problems = Vec::new();
            problems.extend(target_problem(&account.value, &record.default_target));
            let defaults = Settings::with_outflow(OUTFLOW_OF_A_NEW_ROOM);
            let wanted = settings.applied_to(&defaults).unwrap_or_else(|found| {
                problems.extend(found);
                defaults.clone()
            });
            ActionError::unless_none(problems)?;
            let what = what_is_added(&record, &wanted);
            // The line comes first: a line without a record is not seen by anybody and is found again by the next
            // attempt, while a record without a line would be a room that nobody can enter.
            let line = Command::Configure(wanted);
            self.command(customer, &record.room, line).await?;
            account.value.rooms.push(record.clone());
            let change = Change::Account { expected: account.version, account: account.value };
            match self.records.commit(customer, change, self.audit_entry(caller, what)).await {
                Err(anteroom_store::records::RecordError::Conflict) => {}
                done => {
                    done?;
                    return Ok(self.view(customer, record).await);
                }
            }
        }
        Err(ActionError::Conflict)
    }

    /// Changes what a room is and how it runs. Everything is checked before anything is changed.
    pub(crate) async fn change_room(
        &self,
        caller: &Caller,
        customer: &CustomerId,
        room: &RoomId,
        change: RoomChange,
    ) -> Result<RoomView, ActionError> {
        let turn = self.changing_rooms.lock().await;
        let planned = self.plan_change(caller, customer, room, &change).await?;
        // The line comes first: what holds is what it goes by, and a record without it would promise what is not so.
        if let Some(settings) = planned.settings {
            self.command(customer, room, Command::Configure(settings)).await?;
        }
        drop(turn);
        self.save_change(caller, customer, room, &change, planned.differences).await?;
        self.look_at_room(caller, customer, room).await
    }

    /// The room as a change would make it, without changing anything.
    pub(crate) async fn try_change(
        &self,
        caller: &Caller,
        customer: &CustomerId,
        room: &RoomId,
        change: RoomChange,
    ) -> Result<RoomView, ActionError> {
        let planned = self.plan_change(caller, customer, room, &change).await?;
        let mut view = self.look_at_room(caller, customer, room).await?;
        if let (Some(settings), Life::Live(live)) = (planned.settings, &mut view.life) {
            live.settings = settings;
        }
        change.apply_to(&mut view.record);
        Ok(view)
    }

    async fn plan_change(
        &self,
        caller: &Caller,
        customer: &CustomerId,
        room: &RoomId,
        change: &RoomChange,
    ) -> Result<Planned, ActionError> {
        let account = self.authorize(caller, Deed::ChangeRooms, customer).await?.value;
        let record = record_of(&account, room)?;
        let mut problems = Vec::new();
        problems.extend(change.default_target.as_deref().and_then(|target| target_problem(&account, target)));
        let mut planned = Planned { settings: None, differences: Vec::new() };
        if !change.settings.is_empty() {
            let before = self.rooms.open(customer, room).await?.snapshot().settings().clone();
            match change.settings.applied_to(&before) {
                Ok(after) => {
                    let mut changed = record.clone();
                    change.apply_to(&mut changed);
                    planned.differences = differences(&before, &after, zone_of(&changed));
                    planned.settings = (after != before).then_some(after);
                }
                Err(found) => problems.extend(found),
            }
        }
        ActionError::unless_none(problems)?;
        Ok(planned)
    }

    /// Writes down what was changed: in the record where that is another one now, and in the audit list.
    async fn save_change(
        &self,
        caller: &Caller,
        customer: &CustomerId,
        room: &RoomId,
        change: &RoomChange,
        of_the_line: Vec<String>,
    ) -> Result<(), ActionError> {
        for _ in 0..ATTEMPTS_MAX {
            let mut account = self.authorize(caller, Deed::ChangeRooms, customer).await?;
            let record = account.value.rooms.iter_mut().find(|record| record.room == *room);
            let record = record.ok_or_else(|| ActionError::absent("room", room))?;
            let before = record.clone();
            change.apply_to(record);
            let mut parts = Vec::new();
            if record.display_name != before.display_name {
                parts.push(format!("its name is “{}”", record.display_name));
            }
            if record.default_target != before.default_target {
                parts.push(format!("its default target is {}", record.default_target));
            }
            parts.extend(of_the_line.iter().cloned());
            let is_record_other = *record != before;
            if parts.is_empty() && is_record_other {
                parts.push("its schedule is written differently".to_owned());
            }
            if parts.is_empty() {
                return Ok(());
            }
            let what = format!("changed the room {room}: {}", parts.join(", "));
            if !is_record_other {
                return self.note(caller, customer, what).await;
            }
            let entry = self.audit_entry(caller, what);
            let change = Change::Account { expected: account.version, account: account.value };
            match self.records.commit(customer, change, entry).await {
                Err(anteroom_store::records::RecordError::Conflict) => {}
                done => return done.map(drop).map_err(ActionError::from),
            }
        }
        Err(ActionError::Conflict)
    }

    async fn view(&self, customer: &CustomerId, record: RoomRecord) -> RoomView {
        let life = match self.rooms.open(customer, &record.room).await {
            Ok(handle) => {
                let (snapshot, now) = (handle.snapshot(), handle.now());
                Life::Live(Box::new(Live {
                    figures: snapshot.figures(now),
                    settings: snapshot.settings().clone(),
                    draw: snapshot.draw(customer.as_str(), record.room.as_str()),
                    now,
                }))
            }
            Err(error) => Life::Unavailable(error.to_string()),
        };
        RoomView { record, life }
    }
}

impl RoomView {
    /// How the room stands, in a word for people and programs.
    pub(crate) fn state(&self) -> &'static str {
        let Life::Live(live) = &self.life else { return "unavailable" };
        match (live.settings.mode, live.figures.phase) {
            (Mode::Closed, _) => "closed",
            (Mode::Passthrough, _) => "passthrough",
            (Mode::Queue, Phase::Ended) => "ended",
            (Mode::Queue, _) if live.figures.paused.is_some() => "paused",
            (Mode::Queue, Phase::Before { .. }) => "before",
            (Mode::Queue, Phase::PreQueue { .. }) => "preQueue",
            (Mode::Queue, Phase::Running) if live.figures.waiting > 0 => "running",
            (Mode::Queue, Phase::Running) => "idle",
        }
    }

    /// The zone in which the operator thinks.
    pub(crate) fn zone(&self) -> &str {
        zone_of(&self.record)
    }

    /// What someone who came now would wait, where that is known.
    pub(crate) fn expected_wait(&self) -> Option<Duration> {
        match &self.life {
            Life::Live(live) => live.figures.expected_wait_of_new_visitor,
            Life::Unavailable(_) => None,
        }
    }
}

pub(super) fn record_of<'a>(account: &'a Account, room: &RoomId) -> Result<&'a RoomRecord, ActionError> {
    let found = account.rooms.iter().find(|record| record.room == *room);
    found.ok_or_else(|| ActionError::absent("room", room))
}

fn zone_of(record: &RoomRecord) -> &str {
    record.schedule.as_ref().map_or("UTC", |schedule| &schedule.time_zone)
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

fn what_is_added(record: &RoomRecord, settings: &Settings) -> String {
    let outflow = settings.outflow_per_minute;
    let mut parts = vec![format!("added the room {}, which lets in {outflow} a minute", record.room)];
    parts.extend(differences(&Settings::with_outflow(outflow), settings, zone_of(record)));
    parts.join(", ")
}
