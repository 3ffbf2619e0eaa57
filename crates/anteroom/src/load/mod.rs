//! `anteroom load`: a rehearsal. Many visitors join a waiting room over HTTP as browsers do, wait, ask as often as they
//! are told to, and are let in; what they met is measured and checked. It knows of the room what a browser can see, so
//! it may be used on any installation of ours, however that is built, by whoever may use it.

mod answer;
mod arrivals;
mod connection;
mod drive;
mod order;
mod outflow;
mod record;
mod report;
mod screen;
mod target;
mod visitor;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anteroom_protocol::id::{CustomerId, RoomId};
use clap::Args;
use hyper_rustls::ConfigBuilderExt;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use self::arrivals::{Arrivals, Curve, PerSecond, Span, Surge, VISITORS_MAX};
use self::connection::Way;
use self::drive::{Plan, drive};
use self::outflow::Limit;
use self::report::Report;
use self::screen::Screen;
use self::target::Target;
use self::visitor::Habits;
use crate::failure::Failure;
use crate::stop;

/// Most connections of one generator: each is a file descriptor, here and there.
const CONNECTIONS_MAX: i64 = 50_000;

/// What can be asked of a rehearsal.
#[derive(Debug, Args)]
pub(crate) struct LoadOptions {
    /// Where the waiting room is: its origin, as in http://127.0.0.1:8601
    address: String,
    /// Customer id of the account
    #[arg(long)]
    customer: CustomerId,
    /// Waiting room id
    #[arg(long)]
    room: RoomId,
    /// Visitors that come each second, as in 500/s; of a ramp, at its end
    #[arg(long, default_value = "10/s")]
    arrivals: PerSecond,
    /// How long visitors keep coming, as in 90s, 15m or 2h
    #[arg(long = "for", default_value = "60s")]
    span: Span,
    /// How arrivals are spread over that time
    #[arg(long, value_enum, default_value_t = Curve::Constant)]
    curve: Curve,
    /// So many more at one moment, as in 20000@30s; may be given several times
    #[arg(long, value_name = "VISITORS@MOMENT")]
    surge: Vec<Surge>,
    /// How long after the last arrival to wait for those who are still in line
    #[arg(long, default_value = "10m")]
    and_wait: Span,
    /// Of a hundred visitors, so many leave the line without a word
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u8).range(..=100))]
    leave: u8,
    /// Of a hundred visitors, so many close the page and come back after their turn
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u8).range(..=100))]
    late: u8,
    /// How long after their turn those come back
    #[arg(long, default_value = "60s")]
    late_by: Span,
    /// Visitors join and do nothing further: measures joins alone
    #[arg(long)]
    join_only: bool,
    /// Where visitors want to go; without it, the room's own target
    #[arg(long)]
    target: Option<String>,
    /// Connections that are open at most at the same time; visitors share them
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(i64).range(1..=CONNECTIONS_MAX))]
    connections: i64,
    /// The room's outflow per minute, so that it can be checked
    #[arg(long)]
    outflow: Option<u32>,
    /// The room's burst; without it, the one that a room has by default
    #[arg(long, requires = "outflow")]
    burst: Option<u32>,
    /// A PEM file with certificates to trust instead of the public ones
    #[arg(long)]
    ca: Option<PathBuf>,
    /// Load on a room that is not on this machine: name its host, and mean it
    #[arg(long, value_name = "HOST")]
    yes_i_own_this_site: Option<String>,
    /// Visitors of the same seed have the same habits
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Print the result as one line of JSON, for programs
    #[arg(long)]
    json: bool,
}

/// A rehearsal that does not begin, or that did not end well.
#[derive(Debug, thiserror::Error)]
enum LoadError {
    #[error("nobody would come: --arrivals, --for and --surge make no visitor")]
    Nobody,
    #[error("{found} visitors would come, more than the {VISITORS_MAX} of one run")]
    TooMany { found: u64 },
    #[error("--leave and --late together are more than a hundred percent")]
    Habits,
    #[error("could not read certificates from {}: it must be a PEM file", path.display())]
    Certificates { path: PathBuf, source: Failure },
    #[error("the rehearsal found something broken, see above")]
    Broken,
}

/// Rehearses until everybody is gone, the time is over, or the program is asked to stop, and tells what was found.
pub(crate) fn run(options: LoadOptions) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let is_json = options.json;
    let report = runtime.block_on(rehearse(options))?;
    if is_json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        print!("{}", report.text());
    }
    // Requests that are under way when the run is over are nobody's any more.
    runtime.shutdown_background();
    if report.is_broken { Err(LoadError::Broken.into()) } else { Ok(()) }
}

async fn rehearse(options: LoadOptions) -> Result<Report, Failure> {
    let arrivals = Arrivals::new(options.arrivals, options.span, options.curve, options.surge);
    let total = arrivals.total();
    match total {
        0 => return Err(LoadError::Nobody.into()),
        found if found > VISITORS_MAX => return Err(LoadError::TooMany { found }.into()),
        _ => {}
    }
    if options.leave + options.late > 100 {
        return Err(LoadError::Habits.into());
    }
    let target = Target::find(
        &options.address,
        &options.customer,
        &options.room,
        options.target.as_deref(),
        options.yes_i_own_this_site.as_deref(),
    )
    .await?;
    let tls = Arc::new(trusting(options.ca.as_deref())?);
    let (enqueue_path, poll_path) = (target.enqueue_path.clone(), target.poll_path.clone());
    let way = Arc::new(Way::new(target, tls)?);
    let plan = Plan {
        arrivals,
        habits: Habits {
            leave_percent: options.leave,
            late_percent: options.late,
            late_by: options.late_by.0,
            is_join_only: options.join_only,
            seed: options.seed,
        },
        connections: way.connections(usize::try_from(options.connections)?),
        enqueue_path,
        poll_path,
        and_wait: options.and_wait.0,
    };
    let limit = options.outflow.map(|per_minute| Limit::new(per_minute, options.burst));
    let mut screen = if options.json { Screen::for_programs() } else { Screen::for_people() };
    let stop = stop::when_asked()?;
    eprintln!("{total} visitors come to {}; Ctrl-C ends it and tells what was found so far", options.address);
    let seen = drive(plan, &mut screen, &stop).await;
    Ok(Report::new(&seen, limit))
}

/// Whom to believe that they are the room.
fn trusting(ca: Option<&Path>) -> Result<ClientConfig, LoadError> {
    let builder = ClientConfig::builder();
    let Some(path) = ca else { return Ok(builder.with_webpki_roots().with_no_client_auth()) };
    let unreadable = |source: Failure| LoadError::Certificates { path: path.to_owned(), source };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(|error| unreadable(error.into()))? {
        let certificate = certificate.map_err(|error| unreadable(error.into()))?;
        roots.add(certificate).map_err(|error| unreadable(error.into()))?;
    }
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}
