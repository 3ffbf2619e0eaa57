//! Checks a draw on the command line, from what the room published and what a visitor noted: no network, no room and no
//! trust in whoever ran it. How the places follow is decided in `anteroom_queue::draw`, and written down for a
//! stranger in `docs/draw.md`.

mod report;
mod whole;

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anteroom_queue::draw::document::{Commitment, DOCUMENT_BYTES_MAX, Document, Receipt};
use clap::{Args, Subcommand};

use crate::failure::{self, Failure};

use report::{Entry, Report, Whole};

/// What can be asked about a draw.
#[derive(Debug, Subcommand)]
pub(crate) enum DrawCommand {
    /// Check that a published draw kept its commitment, and which place follows for an entry. Exits with 0 when all that
    /// was asked agrees, 1 when something does not, 2 when it could not be checked
    Verify(VerifyOptions),
}

/// The draw, and what to hold against it.
#[derive(Debug, Args)]
pub(crate) struct VerifyOptions {
    /// What the room published, as JSON; - reads standard input
    #[arg(value_name = "FILE")]
    published: PathBuf,
    /// The commitment that you noted before the start, 64 hex digits
    #[arg(long, value_name = "HEX", value_parser = commitment)]
    commitment: Option<Commitment>,
    /// Your entry number, counted from 1 as the waiting page shows it
    #[arg(long, value_name = "NUMBER")]
    entry: Option<u64>,
    /// The place in the draw that you were shown, counted from 1
    #[arg(long, value_name = "NUMBER", requires = "entry")]
    place: Option<u64>,
    /// Your lane
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    lane: u8,
    /// Compute every entrant's place, and check that each place is given once: some ten seconds for a million
    #[arg(long)]
    all: bool,
    /// Print the findings as JSON
    #[arg(long)]
    json: bool,
}

fn commitment(text: &str) -> Result<Commitment, String> {
    text.to_owned().try_into()
}

/// Does what was asked, and says how it ended.
pub(crate) fn run(command: &DrawCommand) -> ExitCode {
    let DrawCommand::Verify(options) = command;
    let printed = check(options).and_then(|report| {
        let mut output = io::stdout().lock();
        match options.json {
            true => writeln!(output, "{}", serde_json::to_string_pretty(&report)?)?,
            false => write!(output, "{report}")?,
        }
        Ok(report.agrees)
    });
    match printed {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(failure) => {
            eprintln!("anteroom: {}", failure::chain(failure.as_ref()));
            ExitCode::from(2)
        }
    }
}

fn check(options: &VerifyOptions) -> Result<Report, Failure> {
    let document = read(&options.published)?;
    let computed =
        document.commitment_of_key().ok_or("the key is not published yet; it is when the room starts")?;
    let entry = match options.entry {
        None => None,
        Some(entry) => {
            let place = document.place(Receipt { lane: options.lane, entry })?;
            let entrants = document.draw(options.lane)?.entrants();
            Some(Entry::new(options.lane, entry, entrants, place, options.place))
        }
    };
    let mut lanes = Vec::new();
    if options.all {
        for drawn in &document.lanes {
            let is_permutation = whole::is_permutation(&document.draw(drawn.lane)?)?;
            lanes.push(Whole { lane: drawn.lane, entrants: drawn.entrants, is_permutation });
        }
    }
    Ok(Report::new(&document, computed, options.commitment, entry, lanes))
}

fn read(path: &Path) -> Result<Document, Failure> {
    let name = path.display();
    let unreadable = |error: io::Error| format!("could not read {name}: {error}");
    let mut text = Vec::new();
    let limit = DOCUMENT_BYTES_MAX as u64 + 1;
    if path == Path::new("-") {
        io::stdin().lock().take(limit).read_to_end(&mut text).map_err(unreadable)?;
    } else {
        File::open(path).map_err(unreadable)?.take(limit).read_to_end(&mut text).map_err(unreadable)?;
    }
    if text.len() > DOCUMENT_BYTES_MAX {
        return Err(
            format!("{name} is longer than {DOCUMENT_BYTES_MAX} bytes, which no published draw is").into()
        );
    }
    let mut json = serde_json::Deserializer::from_slice(&text);
    let document = serde_path_to_error::deserialize(&mut json)
        .map_err(|error| format!("{name} is not a published draw: {}: {}", error.path(), error.inner()))?;
    json.end().map_err(|error| format!("{name} is not a published draw: {error}"))?;
    Ok(document)
}
