//! Accounts and their rooms in memory, kept current by watching the store: what the public service looks up on every
//! request. (Contract stub: signatures stand, bodies are to come.)

use std::sync::Arc;

use anteroom_protocol::id::{CustomerId, RoomId};
use anteroom_protocol::mac::Key;
use anteroom_protocol::redirect::AllowedHosts;

use crate::records::{RecordError, Records, RoomRecord};

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
    /// Its rooms.
    pub rooms: Vec<Arc<RoomRecord>>,
}

impl AccountEntry {
    /// One of its rooms.
    pub fn room(&self, room: &RoomId) -> Option<&Arc<RoomRecord>> {
        self.rooms.iter().find(|record| record.room == *room)
    }
}

/// The accounts in memory. Cheap to clone; the task behind it ends with the last clone.
#[derive(Clone)]
pub struct Directory {
    _records: Records,
}

impl Directory {
    /// Loads all accounts and begins to follow the store. Must be called within a tokio runtime.
    #[allow(clippy::unused_async, missing_docs, clippy::missing_errors_doc)]
    pub async fn start(records: Records) -> Result<Self, RecordError> {
        Ok(Self { _records: records })
    }

    /// An account, as of at most a second ago. Memory only.
    pub fn account(&self, _customer: &CustomerId) -> Option<Arc<AccountEntry>> {
        todo!()
    }
}
