//! A running connector: the policy that requests are decided by, and the task that keeps it current.

use std::sync::Arc;

use anteroom_connector::policy::Policy;
use anteroom_connector::refresh::Refresh;
use anteroom_connector::settings::Fallback;
use arc_swap::ArcSwapOption;
use tokio::sync::watch;
use tokio::task::AbortHandle;

use crate::clock::SteadyClock;
use crate::fetch::Platform;
use crate::keep::KeepFile;
use crate::layer::ConnectorLayer;
use crate::refresh::Driver;
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
    status: watch::Receiver<ConnectorStatus>,
    task: AbortHandle,
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.task.abort();
    }
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
        let public_origin = match &settings.public_origin {
            Some(text) => Some(Origin::parse(text).map_err(StartError::PublicOrigin)?),
            None => None,
        };
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
        let viewpoint = Viewpoint { public_origin, trusted_proxies: settings.trusted_proxies };
        Ok(Self { shared: Arc::new(Shared { policy, viewpoint, fallback, status, task }) })
    }

    /// The layer that puts this connector in front of a service.
    pub fn layer(&self) -> ConnectorLayer {
        ConnectorLayer::new(Arc::clone(&self.shared))
    }

    /// How the connector is doing.
    pub fn status(&self) -> ConnectorStatus {
        self.shared.status.borrow().clone()
    }

    /// Tells of every change of the [`status`](Self::status). A version shown there is already in force.
    pub fn changed(&self) -> watch::Receiver<ConnectorStatus> {
        self.shared.status.clone()
    }
}
