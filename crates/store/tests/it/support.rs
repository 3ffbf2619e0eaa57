//! What the cases share: accounts to save, and a store that fails when told to.

use std::error::Error;
use std::fmt;
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use anteroom_protocol::id::CustomerId;
use anteroom_protocol::secret::Secret;
use anteroom_protocol::time::Timestamp;
use anteroom_store::backend::{Backend, BackendError, BoxFuture, Key, Loaded, Saved, Write};
use anteroom_store::documents::Memory;
use anteroom_store::master_key::MasterKey;
use anteroom_store::records::{Account, ApiKey, AuditEntry, Records, RoomRecord};
use tokio::sync::watch;
use tokio::time::Instant;

pub(crate) const SECRET_KEY: &str = "correct-horse-battery-staple";

/// What a [`Moody`] store's clock shows at first.
const BEGUN_AT: Timestamp = Timestamp::from_seconds(1_700_000_000);

pub(crate) fn customer(name: &str) -> CustomerId {
    name.parse().unwrap()
}

pub(crate) fn account(name: &str) -> Account {
    Account {
        customer: customer(name),
        display_name: "Acme Tickets".to_owned(),
        allowed_hosts: vec!["shop.example".to_owned()],
        secret_key: Secret::new(SECRET_KEY.to_owned()),
        api_keys: vec![ApiKey { label: "first".to_owned(), hash: [7; 32] }],
        rooms: vec![room("spring24")],
    }
}

pub(crate) fn room(name: &str) -> RoomRecord {
    RoomRecord {
        room: name.parse().unwrap(),
        display_name: "Spring sale".to_owned(),
        default_target: "https://shop.example/".to_owned(),
        schedule: None,
    }
}

pub(crate) fn audit(what: &str) -> AuditEntry {
    AuditEntry { at: Timestamp::from_seconds(1), who: "ada".to_owned(), what: what.to_owned() }
}

pub(crate) fn master_key() -> MasterKey {
    MasterKey::from_bytes(&[1; 32])
}

pub(crate) fn records(backend: &(impl Backend + Clone)) -> Records {
    Records::new(Arc::new(backend.clone()), master_key())
}

/// An error with everything below it.
pub(crate) fn whole(error: &dyn Error) -> String {
    let causes = std::iter::successors(Some(error), |error: &&dyn Error| (*error).source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// Numbers by chance, the same for the same seed (`splitmix64`).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[0]
    }

    /// One of the numbers below this one.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        let end = u64::try_from(end).unwrap();
        usize::try_from(self.next() % end).unwrap()
    }
}

/// Waits, without sleeping, until something is so.
pub(crate) async fn until(mut is_so: impl FnMut() -> bool) {
    let waited = tokio::time::timeout(std::time::Duration::from_secs(20), async {
        while !is_so() {
            tokio::task::yield_now().await;
        }
    });
    waited.await.expect("it comes true within 20 seconds");
}

/// Documents in memory that fail when told to, and count what they were asked. Their clock is the runtime's, so that
/// it goes on with a paused one.
#[derive(Clone)]
pub(crate) struct Moody {
    pub(crate) memory: Memory,
    begun_at: Instant,
    shared: Arc<Mood>,
}

#[derive(Default)]
struct Mood {
    is_down: AtomicBool,
    /// Saves that still succeed; then all fail.
    saves_left: AtomicUsize,
    /// Whether a failing save is made all the same, and only its answer lost.
    loses_answers: AtomicBool,
    /// Whether nothing is answered any more.
    is_silent: AtomicBool,
    loads: AtomicUsize,
    saves: AtomicUsize,
}

impl Moody {
    pub(crate) fn new() -> Self {
        let shared = Mood { saves_left: AtomicUsize::new(usize::MAX), ..Mood::default() };
        Self { memory: Memory::at(BEGUN_AT), begun_at: Instant::now(), shared: Arc::new(shared) }
    }

    pub(crate) fn set_down(&self, is_down: bool) {
        self.shared.is_down.store(is_down, Ordering::SeqCst);
    }

    pub(crate) fn fail_after_saves(&self, saves: usize) {
        self.shared.saves_left.store(saves, Ordering::SeqCst);
    }

    pub(crate) fn set_loses_answers(&self, loses: bool) {
        self.shared.loses_answers.store(loses, Ordering::SeqCst);
    }

    pub(crate) fn set_silent(&self, is_silent: bool) {
        self.shared.is_silent.store(is_silent, Ordering::SeqCst);
    }

    pub(crate) fn loads(&self) -> usize {
        self.shared.loads.load(Ordering::SeqCst)
    }

    pub(crate) fn saves(&self) -> usize {
        self.shared.saves.load(Ordering::SeqCst)
    }

    fn error() -> BackendError {
        BackendError::Unavailable {
            place: "the test's store".to_owned(),
            doing: "reach",
            advice: "wait for the test to go on",
            is_temporary: true,
            source: Arc::new(Broken),
        }
    }
}

#[derive(Debug)]
struct Broken;

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("told to fail")
    }
}

impl Error for Broken {}

impl Backend for Moody {
    fn load(&self, keys: Vec<Key>) -> BoxFuture<'_, Result<Loaded, BackendError>> {
        self.now();
        self.shared.loads.fetch_add(1, Ordering::SeqCst);
        if self.shared.is_silent.load(Ordering::SeqCst) {
            return Box::pin(pending());
        }
        if self.shared.is_down.load(Ordering::SeqCst) {
            return Box::pin(async { Err(Self::error()) });
        }
        self.memory.load(keys)
    }

    fn save(&self, writes: Vec<Write>) -> BoxFuture<'_, Result<Saved, BackendError>> {
        self.now();
        self.shared.saves.fetch_add(1, Ordering::SeqCst);
        if self.shared.is_silent.load(Ordering::SeqCst) {
            return Box::pin(pending());
        }
        let left = self
            .shared
            .saves_left
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        if left.is_err() || self.shared.is_down.load(Ordering::SeqCst) {
            return Box::pin(async { Err(Self::error()) });
        }
        if self.shared.loses_answers.load(Ordering::SeqCst) {
            return Box::pin(async {
                self.memory.save(writes).await?;
                Err(Self::error())
            });
        }
        self.memory.save(writes)
    }

    fn watch(&self, segment: &str) -> watch::Receiver<u64> {
        self.memory.watch(segment)
    }

    fn now(&self) -> Timestamp {
        self.memory.set_now(BEGUN_AT.saturating_add(self.begun_at.elapsed()));
        self.memory.now()
    }
}
