//! The task of one live room: carries commands, the time and the store's answers to the node, and its wishes,
//! outcomes and snapshots out.

use std::collections::HashMap;
use std::future::pending;
use std::sync::{Arc, Weak};
use std::time::Duration;

use anteroom_queue::node::{Document, Found, Node, StoreRequest, Versioned};
use anteroom_queue::snapshot::Snapshot;
use anteroom_queue::{Outcome, RecordId};
use arc_swap::ArcSwap;
use data_encoding::HEXLOWER;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until, timeout};

use super::figures::{RoomCounts, count};
use super::{
    COMMAND_WAIT_MAX, COMMANDS_WAITING_MAX, CUT_OFF_AFTER, IDLE_MAX, Live, Shared, Status, Submission,
};
use crate::backend::{self, Backend, BackendError, BoxFuture, Key, Saved, Version, Write};

/// Most commands that a room's node has at a time. More than a batch, so that the next one gathers while a save is
/// under way; what waits beyond these waits in the channel.
const COMMANDS_UNDER_WAY_MAX: usize = 8_192;
/// How long one load or save may take before it counts as failed. It may still happen; the node knows.
const STORE_WAIT_MAX: Duration = Duration::from_secs(10);
/// How often a task looks whether anybody still uses its room.
const IDLE_LOOK_EVERY: Duration = Duration::from_secs(5);
/// The shortest sleep. A store's clock may stand still for a moment, and must not make the task spin.
const SLEEP_MIN: Duration = Duration::from_millis(1);

pub(super) struct Task {
    segment: Arc<str>,
    backend: Arc<dyn Backend>,
    /// Who to tell that nobody uses the room.
    shared: Weak<Shared>,
    node: Node,
    status: watch::Sender<Status>,
    snapshot: Option<Arc<ArcSwap<Snapshot>>>,
    /// Who waits for which outcome.
    waiting: HashMap<u64, oneshot::Sender<Outcome>>,
    next_id: u64,
    under_way: Option<BoxFuture<'static, Answer>>,
    /// The version of the state as it was last seen. What the watch tells up to here is known already.
    seen: Version,
    /// Whether the store failed when it was last asked; such a stretch is logged once.
    is_store_down: bool,
    /// When the store last answered. It is asked every second.
    answered_at: Instant,
    counts: Arc<RoomCounts>,
}

/// What the store said.
enum Answer {
    Loaded(Vec<Document>, Result<backend::Loaded, BackendError>),
    Saved(Vec<Document>, Result<Saved, BackendError>),
    /// It said nothing for [`STORE_WAIT_MAX`].
    Silence,
}

impl Task {
    /// Starts the task of a room. It ends when what is returned is dropped, or on closing. The seed is random.
    pub(super) fn spawn(shared: &Arc<Shared>, segment: &Arc<str>, seed: [u8; 32]) -> Live {
        let (submissions, submitted) = mpsc::channel(COMMANDS_WAITING_MAX);
        let (status, known) = watch::channel(Status::Loading);
        let counts = Arc::new(RoomCounts::default());
        let task = Self {
            segment: segment.clone(),
            backend: shared.backend.clone(),
            shared: Arc::downgrade(shared),
            node: Node::new(seed),
            status,
            snapshot: None,
            waiting: HashMap::new(),
            next_id: 0,
            under_way: None,
            seen: Version(0),
            is_store_down: false,
            answered_at: Instant::now(),
            counts: counts.clone(),
        };
        // Made here, so that nothing saved from now on is missed.
        let saves = shared.backend.watch(segment);
        tokio::spawn(task.run(submitted, saves, shared.closing.subscribe()));
        Live { submissions, status: known, counts }
    }

    async fn run(
        mut self,
        mut submitted: mpsc::Receiver<Submission>,
        mut saves: watch::Receiver<u64>,
        mut closing: watch::Receiver<bool>,
    ) {
        let mut looks = interval_at(Instant::now() + IDLE_LOOK_EVERY, IDLE_LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut is_open = true;
        // Set when no more commands are taken: nobody waits for an outcome longer than that.
        let mut give_up_at = None;
        let mut has_watch = true;
        let mut is_closing_possible = true;
        loop {
            self.publish();
            self.ask_store();
            // Asking may itself have answered what needs no save.
            self.publish();
            if !is_open && !self.node.has_pending() {
                return;
            }
            let wake_at = self.wake_at();
            let is_taking = is_open && self.waiting.len() < COMMANDS_UNDER_WAY_MAX;
            tokio::select! {
                answer = answer(&mut self.under_way) => {
                    self.under_way = None;
                    self.handle_answer(answer);
                }
                submission = submitted.recv(), if is_taking => match submission {
                    Some(submission) => {
                        self.handle_submission(submission);
                        self.handle_waiting(&mut submitted);
                    }
                    None => {
                        is_open = false;
                        give_up_at.get_or_insert_with(|| Instant::now() + COMMAND_WAIT_MAX);
                    }
                },
                // Not while the store is asked: a save of our own would look like somebody else's.
                changed = saves.changed(), if has_watch && self.under_way.is_none() => match changed {
                    Ok(()) => self.handle_saves(*saves.borrow_and_update()),
                    Err(_) => has_watch = false,
                },
                () = sleep_until_some(wake_at) => self.node.handle_timeout(self.backend.now()),
                _ = looks.tick() => self.end_if_idle(),
                closed = closing.wait_for(|&is_closing| is_closing), if is_closing_possible => {
                    // An error: all of Rooms is gone, and the handles that are left may go on.
                    is_closing_possible = false;
                    if closed.is_ok() {
                        submitted.close();
                        give_up_at.get_or_insert_with(|| Instant::now() + COMMAND_WAIT_MAX);
                    }
                }
                () = sleep_until_some(give_up_at) => return,
            }
        }
    }

    /// Hands out what the node has. Snapshots first: who has an outcome finds it in the snapshot.
    fn publish(&mut self) {
        if let Some(snapshot) = self.node.poll_snapshot() {
            match &self.snapshot {
                Some(published) => published.store(snapshot),
                None => self.snapshot = Some(Arc::new(ArcSwap::new(snapshot))),
            }
        }
        self.publish_status();
        while let Some((id, outcome)) = self.node.poll_outcome() {
            self.counts.count(&outcome);
            if let Some(reply) = self.waiting.remove(&id) {
                // Whoever asked may have gone.
                let _ = reply.send(outcome);
            }
        }
    }

    fn publish_status(&self) {
        let status = if let Some(problem) = self.node.problem() {
            Status::Unreadable(problem.to_owned())
        } else if self.is_store_down && self.answered_at.elapsed() >= CUT_OFF_AFTER {
            Status::StoreUnavailable
        } else if let Some(snapshot) = &self.snapshot {
            Status::Ready(snapshot.clone())
        } else if self.node.is_loaded() {
            Status::NotConfigured
        } else if self.is_store_down {
            Status::StoreUnavailable
        } else {
            Status::Loading
        };
        self.status.send_if_modified(|current| {
            let is_other = !current.is_same(&status);
            if is_other {
                *current = status;
            }
            is_other
        });
    }

    fn ask_store(&mut self) {
        if self.under_way.is_some() {
            return;
        }
        if let Some(request) = self.node.poll_store(self.backend.now()) {
            self.under_way = Some(Box::pin(ask(self.backend.clone(), self.segment.clone(), request)));
        }
    }

    /// When the node wants to be woken, on this machine's steady clock.
    fn wake_at(&self) -> Option<Instant> {
        let due = self.node.poll_timeout()?;
        let wait = due.saturating_since(self.backend.now()).max(SLEEP_MIN);
        Instant::now().checked_add(wait)
    }

    fn handle_submission(&mut self, submission: Submission) {
        let Submission { command, reply } = submission;
        self.next_id += 1;
        self.waiting.insert(self.next_id, reply);
        self.node.handle_command(self.next_id, command, self.backend.now());
    }

    /// Takes what else has come, without going round for each.
    fn handle_waiting(&mut self, submitted: &mut mpsc::Receiver<Submission>) {
        while self.waiting.len() < COMMANDS_UNDER_WAY_MAX
            && let Ok(submission) = submitted.try_recv()
        {
            self.handle_submission(submission);
        }
    }

    fn handle_saves(&mut self, newest: u64) {
        if Version(newest) > self.seen {
            self.node.handle_changed_to(newest, self.backend.now());
        }
    }

    /// Gives up the room's place among the live ones, which ends the task, if nobody uses it.
    fn end_if_idle(&self) {
        if let Some(shared) = self.shared.upgrade() {
            shared.forget_unused(&self.segment, IDLE_MAX);
        }
    }

    fn handle_answer(&mut self, answer: Answer) {
        self.count(&answer);
        let outcome = match answer {
            Answer::Loaded(documents, Ok(backend::Loaded { documents: current, now })) => {
                let found = self.found(documents, current);
                self.node.handle_loaded(found, now);
                Ok(())
            }
            Answer::Saved(documents, Ok(Saved::Done { version, now })) => {
                self.seen = version;
                self.node.handle_saved(&vec![version.0; documents.len()], now);
                Ok(())
            }
            Answer::Saved(documents, Ok(Saved::Refused { current, now })) => {
                let found = self.found(documents, current);
                self.node.handle_conflict(found, now);
                Ok(())
            }
            Answer::Loaded(_, Err(error)) | Answer::Saved(_, Err(error)) => Err(Some(error)),
            Answer::Silence => Err(None),
        };
        if outcome.is_err() {
            self.node.handle_failed(self.backend.now());
        }
        self.note(outcome);
    }

    fn count(&self, answer: &Answer) {
        let Some(shared) = self.shared.upgrade() else { return };
        match answer {
            Answer::Loaded(_, Ok(_)) => count(&shared.counts.loads_done),
            Answer::Loaded(_, Err(_)) => count(&shared.counts.loads_failed),
            Answer::Saved(_, saved) => shared.counts.count_save(saved),
            Answer::Silence => count(&shared.counts.loads_failed),
        }
    }

    fn found(&mut self, asked: Vec<Document>, current: Vec<Option<backend::Document>>) -> Vec<Found> {
        let found = |(document, current): (_, Option<backend::Document>)| {
            if document == Document::State {
                // Also when it is an older one: a store that lost its newest writes counts on from there.
                self.seen = current.as_ref().map_or(Version(0), |current| current.version);
            }
            let versioned = |backend::Document { version, bytes }| Versioned { version: version.0, bytes };
            Found { document, current: current.map(versioned) }
        };
        asked.into_iter().zip(current).map(found).collect()
    }

    fn note(&mut self, outcome: Result<(), Option<BackendError>>) {
        let segment = &*self.segment;
        if outcome.is_ok() {
            self.answered_at = Instant::now();
        }
        let was_down = std::mem::replace(&mut self.is_store_down, outcome.is_err());
        match outcome {
            Ok(()) if was_down => tracing::info!(segment, "the store answers this room again"),
            Err(Some(error)) if !was_down => {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(segment, error, "the store fails this room, which keeps trying");
            }
            Err(None) if !was_down => {
                tracing::warn!(segment, "the store does not answer this room, which keeps trying");
            }
            Ok(()) | Err(_) => {}
        }
    }
}

impl Status {
    fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Ready(one), Self::Ready(other)) => Arc::ptr_eq(one, other),
            (Self::Unreadable(one), Self::Unreadable(other)) => one == other,
            (Self::Loading, Self::Loading)
            | (Self::NotConfigured, Self::NotConfigured)
            | (Self::StoreUnavailable, Self::StoreUnavailable) => true,
            _ => false,
        }
    }
}

async fn ask(backend: Arc<dyn Backend>, segment: Arc<str>, request: StoreRequest) -> Answer {
    match request {
        StoreRequest::Load { documents } => {
            let keys = documents.iter().map(|document| key(&segment, document)).collect();
            match timeout(STORE_WAIT_MAX, backend.load(keys)).await {
                Ok(loaded) => Answer::Loaded(documents, loaded),
                Err(_) => Answer::Silence,
            }
        }
        StoreRequest::Save { writes } => {
            let documents = writes.iter().map(|write| write.document).collect();
            let write = |write: anteroom_queue::node::Write| Write {
                key: key(&segment, &write.document),
                expected: write.expected.map(Version),
                bytes: write.bytes,
                expires_at: write.expires_at,
            };
            match timeout(STORE_WAIT_MAX, backend.save(writes.into_iter().map(write).collect())).await {
                Ok(saved) => Answer::Saved(documents, saved),
                Err(_) => Answer::Silence,
            }
        }
    }
}

/// Names are part of what is kept: changing one needs a migration.
pub(super) fn key(segment: &str, document: &Document) -> Key {
    match document {
        Document::State => Key::new(segment, "state"),
        Document::Record(RecordId::Visitor(queue_id)) => {
            Key::new(segment, format_args!("claimed:{queue_id}"))
        }
        Document::Record(RecordId::Key(digest)) => {
            Key::new(segment, format_args!("key:{}", HEXLOWER.encode(digest.as_bytes())))
        }
    }
}

async fn answer(under_way: &mut Option<BoxFuture<'static, Answer>>) -> Answer {
    match under_way {
        Some(answer) => answer.await,
        None => pending().await,
    }
}

async fn sleep_until_some(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => pending().await,
    }
}
