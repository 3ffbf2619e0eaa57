//! Accounts, rooms, drafts, versions, operators, sessions and the audit list, as types. The only module that knows
//! key names and encodings.
//!
//! An account's documents share a segment, and each of its commits counts up its head. So commits of one account
//! follow one another, whatever they change: what was read together with a head is still so when that head's save
//! succeeds. A change and its audit entry are in one save.

mod commit;
mod encode;
mod installation;
mod keys;
mod limits;
mod master_key_mark;

use std::fmt;
use std::sync::Arc;

use anteroom_protocol::id::{CustomerId, RoomId};
use anteroom_protocol::secret::Secret;
use anteroom_protocol::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::watch;

use self::encode::Head;
pub use self::limits::{
    ACCOUNTS_MAX, ALLOWED_HOSTS_MAX, API_KEYS_PER_ACCOUNT_MAX, AUDIT_ENTRIES_MAX, AUDIT_TEXT_BYTES_MAX,
    CONFIG_BYTES_MAX, DESCRIPTION_BYTES_MAX, DRAFT_BYTES_MAX, DRAFT_LEVELS_MAX, NAME_BYTES_MAX,
    OPERATORS_MAX, ROOMS_PER_ACCOUNT_MAX, SECRET_KEY_BYTES_MAX, TARGET_BYTES_MAX, VERSIONS_PER_LIST_MAX,
};
pub use self::master_key_mark::{adopt_master_key, is_master_key_known};
use crate::backend::{Backend, BackendError, Document, Key, Saved, Version, Write};
use crate::master_key::MasterKey;

/// How often a save is tried again because somebody else was first, before the caller is told of a conflict. Each
/// refusal means that another got through, so this many in a row mean a fault rather than a crowd.
const TRIES_MAX: usize = 64;

/// A customer of the installation. Everything that changes together is one document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its name in addresses.
    pub customer: CustomerId,
    /// What people read.
    pub display_name: String,
    /// Where visitors may be sent back to (see `protocol::redirect::AllowedHosts`).
    pub allowed_hosts: Vec<String>,
    /// Shared with its connectors; sealed at rest.
    pub secret_key: Secret,
    /// Keys of scripts and connectors; hashes only.
    pub api_keys: Vec<ApiKey>,
    /// Its waiting rooms.
    pub rooms: Vec<RoomRecord>,
}

/// An API key as it is kept.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// What operators call it.
    pub label: String,
    /// SHA-256 of the key. The key has 256 random bits, so no slow hash is needed.
    pub hash: [u8; 32],
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKey").field("label", &self.label).finish_non_exhaustive()
    }
}

/// What is kept of a room beside its line: its name and where its visitors go. Live settings (outflow, pause) are in
/// the room's own state alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomRecord {
    /// Its name in addresses.
    pub room: RoomId,
    /// What visitors read.
    pub display_name: String,
    /// Where visitors go who came without a target of their own.
    pub default_target: String,
    /// The schedule as its operator wrote it; what it comes to is in the room's own state.
    pub schedule: Option<LocalSchedule>,
}

/// When a room opens, starts and ends, in the words of a place: local dates and times, and the zone they are of. What
/// they say is the platform's affair; a record keeps them as they were written, because a zone's rules may change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LocalSchedule {
    /// The zone's name, such as `Europe/Berlin`.
    pub time_zone: String,
    /// From when on visitors may gather, such as `2026-11-24T09:30`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pre_queue_at: Option<String>,
    /// When the line begins to move.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starts_at: Option<String>,
    /// From when on nobody joins or is let in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<String>,
}

/// The protection scope as it is being edited: integrations as they stand on the wire.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Draft {
    /// What changes, for the list of versions.
    pub description: String,
    /// The entries of `Integrations`, in order.
    pub integrations: Vec<Value>,
}

/// A published integration config. Never changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigVersion {
    /// 1, 2, 3 ...
    pub version: u64,
    /// What the author said about it.
    pub description: String,
    /// Who published it.
    pub published_by: String,
    /// When.
    pub published_at: Timestamp,
    /// The JSON document, byte for byte as connectors get it.
    pub document: Arc<[u8]>,
}

/// Somebody who may sign in.
#[derive(Clone, PartialEq, Eq)]
pub struct Operator {
    /// The name typed at sign-in.
    pub name: String,
    /// A PHC string.
    pub password_hash: String,
}

impl fmt::Debug for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Operator").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A signed-in operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Who.
    pub operator: String,
    /// Until when; renewed by the caller by saving again.
    pub expires_at: Timestamp,
}

/// One line of the audit list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// When.
    pub at: Timestamp,
    /// Who: an operator's name, or what the API key is called.
    pub who: String,
    /// What, as a sentence.
    pub what: String,
}

/// A record and the version it was read at; an edit is refused if the record has moved on.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept<T> {
    /// Which writing this is. Also what an ETag is made of.
    pub version: Version,
    /// The record.
    pub value: T,
}

/// What one commit changes. Each goes with its audit entry, in one save, or not at all.
#[derive(Clone, Debug)]
pub enum Change {
    /// Replaces the account (rooms, keys, names), if it is still at `expected`.
    Account {
        /// The version that was read.
        expected: Version,
        /// What it becomes.
        account: Account,
    },
    /// Replaces the draft.
    Draft {
        /// The version that was read; none: there was no draft.
        expected: Option<Version>,
        /// What it becomes.
        draft: Draft,
    },
    /// Adds a version and makes it the newest. Refused unless its number is one above the newest, and unless the
    /// draft, when given, is still at that version.
    Publish {
        /// The new version.
        version: ConfigVersion,
        /// The draft it was made of, as it was read.
        draft: Option<Version>,
    },
    /// Nothing but the audit entry: the change itself was made elsewhere (in a room's line).
    Note,
}

/// Why a record could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The store.
    #[error("the store did not answer")]
    Backend(#[from] BackendError),
    /// A record is not as this program writes it.
    #[error("the record {key} cannot be read: {reason}")]
    Unreadable {
        /// Where.
        key: String,
        /// Why.
        reason: String,
    },
    /// Somebody else was first: read again and decide anew.
    #[error("somebody else changed this meanwhile")]
    Conflict,
    /// There is no such account.
    #[error("there is no account {0}")]
    NoAccount(CustomerId),
    /// More than a named limit allows.
    #[error("{found} {what}, where at most {limit} are kept")]
    TooMuch {
        /// What.
        what: &'static str,
        /// How much.
        found: usize,
        /// The limit.
        limit: usize,
    },
    /// No randomness to seal a secret with.
    #[error("the system gives no random bytes")]
    NoRandomness,
}

/// Typed records over a backend. Cheap to clone.
#[derive(Clone)]
pub struct Records {
    backend: Arc<dyn Backend>,
    master_key: MasterKey,
}

impl fmt::Debug for Records {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Records").finish_non_exhaustive()
    }
}

impl Records {
    /// Records in this store, their secrets sealed with this key.
    pub fn new(backend: Arc<dyn Backend>, master_key: MasterKey) -> Self {
        Self { backend, master_key }
    }

    /// The store's clock.
    pub fn now(&self) -> Timestamp {
        self.backend.now()
    }

    /// An account, with its rooms and keys.
    ///
    /// # Errors
    /// When the store does not answer, or the record cannot be read or its secret key not be opened.
    pub async fn account(&self, customer: &CustomerId) -> Result<Option<Kept<Account>>, RecordError> {
        let key = keys::account(customer);
        let read = |bytes: &[u8]| encode::read_account(&key, bytes, &self.master_key);
        kept(self.load(&key).await?, read)
    }

    /// The draft; none before the first was saved.
    ///
    /// # Errors
    /// When the store does not answer, or the record cannot be read.
    pub async fn draft(&self, customer: &CustomerId) -> Result<Option<Kept<Draft>>, RecordError> {
        let key = keys::draft(customer);
        kept(self.load(&key).await?, |bytes| encode::read_draft(&key, bytes))
    }

    /// Number of the newest version; none before the first.
    ///
    /// # Errors
    /// When the store does not answer, or the record cannot be read.
    pub async fn head(&self, customer: &CustomerId) -> Result<Option<u64>, RecordError> {
        let head = self.load_head(customer).await?.map(|head| head.value.newest_version);
        Ok(head.filter(|&number| number > 0))
    }

    /// A published version.
    ///
    /// # Errors
    /// When the store does not answer, or the record cannot be read.
    pub async fn version(
        &self,
        customer: &CustomerId,
        version: u64,
    ) -> Result<Option<ConfigVersion>, RecordError> {
        let key = keys::version(customer, version);
        let found = kept(self.load(&key).await?, |bytes| encode::read_version(&key, bytes))?;
        Ok(found.map(|kept| kept.value))
    }

    /// The newest versions, newest first; at most [`VERSIONS_PER_LIST_MAX`].
    ///
    /// # Errors
    /// When the store does not answer, or a record cannot be read.
    pub async fn versions(
        &self,
        customer: &CustomerId,
        count_max: usize,
    ) -> Result<Vec<ConfigVersion>, RecordError> {
        let newest = self.head(customer).await?.unwrap_or(0);
        let numbers = (1..=newest).rev().take(count_max.min(VERSIONS_PER_LIST_MAX));
        let keys: Vec<Key> = numbers.map(|number| keys::version(customer, number)).collect();
        let documents = self.backend.load(keys.clone()).await?.documents;
        let found = keys.iter().zip(documents).filter_map(|(key, document)| Some((key, document?)));
        found.map(|(key, document)| encode::read_version(key, &document.bytes)).collect()
    }

    /// The newest audit entries, newest first; at most the [`AUDIT_ENTRIES_MAX`] that are kept.
    ///
    /// # Errors
    /// When the store does not answer, or a record cannot be read.
    pub async fn audit(
        &self,
        customer: &CustomerId,
        count_max: usize,
    ) -> Result<Vec<AuditEntry>, RecordError> {
        let written = self.load_head(customer).await?.map_or(0, |head| head.value.audit_entries);
        let oldest = written.saturating_sub(AUDIT_ENTRIES_MAX);
        let numbers: Vec<u64> = (oldest..written).rev().take(count_max).collect();
        let keys: Vec<Key> = numbers.iter().map(|&number| keys::audit(customer, number)).collect();
        let documents = self.backend.load(keys.clone()).await?.documents;
        let mut entries = Vec::with_capacity(numbers.len());
        for ((number, key), document) in numbers.into_iter().zip(keys).zip(documents) {
            let Some(document) = document else { continue };
            let (found, entry) = encode::read_audit(&key, &document.bytes)?;
            // Another number: a newer entry has taken the place since the head was read.
            if found == number {
                entries.push(entry);
            }
        }
        Ok(entries)
    }

    /// Follows whatever is saved of an account (record, draft, version).
    pub fn watch_account(&self, customer: &CustomerId) -> watch::Receiver<u64> {
        self.backend.watch(&keys::account_segment(customer))
    }

    /// What moves with each commit of these accounts, for whoever wants to know which ones to read again.
    pub(crate) async fn account_marks(
        &self,
        customers: &[CustomerId],
    ) -> Result<Vec<Option<Version>>, RecordError> {
        let heads = customers.iter().map(keys::head).collect();
        let documents = self.backend.load(heads).await?.documents;
        Ok(documents.into_iter().map(|document| document.map(|document| document.version)).collect())
    }

    async fn load_head(&self, customer: &CustomerId) -> Result<Option<Kept<Head>>, RecordError> {
        let key = keys::head(customer);
        kept(self.load(&key).await?, |bytes| encode::read_head(&key, bytes))
    }

    async fn load(&self, key: &Key) -> Result<Option<Document>, BackendError> {
        let loaded = self.backend.load(vec![key.clone()]).await?;
        Ok(loaded.documents.into_iter().next().flatten())
    }

    /// Writes one document anew from what stands there, as often as somebody else is first. `next` may find that
    /// nothing need be written.
    async fn rewrite(
        &self,
        key: &Key,
        mut next: impl FnMut(Option<&[u8]>) -> Result<Option<Rewritten>, RecordError>,
    ) -> Result<(), RecordError> {
        let mut current = self.load(key).await?;
        for _ in 0..TRIES_MAX {
            let found = current.as_ref();
            let Some(Rewritten { bytes, expires_at }) = next(found.map(|document| &*document.bytes))? else {
                return Ok(());
            };
            let expected = found.map(|document| document.version);
            let write = Write { key: key.clone(), expected, bytes, expires_at };
            match self.backend.save(vec![write]).await? {
                Saved::Done { .. } => return Ok(()),
                Saved::Refused { current: documents, .. } => current = documents.into_iter().next().flatten(),
            }
        }
        Err(RecordError::Conflict)
    }
}

/// What a document becomes.
struct Rewritten {
    bytes: Vec<u8>,
    expires_at: Option<Timestamp>,
}

fn kept<T>(
    document: Option<Document>,
    read: impl FnOnce(&[u8]) -> Result<T, RecordError>,
) -> Result<Option<Kept<T>>, RecordError> {
    let Some(Document { version, bytes }) = document else { return Ok(None) };
    Ok(Some(Kept { version, value: read(&bytes)? }))
}
