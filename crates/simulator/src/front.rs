//! What a process does with a visitor's request, and with what its node hands out: the part of the room's public
//! service that the line depends on. It decides nothing; it asks the snapshot, then the node.

use std::time::Duration;

use anteroom_protocol::time::Timestamp;
use anteroom_queue::node::Node;
use anteroom_queue::snapshot::Standing;
use anteroom_queue::{Command, KeyDigest, Outcome, Refusal, SpentReason};

use crate::process::{Asked, Caller};
use crate::store::world_time;
use crate::trace::{Fact, Place, Told, text_number};
use crate::workload::operator::Action;
use crate::workload::{Ask, Held, Reply, Ticket, Wish};
use crate::world::{Event, World};

/// When to ask again where the line does not say.
const TRY_AGAIN_AFTER_MS: u64 = 1_000;
/// A node that asks for more than this at one moment asks in a circle.
const TURNS_MAX: u32 = 100_000;

impl World {
    /// A request of a visitor has reached a process.
    pub(crate) fn serve(&mut self, process: usize, caller: Caller, ask: Ask) {
        if self.processes[process].node.is_none() {
            return self.reply(caller, Reply::Nothing);
        }
        if self.processes[process].snapshot.is_none() {
            let (told, ask_again_after_ms) = (Told::TryAgain, TRY_AGAIN_AFTER_MS);
            return self.reply(caller, Reply::Answer { ticket: None, told, ask_again_after_ms });
        }
        match ask {
            Ask::Join { lane, key } => {
                key.into_iter().for_each(|key| self.store.note_key(key));
                let queue_id = self.random.queue_id();
                let began = self.now;
                let command = Command::Arrive { queue_id, lane, key: key.map(digest) };
                self.command(process, Asked::Join { caller, began, key }, command);
            }
            Ask::With(text, wish) => self.serve_ticket(process, caller, &text, wish),
        }
        self.drive(process);
    }

    fn serve_ticket(&mut self, process: usize, caller: Caller, text: &str, wish: Wish) {
        let Some(ticket) = self.desk.open(text) else {
            self.counts.rejected += 1;
            self.note(Fact::Rejected { ticket: text_number(text) });
            let (told, ask_again_after_ms) = (Told::Rejected, TRY_AGAIN_AFTER_MS);
            return self.reply(caller, Reply::Answer { ticket: None, told, ask_again_after_ms });
        };
        match wish {
            Wish::Poll => self.look(process, caller, ticket, None, true),
            Wish::Claim => self.claim(process, caller, ticket, None),
            Wish::Cancel => {
                self.note(Fact::CancelAsked { queue_id: ticket.queue_id });
                self.store.note_asked(ticket.queue_id);
                let command = Command::Cancel { queue_id: ticket.queue_id };
                self.command(process, Asked::Cancel { caller, ticket }, command);
            }
        }
    }

    /// Answers from the snapshot, or goes on to the node where it is the visitor's turn.
    fn look(
        &mut self,
        process: usize,
        caller: Caller,
        ticket: Ticket,
        made: Option<Held>,
        may_present: bool,
    ) {
        let now = self.processes[process].now(self.now);
        let Some(snapshot) = &self.processes[process].snapshot else {
            return self.tell(process, caller, ticket, made, Told::TryAgain, TRY_AGAIN_AFTER_MS);
        };
        let (place, epoch) = (ticket.place.in_room(), ticket.place.epoch);
        let (told, ask_again_after_ms) = match snapshot.standing(place, epoch, now) {
            Standing::Waiting { ahead, ask_again_after, .. } => {
                (Told::Waiting { ahead }, millis(ask_again_after))
            }
            Standing::Paused { ahead, ask_again_after, .. } => {
                (Told::Paused { ahead: Some(ahead) }, millis(ask_again_after))
            }
            Standing::Admissible => return self.claim(process, caller, ticket, made),
            Standing::Spent(reason) => (spent(reason), 0),
            Standing::Ahead if may_present => {
                self.counts.presented += 1;
                let command = Command::Present { queue_id: ticket.queue_id, place, epoch };
                return self.command(process, Asked::Present { caller, ticket }, command);
            }
            Standing::NotStarted { ask_again_after, .. } => (Told::NotStarted, millis(ask_again_after)),
            Standing::Ahead | Standing::Closed { .. } | Standing::Ended => {
                (Told::TryAgain, TRY_AGAIN_AFTER_MS)
            }
        };
        self.tell(process, caller, ticket, made, told, ask_again_after_ms);
    }

    fn claim(&mut self, process: usize, caller: Caller, ticket: Ticket, made: Option<Held>) {
        self.store.note_asked(ticket.queue_id);
        let (place, epoch) = (ticket.place.in_room(), ticket.place.epoch);
        let command = Command::Claim { queue_id: ticket.queue_id, place, epoch };
        self.command(process, Asked::Claim { caller, ticket, made }, command);
    }

    fn command(&mut self, process: usize, asked: Asked, command: Command) {
        let number = self.number();
        let process = &mut self.processes[process];
        let now = process.now(self.now);
        if let Some(node) = &mut process.node {
            process.asked.insert(number, asked);
            node.handle_command(number, command, now);
        }
    }

    /// Notes an answer and sends it.
    fn tell(
        &mut self,
        process: usize,
        caller: Caller,
        ticket: Ticket,
        made: Option<Held>,
        told: Told,
        ask_again_after_ms: u64,
    ) {
        match told {
            Told::Held => self.counts.held += 1,
            Told::Late => self.counts.late += 1,
            _ => {}
        }
        let Ticket { queue_id, place } = ticket;
        let life = self.processes[process].life;
        self.counts.polls += 1;
        self.note(Fact::Polled { queue_id, place, life, told, ask_again_after_ms });
        self.reply(caller, Reply::Answer { ticket: made, told, ask_again_after_ms });
    }

    /// Lets a node handle something, then does what it wishes.
    pub(crate) fn with_node(&mut self, process: usize, handle: impl FnOnce(&mut Node, Timestamp)) {
        let now = self.processes[process].now(self.now);
        if let Some(node) = &mut self.processes[process].node {
            handle(node, now);
        }
        self.drive(process);
    }

    /// Does what a node wishes until it wishes nothing more.
    pub(crate) fn drive(&mut self, process: usize) {
        let now = self.processes[process].now(self.now);
        for _ in 0..TURNS_MAX {
            let this = &mut self.processes[process];
            let Some(node) = &mut this.node else {
                return;
            };
            if let Some(snapshot) = node.poll_snapshot() {
                this.snapshot = Some(snapshot);
            }
            if let Some((number, outcome)) = node.poll_outcome() {
                if let Some(asked) = this.asked.remove(&number) {
                    self.hand_out(process, asked, &outcome);
                }
                continue;
            }
            if this.store_request.is_none()
                && let Some(request) = node.poll_store(now)
            {
                self.send_to_store(process, request);
                continue;
            }
            let due = node.poll_timeout().map(|moment| this.since_start(moment).max(self.now));
            if due != this.timer {
                this.timer = due;
                let starts = this.life.starts;
                if let Some(due) = due {
                    self.after(due - self.now, Event::NodeTimer { process, starts, due });
                }
            }
            return;
        }
        self.counts.runaways += 1;
    }

    fn hand_out(&mut self, process: usize, asked: Asked, outcome: &Outcome) {
        match asked {
            Asked::Join { caller, began, key } => self.joined(process, caller, began, key, outcome),
            Asked::Claim { caller, ticket, made } => {
                let (told, ask_again_after_ms) = self.claimed(ticket, outcome);
                self.tell(process, caller, ticket, made, told, ask_again_after_ms);
            }
            Asked::Present { caller, ticket } => match outcome {
                &Outcome::Spent(reason) => self.tell(process, caller, ticket, None, spent(reason), 0),
                // The draw was held without this entry: it gets a place at the end.
                Outcome::Placed { .. } => self.joined(process, caller, self.now, None, outcome),
                _ => self.look(process, caller, ticket, None, false),
            },
            Asked::Cancel { caller, ticket } => {
                if *outcome == Outcome::Done {
                    self.note(Fact::Cancelled { queue_id: ticket.queue_id });
                }
                // The visitor tries to get in all the same.
                self.tell(process, caller, ticket, None, Told::TryAgain, TRY_AGAIN_AFTER_MS);
            }
            Asked::Operate => self.operated(outcome),
        }
    }

    fn joined(&mut self, process: usize, caller: Caller, began: u64, key: Option<u64>, outcome: &Outcome) {
        let &Outcome::Placed { queue_id, place, epoch, ahead } = outcome else {
            self.counts.refused += 1;
            let (told, ask_again_after_ms) = (Told::TryAgain, TRY_AGAIN_AFTER_MS);
            return self.reply(caller, Reply::Answer { ticket: None, told, ask_again_after_ms });
        };
        let place = Place::of(place, epoch);
        let committed = world_time(self.processes[process].committed_at);
        self.counts.joins += 1;
        let ticket = Ticket { queue_id, place };
        let made = self.desk.issue(ticket, ahead, self.store.moment(self.now).room);
        let began = world_time(began);
        self.note(Fact::Joined { queue_id, place, began, committed, ticket: made.number, key });
        if ahead == 0 && !place.is_entry {
            self.claim(process, caller, ticket, Some(made));
        } else {
            self.look(process, caller, ticket, Some(made), false);
        }
    }

    fn claimed(&mut self, ticket: Ticket, outcome: &Outcome) -> (Told, u64) {
        let queue_id = ticket.queue_id;
        match outcome {
            &Outcome::Admitted { at, .. } => {
                let now = self.store.moment(self.now);
                let committed = self.store.claimed_at(queue_id).unwrap_or(now);
                self.counts.admissions += 1;
                self.note(Fact::Admitted { queue_id, at, committed });
                (Told::Admitted, 0)
            }
            Outcome::Held { ask_again_after } => (Told::Held, millis(*ask_again_after)),
            Outcome::Paused { .. } => (Told::Paused { ahead: None }, 5 * TRY_AGAIN_AFTER_MS),
            Outcome::Spent(reason) => (spent(*reason), 0),
            Outcome::NotYet => {
                self.counts.not_yet += 1;
                (Told::TryAgain, TRY_AGAIN_AFTER_MS)
            }
            Outcome::Placed { .. } | Outcome::Done | Outcome::Refused(_) => {
                self.counts.refused += 1;
                (Told::TryAgain, TRY_AGAIN_AFTER_MS)
            }
        }
    }

    fn operated(&mut self, outcome: &Outcome) {
        // A reset that was done already is answered with the epoch that there is now.
        let is_done = matches!(outcome, Outcome::Done | Outcome::Refused(Refusal::OtherEpoch { .. }));
        if !is_done {
            // The operator sees that the attempt is over, and tries again.
            return;
        }
        let Some(done) = self.operator.handle_done() else {
            return;
        };
        let earliest = done.earliest.unwrap_or_else(|| self.store.moment(self.now));
        self.note(match &done.action {
            Action::Configure(settings) => Fact::Configured {
                earliest,
                outflow_per_minute: settings.outflow_per_minute,
                burst: settings.burst_places(),
                re_entry_limit: settings.re_entry_limit,
                late_window_ms: u64::from(settings.late_window_seconds) * 1_000,
                active: settings.max_active.map(|max| (max, u64::from(settings.session_seconds) * 1_000)),
                has_ramp: settings.ramp_seconds > 0,
                starts_at: settings.schedule.starts_at.unwrap_or_default(),
            },
            Action::Pause => Fact::Paused { earliest },
            Action::Resume => Fact::Resumed { earliest },
            &Action::Reset { epoch } => Fact::Reset { earliest, epoch },
        });
        self.operate();
    }
}

/// What stands for a key.
fn digest(key: u64) -> KeyDigest {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&key.to_be_bytes());
    KeyDigest::from_bytes(bytes)
}

fn spent(reason: SpentReason) -> Told {
    match reason {
        SpentReason::Used => Told::Used,
        SpentReason::Late => Told::Late,
        SpentReason::Cancelled => Told::Cancelled,
        SpentReason::OtherEpoch => Told::OtherEpoch,
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
