//! The connector as a reverse proxy: it stands in front of one site, lets the connector decide each request, and
//! carries what may pass to the site and the site's answer back. It does not know why a request may pass, and knows
//! nothing of waiting rooms beyond that.
//!
//! A request's way: [`anteroom_listen`] accepts it, the door refuses what cannot be made out, the connector
//! decides, `forward` carries it to the site and streams the answer back. Where the site cannot be reached in time,
//! a calm page of the gateway's own is the answer, never a hang. The whole of the site's address space is the
//! site's: the gateway answers no path of its own, so that none can be asked for past the connector. How it is doing is
//! told at another port, see [`Gateway::serve_status`].

mod body;
mod door;
mod forward;
mod headers;
mod pages;
mod refuse;
mod status;
mod timeouts;
mod tunnel;
mod upstream;

use std::sync::Arc;

use anteroom_listen::Limits;
use anteroom_tower::{Connector, ConnectorSettings, NotAnOrigin, Origin, TrustedProxies};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower::Layer;

use crate::door::Door;
use crate::forward::Forward;
pub use crate::timeouts::Timeouts;
use crate::upstream::Upstream;

/// What a gateway is told.
#[derive(Clone, Debug)]
pub struct GatewaySettings {
    /// Where the site itself listens: `http://` with a host and, where it is not 80, a port.
    pub upstream: String,
    /// The connector in front of it.
    pub connector: ConnectorSettings,
    /// What visitors' connections are held to.
    pub limits: Limits,
    /// How long things may take.
    pub timeouts: Timeouts,
}

/// Why a gateway did not start. Each of these is for whoever wrote the settings.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The site's address cannot be used.
    #[error("the site's address cannot be used")]
    Upstream(#[source] NotAnOrigin),
    /// The site's address is one that would need encryption.
    #[error(
        "the site's address {found:?} cannot be used: the gateway speaks to the site without encryption, by http://"
    )]
    UpstreamEncrypted {
        /// What the settings say.
        found: String,
    },
    /// The connector did not start.
    #[error("the connector did not start")]
    Connector(#[source] anteroom_tower::StartError),
}

/// A gateway that is ready to serve. Clones share the connector and the connections to the site.
#[derive(Clone, Debug)]
pub struct Gateway {
    connector: Connector,
    upstream: Arc<Upstream>,
    trusted_proxies: TrustedProxies,
    limits: Limits,
}

impl Gateway {
    /// Starts the connector. Waits neither for the platform nor for the site.
    ///
    /// # Errors
    ///
    /// When the settings cannot be used, or outside a tokio runtime.
    pub fn start(settings: GatewaySettings) -> Result<Self, StartError> {
        let origin = Origin::parse(&settings.upstream).map_err(StartError::Upstream)?;
        if *origin.scheme() != http::uri::Scheme::HTTP {
            return Err(StartError::UpstreamEncrypted { found: settings.upstream });
        }
        let trusted_proxies = settings.connector.trusted_proxies.clone();
        let connector = Connector::start(settings.connector).map_err(StartError::Connector)?;
        let upstream = Arc::new(Upstream::new(origin, settings.timeouts));
        Ok(Self { connector, upstream, trusted_proxies, limits: settings.limits })
    }

    /// The connector, to see how it is doing.
    pub fn connector(&self) -> &Connector {
        &self.connector
    }

    /// Tells how the gateway is doing, until `shutdown` is cancelled: `/metrics` in the OpenMetrics text format, and
    /// `/health`, which says that the process answers. For a private port: it says what operators may know.
    pub async fn serve_status(self, listener: TcpListener, shutdown: CancellationToken) {
        let service = status::service(self.connector);
        anteroom_listen::serve(listener, None, service, self.limits, shutdown).await;
    }

    /// Serves visitors until `shutdown` is cancelled, then lets requests in flight end within
    /// [`Limits::drain`]. WebSockets have no end of their own, so they are closed at once; their clients connect
    /// anew, and the earlier they do, the sooner they are served by whoever took over.
    pub async fn serve(self, listener: TcpListener, shutdown: CancellationToken) {
        let forward = Forward::new(self.upstream, self.trusted_proxies, shutdown.clone());
        let door = Door::new(self.connector.layer().layer(forward));
        anteroom_listen::serve_with_upgrades(listener, None, door, self.limits, shutdown).await;
    }
}
