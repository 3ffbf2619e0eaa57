//! Shows a person what the connector makes of one request: every integration with every trigger and part, what it
//! looked at and whether it held, then the decision and what would be sent.

use std::io::{self, Write};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anteroom_connector::decision::{
    AJAX_REDIRECT_HEADER, ActionKind, CONNECTOR_HEADER, Decision, EXPOSE_HEADER, FAILED_HEADER,
    NO_CACHE_HEADERS, Outcome,
};
use anteroom_connector::explain::{
    self, Condition, IntegrationTrace, PartTrace, Seen, Subject, TriggerTrace,
};
use anteroom_connector::features::Features;
use anteroom_connector::view::RequestView;
use anteroom_protocol::integration::{Action, LogicalOperator, Operator, Validator};
use anteroom_protocol::secret::Secret;
use anteroom_protocol::time::Timestamp;
use clap::Args;

use super::answer::outcome_and_location;
use super::policies::{self, Ready};
use super::reason;
use crate::credentials::Credentials;
use crate::failure::Failure;

/// The longest value of a request that is shown whole, in characters.
const SHOWN_CHARS: usize = 200;

/// One request, and the config to follow.
#[derive(Debug, Args)]
pub(crate) struct ExplainOptions {
    /// The absolute address as the browser sees it, with any queueittoken in it
    url: String,
    /// Integration config, as published and as connectors download it
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// The account's customer id; not needed where the secret key comes from a credentials.json
    #[arg(long, value_name = "ID")]
    customer: Option<String>,
    /// A file with the secret key, or a credentials.json; without it, no token or cookie can be found genuine
    #[arg(long, value_name = "FILE")]
    secret_key_file: Option<PathBuf>,
    /// The request's method
    #[arg(long, default_value = "GET")]
    method: String,
    /// A header of the request, such as "User-Agent: curl/8"; may be given several times
    #[arg(long = "header", value_name = "NAME: VALUE", value_parser = header)]
    headers: Vec<(String, String)>,
    /// A cookie of the request, such as "segment=gold"; may be given several times
    #[arg(long = "cookie", value_name = "NAME=VALUE", value_parser = cookie)]
    cookies: Vec<String>,
    /// The visitor's network address; left out, nothing is compared with it
    #[arg(long, value_name = "ADDRESS")]
    client_ip: Option<IpAddr>,
    /// The request's body, for triggers that look at it
    #[arg(long, value_name = "TEXT")]
    body: Option<String>,
    /// The time of the request, in Unix seconds; now, when left out
    #[arg(long, value_name = "SECONDS")]
    now: Option<u64>,
}

/// What keeps a request from being explained.
#[derive(Debug, thiserror::Error)]
enum ExplainError {
    #[error("could not read {}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("whose integration config this is must be said: --customer")]
    NoCustomer,
    #[error("the integration config {} cannot be followed:{problems}", path.display())]
    Config { path: PathBuf, problems: String },
}

/// Explains one request.
pub(super) fn run(options: &ExplainOptions, output: &mut impl Write) -> Result<(), Failure> {
    let (customer_id, secret_key) = account(options)?;
    let ready = read_config(&options.config, &customer_id, secret_key.as_ref())?;
    let mut headers = options.headers.clone();
    if !options.cookies.is_empty() {
        headers.push(("cookie".to_owned(), options.cookies.join("; ")));
    }
    let view = RequestView {
        method: &options.method,
        url: &options.url,
        headers: &headers,
        client_ip: options.client_ip,
        body: options.body.as_deref(),
    };
    let now = options.now.map_or_else(current_time, Timestamp::from_seconds);
    let explanation = Explanation { ready: &ready, view, now, has_key: secret_key.is_some() };
    match explanation.write(output) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written?),
    }
}

/// The customer id and, where one is given, the secret key.
fn account(options: &ExplainOptions) -> Result<(String, Option<Secret>), Failure> {
    let Some(path) = &options.secret_key_file else {
        return Ok((options.customer.clone().ok_or(ExplainError::NoCustomer)?, None));
    };
    let text = read(path)?;
    if text.trim_start().starts_with('{') {
        let credentials = Credentials::read(path)?;
        let customer_id = options.customer.clone().unwrap_or_else(|| credentials.customer_id.to_string());
        return Ok((customer_id, Some(credentials.secret_key)));
    }
    let customer_id = options.customer.clone().ok_or(ExplainError::NoCustomer)?;
    Ok((customer_id, Some(Secret::new(text.trim().to_owned()))))
}

fn read_config(path: &Path, customer_id: &str, secret_key: Option<&Secret>) -> Result<Ready, ExplainError> {
    // A stand-in that signs nothing anywhere.
    let no_key = Secret::new("no secret key was given".to_owned());
    let document = read(path)?;
    policies::make_ready(document.as_bytes(), customer_id, secret_key.unwrap_or(&no_key), Features::default())
        .map_err(|problems| {
            let problems = problems.iter().map(|problem| format!("\n  - {problem}")).collect();
            ExplainError::Config { path: path.to_owned(), problems }
        })
}

fn read(path: &Path) -> Result<String, ExplainError> {
    std::fs::read_to_string(path).map_err(|source| ExplainError::Read { path: path.to_owned(), source })
}

fn current_time() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    Timestamp::EPOCH.saturating_add(since_epoch)
}

fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("expected a name and a value, joined by a colon")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

fn cookie(text: &str) -> Result<String, String> {
    if text.contains('=') {
        Ok(text.to_owned())
    } else {
        Err("expected a name and a value, joined by =".to_owned())
    }
}

struct Explanation<'e> {
    ready: &'e Ready,
    view: RequestView<'e>,
    now: Timestamp,
    has_key: bool,
}

impl Explanation<'_> {
    fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let Ready { config, policy } = self.ready;
        let seen = Seen::of(&self.view);
        writeln!(out, "Request     {} {}", self.view.method, self.view.url)?;
        if seen.url != self.view.url {
            writeln!(out, "Looked at   {}", seen.url)?;
        }
        if config.integrations.iter().any(|integration| integration.is_normalized) {
            writeln!(out, "Normalised  {}", seen.normalized_url)?;
        }
        writeln!(out, "Config      version {}", config.version_text)?;
        for warning in policy.warnings() {
            writeln!(out, "Warning     {warning}")?;
        }
        if !self.has_key {
            writeln!(
                out,
                "Note        without --secret-key-file, no queue token and no accepted cookie is genuine here"
            )?;
        }
        let traces = explain::trace(config, &seen);
        let deciding = traces.iter().position(IntegrationTrace::is_match);
        for (at, trace) in traces.iter().enumerate() {
            writeln!(out)?;
            write_integration(out, at, trace, deciding)?;
        }
        writeln!(out)?;
        let decision = policy.decide(&self.view, self.now);
        writeln!(out, "Decision    {}", outcome_and_location(&decision.outcome).0)?;
        writeln!(out, "Because     {}", reason::sentence(&decision, config, &self.view))?;
        self.write_answer(out, &decision)
    }

    /// What a host would send.
    fn write_answer(&self, out: &mut impl Write, decision: &Decision<'_>) -> io::Result<()> {
        let is_answered = !matches!(decision.outcome, Outcome::Pass);
        match &decision.outcome {
            Outcome::Pass => writeln!(out, "The request reaches the site; its answer also carries")?,
            Outcome::Redirect { location } | Outcome::StripToken { location } => {
                writeln!(out, "The answer is 302 with\n  location: {location}")?;
            }
            Outcome::AjaxRedirect { header_value } => {
                writeln!(out, "The answer is 200, empty, with\n  {AJAX_REDIRECT_HEADER}: {header_value}")?;
                writeln!(out, "  {EXPOSE_HEADER}: {AJAX_REDIRECT_HEADER}")?;
            }
        }
        for cookie in &decision.set_cookies {
            writeln!(out, "  set-cookie: {}", cookie.to_header_value(self.now))?;
        }
        for (name, value) in NO_CACHE_HEADERS.iter().filter(|_| is_answered) {
            writeln!(out, "  {name}: {value}")?;
        }
        if decision.has_failed {
            writeln!(out, "  {FAILED_HEADER}: true")?;
        }
        writeln!(out, "  {CONNECTOR_HEADER}: rust")
    }
}

fn write_integration(
    out: &mut impl Write,
    at: usize,
    trace: &IntegrationTrace<'_>,
    deciding: Option<usize>,
) -> io::Result<()> {
    let verdict = match (trace.is_match(), deciding) {
        (true, Some(decides)) if decides == at => "is for this request and decides".to_owned(),
        (true, Some(decides)) => format!("would match, but number {} comes first", decides + 1),
        _ => "is not for this request".to_owned(),
    };
    let integration = trace.integration;
    writeln!(out, "{}. {} {:?} {verdict}", at + 1, action_text(&integration.action), integration.name)?;
    if trace.triggers.is_empty() {
        writeln!(out, "   no triggers, so it is for no request")?;
    }
    for (number, trigger) in trace.triggers.iter().enumerate() {
        write_trigger(out, number, trigger)?;
    }
    Ok(())
}

fn write_trigger(out: &mut impl Write, number: usize, trace: &TriggerTrace<'_>) -> io::Result<()> {
    let joined = match trace.trigger.logical_operator {
        LogicalOperator::Or => "one part is enough",
        LogicalOperator::And => "all parts are needed",
    };
    let verdict = if trace.is_match() { "matches" } else { "does not match" };
    writeln!(out, "   trigger {} {verdict} ({joined})", number + 1)?;
    if trace.parts.is_empty() {
        writeln!(out, "     no parts: with And it matches every request, with Or none")?;
    }
    for part in &trace.parts {
        writeln!(
            out,
            "     {}  {}{}",
            if part.is_match { "yes" } else { "no " },
            Condition(part.part),
            found(part)
        )?;
    }
    Ok(())
}

fn action_text(action: &Action) -> &'static str {
    let kind = match action {
        Action::Queue(_) => ActionKind::Queue,
        Action::Cancel(_) => ActionKind::Cancel,
        Action::Ignore => ActionKind::Ignore,
    };
    kind.as_str()
}

/// What a part looked at, or why it never holds.
fn found(trace: &PartTrace<'_>) -> String {
    if trace.part.validator == Validator::Unknown || trace.part.operator == Operator::Unknown {
        return ": never holds".to_owned();
    }
    let subject = Subject(&trace.part.validator);
    match trace.value.char_indices().nth(SHOWN_CHARS) {
        _ if trace.value.is_empty() => format!("; {subject} is empty"),
        Some((cut, _)) => format!("; {subject} begins {:?}", &trace.value[..cut]),
        None => format!("; {subject} is {:?}", trace.value),
    }
}
