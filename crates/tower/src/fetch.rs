//! Asks the platform for the integration config.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use anteroom_connector::refresh::{DOCUMENT_BYTES_MAX, Fetch, FetchFailure, Fetched};
use anteroom_protocol::id::CustomerId;
use bytes::{Buf, Bytes};
use http::header::{ETAG, HeaderMap, HeaderName, HeaderValue, IF_NONE_MATCH, RETRY_AFTER, USER_AGENT};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;

use crate::settings::{ConnectorSettings, PlatformAddress, StartError, header_value};

const API_KEY: HeaderName = HeaderName::from_static("api-key");
const NAME: HeaderName = HeaderName::from_static("x-anteroom-connector");
const INSTANCE: HeaderName = HeaderName::from_static("x-anteroom-instance");
const RUNNING_VERSION: HeaderName = HeaderName::from_static("x-anteroom-running-version");
const PROBLEM: HeaderName = HeaderName::from_static("x-anteroom-problem");

/// The path of an official download, which answers at once.
const OFFICIAL_DOWNLOAD: &str = "/status/integrationconfig/";

/// How long a connection to the platform may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The platform, seen from a connector.
#[derive(Debug)]
pub(crate) struct Platform {
    client: Client<HttpsConnector<HttpConnector>, Empty<Bytes>>,
    address: PlatformAddress,
    customer_id: CustomerId,
    /// Those that are the same in every question.
    headers: HeaderMap,
}

impl Platform {
    pub(crate) fn new(settings: &ConnectorSettings, instance: &str) -> Result<Self, StartError> {
        let address = PlatformAddress::parse(&settings.platform_url)?;
        let customer_id = settings.connector.customer_id.parse().map_err(StartError::CustomerId)?;
        let mut headers = HeaderMap::new();
        let mut api_key = header_value("api key", settings.api_key.expose())?;
        api_key.set_sensitive(true);
        headers.insert(API_KEY, api_key);
        headers.insert(NAME, header_value("connector's name", &settings.name)?);
        headers.insert(INSTANCE, header_value("instance", instance)?);
        headers.insert(
            USER_AGENT,
            HeaderValue::from_static(concat!("anteroom-connector/", env!("CARGO_PKG_VERSION"))),
        );
        let client = Client::builder(TokioExecutor::new()).build(https(&settings.platform_authorities)?);
        Ok(Self { client, address, customer_id, headers })
    }

    /// Puts one question and waits for its answer, but not longer than the question says.
    pub(crate) async fn ask(&self, question: &Fetch) -> Result<Fetched, FetchFailure> {
        match tokio::time::timeout(question.timeout, self.exchange(question)).await {
            Ok(answer) => answer,
            Err(_) => Err(failure("the platform did not answer in time")),
        }
    }

    async fn exchange(&self, question: &Fetch) -> Result<Fetched, FetchFailure> {
        let request = self
            .request(question)
            .map_err(|error| failure(format!("the question could not be put: {error}")))?;
        let response = self
            .client
            .request(request)
            .await
            .map_err(|error| failure(format!("the platform could not be reached: {}", chain(&error))))?;
        match response.status() {
            StatusCode::OK => {
                let etag =
                    response.headers().get(ETAG).and_then(|etag| etag.to_str().ok()).map(str::to_owned);
                Ok(Fetched::Document { bytes: read_document(response.into_body()).await?, etag })
            }
            StatusCode::NOT_MODIFIED => Ok(Fetched::Unchanged),
            status => Err(refusal(status, &response, &self.customer_id)),
        }
    }

    fn request(&self, question: &Fetch) -> Result<Request<Empty<Bytes>>, http::Error> {
        let mut request = Request::new(Empty::new());
        *request.uri_mut() = if self.address.path().starts_with(OFFICIAL_DOWNLOAD) {
            self.address.join("")?
        } else {
            let (customer, wait) = (&self.customer_id, question.wait.as_secs());
            self.address.join(&format!("/api/v1/connectors/{customer}/config?wait={wait}"))?
        };
        let headers = request.headers_mut();
        headers.clone_from(&self.headers);
        if let Some(etag) = &question.etag {
            headers.insert(IF_NONE_MATCH, HeaderValue::try_from(etag)?);
        }
        if let Some(version) = question.running_version {
            headers.insert(RUNNING_VERSION, HeaderValue::from(version));
        }
        if let Some(problem) = &question.problem {
            headers.insert(PROBLEM, HeaderValue::try_from(one_ascii_line(problem))?);
        }
        Ok(request)
    }
}

/// A client for http and https.
pub(crate) fn https(
    authorities: &[CertificateDer<'static>],
) -> Result<HttpsConnector<HttpConnector>, StartError> {
    let mut http = HttpConnector::new();
    http.enforce_http(false);
    http.set_connect_timeout(Some(CONNECT_TIMEOUT));
    http.set_nodelay(true);
    // The provider is named, as a process may hold several and rustls then knows no default.
    let builder = HttpsConnectorBuilder::new();
    let builder = if authorities.is_empty() {
        builder.with_provider_and_webpki_roots(aws_lc_rs::default_provider()).map_err(StartError::Tls)?
    } else {
        let mut roots = RootCertStore::empty();
        for (index, authority) in authorities.iter().enumerate() {
            roots.add(authority.clone()).map_err(|source| StartError::Authority { index, source })?;
        }
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(StartError::Tls)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        builder.with_tls_config(config)
    };
    Ok(builder.https_or_http().enable_http1().wrap_connector(http))
}

/// Reads no more than one byte beyond what the connector will look at, and leaves the refusal to it.
async fn read_document(mut body: Incoming) -> Result<Vec<u8>, FetchFailure> {
    let mut bytes = Vec::new();
    while bytes.len() <= DOCUMENT_BYTES_MAX {
        let Some(frame) = body.frame().await else { return Ok(bytes) };
        let frame =
            frame.map_err(|error| failure(format!("the platform's answer broke off: {}", chain(&error))))?;
        if let Ok(mut data) = frame.into_data() {
            let wanted = data.remaining().min(DOCUMENT_BYTES_MAX + 1 - bytes.len());
            bytes.extend_from_slice(&data.split_to(wanted));
        }
    }
    Ok(bytes)
}

fn refusal(status: StatusCode, response: &Response<Incoming>, customer_id: &CustomerId) -> FetchFailure {
    let retry_after = response
        .headers()
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.parse().ok())
        .map(Duration::from_secs);
    let reason = match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            format!(
                "the platform answered {}: it does not accept this api key for account {customer_id}",
                status.as_u16()
            )
        }
        StatusCode::NOT_FOUND => {
            format!(
                "the platform answered 404: it knows no published integration config of account {customer_id}"
            )
        }
        _ => format!("the platform answered {}", status.as_u16()),
    };
    FetchFailure { reason, retry_after }
}

fn failure(reason: impl Into<String>) -> FetchFailure {
    FetchFailure { reason: reason.into(), retry_after: None }
}

/// An error with its causes, as one line.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let part = error.to_string();
        // Some wrappers already say what is inside them.
        if !text.ends_with(&part) {
            text.push_str(": ");
            text.push_str(&part);
        }
        cause = error.source();
    }
    text
}

/// A text that fits into a header.
fn one_ascii_line(text: &str) -> String {
    const CHARS_MAX: usize = 200;
    text.chars().take(CHARS_MAX).map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' }).collect()
}
