//! The private service of an installation: operators configure, publish and steer here, and connectors learn what is
//! in force. It speaks REST, serves the console page, and answers downloads and long polls. It does not know visitors'
//! requests, how a place in the line is computed (the queue does), or which backend keeps what (the store does).
//!
//! The way of a request: `http` parses and answers, `actions` authorizes, checks, writes and audits, `feed` hands
//! published versions to connectors.

pub mod first_start;
mod random;

use std::sync::Arc;

use anteroom_listen::Limits;
use anteroom_protocol::forwarded::TrustedProxies;
use anteroom_store::records::Records;
use anteroom_store::rooms::Rooms;
use axum::Router;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub use random::NoRandomness;

/// What the service is made of.
pub struct PlatformParts {
    /// Accounts, drafts, versions, operators and the audit list.
    pub records: Records,
    /// The lines, which operators steer.
    pub rooms: Rooms,
    /// What the owner of the installation may set.
    pub settings: PlatformServiceSettings,
}

/// What the owner of the installation may set about the service.
#[derive(Clone, Debug, Default)]
pub struct PlatformServiceSettings {
    /// Where visitors reach the waiting room, as `host` or `host:port`: what new actions are made with.
    pub room_host: String,
    /// Proxies whose forwarding headers are believed: for the address a sign-in comes from, and for whether it came
    /// over https, which makes the operator's cookie `Secure`. Default: none.
    pub trusted_proxies: TrustedProxies,
    /// What the listener allows.
    pub limits: Limits,
}

/// The private service. Cheap to clone; clones share everything.
#[derive(Clone)]
pub struct PlatformService {
    shared: Arc<Shared>,
}

struct Shared {
    settings: PlatformServiceSettings,
}

impl PlatformService {
    /// Puts the service together. Nothing is listened on yet.
    pub fn new(parts: PlatformParts) -> Self {
        let PlatformParts { records: _, rooms: _, settings } = parts;
        Self { shared: Arc::new(Shared { settings }) }
    }

    /// All routes, for a listener of the caller's own.
    pub fn router(&self) -> Router {
        Router::new()
    }

    /// Serves until `shutdown` is cancelled and the requests in flight have ended.
    pub async fn serve(self, listener: TcpListener, shutdown: CancellationToken) {
        let limits = self.shared.settings.limits;
        anteroom_listen::serve(listener, None, self.router(), limits, shutdown).await;
    }
}
