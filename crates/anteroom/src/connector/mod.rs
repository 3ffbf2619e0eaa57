//! The connector on the command line: what it would do with a request, without a site, a platform or a network. It
//! asks the same code that a gateway asks, and writes down the answer.

mod answer;
mod case;
mod evaluate;
mod explain;
mod lines;
mod policies;
mod reason;

use clap::Subcommand;

use crate::failure::Failure;

/// What can be asked of the connector.
#[derive(Debug, Subcommand)]
pub(crate) enum ConnectorCommand {
    /// Decide requests: one JSON object per line on standard input, one answer per line on standard output
    Evaluate,
    /// Show what the connector makes of one request, and why: every integration, every trigger, every part
    Explain(Box<explain::ExplainOptions>),
}

/// Does what was asked.
pub(crate) fn run(command: &ConnectorCommand) -> Result<(), Failure> {
    match command {
        ConnectorCommand::Evaluate => evaluate::run(std::io::stdin().lock(), std::io::stdout().lock()),
        ConnectorCommand::Explain(options) => explain::run(options, &mut std::io::stdout().lock()),
    }
}
