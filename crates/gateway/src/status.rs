//! How a gateway is doing, as Prometheus and its like read it. Every figure there is, and what it means:
//!
//! | figure | meaning |
//! | --- | --- |
//! | `anteroom_connector_config_version` | version of the integration config in force; 0 while the fallback decides |
//! | `anteroom_connector_is_failing` | 1 while something is wrong with getting the config, else 0 |
//! | `anteroom_connector_config_answered_timestamp_seconds` | when the platform last gave a usable answer |
//! | `anteroom_connector_asked_total{question,result}` | questions to waiting rooms, by what was asked and how it went |

use std::convert::Infallible;
use std::fmt;
use std::future::{Ready, ready};

use anteroom_tower::{AskedResult, AskedWhat, Connector};
use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use tower::util::ServiceFn;

type Answer = Ready<Result<Response<Full<Bytes>>, Infallible>>;

/// Answers at the private port.
pub(crate) fn service<B>(connector: Connector) -> ServiceFn<impl Fn(Request<B>) -> Answer + Clone> {
    tower::service_fn(move |request: Request<B>| {
        ready(Ok(match (request.method(), request.uri().path()) {
            (&Method::GET | &Method::HEAD, "/metrics") => metrics(connector.clone()),
            (&Method::GET | &Method::HEAD, "/health" | "/healthz") => text(StatusCode::OK, "ok\n".to_owned()),
            (_, "/metrics" | "/health" | "/healthz") => {
                let mut refusal = text(StatusCode::METHOD_NOT_ALLOWED, "this can only be read\n".to_owned());
                refusal.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
                refusal
            }
            _ => text(StatusCode::NOT_FOUND, "there are /metrics and /health\n".to_owned()),
        }))
    })
}

fn metrics(connector: Connector) -> Response<Full<Bytes>> {
    const OPEN_METRICS: HeaderValue =
        HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Figures { connector }));
    let mut written = String::new();
    match prometheus_client::encoding::text::encode(&mut written, &registry) {
        Ok(()) => {
            let mut response = text(StatusCode::OK, written);
            response.headers_mut().insert(CONTENT_TYPE, OPEN_METRICS);
            response
        }
        Err(_) => {
            tracing::error!("the metrics could not be written");
            text(StatusCode::INTERNAL_SERVER_ERROR, "the metrics could not be written\n".to_owned())
        }
    }
}

fn text(status: StatusCode, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Reads the figures when they are asked for, so that nothing has to be kept in two places.
#[derive(Debug)]
struct Figures {
    connector: Connector,
}

impl Collector for Figures {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let status = self.connector.status();
        let version = i64::try_from(status.running_version.unwrap_or(0)).unwrap_or(i64::MAX);
        let is_failing = i64::from(status.last_error.is_some());
        let answered_at = status.last_success.map(|moment| moment.as_seconds());
        let answered_at = answered_at.and_then(|seconds| i64::try_from(seconds).ok()).unwrap_or(0);
        for (name, help, value) in [
            ("anteroom_connector_config_version", "Version of the integration config in force", version),
            (
                "anteroom_connector_is_failing",
                "Whether something is wrong with getting the config",
                is_failing,
            ),
            (
                "anteroom_connector_config_answered_timestamp_seconds",
                "When the platform last gave a usable answer",
                answered_at,
            ),
        ] {
            let gauge = ConstGauge::new(value);
            gauge.encode(encoder.encode_descriptor(name, help, None, MetricType::Gauge)?)?;
        }
        let asked = self.connector.asked();
        let help = "Questions to waiting rooms, by what was asked and how it went";
        let mut family =
            encoder.encode_descriptor("anteroom_connector_asked", help, None, MetricType::Counter)?;
        for what in AskedWhat::ALL {
            for result in AskedResult::ALL {
                let labels = [("question", what.as_str()), ("result", result.as_str())];
                let counter = ConstCounter::new(asked.of(what, result));
                counter.encode(family.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }
}
