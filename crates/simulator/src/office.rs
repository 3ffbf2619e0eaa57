//! How an operator's commands reach the room, and how the operator learns what became of them.

use crate::process::Asked;
use crate::store::world_time;
use crate::trace::{Fact, Moment};
use crate::workload::operator::Action;
use crate::world::{Event, World};

const OPERATOR_LOOKS_EVERY_MS: u64 = 500;

impl World {
    pub(crate) fn operate(&mut self) {
        if self.operator.take_up() {
            if let Some(Action::Reset { epoch }) = self.operator.under_way.as_ref().map(|asked| &asked.action)
            {
                let epoch = *epoch;
                self.note(Fact::ResetAsked { epoch });
            }
            self.give_operators_command();
        }
    }

    /// Gives the operator's command to some process that is there, and looks after it later.
    fn give_operators_command(&mut self) {
        let attempt = self.number();
        let process = self.random.position(self.processes.len());
        let room = self.processes[process].now(self.now);
        let is_there =
            self.processes[process].node.is_some() && self.processes[process].stalled_until <= self.now;
        let world = world_time(self.now);
        let Some(under_way) = &mut self.operator.under_way else {
            return;
        };
        under_way.attempt = attempt;
        if is_there {
            let earliest = under_way.earliest.get_or_insert(Moment { world, room });
            earliest.room = earliest.room.min(room);
            let command = under_way.action.command();
            self.processes[process].asked.insert(attempt, Asked::Operate);
            self.with_node(process, |node, now| node.handle_command(attempt, command, now));
        }
        self.after(OPERATOR_LOOKS_EVERY_MS, Event::OperatorLooks { process, attempt });
    }

    /// Gives the command again only when the last attempt is surely over: one that is still under way could come
    /// into force after whatever the operator did next.
    pub(crate) fn operator_looks(&mut self, process: usize, attempt: u64) {
        if self.operator.under_way.as_ref().is_none_or(|under_way| under_way.attempt != attempt) {
            return;
        }
        if self.processes[process].asked.contains_key(&attempt) {
            self.after(OPERATOR_LOOKS_EVERY_MS, Event::OperatorLooks { process, attempt });
        } else {
            self.give_operators_command();
        }
    }
}
