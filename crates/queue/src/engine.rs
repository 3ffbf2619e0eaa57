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
use anteroom_protocol::time::Timestamp;

use crate::broken::{self, Broken};
use crate::command::{Command, Outcome, Refusal, SpentReason};
use crate::line::TAG_MAX;
use crate::settings::Settings;
use crate::state::Claimed;

pub use crate::state::{ClaimedRecord, DecodeError, MESSAGE_BYTES_MAX, RoomState};

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
    pub claimed: BTreeMap<QueueId, ClaimedRecord>,
    /// Whether any outcome rests on the new state or records being saved. When not, they may be dropped: the time
    /// that passed is counted by the next step.
    pub must_save: bool,
}

/// Takes one step: lets time pass up to `now`, then carries out the commands in their order.
///
/// `claimed` holds the record of every queue id that a command of the batch names and that has one. Time before
/// `steady_since` brings no capacity: it is the moment since which the caller has watched the clock without a gap.
///
/// Costs some microseconds and a copy of the state. The same arguments give the same result, on every machine.
pub fn apply(
    state: Option<&RoomState>,
    claimed: &BTreeMap<QueueId, ClaimedRecord>,
    batch: &[Command],
    now: Timestamp,
    steady_since: Timestamp,
) -> Applied {
    let mut step =
        Step { state: state.cloned(), known: claimed, claimed: BTreeMap::new(), now, must_save: false };
    if let Some(state) = &mut step.state {
        state.advance(now, steady_since);
    }
    let outcomes = batch.iter().map(|command| step.carry_out(command)).collect();
    let booked =
        |state: Option<&RoomState>| state.map_or(Timestamp::EPOCH, |state| state.gate.booked_until());
    let moved = booked(step.state.as_ref()).saturating_since(booked(state).max(now));
    let must_save = step.must_save || moved >= BOOKING_WORTH_A_SAVE;
    Applied { state: step.state, outcomes, claimed: step.claimed, must_save }
}

struct Step<'a> {
    state: Option<RoomState>,
    known: &'a BTreeMap<QueueId, ClaimedRecord>,
    claimed: BTreeMap<QueueId, ClaimedRecord>,
    now: Timestamp,
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
            Command::Arrive { queue_id } => self.arrive(*queue_id),
            Command::Claim { queue_id, tag, epoch } => self.claim(*queue_id, *tag, *epoch),
            Command::Present { tag, epoch } => self.present(*tag, *epoch),
            Command::Cancel { queue_id } => self.cancel(*queue_id),
            Command::Pause { message } => self.pause(message),
            Command::Resume => self.resume(),
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
    fn arrive(&mut self, queue_id: QueueId) -> Outcome {
        let Some(state) = &mut self.state else { return Outcome::Refused(Refusal::NotConfigured) };
        let Some(tag) = state.line.give() else { return Outcome::Refused(Refusal::TagOutOfRange) };
        state.newest = Some(queue_id);
        if broken::is(Broken::ListsVisitors) {
            let what = Claimed::Admitted { at: Timestamp::EPOCH, times: 0 };
            self.claimed
                .insert(queue_id, ClaimedRecord { what, expires_at: state.cancellation_kept_until() });
        }
        state.note_called();
        self.must_save = true;
        Outcome::Placed { tag, epoch: state.epoch, ahead: tag.saturating_sub(state.line.called() + 1) }
    }

    fn present(&mut self, tag: u64, epoch: u64) -> Outcome {
        match self.heal(tag, epoch) {
            Ok(()) => Outcome::Done,
            Err(outcome) => outcome,
        }
    }

    fn claim(&mut self, queue_id: QueueId, tag: u64, epoch: u64) -> Outcome {
        if let Err(outcome) = self.heal(tag, epoch) {
            return outcome;
        }
        let record = self.record(queue_id).filter(|_| !broken::is(Broken::AdmitsTwice));
        let Some(state) = &mut self.state else { return Outcome::Refused(Refusal::NotConfigured) };
        let times = match record.as_ref().map(|record| record.what) {
            Some(Claimed::Cancelled) => return Outcome::Spent(SpentReason::Cancelled),
            Some(Claimed::Admitted { at, times }) => {
                let is_valid = state.now < at.saturating_add(state.settings.token_validity());
                // Also while the room is paused: this one was counted already, and may not have heard of it.
                if is_valid {
                    return Outcome::Admitted { at };
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
        let what = Claimed::Admitted { at: state.now, times: times.saturating_add(1) };
        let at = state.now;
        self.claimed.insert(queue_id, ClaimedRecord { what, expires_at });
        self.must_save = true;
        Outcome::Admitted { at }
    }

    fn cancel(&mut self, queue_id: QueueId) -> Outcome {
        let record = self.record(queue_id);
        let Some(state) = &self.state else { return Outcome::Refused(Refusal::NotConfigured) };
        if record.as_ref().is_some_and(|record| record.what == Claimed::Cancelled) {
            return Outcome::Done;
        }
        let kept_until = state.cancellation_kept_until();
        let expires_at = record.map_or(kept_until, |record| record.expires_at.max(kept_until));
        self.claimed.insert(queue_id, ClaimedRecord { what: Claimed::Cancelled, expires_at });
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
    fn heal(&mut self, tag: u64, epoch: u64) -> Result<(), Outcome> {
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
        Ok(())
    }

    /// The record as this batch has left it. One that has expired is none, whether or not the store has swept it.
    fn record(&self, queue_id: QueueId) -> Option<ClaimedRecord> {
        let record = self.claimed.get(&queue_id).or_else(|| self.known.get(&queue_id))?;
        (record.expires_at > self.now).then(|| record.clone())
    }
}
