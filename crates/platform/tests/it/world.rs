//! One installation with an account, and the means to ask it.

use std::sync::Arc;

use anteroom_listen::Peer;
use anteroom_platform::first_start::{self, NewInstallation};
use anteroom_platform::{PlatformParts, PlatformService, PlatformServiceSettings};
use anteroom_protocol::forwarded::TrustedProxies;
use anteroom_protocol::id::CustomerId;
use anteroom_store::backend::Backend;
use anteroom_store::documents::Memory;
use anteroom_store::master_key::MasterKey;
use anteroom_store::records::Records;
use anteroom_store::rooms::Rooms;
use axum::body::{Body, to_bytes};
use http::{HeaderMap, Request, StatusCode};
use serde_json::{Value, json};
use tower::ServiceExt;

/// Where visitors reach the waiting room of this installation.
pub(crate) const ROOM_HOST: &str = "room.example";
/// A proxy whose word counts.
pub(crate) const TRUSTED_PROXY: &str = "10.0.0.1";

pub(crate) struct World {
    pub(crate) service: PlatformService,
    pub(crate) records: Records,
    pub(crate) rooms: Rooms,
    pub(crate) new: NewInstallation,
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl World {
    /// With the account `acme`, which has no room yet.
    pub(crate) async fn start() -> Self {
        let backend: Arc<dyn Backend> = Arc::new(Memory::new());
        let records = Records::new(Arc::clone(&backend), MasterKey::from_bytes(&[7; 32]));
        let rooms = Rooms::new(backend);
        let new = installation("acme");
        first_start::set_up(&records, &new).await.unwrap();
        let settings = PlatformServiceSettings {
            room_host: ROOM_HOST.to_owned(),
            trusted_proxies: TrustedProxies::parse(&[TRUSTED_PROXY]).unwrap(),
            ..PlatformServiceSettings::default()
        };
        let parts = PlatformParts { records: records.clone(), rooms: rooms.clone(), settings };
        Self { service: PlatformService::new(parts), records, rooms, new }
    }

    /// A second account on the same installation; its API key is in what is returned.
    pub(crate) async fn add_account(&self, customer: &str) -> NewInstallation {
        let new =
            NewInstallation { operator_name: format!("operator of {customer}"), ..installation(customer) };
        first_start::set_up(&self.records, &new).await.unwrap();
        new
    }

    pub(crate) fn customer(&self) -> &CustomerId {
        &self.new.customer
    }

    /// Sends a request as it is.
    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        self.send_from("192.0.2.7", request).await
    }

    /// Sends a request from an address.
    pub(crate) async fn send_from(&self, address: &str, mut request: Request<Body>) -> Answer {
        let address = format!("{address}:5000").parse().unwrap();
        request.extensions_mut().insert(Peer { address, is_tls: false });
        let (parts, body) = self.service.router().oneshot(request).await.unwrap().into_parts();
        let bytes = to_bytes(body, usize::MAX).await.unwrap();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        Answer { status: parts.status, headers: parts.headers, text }
    }

    /// Asks as a script with the account's API key; `path` is below the account.
    pub(crate) async fn ask(&self, method: &str, path: &str, body: Option<Value>) -> Answer {
        self.ask_with(method, path, &[], body).await
    }

    /// The same, with further headers.
    pub(crate) async fn ask_with(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Value>,
    ) -> Answer {
        let key = format!("Bearer {}", self.new.api_key.expose());
        let address = format!("/api/v1/accounts/{}{path}", self.customer());
        let mut all = vec![("authorization", key.as_str())];
        all.extend(headers);
        self.send(request(method, &address, &all, body)).await
    }

    /// Asks as a connector with the account's API key.
    pub(crate) async fn connect(&self, query: &str, headers: &[(&str, &str)]) -> Answer {
        let mut all = vec![("api-key", self.new.api_key.expose())];
        all.extend(headers);
        let address = format!("/api/v1/connectors/{}/config{query}", self.customer());
        self.send(request("GET", &address, &all, None)).await
    }

    /// Signs in as the operator and gives back the cookie.
    pub(crate) async fn sign_in(&self) -> String {
        let answer = self.sign_in_with(self.new.operator_password.expose(), &[]).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        let cookie = answer.header("set-cookie");
        cookie.split(';').next().unwrap().to_owned()
    }

    pub(crate) async fn sign_in_with(&self, password: &str, headers: &[(&str, &str)]) -> Answer {
        let body = json!({ "name": "operator", "password": password });
        let mut all = vec![("x-anteroom-console", "1")];
        all.extend(headers);
        self.send(request("POST", "/api/v1/session", &all, Some(body))).await
    }

    /// Adds a room to the account's record, without a line.
    pub(crate) async fn add_room_record(&self, room: &str) {
        use anteroom_store::records::{AuditEntry, Change, RoomRecord};
        let mut account = self.records.account(self.customer()).await.unwrap().unwrap();
        account.value.rooms.push(RoomRecord {
            room: room.parse().unwrap(),
            display_name: room.to_owned(),
            default_target: "https://shop.example/".to_owned(),
            schedule: None,
        });
        let change = Change::Account { expected: account.version, account: account.value };
        let audit = AuditEntry { at: self.records.now(), who: "test".into(), what: "added".into() };
        self.records.commit(self.customer(), change, audit).await.unwrap();
    }

    /// Saves a draft with these integrations, whatever was there, and publishes it.
    pub(crate) async fn publish(&self, integrations: Value) -> Answer {
        let body = json!({ "description": "a test", "integrations": integrations });
        let saved = self.ask_with("PUT", "/draft", &[("if-match", "*")], Some(body)).await;
        assert_eq!(saved.status, StatusCode::OK, "{}", saved.text);
        self.ask("POST", "/publish", None).await
    }
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    /// A header that must be there.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("no {name} in {self:?}")).to_str().unwrap()
    }

    /// The answer is a problem document with this status; gives back the paths of the faulty fields.
    #[track_caller]
    pub(crate) fn refused(&self, status: u16) -> Vec<String> {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        assert_eq!(self.header("content-type"), "application/problem+json");
        let document = self.json();
        assert_eq!(document["status"], status);
        assert!(document["title"].as_str().is_some_and(|title| !title.is_empty()), "{document}");
        assert!(document["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{document}");
        let problems = document["problems"].as_array().cloned().unwrap_or_default();
        problems.iter().map(|problem| problem["path"].as_str().unwrap().to_owned()).collect()
    }

    /// The answer is JSON with this status.
    #[track_caller]
    pub(crate) fn answered(&self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        assert_eq!(self.header("content-type"), "application/json");
        assert_eq!(self.header("cache-control"), "no-store");
        self.json()
    }
}

/// A request; with a body it is JSON.
pub(crate) fn request(
    method: &str,
    address: &str,
    headers: &[(&str, &str)],
    body: Option<Value>,
) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(address);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    match body {
        Some(body) => {
            request.header("content-type", "application/json").body(body.to_string().into()).unwrap()
        }
        None => request.body(Body::empty()).unwrap(),
    }
}

/// An action that can be published once the room `spring` is there.
pub(crate) fn queue_action() -> Value {
    json!({
        "Name": "tickets", "ActionType": "Queue", "EventId": "spring", "QueueDomain": ROOM_HOST,
        "CookieValidityMinute": 20, "ExtendCookieValidity": true, "RedirectLogic": "AllowTParameter",
        "Triggers": [{"LogicalOperator": "And", "TriggerParts": [{
            "ValidatorType": "UrlValidator", "UrlPart": "PagePath", "Operator": "Contains",
            "ValueToCompare": "/tickets", "IsNegative": false, "IsIgnoreCase": true,
        }]}],
    })
}

fn installation(customer: &str) -> NewInstallation {
    let hosts = vec!["shop.example".to_owned()];
    NewInstallation::generate(customer.parse().unwrap(), format!("The {customer}"), hosts).unwrap()
}
