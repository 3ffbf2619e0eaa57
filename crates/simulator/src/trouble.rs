//! How faults come about in a world.

use anteroom_store::documents::Documents;

use crate::faults::Fault;
use crate::process::Cut;
use crate::store::world_time;
use crate::trace::Fact;
use crate::world::{Event, World};

/// How long after a trouble the room may still feel it.
const AFTERMATH_MS: u64 = 12_000;

impl World {
    pub(crate) fn break_something(&mut self, fault: Fault) {
        match fault {
            Fault::Storm { for_ms, per_mille } => {
                self.storm_until = self.now + for_ms;
                self.storm_per_mille = per_mille;
                self.note_trouble(for_ms);
            }
            Fault::Crash { process, down_ms } => self.crash(process, down_ms),
            Fault::CrashAll { down_ms } => {
                for process in 0..self.processes.len() {
                    self.crash(process, down_ms);
                }
            }
            Fault::Stall { process, for_ms } => {
                self.counts.stalls += 1;
                self.processes[process].stalled_until = self.now + for_ms;
                self.note_trouble(for_ms);
            }
            Fault::Cut { process, for_ms, loses } => {
                self.counts.cuts += 1;
                self.processes[process].cut = Some(Cut { until: self.now + for_ms, loses });
                self.note_trouble(for_ms);
            }
            Fault::Loss { back_ms } => {
                let copy = self.store.copy();
                self.after(back_ms, Event::Loses { since: self.now, copy });
            }
            Fault::Step { by_ms } => {
                self.counts.clock_steps += 1;
                self.store.step(by_ms);
                self.note(Fact::Stepped { by_ms });
                self.note_trouble(0);
            }
            Fault::StandStill { for_ms } => {
                self.counts.clock_steps += 1;
                self.store.stand_still(self.now, for_ms);
                self.note_trouble(for_ms);
            }
        }
    }

    /// The store goes back to what it held at `since`.
    pub(crate) fn lose(&mut self, since: u64, copy: Documents) {
        self.counts.losses += 1;
        self.store.restore(copy);
        // A save of the same millisecond may have come before the copy was made or after.
        self.note(Fact::Lost { since: world_time(since.saturating_sub(1)) });
        self.note_trouble(0);
        self.operator.handle_lost();
        self.operate();
    }

    /// Ends a process that is there.
    pub(crate) fn crash(&mut self, process: usize, down_ms: u64) {
        if self.processes[process].node.is_none() {
            return;
        }
        self.counts.crashes += 1;
        self.note_trouble(down_ms);
        self.processes[process].crash();
        self.after(down_ms, Event::Starts { process });
    }

    fn note_trouble(&mut self, for_ms: u64) {
        self.note(Fact::Trouble { until: world_time(self.now + for_ms + AFTERMATH_MS) });
    }
}
