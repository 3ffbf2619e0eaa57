//! What the person who runs a site tells their connector, apart from the integration config that arrives by
//! itself.

use anteroom_protocol::id::CustomerId;
use anteroom_protocol::problem::Problem;
use anteroom_protocol::secret::Secret;

use crate::features::Features;

/// A connector's own settings.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The account this site belongs to. A config document of another account is refused.
    pub customer_id: String,
    /// The account's secret key: it opens queue tokens and accepted cookies, and signs the latter.
    pub secret_key: Secret,
    /// Where a browser finds the waiting room, such as `http://127.0.0.1:8602`, instead of the
    /// `https://{QueueDomain}` of each action. For demos and tests, where no name and certificate exist.
    pub room_base: Option<String>,
    /// Name and version of the platform the connector is built into, such as `anteroom-gateway-0.1.0`; sent to
    /// the waiting room for its statistics.
    pub platform_suffix: Option<String>,
    /// What becomes of requests while no policy is in force.
    pub fallback: Fallback,
    /// What goes beyond the plain flow; all of it is off in `Features::default()`.
    pub features: Features,
}

impl Settings {
    /// Everything about them that cannot be used, each with the name of the setting. Empty when they are good.
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if self.customer_id.is_empty() {
            problems.push(Problem::new("customer_id", "an empty text", "the id of the account"));
        }
        if self.secret_key.expose().is_empty() {
            // With an empty key, anybody could sign.
            problems.push(Problem::new("secret_key", "an empty text", "the account's secret key"));
        }
        if let Some(base) = self.room_base.as_deref().filter(|base| !is_room_base(base)) {
            let expected = "an address such as \"http://127.0.0.1:8602\", without ? and #";
            problems.push(Problem::new("room_base", Problem::quote(base), expected));
        }
        if let Some(suffix) = self.platform_suffix.as_deref().filter(|suffix| !is_platform_suffix(suffix)) {
            let expected = "letters, digits and any of - . _ ~, such as \"anteroom-gateway-0.1.0\"";
            problems.push(Problem::new("platform_suffix", Problem::quote(suffix), expected));
        }
        problems.extend(self.features.problems());
        problems
    }

    /// What can be used but is probably not meant.
    pub(crate) fn warning(&self) -> Option<String> {
        let error = self.customer_id.parse::<CustomerId>().err()?;
        Some(format!("customer_id: {error}; addresses of the waiting room may come out wrong"))
    }
}

pub(crate) fn is_room_base(base: &str) -> bool {
    let rest = base.strip_prefix("https://").or_else(|| base.strip_prefix("http://"));
    rest.is_some_and(|rest| {
        !rest.is_empty()
            && !rest.starts_with('/')
            && rest.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '?' | '#' | '\\'))
    })
}

/// It is sent as it stands (`kupver`).
fn is_platform_suffix(suffix: &str) -> bool {
    !suffix.is_empty()
        && suffix.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '~'))
}

/// What a host does with a request that it cannot decide, because no usable integration config has ever arrived.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fallback {
    /// The request reaches the site, and the answer carries `x-queueit-failed: true`. What the official
    /// connectors do.
    #[default]
    LetPass,
    /// The request is answered with a calm page and status 503; the site is not reached.
    Hold,
}
