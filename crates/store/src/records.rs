//! Accounts, rooms, drafts, versions, operators, sessions and the audit list, as types. The only module that knows
//! key names and encodings. (Contract stub: signatures stand, bodies are to come.)

use std::sync::Arc;

use anteroom_protocol::id::{CustomerId, RoomId};
use anteroom_protocol::secret::Secret;
use anteroom_protocol::time::Timestamp;
use serde_json::Value;

use crate::backend::{Backend, Version};
use crate::master_key::MasterKey;

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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// What operators call it.
    pub label: String,
    /// SHA-256 of the key. The key has 256 random bits, so no slow hash is needed.
    pub hash: [u8; 32],
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operator {
    /// The name typed at sign-in.
    pub name: String,
    /// A PHC string.
    pub password_hash: String,
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
    Backend(#[from] crate::backend::BackendError),
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
    _backend: Arc<dyn Backend>,
    _master_key: MasterKey,
}

#[allow(clippy::unused_async, missing_docs, clippy::missing_errors_doc)]
impl Records {
    pub fn new(backend: Arc<dyn Backend>, master_key: MasterKey) -> Self {
        Self { _backend: backend, _master_key: master_key }
    }
    /// The store's clock.
    pub fn now(&self) -> Timestamp {
        todo!()
    }
    /// All accounts, by name.
    pub async fn accounts(&self) -> Result<Vec<CustomerId>, RecordError> {
        todo!()
    }
    /// Adds an account; `Conflict` when there is one of that name.
    pub async fn create_account(&self, _account: &Account, _audit: AuditEntry) -> Result<(), RecordError> {
        todo!()
    }
    pub async fn account(&self, _customer: &CustomerId) -> Result<Option<Kept<Account>>, RecordError> {
        todo!()
    }
    /// The draft; none before the first was saved.
    pub async fn draft(&self, _customer: &CustomerId) -> Result<Option<Kept<Draft>>, RecordError> {
        todo!()
    }
    /// Number of the newest version; none before the first.
    pub async fn head(&self, _customer: &CustomerId) -> Result<Option<u64>, RecordError> {
        todo!()
    }
    pub async fn version(&self, _customer: &CustomerId, _version: u64) -> Result<Option<ConfigVersion>, RecordError> {
        todo!()
    }
    /// The newest versions, newest first.
    pub async fn versions(&self, _customer: &CustomerId, _count_max: usize) -> Result<Vec<ConfigVersion>, RecordError> {
        todo!()
    }
    /// The newest audit entries, newest first.
    pub async fn audit(&self, _customer: &CustomerId, _count_max: usize) -> Result<Vec<AuditEntry>, RecordError> {
        todo!()
    }
    /// Makes a change and writes its audit entry in one save. Returns the new version of what was changed.
    pub async fn commit(&self, _customer: &CustomerId, _change: Change, _audit: AuditEntry) -> Result<Version, RecordError> {
        todo!()
    }
    /// Follows whatever is saved of an account (record, draft, version).
    pub fn watch_account(&self, _customer: &CustomerId) -> tokio::sync::watch::Receiver<u64> {
        todo!()
    }
    pub async fn operator(&self, _name: &str) -> Result<Option<Operator>, RecordError> {
        todo!()
    }
    /// Adds or replaces an operator.
    pub async fn save_operator(&self, _operator: &Operator) -> Result<(), RecordError> {
        todo!()
    }
    /// `token_hash` is SHA-256 of the session cookie. Expired sessions are none.
    pub async fn session(&self, _token_hash: &[u8; 32]) -> Result<Option<Session>, RecordError> {
        todo!()
    }
    pub async fn save_session(&self, _token_hash: &[u8; 32], _session: &Session) -> Result<(), RecordError> {
        todo!()
    }
    pub async fn remove_session(&self, _token_hash: &[u8; 32]) -> Result<(), RecordError> {
        todo!()
    }
}
