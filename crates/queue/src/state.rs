//! What is kept of a room: its state, and a record for each queue id that was admitted or cancelled. Both in their
//! written forms too, which carry a number, so that an older release refuses what a newer one wrote.

use std::time::Duration;

use anteroom_protocol::id::QueueId;
use anteroom_protocol::time::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::broken::{self, Broken};
use crate::gate::Gate;
use crate::line::Line;
use crate::presence::{Presence, STANDSTILL_FORGIVEN};
use crate::settings::Settings;
use crate::tally::Tally;

/// The longest pause message, in bytes.
pub const MESSAGE_BYTES_MAX: usize = 2_000;

/// The form that this release writes, and the newest it reads.
const FORM: u64 = 1;

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

/// The whole state of one room. Its size does not depend on how many wait (I7): see `i7_state_stays_small`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoomState {
    pub(crate) settings: Settings,
    /// Which life of the room this is. Tickets of another are spent.
    pub(crate) epoch: u64,
    /// The newest moment that the room has seen. Never goes back.
    pub(crate) now: Timestamp,
    pub(crate) line: Line,
    /// Who was given the newest place. A process that does not know whether its save happened knows by this.
    pub(crate) newest: Option<QueueId>,
    pub(crate) gate: Gate,
    pub(crate) presence: Presence,
    pub(crate) tally: Tally,
    /// The operator's message while the room is paused.
    pub(crate) paused: Option<String>,
}

/// Kept bytes that are not a state or a record this version can read.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// Written by a newer release.
    #[error(
        "written in form {found}, this release reads up to {FORM}: run the newer release, or restore older data"
    )]
    Newer {
        /// The form found.
        found: u64,
    },
    /// Not what this crate writes.
    #[error("not a form that this program writes")]
    Malformed(#[source] serde_json::Error),
    /// It reads, but breaks a rule every written state keeps.
    #[error("damaged: {0}")]
    Damaged(&'static str),
}

impl RoomState {
    /// A room that begins now.
    pub(crate) fn new(settings: Settings, now: Timestamp) -> Self {
        let burst = settings.burst_places();
        Self {
            settings,
            epoch: 1,
            now,
            line: Line::new(burst),
            newest: None,
            gate: Gate::new(burst),
            presence: Presence::new(),
            tally: Tally::new(),
            paused: None,
        }
    }

    /// Lets time pass. Only time since `steady_since` counts: before it, nobody has watched the clock without a
    /// gap, and a crash, a sleeping machine or a clock that was set must not bring capacity (I1).
    pub(crate) fn advance(&mut self, now: Timestamp, steady_since: Timestamp) {
        let now = now.max(self.now);
        let span = now.saturating_since(self.now.max(steady_since)).min(CREDIT_MAX);
        self.now = now;
        if self.paused.is_none() {
            let span_ms = u64::try_from(span.as_millis()).unwrap_or(0);
            let slivers = u64::from(self.settings.outflow_per_minute) * span_ms;
            let burst = self.settings.burst_places();
            // Whoever asks while others are held may be held too, and does not become late by it.
            self.presence.run(span_ms, self.gate.is_open(now));
            // What the gate could not use is lost for good, and nobody owes it any more.
            self.presence.forgive(self.gate.overflow(slivers, burst));
            let unused = self.gate.pass_time(span_ms, slivers, burst, self.line.waiting() > 0);
            let free = self.presence.after_debt(slivers);
            // Those who stand at the gate were called by this capacity already, and the gate could not use it then.
            if !self.gate.is_crowded(now, self.settings.outflow_per_minute) {
                self.line.advance(free, burst);
                let mut wanted = self.presence.to_replace();
                if unused >= UNUSED_TOO_LONG {
                    wanted = wanted.max(slivers.saturating_mul(CALL_FOR_AN_UNUSED_GATE_FACTOR));
                }
                let wanted = wanted.min(slivers.saturating_mul(CALL_MORE_FACTOR));
                self.presence.replaced(self.line.call_more(wanted));
            }
            if self.line.waiting() == 0 {
                self.presence.forget_unused();
            }
        }
        self.note_called();
    }

    /// Tells who has just been called to those who count them.
    pub(crate) fn note_called(&mut self) {
        self.presence.note_called(self.line.called(), self.now, self.settings.late_window());
    }

    /// Whether time would change nothing: the room is paused, or nobody waits and a burst of visitors could come at
    /// once.
    pub(crate) fn is_settled(&self) -> bool {
        let burst = self.settings.burst_places();
        if self.paused.is_some() {
            return true;
        }
        self.line.is_settled(burst) && self.gate.is_full(burst) && self.presence.expected() == 0
    }

    /// What a process without a memory must assume of a state that it finds.
    pub(crate) fn distrust(&mut self, now: Timestamp) {
        self.gate.distrust(now.saturating_since(self.now), self.settings.outflow_per_minute);
    }

    /// Puts back what this process remembers and the found state lacks: a store that lost its newest writes hands
    /// out an older state (I3). Says whether there was anything.
    pub(crate) fn heal_from(&mut self, remembered: &Self) -> bool {
        let is_behind = self.now < remembered.now
            || self.line.last() < remembered.line.last()
            || self.tally.total < remembered.tally.total;
        if !is_behind || self.epoch != remembered.epoch {
            return false;
        }
        let found = self.clone();
        // An operator may have spoken since the loss; nobody else's word is newer than the newest state.
        if found.now < remembered.now {
            *self = remembered.clone();
        }
        if found.line.last() > remembered.line.last() {
            self.newest = found.newest;
        } else {
            self.newest = remembered.newest;
        }
        for other in [&found, remembered] {
            self.line.take_further(&other.line);
            self.gate.take_stricter(&other.gate);
            if self.tally.total < other.tally.total {
                self.tally = other.tally.clone();
                self.presence = other.presence.clone();
            }
        }
        true
    }

    /// Until when the record of an admission must be kept: nobody may be able to claim the place any more, nor to
    /// use the queue token.
    pub(crate) fn admission_kept_until(&self, tag: u64) -> Timestamp {
        let late_at = self.presence.late_at(tag, self.now, self.settings.late_window());
        late_at.max(self.now).saturating_add(self.settings.token_validity()).saturating_add(KEPT_LONGER)
    }

    /// The same where the place is not known: it may be the last in line, and the outflow may be halved twice before
    /// that is called.
    pub(crate) fn cancellation_kept_until(&self) -> Timestamp {
        const SLOWER: u64 = 4;
        const LINE_MAX: Duration = Duration::from_secs(7 * 24 * 60 * 60);
        let line_ms =
            self.line.waiting().saturating_mul(SLOWER * 60_000) / u64::from(self.settings.outflow_per_minute);
        let line = Duration::from_millis(line_ms).min(LINE_MAX);
        let spans = [
            line,
            self.settings.late_window(),
            STANDSTILL_FORGIVEN,
            self.settings.token_validity(),
            KEPT_LONGER,
        ];
        spans.into_iter().fold(self.now, Timestamp::saturating_add)
    }

    /// The written form: JSON with its form's number in front.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = encode(self);
        if broken::is(Broken::StateGrows) {
            bytes.resize(bytes.len() + 40 * usize::try_from(self.line.waiting()).unwrap_or(0), b' ');
        }
        bytes
    }

    /// Reads a written form.
    ///
    /// # Errors
    /// When a newer release wrote it, or it is not what this crate writes.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let state: Self = decode(bytes)?;
        if state.settings.check().is_err() {
            return Err(DecodeError::Damaged("a setting is out of its bounds"));
        }
        if !state.line.is_sound() || !state.presence.is_sound() || !state.tally.is_sound() {
            return Err(DecodeError::Damaged("a figure is out of its bounds"));
        }
        Ok(state)
    }
}

/// What is kept of one queue id once it was admitted or cancelled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    pub(crate) what: Kept,
    /// Nobody needs the record from here on.
    pub expires_at: Timestamp,
}

/// What became of a queue id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kept {
    /// It was let in so many times, last at this moment.
    Admitted { at: Timestamp, times: u32 },
    /// It must not be let in.
    Cancelled,
}

impl Record {
    /// The written form: JSON with its form's number in front.
    pub fn encode(&self) -> Vec<u8> {
        encode(self)
    }

    /// Reads a written form.
    ///
    /// # Errors
    /// When a newer release wrote it, or it is not what this crate writes.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        decode(bytes)
    }
}

#[derive(Serialize, Deserialize)]
struct Written<T> {
    form: u64,
    content: T,
}

#[derive(Deserialize)]
struct FormOnly {
    form: u64,
}

fn encode<T: Serialize>(content: &T) -> Vec<u8> {
    serde_json::to_vec(&Written { form: FORM, content })
        .expect("this holds because the forms are plain structures with text keys")
}

fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, DecodeError> {
    let FormOnly { form } = serde_json::from_slice(bytes).map_err(DecodeError::Malformed)?;
    if form > FORM {
        return Err(DecodeError::Newer { found: form });
    }
    let written: Written<T> = serde_json::from_slice(bytes).map_err(DecodeError::Malformed)?;
    Ok(written.content)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        Timestamp::from_seconds(1_700_000_000)
    }

    #[test]
    fn state_is_read_as_it_was_written() {
        let state = RoomState::new(Settings::with_outflow(60), now());
        assert_eq!(RoomState::decode(&state.encode()).unwrap(), state);
        let record =
            Record { what: Kept::Admitted { at: now(), times: 2 }, expires_at: Timestamp::from_seconds(5) };
        assert_eq!(Record::decode(&record.encode()).unwrap(), record);
    }

    #[test]
    fn newer_and_foreign_forms_are_refused() {
        let newer = r#"{"form":2,"content":{"anything":[1,2]}}"#;
        assert!(matches!(RoomState::decode(newer.as_bytes()), Err(DecodeError::Newer { found: 2 })));
        for text in ["", "{}", "[]", "null", r#"{"form":1,"content":{}}"#, "\u{0}", r#"{"form":-1}"#] {
            assert!(matches!(RoomState::decode(text.as_bytes()), Err(DecodeError::Malformed(_))), "{text}");
        }
        let mut state = RoomState::new(Settings::with_outflow(60), now());
        state.settings.outflow_per_minute = 0;
        assert!(matches!(RoomState::decode(&state.encode()), Err(DecodeError::Damaged(_))));
    }

    #[test]
    fn figures_lost_by_the_store_are_put_back() {
        let mut remembered = RoomState::new(Settings::with_outflow(60), now());
        let mut found = remembered.clone();
        remembered.line.give().unwrap();
        remembered.gate.take();
        remembered.tally.add(now());
        found.now = now().saturating_add(Duration::from_secs(3));
        found.paused = Some("spoken since".to_owned());
        assert!(found.heal_from(&remembered));
        assert_eq!(found.line.last(), 1);
        assert_eq!(found.tally.total, 1);
        assert_eq!(found.paused.as_deref(), Some("spoken since"));
        assert!(!found.gate.is_full(2));
        assert!(!found.heal_from(&remembered));
    }
}
