//! A running connector: the policy that requests are decided by, and the task that keeps it current.

use std::sync::Arc;

use anteroom_connector::policy::Policy;
use anteroom_connector::refresh::Refresh;
use anteroom_connector::settings::Fallback;
use anteroom_protocol::forwarded::TrustedProxies;
use anteroom_protocol::secret::Secret;
use arc_swap::ArcSwapOption;
use rustls_pki_types::CertificateDer;
use tokio::sync::watch;
use tokio::task::AbortHandle;

use crate::asked::AskedCounts;
use crate::clock::SteadyClock;
use crate::fetch::Platform;
use crate::keep::KeepFile;
use crate::layer::ConnectorLayer;
use crate::refresh::Driver;
use crate::room::Rooms;
use crate::settings::{ConnectorSettings, Origin, StartError};
use crate::status::ConnectorStatus;
use crate::viewpoint::Viewpoint;

/// A running connector.
///
/// Its task ends when it and everything made with its [`layer`](Self::layer) are gone.
#[derive(Clone, Debug)]
pub struct Connector {
    shared: Arc<Shared>,
}

/// What requests are decided with.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) policy: Arc<ArcSwapOption<Policy>>,
    pub(crate) viewpoint: Viewpoint,
    pub(crate) fallback: Fallback,
    pub(crate) rooms: Rooms,
    status: watch::Receiver<ConnectorStatus>,
    /// Keeps the policy current; there is none for one that was given in code.
    task: Option<AbortHandle>,
}

impl Drop for Shared {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

/// What a connector needs to be told beside a policy that was made in code. `InlineSettings::default()` will do where
/// no waiting room is asked and no proxy stands in front.
#[derive(Clone, Debug, Default)]
pub struct InlineSettings {
    /// Says to a waiting room who asks, where queue ids are verified.
    pub api_key: Option<Secret>,
    /// Who may vouch for a waiting room's certificate, where one is asked. Empty: the public authorities.
    pub room_authorities: Vec<CertificateDer<'static>>,
    /// As in [`ConnectorSettings::public_origin`].
    pub public_origin: Option<String>,
    /// As in [`ConnectorSettings::trusted_proxies`].
    pub trusted_proxies: TrustedProxies,
}

impl Connector {
    /// Reads the kept copy of the integration config, if there is one, puts it in force, and begins to ask the
    /// platform. Does not wait for the platform: until its first answer the kept copy decides, and without one
    /// the fallback does.
    ///
    /// # Errors
    ///
    /// When the settings cannot be used, or outside a tokio runtime. A kept copy that cannot be read is no error:
    /// it is logged and shows in [`status`](Self::status).
    pub fn start(settings: ConnectorSettings) -> Result<Self, StartError> {
        let runtime = tokio::runtime::Handle::try_current().map_err(StartError::NoRuntime)?;
        let problems = settings.connector.problems();
        if !problems.is_empty() {
            return Err(StartError::Settings(problems));
        }
        let viewpoint = viewpoint(settings.public_origin.as_deref(), &settings.trusted_proxies)?;
        let rooms = Rooms::new(settings.api_key.clone(), &settings.platform_authorities)?;
        let seed = getrandom::u64().map_err(StartError::Random)?;
        let instance = format!("{:016x}", getrandom::u64().map_err(StartError::Random)?);
        let platform = Platform::new(&settings, &instance)?;
        let keep = settings.keep_file.map(|path| KeepFile::new(path, &instance));
        let fallback = settings.connector.fallback;

        let (kept, keep_problem) = match &keep {
            None => (None, None),
            Some(keep) => match keep.load() {
                Ok(kept) => (kept, None),
                Err(error) => (None, Some(format!("{} could not be read: {error}", keep.path().display()))),
            },
        };
        let refresh = Refresh::new(settings.connector, kept.as_deref(), seed);

        let policy = Arc::new(ArcSwapOption::empty());
        let (sender, status) = watch::channel(ConnectorStatus::default());
        let mut driver = Driver {
            refresh,
            platform,
            keep,
            keep_problem,
            policy: Arc::clone(&policy),
            status: sender,
            clock: SteadyClock::start(),
        };
        // Before the first request can come, so that none is decided by the fallback while a kept copy is there.
        driver.put_in_force();
        let task = runtime.spawn(driver.run()).abort_handle();
        let task = Some(task);
        Ok(Self { shared: Arc::new(Shared { policy, viewpoint, fallback, rooms, status, task }) })
    }

    /// A connector that follows one policy for good, made in code: for sites without a platform.
    ///
    /// ```
    /// use anteroom_connector::policy::Policy;
    /// use anteroom_protocol::integration::QueueConfig;
    /// use anteroom_tower::{Connector, Fallback, Features, InlineSettings, Secret, Settings};
    ///
    /// let config = QueueConfig {
    ///     event_id: "spring24".into(),
    ///     queue_domain: "queue.shop.example".into(),
    ///     cookie_validity_minutes: 20,
    ///     ..QueueConfig::default()
    /// };
    /// let settings = Settings {
    ///     customer_id: "acme".into(),
    ///     secret_key: Secret::new("the account's secret key".into()),
    ///     room_base: None,
    ///     platform_suffix: None,
    ///     fallback: Fallback::LetPass,
    ///     features: Features::default(),
    /// };
    /// // Every request to the service behind this layer is for that waiting room; other services need no layer.
    /// let policy = Policy::compile(&config.check().unwrap(), &settings).unwrap();
    /// let layer = Connector::inline(policy, InlineSettings::default())?.layer();
    /// # let _ = layer;
    /// # Ok::<(), anteroom_tower::StartError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When the settings cannot be used.
    pub fn inline(policy: Policy, settings: InlineSettings) -> Result<Self, StartError> {
        let viewpoint = viewpoint(settings.public_origin.as_deref(), &settings.trusted_proxies)?;
        let api_key = settings.api_key.unwrap_or_else(|| Secret::new(String::new()));
        let rooms = Rooms::new(api_key, &settings.room_authorities)?;
        let status = ConnectorStatus {
            running_version: Some(policy.version()),
            warnings: policy.warnings().to_vec(),
            ..ConnectorStatus::default()
        };
        let shared = Shared {
            policy: Arc::new(ArcSwapOption::from_pointee(policy)),
            viewpoint,
            // There is always a policy.
            fallback: Fallback::Hold,
            rooms,
            status: watch::channel(status).1,
            task: None,
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// The layer that puts this connector in front of a service.
    pub fn layer(&self) -> ConnectorLayer {
        ConnectorLayer::new(Arc::clone(&self.shared))
    }

    /// How the connector is doing.
    pub fn status(&self) -> ConnectorStatus {
        self.shared.status.borrow().clone()
    }

    /// How the questions to waiting rooms went since the start: where queue ids are verified, or with direct pass.
    pub fn asked(&self) -> AskedCounts {
        self.shared.rooms.asked()
    }

    /// Tells of every change of the [`status`](Self::status). A version shown there is already in force.
    pub fn changed(&self) -> watch::Receiver<ConnectorStatus> {
        self.shared.status.clone()
    }
}

fn viewpoint(public_origin: Option<&str>, trusted_proxies: &TrustedProxies) -> Result<Viewpoint, StartError> {
    let public_origin = public_origin.map(Origin::parse).transpose().map_err(StartError::PublicOrigin)?;
    Ok(Viewpoint { public_origin, trusted_proxies: trusted_proxies.clone() })
}
