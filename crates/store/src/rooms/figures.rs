//! How the live rooms of this process are doing, for whoever looks after it. Counted where it happens, read when asked.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anteroom_queue::Outcome;
use tokio::time::{Instant, timeout};

use super::{Live, Rooms, Status};
use crate::backend::{Key, Saved};

/// How long the store may take to show that it answers.
const STORE_LOOK_MAX: Duration = Duration::from_secs(2);
/// A look at the store is good for so long, so that whoever asks often does not ask the store.
const STORE_LOOK_GOOD_FOR: Duration = Duration::from_secs(1);

/// What this process did, since it began.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Loads for rooms that the store answered.
    pub loads_done: u64,
    /// Loads for rooms that failed.
    pub loads_failed: u64,
    /// Saves that were made. With those refused they are the attempts.
    pub saves_done: u64,
    /// Saves that were refused because another process was first.
    pub saves_refused: u64,
    /// Saves that failed, of which some may have been made.
    pub saves_failed: u64,
    /// The rooms that are live, by name.
    pub rooms: Vec<RoomFigures>,
}

/// What this process did in one room, since it became live here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomFigures {
    /// The account.
    pub customer: String,
    /// The room.
    pub room: String,
    /// Visitors who were given a place here.
    pub placed: u64,
    /// Visitors who were let in here.
    pub admitted: u64,
    /// Commands that got any outcome here. By the saves it is how many share one.
    pub commands: u64,
    /// Commands that were refused for the store's sake.
    pub store_refusals: u64,
    /// Visitors in line who have not been called, as this process last saw it; absent while that is not known.
    pub waiting: Option<u64>,
    /// Whether the store answers this room.
    pub is_store_answering: bool,
}

#[derive(Debug, Default)]
pub(super) struct StoreCounts {
    pub(super) loads_done: AtomicU64,
    pub(super) loads_failed: AtomicU64,
    pub(super) saves_done: AtomicU64,
    pub(super) saves_refused: AtomicU64,
    pub(super) saves_failed: AtomicU64,
}

#[derive(Debug, Default)]
pub(super) struct RoomCounts {
    placed: AtomicU64,
    admitted: AtomicU64,
    commands: AtomicU64,
    store_refusals: AtomicU64,
}

/// When the store was last looked at, and whether it answered.
pub(super) type StoreLook = Option<(Instant, bool)>;

pub(super) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

impl StoreCounts {
    pub(super) fn count_save<E>(&self, saved: &Result<Saved, E>) {
        count(match saved {
            Ok(Saved::Done { .. }) => &self.saves_done,
            Ok(Saved::Refused { .. }) => &self.saves_refused,
            Err(_) => &self.saves_failed,
        });
    }
}

impl RoomCounts {
    pub(super) fn count(&self, outcome: &Outcome) {
        count(&self.commands);
        match outcome {
            Outcome::Placed { .. } => count(&self.placed),
            Outcome::Admitted { .. } => count(&self.admitted),
            Outcome::Refused(anteroom_queue::Refusal::StoreUnavailable) => count(&self.store_refusals),
            _ => {}
        }
    }
}

impl Rooms {
    /// How the live rooms are doing.
    pub fn figures(&self) -> Figures {
        let counts = &self.shared.counts;
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let now = self.shared.backend.now();
        let mut rooms: Vec<RoomFigures> = {
            let live = self.shared.lock();
            live.by_segment.iter().map(|(segment, entry)| room_figures(segment, &entry.live, now)).collect()
        };
        rooms.sort_by(|a, b| (&a.customer, &a.room).cmp(&(&b.customer, &b.room)));
        Figures {
            loads_done: read(&counts.loads_done),
            loads_failed: read(&counts.loads_failed),
            saves_done: read(&counts.saves_done),
            saves_refused: read(&counts.saves_refused),
            saves_failed: read(&counts.saves_failed),
            rooms,
        }
    }

    /// Whether the store answers at this moment, give or take a second.
    pub async fn is_store_answering(&self) -> bool {
        let mut look = self.shared.store_look.lock().await;
        if let Some((at, is_answering)) = *look
            && at.elapsed() < STORE_LOOK_GOOD_FOR
        {
            return is_answering;
        }
        // Any key would do.
        let asked = self.shared.backend.load(vec![Key::new("installation", "accounts")]);
        let is_answering = timeout(STORE_LOOK_MAX, asked).await.is_ok_and(|loaded| loaded.is_ok());
        *look = Some((Instant::now(), is_answering));
        is_answering
    }

    /// What an operator should put right about the store, a sentence each.
    pub fn store_warnings(&self) -> Vec<String> {
        self.shared.backend.warnings()
    }
}

fn room_figures(segment: &str, live: &Live, now: anteroom_protocol::time::Timestamp) -> RoomFigures {
    let mut names = segment.splitn(3, ':').skip(1).map(str::to_owned);
    let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let (waiting, is_store_answering) = match &*live.status.borrow() {
        Status::Ready(snapshot) => (Some(snapshot.load().figures(now).waiting), true),
        Status::StoreUnavailable => (None, false),
        Status::Loading | Status::NotConfigured | Status::Unreadable(_) => (None, true),
    };
    RoomFigures {
        customer: names.next().unwrap_or_default(),
        room: names.next().unwrap_or_default(),
        placed: read(&live.counts.placed),
        admitted: read(&live.counts.admitted),
        commands: read(&live.counts.commands),
        store_refusals: read(&live.counts.store_refusals),
        waiting,
        is_store_answering,
    }
}
