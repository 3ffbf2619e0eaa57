//! Published versions to connectors: a download that answers at once, and a long poll that answers when there is
//! something new. Knows no operator; it learns of a publish as any process does, from the store.

mod reports;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anteroom_protocol::id::CustomerId;
use anteroom_protocol::mac::sha256;
use anteroom_protocol::time::Timestamp;
use anteroom_store::records::{RecordError, Records};
use bytes::Bytes;
use data_encoding::HEXLOWER;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub(crate) use reports::{Heard, Report, Standing, TEXT_CHARS_MAX};
use reports::{PROCESSES_MAX, Reports};

/// The longest a poll is held: below the half minute after which common proxies give up.
pub(crate) const WAIT_MAX: Duration = Duration::from_secs(25);
/// Polls held at the same time: one for each process that is remembered. Each costs a connection and a task.
const WAITING_MAX: usize = PROCESSES_MAX;

/// The newest version of an account, ready to be sent.
#[derive(Debug)]
pub(crate) struct Published {
    pub(crate) version: u64,
    /// In quotes. Made of the content too: an installation that was set up anew counts from 1 again.
    pub(crate) etag: String,
    pub(crate) document: Bytes,
    pub(crate) published_at: Timestamp,
}

/// What a poll has led to.
#[derive(Debug)]
pub(crate) enum Polled {
    /// This is in force, and the connector does not have it.
    Newer(Arc<Published>),
    /// The wait is over, and the connector has the newest.
    Unchanged,
    /// The wait is over, and nothing was ever published.
    NothingPublished,
    /// The service ends, or holds as many polls as it can: ask again soon.
    NotHeld,
}

/// A connector as it is shown.
#[derive(Debug)]
pub(crate) struct Shown {
    pub(crate) heard: Heard,
    pub(crate) standing: Standing,
    /// From the publication of the newest version to the connector's first word that it runs it.
    pub(crate) in_force_after: Option<Duration>,
}

/// Hands out versions and remembers who runs which. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Feed {
    records: Records,
    reports: Arc<Mutex<Reports>>,
    /// The newest version of each account that was asked for. Bounded by the number of accounts, as only those who
    /// have a key of one get here.
    newest: Arc<Mutex<HashMap<CustomerId, Arc<Published>>>>,
    waiting: Arc<Semaphore>,
    /// Cancelled when the service ends.
    closing: CancellationToken,
}

impl Feed {
    pub(crate) fn new(records: Records, closing: CancellationToken) -> Self {
        Self {
            records,
            reports: Arc::default(),
            newest: Arc::default(),
            waiting: Arc::new(Semaphore::new(WAITING_MAX)),
            closing,
        }
    }

    /// The newest version; none before the first.
    pub(crate) async fn newest(&self, customer: &CustomerId) -> Result<Option<Arc<Published>>, RecordError> {
        let Some(head) = self.records.head(customer).await? else { return Ok(None) };
        if let Some(known) = lock(&self.newest).get(customer).filter(|known| known.version == head) {
            return Ok(Some(Arc::clone(known)));
        }
        let Some(found) = self.records.version(customer, head).await? else { return Ok(None) };
        let hash = HEXLOWER.encode(&sha256(&[&found.document])[..8]);
        let published = Arc::new(Published {
            version: head,
            etag: format!("\"{head}-{hash}\""),
            document: Bytes::copy_from_slice(&found.document),
            published_at: found.published_at,
        });
        lock(&self.newest).insert(customer.clone(), Arc::clone(&published));
        Ok(Some(published))
    }

    /// Waits for a version that the connector does not have, but no longer than `wait`.
    pub(crate) async fn poll(
        &self,
        customer: &CustomerId,
        has: impl Fn(&str) -> bool,
        wait: Duration,
    ) -> Result<Polled, RecordError> {
        // The watch begins before the first look, so that nothing can be published unseen in between.
        let mut changes = self.records.watch_account(customer);
        let deadline = Instant::now() + wait.min(WAIT_MAX);
        let mut held = None;
        loop {
            changes.borrow_and_update();
            let newest = self.newest(customer).await?;
            if let Some(published) = newest.as_ref().filter(|published| !has(&published.etag)) {
                return Ok(Polled::Newer(Arc::clone(published)));
            }
            let is_over = Instant::now() >= deadline;
            if is_over {
                return Ok(if newest.is_some() { Polled::Unchanged } else { Polled::NothingPublished });
            }
            if held.is_none() {
                let Ok(permit) = self.waiting.try_acquire() else { return Ok(Polled::NotHeld) };
                held = Some(permit);
            }
            tokio::select! {
                () = self.closing.cancelled() => return Ok(Polled::NotHeld),
                () = tokio::time::sleep_until(deadline) => {}
                changed = changes.changed() => {
                    if changed.is_err() {
                        return Ok(Polled::NotHeld);
                    }
                }
            }
        }
    }

    /// Notes what a connector says of itself.
    pub(crate) fn note(&self, customer: &CustomerId, report: Report) {
        let now = self.records.now();
        lock(&self.reports).note(customer, report, now);
    }

    /// The number of the newest version, and how each connector heard of lately stands to it.
    pub(crate) async fn connectors(
        &self,
        customer: &CustomerId,
    ) -> Result<(Option<u64>, Vec<Shown>), RecordError> {
        let newest = self.newest(customer).await?;
        let now = self.records.now();
        let head = newest.as_ref().map(|published| published.version);
        let heard = lock(&self.reports).of(customer, now);
        let shown = heard
            .into_iter()
            .map(|heard| Shown {
                standing: heard.standing(head, now),
                in_force_after: newest.as_ref().and_then(|published| in_force_after(published, &heard)),
                heard,
            })
            .collect();
        Ok((head, shown))
    }
}

/// How long the version took to this connector. Of one that came later than the version, nothing can be said.
fn in_force_after(published: &Published, heard: &Heard) -> Option<Duration> {
    let was_there = heard.first_seen <= published.published_at;
    let runs_it = heard.report.running_version == Some(published.version);
    (was_there && runs_it).then(|| heard.running_since.saturating_since(published.published_at))
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
