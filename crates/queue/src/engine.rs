//! One step of a room: from a state and a batch of commands to the next state and its outcomes. The only place where
//! a place is given or somebody is let in.
//!
//! What an operator should know of the rules:
//!
//! * Places are given in the order in which visitors come. Time calls them in that order, at the outflow.
//! * Whoever is called and asks is let in, as long as the gate has room; otherwise they are told when to come back.
//! * The same visitor who asks again while the queue token is valid gets the same answer again. Afterwards they may
//!   come again as often as the re-entry limit says, through the gate like anybody.
//! * Whoever was called and does not come within the late window has lost the place; a pause or a crash of ours does
//!   not count.
//! * While the room is paused nobody is called or let in, and everybody keeps their place. Only who had been let in
//!   before and asks again gets the same answer again.

use std::collections::BTreeMap;
use std::time::Duration;

use anteroom_protocol::id::QueueId;
use anteroom_protocol::place::{Lane, Place, PlaceNumber};
use anteroom_protocol::time::Timestamp;

use crate::broken::{self, Broken};
use crate::command::{AdmittedBy, Command, Outcome, RecordId, Refusal, SpentReason};
use crate::line::TAG_MAX;
use crate::settings::Settings;
use crate::state::Kept;

pub use crate::state::{DecodeError, MESSAGE_BYTES_MAX, Record, RoomState};

/// Visitors who were told to come back are written down when that moves the next free moment by this much: less is
/// not worth a save.
const BOOKING_WORTH_A_SAVE: Duration = Duration::from_millis(500);

/// What one step made of a state.
#[derive(Debug)]
pub struct Applied {
    /// The next state; absent while the room is not configured.
    pub state: Option<RoomState>,
    /// One outcome per command, in their order.
    pub outcomes: Vec<Outcome>,
    /// Records to save together with the state.
    pub records: BTreeMap<RecordId, Record>,
    /// Whether any outcome rests on the new state or records being saved. When not, they may be dropped: the time
    /// that passed is counted by the next step.
    pub must_save: bool,
}

/// Takes one step: lets time pass up to `now`, then carries out the commands in their order.
///
/// `records` holds every record that a command of the batch reads and that there is. Time before `steady_since` brings
/// no capacity: it is the moment since which the caller has watched the clock without a gap. `entropy` is of this step
/// alone, and nobody can guess it: a draw's key is made of it, when one is needed.
///
/// Costs some microseconds and a copy of the state. The same arguments give the same result, on every machine.
pub fn apply(
    state: Option<&RoomState>,
    records: &BTreeMap<RecordId, Record>,
    batch: &[Command],
    now: Timestamp,
    steady_since: Timestamp,
    entropy: [u8; 32],
) -> Applied {
    let mut step = Step {
        state: state.cloned(),
        known: records,
        records: BTreeMap::new(),
        now,
        entropy,
        must_save: false,
    };
    if let Some(state) = &mut step.state {
        state.advance(now, steady_since);
    }
    let outcomes = batch.iter().map(|command| step.carry_out(command)).collect();
    let booked =
        |state: Option<&RoomState>| state.map_or(Timestamp::EPOCH, |state| state.gate.booked_until());
    let moved = booked(step.state.as_ref()).saturating_since(booked(state).max(now));
    let must_save = step.must_save || moved >= BOOKING_WORTH_A_SAVE;
    Applied { state: step.state, outcomes, records: step.records, must_save }
}

struct Step<'a> {
    state: Option<RoomState>,
    known: &'a BTreeMap<RecordId, Record>,
    records: BTreeMap<RecordId, Record>,
    now: Timestamp,
    #[expect(dead_code, reason = "the draw follows")]
    entropy: [u8; 32],
    must_save: bool,
}

impl Step<'_> {
    fn carry_out(&mut self, command: &Command) -> Outcome {
        if let Command::Configure(settings) = command {
            return self.configure(settings);
        }
        if self.state.is_none() {
            return Outcome::Refused(Refusal::NotConfigured);
        }
        match command {
            Command::Configure(_) => Outcome::Done,
            Command::Arrive { queue_id, lane, .. } => self.arrive(*queue_id, *lane),
            Command::Claim { queue_id, place, epoch } => self.claim(*queue_id, *place, *epoch),
            Command::Present { place, epoch, .. } => self.present(*place, *epoch),
            Command::Cancel { queue_id } => self.cancel(*queue_id),
            Command::Pause { message } => self.pause(message),
            Command::Resume => self.resume(),
            Command::Reset { .. } | Command::Beacon { .. } => Outcome::Refused(Refusal::NoDrawAhead),
        }
    }

    fn configure(&mut self, settings: &Settings) -> Outcome {
        if let Err(problems) = settings.check() {
            return Outcome::Refused(Refusal::Settings(problems));
        }
        match &mut self.state {
            None => {
                self.state = Some(RoomState::new(settings.clone(), self.now));
                self.must_save = true;
            }
            Some(state) if state.settings != *settings => {
                let before = state.settings.outflow_per_minute;
                state.gate.change_outflow(state.now, before, settings.outflow_per_minute);
                state.settings = settings.clone();
                state.gate.narrow(settings.burst_places());
                state.presence.close_mark(state.now, settings.late_window());
                self.must_save = true;
            }
            Some(_) => {}
        }
        Outcome::Done
    }

    // The tag is saved before the reply is sent. If the reply is lost, one place stays empty and is counted as a
    // visitor who did not come; the other way round, two visitors could hold the same place.
    fn arrive(&mut self, queue_id: QueueId, _lane: Lane) -> Outcome {
        let Some(state) = &mut self.state else { return Outcome::Refused(Refusal::NotConfigured) };
        let Some(tag) = state.line.give() else { return Outcome::Refused(Refusal::TagOutOfRange) };
        state.newest = Some(queue_id);
        if broken::is(Broken::ListsVisitors) {
            let what = Kept::Admitted { at: Timestamp::EPOCH, times: 0 };
            let record = Record { what, expires_at: state.cancellation_kept_until() };
            self.records.insert(RecordId::Visitor(queue_id), record);
        }
        state.note_called();
        self.must_save = true;
        let ahead = tag.saturating_sub(state.line.called() + 1);
        Outcome::Placed { queue_id, place: Place::ordinary(tag), epoch: state.epoch, ahead }
    }

    fn present(&mut self, place: Place, epoch: u64) -> Outcome {
        match self.heal(place, epoch) {
            Ok(_) => Outcome::Done,
            Err(outcome) => outcome,
        }
    }

    fn claim(&mut self, queue_id: QueueId, place: Place, epoch: u64) -> Outcome {
        let tag = match self.heal(place, epoch) {
            Ok(tag) => tag,
            Err(outcome) => return outcome,
        };
        let record = self.record(RecordId::Visitor(queue_id)).filter(|_| !broken::is(Broken::AdmitsTwice));
        let Some(state) = &mut self.state else { return Outcome::Refused(Refusal::NotConfigured) };
        let times = match record.as_ref().map(|record| record.what) {
            Some(Kept::Cancelled) => return Outcome::Spent(SpentReason::Cancelled),
            Some(Kept::Admitted { at, times }) => {
                let is_valid = state.now < at.saturating_add(state.settings.token_validity());
                // Also while the room is paused: this one was counted already, and may not have heard of it.
                if is_valid {
                    return Outcome::Admitted { at, why: AdmittedBy::Turn };
                }
                if times > state.settings.re_entry_limit || state.presence.is_late(tag) {
                    return Outcome::Spent(SpentReason::Used);
                }
                times
            }
            None if state.presence.is_late(tag) => return Outcome::Spent(SpentReason::Late),
            None => 0,
        };
        if let Some(message) = state.paused.as_ref().filter(|_| !broken::is(Broken::PausePasses)) {
            return Outcome::Paused { message: message.clone() };
        }
        if tag > state.line.called() {
            return Outcome::NotYet;
        }
        if !state.gate.take() {
            let ask_again_after = state.gate.hold(state.now, state.settings.outflow_per_minute);
            return Outcome::Held { ask_again_after };
        }
        if times == 0 {
            state.presence.note_admitted(tag);
        } else {
            state.presence.owe_one();
        }
        state.tally.add(state.now);
        let kept_until = state.admission_kept_until(tag);
        let expires_at = record.map_or(kept_until, |record| record.expires_at.max(kept_until));
        let what = Kept::Admitted { at: state.now, times: times.saturating_add(1) };
        let at = state.now;
        self.records.insert(RecordId::Visitor(queue_id), Record { what, expires_at });
        self.must_save = true;
        Outcome::Admitted { at, why: AdmittedBy::Turn }
    }

    fn cancel(&mut self, queue_id: QueueId) -> Outcome {
        let record = self.record(RecordId::Visitor(queue_id));
        let Some(state) = &self.state else { return Outcome::Refused(Refusal::NotConfigured) };
        if record.as_ref().is_some_and(|record| record.what == Kept::Cancelled) {
            return Outcome::Done;
        }
        let kept_until = state.cancellation_kept_until();
        let expires_at = record.map_or(kept_until, |record| record.expires_at.max(kept_until));
        self.records.insert(RecordId::Visitor(queue_id), Record { what: Kept::Cancelled, expires_at });
        self.must_save = true;
        Outcome::Done
    }

    fn pause(&mut self, message: &str) -> Outcome {
        if message.len() > MESSAGE_BYTES_MAX {
            return Outcome::Refused(Refusal::MessageTooLong { found_bytes: message.len() });
        }
        self.set_paused(Some(message.to_owned()))
    }

    fn resume(&mut self) -> Outcome {
        self.set_paused(None)
    }

    fn set_paused(&mut self, paused: Option<String>) -> Outcome {
        if let Some(state) = &mut self.state
            && state.paused != paused
        {
            state.paused = paused;
            self.must_save = true;
        }
        Outcome::Done
    }

    /// A genuine ticket of this life of the room: its tag was given, whatever the state knows (I3).
    fn heal(&mut self, place: Place, epoch: u64) -> Result<u64, Outcome> {
        let PlaceNumber::Tag(tag) = place.number else { return Err(Outcome::NotYet) };
        let Some(state) = &mut self.state else { return Err(Outcome::Refused(Refusal::NotConfigured)) };
        if epoch != state.epoch {
            return Err(Outcome::Spent(SpentReason::OtherEpoch));
        }
        if !(1..=TAG_MAX).contains(&tag) {
            return Err(Outcome::Refused(Refusal::TagOutOfRange));
        }
        if tag > state.line.last() {
            state.line.heal(tag);
            state.note_called();
            self.must_save = true;
        }
        Ok(tag)
    }

    /// The record as this batch has left it. One that has expired is none, whether or not the store has swept it.
    fn record(&self, id: RecordId) -> Option<Record> {
        let record = self.records.get(&id).or_else(|| self.known.get(&id))?;
        (record.expires_at > self.now).then(|| record.clone())
    }
}
