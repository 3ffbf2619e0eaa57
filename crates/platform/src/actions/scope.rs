//! The draft of the protection scope: look, save, check. Two who edit at the same time must not undo each other, so
//! a draft is saved only by somebody who has read the one that is there.

use anteroom_protocol::id::CustomerId;
use anteroom_protocol::problem::Problem;
use anteroom_store::backend::Version;
use anteroom_store::records::{Account, Change, Draft, Kept, RecordError};
use serde_json::Value;

use super::{ActionError, Actions};
use crate::access::{Caller, Deed};
use crate::scope::{Findings, Heading, Surroundings, check, compose};
use crate::shown::shown;

/// Actions in one protection scope. A connector walks all of them for a request that matches none.
const INTEGRATIONS_MAX: usize = 1_000;

/// Which draft an edit was made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    /// The one of this writing.
    At(Version),
    /// There was none.
    None,
    /// Whichever is there; the author said so.
    Any,
}

/// What a draft is to become.
#[derive(Clone, Debug)]
pub(crate) struct DraftEdit {
    pub(crate) description: String,
    pub(crate) integrations: Vec<Value>,
}

/// What a check has found, and what would be published.
#[derive(Clone, Debug)]
pub(crate) struct Checked {
    pub(crate) findings: Findings,
    pub(crate) next_version: u64,
}

impl Expected {
    /// Whether the draft that is there is the one that was read.
    pub(super) fn is_met_by(self, found: Option<Version>) -> bool {
        match self {
            Self::At(version) => found == Some(version),
            Self::None => found.is_none(),
            Self::Any => true,
        }
    }
}

impl Actions {
    /// The draft; none before the first was saved.
    pub(crate) async fn look_at_draft(
        &self,
        caller: &Caller,
        customer: &CustomerId,
    ) -> Result<Option<Kept<Draft>>, ActionError> {
        self.authorize(caller, Deed::Look, customer).await?;
        Ok(self.records.draft(customer).await?)
    }

    /// Replaces the draft. It may be unfinished; only what could not be published by anybody is refused.
    pub(crate) async fn save_draft(
        &self,
        caller: &Caller,
        customer: &CustomerId,
        expected: Expected,
        edit: DraftEdit,
    ) -> Result<Kept<Draft>, ActionError> {
        self.authorize(caller, Deed::EditDraft, customer).await?;
        let current = self.records.draft(customer).await?;
        let version = current.as_ref().map(|kept| kept.version);
        if !expected.is_met_by(version) {
            return Err(ActionError::Outdated { what: "draft" });
        }
        ActionError::unless_none(form_problems(&edit.integrations))?;
        let draft = Draft { description: edit.description, integrations: edit.integrations };
        if let Some(current) = current.filter(|current| current.value == draft) {
            return Ok(current);
        }
        let count = draft.integrations.len();
        let actions = if count == 1 { "action" } else { "actions" };
        let entry = self.audit_entry(caller, format!("saved the draft, with {count} {actions}"));
        let change = Change::Draft { expected: version, draft: draft.clone() };
        match self.records.commit(customer, change, entry).await {
            Ok(version) => Ok(Kept { version, value: draft }),
            Err(RecordError::Conflict) => Err(ActionError::Outdated { what: "draft" }),
            Err(error) => Err(error.into()),
        }
    }

    /// Says what stands between the draft and its publication.
    pub(crate) async fn check_draft(
        &self,
        caller: &Caller,
        customer: &CustomerId,
    ) -> Result<Checked, ActionError> {
        let account = self.authorize(caller, Deed::Look, customer).await?.value;
        let draft = self.records.draft(customer).await?.map(|kept| kept.value).unwrap_or_default();
        let next_version = self.next_version(customer).await?;
        let heading = Heading {
            customer,
            version: next_version,
            published_at: self.records.now(),
            description: &draft.description,
        };
        let document = compose(&heading, &draft.integrations);
        Ok(Checked { findings: self.find(&account, &draft.integrations, &document), next_version })
    }

    pub(super) async fn next_version(&self, customer: &CustomerId) -> Result<u64, ActionError> {
        Ok(self.records.head(customer).await?.map_or(1, |head| head.saturating_add(1)))
    }

    pub(super) fn find(&self, account: &Account, integrations: &[Value], document: &[u8]) -> Findings {
        let surroundings = Surroundings {
            rooms: account.rooms.iter().map(|record| record.room.as_str()).collect(),
            allowed_hosts: &account.allowed_hosts,
            room_host: &self.room_host,
        };
        check(integrations, document, &surroundings)
    }
}

fn form_problems(integrations: &[Value]) -> Vec<Problem> {
    if integrations.len() > INTEGRATIONS_MAX {
        let found = format!("{} actions", integrations.len());
        return vec![Problem::new("integrations", found, format!("at most {INTEGRATIONS_MAX}"))];
    }
    let strays = integrations.iter().enumerate().filter(|(_, value)| !value.is_object());
    strays
        .map(|(at, value)| {
            Problem::new(format!("integrations[{at}]"), shown(value), "an action as a JSON object")
        })
        .collect()
}
