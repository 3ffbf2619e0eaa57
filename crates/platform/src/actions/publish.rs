//! Publishing: the draft becomes the next version of the integration config, which connectors take up.

use std::sync::Arc;

use anteroom_protocol::id::CustomerId;
use anteroom_store::records::{Change, ConfigVersion, RecordError};

use super::{ActionError, Actions, Expected};
use crate::access::{Caller, Deed};
use crate::scope::{Heading, compose};

/// Versions that are listed.
const VERSIONS_SHOWN_MAX: usize = 50;

/// A version without its document.
#[derive(Clone, Debug)]
pub(crate) struct VersionSummary {
    pub(crate) version: u64,
    pub(crate) description: String,
    pub(crate) published_by: String,
    pub(crate) published_at: anteroom_protocol::time::Timestamp,
}

impl Actions {
    /// Puts the draft in force. With `expected`, only if the draft is still the one that was looked at. In one save:
    /// the version, the head, and the audit entry.
    pub(crate) async fn publish(
        &self,
        caller: &Caller,
        customer: &CustomerId,
        expected: Option<Expected>,
        description: Option<String>,
    ) -> Result<VersionSummary, ActionError> {
        let account = self.authorize(caller, Deed::Publish, customer).await?.value;
        let kept = self.records.draft(customer).await?;
        let draft_version = kept.as_ref().map(|kept| kept.version);
        if expected.is_some_and(|expected| !expected.is_met_by(draft_version)) {
            return Err(ActionError::Outdated { what: "draft" });
        }
        let draft = kept.map(|kept| kept.value).unwrap_or_default();
        let description = description.unwrap_or(draft.description);
        let version = self.next_version(customer).await?;
        let published_at = self.records.now();
        let heading = Heading { customer, version, published_at, description: &description };
        let document = compose(&heading, &draft.integrations);
        let problems = self.find(&account, &draft.integrations, &document).problems;
        if !problems.is_empty() {
            return Err(ActionError::Unusable {
                summary: format!(
                    "The draft has {} to mend before it can be published.",
                    counted(problems.len())
                ),
                problems,
            });
        }
        let config = ConfigVersion {
            version,
            description,
            published_by: caller.audit_name(),
            published_at,
            document: Arc::from(document),
        };
        let summary = VersionSummary::from(&config);
        let entry = self.audit_entry(caller, format!("published version {version}"));
        let change = Change::Publish { version: config, draft: draft_version };
        match self.records.commit(customer, change, entry).await {
            Ok(_) => {
                tracing::info!(account = %customer, version, "published an integration config");
                Ok(summary)
            }
            Err(RecordError::Conflict) if expected.is_some() => Err(ActionError::Outdated { what: "draft" }),
            Err(error) => Err(error.into()),
        }
    }

    /// What was published, newest first.
    pub(crate) async fn list_versions(
        &self,
        caller: &Caller,
        customer: &CustomerId,
    ) -> Result<Vec<VersionSummary>, ActionError> {
        self.authorize(caller, Deed::Look, customer).await?;
        let versions = self.records.versions(customer, VERSIONS_SHOWN_MAX).await?;
        Ok(versions.iter().map(VersionSummary::from).collect())
    }

    /// One version, with its document.
    pub(crate) async fn look_at_version(
        &self,
        caller: &Caller,
        customer: &CustomerId,
        version: u64,
    ) -> Result<ConfigVersion, ActionError> {
        self.authorize(caller, Deed::Look, customer).await?;
        let found = self.records.version(customer, version).await?;
        found.ok_or_else(|| ActionError::absent("version", &version))
    }
}

impl From<&ConfigVersion> for VersionSummary {
    fn from(config: &ConfigVersion) -> Self {
        Self {
            version: config.version,
            description: config.description.clone(),
            published_by: config.published_by.clone(),
            published_at: config.published_at,
        }
    }
}

fn counted(problems: usize) -> String {
    if problems == 1 { "one problem".into() } else { format!("{problems} problems") }
}
