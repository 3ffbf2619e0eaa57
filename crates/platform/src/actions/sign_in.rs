//! Who is asking: operators by name and password, then by the value of a cookie; scripts by an API key.
//!
//! A session lasts for one day from the sign-in and is not renewed, so that what was forgotten in a browser ends by
//! itself. Kept is a hash of the cookie only: whoever reads the store cannot sign in with what is there.

use std::net::IpAddr;
use std::time::Duration;

use anteroom_protocol::id::CustomerId;
use anteroom_protocol::mac::sha256;
use anteroom_protocol::secret::Secret;
use anteroom_store::records::{Account, Session};
use constant_time_eq::constant_time_eq_32;

use super::{ActionError, Actions};
use crate::access::Caller;
use crate::random;

/// How long a sign-in holds.
pub(crate) const SESSION_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);
/// Longest text that is looked for as a cookie or a key; ours have 43 characters.
const CREDENTIAL_BYTES_MAX: usize = 200;

/// Somebody who has just signed in.
pub(crate) struct SignedIn {
    pub(crate) caller: Caller,
    /// The value of the cookie.
    pub(crate) session: Secret,
}

impl Actions {
    /// Checks name and password. Attempts are counted by the address they come from, see `throttle`.
    pub(crate) async fn sign_in(
        &self,
        from: IpAddr,
        name: &str,
        password: String,
    ) -> Result<SignedIn, ActionError> {
        let begun = self.throttle().begin(from, self.records.now());
        begun.map_err(|wait| ActionError::TooManySignIns { wait })?;
        let operator = self.records.operator(name).await?;
        let hash = operator.as_ref().map(|operator| operator.password_hash.clone());
        if !self.passwords.is_right(password, hash).await? {
            tracing::warn!("a sign-in to the console failed");
            return Err(ActionError::WrongCredentials);
        }
        let operator = operator.ok_or(ActionError::WrongCredentials)?.name;
        self.throttle().succeeded(from);
        let session = random::session()?;
        let kept = Session {
            operator: operator.clone(),
            expires_at: self.records.now().saturating_add(SESSION_LIFETIME),
        };
        self.records.save_session(&sha256(&[session.as_bytes()]), &kept).await?;
        tracing::info!(operator, "signed in to the console");
        Ok(SignedIn { caller: Caller::Operator { name: operator }, session: Secret::new(session) })
    }

    /// Ends the session with this cookie, if there is one.
    pub(crate) async fn sign_out(&self, session: &str) -> Result<(), ActionError> {
        if session.len() <= CREDENTIAL_BYTES_MAX {
            self.records.remove_session(&sha256(&[session.as_bytes()])).await?;
        }
        Ok(())
    }

    /// The operator with this cookie.
    pub(crate) async fn operator_of(&self, session: &str) -> Result<Option<Caller>, ActionError> {
        if session.len() > CREDENTIAL_BYTES_MAX {
            return Ok(None);
        }
        let session = self.records.session(&sha256(&[session.as_bytes()])).await?;
        Ok(session.map(|session| Caller::Operator { name: session.operator }))
    }

    /// The script with this API key of the account. None when there is no such account, too.
    pub(crate) async fn script_of(
        &self,
        customer: &CustomerId,
        api_key: &str,
    ) -> Result<Option<Caller>, ActionError> {
        if api_key.len() > CREDENTIAL_BYTES_MAX {
            return Ok(None);
        }
        let Some(account) = self.records.account(customer).await? else { return Ok(None) };
        Ok(label_of(&account.value, api_key)
            .map(|label| Caller::Script { customer: customer.clone(), label: label.to_owned() }))
    }
}

/// What the account calls the key; none when it is not one of its keys.
fn label_of<'a>(account: &'a Account, api_key: &str) -> Option<&'a str> {
    let hash = sha256(&[api_key.as_bytes()]);
    account.api_keys.iter().find(|key| constant_time_eq_32(&key.hash, &hash)).map(|key| key.label.as_str())
}
