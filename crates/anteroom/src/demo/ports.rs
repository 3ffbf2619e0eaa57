//! The demo's five listeners, taken before anything else starts, so that a port in use is told at once and
//! nothing has to be undone.

use std::net::{Ipv4Addr, SocketAddr};

use tokio::net::TcpListener;

/// One listener for each thing that is shown.
pub(super) struct Listeners {
    pub(super) site: TcpListener,
    pub(super) room: TcpListener,
    pub(super) room_tls: TcpListener,
    pub(super) platform: TcpListener,
    pub(super) shop: TcpListener,
}

/// A port that could not be had.
#[derive(Debug, thiserror::Error)]
#[error(
    "could not listen on {address} for {what}; if another program (another demo?) has that port, choose others with --port-base, 0 for any that are free"
)]
pub(super) struct PortError {
    address: SocketAddr,
    what: &'static str,
    source: std::io::Error,
}

impl Listeners {
    /// Takes `base` and the four ports after it on loopback, or any five when `base` is 0.
    pub(super) async fn bind(base: u16) -> Result<Self, PortError> {
        Ok(Self {
            site: bind(base, 0, "the shop behind the gateway").await?,
            room: bind(base, 1, "the waiting room").await?,
            room_tls: bind(base, 2, "the waiting room with TLS").await?,
            platform: bind(base, 3, "the console").await?,
            shop: bind(base, 4, "the shop itself").await?,
        })
    }
}

async fn bind(base: u16, offset: u16, what: &'static str) -> Result<TcpListener, PortError> {
    let port = if base == 0 { 0 } else { base.saturating_add(offset) };
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    TcpListener::bind(address).await.map_err(|source| PortError { address, what, source })
}
