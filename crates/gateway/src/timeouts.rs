//! How long things may take. Each bound keeps somebody's silence from becoming a visitor's endless wait.

use std::time::Duration;

/// How long things may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Until a connection to the site stands. Default: 5 seconds; a site nearby takes milliseconds.
    pub connect: Duration,
    /// From the whole request being at the site to the first line of its answer. Default: 60 seconds, which slow
    /// reports and payments are known to need.
    pub response_header: Duration,
    /// Without a byte, from the site within an answer or from the client within a request's body. Default: 60
    /// seconds.
    pub idle: Duration,
    /// Without a byte either way in a WebSocket. Default: 10 minutes; most send a sign of life every half minute.
    pub tunnel_idle: Duration,
    /// How long an unused connection to the site is kept. Default: 4 seconds. Sites close theirs after 5 seconds
    /// or more, and whoever closes first never sends a request into a connection that is being closed.
    pub pool_idle: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            response_header: Duration::from_secs(60),
            idle: Duration::from_secs(60),
            tunnel_idle: Duration::from_secs(600),
            pool_idle: Duration::from_secs(4),
        }
    }
}
