//! What our own connectors ask (`/api/v1/connectors/{customer}/config`, a long poll) and what operators ask about
//! them (`/api/v1/accounts/{customer}/connectors`).

use std::sync::Arc;
use std::time::Duration;

use anteroom_protocol::problem::Problem;
use axum::extract::{RawQuery, State};
use http::{HeaderMap, HeaderName};
use serde::Serialize;

use super::Shared;
use super::answer::{Answer, Refusal, ok};
use super::asked::{Asked, OfConnector};
use super::download::{document, nothing_published, unchanged};
use super::etag;
use crate::feed::{Polled, Report, Shown, Standing, TEXT_CHARS_MAX};
use crate::moment::iso;

const NAME: HeaderName = HeaderName::from_static("x-anteroom-connector");
const INSTANCE: HeaderName = HeaderName::from_static("x-anteroom-instance");
const RUNNING_VERSION: HeaderName = HeaderName::from_static("x-anteroom-running-version");
const PROBLEM: HeaderName = HeaderName::from_static("x-anteroom-problem");

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ConnectorsBody {
    head_version: Option<u64>,
    connectors: Vec<ConnectorBody>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ConnectorBody {
    name: String,
    instance: String,
    running_version: Option<u64>,
    state: &'static str,
    problem: Option<String>,
    last_seen_at: String,
    in_force_after_ms: Option<u64>,
}

impl From<Shown> for ConnectorBody {
    fn from(shown: Shown) -> Self {
        let report = shown.heard.report;
        Self {
            name: report.name,
            instance: report.instance,
            running_version: report.running_version,
            state: match shown.standing {
                Standing::Current => "current",
                Standing::Behind => "behind",
                Standing::Refuses => "refuses",
                Standing::Silent => "silent",
            },
            problem: report.problem,
            last_seen_at: iso(shown.heard.last_seen),
            in_force_after_ms: shown
                .in_force_after
                .map(|span| u64::try_from(span.as_millis()).unwrap_or(u64::MAX)),
        }
    }
}

/// What an operator sees.
pub(super) async fn list(State(shared): State<Arc<Shared>>, asked: Asked) -> Answer {
    let account = shared.actions.look_at_account(&asked.caller, &asked.customer).await?;
    let (head_version, shown) = shared.feed.connectors(&account.customer).await?;
    ok(&ConnectorsBody { head_version, connectors: shown.into_iter().map(ConnectorBody::from).collect() })
}

/// Answers when there is something the connector does not have, or when the wait is over.
pub(super) async fn poll(
    State(shared): State<Arc<Shared>>,
    OfConnector(customer): OfConnector,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Answer {
    let wait = wait_in(query.as_deref().unwrap_or_default())?;
    if let Some(report) = report(&headers) {
        shared.feed.note(&customer, report);
    }
    match shared.feed.poll(&customer, |etag| etag::is_known(&headers, etag), wait).await? {
        Polled::Newer(published) => document(&published),
        Polled::Unchanged => unchanged(&headers),
        Polled::NothingPublished => Err(nothing_published(&customer)),
        // An early 304 would tell the connector that polls are not held here, and it would ask every few minutes.
        Polled::NotHeld => {
            Err(Refusal::unavailable("Polls cannot be held at the moment. Ask again in a moment."))
        }
    }
}

fn wait_in(query: &str) -> Result<Duration, Refusal> {
    let Some(text) = query.split('&').find_map(|pair| pair.strip_prefix("wait=")) else {
        return Ok(Duration::ZERO);
    };
    text.parse().map(Duration::from_secs).map_err(|_| {
        let problem = Problem::new("wait", Problem::quote(text), "a whole number of seconds");
        Refusal::unusable("The query cannot be used.", vec![problem])
    })
}

/// What a connector says of itself; nothing from who does not say its name.
fn report(headers: &HeaderMap) -> Option<Report> {
    let text = |name: HeaderName| {
        let value = String::from_utf8_lossy(headers.get(name)?.as_bytes());
        let text: String = value.trim().chars().take(TEXT_CHARS_MAX).collect();
        Some(text).filter(|text| !text.is_empty())
    };
    Some(Report {
        name: text(NAME)?,
        instance: text(INSTANCE)?,
        running_version: text(RUNNING_VERSION).and_then(|version| version.parse().ok()),
        problem: text(PROBLEM),
    })
}
