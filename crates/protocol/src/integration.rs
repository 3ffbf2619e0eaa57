//! The integration config as it stands on the wire, and its checked form. (Contract stub.)

use crate::problem::Problem;

/// A checked integration config.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IntegrationConfig {
    /// Whose it is, where it says so.
    pub customer_id: Option<String>,
    /// Its number.
    pub version: u64,
}

impl IntegrationConfig {
    /// What is allowed but probably not meant: same form as problems.
    pub fn warnings(&self) -> Vec<Problem> {
        Vec::new()
    }
}

/// Reads and checks a document; tells every problem at once.
///
/// # Errors
/// Everything wrong with it.
pub fn parse(_bytes: &[u8]) -> Result<IntegrationConfig, Vec<Problem>> {
    Ok(IntegrationConfig::default())
}
