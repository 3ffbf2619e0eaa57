//! The live rooms of a process: a task for each drives `queue::node` over the backend and publishes its snapshots.
//! Decides nothing of the line.
//!
//! A room becomes live when it is first opened, and ends when nobody has used it for a while. However many handles
//! there are, a process has one task for a room and so one writer. Two processes agree through the versions of what
//! they save.

mod figures;
mod restored;
mod task;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anteroom_protocol::id::{CustomerId, RoomId};
use anteroom_protocol::time::Timestamp;
use anteroom_queue::snapshot::Snapshot;
use anteroom_queue::{Command, Outcome, Refusal};
use arc_swap::ArcSwap;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, timeout};

pub use self::figures::{Figures, RoomFigures};
use self::figures::{RoomCounts, StoreCounts, StoreLook};
pub use self::restored::{NotTakenOver, take_over_from_backup};
use self::task::Task;
use crate::backend::Backend;

/// Most rooms that are live in one process. Each costs a task, a few kilobytes, and a look at the store each second.
pub const ROOMS_LIVE_MAX: usize = 1_000;
/// How long a room stays live that nobody uses.
pub const IDLE_MAX: Duration = Duration::from_secs(600);
/// Most commands of a room that wait to be taken up. A thousand saves' worth of what one visitor each asks would be
/// answered too late to be of use.
pub const COMMANDS_WAITING_MAX: usize = 8_192;
/// How long a command may wait for its outcome. A visitor's browser waits longer than that, but a person does not.
pub const COMMAND_WAIT_MAX: Duration = Duration::from_secs(5);
/// What a room knows is shown for so long while its store does not answer. A failover takes less; after it, visitors are
/// told that there is trouble, on a page that keeps their ticket and asks again.
pub const CUT_OFF_AFTER: Duration = Duration::from_secs(5);
/// How long a room's first load may take.
pub const OPEN_WAIT_MAX: Duration = Duration::from_secs(5);

/// Why a room could not be opened.
#[derive(Clone, Debug, thiserror::Error)]
pub enum RoomError {
    /// It was never configured: there is no line to stand in.
    #[error("the room is not configured")]
    NotConfigured,
    /// Its kept state cannot be read; an operator must look.
    #[error("the kept state of the room cannot be read: {0}")]
    Unreadable(String),
    /// The store did not answer in time. Trying again can help.
    #[error("the store does not answer")]
    StoreUnavailable,
    /// More rooms are live than the process keeps.
    #[error("more rooms are live than the {ROOMS_LIVE_MAX} a process keeps")]
    TooMany,
    /// The process is stopping.
    #[error("the rooms are closed, the process is stopping")]
    Closed,
    /// The operating system has no randomness, and a draw needs some.
    #[error("no random bytes are to be had: {0}")]
    NoRandomness(getrandom::Error),
}

/// Why a command got no outcome.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SubmitError {
    /// The process is stopping.
    #[error("the room is closed, the process is stopping")]
    Closed,
    /// No outcome came in time; whatever was asked may have been done.
    #[error("the room did not answer in time")]
    TimedOut,
}

/// The live rooms of a process. Cheap to clone.
///
/// ```
/// use std::sync::Arc;
///
/// use anteroom_protocol::id::QueueId;
/// use anteroom_queue::{Command, Lane, Outcome, Place, Settings};
/// use anteroom_store::documents::Memory;
/// use anteroom_store::rooms::Rooms;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (customer, room) = ("acme".parse()?, "spring24".parse()?);
/// let rooms = Rooms::new(Arc::new(Memory::new()));
/// rooms.submit(&customer, &room, Command::Configure(Settings::with_outflow(60))).await?;
///
/// let room = rooms.open(&customer, &room).await?;
/// let queue_id = QueueId::from_random([7; 16]);
/// let placed = room.submit(Command::Arrive { queue_id, lane: Lane::ORDINARY, key: None }).await?;
/// assert!(matches!(placed, Outcome::Placed { place, .. } if place == Place::ordinary(1)));
/// rooms.close().await;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Rooms {
    shared: Arc<Shared>,
}

/// One live room. Cheap to clone. A room stays live while there is a handle.
#[derive(Clone)]
pub struct RoomHandle {
    live: Arc<Live>,
    snapshot: Arc<ArcSwap<Snapshot>>,
    backend: Arc<dyn Backend>,
}

struct Shared {
    backend: Arc<dyn Backend>,
    live: Mutex<LiveRooms>,
    /// Tells the tasks to take no more commands. Each holds a receiver for as long as it runs.
    closing: watch::Sender<bool>,
    counts: StoreCounts,
    store_look: tokio::sync::Mutex<StoreLook>,
}

#[derive(Default)]
struct LiveRooms {
    /// By segment.
    by_segment: HashMap<Arc<str>, Entry>,
    is_closed: bool,
}

struct Entry {
    live: Arc<Live>,
    /// When the room was last opened.
    opened_at: Instant,
}

/// What all handles of a room share. Its task ends when it is dropped.
struct Live {
    submissions: mpsc::Sender<Submission>,
    status: watch::Receiver<Status>,
    counts: Arc<RoomCounts>,
}

/// A command on its way to a room's task.
struct Submission {
    command: Command,
    reply: oneshot::Sender<Outcome>,
}

/// What a room's task knows of its room.
#[derive(Clone)]
enum Status {
    /// Nothing yet.
    Loading,
    /// The room is there: this is its newest snapshot, now and from then on.
    Ready(Arc<ArcSwap<Snapshot>>),
    /// Nobody ever configured it.
    NotConfigured,
    /// What is kept of it cannot be read.
    Unreadable(String),
    /// The store has not answered before anything was known, or for so long that what is known is out of date. The task
    /// goes on trying.
    StoreUnavailable,
}

impl Rooms {
    /// The rooms kept in this store. None is live yet.
    pub fn new(backend: Arc<dyn Backend>) -> Self {
        let (closing, _) = watch::channel(false);
        let (live, counts, store_look) = Default::default();
        Self { shared: Arc::new(Shared { backend, live, closing, counts, store_look }) }
    }

    /// The room, with its state loaded. The first call for a room starts its task, so it must be made within a tokio
    /// runtime.
    ///
    /// # Errors
    /// When the room was never configured, cannot be read or not be loaded in time, when the store has not answered for
    /// [`CUT_OFF_AFTER`], or when too many are live.
    pub async fn open(&self, customer: &CustomerId, room: &RoomId) -> Result<RoomHandle, RoomError> {
        let segment = segment(customer, room);
        let live = self.shared.live(&segment)?;
        let mut status = live.status.clone();
        let known = timeout(OPEN_WAIT_MAX, status.wait_for(|status| !matches!(status, Status::Loading)));
        let known = match known.await {
            Ok(Ok(status)) => status.clone(),
            // The task is gone: only a fault of ours ends it while there is a handle.
            Ok(Err(_)) => Status::StoreUnavailable,
            Err(_) => Status::StoreUnavailable,
        };
        match known {
            Status::Ready(snapshot) => {
                Ok(RoomHandle { live, snapshot, backend: self.shared.backend.clone() })
            }
            Status::NotConfigured => {
                // Whoever makes up names must not fill the process with tasks.
                drop(live);
                self.shared.forget_unused(&segment, Duration::ZERO);
                Err(RoomError::NotConfigured)
            }
            Status::Unreadable(reason) => Err(RoomError::Unreadable(reason)),
            Status::Loading | Status::StoreUnavailable => Err(RoomError::StoreUnavailable),
        }
    }

    /// The room, if it is live and loaded. Waits for nothing.
    pub fn get(&self, customer: &CustomerId, room: &RoomId) -> Option<RoomHandle> {
        let mut rooms = self.shared.lock();
        let entry = rooms.by_segment.get_mut(segment(customer, room).as_str())?;
        let Status::Ready(snapshot) = &*entry.live.status.borrow() else { return None };
        entry.opened_at = Instant::now();
        Some(RoomHandle {
            live: entry.live.clone(),
            snapshot: snapshot.clone(),
            backend: self.shared.backend.clone(),
        })
    }

    /// Creates the room's line or changes its settings, or gives any other command to a room that need not be
    /// configured yet.
    ///
    /// # Errors
    /// When the process is stopping or no outcome comes in time.
    pub async fn submit(
        &self,
        customer: &CustomerId,
        room: &RoomId,
        command: Command,
    ) -> Result<Outcome, SubmitError> {
        let segment = segment(customer, room);
        let live = match self.shared.live(&segment) {
            Ok(live) => live,
            Err(RoomError::Closed) => return Err(SubmitError::Closed),
            Err(_) => return Ok(Outcome::Refused(Refusal::Busy)),
        };
        let outcome = live.submit(command).await;
        if matches!(outcome, Ok(Outcome::Refused(Refusal::NotConfigured))) {
            drop(live);
            self.shared.forget_unused(&segment, Duration::ZERO);
        }
        outcome
    }

    /// Takes no further commands and waits until those under way have their outcome, which each gets or gives up on
    /// within [`COMMAND_WAIT_MAX`].
    pub async fn close(&self) {
        self.shared.lock().is_closed = true;
        self.shared.closing.send_replace(true);
        self.shared.closing.closed().await;
    }

    /// How many rooms are live.
    pub fn live_count(&self) -> usize {
        self.shared.lock().by_segment.len()
    }
}

impl RoomHandle {
    /// The newest state this process knows, at most a second old. Memory only.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    /// The room's time.
    pub fn now(&self) -> Timestamp {
        self.backend.now()
    }

    /// Gives the room a command and waits for the outcome. What it rests on is saved then, and in the snapshot.
    ///
    /// # Errors
    /// When the process is stopping or no outcome comes in time.
    pub async fn submit(&self, command: Command) -> Result<Outcome, SubmitError> {
        self.live.submit(command).await
    }
}

impl Live {
    async fn submit(&self, command: Command) -> Result<Outcome, SubmitError> {
        let (reply, outcome) = oneshot::channel();
        match self.submissions.try_send(Submission { command, reply }) {
            Ok(()) => {}
            Err(mpsc::error::TrySendError::Full(_)) => return Ok(Outcome::Refused(Refusal::Busy)),
            Err(mpsc::error::TrySendError::Closed(_)) => return Err(SubmitError::Closed),
        }
        match timeout(COMMAND_WAIT_MAX, outcome).await {
            Ok(Ok(outcome)) => Ok(outcome),
            Ok(Err(_)) => Err(SubmitError::Closed),
            Err(_) => Err(SubmitError::TimedOut),
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, LiveRooms> {
        // What is guarded is whole after every statement, so a panic elsewhere does no harm to it.
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The room's task, started if there is none.
    fn live(self: &Arc<Self>, segment: &str) -> Result<Arc<Live>, RoomError> {
        let mut rooms = self.lock();
        if rooms.is_closed {
            return Err(RoomError::Closed);
        }
        if let Some(entry) = rooms.by_segment.get_mut(segment)
            && !entry.live.submissions.is_closed()
        {
            entry.opened_at = Instant::now();
            return Ok(entry.live.clone());
        }
        if rooms.by_segment.len() >= ROOMS_LIVE_MAX && !rooms.forget_longest_unused() {
            return Err(RoomError::TooMany);
        }
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(RoomError::NoRandomness)?;
        let segment: Arc<str> = segment.into();
        let live = Arc::new(Task::spawn(self, &segment, seed));
        rooms.by_segment.insert(segment, Entry { live: live.clone(), opened_at: Instant::now() });
        Ok(live)
    }

    /// Ends a room's task, if nobody holds the room and nobody has opened it for so long.
    fn forget_unused(&self, segment: &str, unused_for: Duration) {
        let mut rooms = self.lock();
        let is_unused = |entry: &Entry| entry.is_unheld() && entry.opened_at.elapsed() >= unused_for;
        if rooms.by_segment.get(segment).is_some_and(is_unused) {
            rooms.by_segment.remove(segment);
        }
    }
}

impl LiveRooms {
    /// Makes room for another. Returns whether it could.
    fn forget_longest_unused(&mut self) -> bool {
        let unheld = self.by_segment.iter().filter(|(_, entry)| entry.is_unheld());
        let longest = unheld.min_by_key(|(_, entry)| entry.opened_at).map(|(segment, _)| segment.clone());
        longest.is_some_and(|segment| self.by_segment.remove(&segment).is_some())
    }
}

impl Entry {
    /// Whether nobody has a handle. Whoever waits for an outcome has one.
    fn is_unheld(&self) -> bool {
        // New handles are made only under the lock that the caller holds, or from others.
        Arc::strong_count(&self.live) == 1
    }
}

impl fmt::Debug for Rooms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rooms").field("live", &self.live_count()).finish_non_exhaustive()
    }
}

impl fmt::Debug for RoomHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RoomHandle").finish_non_exhaustive()
    }
}

/// What a room's documents have in common.
fn segment(customer: &CustomerId, room: &RoomId) -> String {
    format!("room:{customer}:{room}")
}
