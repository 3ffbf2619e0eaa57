//! Everything that the demo shows, started in one process. Room, platform and gateway are put together as
//! [`assemble`] does it; what is published in them is done from outside, as any operator's script would.

use std::path::Path;
use std::time::Duration;

use anteroom_listen::Limits;
use anteroom_protocol::forwarded::TrustedProxies;
use serde_json::json;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::operator::{ConnectorsNow, Operator, OperatorError, RoomNow};
use super::ports::Listeners;
use super::{scope, shop};
use crate::assemble;
use crate::credentials::{self, Credentials};
use crate::failure::Failure;
use crate::installation::Installation;
use crate::settings::{AccountSettings, FeatureSettings, GatewaySettings, StoreSettings};
use crate::tls;

/// The demo's account.
const CUSTOMER: &str = "demo";
/// From the publication to the gateway that enforces it; a busy machine may need some of it.
const IN_FORCE_WITHIN: Duration = Duration::from_secs(20);

/// What did not come about.
#[derive(Debug, thiserror::Error)]
pub(super) enum SceneError {
    #[error(
        "{0} was used before, and its credentials.json, which the demo needs, is gone; put it back, or name another --data-dir"
    )]
    NoCredentials(String),
    #[error("the gateway did not take up the published version within {} seconds", IN_FORCE_WITHIN.as_secs())]
    NotInForce,
    #[error("could not set up the demo through the platform")]
    Operator(#[from] OperatorError),
}

/// Where everything is: scheme, host and port.
pub(super) struct Addresses {
    pub(super) site: String,
    pub(super) room: String,
    pub(super) room_tls: String,
    pub(super) platform: String,
}

impl Addresses {
    /// An address that leads through the waiting room.
    pub(super) fn protected(&self) -> String {
        format!("{}/tickets", self.site)
    }
}

/// The running demo.
pub(super) struct Scene {
    pub(super) addresses: Addresses,
    pub(super) credentials: Credentials,
    operator: Operator,
    installation: Installation,
}

impl Scene {
    /// Starts everything and returns when the shop is protected. What runs is in `tasks` and ends with `shutdown`.
    pub(super) async fn start(
        data_dir: &Path,
        port_base: u16,
        outflow: u32,
        tasks: &TaskTracker,
        shutdown: &CancellationToken,
    ) -> Result<Self, Failure> {
        let listeners = Listeners::bind(port_base).await?;
        let certificate = tls::self_signed()?;
        let room_host = listeners.room_tls.local_addr()?.to_string();
        let addresses = Addresses {
            site: format!("http://{}", listeners.site.local_addr()?),
            room: format!("http://{}", listeners.room.local_addr()?),
            room_tls: format!("https://{room_host}"),
            platform: format!("http://{}", listeners.platform.local_addr()?),
        };
        let shop = format!("http://{}", listeners.shop.local_addr()?);

        let installation = Installation::open(&StoreSettings::embedded(), data_dir).await?;
        let start = installation.set_up(&account()?).await?;
        let credentials = start
            .credentials()
            .cloned()
            .ok_or_else(|| SceneError::NoCredentials(data_dir.display().to_string()))?;
        installation.check_key(&credentials, &data_dir.join(credentials::FILE)).await?;

        let service = assemble::platform(&installation, room_host.clone(), TrustedProxies::default());
        tasks.spawn(service.serve(listeners.platform, shutdown.clone()));
        let service = assemble::room(&installation, TrustedProxies::default()).await?;
        tasks.spawn(service.clone().serve(listeners.room, None, shutdown.clone()));
        tasks.spawn(service.serve(listeners.room_tls, Some(certificate), shutdown.clone()));
        tasks.spawn(anteroom_listen::serve(
            listeners.shop,
            None,
            shop::router(),
            Limits::default(),
            shutdown.clone(),
        ));

        let operator =
            Operator::new(&addresses.platform, &credentials.customer_id, credentials.api_key.clone());
        let scene = Self { addresses, credentials, operator, installation };
        scene.publish(&room_host, outflow).await?;
        let gateway = GatewaySettings {
            listen: listeners.site.local_addr()?,
            status_listen: None,
            upstream: shop,
            credentials_file: data_dir.join(credentials::FILE),
            platform_url: scene.addresses.platform.clone(),
            name: "gateway".to_owned(),
            public_origin: None,
            holds_without_config: false,
            room_base: Some(scene.addresses.room.clone()),
            trusted_proxies: TrustedProxies::default(),
            features: FeatureSettings::default(),
        };
        let gateway = assemble::gateway(&gateway, &scene.credentials, data_dir)?;
        tasks.spawn(gateway.serve(listeners.site, shutdown.clone()));
        scene.wait_until_in_force().await?;
        Ok(scene)
    }

    /// All that a program needs to know, on one line.
    pub(super) fn json_line(&self) -> String {
        let Addresses { site, room, room_tls, platform } = &self.addresses;
        json!({
            "site": site,
            "room": room,
            "roomTls": room_tls,
            "platform": platform,
            "customerId": self.credentials.customer_id,
            "secretKey": self.credentials.secret_key.expose(),
            "apiKey": self.credentials.api_key.expose(),
            "waitingRoomId": scope::ROOM,
            "protectedUrl": self.addresses.protected(),
        })
        .to_string()
    }

    /// How the room and the connectors stand now.
    pub(super) async fn look(&self) -> Result<(RoomNow, ConnectorsNow), OperatorError> {
        let (rooms, connectors) = tokio::try_join!(self.operator.rooms(), self.operator.connectors())?;
        let room = rooms.into_iter().find(|room| room.waiting_room_id == scope::ROOM);
        Ok((room.ok_or(OperatorError::NoRoom { room: scope::ROOM })?, connectors))
    }

    /// Closes what is kept. Everything that was started must have ended.
    pub(super) async fn close(self) {
        self.installation.close().await;
    }

    /// Makes the room and its protection, or finds those of an earlier run and sends them to the ports of this one.
    async fn publish(&self, room_host: &str, outflow: u32) -> Result<(), OperatorError> {
        let rooms = self.operator.rooms().await?;
        match rooms.iter().find(|room| room.waiting_room_id == scope::ROOM) {
            None => {
                let room = json!({
                    "waitingRoomId": scope::ROOM,
                    "displayName": scope::ROOM_NAME,
                    "defaultTarget": self.addresses.protected(),
                    "outflowPerMinute": outflow,
                });
                self.operator.add_room(room).await?;
            }
            Some(room) if room.default_target != self.addresses.protected() => {
                self.operator.set_default_target(scope::ROOM, &self.addresses.protected()).await?;
            }
            Some(_) => {}
        }
        let mut draft = self.operator.draft().await?;
        let is_published = self.operator.connectors().await?.head_version.is_some();
        if !is_published {
            draft.integrations = scope::integrations(room_host);
            return self.operator.publish(&draft, "What the demo protects").await;
        }
        if scope::point_to(&mut draft.integrations, room_host) {
            return self.operator.publish(&draft, "The demo moved to other ports").await;
        }
        Ok(())
    }

    async fn wait_until_in_force(&self) -> Result<(), SceneError> {
        const LOOK_EVERY: Duration = Duration::from_millis(20);
        let in_force = async {
            while self.operator.connectors().await?.in_force().is_none() {
                tokio::time::sleep(LOOK_EVERY).await;
            }
            Ok(())
        };
        tokio::time::timeout(IN_FORCE_WITHIN, in_force).await.unwrap_or(Err(SceneError::NotInForce))
    }
}

fn account() -> Result<AccountSettings, Failure> {
    Ok(AccountSettings {
        customer: CUSTOMER.parse()?,
        display_name: "The Little Theatre".to_owned(),
        allowed_hosts: ["127.0.0.1:*", "localhost:*"].map(str::to_owned).to_vec(),
    })
}
