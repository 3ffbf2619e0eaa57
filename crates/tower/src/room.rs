//! Puts a connector's questions to waiting rooms while a visitor waits: rarely, for a short time, and not for many
//! visitors at once.

use std::sync::atomic::{AtomicBool, Ordering};

use anteroom_connector::ask::{Answers, Call, Question};
use anteroom_protocol::room_call::ANSWER_BYTES_MAX;
use anteroom_protocol::secret::Secret;
use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderName, HeaderValue, USER_AGENT};
use http::{Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls_pki_types::CertificateDer;
use tokio::sync::Semaphore;

use crate::fetch::https;
use crate::settings::StartError;

/// So many visitors wait for a room at once. While it does not answer, each holds memory and a connection; whoever comes
/// beyond that gets what the settings say for an answer that fails.
const CALLS_MAX: usize = 256;

/// Waiting rooms, seen from a connector.
#[derive(Debug)]
pub(crate) struct Rooms {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    api_key: Secret,
    calls: Semaphore,
    /// Whether the newest question got no answer. A line in the log for each visitor would help nobody.
    is_failing: AtomicBool,
}

impl Rooms {
    pub(crate) fn new(api_key: Secret, authorities: &[CertificateDer<'static>]) -> Result<Self, StartError> {
        let client = Client::builder(TokioExecutor::new()).build(https(authorities)?);
        let calls = Semaphore::new(CALLS_MAX);
        Ok(Self { client, api_key, calls, is_failing: AtomicBool::new(false) })
    }

    /// Puts a question and takes down what is said, or that nothing is.
    pub(crate) async fn ask(&self, question: &Question, answers: &mut Answers) {
        let call = question.call();
        let key = match question {
            Question::Verify(_) => &self.api_key,
            Question::DirectPass(question) => &question.proxy_key,
        };
        let answered = match self.calls.try_acquire() {
            Ok(_permit) => tokio::time::timeout(call.timeout, self.exchange(call, key))
                .await
                .unwrap_or_else(|_| Err("it did not answer in time".to_owned())),
            Err(_) => Err("too many visitors wait for it already".to_owned()),
        };
        match (self.is_failing.swap(answered.is_err(), Ordering::Relaxed), &answered) {
            (false, Err(problem)) => {
                tracing::warn!(%problem, "a waiting room does not say whether visitors may pass");
            }
            (true, Err(problem)) => tracing::debug!(%problem, "a waiting room still does not say"),
            (true, Ok(_)) => tracing::info!("a waiting room says again whether visitors may pass"),
            (false, Ok(_)) => {}
        }
        answers.take(question, answered.ok().as_deref());
    }

    async fn exchange(&self, call: &Call, key: &Secret) -> Result<Bytes, String> {
        let request =
            request(call, key).map_err(|error| format!("the question could not be put: {error}"))?;
        let response = self
            .client
            .request(request)
            .await
            .map_err(|error| format!("it could not be reached: {}", crate::fetch::chain(&error)))?;
        if response.status() != StatusCode::OK {
            return Err(format!("it answered {}", response.status().as_u16()));
        }
        let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
        body.map(|body| body.to_bytes()).map_err(|error| format!("its answer cannot be read: {error}"))
    }
}

fn request(call: &Call, key: &Secret) -> Result<Request<Full<Bytes>>, http::Error> {
    let mut request = Request::new(Full::new(Bytes::from(call.body.clone())));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = Uri::try_from(&call.url)?;
    let mut key = HeaderValue::try_from(key.expose())?;
    key.set_sensitive(true);
    let headers = request.headers_mut();
    headers.insert(HeaderName::from_static(call.key_header), key);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    headers.insert(
        USER_AGENT,
        HeaderValue::from_static(concat!("anteroom-connector/", env!("CARGO_PKG_VERSION"))),
    );
    Ok(request)
}
