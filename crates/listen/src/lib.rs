//! Accepts HTTP/1.1 connections within limits and hands their requests to a service. This crate knows nothing of
//! waiting rooms, connectors or configuration: the room, the platform, the gateway and the demo shop all stand
//! behind the same door, so its limits are written, tested and tuned once.
//!
//! `axum::serve` is not used because it has no limit on connections and no deadline for reading headers
//! (axum issue 3489); both are what a public port is attacked with.

mod activity;
mod closing;
mod connection;

use std::convert::Infallible;
use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use tokio::net::TcpListener;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;
use tower_service::Service;

use crate::closing::{Closing, Stage};
use crate::connection::Common;

/// What one listener allows.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections held at once, at least one. When there are so many, those that are idle make way for new ones;
    /// with none idle, further ones wait in the kernel's backlog, where they cost nothing of ours. Default: 20,000.
    pub connections: usize,
    /// How long a client may take to the end of a request's headers, from the opening of the connection or from
    /// the end of the answer before; so also how long an idle connection is kept. It may take up to a second longer
    /// until that is noticed. Default: 35 seconds, a little more than the longest time between two polls of a waiting
    /// page, so that a waiting visitor's connection serves for all of them: that costs some hundred bytes of memory in
    /// the clear, and a new connection several times the processor time of a poll (docs/performance.md).
    pub header_read_timeout: Duration,
    /// How long a client may take for the TLS handshake. Default: 10 seconds.
    pub handshake_timeout: Duration,
    /// Bytes of one request's head; a longer one is answered 431, also when its address alone is longer. At least
    /// 8 KiB, below which hyper does not read. Default: 32 KiB: an address of 8 KiB, as much in cookies, and room
    /// for the rest.
    pub header_bytes: usize,
    /// Header fields of one request; more are answered 431. Default: 100.
    pub header_fields: usize,
    /// How long requests in flight may take to end once a shutdown was asked for; then they are broken off.
    /// Default: 10 seconds.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 20_000,
            header_read_timeout: Duration::from_secs(35),
            handshake_timeout: Duration::from_secs(10),
            header_bytes: 32 * 1024,
            header_fields: connection::HEADER_FIELDS_OF_HYPER,
            drain: Duration::from_secs(10),
        }
    }
}

/// Who is at the other end of the connection a request came on. Put into every request's extensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The address of the socket: a proxy's, when one stands between.
    pub address: SocketAddr,
    /// Whether the connection is encrypted up to here.
    pub is_tls: bool,
}

/// A connection's place among [`Limits::connections`], in the extensions of each request to
/// [`serve_with_upgrades`].
///
/// After an upgrade the socket belongs to whoever asked for it, and the connection that the listener knows of is
/// over. Who keeps a clone of this beside the socket stays counted, and is waited for during a shutdown.
#[derive(Clone, Debug)]
pub struct ConnectionSlot {
    _counted: Arc<(OwnedSemaphorePermit, TaskTrackerToken)>,
}

/// Serves until `shutdown` is cancelled, then lets requests in flight end within [`Limits::drain`].
///
/// With `tls` every connection begins with a handshake; without, it is plain HTTP. A client that breaks off, is too
/// slow or speaks nonsense ends its own connection and nothing else. A failing `accept` (no file descriptors
/// left, say) is logged and tried again after a short pause, because the listener itself is still good.
pub async fn serve<S, B>(
    listener: TcpListener,
    tls: Option<Arc<rustls::ServerConfig>>,
    service: S,
    limits: Limits,
    shutdown: CancellationToken,
) where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>
        + Clone
        + Unpin
        + Send
        + 'static,
    S::Future: Send + 'static,
    B: http_body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    accept_all(listener, tls, service, limits, shutdown, false).await;
}

/// Like [`serve`], for a service whose requests may turn a connection into something else (a WebSocket, say). It finds
/// a [`ConnectionSlot`] in each request. Idle connections cost the buffers of HTTP here.
pub async fn serve_with_upgrades<S, B>(
    listener: TcpListener,
    tls: Option<Arc<rustls::ServerConfig>>,
    service: S,
    limits: Limits,
    shutdown: CancellationToken,
) where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>
        + Clone
        + Unpin
        + Send
        + 'static,
    S::Future: Send + 'static,
    B: http_body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    accept_all(listener, tls, service, limits, shutdown, true).await;
}

async fn accept_all<S, B>(
    listener: TcpListener,
    tls: Option<Arc<rustls::ServerConfig>>,
    service: S,
    limits: Limits,
    shutdown: CancellationToken,
    has_upgrades: bool,
) where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>
        + Clone
        + Unpin
        + Send
        + 'static,
    S::Future: Send + 'static,
    B: http_body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    const PAUSE_AFTER_FAILED_ACCEPT: Duration = Duration::from_millis(100);
    let places = Arc::new(Semaphore::new(limits.connections.clamp(1, Semaphore::MAX_PERMITS)));
    let connections = TaskTracker::new();
    let common = Arc::new(Common {
        limits,
        closing: Closing::new(),
        make_way: Notify::new(),
        acceptor: tls.map(TlsAcceptor::from),
        has_upgrades,
    });
    loop {
        let accepted = tokio::select! {
            () = shutdown.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let (stream, address) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "could not accept a connection");
                tokio::time::sleep(PAUSE_AFTER_FAILED_ACCEPT).await;
                continue;
            }
        };
        let place = tokio::select! {
            () = shutdown.cancelled() => break,
            place = take_place(&places, &common.make_way) => place,
        };
        let Some(place) = place else { break };
        let slot = ConnectionSlot { _counted: Arc::new((place, connections.token())) };
        tokio::spawn(connection::run(stream, address, slot, service.clone(), Arc::clone(&common)));
    }
    drop(listener);
    connections.close();
    common.closing.set(Stage::Asked);
    if tokio::time::timeout(limits.drain, connections.wait()).await.is_err() {
        tracing::warn!(
            seconds = limits.drain.as_secs(),
            connections = connections.len(),
            "requests were still running after the time to drain, and are broken off"
        );
        common.closing.set(Stage::BrokenOff);
    }
}

/// A place among the connections; when there is none, that of one who is idle. Nothing only when there is no
/// listener any more.
async fn take_place(places: &Arc<Semaphore>, make_way: &Notify) -> Option<OwnedSemaphorePermit> {
    if let Ok(place) = Arc::clone(places).try_acquire_owned() {
        return Some(place);
    }
    make_way.notify_one();
    Arc::clone(places).acquire_owned().await.ok()
}
