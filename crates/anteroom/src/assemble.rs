//! The only place where all types meet: from settings to what runs, and calmly to its end. Ports are taken before
//! anything else happens, so that one in use is told at once and nothing has to be undone.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use anteroom_gateway::Gateway;
use anteroom_listen::Limits;
use anteroom_platform::{PlatformParts, PlatformService, PlatformServiceSettings};
use anteroom_protocol::forwarded::TrustedProxies;
use anteroom_room::{RoomService, RoomServiceParts, RoomServiceSettings};
use anteroom_store::directory::Directory;
use anteroom_store::records::RecordError;
use anteroom_tower::{ConnectorSettings, Fallback};
use rustls::ServerConfig;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::credentials::{self, Credentials, CredentialsError};
use crate::failure::Failure;
use crate::installation::{Installation, Start};
use crate::settings::{GatewaySettings, Settings};
use crate::{stop, tls};

/// The connector's copy of its configuration, in the data directory.
const KEEP_FILE: &str = "integration-config.json";

/// What one process runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Room,
    Platform,
    Gateway,
}

/// What could not be started.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    #[error(
        "could not listen on {address} for {what}; the setting {setting} names it, and another program may have that port"
    )]
    Port { address: SocketAddr, what: &'static str, setting: &'static str, source: std::io::Error },
    #[error("there is no site to stand in front of: set gateway.upstream, such as \"http://127.0.0.1:8080\"")]
    NoUpstream,
    #[error(
        "the gateway needs an account's credentials; copy {} from the machine of the first start, or name it in gateway.credentials_file",
        credentials::FILE
    )]
    NoCredentials(#[source] CredentialsError),
    #[error("could not start the gateway")]
    Gateway(#[source] anteroom_gateway::StartError),
    #[error("could not read the accounts")]
    Accounts(#[source] RecordError),
}

/// Runs these parts until the program is asked to stop.
pub(crate) async fn run(settings: &Settings, parts: &[Part]) -> Result<(), Failure> {
    let shutdown = stop::when_asked()?;
    let doors = Doors::open(settings, parts).await?;
    let tasks = TaskTracker::new();
    let started = tokio::select! {
        started = doors.serve(settings, &tasks, &shutdown) => started,
        () = shutdown.cancelled() => Ok(None),
    };
    if started.is_ok() {
        shutdown.cancelled().await;
        tracing::info!("stopping: requests under way are answered first");
    }
    shutdown.cancel();
    tasks.close();
    tasks.wait().await;
    if let Some(installation) = started? {
        installation.close().await;
    }
    tracing::info!("stopped");
    Ok(())
}

/// The listeners of this process. One that is not there is a part that does not run.
struct Doors {
    room: Option<TcpListener>,
    room_tls: Option<(TcpListener, Arc<ServerConfig>)>,
    room_status: Option<TcpListener>,
    platform: Option<TcpListener>,
    gateway: Option<(TcpListener, GatewaySettings)>,
    gateway_status: Option<TcpListener>,
}

impl Doors {
    async fn open(settings: &Settings, parts: &[Part]) -> Result<Self, Failure> {
        let mut doors = Self {
            room: None,
            room_tls: None,
            room_status: None,
            platform: None,
            gateway: None,
            gateway_status: None,
        };
        if parts.contains(&Part::Room) {
            if let Some(tls) = &settings.room.tls {
                let certificate = tls::from_files(&tls.certificate, &tls.key)?;
                let listener = bind(tls.listen, "the waiting room with TLS", "room.tls_listen").await?;
                doors.room_tls = Some((listener, certificate));
            }
            if let Some(address) = settings.room.listen {
                doors.room = Some(bind(address, "the waiting room", "room.listen").await?);
            }
            if let Some(address) = settings.room.status_listen {
                let what = "the waiting room's status";
                doors.room_status = Some(bind(address, what, "room.status_listen").await?);
            }
        }
        if parts.contains(&Part::Platform) {
            let address = settings.platform.listen;
            doors.platform = Some(bind(address, "the platform", "platform.listen").await?);
        }
        if parts.contains(&Part::Gateway) {
            match &settings.gateway {
                Some(gateway) => {
                    let listener = bind(gateway.listen, "the gateway", "gateway.listen").await?;
                    doors.gateway = Some((listener, gateway.clone()));
                    if let Some(address) = gateway.status_listen {
                        let what = "the gateway's status";
                        doors.gateway_status = Some(bind(address, what, "gateway.status_listen").await?);
                    }
                }
                // Beside others it is left out; alone, nothing would be left.
                None if parts.len() == 1 => return Err(StartError::NoUpstream.into()),
                None => tracing::info!("no gateway is started: gateway.upstream names no site"),
            }
        }
        Ok(doors)
    }

    /// Starts what stands behind the doors. What runs is in `tasks` and ends with `shutdown`.
    async fn serve(
        self,
        settings: &Settings,
        tasks: &TaskTracker,
        shutdown: &CancellationToken,
    ) -> Result<Option<Installation>, Failure> {
        let mut installation = None;
        if self.room.is_some() || self.room_tls.is_some() || self.platform.is_some() {
            let opened = Installation::open(&settings.store, &settings.data_dir).await?;
            tell_of(&opened.set_up(&settings.account).await?, settings);
            installation = Some(opened);
        }
        if let Some((listener, gateway)) = self.gateway {
            let path = &gateway.credentials_file;
            let credentials = Credentials::read(path).map_err(StartError::NoCredentials)?;
            if let Some(installation) = &installation {
                installation.check_key(&credentials, path).await?;
            }
            let address = listener.local_addr()?;
            let service = self::gateway(&gateway, &credentials, &settings.data_dir)?;
            tracing::info!("the gateway is at http://{address}, in front of {}", gateway.upstream);
            if let Some(listener) = self.gateway_status {
                tracing::info!("the gateway's metrics are at http://{}/metrics", listener.local_addr()?);
                tasks.spawn(service.clone().serve_status(listener, shutdown.clone()));
            }
            tasks.spawn(service.serve(listener, shutdown.clone()));
        }
        let Some(installation) = installation else { return Ok(None) };
        if let Some(listener) = self.platform {
            let (host, proxies) = (&settings.platform.room_host, &settings.platform.trusted_proxies);
            tracing::info!("the console is at http://{}", listener.local_addr()?);
            let service = platform(&installation, host.clone(), proxies.clone());
            tasks.spawn(service.serve(listener, shutdown.clone()));
        }
        if self.room.is_some() || self.room_tls.is_some() {
            let service = room(&installation, settings.room.trusted_proxies.clone()).await?;
            if let Some(listener) = self.room_status {
                tracing::info!("the waiting room's metrics are at http://{}/metrics", listener.local_addr()?);
                tasks.spawn(service.clone().serve_status(listener, shutdown.clone()));
            }
            if let Some(listener) = self.room {
                tracing::info!("the waiting room is at http://{}", listener.local_addr()?);
                tasks.spawn(service.clone().serve(listener, None, shutdown.clone()));
            }
            if let Some((listener, certificate)) = self.room_tls {
                tracing::info!("the waiting room is at https://{}", listener.local_addr()?);
                tasks.spawn(service.serve(listener, Some(certificate), shutdown.clone()));
            }
        }
        Ok(Some(installation))
    }
}

async fn bind(
    address: SocketAddr,
    what: &'static str,
    setting: &'static str,
) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).await.map_err(|source| StartError::Port { address, what, setting, source })
}

/// Says once where the new keys are, and on later starts which account it is.
fn tell_of(start: &Start, settings: &Settings) {
    let (data_dir, customer) = (settings.data_dir.display(), &settings.account.customer);
    if let Start::First(_) = start {
        let file = settings.data_dir.join(credentials::FILE);
        tracing::info!(
            "first start: account {customer} is made; its keys and the operator's name and password are in {}, \
             which only its owner may read",
            file.display()
        );
    } else {
        tracing::info!("account {customer}, kept in {data_dir}");
    }
}

/// The private service over what is kept.
pub(crate) fn platform(
    installation: &Installation,
    room_host: String,
    trusted_proxies: TrustedProxies,
) -> PlatformService {
    PlatformService::new(PlatformParts {
        records: installation.records.clone(),
        rooms: installation.rooms.clone(),
        settings: PlatformServiceSettings { room_host, trusted_proxies, limits: Limits::default() },
    })
}

/// The public service over what is kept.
pub(crate) async fn room(
    installation: &Installation,
    trusted_proxies: TrustedProxies,
) -> Result<RoomService, StartError> {
    let directory = Directory::start(installation.records.clone()).await.map_err(StartError::Accounts)?;
    Ok(RoomService::new(RoomServiceParts {
        rooms: installation.rooms.clone(),
        directory,
        uses: installation.uses.clone(),
        settings: RoomServiceSettings { trusted_proxies, limits: Limits::default() },
    }))
}

/// The connector in front of a site.
pub(crate) fn gateway(
    settings: &GatewaySettings,
    credentials: &Credentials,
    data_dir: &Path,
) -> Result<Gateway, StartError> {
    let connector = ConnectorSettings {
        connector: anteroom_tower::Settings {
            customer_id: credentials.customer_id.to_string(),
            secret_key: credentials.secret_key.clone(),
            room_base: settings.room_base.clone(),
            platform_suffix: Some(concat!("anteroom-gateway-", env!("CARGO_PKG_VERSION")).to_owned()),
            fallback: if settings.holds_without_config { Fallback::Hold } else { Fallback::LetPass },
            features: settings.features.features(credentials),
        },
        name: settings.name.clone(),
        api_key: credentials.api_key.clone(),
        platform_url: settings.platform_url.clone(),
        platform_authorities: Vec::new(),
        keep_file: Some(data_dir.join(KEEP_FILE)),
        public_origin: settings.public_origin.clone(),
        trusted_proxies: settings.trusted_proxies.clone(),
    };
    let service = anteroom_gateway::GatewaySettings {
        upstream: settings.upstream.clone(),
        connector,
        limits: Limits::default(),
        timeouts: anteroom_gateway::Timeouts::default(),
    };
    Gateway::start(service).map_err(StartError::Gateway)
}
