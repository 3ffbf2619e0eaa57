//! One step of a room: from a state and a batch of commands to the next state and its outcomes. The only place where
//! a place is given or somebody is let in.
//!
//! What an operator should know of the rules:
//!
//! * Places are given in the order in which visitors come. Time calls them in that order, at the outflow; several lanes
//!   share it by their weights, each in its own order.
//! * Whoever is called and asks is let in, as long as the gate has room and the room is not full; otherwise they are told
//!   when to come back.
//! * The same visitor who asks again while the queue token is valid gets the same answer again. Afterwards they may
//!   come again as often as the re-entry limit says, through the gate like anybody.
//! * Whoever was called and does not come within the late window has lost the place; a pause or a crash of ours does
//!   not count.
//! * While the room is paused or closed, before its start and after its end nobody is called or let in, and everybody
//!   keeps their place. Only who had been let in before and asks again gets the same answer again.
//! * Where everybody passes, all are let in at once and counted, whatever the schedule says and however many are
//!   inside. Only a pause keeps them out.
//! * With unique keys a key holds one place until the room is reset: whoever brings it gets the id and the place of who
//!   brought it first, so it is good for as many admissions as one visitor has.

use std::collections::BTreeMap;
use std::time::Duration;

use anteroom_protocol::id::QueueId;
use anteroom_protocol::mac::Key;
use anteroom_protocol::place::{Lane, Place, PlaceNumber};
use anteroom_protocol::time::Timestamp;

use crate::broken::{self, Broken};
use crate::command::{Command, KeyDigest, Outcome, RecordId, Refusal, SpentReason};
use crate::draw::DrawKey;
use crate::lanes::TAG_MAX;
use crate::record::{Admission, Kept};
use crate::schedule::Resolved;
use crate::settings::Mode;
use crate::snapshot::Phase;

pub use crate::record::Record;
pub use crate::state::{MESSAGE_BYTES_MAX, RoomState};
pub use crate::written::DecodeError;

/// Visitors who were told to come back are written down when that moves the next free moment by this much: less is
/// not worth a save.
const BOOKING_WORTH_A_SAVE: Duration = Duration::from_millis(500);

/// When somebody whose turn it is shall come back to a room that is full: nobody knows when the next one leaves.
const ASK_AGAIN_FULL: Duration = Duration::from_secs(3);

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
        entropy: FreshKeys { entropy, made: 0 },
        must_save: false,
    };
    if let Some(state) = &mut step.state {
        step.must_save = state.advance(now, steady_since);
    }
    let outcomes = batch.iter().map(|command| step.carry_out(command)).collect();
    let booked =
        |state: Option<&RoomState>| state.map_or(Timestamp::EPOCH, |state| state.gate.booked_until());
    let moved = booked(step.state.as_ref()).saturating_since(booked(state).max(now));
    let must_save = step.must_save || moved >= BOOKING_WORTH_A_SAVE;
    Applied { state: step.state, outcomes, records: step.records, must_save }
}

/// One step under way. What operators ask of it stands in `operate`.
pub(crate) struct Step<'a> {
    pub(crate) state: Option<RoomState>,
    known: &'a BTreeMap<RecordId, Record>,
    records: BTreeMap<RecordId, Record>,
    pub(crate) now: Timestamp,
    pub(crate) entropy: FreshKeys,
    pub(crate) must_save: bool,
}

/// Keys of draws, made of a step's entropy. A batch may need several, and no two may be the same.
pub(crate) struct FreshKeys {
    entropy: [u8; 32],
    made: u64,
}

impl FreshKeys {
    pub(crate) fn next(&mut self) -> DrawKey {
        self.made += 1;
        DrawKey::from_entropy(*Key::new(&self.entropy).sign(&[&self.made.to_be_bytes()]).as_bytes())
    }
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
            Command::Arrive { queue_id, lane, key } => self.arrive(*queue_id, *lane, *key),
            Command::Claim { queue_id, place, epoch } => self.claim(*queue_id, *place, *epoch),
            Command::Present { queue_id, place, epoch } => self.present(*queue_id, *place, *epoch),
            Command::Cancel { queue_id } => self.cancel(*queue_id),
            Command::Pause { message } => self.pause(message),
            Command::Resume => self.resume(),
            Command::Reset { epoch } => self.reset(*epoch),
            Command::Beacon { value } => self.mix_in(value),
        }
    }

    fn arrive(&mut self, queue_id: QueueId, lane: Lane, key: Option<KeyDigest>) -> Outcome {
        let key = key.filter(|_| self.state.as_ref().is_some_and(|state| state.settings.unique_keys));
        let key = key.filter(|_| !broken::is(Broken::KeysIgnored));
        if let Some(held) = key.and_then(|key| self.place_of_key(key)) {
            return held;
        }
        let Some(state) = &mut self.state else { return Outcome::Refused(Refusal::NotConfigured) };
        let lane = if lane.index() < state.settings.lanes() { lane } else { Lane::ORDINARY };
        let placed = match (state.settings.mode, state.phase(state.now)) {
            (Mode::Closed, _) => return Outcome::Refused(Refusal::Closed),
            (Mode::Queue, Phase::Ended) => return Outcome::Refused(Refusal::Ended),
            (Mode::Queue, Phase::Before { pre_queue_at, starts_at }) => {
                let opens_at = pre_queue_at.unwrap_or(starts_at);
                return Outcome::Refused(Refusal::NotOpenYet { opens_at });
            }
            (Mode::Queue, Phase::PreQueue { .. }) => self.enter(queue_id, lane),
            (Mode::Queue, Phase::Running) | (Mode::Passthrough, _) => self.give(queue_id, lane),
        };
        if let (Some(key), Outcome::Placed { place, epoch, .. }, Some(state)) = (key, &placed, &self.state) {
            let what = Kept::Holds { queue_id, place: *place, epoch: *epoch };
            let record = Record { what, expires_at: state.key_kept_until() };
            self.records.insert(RecordId::Key(key), record);
        }
        placed
    }

    /// The next place of the lane.
    ///
    /// The tag is saved before the reply is sent. If the reply is lost, one place stays empty and is counted as a
    /// visitor who did not come; the other way round, two visitors could hold the same place.
    fn give(&mut self, queue_id: QueueId, lane: Lane) -> Outcome {
        let Some(state) = &mut self.state else { return Outcome::Refused(Refusal::NotConfigured) };
        let Some(tag) = state.lanes.give(lane) else { return Outcome::Refused(Refusal::TagOutOfRange) };
        state.newest = Some(queue_id);
        if broken::is(Broken::ListsVisitors) {
            let at = Timestamp::EPOCH;
            let what = Kept::Admitted(Admission { at, times: 0, leaves_at: None, has_passed: false });
            let record = Record { what, expires_at: state.cancellation_kept_until() };
            self.records.insert(RecordId::Visitor(queue_id), record);
        }
        state.call();
        self.must_save = true;
        let place = Place { lane, number: PlaceNumber::Tag(tag) };
        Outcome::Placed { queue_id, place, epoch: state.epoch, ahead: state.ahead_of(place) }
    }

    /// The next entry of the lane's pre-queue.
    fn enter(&mut self, queue_id: QueueId, lane: Lane) -> Outcome {
        let Some(state) = &mut self.state else { return Outcome::Refused(Refusal::NotConfigured) };
        let Some(index) = state.opening.enter(lane) else { return Outcome::Refused(Refusal::TagOutOfRange) };
        state.newest = Some(queue_id);
        self.must_save = true;
        let place = Place { lane, number: PlaceNumber::Entry(index) };
        Outcome::Placed { queue_id, place, epoch: state.epoch, ahead: 0 }
    }

    /// The place that the key holds in this epoch. Its record lives on with it.
    fn place_of_key(&mut self, key: KeyDigest) -> Option<Outcome> {
        /// A record that is needed for so much longer is worth a save.
        const LONGER: Duration = Duration::from_secs(24 * 60 * 60);
        let mut record = self.record(RecordId::Key(key))?;
        let state = self.state.as_ref()?;
        let Kept::Holds { queue_id, place, epoch } = record.what else { return None };
        if epoch != state.epoch {
            return None;
        }
        let kept_until = state.key_kept_until();
        if kept_until > record.expires_at.saturating_add(LONGER) {
            record.expires_at = kept_until;
            self.records.insert(RecordId::Key(key), record);
            self.must_save = true;
        }
        Some(Outcome::Placed { queue_id, place, epoch, ahead: state.ahead_of(place) })
    }

    fn present(&mut self, queue_id: QueueId, place: Place, epoch: u64) -> Outcome {
        match self.heal(queue_id, place, epoch) {
            Ok(_) => Outcome::Done,
            Err(outcome) => outcome,
        }
    }

    fn claim(&mut self, queue_id: QueueId, place: Place, epoch: u64) -> Outcome {
        let tag = match self.heal(queue_id, place, epoch) {
            Ok(tag) => tag,
            Err(outcome) => return outcome,
        };
        let lane = place.lane;
        let id = RecordId::Visitor(queue_id);
        let record = self.record(id).filter(|_| !broken::is(Broken::AdmitsTwice));
        let Some(state) = &mut self.state else { return Outcome::Refused(Refusal::NotConfigured) };
        let is_late = tag.is_some_and(|tag| state.presence.is_late(lane, tag));
        let before = match record.as_ref().map(|record| record.what) {
            Some(Kept::Cancelled) => return Outcome::Spent(SpentReason::Cancelled),
            Some(Kept::Admitted(admission)) => {
                let is_valid = state.now < admission.at.saturating_add(state.settings.token_validity());
                // Also while the room is paused: this one was counted already, and may not have heard of it.
                if is_valid {
                    return Outcome::Admitted { at: admission.at, why: admission.why() };
                }
                if admission.times > state.settings.re_entry_limit || is_late {
                    return Outcome::Spent(SpentReason::Used);
                }
                Some(admission)
            }
            Some(Kept::Holds { .. }) | None if is_late => return Outcome::Spent(SpentReason::Late),
            Some(Kept::Holds { .. }) | None => None,
        };
        if let Some(message) = state.paused.as_ref().filter(|_| !broken::is(Broken::PausePasses)) {
            return Outcome::Paused { message: message.clone() };
        }
        // Who was let in before and is still inside takes no further seat.
        let seat =
            before.and_then(|admission| admission.leaves_at).filter(|leaves_at| *leaves_at > state.now);
        let has_passed = state.passes();
        if !has_passed && let Err(outcome) = state.let_in(lane, tag, seat.is_some()) {
            return outcome;
        }
        state.count_in(lane, tag, before.is_some(), has_passed);
        let leaves_at = state.take_seat(seat);
        let kept_until = match tag {
            Some(tag) => state.admission_kept_until(lane, tag, leaves_at),
            None => state.cancellation_kept_until().max(leaves_at.unwrap_or(Timestamp::EPOCH)),
        };
        let expires_at = record.map_or(kept_until, |record| record.expires_at.max(kept_until));
        let times = before.map_or(0, |admission| admission.times).saturating_add(1);
        let admission = Admission { at: state.now, times, leaves_at, has_passed };
        self.records.insert(id, Record { what: Kept::Admitted(admission), expires_at });
        self.must_save = true;
        Outcome::Admitted { at: admission.at, why: admission.why() }
    }

    fn cancel(&mut self, queue_id: QueueId) -> Outcome {
        let record = self.record(RecordId::Visitor(queue_id));
        let Some(state) = &mut self.state else { return Outcome::Refused(Refusal::NotConfigured) };
        match record.as_ref().map(|record| record.what) {
            Some(Kept::Cancelled) => return Outcome::Done,
            Some(Kept::Admitted(Admission { leaves_at: Some(leaves_at), .. })) => {
                state.active.release(leaves_at, state.now);
            }
            _ => {}
        }
        let kept_until = state.cancellation_kept_until();
        let expires_at = record.map_or(kept_until, |record| record.expires_at.max(kept_until));
        self.records.insert(RecordId::Visitor(queue_id), Record { what: Kept::Cancelled, expires_at });
        self.must_save = true;
        Outcome::Done
    }

    /// A genuine ticket of this life of the room: its place was given, whatever the state knows (I3). Returns its tag,
    /// unless the places are not drawn yet.
    fn heal(&mut self, queue_id: QueueId, place: Place, epoch: u64) -> Result<Option<u64>, Outcome> {
        let Some(state) = &mut self.state else { return Err(Outcome::Refused(Refusal::NotConfigured)) };
        if !state.may_be_present(epoch) {
            return Err(Outcome::Spent(SpentReason::OtherEpoch));
        }
        let (number, lowest) = match place.number {
            PlaceNumber::Tag(tag) => (tag, 1),
            PlaceNumber::Entry(index) => (index, 0),
        };
        if !(lowest..=TAG_MAX).contains(&number) {
            return Err(Outcome::Refused(Refusal::TagOutOfRange));
        }
        if epoch != state.epoch {
            // Somebody has reset the room, and the store has lost it.
            state.reset(epoch, || self.entropy.next());
            self.must_save = true;
        }
        match state.resolve(place) {
            Resolved::Tag(tag) => {
                if tag > state.lanes.last()[place.lane] {
                    state.lanes.heal(place.lane, tag);
                    state.call();
                    self.must_save = true;
                }
                Ok(Some(tag))
            }
            Resolved::NotDrawn => Ok(None),
            Resolved::Unknown if state.opening.heal(place.lane, number) => {
                self.must_save = true;
                Ok(None)
            }
            // The draw was held without this entry: see `schedule`.
            Resolved::Unknown => Err(self.give(queue_id, place.lane)),
        }
    }

    /// The record as this batch has left it. One that has expired is none, whether or not the store has swept it.
    fn record(&self, id: RecordId) -> Option<Record> {
        let record = self.records.get(&id).or_else(|| self.known.get(&id))?;
        (record.expires_at > self.now).then(|| record.clone())
    }
}

impl RoomState {
    /// How many are ahead of a place; nobody, as far as is known, before the draw.
    fn ahead_of(&self, place: Place) -> u64 {
        match self.resolve(place) {
            Resolved::Tag(tag) => tag.saturating_sub(self.lanes.called()[place.lane] + 1),
            Resolved::NotDrawn | Resolved::Unknown => 0,
        }
    }

    /// Takes a place at the gate for the holder of this tag, or says why not.
    fn let_in(&mut self, lane: Lane, tag: Option<u64>, has_seat: bool) -> Result<(), Outcome> {
        match (self.settings.mode, self.phase(self.now)) {
            (Mode::Closed, _) => return Err(Outcome::Refused(Refusal::Closed)),
            (_, Phase::Ended) => return Err(Outcome::Refused(Refusal::Ended)),
            (_, Phase::Before { .. } | Phase::PreQueue { .. }) => return Err(Outcome::NotYet),
            (_, Phase::Running) => {}
        }
        let Some(tag) = tag.filter(|tag| *tag <= self.lanes.called()[lane]) else {
            return Err(Outcome::NotYet);
        };
        if self.is_full() && !has_seat {
            return Err(Outcome::Held { ask_again_after: ASK_AGAIN_FULL });
        }
        if self.gate.take() {
            return Ok(());
        }
        let ask_again_after = self.gate.hold((lane, tag), self.now, self.outflow_now());
        Err(Outcome::Held { ask_again_after })
    }

    /// Somebody was let in: tells all who count.
    fn count_in(&mut self, lane: Lane, tag: Option<u64>, is_again: bool, has_passed: bool) {
        self.tally.add(self.now);
        if has_passed {
            self.gate.pass();
        }
        match tag {
            // Nobody was called in vain for these, and nobody waits for them to be made good.
            Some(tag) if has_passed && !is_again => self.presence.note_passed(lane, tag),
            Some(tag) if !is_again => self.presence.note_admitted(lane, tag),
            _ if has_passed => {}
            _ => self.presence.owe_one(),
        }
    }

    /// Somebody is inside from now on, where that is counted; gives the seat back that they had. Says until when.
    fn take_seat(&mut self, seat: Option<Timestamp>) -> Option<Timestamp> {
        self.settings.max_active?;
        if let Some(leaves_at) = seat {
            self.active.release(leaves_at, self.now);
        }
        Some(self.active.add(self.now, self.settings.session()))
    }
}
