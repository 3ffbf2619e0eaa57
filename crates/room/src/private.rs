//! How a waiting room's process is doing, at a port that visitors do not reach. `/healthz` says that the process answers;
//! `/health` says whether it can serve visitors, which it cannot without its store; `/metrics` is for Prometheus and its
//! like. Every figure there is, and what it means:
//!
//! | figure | meaning |
//! | --- | --- |
//! | `anteroom_store_is_answering` | 1 while the store answers this process, else 0 |
//! | `anteroom_store_warnings` | how many things an operator should put right about the store; the log says which |
//! | `anteroom_store_requests_total{request,result}` | loads and saves for rooms: `done`, `refused` (another process was first) or `failed` |
//! | `anteroom_room_placed_total{account,room}` | visitors who were given a place by this process |
//! | `anteroom_room_admitted_total{account,room}` | visitors who were let in by this process |
//! | `anteroom_room_commands_total{account,room}` | what was asked of the room here; by the saves it is how many share one |
//! | `anteroom_room_store_refusals_total{account,room}` | what was not done because the store did not answer |
//! | `anteroom_room_waiting{account,room}` | visitors in line, as this process last saw it |
//! | `anteroom_room_is_cut_off{account,room}` | 1 while visitors of the room see the page that tells of trouble |
//!
//! Attempts per save are `(done + refused) / done` of the saves. Only rooms that are live in this process are listed.

use std::fmt;
use std::sync::Arc;

use anteroom_store::rooms::{Figures, RoomFigures};
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::routing::get;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Response, StatusCode};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use crate::{Shared, reply};

/// The routes of the private port.
pub(crate) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .route("/health", get(ready))
        .route("/healthz", get(alive))
        .fallback(async || (StatusCode::NOT_FOUND, "there are /metrics, /health and /healthz\n"))
        .with_state(shared)
}

/// Whether the process answers at all. A store in trouble does not matter here: a restart would not mend it.
pub(crate) async fn alive() -> Response<Body> {
    reply::text("ok\n")
}

/// Whether visitors are better sent here than elsewhere.
pub(crate) async fn ready(State(shared): State<Arc<Shared>>) -> Response<Body> {
    if shared.rooms.is_store_answering().await {
        return reply::text("ok\n");
    }
    let mut response = reply::text("the store does not answer\n");
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    response
}

async fn metrics(State(shared): State<Arc<Shared>>) -> Response<Body> {
    const OPEN_METRICS: HeaderValue =
        HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
    let is_answering = shared.rooms.is_store_answering().await;
    let warnings = shared.rooms.store_warnings().len();
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Shown { figures: shared.rooms.figures(), is_answering, warnings }));
    let mut written = String::new();
    if prometheus_client::encoding::text::encode(&mut written, &registry).is_err() {
        tracing::error!("the metrics could not be written");
        let mut response = reply::text("the metrics could not be written\n");
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        return response;
    }
    let mut response = Response::new(Body::from(written));
    response.headers_mut().insert(CONTENT_TYPE, OPEN_METRICS);
    response
}

#[derive(Debug)]
struct Shown {
    figures: Figures,
    is_answering: bool,
    warnings: usize,
}

impl Collector for Shown {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let warnings = i64::try_from(self.warnings).unwrap_or(i64::MAX);
        for (name, help, value) in [
            ("anteroom_store_is_answering", "Whether the store answers", i64::from(self.is_answering)),
            ("anteroom_store_warnings", "Things to put right about the store", warnings),
        ] {
            let gauge = ConstGauge::new(value);
            gauge.encode(encoder.encode_descriptor(name, help, None, MetricType::Gauge)?)?;
        }
        self.encode_requests(&mut encoder)?;
        for (name, help, of) in COUNTERS {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            for room in &self.figures.rooms {
                ConstCounter::new(of(room)).encode(family.encode_family(&labels(room))?)?;
            }
        }
        let mut family = encoder.encode_descriptor(
            "anteroom_room_waiting",
            "Visitors in line who have not been called",
            None,
            MetricType::Gauge,
        )?;
        for (room, waiting) in self.figures.rooms.iter().filter_map(|room| Some((room, room.waiting?))) {
            let waiting = i64::try_from(waiting).unwrap_or(i64::MAX);
            ConstGauge::new(waiting).encode(family.encode_family(&labels(room))?)?;
        }
        let help = "Whether visitors of the room see the page that tells of trouble";
        let mut family =
            encoder.encode_descriptor("anteroom_room_is_cut_off", help, None, MetricType::Gauge)?;
        for room in &self.figures.rooms {
            let is_cut_off = i64::from(!room.is_store_answering);
            ConstGauge::new(is_cut_off).encode(family.encode_family(&labels(room))?)?;
        }
        Ok(())
    }
}

type OfRoom = fn(&RoomFigures) -> u64;

/// By name, meaning, and where it is found.
const COUNTERS: [(&str, &str, OfRoom); 4] = [
    ("anteroom_room_placed", "Visitors who were given a place", |room| room.placed),
    ("anteroom_room_admitted", "Visitors who were let in", |room| room.admitted),
    ("anteroom_room_commands", "What was asked of the room", |room| room.commands),
    ("anteroom_room_store_refusals", "What the store's trouble prevented", |room| room.store_refusals),
];

impl Shown {
    fn encode_requests(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let Figures { loads_done, loads_failed, saves_done, saves_refused, saves_failed, .. } = self.figures;
        let help = "Loads and saves for rooms";
        let mut family =
            encoder.encode_descriptor("anteroom_store_requests", help, None, MetricType::Counter)?;
        for (request, result, value) in [
            ("load", "done", loads_done),
            ("load", "failed", loads_failed),
            ("save", "done", saves_done),
            ("save", "refused", saves_refused),
            ("save", "failed", saves_failed),
        ] {
            let labels = [("request", request), ("result", result)];
            ConstCounter::new(value).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }
}

fn labels(room: &RoomFigures) -> [(&str, &str); 2] {
    [("account", &room.customer), ("room", &room.room)]
}
