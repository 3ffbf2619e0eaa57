//! The whole state of one room, and what time does to it.

use std::time::Duration;

use anteroom_protocol::id::QueueId;
use anteroom_protocol::place::{Lane, Place};
use anteroom_protocol::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::active::Active;
use crate::broken::{self, Broken};
use crate::draw::DrawKey;
use crate::gate::Gate;
use crate::lanes::{Lanes, NO_LIMIT, Weights, weights};
use crate::presence::{Presence, STANDSTILL_FORGIVEN};
use crate::ramp::Ramp;
use crate::schedule::{Opening, Resolved, phase};
use crate::settings::{Mode, SLIVERS_PER_PLACE, Settings};
use crate::snapshot::Phase;
use crate::tally::Tally;
use crate::written::{self, DecodeError};

/// The longest pause message, in bytes.
pub const MESSAGE_BYTES_MAX: usize = 2_000;

/// Time that a step credits at the most. A room in which nobody waits may be stepped rarely; its visitors become late all
/// the same.
const CREDIT_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// How much faster than the outflow others are called for those who did not come: enough when seven of eight leave,
/// and not so much that a crowd is called before it is seen whether it comes.
const CALL_MORE_FACTOR: u64 = 7;

/// A gate that is full for so long although people wait says that those called last do not come at all, say because a
/// storm of the store has cost them their places. Others are then called in addition, so much faster than the outflow.
const UNUSED_TOO_LONG: Duration = Duration::from_secs(5);
const CALL_FOR_AN_UNUSED_GATE_FACTOR: u64 = 2;

/// A record is kept a little longer than anything can be asked of it: clocks of processes differ.
const KEPT_LONGER: Duration = Duration::from_secs(60);

/// A pause longer than this is followed by a slow start, if the room has one.
const PAUSE_SHORT: Duration = Duration::from_secs(60);

/// How long a key is kept beyond all that is known to lie ahead: who brings it within this time gets the first place again.
const KEY_KEPT: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The whole state of one room. Its size does not depend on how many wait (I7): see `i7_state_stays_small`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoomState {
    pub(crate) settings: Settings,
    /// Which life of the room this is. Tickets of another are spent.
    pub(crate) epoch: u64,
    /// The newest moment that the room has seen. Never goes back.
    pub(crate) now: Timestamp,
    #[serde(rename = "line")]
    pub(crate) lanes: Lanes,
    /// Who was given the newest place. A process that does not know whether its save happened knows by this.
    pub(crate) newest: Option<QueueId>,
    pub(crate) gate: Gate,
    pub(crate) presence: Presence,
    pub(crate) tally: Tally,
    /// The operator's message while the room is paused.
    pub(crate) paused: Option<String>,
    /// Since when it is paused; noted only in a room with a slow start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) paused_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Opening::is_at_once")]
    pub(crate) opening: Opening,
    /// The slow start that is under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ramp: Option<Ramp>,
    /// Who is inside, in a room that limits them.
    #[serde(default, skip_serializing_if = "Active::is_empty")]
    pub(crate) active: Active,
}

impl RoomState {
    /// A room that begins now. The key is made only when there is a draw ahead.
    pub(crate) fn new(settings: Settings, now: Timestamp, key: impl FnOnce() -> DrawKey) -> Self {
        let burst = settings.burst_places();
        let opening = Opening::new(&settings.schedule, now, key);
        let mut state = Self {
            settings,
            epoch: 1,
            now,
            lanes: Lanes::new(burst),
            newest: None,
            gate: Gate::new(burst),
            presence: Presence::new(),
            tally: Tally::new(),
            paused: None,
            paused_at: None,
            opening,
            ramp: None,
            active: Active::default(),
        };
        state.begin_ramp();
        state
    }

    /// Begins the line anew in this epoch. The gate goes on, so that I1 holds across it, and so does the tally; who is
    /// inside stays inside.
    pub(crate) fn reset(&mut self, epoch: u64, key: impl FnOnce() -> DrawKey) {
        self.epoch = epoch;
        self.lanes = Lanes::new(self.settings.burst_places());
        self.newest = None;
        self.gate.forget_held();
        self.presence = Presence::new();
        self.opening = Opening::new(&self.settings.schedule, self.now, key);
        self.begin_ramp();
    }

    /// Lets time pass. Only time since `steady_since` counts: before it, nobody has watched the clock without a
    /// gap, and a crash, a sleeping machine or a clock that was set must not bring capacity (I1). Says whether the room
    /// has started, which must be saved.
    pub(crate) fn advance(&mut self, now: Timestamp, steady_since: Timestamp) -> bool {
        let now = now.max(self.now);
        let due_at = self.opening.due_at(&self.settings.schedule).filter(|due_at| *due_at <= now);
        if let Some(due_at) = due_at {
            self.pass_time(due_at, steady_since);
            self.start();
        }
        if let Some(ends_at) = self.settings.schedule.ends_at.filter(|ends_at| *ends_at < now) {
            self.pass_time(ends_at, steady_since);
        }
        self.pass_time(now, steady_since);
        self.active.pass_time(now);
        self.note_called();
        due_at.is_some()
    }

    /// Lets time pass up to a moment, between which and now the room neither starts nor ends.
    fn pass_time(&mut self, until: Timestamp, steady_since: Timestamp) {
        let until = until.max(self.now);
        let span = until.saturating_since(self.now.max(steady_since)).min(CREDIT_MAX);
        let stands_still = self.stands_still();
        self.now = until;
        if !stands_still {
            self.run(u64::try_from(span.as_millis()).unwrap_or(0));
        }
    }

    fn run(&mut self, span_ms: u64) {
        let slivers = self.capacity_of(span_ms);
        let (burst, weights) = (self.burst_now(), self.weights());
        // A room that is full lets nobody in, so nobody is called, and nobody counts as not having come.
        if !self.is_full() {
            // Whoever asks while others are held may be held too, and does not become late by it.
            self.presence.run(span_ms, self.gate.is_open(self.now));
        }
        let seats = self.seats();
        // What the gate could not use is lost for good, and nobody owes it any more.
        self.presence.forgive(self.gate.overflow(slivers, burst));
        let is_wanted = self.lanes.is_anybody_waiting() && seats > 0;
        let unused = self.gate.pass_time(span_ms, slivers, burst, is_wanted);
        let free = self.presence.after_debt(slivers);
        // Those who stand at the gate were called by this capacity already, and the gate could not use it then.
        if !self.gate.is_crowded(self.now, self.outflow_now()) {
            let seats_left = seats - self.lanes.advance(free, burst, seats, weights);
            let mut wanted = self.presence.to_replace();
            if unused >= UNUSED_TOO_LONG {
                wanted = wanted.max(slivers.saturating_mul(CALL_FOR_AN_UNUSED_GATE_FACTOR));
            }
            let wanted = wanted.min(slivers.saturating_mul(CALL_MORE_FACTOR)).min(seats_left);
            self.presence.replaced(self.lanes.call_more(wanted, weights));
            if seats_left < SLIVERS_PER_PLACE {
                // The limit decides who is called, so nobody is owed a place for those who did not come.
                self.presence.forget_unused();
            }
        }
        if !self.lanes.is_anybody_waiting() {
            self.presence.forget_unused();
        }
    }

    /// What time brings, in slivers; the slow start goes on by it.
    fn capacity_of(&mut self, span_ms: u64) -> u64 {
        let (outflow, length) = (self.settings.outflow_per_minute, self.settings.ramp());
        let Some(ramp) = &mut self.ramp else { return u64::from(outflow) * span_ms };
        let (slivers, behind_ms) = ramp.run(span_ms, outflow, length);
        if ramp.is_over(length) {
            self.ramp = None;
        }
        slivers.saturating_add(u64::from(outflow) * behind_ms)
    }

    /// A slow start begins, if the room has one.
    pub(crate) fn begin_ramp(&mut self) {
        self.ramp = Ramp::begin(self.settings.ramp());
        let burst = self.burst_now();
        self.gate.narrow(burst);
        self.lanes.narrow(burst);
    }

    /// The pause is over; after a long one the room starts slowly, if it does that at all.
    pub(crate) fn end_pause(&mut self) {
        let paused_at = self.paused_at.take();
        if paused_at.is_some_and(|paused_at| self.now.saturating_since(paused_at) > PAUSE_SHORT) {
            self.begin_ramp();
        }
    }

    /// The room starts: the places are drawn.
    pub(crate) fn start(&mut self) {
        if let Opening::Ahead(entries) = std::mem::take(&mut self.opening) {
            let first = self.lanes.give_drawn(entries.count);
            self.opening = Opening::Drawn { entries, first };
            self.begin_ramp();
            self.call();
        }
    }

    /// The schedule was changed; see `schedule` for what follows.
    pub(crate) fn reschedule(&mut self, key: impl FnOnce() -> DrawKey) {
        let is_due = self.opening.due_at(&self.settings.schedule).is_some_and(|due_at| due_at <= self.now);
        if is_due {
            self.start();
        } else if !self.opening.is_ahead() && self.lanes.is_untouched() {
            let opening = Opening::new(&self.settings.schedule, self.now, key);
            if opening.is_ahead() {
                self.opening = opening;
            }
        }
    }

    /// Calls those who need not wait: as far as there is spare capacity, or all where everybody passes.
    pub(crate) fn call(&mut self) {
        if self.passes() {
            self.lanes.call_all();
        } else if !self.stands_still() {
            self.lanes.use_spare(self.seats(), self.weights());
        }
        self.note_called();
    }

    /// Tells who has just been called to those who count them.
    fn note_called(&mut self) {
        self.presence.note_called(self.lanes.called(), self.now, self.settings.late_window());
    }

    /// Where the room is in its life.
    pub(crate) fn phase(&self, now: Timestamp) -> Phase {
        phase(&self.opening, &self.settings.schedule, now)
    }

    /// Whether everybody is let in at once. A pause keeps out even those.
    pub(crate) fn passes(&self) -> bool {
        self.settings.mode == Mode::Passthrough && self.paused.is_none()
    }

    /// Whether time brings nothing.
    pub(crate) fn stands_still(&self) -> bool {
        let is_line_moving = match self.settings.mode {
            Mode::Queue => self.phase(self.now) == Phase::Running,
            Mode::Passthrough => true,
            Mode::Closed => false,
        };
        self.paused.is_some() || !is_line_moving
    }

    /// Whether as many are inside as may be.
    pub(crate) fn is_full(&self) -> bool {
        let is_reached = |max| self.active.count(self.now) >= u64::from(max);
        !self.passes() && self.settings.max_active.is_some_and(is_reached) && !broken::is(Broken::CapIgnored)
    }

    /// How many may still be called before those inside and those on their way are as many as may be, in slivers.
    fn seats(&self) -> u64 {
        let max = self.settings.max_active.filter(|_| !self.passes() && !broken::is(Broken::CapIgnored));
        let Some(max) = max else { return NO_LIMIT };
        let taken = self.active.count(self.now).saturating_add(self.presence.expected());
        u64::from(max).saturating_sub(taken) * SLIVERS_PER_PLACE
    }

    /// Whether the limit of people inside, and not the outflow, decides when the next one is called.
    pub(crate) fn is_limited(&self) -> bool {
        self.seats() == 0
    }

    pub(crate) fn weights(&self) -> Weights {
        weights(&self.settings)
    }

    /// The outflow as it is right now.
    pub(crate) fn outflow_now(&self) -> u32 {
        let outflow = self.settings.outflow_per_minute;
        self.ramp.map_or(outflow, |ramp| ramp.part_of(outflow, self.settings.ramp()))
    }

    /// The burst as it is right now.
    pub(crate) fn burst_now(&self) -> u32 {
        let burst = self.settings.burst_places();
        self.ramp.map_or(burst, |ramp| ramp.part_of(burst, self.settings.ramp()))
    }

    /// What the place is, by the draw of this state.
    pub(crate) fn resolve(&self, place: Place) -> Resolved {
        self.opening.resolve(place, |entries, index| entries.draw(place.lane).place(index))
    }

    /// Whether time would change nothing: the room stands still, or nobody waits and a burst of visitors could come at
    /// once.
    pub(crate) fn is_settled(&self) -> bool {
        let burst = self.settings.burst_places();
        self.stands_still()
            || (self.ramp.is_none()
                && self.lanes.is_settled(burst)
                && self.gate.is_full(burst)
                && self.presence.expected() == 0)
    }

    /// When the state changes although nobody asks anything of it: its start, if that lies ahead.
    pub fn next_moment(&self) -> Option<Timestamp> {
        self.opening.due_at(&self.settings.schedule)
    }

    /// Until when the record of an admission must be kept: nobody may be able to claim the place any more, nor to
    /// use the queue token, nor to leave.
    pub(crate) fn admission_kept_until(
        &self,
        lane: Lane,
        tag: u64,
        leaves_at: Option<Timestamp>,
    ) -> Timestamp {
        let late_at = self.presence.late_at(lane, tag, self.now, self.settings.late_window());
        let usable_until = late_at.max(self.now).saturating_add(self.settings.token_validity());
        usable_until.max(leaves_at.unwrap_or(Timestamp::EPOCH)).saturating_add(KEPT_LONGER)
    }

    /// The same where the place is not known: it may be the last in line, and the outflow may be halved twice before
    /// that is called.
    pub(crate) fn cancellation_kept_until(&self) -> Timestamp {
        const SLOWER: u64 = 4;
        const LINE_MAX: Duration = Duration::from_secs(7 * 24 * 60 * 60);
        let entries = self.opening.entries().filter(|_| self.opening.is_ahead());
        let waiting =
            self.lanes.waiting().sum().saturating_add(entries.map_or(0, |entries| entries.count.sum()));
        let line_ms = waiting.saturating_mul(SLOWER * 60_000) / u64::from(self.settings.outflow_per_minute);
        let line = Duration::from_millis(line_ms).min(LINE_MAX);
        let spans = [
            line,
            self.settings.late_window(),
            STANDSTILL_FORGIVEN,
            self.settings.token_validity(),
            KEPT_LONGER,
        ];
        let moves_at = self.next_moment().unwrap_or(self.now).max(self.now);
        spans.into_iter().fold(moves_at, Timestamp::saturating_add)
    }

    /// Until when a key's record must be kept: for as long as its ticket can be of use, as far as that can be known.
    pub(crate) fn key_kept_until(&self) -> Timestamp {
        let ends_at = self.settings.schedule.ends_at.unwrap_or(Timestamp::EPOCH);
        self.cancellation_kept_until().max(ends_at).saturating_add(KEY_KEPT)
    }

    /// Whether a release that knows of one lane and nothing else could read the state.
    fn is_of_old(&self) -> bool {
        self.settings.is_of_old()
            && self.lanes.is_ordinary()
            && self.presence.is_ordinary()
            && self.paused_at.is_none()
            && self.opening.is_at_once()
            && self.ramp.is_none()
            && self.active.is_empty()
    }

    /// The written form: JSON with its form's number in front.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = written::encode(self, self.is_of_old());
        if broken::is(Broken::StateGrows) {
            let waiting = usize::try_from(self.lanes.waiting().sum()).unwrap_or(0);
            bytes.resize(bytes.len() + 40 * waiting, b' ');
        }
        bytes
    }

    /// Reads a written form.
    ///
    /// # Errors
    /// When a newer release wrote it, or it is not what this crate writes.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let state: Self = written::decode(bytes)?;
        if state.settings.check().is_err() {
            return Err(DecodeError::Damaged("a setting is out of its bounds"));
        }
        let is_sound = state.lanes.is_sound()
            && state.gate.is_sound()
            && state.presence.is_sound()
            && state.tally.is_sound()
            && state.opening.is_sound()
            && state.ramp.is_none_or(|ramp| ramp.is_sound())
            && state.active.is_sound();
        if is_sound { Ok(state) } else { Err(DecodeError::Damaged("a figure is out of its bounds")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        Timestamp::from_seconds(1_700_000_000)
    }

    fn room() -> RoomState {
        RoomState::new(Settings::with_outflow(60), now(), || unreachable!("there is no draw"))
    }

    #[test]
    fn state_is_read_as_it_was_written() {
        let state = room();
        assert_eq!(RoomState::decode(&state.encode()).unwrap(), state);
    }

    #[test]
    fn newer_and_foreign_forms_are_refused() {
        let newer = r#"{"form":3,"content":{"anything":[1,2]}}"#;
        assert!(matches!(RoomState::decode(newer.as_bytes()), Err(DecodeError::Newer { found: 3 })));
        for text in ["", "{}", "[]", "null", r#"{"form":1,"content":{}}"#, "\u{0}", r#"{"form":-1}"#] {
            assert!(matches!(RoomState::decode(text.as_bytes()), Err(DecodeError::Malformed(_))), "{text}");
        }
        let mut state = room();
        state.settings.outflow_per_minute = 0;
        assert!(matches!(RoomState::decode(&state.encode()), Err(DecodeError::Damaged(_))));
    }
}
