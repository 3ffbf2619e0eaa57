//! The private service of an installation: operators configure, publish and steer here, and connectors learn what is
//! in force. It speaks REST, serves the console page, and answers downloads and long polls. It does not know visitors'
//! requests, how a place in the line is computed (the queue does), or which backend keeps what (the store does).
//!
//! The way of a request: `http` parses and answers, `actions` authorizes, checks, writes and audits, `feed` hands
//! published versions to connectors.

mod access;
mod actions;
mod feed;
pub mod first_start;
mod http;
mod moment;
mod nearest;
mod plan;
mod random;
mod schedule;
mod scope;
mod shown;

use std::sync::Arc;

use anteroom_listen::Limits;
use anteroom_protocol::forwarded::TrustedProxies;
use anteroom_store::records::Records;
use anteroom_store::rooms::Rooms;
use axum::Router;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::actions::Actions;
use crate::feed::Feed;
use crate::http::Shared;

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
///
/// ```no_run
/// # async fn example(
/// #     records: anteroom_store::records::Records,
/// #     rooms: anteroom_store::rooms::Rooms,
/// # ) -> std::io::Result<()> {
/// use anteroom_platform::{PlatformParts, PlatformService, PlatformServiceSettings};
///
/// let settings = PlatformServiceSettings { room_host: "room.example".to_owned(), ..Default::default() };
/// let service = PlatformService::new(PlatformParts { records, rooms, settings });
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
/// let shutdown = tokio_util::sync::CancellationToken::new();
/// service.serve(listener, shutdown).await;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct PlatformService {
    shared: Arc<Shared>,
    /// Ends the polls that are held.
    closing: CancellationToken,
}

impl PlatformService {
    /// Puts the service together. Nothing is listened on yet.
    pub fn new(parts: PlatformParts) -> Self {
        let PlatformParts { records, rooms, settings } = parts;
        let closing = CancellationToken::new();
        let feed = Feed::new(records.clone(), closing.clone());
        let actions = Actions::new(records, rooms, &settings.room_host);
        Self { shared: Arc::new(Shared { actions, feed, settings }), closing }
    }

    /// All routes, for a listener of the caller's own. Where a sign-in comes from, and whether it came over TLS, is
    /// read from the [`Peer`](anteroom_listen::Peer) in a request's extensions.
    pub fn router(&self) -> Router {
        http::router(Arc::clone(&self.shared))
    }

    /// Serves until `shutdown` is cancelled and the requests in flight have ended. Polls that are held then are
    /// answered at once, for all clones of this service.
    pub async fn serve(self, listener: TcpListener, shutdown: CancellationToken) {
        let limits = self.shared.settings.limits;
        let serving = anteroom_listen::serve(listener, None, self.router(), limits, shutdown.clone());
        let closing = async {
            shutdown.cancelled().await;
            self.closing.cancel();
        };
        tokio::join!(serving, closing);
    }
}
