//! The first start of an installation: an account, its keys, and an operator who can sign in.

use anteroom_protocol::id::CustomerId;
use anteroom_protocol::mac::sha256;
use anteroom_protocol::secret::Secret;
use anteroom_store::records::{Account, ApiKey, AuditEntry, Operator, RecordError, Records};

use crate::actions::hash_password;
use crate::random::{self, NoRandomness};

/// What a new installation begins with. The caller keeps it (in a file, say) before [`set_up`] is called, so that a
/// crash in between loses no key.
#[derive(Clone, Debug)]
pub struct NewInstallation {
    /// The first account.
    pub customer: CustomerId,
    /// What people read in its place.
    pub display_name: String,
    /// Where its visitors may be sent back to.
    pub allowed_hosts: Vec<String>,
    /// Shared with its connectors.
    pub secret_key: Secret,
    /// For scripts and for the download of configuration.
    pub api_key: Secret,
    /// Whom the console lets in.
    pub operator_name: String,
    /// With this password.
    pub operator_password: Secret,
}

impl NewInstallation {
    /// Makes fresh keys and a fresh password.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub fn generate(
        customer: CustomerId,
        display_name: String,
        allowed_hosts: Vec<String>,
    ) -> Result<Self, NoRandomness> {
        Ok(Self {
            customer,
            display_name,
            allowed_hosts,
            secret_key: Secret::new(random::secret_key()?),
            api_key: Secret::new(random::api_key()?),
            operator_name: "operator".to_owned(),
            operator_password: Secret::new(random::password()?),
        })
    }

    fn account(&self) -> Account {
        Account {
            customer: self.customer.clone(),
            display_name: self.display_name.clone(),
            allowed_hosts: self.allowed_hosts.clone(),
            secret_key: self.secret_key.clone(),
            api_keys: vec![ApiKey { label: "first key".to_owned(), hash: hash_of(&self.api_key) }],
            rooms: Vec::new(),
        }
    }
}

/// Why an installation could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum SetUpError {
    /// The store.
    #[error("the first account could not be kept")]
    Records(#[from] RecordError),
    /// There is an account of that name already, with other keys.
    #[error(
        "there is an account {0} already, made with other keys than these; use the credentials it was made with, or \
         begin with an empty store"
    )]
    OtherKeys(CustomerId),
    /// The password could not be hashed.
    #[error("the operator's password could not be hashed: {0}")]
    Password(String),
}

/// Whether everything that [`set_up`] makes is there.
///
/// # Errors
/// When the store does not answer, or the account cannot be read with this master key.
pub async fn is_set_up(records: &Records, customer: &CustomerId) -> Result<bool, RecordError> {
    // Listing the account is the last thing that is done.
    let is_there = records.account(customer).await?.is_some();
    Ok(is_there && records.accounts().await?.contains(customer))
}

/// Makes the operator and the account, as far as they are not there yet. What a crash interrupted is continued by
/// calling again with the same values.
///
/// # Errors
/// When the store or the hashing of the password fails, which calling again can mend; or when the account is there and
/// was made with other keys, which it cannot.
pub async fn set_up(records: &Records, new: &NewInstallation) -> Result<(), SetUpError> {
    if let Some(account) = records.account(&new.customer).await? {
        is_made_with(&account.value, new)?;
    } else {
        // The operator comes before the account: where that is, somebody can sign in.
        let password = new.operator_password.clone();
        let password_hash = tokio::task::spawn_blocking(move || hash_password(password.expose()))
            .await
            .map_err(|error| SetUpError::Password(error.to_string()))?
            .map_err(|error| SetUpError::Password(error.to_string()))?;
        records.save_operator(&Operator { name: new.operator_name.clone(), password_hash }).await?;
    }
    let entry = AuditEntry {
        at: records.now(),
        who: "the first start".to_owned(),
        what: format!("made the account “{}” and the operator “{}”", new.customer, new.operator_name),
    };
    match records.create_account(&new.account(), entry).await {
        // It was there before, or another process was faster, which may have been given the same values. It is listed
        // now in any case.
        Err(RecordError::Conflict) => match records.account(&new.customer).await? {
            Some(account) => is_made_with(&account.value, new),
            None => Err(RecordError::Conflict.into()),
        },
        created => Ok(created?),
    }
}

fn is_made_with(account: &Account, new: &NewInstallation) -> Result<(), SetUpError> {
    let is_known = |key: &ApiKey| key.hash == hash_of(&new.api_key);
    if account.secret_key == new.secret_key && account.api_keys.iter().any(is_known) {
        Ok(())
    } else {
        Err(SetUpError::OtherKeys(new.customer.clone()))
    }
}

fn hash_of(api_key: &Secret) -> [u8; 32] {
    sha256(&[api_key.expose().as_bytes()])
}
