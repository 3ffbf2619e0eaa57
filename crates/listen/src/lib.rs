//! Accepts HTTP/1.1 connections within limits and hands their requests to a service. This crate knows nothing of
//! waiting rooms, connectors or configuration: the room, the platform, the gateway and the demo shop all stand
//! behind the same door, so its limits are written, tested and tuned once.
//!
//! `axum::serve` is not used because it has no limit on connections and no deadline for reading headers
//! (axum issue 3489); both are what a public port is attacked with.

use std::convert::Infallible;
use std::error::Error;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;
use tower_service::Service;

/// What one listener allows.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections held at once, at least one. Further ones wait in the kernel's backlog, where they cost nothing
    /// of ours. Default: 20,000.
    pub connections: usize,
    /// How long a client may take to the end of a request's headers, from the opening of the connection or from
    /// the end of the answer before; so also how long an idle connection is kept. Default: 35 seconds, a little
    /// more than the longest time between two polls of a waiting page, so that a waiting visitor's connection
    /// serves for all of them.
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
            header_fields: 100,
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

/// A connection's place among [`Limits::connections`], in every request's extensions.
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
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send + 'static,
    B: http_body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    const PAUSE_AFTER_FAILED_ACCEPT: Duration = Duration::from_millis(100);
    let acceptor = tls.map(TlsAcceptor::from);
    let permits = Arc::new(Semaphore::new(limits.connections.clamp(1, Semaphore::MAX_PERMITS)));
    let connections = TaskTracker::new();
    let time_to_drain_is_over = CancellationToken::new();
    loop {
        let accepted = tokio::select! {
            () = shutdown.cancelled() => break,
            accepted = accept(&listener, &permits) => accepted,
        };
        let (stream, address, permit) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "could not accept a connection");
                tokio::time::sleep(PAUSE_AFTER_FAILED_ACCEPT).await;
                continue;
            }
        };
        let slot = ConnectionSlot { _counted: Arc::new((permit, connections.token())) };
        let connection = Connection {
            stream,
            address,
            slot,
            acceptor: acceptor.clone(),
            service: service.clone(),
            limits,
        };
        let (shutdown, break_off) = (shutdown.clone(), time_to_drain_is_over.clone());
        tokio::spawn(async move {
            tokio::select! {
                () = connection.run(shutdown) => {}
                () = break_off.cancelled() => {}
            }
        });
    }
    drop(listener);
    connections.close();
    if tokio::time::timeout(limits.drain, connections.wait()).await.is_err() {
        tracing::warn!(
            seconds = limits.drain.as_secs(),
            connections = connections.len(),
            "requests were still running after the time to drain, and are broken off"
        );
        time_to_drain_is_over.cancel();
    }
}

async fn accept(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
) -> std::io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let permit = Arc::clone(permits).acquire_owned().await.map_err(std::io::Error::other)?;
    let (stream, address) = listener.accept().await?;
    Ok((stream, address, permit))
}

struct Connection<S> {
    stream: TcpStream,
    address: SocketAddr,
    slot: ConnectionSlot,
    acceptor: Option<TlsAcceptor>,
    service: S,
    limits: Limits,
}

impl<S, B> Connection<S>
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send + 'static,
    B: http_body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    async fn run(self, shutdown: CancellationToken) {
        let address = self.address;
        if let Err(error) = self.stream.set_nodelay(true) {
            tracing::debug!(%address, %error, "could not set TCP_NODELAY");
        }
        let Some(acceptor) = &self.acceptor else {
            let service = with_peer(self.service, Peer { address, is_tls: false }, self.slot);
            return speak_http(TokioIo::new(self.stream), service, self.limits, shutdown).await;
        };
        match tokio::time::timeout(self.limits.handshake_timeout, acceptor.accept(self.stream)).await {
            Ok(Ok(stream)) => {
                let service = with_peer(self.service, Peer { address, is_tls: true }, self.slot);
                speak_http(TokioIo::new(stream), service, self.limits, shutdown).await;
            }
            Ok(Err(error)) => tracing::debug!(%address, %error, "the TLS handshake failed"),
            Err(_) => tracing::debug!(%address, "the TLS handshake took too long"),
        }
    }
}

/// Hyper panics below this.
const HEADER_BYTES_MIN: usize = 8 * 1024;

async fn speak_http<I, S, B>(io: I, service: S, limits: Limits, shutdown: CancellationToken)
where
    I: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
    S: hyper::service::Service<Request<Incoming>, Response = Response<B>, Error = Infallible>
        + Send
        + 'static,
    S::Future: Send + 'static,
    B: http_body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_read_timeout)
        .max_buf_size(limits.header_bytes.max(HEADER_BYTES_MIN))
        .max_headers(limits.header_fields)
        .serve_connection(io, service)
        .with_upgrades();
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = shutdown.cancelled() => {
            // A request in flight is answered; an idle connection closes at once.
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}

fn with_peer<S>(service: S, peer: Peer, slot: ConnectionSlot) -> WithPeer<S> {
    WithPeer { inner: TowerToHyperService::new(service), peer, slot }
}

/// Puts the [`Peer`] and the [`ConnectionSlot`] into each request of one connection.
struct WithPeer<S> {
    inner: TowerToHyperService<S>,
    peer: Peer,
    slot: ConnectionSlot,
}

impl<S, B> hyper::service::Service<Request<Incoming>> for WithPeer<S>
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone,
{
    type Response = Response<B>;
    type Error = Infallible;
    type Future = <TowerToHyperService<S> as hyper::service::Service<Request<Incoming>>>::Future;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        request.extensions_mut().insert(self.peer);
        request.extensions_mut().insert(self.slot.clone());
        self.inner.call(request)
    }
}
