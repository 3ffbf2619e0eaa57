//! What the integration config in force says to each request. (In the making.)

use anteroom_protocol::integration::IntegrationConfig;
use anteroom_protocol::problem::Problem;
use anteroom_protocol::time::Timestamp;

use crate::decision::{Decision, Reason};
use crate::settings::Settings;
use crate::view::RequestView;

/// An integration config made ready to decide requests.
#[derive(Debug)]
pub struct Policy {
    version: u64,
    warnings: Vec<String>,
}

/// Why an integration config and settings cannot be followed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the integration config cannot be followed here")]
pub struct CompileError(Vec<Problem>);

impl CompileError {
    /// Everything that is wrong.
    pub fn problems(&self) -> &[Problem] {
        &self.0
    }
}

impl Policy {
    /// Makes a config ready.
    ///
    /// # Errors
    /// When the settings are unusable or the config is too large to be compiled.
    pub fn compile(config: &IntegrationConfig, _settings: &Settings) -> Result<Self, CompileError> {
        Ok(Self { version: config.version, warnings: Vec::new() })
    }

    /// Says what to do with one request.
    ///
    /// Reads nothing but its arguments: the same request at the same time gets the same answer.
    pub fn decide(&self, _view: &RequestView<'_>, _now: Timestamp) -> Decision {
        Decision::untouched(Reason::NoActionMatches)
    }

    /// The version of the integration config.
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// What in the config is allowed but probably not meant.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }
}
