//! Accounts and their rooms in memory, kept current by watching the store: what the public service looks up on every
//! request.
//!
//! A task follows the list of accounts and each account. As a backstop it compares what it has with the store every
//! second, because a wake-up may be lost. What cannot be read at the moment stays as it was last: a store that is
//! down, or a record that is damaged, takes nobody's room away.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use anteroom_protocol::id::{CustomerId, RoomId};
use anteroom_protocol::mac::{Key, sha256};
use anteroom_protocol::redirect::AllowedHosts;
use anteroom_protocol::secret::Secret;
use anteroom_protocol::ticket::TicketKey;
use arc_swap::ArcSwap;
use constant_time_eq::constant_time_eq_32;
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{MissedTickBehavior, interval};

use crate::backend::Version;
use crate::records::{Account, ApiKey, RecordError, Records, RoomRecord};

/// How often all accounts are compared with the store, whatever the watches say.
const COMPARE_EVERY: Duration = Duration::from_secs(1);

/// An account as the public service needs it: parsed, with its key made ready.
#[derive(Debug)]
pub struct AccountEntry {
    /// Its name in addresses.
    pub customer: CustomerId,
    /// What people read.
    pub display_name: String,
    /// Where visitors may be sent back to.
    pub allowed_hosts: AllowedHosts,
    /// Signs queue tokens and (derived) tickets.
    pub key: Key,
    /// The same as text: enqueue tokens are hashed with it, not signed.
    pub secret_key: Secret,
    /// Keys of its scripts and connectors.
    api_keys: Vec<ApiKey>,
    /// Opens tickets.
    pub ticket_key: TicketKey,
    /// Its rooms.
    pub rooms: Vec<Arc<RoomRecord>>,
    /// The rooms whose own target is none that visitors may be sent to; none, unless the hosts were changed after it.
    leading_nowhere: Vec<RoomId>,
}

impl AccountEntry {
    /// One of its rooms.
    pub fn room(&self, room: &RoomId) -> Option<&Arc<RoomRecord>> {
        self.rooms.iter().find(|record| record.room == *room)
    }

    /// Whether the room's own target is one that visitors may be sent to.
    pub fn leads_somewhere(&self, room: &RoomId) -> bool {
        !self.leading_nowhere.contains(room)
    }

    /// Whether this is one of its API keys.
    pub fn is_opened_by(&self, api_key: &str) -> bool {
        let hash = sha256(&[api_key.as_bytes()]);
        self.api_keys.iter().any(|key| constant_time_eq_32(&key.hash, &hash))
    }
}

/// The accounts in memory. Cheap to clone; the task behind it ends with the last clone.
#[derive(Clone, Debug)]
pub struct Directory {
    entries: Arc<ArcSwap<Entries>>,
    _task: Arc<Task>,
}

type Entries = HashMap<CustomerId, Arc<AccountEntry>>;

/// Ends the task when the last directory is gone.
#[derive(Debug)]
struct Task(AbortHandle);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Directory {
    /// Loads all accounts and begins to follow the store. Must be called within a tokio runtime.
    ///
    /// An account that is damaged is left out and logged; the others can still be served.
    ///
    /// # Errors
    /// When the store does not answer, or the list of accounts cannot be read.
    pub async fn start(records: Records) -> Result<Self, RecordError> {
        let mut follower = Follower::new(records);
        follower.follow_installation();
        follower.compare().await?;
        let entries = follower.entries.clone();
        let task = tokio::spawn(follower.run()).abort_handle();
        Ok(Self { entries, _task: Arc::new(Task(task)) })
    }

    /// An account, as of at most a second ago. Memory only.
    pub fn account(&self, customer: &CustomerId) -> Option<Arc<AccountEntry>> {
        self.entries.load().get(customer).cloned()
    }
}

/// What was saved.
enum Changed {
    Installation,
    Account(CustomerId),
}

/// An account that is followed.
#[derive(Default)]
struct Followed {
    /// Where the account stood when it was last read; none: it must be read again.
    seen: Option<Version>,
    /// The newest that could be read.
    entry: Option<Arc<AccountEntry>>,
}

struct Follower {
    records: Records,
    followed: HashMap<CustomerId, Followed>,
    /// One waiting task for the installation and for each account. Each ends with the first change, so that there
    /// is never more than one wake-up of a kind to look after.
    watches: JoinSet<Option<(Changed, watch::Receiver<u64>)>>,
    entries: Arc<ArcSwap<Entries>>,
    /// Whether the last comparison failed; such a stretch is logged once.
    is_failing: bool,
}

impl Follower {
    fn new(records: Records) -> Self {
        Self {
            records,
            followed: HashMap::new(),
            watches: JoinSet::new(),
            entries: Arc::default(),
            is_failing: false,
        }
    }

    async fn run(mut self) {
        let mut ticks = interval(COMPARE_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let outcome = tokio::select! {
                Some(change) = self.watches.join_next() => match change {
                    Ok(Some((changed, watch))) => self.handle_changed(changed, watch).await,
                    // Whatever told of changes is gone. The comparison goes on.
                    Ok(None) | Err(_) => continue,
                },
                _ = ticks.tick() => self.compare().await,
            };
            self.note(outcome);
        }
    }

    fn note(&mut self, outcome: Result<(), RecordError>) {
        match outcome {
            Ok(()) if self.is_failing => {
                self.is_failing = false;
                tracing::info!("accounts can be read again");
            }
            Ok(()) => {}
            Err(error) if !self.is_failing => {
                self.is_failing = true;
                let error: &dyn std::error::Error = &error;
                tracing::warn!(error, "accounts cannot be read; they stay as they were last");
            }
            Err(_) => {}
        }
    }

    async fn handle_changed(
        &mut self,
        changed: Changed,
        watch: watch::Receiver<u64>,
    ) -> Result<(), RecordError> {
        match changed {
            Changed::Installation => {
                self.wait(Changed::Installation, watch);
                self.compare().await
            }
            Changed::Account(customer) => {
                let Some(followed) = self.followed.get_mut(&customer) else { return Ok(()) };
                followed.seen = None;
                self.wait(Changed::Account(customer), watch);
                self.compare().await
            }
        }
    }

    /// Reads the list of accounts, and each account that is not as it was last read.
    async fn compare(&mut self) -> Result<(), RecordError> {
        let customers = self.records.accounts().await?;
        let marks = self.records.account_marks(&customers).await?;
        let mut is_changed = self.forget_all_but(&customers);
        let mut outcome = Ok(());
        for (customer, mark) in customers.into_iter().zip(marks) {
            let followed = self.follow(&customer);
            if followed.seen.is_some() && followed.seen == mark {
                continue;
            }
            // Read after the watch began and after the mark: what is saved from here on is told by one of them.
            match self.read(customer, mark).await {
                Ok(is_other) => is_changed |= is_other,
                Err(error) => {
                    outcome = Err(error);
                    break;
                }
            }
        }
        // Also when a later one failed: these count as seen, and would not come up again.
        if is_changed {
            let entries = self.followed.iter();
            let entries =
                entries.filter_map(|(customer, found)| Some((customer.clone(), found.entry.clone()?)));
            self.entries.store(Arc::new(entries.collect()));
        }
        outcome
    }

    /// Reads one account. Returns whether its entry is another one now.
    async fn read(&mut self, customer: CustomerId, mark: Option<Version>) -> Result<bool, RecordError> {
        let found = match self.records.account(&customer).await {
            Err(error @ RecordError::Backend(_)) => return Err(error),
            Ok(None) => Ok(None),
            Ok(Some(kept)) => ready(kept.value).map(Some),
            Err(error) => Err(describe(&error)),
        };
        let followed = self.followed.entry(customer.clone()).or_default();
        followed.seen = mark;
        match found {
            Ok(entry) => {
                let is_other = entry.is_some() || followed.entry.is_some();
                followed.entry = entry.map(Arc::new);
                Ok(is_other)
            }
            Err(reason) => {
                // Not read again before somebody saves it, so this is said once.
                tracing::error!(%customer, reason, "the account cannot be read; it stays as it was last");
                Ok(false)
            }
        }
    }

    fn forget_all_but(&mut self, customers: &[CustomerId]) -> bool {
        let before = self.followed.len();
        let customers: HashSet<&CustomerId> = customers.iter().collect();
        self.followed.retain(|customer, _| customers.contains(customer));
        self.followed.len() != before
    }

    fn follow_installation(&mut self) {
        let watch = self.records.watch_installation();
        self.wait(Changed::Installation, watch);
    }

    fn follow(&mut self, customer: &CustomerId) -> &Followed {
        if !self.followed.contains_key(customer) {
            let watch = self.records.watch_account(customer);
            self.wait(Changed::Account(customer.clone()), watch);
        }
        self.followed.entry(customer.clone()).or_default()
    }

    fn wait(&mut self, changed: Changed, mut watch: watch::Receiver<u64>) {
        self.watches.spawn(async move { watch.changed().await.ok().map(|()| (changed, watch)) });
    }
}

/// An account as the public service needs it, or why it cannot be.
fn ready(account: Account) -> Result<AccountEntry, String> {
    let allowed_hosts = AllowedHosts::parse(&account.allowed_hosts).map_err(|problems| {
        let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
        format!("allowed hosts: {}", problems.join("; "))
    })?;
    let key = Key::from_secret(&account.secret_key);
    let rooms: Vec<Arc<RoomRecord>> = account.rooms.into_iter().map(Arc::new).collect();
    let leads_nowhere = |room: &&Arc<RoomRecord>| allowed_hosts.check(&room.default_target).is_err();
    let leading_nowhere = rooms.iter().filter(leads_nowhere).map(|room| room.room.clone()).collect();
    Ok(AccountEntry {
        ticket_key: TicketKey::of(&key),
        key,
        secret_key: account.secret_key,
        customer: account.customer,
        display_name: account.display_name,
        allowed_hosts,
        api_keys: account.api_keys,
        rooms,
        leading_nowhere,
    })
}

fn describe(error: &RecordError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
