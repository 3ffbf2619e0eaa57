//! Changes of an account, each in one save with its audit entry.

use anteroom_protocol::id::CustomerId;

use super::encode::{self, Head};
use super::{
    Account, AuditEntry, Change, DRAFT_BYTES_MAX, Kept, RecordError, Records, TRIES_MAX, keys, limits,
};
use crate::backend::{BackendError, Document, Key, Saved, Version, Write};

impl Records {
    /// Adds an account; `Conflict` when there is one of that name. That one is then listed, also when a process
    /// died before it came to list it.
    ///
    /// The account is written first and then listed. In between it exists without being listed; whoever creates
    /// it again lists it, and may find the very same account, which counts as created.
    ///
    /// # Errors
    /// `Conflict`; when a limit is passed; when the store does not answer, and then the account may have been
    /// created: trying again with the same account is safe.
    pub async fn create_account(&self, account: &Account, audit: AuditEntry) -> Result<(), RecordError> {
        limits::check_account(account)?;
        let customer = &account.customer;
        let listed = self.accounts().await?;
        if !listed.contains(customer) {
            limits::check("accounts", listed.len() + 1, limits::ACCOUNTS_MAX)?;
        }
        let new = |key, bytes| Write { key, expected: None, bytes, expires_at: None };
        let head = Head { newest_version: 0, audit_entries: 1 };
        let saved = self.backend.save(vec![
            new(keys::account(customer), encode::account(account, &self.master_key)?),
            new(keys::head(customer), encode::head(head)),
            new(keys::audit(customer, 0), encode::audit(0, &limits::cut_audit(audit))),
        ]);
        let is_ours = match saved.await? {
            Saved::Done { .. } => true,
            Saved::Refused { .. } => {
                // An account that differs, or cannot be read, is somebody else's.
                !listed.contains(customer)
                    && self
                        .account(customer)
                        .await
                        .is_ok_and(|kept| kept.is_some_and(|kept| kept.value == *account))
            }
        };
        self.list_account(customer).await?;
        if is_ours { Ok(()) } else { Err(RecordError::Conflict) }
    }

    /// Makes a change and writes its audit entry in one save. Returns the new version of what was changed.
    ///
    /// # Errors
    /// `Conflict` when what the caller read has moved on; that others changed other things of the account
    /// meanwhile is none. When a limit is passed, nothing is written. When the store does not answer, the change
    /// may have been made: read again before deciding.
    pub async fn commit(
        &self,
        customer: &CustomerId,
        change: Change,
        audit: AuditEntry,
    ) -> Result<Version, RecordError> {
        let audit = limits::cut_audit(audit);
        let planned = self.plan(customer, change)?;
        for _ in 0..TRIES_MAX {
            match self.try_commit(customer, &planned, &audit).await? {
                Some(version) => return Ok(version),
                None => tokio::task::yield_now().await,
            }
        }
        Err(RecordError::Conflict)
    }

    /// What a change writes, checked against the limits and encoded once.
    fn plan(&self, customer: &CustomerId, change: Change) -> Result<Planned, RecordError> {
        Ok(match change {
            Change::Account { expected, account } => {
                if account.customer != *customer {
                    let found = format!("a change of {customer} with the account {}", account.customer);
                    return Err(RecordError::Backend(BackendError::Misuse { found }));
                }
                limits::check_account(&account)?;
                let bytes = encode::account(&account, &self.master_key)?;
                Planned::Replace { key: keys::account(customer), expected: Some(expected), bytes }
            }
            Change::Draft { expected, draft } => {
                limits::check_draft(&draft)?;
                let bytes = encode::draft(&draft);
                limits::check("bytes in a draft", bytes.len(), DRAFT_BYTES_MAX)?;
                Planned::Replace { key: keys::draft(customer), expected, bytes }
            }
            Change::Publish { version, draft } => {
                limits::check_version(&version)?;
                let bytes = encode::version(&version);
                Planned::Publish { number: version.version, bytes, draft }
            }
            Change::Note => Planned::Note,
        })
    }

    /// One try. None: somebody else's commit came between the load and the save.
    async fn try_commit(
        &self,
        customer: &CustomerId,
        planned: &Planned,
        audit: &AuditEntry,
    ) -> Result<Option<Version>, RecordError> {
        let key = keys::head(customer);
        let watched = match planned {
            Planned::Replace { key, .. } => key.clone(),
            Planned::Publish { .. } | Planned::Note => keys::draft(customer),
        };
        let [head, watched] = self.load_two(key.clone(), watched).await?;
        let head = super::kept(head, |bytes| encode::read_head(&key, bytes))?;
        let Some(Kept { version: head_version, value: head }) = head else {
            return Err(RecordError::NoAccount(customer.clone()));
        };
        let watched = watched.map(|document| document.version);

        let mut newest_version = head.newest_version;
        let mut writes = Vec::with_capacity(3);
        match planned {
            Planned::Replace { key, expected, bytes } => {
                if watched != *expected {
                    return Err(RecordError::Conflict);
                }
                writes.push(write(key.clone(), *expected, bytes.clone()));
            }
            Planned::Publish { number, bytes, draft } => {
                // The draft is only read. It is still as it was when the head is: every commit writes that.
                if *number != head.newest_version + 1 || (draft.is_some() && watched != *draft) {
                    return Err(RecordError::Conflict);
                }
                newest_version = *number;
                writes.push(write(keys::version(customer, *number), None, bytes.clone()));
            }
            Planned::Note => {}
        }
        let number = head.audit_entries;
        let place = keys::audit(customer, number);
        let replaced = self.load(&place).await?.map(|document| document.version);
        writes.push(write(place, replaced, encode::audit(number, audit)));
        let next = Head { newest_version, audit_entries: number + 1 };
        writes.push(write(key, Some(head_version), encode::head(next)));
        match self.backend.save(writes).await? {
            Saved::Done { version, .. } => Ok(Some(version)),
            Saved::Refused { .. } => Ok(None),
        }
    }

    /// Two documents as they stood at one moment.
    async fn load_two(&self, first: Key, second: Key) -> Result<[Option<Document>; 2], RecordError> {
        let mut documents = self.backend.load(vec![first, second]).await?.documents.into_iter();
        Ok([documents.next().flatten(), documents.next().flatten()])
    }
}

/// A change, ready to be written.
enum Planned {
    /// One document takes the place of another.
    Replace { key: Key, expected: Option<Version>, bytes: Vec<u8> },
    /// A new version and a moved head.
    Publish { number: u64, bytes: Vec<u8>, draft: Option<Version> },
    /// The audit entry alone.
    Note,
}

fn write(key: Key, expected: Option<Version>, bytes: Vec<u8>) -> Write {
    Write { key, expected, bytes, expires_at: None }
}
