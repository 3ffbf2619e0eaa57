//! Whether a config document is for use here.

use std::sync::Arc;

use anteroom_protocol::integration;
use anteroom_protocol::problem::Problem;

use super::DOCUMENT_BYTES_MAX;
use super::status::Source;
use crate::policy::{CompileError, Policy};
use crate::settings::Settings;

/// How many problems a refusal's text names; the others are counted.
const PROBLEMS_SHOWN: usize = 3;

/// The document in force.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) bytes: Vec<u8>,
    pub(super) source: Source,
    pub(super) policy: Arc<Policy>,
}

/// Why a config document is not taken. The one in force stays.
#[derive(Debug, thiserror::Error)]
pub enum DocumentRefusal {
    /// It is larger than [`DOCUMENT_BYTES_MAX`].
    #[error("the config document is larger than {DOCUMENT_BYTES_MAX} bytes")]
    TooLarge,
    /// It is not an integration config.
    #[error("the config document is not usable: {}", shorten(.0))]
    Invalid(Vec<Problem>),
    /// It is another account's.
    #[error("the config document is of customer {found:?}, and this connector is of customer {own:?}")]
    OfAnotherCustomer {
        /// Whose it is.
        found: String,
        /// Whose connector this is.
        own: String,
    },
    /// It is older than the one in force: somebody repeats what was once signed, or the platform was set up anew.
    #[error(
        "the config document is version {found}, older than version {running} in force; publish a higher version, \
         or delete the kept copy and start again if the platform was set up anew"
    )]
    Older {
        /// Its version.
        found: u64,
        /// The version in force.
        running: u64,
    },
    /// It is an integration config that this connector cannot follow.
    #[error("the config document is not usable: {}", shorten(.0.problems()))]
    DoesNotCompile(#[from] CompileError),
}

fn shorten(problems: &[Problem]) -> String {
    let mut text =
        problems.iter().take(PROBLEMS_SHOWN).map(ToString::to_string).collect::<Vec<_>>().join("; ");
    if let Some(more) = problems.len().checked_sub(PROBLEMS_SHOWN).filter(|more| *more > 0) {
        text.push_str(&format!("; and {more} more"));
    }
    text
}

pub(super) fn compile(
    bytes: &[u8],
    source: Source,
    settings: &Settings,
    running_version: Option<u64>,
) -> Result<Running, DocumentRefusal> {
    if bytes.len() > DOCUMENT_BYTES_MAX {
        return Err(DocumentRefusal::TooLarge);
    }
    let config = integration::parse(bytes).map_err(DocumentRefusal::Invalid)?;
    if let Some(found) = config.customer_id.as_deref().filter(|found| *found != settings.customer_id) {
        return Err(DocumentRefusal::OfAnotherCustomer {
            found: found.to_owned(),
            own: settings.customer_id.clone(),
        });
    }
    let policy = Policy::compile(&config, settings)?;
    if let Some(running) = running_version.filter(|running| policy.version() < *running) {
        return Err(DocumentRefusal::Older { found: policy.version(), running });
    }
    Ok(Running { bytes: bytes.to_vec(), source, policy: Arc::new(policy) })
}
