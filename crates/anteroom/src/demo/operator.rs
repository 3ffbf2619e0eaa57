//! The demo's own operator: speaks the platform's REST interface with the account's API key, as a script of
//! anybody's could. The demo has no other way in.

use std::time::Duration;

use anteroom_protocol::id::CustomerId;
use anteroom_protocol::secret::Secret;
use bytes::Bytes;
use http::{HeaderValue, Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::failure::Failure;

/// No answer that the demo asks for is near this long.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;
/// The platform is in the same process: what takes longer than this does not come.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// What the platform did not do.
#[derive(Debug, thiserror::Error)]
pub(super) enum OperatorError {
    #[error("the platform did not answer {method} {path}")]
    NoAnswer { method: Method, path: String, source: Failure },
    #[error("the platform answered {method} {path} with {status}: {answer}")]
    Refused { method: Method, path: String, status: StatusCode, answer: String },
    #[error("the platform's answer to {method} {path} is not what was expected")]
    Unreadable { method: Method, path: String, source: serde_json::Error },
    #[error("there is no room {room} any more")]
    NoRoom { room: &'static str },
}

/// How a room stands, as far as the demo shows it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RoomNow {
    pub(super) waiting_room_id: String,
    pub(super) display_name: String,
    pub(super) default_target: String,
    pub(super) state: String,
    pub(super) pause_message: Option<String>,
    pub(super) waiting: u64,
    pub(super) admitted_last_minute: u64,
    pub(super) outflow_per_minute: u32,
    pub(super) expected_wait_seconds: Option<u64>,
}

/// Which version the connectors run.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ConnectorsNow {
    pub(super) head_version: Option<u64>,
    pub(super) connectors: Vec<ConnectorNow>,
}

/// One connector, as it reported last.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ConnectorNow {
    pub(super) running_version: Option<u64>,
    pub(super) state: String,
}

impl ConnectorsNow {
    /// The version in force, once some connector that is alive runs the newest.
    pub(super) fn in_force(&self) -> Option<u64> {
        let head = self.head_version?;
        let runs = |one: &ConnectorNow| one.state != "silent" && one.running_version == Some(head);
        self.connectors.iter().any(runs).then_some(head)
    }
}

/// The protection scope as it is being edited.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct DraftNow {
    pub(super) integrations: Vec<Value>,
    #[serde(skip)]
    etag: Option<HeaderValue>,
}

/// A script with the API key of one account.
pub(super) struct Operator {
    http: Client<HttpConnector, Full<Bytes>>,
    account: String,
    api_key: Secret,
}

impl Operator {
    /// For the platform at `platform`, such as `http://127.0.0.1:8603`.
    pub(super) fn new(platform: &str, customer: &CustomerId, api_key: Secret) -> Self {
        let http = Client::builder(TokioExecutor::new()).build_http();
        Self { http, account: format!("{platform}/api/v1/accounts/{customer}"), api_key }
    }

    /// All waiting rooms.
    pub(super) async fn rooms(&self) -> Result<Vec<RoomNow>, OperatorError> {
        #[derive(Deserialize)]
        struct Rooms {
            rooms: Vec<RoomNow>,
        }
        Ok(self.ask::<Rooms>(Method::GET, "/rooms", None, None).await?.0.rooms)
    }

    /// Adds a waiting room.
    pub(super) async fn add_room(&self, room: Value) -> Result<(), OperatorError> {
        self.ask::<Value>(Method::POST, "/rooms", Some(room), None).await.map(drop)
    }

    /// Sends visitors who come without a target of their own somewhere else.
    pub(super) async fn set_default_target(&self, room: &str, target: &str) -> Result<(), OperatorError> {
        let body = json!({ "defaultTarget": target });
        self.ask::<Value>(Method::PATCH, &format!("/rooms/{room}"), Some(body), None).await.map(drop)
    }

    /// The connectors and what they run.
    pub(super) async fn connectors(&self) -> Result<ConnectorsNow, OperatorError> {
        Ok(self.ask(Method::GET, "/connectors", None, None).await?.0)
    }

    /// The draft.
    pub(super) async fn draft(&self) -> Result<DraftNow, OperatorError> {
        let (draft, etag) = self.ask::<DraftNow>(Method::GET, "/draft", None, None).await?;
        Ok(DraftNow { etag, ..draft })
    }

    /// Replaces the draft that was read and publishes it.
    pub(super) async fn publish(&self, draft: &DraftNow, description: &str) -> Result<(), OperatorError> {
        let body = json!({ "description": description, "integrations": draft.integrations });
        self.ask::<Value>(Method::PUT, "/draft", Some(body), draft.etag.clone()).await?;
        let body = json!({ "description": description });
        self.ask::<Value>(Method::POST, "/publish", Some(body), None).await.map(drop)
    }

    async fn ask<T: for<'a> Deserialize<'a>>(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
        if_match: Option<HeaderValue>,
    ) -> Result<(T, Option<HeaderValue>), OperatorError> {
        let answered = tokio::time::timeout(ANSWER_WITHIN, self.send(&method, path, body, if_match)).await;
        let answered = answered.unwrap_or_else(|_| Err("it took too long".into()));
        let no_answer =
            |source| OperatorError::NoAnswer { method: method.clone(), path: path.to_owned(), source };
        let (status, etag, bytes) = answered.map_err(no_answer)?;
        if !status.is_success() {
            let answer = String::from_utf8_lossy(&bytes).into_owned();
            return Err(OperatorError::Refused { method, path: path.to_owned(), status, answer });
        }
        // Some answers have no body; they are asked for as any value.
        let text: &[u8] = if bytes.is_empty() { b"null" } else { &bytes };
        match serde_json::from_slice(text) {
            Ok(answer) => Ok((answer, etag)),
            Err(source) => Err(OperatorError::Unreadable { method, path: path.to_owned(), source }),
        }
    }

    async fn send(
        &self,
        method: &Method,
        path: &str,
        body: Option<Value>,
        if_match: Option<HeaderValue>,
    ) -> Result<(StatusCode, Option<HeaderValue>, Bytes), Failure> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.account))
            .header(header::AUTHORIZATION, format!("Bearer {}", self.api_key.expose()));
        if let Some(etag) = if_match {
            request = request.header(header::IF_MATCH, etag);
        }
        if body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let bytes = body.map_or_else(Bytes::new, |value| value.to_string().into());
        let response = self.http.request(request.body(Full::new(bytes))?).await?;
        let (parts, body) = response.into_parts();
        let etag = parts.headers.get(header::ETAG).cloned();
        let bytes = Limited::new(body, ANSWER_BYTES_MAX).collect().await?.to_bytes();
        Ok((parts.status, etag, bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_in_force_when_a_living_connector_runs_it() {
        let now = |state: &str, running: Option<u64>| ConnectorsNow {
            head_version: Some(3),
            connectors: vec![ConnectorNow { running_version: running, state: state.to_owned() }],
        };
        assert_eq!(now("current", Some(3)).in_force(), Some(3));
        assert_eq!(now("behind", Some(2)).in_force(), None);
        assert_eq!(now("behind", None).in_force(), None);
        assert_eq!(now("silent", Some(3)).in_force(), None, "it may be one of an earlier run");
        assert_eq!(ConnectorsNow { head_version: None, connectors: Vec::new() }.in_force(), None);
    }
}
