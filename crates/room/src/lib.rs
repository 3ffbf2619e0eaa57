//! The public service of an installation: visitors enter here, wait, and are sent on. It makes and opens what a
//! visitor carries (ticket, queue token), draws the waiting page, and speaks HTTP. It does not know how a place is
//! computed (the queue does), which backend keeps it (the store does), or that operators exist.
//!
//! A visitor's way is told in `visitor`; every route, with its status codes, in `routes`.

mod answer;
mod ask;
mod cookies;
mod door;
mod pace;
mod pages;
mod private;
mod reply;
mod routes;
mod visitor;
mod words;

use std::sync::Arc;

use anteroom_listen::Limits;
use anteroom_protocol::forwarded::TrustedProxies;
use anteroom_store::directory::Directory;
use anteroom_store::rooms::Rooms;
use anteroom_store::uses::Uses;
use axum::Router;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::ask::Asks;
use crate::pages::Pages;

/// What the service is made of.
pub struct RoomServiceParts {
    /// The lines, each driven over the store.
    pub rooms: Rooms,
    /// Accounts and room records, in memory.
    pub directory: Directory,
    /// How often queue ids were used at sites that limit it.
    pub uses: Uses,
    /// What an operator may set.
    pub settings: RoomServiceSettings,
}

/// What an operator may set about the service.
#[derive(Clone, Debug, Default)]
pub struct RoomServiceSettings {
    /// Proxies whose `X-Forwarded-Proto` is believed: a visitor who came to one of them over https gets a `Secure`
    /// cookie. Default: none.
    pub trusted_proxies: TrustedProxies,
    /// What the listeners allow.
    pub limits: Limits,
}

/// The public service. Cheap to clone; clones share everything. It answers requests of a listener of the caller's own as
/// well; whether a visitor came over TLS is read from the [`Peer`](anteroom_listen::Peer) in a request's extensions,
/// and without one the answer is no.
///
/// ```no_run
/// # async fn example(
/// #     rooms: anteroom_store::rooms::Rooms,
/// #     directory: anteroom_store::directory::Directory,
/// #     uses: anteroom_store::uses::Uses,
/// # ) -> std::io::Result<()> {
/// use anteroom_room::{RoomService, RoomServiceParts, RoomServiceSettings};
///
/// let settings = RoomServiceSettings::default();
/// let service = RoomService::new(RoomServiceParts { rooms, directory, uses, settings });
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
/// let shutdown = tokio_util::sync::CancellationToken::new();
/// service.serve(listener, None, shutdown).await;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct RoomService {
    shared: Arc<Shared>,
    router: Router,
}

/// What every request may use.
struct Shared {
    rooms: Rooms,
    directory: Directory,
    uses: Uses,
    asks: Asks,
    pages: Pages,
    settings: RoomServiceSettings,
}

impl RoomService {
    /// Puts the service together. Nothing is listened on yet.
    pub fn new(parts: RoomServiceParts) -> Self {
        let RoomServiceParts { rooms, directory, uses, settings } = parts;
        let (asks, pages) = (Asks::new(), Pages::new());
        let shared = Arc::new(Shared { rooms, directory, uses, asks, pages, settings });
        Self { router: routes::router(Arc::clone(&shared)), shared }
    }

    /// All routes, without the short cut for visitors who wait on. The answers are the same.
    pub fn router(&self) -> Router {
        self.router.clone()
    }

    /// Serves `/metrics` and `/health` on a private listener until `shutdown` is cancelled.
    pub async fn serve_status(self, listener: TcpListener, shutdown: CancellationToken) {
        let limits = self.shared.settings.limits;
        anteroom_listen::serve(listener, None, private::router(self.shared), limits, shutdown).await;
    }

    /// Serves on a listener, with TLS or in the clear, until `shutdown` is cancelled and the requests in flight have
    /// ended. A clone may serve on another one.
    pub async fn serve(
        self,
        listener: TcpListener,
        tls: Option<Arc<rustls::ServerConfig>>,
        shutdown: CancellationToken,
    ) {
        let limits = self.shared.settings.limits;
        anteroom_listen::serve(listener, tls, self, limits, shutdown).await;
    }
}
