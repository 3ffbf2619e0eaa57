//! What goes between the processes and the store, what becomes of it on the way, and what the store notes.

use anteroom_queue::node::StoreRequest;

use crate::faults::{Fate, Loses};
use crate::store::Answer;
use crate::trace::Fact;
use crate::world::{Event, World};

/// After this long a process gives up on an answer of the store.
const STORE_PATIENCE_MS: u64 = 2_000;

/// How often what the store keeps is noted at the most.
const NOTE_KEPT_EVERY_MS: u64 = 1_000;

impl World {
    /// Sends a node's wish on its way to the store, and draws what becomes of it.
    pub(crate) fn send_to_store(&mut self, process: usize, request: StoreRequest) {
        let number = self.number();
        let starts = self.processes[process].life.starts;
        self.processes[process].store_request = Some(number);
        let trouble = if self.now < self.storm_until { self.storm_per_mille } else { 0 };
        let drawn = Fate::draw(&mut self.random, trouble);
        let fate = match self.processes[process].loses(self.now) {
            Some(Loses::Requests) => Fate::Lost,
            Some(Loses::Answers) => Fate::AnswerLost,
            None => drawn,
        };
        let (mut there_ms, mut back_ms) = (self.store_delay(), self.store_delay());
        if fate != Fate::Well {
            self.counts.store_troubles += 1;
        }
        let failed =
            |after_ms| (after_ms, Event::StoreAnswers { process, starts, number, answer: Answer::Failed });
        let mut answer_after = None;
        match fate {
            Fate::Well => answer_after = Some(back_ms),
            Fate::Slow { by_ms } => {
                let there = self.random.below(by_ms);
                there_ms += there;
                back_ms += by_ms - there;
                answer_after = Some(back_ms);
            }
            Fate::NotDone => {
                let (after_ms, event) = failed(there_ms + back_ms);
                return self.after(after_ms, event);
            }
            Fate::Lost => {
                let (after_ms, event) = failed(STORE_PATIENCE_MS);
                return self.after(after_ms, event);
            }
            Fate::AnswerLost => {}
            Fate::DoneLater { by_ms } => there_ms = STORE_PATIENCE_MS + by_ms,
            Fate::CrashBeforeAnswer => {
                let down_ms = self.random.between(200, 5_000);
                self.after(there_ms + 1, Event::Crashes { process, starts, down_ms });
            }
        }
        self.after(there_ms, Event::StoreGets { process, starts, number, request, answer_after });
        // Ignored when the answer was there before.
        let (after_ms, event) = failed(STORE_PATIENCE_MS);
        self.after(after_ms, event);
    }

    fn note_kept(&mut self) {
        if self.now < self.kept_noted_at + NOTE_KEPT_EVERY_MS {
            return;
        }
        self.kept_noted_at = self.now;
        let (state_bytes, records, asked) = self.store.kept();
        self.note(Fact::Kept { state_bytes, records, asked });
    }

    fn store_delay(&mut self) -> u64 {
        self.random.between(1, self.plan.store_delay_max_ms)
    }

    pub(crate) fn store_gets(
        &mut self,
        process: usize,
        starts: u32,
        number: u64,
        request: &StoreRequest,
        answer_after: Option<u64>,
    ) {
        let answer = self.store.carry_out(request, self.now);
        match answer {
            Answer::Saved { .. } => {
                self.counts.saves += 1;
                if self.is_alive(process, starts) {
                    self.processes[process].committed_at = self.now;
                }
                self.note_kept();
                for other in 0..self.processes.len() {
                    // A watch may lose a change; the next look makes up for it.
                    let is_cut = self.processes[other].loses(self.now).is_some();
                    if other != process && !is_cut && self.random.chance(950) {
                        let (after_ms, starts) = (self.store_delay(), self.processes[other].life.starts);
                        self.after(after_ms, Event::Changed { process: other, starts });
                    }
                }
            }
            Answer::Conflict { .. } => self.counts.refused_saves += 1,
            Answer::Loaded { .. } | Answer::Failed => {}
        }
        if let Some(after_ms) = answer_after {
            self.after(after_ms, Event::StoreAnswers { process, starts, number, answer });
        }
    }

    pub(crate) fn store_answers(&mut self, process: usize, starts: u32, number: u64, answer: Answer) {
        if !self.is_alive(process, starts) || self.processes[process].store_request != Some(number) {
            return;
        }
        self.processes[process].store_request = None;
        if let Answer::Loaded { now, .. } | Answer::Saved { now, .. } | Answer::Conflict { now, .. } = &answer
        {
            self.processes[process].learn(*now, self.now);
        }
        self.with_node(process, |node, now| match answer {
            Answer::Loaded { found, .. } => node.handle_loaded(found, now),
            Answer::Saved { versions, .. } => node.handle_saved(&versions, now),
            Answer::Conflict { current, .. } => node.handle_conflict(current, now),
            Answer::Failed => node.handle_failed(now),
        });
    }
}
