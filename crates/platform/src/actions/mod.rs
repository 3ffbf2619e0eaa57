//! What an operator or a script can do: one function for each, which authorizes, checks, writes and audits. Nothing
//! here knows HTTP.

mod accounts;
mod error;
mod password;
mod publish;
mod room_settings;
mod rooms;
mod scope;
mod sign_in;
mod steer;
mod throttle;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anteroom_protocol::id::CustomerId;
use anteroom_store::records::{Account, AuditEntry, Change, Kept, Records};
use anteroom_store::rooms::Rooms;

pub(crate) use error::ActionError;
pub(crate) use password::{PasswordError, hash_password};
pub(crate) use publish::VersionSummary;
pub(crate) use room_settings::SettingsChange;
pub(crate) use rooms::{Life, Live, NewRoom, RoomChange, RoomView};
pub(crate) use scope::{DraftEdit, Expected};
pub(crate) use sign_in::SESSION_LIFETIME;

use crate::access::{Caller, Deed, is_allowed};
use password::Passwords;
use throttle::Throttle;

/// How often a change is made again on what somebody else has written meanwhile, where that loses nothing.
const ATTEMPTS_MAX: usize = 8;

/// Everything that can be done, over the store. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Actions {
    records: Records,
    rooms: Rooms,
    room_host: Arc<str>,
    passwords: Passwords,
    throttle: Arc<Mutex<Throttle>>,
    /// A room's settings are replaced whole: who changes one of them must have seen the change before.
    changing_rooms: Arc<tokio::sync::Mutex<()>>,
}

impl Actions {
    /// Over these records and lines; `room_host` is where visitors reach the waiting room.
    pub(crate) fn new(records: Records, rooms: Rooms, room_host: &str) -> Self {
        Self {
            records,
            rooms,
            room_host: room_host.into(),
            passwords: Passwords::new(),
            throttle: Arc::default(),
            changing_rooms: Arc::default(),
        }
    }

    /// The account, if the caller may do this to it. Whoever may not is told the same as if there were none.
    async fn authorize(
        &self,
        caller: &Caller,
        deed: Deed,
        customer: &CustomerId,
    ) -> Result<Kept<Account>, ActionError> {
        let no_account = || ActionError::absent("account", customer);
        if !is_allowed(caller, deed, customer) {
            return Err(no_account());
        }
        self.records.account(customer).await?.ok_or_else(no_account)
    }

    fn audit_entry(&self, caller: &Caller, what: String) -> AuditEntry {
        AuditEntry { at: self.records.now(), who: caller.audit_name(), what }
    }

    /// Notes a change that was made in a room's line.
    async fn note(&self, caller: &Caller, customer: &CustomerId, what: String) -> Result<(), ActionError> {
        let entry = self.audit_entry(caller, what);
        if let Err(error) = self.records.commit(customer, Change::Note, entry.clone()).await {
            // The line has changed already and cannot be asked to take it back, so the log must remember it.
            tracing::error!(account = %customer, who = entry.who, what = entry.what, "a change is missing in the audit list");
            return Err(error.into());
        }
        Ok(())
    }

    fn throttle(&self) -> MutexGuard<'_, Throttle> {
        self.throttle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
