//! What the person who runs a site tells their connector, apart from the integration config that arrives by
//! itself.

use anteroom_protocol::secret::Secret;

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
