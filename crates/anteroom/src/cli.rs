//! What can be typed, and what happens then.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use tracing_subscriber::EnvFilter;

use crate::assemble::{self, Part};
use crate::backup::{self, BackupOptions, RestoreOptions};
use crate::connector::{self, ConnectorCommand};
use crate::demo;
use crate::draw::{self, DrawCommand};
use crate::failure::Failure;
use crate::load;
use crate::settings::{LogSettings, REFERENCE, Settings};
use crate::tls;

/// A self-hosted virtual waiting room.
#[derive(Debug, Parser)]
#[command(name = "anteroom", version, about, after_help = "Begin with: anteroom demo --visitors 100")]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show everything on this machine: a small shop, the connector in front of it, the waiting room, the console
    Demo(demo::DemoOptions),
    /// Run waiting room and platform in one process, and the gateway where the settings name a site
    All(WithSettings),
    /// Run the waiting room alone: where visitors wait
    Room(WithSettings),
    /// Run the platform alone: console, REST, and what connectors download
    Platform(WithSettings),
    /// Run the gateway alone: the connector as a reverse proxy in front of a site
    Gateway(WithSettings),
    /// Ask the connector what it would do with a request, and why
    #[command(subcommand)]
    Connector(ConnectorCommand),
    /// Rehearse a sale: many visitors join a waiting room over HTTP, wait and are let in, and what they met is told
    Load(Box<load::LoadOptions>),
    /// Check the draw of a scheduled room, from what it published
    #[command(subcommand)]
    Draw(DrawCommand),
    /// Copy the store to a file while it is in use
    Backup(BackupOptions),
    /// Put a backup in place of the store, which is set aside
    Restore(RestoreOptions),
    /// Check a settings file and tell every mistake, or print the reference of all settings
    Check(CheckOptions),
}

#[derive(Debug, Args)]
struct WithSettings {
    /// Settings file; without one, the defaults hold (see `anteroom check --reference`)
    #[arg(long, env = "ANTEROOM_CONFIG")]
    config: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct CheckOptions {
    /// Settings file
    #[arg(long, env = "ANTEROOM_CONFIG", required_unless_present = "reference")]
    config: Option<PathBuf>,
    /// Print every setting with its default and meaning
    #[arg(long)]
    reference: bool,
    /// Also read the whole store in the data directory, which may be in use, and tell what is damaged
    #[arg(long)]
    store: bool,
}

/// Does what was typed, until it is done or asked to stop.
pub(crate) fn run(cli: Cli) -> Result<ExitCode, Failure> {
    tls::install_provider();
    let done = match cli.command {
        Command::Demo(options) => demo::run(options),
        Command::All(given) => {
            run_parts(given.config.as_deref(), &[Part::Room, Part::Platform, Part::Gateway])
        }
        Command::Room(given) => run_parts(given.config.as_deref(), &[Part::Room]),
        Command::Platform(given) => run_parts(given.config.as_deref(), &[Part::Platform]),
        Command::Gateway(given) => run_parts(given.config.as_deref(), &[Part::Gateway]),
        Command::Connector(command) => connector::run(&command),
        Command::Load(options) => load::run(*options),
        // Its exit code tells a draw that does not agree from one that could not be checked.
        Command::Draw(command) => return Ok(draw::run(&command)),
        Command::Backup(options) => backup::back_up(&read(options.config.as_deref())?, &options),
        Command::Restore(options) => backup::restore(&read(options.config.as_deref())?, &options),
        Command::Check(options) => check(&options),
    };
    done.map(|()| ExitCode::SUCCESS)
}

fn run_parts(config: Option<&Path>, parts: &[Part]) -> Result<(), Failure> {
    let settings = read(config)?;
    start_log(&settings.log)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(assemble::run(&settings, parts))
}

fn check(options: &CheckOptions) -> Result<(), Failure> {
    if options.reference {
        print!("{REFERENCE}");
        return Ok(());
    }
    let settings = read(options.config.as_deref())?;
    if let Some(tls) = &settings.room.tls {
        tls::from_files(&tls.certificate, &tls.key)?;
    }
    println!("The settings are good.");
    if options.store {
        backup::check_store(&settings)?;
    }
    Ok(())
}

fn read(config: Option<&Path>) -> Result<Settings, Failure> {
    Ok(match config {
        Some(path) => Settings::read(path)?,
        None => Settings::defaults()?,
    })
}

/// Logs go to standard error, so that standard output stays what was asked for.
pub(crate) fn start_log(settings: &LogSettings) -> Result<(), Failure> {
    let filter = EnvFilter::try_new(&settings.level)
        .map_err(|error| format!("log.level: found {:?}, {error}", settings.level))?;
    let is_terminal = std::io::stderr().is_terminal();
    let log =
        tracing_subscriber::fmt().with_env_filter(filter).with_ansi(is_terminal).with_writer(std::io::stderr);
    if settings.is_json {
        log.json().init();
    } else {
        log.init();
    }
    Ok(())
}
