//! `anteroom demo`: the whole system on this machine, for a person who wants to see it before believing it, and
//! for tests that want a real one. A small shop that knows nothing of us, the gateway with the connector in
//! front of it, the waiting room (plain and encrypted), the platform with its console.

mod operator;
mod ports;
mod scene;
mod scope;
mod screen;
mod shop;
mod visitors;

use std::path::PathBuf;

use clap::Args;
use tokio_util::task::TaskTracker;

use crate::cli::start_log;
use crate::failure::Failure;
use crate::settings::LogSettings;
use crate::stop;
use scene::Scene;
use screen::About;

/// What can be asked of the demo.
#[derive(Debug, Args)]
pub(crate) struct DemoOptions {
    /// Simulated visitors that come over HTTP, so that there is a line to watch and to join
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(..=20_000))]
    visitors: u32,
    /// Visitors the room lets in per minute at the start; the console changes it
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=600_000))]
    outflow: u32,
    /// First of the five ports in a row; 0 takes any that are free
    #[arg(long, default_value_t = 8600, value_parser = clap::value_parser!(u16).range(..=65_530))]
    port_base: u16,
    /// Where to keep the data; without one, a temporary folder that is removed at the end
    #[arg(long)]
    data_dir: Option<PathBuf>,
    /// Print one line of JSON when all is ready, for programs, and nothing else
    #[arg(long)]
    json: bool,
}

/// Shows the demo until it is asked to stop.
pub(crate) fn run(options: DemoOptions) -> Result<(), Failure> {
    // Warnings would break the picture on the screen; with --json standard error is free for them.
    let level = std::env::var("ANTEROOM_LOG").unwrap_or(if options.json { "warn" } else { "off" }.to_owned());
    start_log(&LogSettings { level, is_json: false })?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(show(options))
}

async fn show(options: DemoOptions) -> Result<(), Failure> {
    let shutdown = stop::when_asked()?;
    let home = Home::choose(options.data_dir.clone())?;
    let tasks = TaskTracker::new();
    let started = tokio::select! {
        started = Scene::start(&home.path, options.port_base, options.outflow, &tasks, &shutdown) => started.map(Some),
        () = shutdown.cancelled() => Ok(None),
    };
    if let Ok(Some(scene)) = &started {
        if options.visitors > 0 {
            tasks.spawn(visitors::come(options.visitors, scene.addresses.protected(), shutdown.clone()));
        }
        if options.json {
            println!("{}", scene.json_line());
            shutdown.cancelled().await;
        } else {
            screen::show(scene, &about(scene, &options, &home), &shutdown).await;
        }
    }
    // Whatever way it ended, what was started ends before the folder below it goes.
    shutdown.cancel();
    tasks.close();
    tasks.wait().await;
    if let Some(scene) = started? {
        scene.close().await;
    }
    home.leave()?;
    Ok(())
}

fn about<'a>(scene: &'a Scene, options: &DemoOptions, home: &'a Home) -> About<'a> {
    let operator = scene.credentials.operator.as_ref();
    About {
        addresses: &scene.addresses,
        operator: operator.map(|operator| (operator.name.as_str(), operator.password.expose())),
        visitors: options.visitors,
        data_dir: &home.path,
        is_temporary: home.temporary.is_some(),
    }
}

/// The folder the demo lives in.
struct Home {
    path: PathBuf,
    /// Removes the folder when the demo ends; none where the person named a folder.
    temporary: Option<tempfile::TempDir>,
}

impl Home {
    fn choose(named: Option<PathBuf>) -> Result<Self, Failure> {
        if let Some(path) = named {
            return Ok(Self { path, temporary: None });
        }
        let temporary = tempfile::Builder::new().prefix("anteroom-demo-").tempdir().map_err(|error| {
            format!("could not make a temporary folder; name one with --data-dir: {error}")
        })?;
        Ok(Self { path: temporary.path().to_owned(), temporary: Some(temporary) })
    }

    fn leave(self) -> std::io::Result<()> {
        self.temporary.map_or(Ok(()), tempfile::TempDir::close)
    }
}
