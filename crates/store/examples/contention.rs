//! Measures several processes that share one room on one Valkey or Redis server: joins and claims, as `docs/performance.md`
//! shows them. Starts a server of its own (`redis-server`, every write synced) and itself once for each process.
//!
//! ```text
//! cargo run --release -p anteroom-store --features valkey --example contention -- [joins per second] [seconds] [processes]...
//! ```
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a measurement in a terminal: what fails ends it"
)]

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anteroom_protocol::id::{CustomerId, QueueId, RoomId};
use anteroom_protocol::place::Lane;
use anteroom_protocol::time::Timestamp;
use anteroom_queue::settings::OUTFLOW_PER_MINUTE_MAX;
use anteroom_queue::snapshot::Standing;
use anteroom_queue::{Command as RoomCommand, Outcome, Settings};
use anteroom_store::backend::{Backend, BackendError, BoxFuture, Key, Loaded, Saved, Write};
use anteroom_store::rooms::{RoomHandle, Rooms};
use anteroom_store::valkey::{Addresses, Options, Valkey, connect};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval};

/// How often arrivals are made: those of so long come together.
const ARRIVALS_EVERY: Duration = Duration::from_millis(1);

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == "process") {
        return tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
            .block_on(process(&arguments[1..]));
    }
    let number = |at: usize, default: usize| arguments.get(at).map_or(default, |text| text.parse().unwrap());
    let (joins, seconds) = (number(0, 2_000), number(1, 10));
    let mut counts: Vec<usize> = arguments.iter().skip(2).map(|text| text.parse().unwrap()).collect();
    if counts.is_empty() {
        counts = vec![1, 2, 4, 8];
    }
    println!(
        "| processes | joins/s | attempts per save | saves/s | join p50 | join p99 | worst | claim p50 | claim p99 | refused |"
    );
    println!("| --: | --: | --: | --: | --: | --: | --: | --: | --: | --: |");
    for count in counts {
        measure(count, joins, seconds);
    }
}

fn measure(count: usize, joins: usize, seconds: usize) {
    let server = Server::start();
    let start = |n: usize| {
        let arguments = [server.url.clone(), n.to_string(), (joins / count).to_string(), seconds.to_string()];
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.arg("process").args(arguments).stdout(Stdio::piped()).spawn().unwrap()
    };
    let processes: Vec<Child> = (0..count).map(start).collect();
    let (mut join_us, mut claim_us) = (Vec::new(), Vec::new());
    let (mut attempts, mut saves, mut refused) = (0, 0, 0);
    for process in processes {
        let output = process.wait_with_output().unwrap();
        assert!(output.status.success());
        for line in String::from_utf8(output.stdout).unwrap().lines() {
            let (what, rest) = line.split_once(' ').unwrap();
            let figures = rest.split(',').filter_map(|text| text.parse::<u64>().ok());
            match what {
                "join" => join_us.extend(figures),
                "claim" => claim_us.extend(figures),
                "attempts" => attempts += figures.sum::<u64>(),
                "saves" => saves += figures.sum::<u64>(),
                "refused" => refused += figures.sum::<u64>(),
                _ => panic!("{line}"),
            }
        }
    }
    join_us.sort_unstable();
    claim_us.sort_unstable();
    let part = |sorted: &[u64], share: usize| {
        let at = (sorted.len() * share / 1_000).min(sorted.len().saturating_sub(1));
        sorted.get(at).map_or_else(|| "-".to_owned(), |us| format!("{}.{} ms", us / 1_000, us % 1_000 / 100))
    };
    let per_hundred = attempts * 100 / saves.max(1);
    println!(
        "| {count} | {} | {}.{:02} | {} | {} | {} | {} | {} | {} | {refused} |",
        join_us.len() / seconds,
        per_hundred / 100,
        per_hundred % 100,
        saves / u64::try_from(seconds).unwrap(),
        part(&join_us, 500),
        part(&join_us, 990),
        part(&join_us, 1_000),
        part(&claim_us, 500),
        part(&claim_us, 990),
    );
}

/// One process: joins at its rate, and each visitor claims when it is their turn.
async fn process(arguments: &[String]) {
    let [url, number, rate, seconds] = arguments else { panic!("{arguments:?}") };
    let (number, rate): (u64, u64) = (number.parse().unwrap(), rate.parse().unwrap());
    let addresses = Addresses { url: url.clone(), ..Addresses::default() };
    let store = connect(&addresses.servers().unwrap(), Options::default()).await.unwrap();
    let counting = Counting { store, counts: Arc::default() };
    let counts = counting.counts.clone();
    let rooms = Rooms::new(Arc::new(counting));
    let (customer, room): (CustomerId, RoomId) = ("demo".parse().unwrap(), "sale".parse().unwrap());
    let settings = Settings::with_outflow(OUTFLOW_PER_MINUTE_MAX);
    rooms.submit(&customer, &room, RoomCommand::Configure(settings)).await.unwrap();
    let handle = rooms.open(&customer, &room).await.unwrap();
    counts.attempts.store(0, Ordering::SeqCst);
    counts.saves.store(0, Ordering::SeqCst);

    let (sender, mut measured) = unbounded_channel();
    let ends_at = Instant::now() + Duration::from_secs(seconds.parse().unwrap());
    let begun = Instant::now();
    let mut ticks = interval(ARRIVALS_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut arrived = 0_u64;
    while Instant::now() < ends_at {
        ticks.tick().await;
        let due = u64::try_from(begun.elapsed().as_millis()).unwrap() * rate / 1_000;
        while arrived < due {
            arrived += 1;
            let mut id = [0; 16];
            id[..8].copy_from_slice(&number.to_be_bytes());
            id[8..].copy_from_slice(&arrived.to_be_bytes());
            tokio::spawn(visit(handle.clone(), QueueId::from_random(id), sender.clone()));
        }
    }
    drop(sender);
    let (mut joins, mut claims, mut refused) = (Vec::new(), Vec::new(), 0);
    while let Some(one) = measured.recv().await {
        match one {
            Measured::Joined(us) => joins.push(us.to_string()),
            Measured::Claimed(us) => claims.push(us.to_string()),
            Measured::Refused => refused += 1,
        }
    }
    println!("join {}\nclaim {}\nrefused {refused}", joins.join(","), claims.join(","));
    let figure = |count: &AtomicUsize| count.load(Ordering::SeqCst);
    println!("attempts {}\nsaves {}", figure(&counts.attempts), figure(&counts.saves));
}

enum Measured {
    Joined(u128),
    Claimed(u128),
    Refused,
}

async fn visit(room: RoomHandle, queue_id: QueueId, told: UnboundedSender<Measured>) {
    let begun = Instant::now();
    let arrive = RoomCommand::Arrive { queue_id, lane: Lane::ORDINARY, key: None };
    let Ok(Outcome::Placed { place, epoch, .. }) = room.submit(arrive).await else {
        let _ = told.send(Measured::Refused);
        return;
    };
    let _ = told.send(Measured::Joined(begun.elapsed().as_micros()));
    while room.snapshot().standing(place, epoch, room.now()) != Standing::Admissible {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let begun = Instant::now();
    let claim = RoomCommand::Claim { queue_id, place, epoch };
    let outcome = room.submit(claim).await;
    let _ = told.send(match outcome {
        Ok(Outcome::Admitted { .. }) => Measured::Claimed(begun.elapsed().as_micros()),
        _ => Measured::Refused,
    });
}

/// Counts what is offered to the store, and what it takes.
struct Counting {
    store: Valkey,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    attempts: AtomicUsize,
    saves: AtomicUsize,
}

impl Backend for Counting {
    fn load(&self, keys: Vec<Key>) -> BoxFuture<'_, Result<Loaded, BackendError>> {
        self.store.load(keys)
    }

    fn save(&self, writes: Vec<Write>) -> BoxFuture<'_, Result<Saved, BackendError>> {
        Box::pin(async move {
            let saved = self.store.save(writes).await;
            self.counts.attempts.fetch_add(1, Ordering::SeqCst);
            if let Ok(Saved::Done { .. }) = saved {
                self.counts.saves.fetch_add(1, Ordering::SeqCst);
            }
            saved
        })
    }

    fn watch(&self, segment: &str) -> watch::Receiver<u64> {
        self.store.watch(segment)
    }

    fn now(&self) -> Timestamp {
        self.store.now()
    }
}

/// A server of its own, killed at the end.
struct Server {
    url: String,
    child: Child,
    _folder: tempfile::TempDir,
}

impl Server {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut child = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--appendonly", "yes"])
            .args(["--appendfsync", "always", "--dir"])
            .arg(folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("redis-server is needed: {error}"));
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        assert!(lines.any(|line| line.contains("Ready to accept connections")), "the server does not start");
        std::thread::spawn(move || lines.for_each(drop));
        Self { url: format!("redis://127.0.0.1:{port}"), child, _folder: folder }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
