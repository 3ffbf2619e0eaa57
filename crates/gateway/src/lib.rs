//! The connector as a reverse proxy: it stands in front of one site, lets the connector decide each request, and
//! carries what may pass to the site and the site's answer back, byte for byte. It does not know why a request may
//! pass, and knows nothing of waiting rooms beyond that.
//!
//! A request's way: [`listen`](anteroom_listen) accepts it, the [`door`] refuses what no server could make out, the
//! connector decides, [`forward`] carries it. Where the site cannot be reached in time, a calm page of the
//! gateway's own is the answer, never a hang.

mod timeouts;

use anteroom_listen::Limits;
use anteroom_tower::{Connector, ConnectorSettings};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub use crate::timeouts::Timeouts;

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
    #[error(
        "the site's address {found:?} cannot be used: expected http:// with a host and at most a port, such as http://127.0.0.1:8080"
    )]
    Upstream {
        /// What the settings say.
        found: String,
    },
    /// The connector did not start.
    #[error("the connector did not start")]
    Connector(#[source] anteroom_tower::StartError),
}

/// A gateway that is ready to serve.
#[derive(Clone, Debug)]
pub struct Gateway {
    connector: Connector,
}

impl Gateway {
    /// Starts the connector. Waits neither for the platform nor for the site.
    ///
    /// # Errors
    ///
    /// When the settings cannot be used.
    pub fn start(settings: GatewaySettings) -> Result<Self, StartError> {
        let connector = Connector::start(settings.connector).map_err(StartError::Connector)?;
        Ok(Self { connector })
    }

    /// The connector, to see how it is doing.
    pub fn connector(&self) -> &Connector {
        &self.connector
    }

    /// Serves visitors until `shutdown` is cancelled.
    pub async fn serve(self, listener: TcpListener, shutdown: CancellationToken) {
        shutdown.cancelled().await;
        drop(listener);
    }
}
