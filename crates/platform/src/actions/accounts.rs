//! Looking at accounts and at who changed what.

use anteroom_protocol::id::CustomerId;
use anteroom_store::records::{Account, AuditEntry};

use super::{ActionError, Actions};
use crate::access::{Caller, Deed, is_allowed};

/// Audit entries that are shown: what happened lately, at a glance.
const AUDIT_SHOWN_MAX: usize = 100;

/// An account in a list.
#[derive(Clone, Debug)]
pub(crate) struct AccountSummary {
    pub(crate) customer: CustomerId,
    pub(crate) display_name: String,
}

impl Actions {
    /// The accounts the caller may look at, by name.
    pub(crate) async fn list_accounts(&self, caller: &Caller) -> Result<Vec<AccountSummary>, ActionError> {
        let mut summaries = Vec::new();
        for customer in self.records.accounts().await? {
            if !is_allowed(caller, Deed::Look, &customer) {
                continue;
            }
            if let Some(account) = self.records.account(&customer).await? {
                summaries.push(AccountSummary { customer, display_name: account.value.display_name });
            }
        }
        Ok(summaries)
    }

    /// One account. Its secret key stays where this is called: no answer holds it.
    pub(crate) async fn look_at_account(
        &self,
        caller: &Caller,
        customer: &CustomerId,
    ) -> Result<Account, ActionError> {
        Ok(self.authorize(caller, Deed::Look, customer).await?.value)
    }

    /// Where visitors reach the waiting room: what new actions are made with.
    pub(crate) fn room_host(&self) -> &str {
        &self.room_host
    }

    /// Who changed what, newest first.
    pub(crate) async fn look_at_audit(
        &self,
        caller: &Caller,
        customer: &CustomerId,
    ) -> Result<Vec<AuditEntry>, ActionError> {
        self.authorize(caller, Deed::Look, customer).await?;
        Ok(self.records.audit(customer, AUDIT_SHOWN_MAX).await?)
    }
}
