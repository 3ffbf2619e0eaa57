//! A world for one test: a room over a store in memory that fails when told to, and browsers that come to it.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anteroom_listen::Peer;
use anteroom_protocol::encode::enc;
use anteroom_protocol::forwarded::TrustedProxies;
use anteroom_protocol::id::{CustomerId, QueueId, RoomId};
use anteroom_protocol::mac::{Key as MacKey, sha256};
use anteroom_protocol::queue_token::QueueToken;
use anteroom_protocol::redirect::{find_token, strip_token};
use anteroom_protocol::secret::Secret;
use anteroom_protocol::ticket::Ticket;
use anteroom_protocol::time::Timestamp;
use anteroom_queue::{Command, Outcome, Settings};
use anteroom_room::{RoomService, RoomServiceParts, RoomServiceSettings};
use anteroom_store::backend::{Backend, BackendError, BoxFuture, Key, Loaded, Saved, Write};
use anteroom_store::directory::Directory;
use anteroom_store::documents::Memory;
use anteroom_store::master_key::MasterKey;
use anteroom_store::records::{Account, ApiKey, AuditEntry, Change, Records, RoomRecord};
use anteroom_store::rooms::Rooms;
use anteroom_store::uses::Uses;
use axum::body::Body;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::Instant;
use tower::ServiceExt as _;

pub(crate) const CUSTOMER: &str = "acme";
pub(crate) const ROOM: &str = "spring24";
pub(crate) const OTHER_ROOM: &str = "autumn24";
/// The room's own target.
pub(crate) const HOME: &str = "https://shop.example/start";
/// What most visitors want to see.
pub(crate) const SEATS: &str = "https://shop.example/seats?row=1&seat=2";
pub(crate) const PROXY: &str = "10.0.0.1:4000";
pub(crate) const API_KEY: &str = "a key of the account's connectors";
pub(crate) const SECRET_KEY: &str = "correct-horse-battery-staple";
/// One a second; two may go straight through.
pub(crate) const OUTFLOW_PER_MINUTE: u32 = 60;
pub(crate) const STRAIGHT_THROUGH: usize = 2;

pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) rooms: Rooms,
    records: Records,
    service: RoomService,
}

impl World {
    /// Two rooms of one account, each with its line.
    pub(crate) async fn new() -> Self {
        let world = Self::without_lines().await;
        for room in [ROOM, OTHER_ROOM] {
            world.command(room, Command::Configure(Settings::with_outflow(OUTFLOW_PER_MINUTE))).await;
        }
        world
    }

    /// Rooms that nobody has configured yet.
    pub(crate) async fn without_lines() -> Self {
        let store = Store::new();
        let records = Records::new(Arc::new(store.clone()), MasterKey::from_bytes(&[1; 32]));
        let record = |room: &str| RoomRecord {
            room: room.parse().unwrap(),
            display_name: "Spring <sale>".to_owned(),
            default_target: HOME.to_owned(),
            schedule: None,
        };
        let account = Account {
            customer: CUSTOMER.parse().unwrap(),
            display_name: "Acme".to_owned(),
            allowed_hosts: vec!["shop.example".to_owned()],
            secret_key: Secret::new(SECRET_KEY.to_owned()),
            api_keys: vec![ApiKey { label: "gateway".to_owned(), hash: sha256(&[API_KEY.as_bytes()]) }],
            rooms: vec![record(ROOM), record(OTHER_ROOM)],
        };
        records.create_account(&account, audit()).await.unwrap();
        Self::over(store, records).await
    }

    /// Another process on the same store.
    pub(crate) async fn restarted(&self) -> Self {
        Self::over(self.store.clone(), self.records.clone()).await
    }

    async fn over(store: Store, records: Records) -> Self {
        let directory = Directory::start(records.clone()).await.unwrap();
        let rooms = Rooms::new(Arc::new(store.clone()));
        let settings = RoomServiceSettings {
            trusted_proxies: TrustedProxies::parse(&["10.0.0.0/8"]).unwrap(),
            ..RoomServiceSettings::default()
        };
        let service = RoomService::new(RoomServiceParts {
            rooms: rooms.clone(),
            directory,
            uses: Uses::new(Arc::new(store.clone())),
            settings,
        });
        Self { store, rooms, records, service }
    }

    pub(crate) async fn command(&self, room: &str, command: Command) {
        let outcome = self.rooms.submit(&CUSTOMER.parse().unwrap(), &room.parse().unwrap(), command).await;
        assert_eq!(outcome.unwrap(), Outcome::Done);
    }

    /// Changes the account, and lets the directory see it.
    pub(crate) async fn edit_account(&self, edit: impl FnOnce(&mut Account)) {
        let customer: CustomerId = CUSTOMER.parse().unwrap();
        let mut kept = self.records.account(&customer).await.unwrap().unwrap();
        edit(&mut kept.value);
        let change = Change::Account { expected: kept.version, account: kept.value };
        self.records.commit(&customer, change, audit()).await.unwrap();
        self.pass(Duration::from_secs(2)).await;
    }

    /// Lets time pass, for the room as for everything else.
    pub(crate) async fn pass(&self, span: Duration) {
        tokio::time::sleep(span).await;
    }

    /// Puts so many visitors in front of whoever comes next; as many more go straight through.
    pub(crate) async fn fill_line(&self, count: usize) -> Vec<Browser> {
        let mut waiting = Vec::new();
        for index in 0..STRAIGHT_THROUGH + count {
            let mut browser = Browser::default();
            let answer = browser.get(self, &enqueue(SEATS)).await;
            let expected = if index < STRAIGHT_THROUGH { StatusCode::FOUND } else { StatusCode::OK };
            assert_eq!(answer.status, expected, "visitor {index}: {}", answer.body);
            if answer.status == StatusCode::OK {
                waiting.push(browser);
            }
        }
        waiting
    }
}

fn audit() -> AuditEntry {
    AuditEntry { at: Timestamp::from_seconds(1), who: "ada".to_owned(), what: "a change".to_owned() }
}

pub(crate) fn key() -> MacKey {
    MacKey::new(SECRET_KEY.as_bytes())
}

/// The enqueue address of the room, as a connector writes it.
pub(crate) fn enqueue(target: &str) -> String {
    format!("/?c={CUSTOMER}&e={ROOM}&ver=rust-0.1.0&cver=3&man=tickets&t={}", enc(target))
}

pub(crate) fn ticket_url(room: &str) -> String {
    format!("/api/v1/rooms/{room}/ticket?c={CUSTOMER}")
}

/// Somebody's browser: keeps cookies as browsers do, as far as it matters here.
#[derive(Clone, Default)]
pub(crate) struct Browser {
    /// Name, value, and whether it is sent over TLS only.
    pub(crate) cookies: BTreeMap<String, (String, bool)>,
    pub(crate) is_tls: bool,
    pub(crate) refuses_cookies: bool,
    /// Address of the proxy in between, and what it forwards as scheme.
    pub(crate) proxy: Option<(&'static str, &'static str)>,
}

impl Browser {
    pub(crate) async fn get(&mut self, world: &World, url: &str) -> Answer {
        self.ask(world, Method::GET, url).await
    }

    pub(crate) async fn ask(&mut self, world: &World, method: Method, url: &str) -> Answer {
        let address = self.proxy.map_or("203.0.113.9:5000", |(address, _)| address);
        let mut request = Request::builder().method(method).uri(url);
        let cookies: Vec<String> = self
            .cookies
            .iter()
            .filter(|(_, (_, is_secure))| self.is_tls || !is_secure)
            .map(|(name, (value, _))| format!("{name}={value}"))
            .collect();
        if !cookies.is_empty() {
            request = request.header("cookie", cookies.join("; "));
        }
        if let Some((_, scheme)) = self.proxy {
            request = request.header("x-forwarded-proto", scheme);
        }
        let mut request = request.body(Body::empty()).unwrap();
        let is_tls = self.is_tls && self.proxy.is_none();
        request.extensions_mut().insert(Peer { address: address.parse().unwrap(), is_tls });
        let answer = send(world, request).await;
        if !self.refuses_cookies {
            answer.set_cookies().for_each(|cookie| self.keep(cookie));
        }
        answer
    }

    pub(crate) async fn ticket_json(&mut self, world: &World) -> Value {
        let answer = self.get(world, &ticket_url(ROOM)).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        answer.json()
    }

    /// The ticket in the browser's cookie, opened.
    pub(crate) fn ticket(&self) -> Option<Ticket> {
        let customer: CustomerId = CUSTOMER.parse().unwrap();
        let room: RoomId = ROOM.parse().unwrap();
        let name = Ticket::cookie_name(&customer, &room);
        let (value, _) = self.cookies.get(&format!("__Host-{name}")).or_else(|| self.cookies.get(&name))?;
        Some(Ticket::open(value, &key()).unwrap())
    }

    pub(crate) fn hold(&mut self, ticket: &Ticket) {
        let name = Ticket::cookie_name(&ticket.customer, &ticket.room);
        self.cookies.insert(name, (ticket.seal(&key()), false));
    }

    fn keep(&mut self, cookie: &str) {
        let mut parts = cookie.split(';').map(str::trim);
        let (name, value) = parts.next().unwrap().split_once('=').unwrap();
        let attributes: Vec<&str> = parts.collect();
        let is_secure = attributes.contains(&"Secure");
        assert!(is_secure || !name.starts_with("__Host-"), "a browser would refuse {cookie}");
        // A browser leaves secure cookies alone when a page in the clear wants to replace them.
        if !self.is_tls && self.cookies.get(name).is_some_and(|(_, is_secure)| *is_secure) {
            return;
        }
        if attributes.contains(&"Max-Age=0") {
            self.cookies.remove(name);
        } else {
            self.cookies.insert(name.to_owned(), (value.to_owned(), is_secure));
        }
    }
}

/// Sends a request as it is.
pub(crate) async fn send(world: &World, request: Request<Body>) -> Answer {
    read(world.service.clone().oneshot(request).await.unwrap()).await
}

/// Asks the routes alone, without what stands in front of them.
pub(crate) async fn send_to_routes(world: &World, request: Request<Body>) -> Answer {
    read(world.service.router().oneshot(request).await.unwrap()).await
}

async fn read<B: http_body::Body<Error: Debug>>(response: Response<B>) -> Answer {
    let (parts, body) = response.into_parts();
    let body = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
    Answer { status: parts.status, headers: parts.headers, body }
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn location(&self) -> &str {
        assert_eq!(self.status, StatusCode::FOUND, "{}", self.body);
        self.header("location")
    }

    pub(crate) fn set_cookies(&self) -> impl Iterator<Item = &str> {
        self.headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// The text between two others, with the template engine's escapes undone.
    pub(crate) fn between(&self, before: &str, after: &str) -> String {
        let (_, rest) =
            self.body.split_once(before).unwrap_or_else(|| panic!("no {before} in {}", self.body));
        let text = rest.split(after).next().unwrap();
        text.replace("&#x2f;", "/")
            .replace("&quot;", "\"")
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&amp;", "&")
    }

    pub(crate) fn state(&self) -> String {
        self.between("data-state=\"", "\"")
    }

    /// Where the only button of the page leads.
    pub(crate) fn button(&self) -> String {
        self.between("class=\"button\" href=\"", "\"")
    }

    /// Where a browser without script goes by itself.
    pub(crate) fn refresh_url(&self) -> String {
        self.between(";url=", "\"")
    }
}

/// An address with a queue token that the site would take.
pub(crate) struct Admitted {
    pub(crate) target: String,
    pub(crate) token: String,
    pub(crate) queue_id: QueueId,
}

/// Checks that the address is a way in, as the site's connector would.
pub(crate) fn admitted(world: &World, location: &str) -> Admitted {
    let token = find_token(location).unwrap_or_else(|| panic!("{location} has no token")).into_owned();
    let opened = QueueToken::open(&token, &key(), world.store.now(), &[ROOM], None).unwrap();
    assert_eq!(opened.redirect_type, "queue");
    assert_eq!((opened.hashed_ip, opened.cookie_validity_minutes), (None, None));
    let queue_id = opened.queue_id.unwrap().parse().unwrap();
    Admitted { target: strip_token(location).into_owned(), token, queue_id }
}

/// Documents in memory on a clock that moves with the runtime's, and that fail when told to.
#[derive(Clone)]
pub(crate) struct Store {
    memory: Memory,
    started_at: Instant,
    is_down: Arc<AtomicBool>,
}

const STARTED_AT: Timestamp = Timestamp::from_seconds(1_700_000_000);

impl Store {
    fn new() -> Self {
        Self {
            memory: Memory::at(STARTED_AT),
            started_at: Instant::now(),
            is_down: Arc::new(AtomicBool::new(false)),
        }
    }

    pub(crate) fn set_down(&self, is_down: bool) {
        self.is_down.store(is_down, Ordering::SeqCst);
    }

    /// Everything that is kept, to go back to.
    pub(crate) fn memory(&self) -> &Memory {
        &self.memory
    }

    fn check(&self) -> Result<(), BackendError> {
        self.now();
        if self.is_down.load(Ordering::SeqCst) {
            return Err(BackendError::Behind { place: "the test's store".to_owned(), waiting: 1 });
        }
        Ok(())
    }
}

impl Backend for Store {
    fn load(&self, keys: Vec<Key>) -> BoxFuture<'_, Result<Loaded, BackendError>> {
        Box::pin(async move {
            self.check()?;
            self.memory.load(keys).await
        })
    }

    fn save(&self, writes: Vec<Write>) -> BoxFuture<'_, Result<Saved, BackendError>> {
        Box::pin(async move {
            self.check()?;
            self.memory.save(writes).await
        })
    }

    fn watch(&self, segment: &str) -> watch::Receiver<u64> {
        self.memory.watch(segment)
    }

    fn now(&self) -> Timestamp {
        self.memory.set_now(STARTED_AT.saturating_add(self.started_at.elapsed()));
        self.memory.now()
    }
}
