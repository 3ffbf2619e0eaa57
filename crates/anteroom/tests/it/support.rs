//! The program in a process of its own, its settings, and a client for what it serves.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

/// What takes longer than this does not come: a first start of an unoptimised build on a busy machine is far below.
const PATIENCE: Duration = Duration::from_secs(60);

/// The running program. Killed when dropped.
pub(crate) struct Program {
    child: Child,
    errors: Receiver<String>,
    output: Receiver<String>,
    seen: Vec<String>,
}

/// How the program ended.
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) output: String,
    pub(crate) errors: String,
}

impl Program {
    /// Starts the program with these arguments.
    pub(crate) fn start<A: AsRef<std::ffi::OsStr>>(arguments: &[A]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_anteroom"))
            .args(arguments)
            .env_remove("ANTEROOM_CONFIG")
            .env_remove("ANTEROOM_LOG")
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (errors, output) = (lines(child.stderr.take().unwrap()), lines(child.stdout.take().unwrap()));
        Self { child, errors, output, seen: Vec::new() }
    }

    /// Starts one of its parts with a settings file.
    pub(crate) fn part(part: &str, settings: &Path) -> Self {
        Self::start(&[part.as_ref(), "--config".as_ref(), settings.as_os_str()])
    }

    /// Waits until it has logged a line with this in it, and returns what follows it on that line.
    pub(crate) fn wait_for(&mut self, told: &str) -> String {
        loop {
            match self.errors.recv_timeout(PATIENCE) {
                Ok(line) => {
                    let found = line.split_once(told).map(|(_, rest)| rest.trim().to_owned());
                    self.seen.push(line);
                    if let Some(rest) = found {
                        return rest;
                    }
                }
                Err(_) => panic!("it never told {told:?}, but:\n{}", self.seen.join("\n")),
            }
        }
    }

    /// The next line of its standard output.
    pub(crate) fn line_of_output(&mut self) -> String {
        self.output.recv_timeout(PATIENCE).unwrap_or_else(|_| {
            self.seen.extend(self.errors.try_iter());
            panic!("it printed nothing, but logged:\n{}", self.seen.join("\n"))
        })
    }

    /// Kills it at once, as a crash would end it.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to stop.
    pub(crate) fn terminate(&self) {
        let told = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(told.success());
    }

    /// Waits until it has ended.
    pub(crate) fn ended(mut self) -> Ended {
        loop {
            match self.errors.recv_timeout(PATIENCE) {
                Ok(line) => self.seen.push(line),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("still running:\n{}", self.seen.join("\n")),
            }
        }
        let status = self.child.wait().unwrap();
        let output = self.output.iter().fold(String::new(), |text, line| text + &line + "\n");
        Ended { status, output, errors: self.seen.join("\n") }
    }
}

/// What is written there, line by line, until it is closed.
fn lines(stream: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    receiver
}

impl Drop for Program {
    fn drop(&mut self) {
        // Those that have ended already are no matter.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Ended {
    /// Fails unless it refused with these words, calmly: exit code 1 and no panic.
    pub(crate) fn assert_refused(&self, words: &[&str]) {
        assert_eq!(self.status.code(), Some(1), "{}", self.errors);
        assert!(!self.errors.contains("panicked"), "{}", self.errors);
        for word in words {
            assert!(self.errors.contains(word), "{word:?} is not in:\n{}", self.errors);
        }
    }
}

/// A folder with a settings file and a data directory.
pub(crate) struct Place {
    folder: tempfile::TempDir,
    more: String,
}

impl Place {
    /// Settings for free ports on this machine, and these lines. A section may be added, but not named again.
    pub(crate) fn new(more: &str) -> Self {
        let place = Self { folder: tempfile::tempdir().unwrap(), more: more.to_owned() };
        place.set(&format!("{ROOM_AND_PLATFORM}{more}"));
        place
    }

    /// Replaces the settings. The data directory is named by this.
    pub(crate) fn set(&self, settings: &str) {
        let text = format!("data_dir = {:?}\n{settings}", self.data_dir());
        std::fs::write(self.settings(), text).unwrap();
    }

    /// From the next start on, both services are at these addresses.
    pub(crate) fn set_addresses(&self, room: &str, platform: &str) {
        let [room, platform] = [room, platform].map(|address| address.trim_start_matches("http://"));
        let settings =
            ROOM_AND_PLATFORM.replacen("127.0.0.1:0", room, 1).replacen("127.0.0.1:0", platform, 1);
        self.set(&format!("{settings}{}", self.more));
    }

    pub(crate) fn settings(&self) -> PathBuf {
        self.folder.path().join("anteroom.toml")
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub(crate) fn credentials(&self) -> Value {
        serde_json::from_slice(&std::fs::read(self.data_dir().join("credentials.json")).unwrap()).unwrap()
    }
}

/// Both services on free ports.
pub(crate) const ROOM_AND_PLATFORM: &str = "\
[account]
customer_id = \"acme\"
allowed_hosts = [\"shop.example\"]
[room]
listen = \"127.0.0.1:0\"
[platform]
listen = \"127.0.0.1:0\"
";

/// What was answered.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {:?}", self.body))
    }
}

/// Speaks HTTP, each time on a connection of its own: the other end may have been killed in between.
#[derive(Clone)]
pub(crate) struct Http(Client<HttpConnector, Full<Bytes>>);

impl Http {
    pub(crate) fn new() -> Self {
        Self(Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build_http())
    }

    /// Asks; an error when no answer came.
    pub(crate) async fn ask(
        &self,
        method: Method,
        url: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Answer, Box<dyn std::error::Error + Send + Sync>> {
        let mut request = Request::builder().method(method).uri(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let body = body.map_or_else(Bytes::new, |value| value.to_string().into());
        let asked = async {
            let response = self.0.request(request.body(Full::new(body))?).await?;
            let (parts, body) = response.into_parts();
            let body = body.collect().await?.to_bytes();
            Ok(Answer { status: parts.status, headers: parts.headers, body })
        };
        tokio::time::timeout(PATIENCE, asked).await.unwrap_or_else(|_| Err("no answer".into()))
    }

    pub(crate) async fn get(&self, url: &str, headers: &[(&str, &str)]) -> Answer {
        self.ask(Method::GET, url, headers, None).await.unwrap()
    }
}

/// A script with the account's API key.
#[derive(Clone)]
pub(crate) struct Operator {
    http: Http,
    account: String,
    authorization: String,
}

impl Operator {
    pub(crate) fn new(platform: &str, credentials: &Value) -> Self {
        Self {
            http: Http::new(),
            account: format!("{platform}/api/v1/accounts/{}", credentials["customerId"].as_str().unwrap()),
            authorization: format!("Bearer {}", credentials["apiKey"].as_str().unwrap()),
        }
    }

    pub(crate) async fn add_room(&self, room: &Value) {
        self.ask(Method::POST, "/rooms", Some(room)).await;
    }

    pub(crate) async fn set_outflow(&self, room: &str, per_minute: u32) {
        let body = serde_json::json!({ "outflowPerMinute": per_minute });
        self.ask(Method::PATCH, &format!("/rooms/{room}"), Some(&body)).await;
    }

    /// Changes a room; none when there was no answer, or one that it is not known whether that was done.
    pub(crate) async fn try_change(&self, room: &str, change: &Value) -> Option<Value> {
        self.try_ask(Method::PATCH, &format!("/rooms/{room}"), Some(change)).await
    }

    /// The same with a command, such as `pause`.
    pub(crate) async fn try_command(&self, room: &str, command: &str, body: &Value) -> Option<Value> {
        self.try_ask(Method::POST, &format!("/rooms/{room}/{command}"), Some(body)).await
    }

    pub(crate) async fn try_look(&self, room: &str) -> Option<Value> {
        self.try_ask(Method::GET, &format!("/rooms/{room}"), None).await
    }

    /// Visitors in line who have not been called yet.
    pub(crate) async fn waiting(&self, room: &str) -> u64 {
        self.ask(Method::GET, &format!("/rooms/{room}"), None).await["waiting"].as_u64().unwrap()
    }

    async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Value {
        let answer = self.answer(method, path, body).await.unwrap();
        assert!(answer.status.is_success(), "{path}: {} {:?}", answer.status, answer.body);
        answer.json()
    }

    async fn try_ask(&self, method: Method, path: &str, body: Option<&Value>) -> Option<Value> {
        let answer = self.answer(method, path, body).await.ok()?;
        let is_answered = answer.status.is_success() || answer.status.is_server_error();
        assert!(is_answered, "{path}: {} {:?}", answer.status, answer.body);
        answer.status.is_success().then(|| answer.json())
    }

    async fn answer(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Answer, Box<dyn std::error::Error + Send + Sync>> {
        let headers = [("authorization", self.authorization.as_str())];
        self.http.ask(method, &format!("{}{path}", self.account), &headers, body).await
    }
}

/// Numbers by chance, the same for the same seed (`splitmix64`).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// One of the numbers below this one.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }
}
