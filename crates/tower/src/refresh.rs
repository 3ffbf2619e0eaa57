//! The task that drives [`Refresh`]: puts its questions to the platform, its documents on disk, its policies in
//! force, and its status where people can see it. What to ask, accept and keep is decided there.

use std::sync::Arc;

use anteroom_connector::policy::Policy;
use anteroom_connector::refresh::Refresh;
use arc_swap::ArcSwapOption;
use tokio::sync::watch;

use crate::clock::SteadyClock;
use crate::fetch::Platform;
use crate::keep::KeepFile;
use crate::status::ConnectorStatus;

pub(crate) struct Driver {
    pub(crate) refresh: Refresh,
    pub(crate) platform: Platform,
    pub(crate) keep: Option<KeepFile>,
    /// Why the copy on disk is not what it should be.
    pub(crate) keep_problem: Option<String>,
    pub(crate) policy: Arc<ArcSwapOption<Policy>>,
    pub(crate) status: watch::Sender<ConnectorStatus>,
    pub(crate) clock: SteadyClock,
}

impl Driver {
    /// Never ends; it is aborted when nobody needs its policies any more.
    pub(crate) async fn run(mut self) {
        loop {
            self.put_in_force();
            self.keep().await;
            match self.refresh.poll_fetch(self.clock.now()) {
                Some(question) => {
                    let answer = self.platform.ask(&question).await;
                    self.refresh.handle_fetched(self.clock.now(), answer);
                }
                None => {
                    let pause = self.refresh.poll_timeout().saturating_since(self.clock.now());
                    tokio::time::sleep(pause).await;
                }
            }
        }
    }

    /// Swaps in a newer policy, if there is one, and then says so.
    pub(crate) fn put_in_force(&mut self) {
        if let Some(policy) = self.refresh.poll_policy() {
            self.policy.store(Some(policy));
        }
        let current = self.refresh.status();
        let now = ConnectorStatus {
            running_version: current.running_version,
            source: current.source,
            last_success: current.last_success,
            last_error: current.last_problem.or_else(|| self.keep_problem.clone()),
            warnings: current.warnings.iter().map(ToString::to_string).collect(),
        };
        self.status.send_if_modified(|before| {
            log_change(before, &now);
            let is_changed = *before != now;
            *before = now;
            is_changed
        });
    }

    async fn keep(&mut self) {
        let Some(bytes) = self.refresh.poll_keep() else { return };
        let Some(keep) = self.keep.clone() else { return };
        let path = keep.path().display().to_string();
        let written = tokio::task::spawn_blocking(move || keep.store(&bytes)).await;
        let error = match written {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(error) => Some(error.to_string()),
        };
        self.keep_problem = error.map(|error| {
            format!(
                "the integration config could not be kept in {path}, so a start without the platform would do \
                 without: {error}"
            )
        });
        self.put_in_force();
    }
}

fn log_change(before: &ConnectorStatus, now: &ConnectorStatus) {
    if before.running_version != now.running_version || before.warnings != now.warnings {
        tracing::info!(version = now.running_version, source = ?now.source, "integration config in force");
        for warning in &now.warnings {
            tracing::warn!(version = now.running_version, %warning, "the integration config holds something odd");
        }
    }
    match (&before.last_error, &now.last_error) {
        (Some(_), None) => tracing::info!("integration config is up to date again"),
        (before, Some(problem)) if before.as_ref() != Some(problem) => {
            tracing::warn!(running_version = now.running_version, %problem, "integration config could not be refreshed");
        }
        _ => {}
    }
}
