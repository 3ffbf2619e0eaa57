//! One process's share in a room: gathers commands into batches, asks for the state to be loaded and saved, and tries
//! again when another process saved first. Any number of processes may each have a node of the same room; none leads.
//!
//! * Commands that come within a short window make one batch, so the cost of a save is shared. Who came first in a
//!   process stays first; across processes a window is the resolution of I2. It widens by itself while saves take
//!   several attempts and narrows again afterwards.
//! * An outcome is handed out only once whatever it rests on is saved. When it is not known whether a save happened,
//!   the store is looked at: if it holds just what was to be saved, it did. If not, the batch is carried out again: an
//!   admission is found and repeated, a place that was given stays empty and counts as a visitor who did not come.
//! * While anybody waits, the node steps every half second also without commands, so that time is counted and others
//!   are called for those who do not come. The node that saved last goes on stepping; the others stand by, each a
//!   different moment longer, and put their step off whenever they hear of a save. So one node steps, and when it
//!   ends, another takes over within a fraction of a second.
//! * A batch begins from the newest state that was heard of, so that only a save in the moment between can refuse it.
//! * A state older than the one remembered means that the store lost its newest writes: the newer figures are put
//!   back (see the engine's `RoomState`), and so are the newest records.
//! * After such a loss nobody is given a place or let in for a moment, so that every node that remembers more has put it
//!   back: what one of them alone remembers would otherwise be given a second time.
//! * A record that cannot be read refuses the commands that name it, and nobody else's.

mod batch;
mod entropy;
mod exchange;
mod memory;
mod pace;
mod taking_in;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use anteroom_protocol::time::Timestamp;

use self::batch::Batch;
use self::entropy::Entropy;
pub use self::exchange::{Document, Found, StoreRequest, Versioned, Write};
use self::memory::Memory;
use self::pace::{GAP_MAX, Watch, Window};
use crate::command::{Command, Outcome, Refusal};
use crate::engine::{RoomState, apply};
use crate::snapshot::Snapshot;

/// Commands that wait at the most; further ones are refused as busy.
pub const COMMANDS_WAITING_MAX: usize = 50_000;
/// Commands in one batch at the most: with a record each they stay within what a store saves at once.
pub const BATCH_MAX: usize = 4_096;
/// How often to step while anybody waits.
const STEP_EVERY: Duration = Duration::from_millis(500);
/// How much longer the nodes wait that did not save last, and how far apart they wait.
const STAND_BY: Duration = Duration::from_millis(100);
const STAND_BY_SPREAD: Duration = Duration::from_millis(200);
/// Most records that are put back with a state that a store lost: with a full batch beside them they stay within what a
/// store saves at once. They are the newest; an older one is put back when somebody names it.
const RECORDS_PUT_BACK_MAX: usize = 4_096;
/// How long commands wait after a loss was seen: longer than other nodes take to look at the state. Only once in a
/// while, so that a store which loses something all the time does not hold up everybody for good.
const HOLD_AFTER_LOSS: Duration = Duration::from_millis(1_500);
const HOLD_AGAIN_AFTER: Duration = Duration::from_secs(15);
/// How old a snapshot may become while nothing is heard of others' saves: the backstop of a watch.
const RELOAD_EVERY: Duration = Duration::from_secs(1);
/// Others' saves are looked at together when they come close to each other.
const RELOAD_AFTER: Duration = Duration::from_millis(20);
/// The pause after a store failed, doubled with each further failure.
const RETRY_FIRST: Duration = Duration::from_millis(50);
const RETRY_MAX: Duration = Duration::from_secs(2);
/// A command that could not be saved for so long is refused: its sender is told, and asks again later.
const COMMAND_AGE_MAX: Duration = Duration::from_secs(5);

/// One process's share in one room.
///
/// ```
/// use std::collections::HashMap;
///
/// use anteroom_protocol::id::QueueId;
/// use anteroom_protocol::time::Timestamp;
/// use anteroom_queue::node::{Document, Found, Node, StoreRequest, Versioned};
/// use anteroom_queue::{Command, Lane, Outcome, Place, Settings};
///
/// // Stands for a store that nobody else uses.
/// let mut store: HashMap<Document, Versioned> = HashMap::new();
/// let mut now = Timestamp::from_seconds(1_700_000_000);
/// let mut node = Node::new([0; 32]); // random in earnest
/// node.handle_command(1, Command::Configure(Settings::with_outflow(60)), now);
/// let queue_id = QueueId::from_random([7; 16]);
/// node.handle_command(2, Command::Arrive { queue_id, lane: Lane::ORDINARY, key: None }, now);
///
/// let mut outcomes = Vec::new();
/// while node.has_pending() {
///     match node.poll_store(now) {
///         Some(StoreRequest::Load { documents }) => {
///             let found = |document| Found { document, current: store.get(&document).cloned() };
///             node.handle_loaded(documents.into_iter().map(found).collect(), now);
///         }
///         Some(StoreRequest::Save { writes }) => {
///             let versions: Vec<u64> = (1..).take(writes.len()).collect();
///             for (write, version) in writes.into_iter().zip(&versions) {
///                 store.insert(write.document, Versioned { version: *version, bytes: write.bytes });
///             }
///             node.handle_saved(&versions, now);
///         }
///         // Stands for sleeping until then, or until something else comes.
///         None => {
///             now = node.poll_timeout().unwrap();
///             node.handle_timeout(now);
///         }
///     }
///     outcomes.extend(std::iter::from_fn(|| node.poll_outcome()));
/// }
/// let placed = Outcome::Placed { queue_id, place: Place::ordinary(1), epoch: 1, ahead: 0 };
/// assert_eq!(outcomes, [(1, Outcome::Done), (2, placed)]);
/// ```
#[derive(Debug)]
pub struct Node {
    waiting: VecDeque<Waiting>,
    outcomes: VecDeque<(u64, Outcome)>,
    under_way: UnderWay,
    /// The room as the store is known to have it. The state is absent while the room is not configured.
    known: Option<Known>,
    snapshot: Option<Arc<Snapshot>>,
    problem: Option<String>,
    /// When somebody else was heard to have saved, unless that was looked at since.
    changed_at: Option<Timestamp>,
    /// The newest version of the state that anybody was heard to have saved, and what of that was known when the store was
    /// last asked: what it has then is not older, unless it lost something.
    told: u64,
    told_when_asked: u64,
    /// Commands wait until then, for other nodes to put back what a store lost.
    hold_until: Timestamp,
    loaded_at: Timestamp,
    retry_at: Timestamp,
    failures_in_a_row: u32,
    window: Window,
    clock: Watch,
    entropy: Entropy,
    memory: Memory,
    /// How much longer than the node that saved last this one waits with its step.
    stand_by: Duration,
}

/// The kept state of a room as it is put in place from a backup: admissions of any age may be lost with the newer
/// states, so nothing is certain of the gate but what the outflow brings from now on (I1).
///
/// # Errors
/// When the bytes are no state that this release reads; says why.
pub fn state_from_backup(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let mut state = RoomState::decode(bytes).map_err(|error| with_causes(&error))?;
    state.distrust(state.now);
    Ok(state.encode())
}

#[derive(Debug)]
struct Waiting {
    id: u64,
    command: Command,
    since: Timestamp,
}

#[derive(Debug)]
struct Known {
    state: Option<RoomState>,
    version: Option<u64>,
    /// Whether this node has saved it.
    is_own: bool,
}

#[derive(Debug, Default)]
enum UnderWay {
    #[default]
    Nothing,
    /// Documents are being loaded, for a batch that may be empty.
    Loading(Batch),
    /// A batch that is to be loaded for, again or for the first time.
    ToLoad(Batch),
    /// A save waits to be asked for.
    ToSave(Batch),
    /// A save is being made.
    Saving(Batch),
}

impl Node {
    /// A node that knows nothing yet. Its first wish is to load the state.
    ///
    /// The seed is 32 bytes that nobody can guess and no other node has: what must be unpredictable comes from it.
    pub fn new(seed: [u8; 32]) -> Self {
        let mut entropy = Entropy::new(seed);
        let [a, b, ..] = entropy.next();
        let share = u32::from(u16::from_be_bytes([a, b]));
        let stand_by = STAND_BY + STAND_BY_SPREAD * share / u32::from(u16::MAX);
        Self {
            waiting: VecDeque::new(),
            outcomes: VecDeque::new(),
            under_way: UnderWay::Nothing,
            known: None,
            snapshot: None,
            problem: None,
            changed_at: None,
            told: 0,
            told_when_asked: 0,
            hold_until: Timestamp::EPOCH,
            loaded_at: Timestamp::EPOCH,
            retry_at: Timestamp::EPOCH,
            failures_in_a_row: 0,
            window: Window::default(),
            clock: Watch::default(),
            entropy,
            memory: Memory::default(),
            stand_by,
        }
    }

    /// Takes a command. `id` is the caller's and comes back with the outcome.
    pub fn handle_command(&mut self, id: u64, command: Command, now: Timestamp) {
        let since = self.clock.look(now);
        if self.waiting.len() >= COMMANDS_WAITING_MAX {
            self.outcomes.push_back((id, Outcome::Refused(Refusal::Busy)));
        } else {
            self.waiting.push_back(Waiting { id, command, since });
        }
    }

    /// The answer to a load: every document asked for, present or absent.
    pub fn handle_loaded(&mut self, found: Vec<Found>, now: Timestamp) {
        let now = self.clock.hear(now);
        let UnderWay::Loading(batch) = std::mem::take(&mut self.under_way) else { return };
        self.failures_in_a_row = 0;
        self.take_in(batch, found, now);
    }

    /// The save happened. `versions` are the new versions of the writes, in their order.
    pub fn handle_saved(&mut self, versions: &[u64], now: Timestamp) {
        let now = self.clock.hear(now);
        let UnderWay::Saving(mut batch) = std::mem::take(&mut self.under_way) else { return };
        self.failures_in_a_row = 0;
        if !batch.ids.is_empty() {
            self.window.learn(batch.attempts);
        }
        // The state is always the first write.
        let version = versions.first().copied();
        self.know(batch.next_state.take(), version, true);
        for (id, record) in
            std::mem::take(&mut batch.lost).into_iter().chain(std::mem::take(&mut batch.changed))
        {
            self.memory.keep(id, record, version.unwrap_or(0));
        }
        self.memory.forget(now);
        self.hand_out(batch);
    }

    /// The save was refused: these are the documents as they stand (at least those that differ).
    pub fn handle_conflict(&mut self, current: Vec<Found>, now: Timestamp) {
        let now = self.clock.hear(now);
        let UnderWay::Saving(batch) = std::mem::take(&mut self.under_way) else { return };
        self.failures_in_a_row = 0;
        self.take_in(batch, current, now);
    }

    /// The store did not do it, or it is not known whether it did. The node tries again by itself.
    pub fn handle_failed(&mut self, now: Timestamp) {
        let now = self.clock.look(now);
        let batch = match std::mem::take(&mut self.under_way) {
            UnderWay::Loading(batch) => batch,
            UnderWay::Saving(mut batch) => {
                batch.is_save_in_doubt = true;
                batch
            }
            other => {
                self.under_way = other;
                return;
            }
        };
        let pause = RETRY_FIRST.saturating_mul(1 << self.failures_in_a_row.min(8)).min(RETRY_MAX);
        self.failures_in_a_row = self.failures_in_a_row.saturating_add(1);
        self.retry_at = now.saturating_add(pause);
        // What was asked may have happened: look before trying again.
        self.changed_at = Some(now);
        self.put_off(batch, now);
        self.refuse_old(now);
    }

    /// Somebody saved documents of this room.
    pub fn handle_changed(&mut self, now: Timestamp) {
        let now = self.clock.look(now);
        self.changed_at.get_or_insert(now);
    }

    /// Somebody saved documents of this room, and the state has this version since.
    pub fn handle_changed_to(&mut self, version: u64, now: Timestamp) {
        self.told = self.told.max(version);
        self.handle_changed(now);
    }

    /// The moment of [`poll_timeout`](Self::poll_timeout) has come. Harmless at any other.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        self.clock.look(now);
    }

    /// What to ask of the store now.
    pub fn poll_store(&mut self, now: Timestamp) -> Option<StoreRequest> {
        let now = self.clock.look(now);
        match std::mem::take(&mut self.under_way) {
            under_way @ (UnderWay::Loading(_) | UnderWay::Saving(_)) => {
                self.under_way = under_way;
                return None;
            }
            UnderWay::ToSave(batch) => return Some(self.ask_to_save(batch)),
            UnderWay::ToLoad(batch) if now >= self.retry_at => return Some(self.ask_to_load(batch, now)),
            UnderWay::ToLoad(batch) => {
                self.under_way = UnderWay::ToLoad(batch);
                return None;
            }
            UnderWay::Nothing => {}
        }
        if now < self.retry_at {
            return None;
        }
        if self.batch_due_at().is_some_and(|at| now >= at) {
            return self.begin_batch(now);
        }
        if self.reload_due_at() <= now {
            return Some(self.ask_to_load(Batch::default(), now));
        }
        if self.step_due_at().is_some_and(|at| now >= at) {
            if self.changed_at.is_some() {
                // Somebody has stepped: look first, there will be nothing to do.
                return Some(self.ask_to_load(Batch::default(), now));
            }
            self.carry_out(Batch::default(), now, true);
            return self.poll_store(now);
        }
        None
    }

    /// The next outcome to hand out, with the id its command came with.
    pub fn poll_outcome(&mut self) -> Option<(u64, Outcome)> {
        self.outcomes.pop_front()
    }

    /// A newer snapshot than the last one handed out here.
    pub fn poll_snapshot(&mut self) -> Option<Arc<Snapshot>> {
        self.snapshot.take()
    }

    /// When [`handle_timeout`](Self::handle_timeout) must be called and [`poll_store`](Self::poll_store) asked again.
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        // While there is anything to do, the clock is looked at often enough to be watched without a gap.
        let heartbeat = self.clock.last().saturating_add(GAP_MAX / 2);
        if let UnderWay::Loading(_) | UnderWay::Saving(_) = self.under_way {
            return Some(heartbeat);
        }
        let next = match self.under_way {
            UnderWay::ToSave(_) => Some(self.clock.last()),
            UnderWay::ToLoad(_) => Some(self.retry_at),
            _ => [self.batch_due_at(), Some(self.reload_due_at()), self.step_due_at()]
                .into_iter()
                .flatten()
                .min()
                .map(|at| at.max(self.retry_at)),
        };
        if self.step_due_at().is_some() { next.map(|at| at.min(heartbeat)) } else { next }
    }

    /// Whether the first load was answered.
    pub fn is_loaded(&self) -> bool {
        self.known.is_some() || self.problem.is_some()
    }

    /// Whether the room was ever configured, as far as this node knows.
    pub fn is_configured(&self) -> bool {
        self.known.as_ref().is_some_and(|known| known.state.is_some())
    }

    /// Whether commands wait for their outcome; a process that stops waits for this to become false.
    pub fn has_pending(&self) -> bool {
        let has_batch = match &self.under_way {
            UnderWay::Nothing => false,
            UnderWay::Loading(batch)
            | UnderWay::ToLoad(batch)
            | UnderWay::ToSave(batch)
            | UnderWay::Saving(batch) => !batch.ids.is_empty(),
        };
        has_batch || !self.waiting.is_empty() || !self.outcomes.is_empty()
    }

    /// Why the kept state cannot be read, if that is so.
    pub fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }

    /// When the oldest waiting command has waited for its window, or the batch is full.
    fn batch_due_at(&self) -> Option<Timestamp> {
        let oldest = self.waiting.front()?;
        let is_full = self.waiting.len() >= BATCH_MAX;
        let due = if is_full { oldest.since } else { oldest.since.saturating_add(self.window.width()) };
        Some(due.max(self.hold_until))
    }

    fn reload_due_at(&self) -> Timestamp {
        let backstop = self.loaded_at.saturating_add(RELOAD_EVERY);
        self.changed_at.map_or(backstop, |at| backstop.min(at.saturating_add(RELOAD_AFTER)))
    }

    fn step_due_at(&self) -> Option<Timestamp> {
        let Known { state: Some(state), is_own, .. } = self.known.as_ref()? else { return None };
        let due =
            if state.is_settled() { state.next_moment()? } else { state.now.saturating_add(STEP_EVERY) };
        Some(if *is_own { due } else { due.saturating_add(self.stand_by) })
    }

    fn begin_batch(&mut self, now: Timestamp) -> Option<StoreRequest> {
        let count = self.waiting.len().min(BATCH_MAX);
        let mut batch = Batch::default();
        for Waiting { id, command, since } in self.waiting.drain(..count) {
            batch.push(id, command, since);
        }
        let is_fresh = self.known.is_some() && self.changed_at.is_none();
        if is_fresh && !batch.reads_records() {
            self.carry_out(batch, now, false);
            return self.poll_store(now);
        }
        Some(self.ask_to_load(batch, now))
    }

    fn ask_to_load(&mut self, mut batch: Batch, now: Timestamp) -> StoreRequest {
        if batch.suspected.is_empty() {
            // The newest record stands for the others: a store that has lost any of them has most likely lost this one,
            // even when another node has put the state right already.
            batch.suspected = self.memory.newest(1, now);
        }
        let mut documents = vec![Document::State];
        documents.extend(batch.record_documents());
        self.changed_at = None;
        self.told_when_asked = self.told;
        self.under_way = UnderWay::Loading(batch);
        StoreRequest::Load { documents }
    }

    fn ask_to_save(&mut self, mut batch: Batch) -> StoreRequest {
        let version = self.known.as_ref().and_then(|known| known.version);
        let writes = batch.writes(version);
        batch.attempts = batch.attempts.saturating_add(1);
        self.told_when_asked = self.told;
        self.under_way = UnderWay::Saving(batch);
        StoreRequest::Save { writes }
    }

    fn know(&mut self, state: Option<RoomState>, version: Option<u64>, is_own: bool) {
        self.snapshot = state.clone().map(|state| Arc::new(Snapshot::new(state)));
        self.known = Some(Known { state, version, is_own });
    }

    /// Carries the batch out on what is known. `must_save` when the step itself is to be kept, whatever it says.
    fn carry_out(&mut self, mut batch: Batch, now: Timestamp, must_save: bool) {
        let state = self.known.as_ref().and_then(|known| known.state.as_ref());
        let applied = apply(
            state,
            &batch.records,
            &batch.commands,
            now,
            self.clock.steady_since(),
            self.entropy.next(),
        );
        batch.next_state = applied.state;
        batch.outcomes = applied.outcomes;
        batch.changed = applied.records;
        batch.is_save_in_doubt = false;
        let must_save = must_save || applied.must_save || !batch.lost.is_empty();
        if must_save && batch.next_state.is_some() {
            self.under_way = UnderWay::ToSave(batch);
        } else {
            self.hand_out(batch);
        }
    }

    fn hand_out(&mut self, batch: Batch) {
        self.outcomes.extend(batch.ids.into_iter().zip(batch.outcomes));
    }

    /// Keeps a batch for later, without those who have waited too long.
    fn put_off(&mut self, batch: Batch, now: Timestamp) {
        let (batch, old) = batch.split_old(now, COMMAND_AGE_MAX);
        self.outcomes.extend(old.into_iter().map(|id| (id, Outcome::Refused(Refusal::StoreUnavailable))));
        if !batch.ids.is_empty() {
            self.under_way = UnderWay::ToLoad(batch);
        }
    }

    fn refuse_old(&mut self, now: Timestamp) {
        while let Some(old) =
            self.waiting.pop_front_if(|one| now.saturating_since(one.since) >= COMMAND_AGE_MAX)
        {
            self.outcomes.push_back((old.id, Outcome::Refused(Refusal::StoreUnavailable)));
        }
    }
}

fn with_causes(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
}
