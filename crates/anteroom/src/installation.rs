//! The data directory: opened, and at the very first start filled with an account, its keys and an operator.
//!
//! The credentials go into their file before anything goes into the store, so that no crash in between can leave an
//! account whose keys nobody knows: the next start goes on with the file's values.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anteroom_platform::NoRandomness;
use anteroom_platform::first_start::{self, NewInstallation, SetUpError};
use anteroom_protocol::id::CustomerId;
use anteroom_store::embedded::OpenError;
use anteroom_store::master_key::MasterKeyError;
use anteroom_store::records::{RecordError, Records};
use anteroom_store::rooms::Rooms;
use anteroom_store::uses::Uses;

use crate::backend::{self, Opened};
use crate::credentials::{self, Credentials, CredentialsError, Operator};
use crate::settings::{AccountSettings, StoreSettings};

/// What is kept, opened.
pub(crate) struct Installation {
    pub(crate) records: Records,
    pub(crate) rooms: Rooms,
    pub(crate) uses: Uses,
    data_dir: PathBuf,
}

/// Whether this start was the first.
pub(crate) enum Start {
    /// It was: the credentials are new, and in their file.
    First(Credentials),
    /// The account was there before. The credentials may have been moved elsewhere since.
    Again(Option<Credentials>),
}

impl Start {
    /// The credentials, where they are known.
    pub(crate) fn credentials(&self) -> Option<&Credentials> {
        match self {
            Self::First(credentials) | Self::Again(Some(credentials)) => Some(credentials),
            Self::Again(None) => None,
        }
    }
}

/// A data directory that cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InstallationError {
    #[error("could not open the data directory {}; the setting data_dir names it", path.display())]
    Open { path: PathBuf, source: OpenError },
    #[cfg(feature = "valkey")]
    #[error("could not use the servers that the settings of the store name")]
    Servers(#[from] anteroom_store::valkey::ConnectError),
    #[cfg(feature = "valkey")]
    #[error("could not make the data directory {}; the setting data_dir names it", path.display())]
    Folder { path: PathBuf, source: std::io::Error },
    #[cfg(feature = "valkey")]
    #[error("could not look which master key the store's secrets are sealed with")]
    KeyMark { source: RecordError },
    #[cfg(feature = "valkey")]
    #[error(
        "the store was set up by another node, whose master key is needed here: copy its master.key to {}, or name it in store.master_key_file",
        path.display()
    )]
    NoMasterKey { path: PathBuf },
    #[cfg(feature = "valkey")]
    #[error(
        "{} is not the master key that the store was set up with; put the one of the node that did in its place",
        path.display()
    )]
    OtherMasterKey { path: PathBuf },
    #[error("could not open the master key {}", path.display())]
    MasterKey { path: PathBuf, source: MasterKeyError },
    #[error(
        "could not read account {customer} in {}; if its master.key was replaced, put back the one that belongs to the database",
        path.display()
    )]
    Account { customer: CustomerId, path: PathBuf, source: RecordError },
    #[error("could not read or write the credentials")]
    Credentials(#[from] CredentialsError),
    #[error(
        "{} belongs to account {found}, and account {wanted} is to be made now; move that file to where you keep it, and start again",
        path.display()
    )]
    OtherAccount { path: PathBuf, found: CustomerId, wanted: CustomerId },
    #[error(
        "the secret key in {} is not that of account {customer}: visitors would land on an error page after waiting; put back the file that the first start wrote",
        path.display()
    )]
    OtherKey { path: PathBuf, customer: CustomerId },
    #[error("could not make keys for a new account")]
    Keys(#[from] NoRandomness),
    #[error("could not set up account {customer}")]
    SetUp { customer: CustomerId, source: SetUpError },
}

impl Installation {
    /// Opens the store and the data directory, or makes them.
    pub(crate) async fn open(store: &StoreSettings, data_dir: &Path) -> Result<Self, InstallationError> {
        let Opened { backend, master_key } = backend::open(store, data_dir).await?;
        let rooms = Rooms::new(Arc::clone(&backend));
        let uses = Uses::new(Arc::clone(&backend));
        Ok(Self { records: Records::new(backend, master_key), rooms, uses, data_dir: data_dir.to_owned() })
    }

    /// Makes the account and its operator, unless they are there. Several processes may do this at the same time.
    pub(crate) async fn set_up(&self, account: &AccountSettings) -> Result<Start, InstallationError> {
        let customer = &account.customer;
        let path = self.data_dir.join(credentials::FILE);
        let found = Credentials::read_if_there(&path)?;
        let is_set_up = first_start::is_set_up(&self.records, customer).await.map_err(|source| {
            InstallationError::Account { customer: customer.clone(), path: self.data_dir.clone(), source }
        })?;
        if is_set_up {
            return Ok(Start::Again(found));
        }
        let credentials = match found {
            Some(found) if found.customer_id != *customer => {
                let wanted = customer.clone();
                return Err(InstallationError::OtherAccount { path, found: found.customer_id, wanted });
            }
            // A start that was cut short, or a database that is lost: the keys that connectors have stay good.
            Some(found) if found.operator.is_some() => found,
            Some(found) => {
                let completed = Credentials { operator: fresh(account)?.operator, ..found };
                completed.write(&path)?;
                completed
            }
            None => fresh(account)?.write_first(&path)?,
        };
        let Some(operator) = credentials.operator.clone() else {
            return Ok(Start::Again(Some(credentials)));
        };
        let new = NewInstallation {
            customer: customer.clone(),
            display_name: account.display_name.clone(),
            allowed_hosts: account.allowed_hosts.clone(),
            secret_key: credentials.secret_key.clone(),
            api_key: credentials.api_key.clone(),
            operator_name: operator.name,
            operator_password: operator.password,
        };
        first_start::set_up(&self.records, &new)
            .await
            .map_err(|source| InstallationError::SetUp { customer: customer.clone(), source })?;
        Ok(Start::First(credentials))
    }

    /// Refuses a secret key that is not the account's, before a connector sends anybody to wait for nothing.
    pub(crate) async fn check_key(&self, given: &Credentials, path: &Path) -> Result<(), InstallationError> {
        let customer = &given.customer_id;
        let account = self.records.account(customer).await.map_err(|source| InstallationError::Account {
            customer: customer.clone(),
            path: self.data_dir.clone(),
            source,
        })?;
        // An account that is not kept here is one of another installation: its key cannot be judged.
        match account {
            Some(account) if account.value.secret_key != given.secret_key => {
                Err(InstallationError::OtherKey { path: path.to_owned(), customer: customer.clone() })
            }
            _ => Ok(()),
        }
    }

    /// Finishes what was begun and closes the files. Whoever holds a part of it must have let go before.
    pub(crate) async fn close(self) {
        self.rooms.close().await;
        // The last owner waits for the store's threads.
        let closed = tokio::task::spawn_blocking(move || drop(self));
        if closed.await.is_err() {
            tracing::error!("the store ended by a panic");
        }
    }
}

fn fresh(account: &AccountSettings) -> Result<Credentials, NoRandomness> {
    let new = NewInstallation::generate(
        account.customer.clone(),
        account.display_name.clone(),
        account.allowed_hosts.clone(),
    )?;
    let operator = Operator { name: new.operator_name, password: new.operator_password };
    Ok(Credentials {
        customer_id: new.customer,
        secret_key: new.secret_key,
        api_key: new.api_key,
        proxy_key: None,
        operator: Some(operator),
    })
}
