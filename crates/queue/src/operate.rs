//! What operators ask of a room.

use crate::active::Active;
use crate::command::{Outcome, Refusal};
use crate::draw::BEACON_BYTES_MAX;
use crate::engine::Step;
use crate::schedule::Opening;
use crate::settings::{Mode, Settings};
use crate::state::{MESSAGE_BYTES_MAX, RoomState};

impl Step<'_> {
    pub(crate) fn configure(&mut self, settings: &Settings) -> Outcome {
        if let Err(problems) = settings.check() {
            return Outcome::Refused(Refusal::Settings(problems));
        }
        match &mut self.state {
            None => {
                self.state = Some(RoomState::new(settings.clone(), self.now, || self.entropy.next()));
                self.must_save = true;
            }
            Some(state) if state.settings != *settings => {
                let before = std::mem::replace(&mut state.settings, settings.clone());
                state.adopt(&before);
                state.reschedule(|| self.entropy.next());
                state.call();
                self.must_save = true;
            }
            Some(_) => {}
        }
        Outcome::Done
    }

    pub(crate) fn pause(&mut self, message: &str) -> Outcome {
        if message.len() > MESSAGE_BYTES_MAX {
            return Outcome::Refused(Refusal::MessageTooLong { found_bytes: message.len() });
        }
        if let Some(state) = &mut self.state
            && state.paused.as_deref() != Some(message)
        {
            if state.paused.is_none() && state.settings.ramp_seconds > 0 {
                state.paused_at = Some(state.now);
            }
            state.paused = Some(message.to_owned());
            self.must_save = true;
        }
        Outcome::Done
    }

    pub(crate) fn resume(&mut self) -> Outcome {
        if let Some(state) = &mut self.state
            && state.paused.take().is_some()
        {
            state.end_pause();
            state.call();
            self.must_save = true;
        }
        Outcome::Done
    }

    /// Begins the line anew. An epoch that has ended already is not ended twice, so the command can be repeated.
    pub(crate) fn reset(&mut self, epoch: u64) -> Outcome {
        let Some(state) = &mut self.state else { return Outcome::Refused(Refusal::NotConfigured) };
        if epoch > state.epoch {
            return Outcome::Refused(Refusal::OtherEpoch { present: state.epoch });
        }
        if epoch == state.epoch {
            state.reset(epoch.saturating_add(1), || self.entropy.next());
            self.must_save = true;
        }
        Outcome::Done
    }

    pub(crate) fn mix_in(&mut self, value: &str) -> Outcome {
        let Some(state) = &mut self.state else { return Outcome::Refused(Refusal::NotConfigured) };
        if !(1..=BEACON_BYTES_MAX).contains(&value.len()) {
            return Outcome::Refused(Refusal::BeaconLength { found_bytes: value.len() });
        }
        let Opening::Ahead(entries) = &mut state.opening else {
            return Outcome::Refused(Refusal::NoDrawAhead);
        };
        if entries.beacon.as_deref() != Some(value) {
            entries.beacon = Some(value.to_owned());
            self.must_save = true;
        }
        Outcome::Done
    }
}

impl RoomState {
    /// The settings were changed: what rests on the old ones is brought in line.
    fn adopt(&mut self, before: &Settings) {
        let settings = &self.settings;
        self.gate.change_outflow(self.now, before.outflow_per_minute, settings.outflow_per_minute);
        self.gate.narrow(settings.burst_places());
        self.presence.close_mark(self.now, settings.late_window());
        if before.lane_weights != settings.lane_weights {
            self.lanes.forget_turns();
        }
        if settings.max_active.is_none() {
            self.active = Active::default();
        }
        if before.ramp_seconds != settings.ramp_seconds {
            let length = settings.ramp();
            self.ramp = self.ramp.take().filter(|ramp| !ramp.is_over(length));
            self.ramp.iter_mut().for_each(super::ramp::Ramp::forget_carried);
            let is_noted = settings.ramp_seconds > 0 && self.paused.is_some();
            self.paused_at = is_noted.then(|| self.paused_at.unwrap_or(self.now));
        }
        if before.mode == Mode::Closed && settings.mode == Mode::Queue {
            self.begin_ramp();
        }
    }
}
