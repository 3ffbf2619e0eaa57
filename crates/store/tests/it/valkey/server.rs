//! Real servers on free ports, in folders of their own, killed when they are dropped.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// What to do when the program is not there.
const MISSING: &str =
    "redis-server is needed by these tests: run `cargo xtask setup`, or `apt-get install redis-server`";
/// How many ports are tried: another process may take one between our look and the server's start.
const PORTS_TRIED: usize = 5;

/// A server that runs, or was killed and can be started again on the same port and folder.
pub(crate) struct Server {
    pub(crate) port: u16,
    folder: TempDir,
    arguments: Vec<String>,
    child: Option<Child>,
}

impl Server {
    /// A server that makes every write durable before it acknowledges.
    pub(crate) fn durable() -> Self {
        Self::start(&["--appendonly", "yes", "--appendfsync", "always"])
    }

    pub(crate) fn start(arguments: &[&str]) -> Self {
        let arguments = arguments.iter().map(|&text| text.to_owned()).collect();
        let folder = tempfile::tempdir().unwrap();
        let mut server = Self { port: 0, folder, arguments, child: None };
        for _ in 0..PORTS_TRIED {
            server.port = free_port();
            if server.try_start_again() {
                return server;
            }
        }
        panic!("no server would start with {:?}", server.arguments);
    }

    /// A sentinel that watches this primary. It writes into its settings file, so it needs one.
    pub(crate) fn sentinel(primary: &Self, name: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("sentinel.conf");
        let port = primary.port;
        let text = format!(
            "sentinel monitor {name} 127.0.0.1 {port} 2\nsentinel down-after-milliseconds {name} 500\n\
             sentinel failover-timeout {name} 2000\n"
        );
        std::fs::write(&file, text).unwrap();
        let arguments = vec!["--sentinel".to_owned()];
        let mut server = Self { port: 0, folder, arguments, child: None };
        for _ in 0..PORTS_TRIED {
            server.port = free_port();
            if server.try_start_again() {
                return server;
            }
        }
        panic!("no sentinel would start");
    }

    /// Starts it again after [`kill`](Self::kill).
    pub(crate) fn start_again(&mut self) {
        assert!(self.try_start_again(), "the server would not start again");
    }

    /// Ends it at once, as a loss of the machine would.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// What `redis-cli` says to these words.
    pub(crate) fn ask(&self, words: &[&str]) -> String {
        cli(&["-p", &self.port.to_string()], words)
    }

    /// Whether it got so far as to accept connections.
    fn try_start_again(&mut self) -> bool {
        let mut command = Command::new("redis-server");
        let settings = self.folder.path().join("sentinel.conf");
        if settings.exists() {
            command.arg(settings);
        }
        command
            .args(["--port", &self.port.to_string(), "--bind", "127.0.0.1", "--dir"])
            .arg(self.folder.path())
            .args(["--loglevel", "notice", "--daemonize", "no"])
            .args(&self.arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        let mut child = match command.spawn() {
            Ok(child) => child,
            Err(error) => panic!("{MISSING} ({error})"),
        };
        let is_up = is_up(&mut child);
        if !is_up {
            let _ = child.kill();
            let _ = child.wait();
            return false;
        }
        self.child = Some(child);
        true
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Three servers that share the slots among them.
pub(crate) fn cluster() -> Vec<Server> {
    let servers: Vec<Server> = (0..3)
        .map(|_| {
            let bus = free_port().to_string();
            Server::start(&[
                "--cluster-enabled",
                "yes",
                "--cluster-port",
                &bus,
                "--cluster-node-timeout",
                "2000",
                "--appendonly",
                "yes",
                "--appendfsync",
                "always",
            ])
        })
        .collect();
    let addresses: Vec<String> = servers.iter().map(|server| format!("127.0.0.1:{}", server.port)).collect();
    let mut words = vec!["--cluster", "create"];
    words.extend(addresses.iter().map(String::as_str));
    words.push("--cluster-yes");
    let said = cli(&[], &words);
    assert!(said.contains("All 16384 slots covered"), "{said}");
    servers
}

fn cli(before: &[&str], words: &[&str]) -> String {
    let output = Command::new("redis-cli").args(before).args(words).output();
    let output = output.unwrap_or_else(|error| panic!("{MISSING} ({error})"));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Reads what the server says until it is up, and lets it talk on.
fn is_up(child: &mut Child) -> bool {
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let is_ready =
        |line: &String| line.contains("Ready to accept connections") || line.contains("Sentinel ID is");
    let found = lines.by_ref().map_while(Result::ok).any(|line| is_ready(&line));
    std::thread::spawn(move || lines.for_each(drop));
    found
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
