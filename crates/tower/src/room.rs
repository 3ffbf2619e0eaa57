//! Puts a connector's questions to waiting rooms while a visitor waits: rarely, for a short time, and not for many
//! visitors at once.

use std::sync::atomic::{AtomicBool, Ordering};

use anteroom_connector::ask::{Answers, Call, DirectPassAnswer, Question, VerifyAnswer};
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

use crate::asked::{AskedCounts, AskedResult, AskedWhat, Tally};
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
    tally: Tally,
}

/// A question that got no answer.
struct Unanswered {
    result: AskedResult,
    problem: String,
}

impl Rooms {
    pub(crate) fn new(api_key: Secret, authorities: &[CertificateDer<'static>]) -> Result<Self, StartError> {
        let client = Client::builder(TokioExecutor::new()).build(https(authorities)?);
        let calls = Semaphore::new(CALLS_MAX);
        Ok(Self { client, api_key, calls, is_failing: AtomicBool::new(false), tally: Tally::default() })
    }

    /// Puts a question and takes down what is said, or that nothing is.
    pub(crate) async fn ask(&self, question: &Question, answers: &mut Answers) {
        let call = question.call();
        let (what, key) = match question {
            Question::Verify(_) => (AskedWhat::Verify, &self.api_key),
            Question::DirectPass(question) => (AskedWhat::DirectPass, &question.proxy_key),
        };
        let answered = match self.calls.try_acquire() {
            Ok(_permit) => tokio::time::timeout(call.timeout, self.exchange(call, key))
                .await
                .unwrap_or_else(|_| Err(unanswered(AskedResult::Late, "it did not answer in time"))),
            Err(_) => Err(unanswered(AskedResult::Crowded, "too many visitors wait for it already")),
        };
        match (self.is_failing.swap(answered.is_err(), Ordering::Relaxed), &answered) {
            (false, Err(Unanswered { problem, .. })) => {
                tracing::warn!(%problem, "a waiting room does not say whether visitors may pass");
            }
            (true, Err(Unanswered { problem, .. })) => {
                tracing::debug!(%problem, "a waiting room still does not say");
            }
            (true, Ok(_)) => tracing::info!("a waiting room says again whether visitors may pass"),
            (false, Ok(_)) => {}
        }
        answers.take(question, answered.as_deref().ok());
        let is_of_no_use = match question {
            Question::Verify(_) => answers.verify == Some(VerifyAnswer::Failed),
            Question::DirectPass(_) => answers.direct_pass == Some(DirectPassAnswer::Failed),
        };
        self.tally.add(
            what,
            match answered {
                Ok(_) if is_of_no_use => AskedResult::Unreadable,
                Ok(_) => AskedResult::Answered,
                Err(Unanswered { result, .. }) => result,
            },
        );
    }

    /// How the questions so far went.
    pub(crate) fn asked(&self) -> AskedCounts {
        self.tally.counts()
    }

    async fn exchange(&self, call: &Call, key: &Secret) -> Result<Bytes, Unanswered> {
        let request = request(call, key).map_err(|error| {
            unanswered(AskedResult::Unreachable, format!("the question could not be put: {error}"))
        })?;
        let response = self.client.request(request).await.map_err(|error| {
            let problem = format!("it could not be reached: {}", crate::fetch::chain(&error));
            unanswered(AskedResult::Unreachable, problem)
        })?;
        if response.status() != StatusCode::OK {
            let problem = format!("it answered {}", response.status().as_u16());
            return Err(unanswered(AskedResult::Refused, problem));
        }
        let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
        body.map(|body| body.to_bytes()).map_err(|error| {
            unanswered(AskedResult::Unreadable, format!("its answer cannot be read: {error}"))
        })
    }
}

fn unanswered(result: AskedResult, problem: impl Into<String>) -> Unanswered {
    Unanswered { result, problem: problem.into() }
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
