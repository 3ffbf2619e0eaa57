//! Servers that die, lose, forget and are replaced, and connections that are cut.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anteroom_protocol::time::Timestamp;
use anteroom_store::backend::{Backend, BackendError, Key, Saved, Version, Write};
use anteroom_store::valkey::{Addresses, ConnectError, Options, Servers, Valkey, connect};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::server::Server;
use super::{at, open};
use crate::support::whole;

const NAME: &str = "mymaster";

/// A primary, its replica, and three sentinels that replace the one by the other.
pub(super) struct Watched {
    primary: Server,
    replica: Server,
    sentinels: Vec<Server>,
}

impl Watched {
    pub(super) fn start() -> Self {
        let primary = Server::durable();
        let port = primary.port.to_string();
        let replica = Server::start(&[
            "--appendonly",
            "yes",
            "--appendfsync",
            "always",
            "--replicaof",
            "127.0.0.1",
            &port,
        ]);
        let sentinels: Vec<Server> = (0..3).map(|_| Server::sentinel(&primary, NAME)).collect();
        // They must know of the replica and of each other before they can replace anybody.
        wait_for(|| replica.ask(&["INFO", "replication"]).contains("master_link_status:up"));
        let knows_all = |sentinel: &Server| {
            let said = sentinel.ask(&["INFO", "sentinel"]);
            said.contains("slaves=1,sentinels=3")
        };
        wait_for(|| sentinels.iter().all(knows_all));
        Self { primary, replica, sentinels }
    }

    pub(super) fn servers(&self) -> Servers {
        let sentinels = self.sentinels.iter().map(Server::url).collect();
        let addresses = Addresses { url: format!("redis://{NAME}"), sentinels, ..Addresses::default() };
        addresses.servers().unwrap()
    }
}

/// Asks again, as each question takes a process of its own, until it is so.
fn wait_for(mut is_so: impl FnMut() -> bool) {
    let begun = std::time::Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(30), "it does not come true");
    }
}

fn key(name: &str) -> Key {
    Key::new("room", name)
}

fn write(name: &str, expected: Option<Version>, bytes: &[u8]) -> Write {
    Write { key: key(name), expected, bytes: bytes.to_vec(), expires_at: None }
}

async fn put(store: &Valkey, name: &str, expected: Option<Version>, bytes: &[u8]) -> Version {
    match store.save(vec![write(name, expected, bytes)]).await.unwrap() {
        Saved::Done { version, .. } => version,
        refused @ Saved::Refused { .. } => panic!("{refused:?}"),
    }
}

async fn get(store: &Valkey, name: &str) -> Option<(Version, Vec<u8>)> {
    let document = store.load(vec![key(name)]).await.unwrap().documents.remove(0)?;
    Some((document.version, document.bytes))
}

/// Loads until the store answers again.
async fn get_again(store: &Valkey, name: &str) -> Option<(Version, Vec<u8>)> {
    let asked = tokio::time::timeout(Duration::from_secs(30), async {
        loop {
            match store.load(vec![key(name)]).await {
                Ok(mut loaded) => return loaded.documents.remove(0),
                Err(error) => {
                    assert!(error.is_temporary(), "{}", whole(&error));
                    tokio::task::yield_now().await;
                }
            }
        }
    });
    let document = asked.await.expect("the store answers within 30 seconds")?;
    Some((document.version, document.bytes))
}

/// A way to a server that can be cut, and can swallow what comes back.
struct Proxy {
    port: u16,
    swallows: Arc<AtomicBool>,
    is_cut: Arc<AtomicBool>,
    _running: JoinSet<()>,
}

impl Proxy {
    async fn before(server: &Server) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (swallows, is_cut) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let mut running = JoinSet::new();
        let (to, flags) = (server.port, (swallows.clone(), is_cut.clone()));
        running.spawn(async move {
            let mut ways = JoinSet::new();
            while let Ok((near, _)) = listener.accept().await {
                ways.spawn(carry(near, to, flags.clone()));
            }
        });
        Self { port, swallows, is_cut, _running: running }
    }
}

async fn carry(mut near: TcpStream, to: u16, (swallows, is_cut): (Arc<AtomicBool>, Arc<AtomicBool>)) {
    if is_cut.load(Ordering::SeqCst) {
        return;
    }
    let Ok(mut far) = TcpStream::connect(("127.0.0.1", to)).await else { return };
    let (mut near_read, mut near_write) = near.split();
    let (mut far_read, mut far_write) = far.split();
    let there = tokio::io::copy(&mut near_read, &mut far_write);
    let back = async {
        let mut buffer = vec![0; 64 << 10];
        while let Ok(count @ 1..) = far_read.read(&mut buffer).await {
            // The server has done it, and its answer is lost with the connection.
            if swallows.load(Ordering::SeqCst) || near_write.write_all(&buffer[..count]).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        _ = there => {}
        () = back => {}
    }
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_kill() {
    let mut server = Server::durable();
    let store = open(&server).await;
    let mut acknowledged = Vec::new();
    for number in 0..50_u8 {
        acknowledged.push((number, put(&store, &number.to_string(), None, &[number]).await));
    }
    // More is under way when it dies.
    let mut under_way = JoinSet::new();
    for number in 50..250_u8 {
        let store = store.clone();
        under_way.spawn(async move {
            (number, store.save(vec![write(&number.to_string(), None, &[number])]).await)
        });
    }
    let first = under_way.join_next().await.unwrap().unwrap();
    server.kill();
    for (number, saved) in std::iter::once(first).chain(under_way.join_all().await) {
        match saved {
            Ok(Saved::Done { version, .. }) => acknowledged.push((number, version)),
            Ok(refused @ Saved::Refused { .. }) => panic!("{refused:?}"),
            Err(error) => assert!(error.is_temporary() && !error.is_surely_not_saved(), "{}", whole(&error)),
        }
    }
    server.start_again();
    get_again(&store, "0").await;
    for (number, version) in acknowledged {
        assert_eq!(get(&store, &number.to_string()).await, Some((version, vec![number])));
    }
}

#[tokio::test]
async fn connection_cut_in_the_middle_of_a_save_is_an_error_and_not_a_wrong_answer() {
    let server = Server::durable();
    let proxy = Proxy::before(&server).await;
    let addresses = Addresses { url: format!("redis://127.0.0.1:{}", proxy.port), ..Addresses::default() };
    let store = connect(&addresses.servers().unwrap(), Options::default()).await.unwrap();
    let first = put(&store, "a", None, b"1").await;
    proxy.swallows.store(true, Ordering::SeqCst);
    let error = store.save(vec![write("a", Some(first), b"2")]).await.unwrap_err();
    assert!(error.is_temporary() && !error.is_surely_not_saved(), "{}", whole(&error));
    proxy.swallows.store(false, Ordering::SeqCst);
    // It did happen, once, and whoever looks finds it.
    let (second, bytes) = get_again(&store, "a").await.unwrap();
    assert!(second > first && bytes == b"2");

    proxy.is_cut.store(true, Ordering::SeqCst);
    proxy.swallows.store(true, Ordering::SeqCst);
    let error = store.save(vec![write("a", Some(second), b"3")]).await.unwrap_err();
    assert!(error.is_temporary(), "{}", whole(&error));
    for flag in [&proxy.swallows, &proxy.is_cut] {
        flag.store(false, Ordering::SeqCst);
    }
    assert!(get_again(&store, "a").await.is_some());
}

#[tokio::test]
async fn version_grows_over_an_expiry_and_over_a_flush() {
    let server = Server::durable();
    let store = open(&server).await;
    let soon = store.now().saturating_add(Duration::from_millis(20));
    let saved = store.save(vec![Write { expires_at: Some(soon), ..write("a", None, b"1") }]).await;
    let Ok(Saved::Done { version: first, .. }) = saved else { panic!("{saved:?}") };
    while get(&store, "a").await.is_some() {}
    assert!(store.now() >= soon, "gone before its time");
    let second = put(&store, "a", None, b"2").await;
    server.ask(&["FLUSHALL"]);
    assert_eq!(get(&store, "a").await, None);
    let third = put(&store, "a", None, b"3").await;
    assert!(first < second && second < third);
    // The scripts went with a flush of their own.
    server.ask(&["SCRIPT", "FLUSH"]);
    let fourth = put(&store, "a", Some(third), b"4").await;
    assert_eq!(get(&store, "a").await, Some((fourth, b"4".to_vec())));
}

#[tokio::test]
async fn server_that_evicts_is_not_started_on_and_is_told_of_when_it_begins_to() {
    let server = Server::start(&["--maxmemory", "10mb", "--maxmemory-policy", "allkeys-lru"]);
    let refused = connect(&at(&server), Options::default()).await.unwrap_err();
    assert!(matches!(refused, ConnectError::Evicts { .. }), "{refused}");
    assert!(refused.to_string().contains("noeviction"));
    server.ask(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]);
    let store = open(&server).await;
    assert!(store.warnings().iter().any(|warning| warning.contains("appendonly")), "{:?}", store.warnings());
}

#[tokio::test]
async fn full_server_refuses_and_what_was_there_can_be_read() {
    let server = Server::durable();
    let store = open(&server).await;
    let first = put(&store, "a", None, b"1").await;
    server.ask(&["CONFIG", "SET", "maxmemory", "1mb"]);
    let error =
        store.save(vec![write("large", None, &vec![7; 3 << 20]), write("a", Some(first), b"2")]).await;
    let error = error.unwrap_err();
    assert!(error.is_temporary() && whole(&error).contains("raise maxmemory"), "{}", whole(&error));
    assert_eq!(get(&store, "a").await, Some((first, b"1".to_vec())));
    server.ask(&["CONFIG", "SET", "maxmemory", "0"]);
    put(&store, "a", Some(first), b"2").await;
}

#[tokio::test]
async fn replica_is_not_taken_for_the_primary() {
    let server = Server::durable();
    let store = open(&server).await;
    put(&store, "a", None, b"1").await;
    let other = Server::durable();
    server.ask(&["REPLICAOF", "127.0.0.1", &other.port.to_string()]);
    for result in
        [store.load(vec![key("a")]).await.err(), store.save(vec![write("a", None, b"")]).await.err()]
    {
        assert!(result.as_ref().is_some_and(BackendError::is_temporary), "{result:?}");
    }
}

#[tokio::test]
async fn save_that_too_few_replicas_have_is_not_acknowledged() {
    let server = Server::durable();
    let options = Options { wait_replicas: 1, ..Options::default() };
    let store = connect(&at(&server), options).await.unwrap();
    let error = store.save(vec![write("a", None, b"1")]).await.unwrap_err();
    assert!(error.is_temporary() && !error.is_surely_not_saved());
    assert!(whole(&error).contains("0 replicas had it"), "{}", whole(&error));
}

#[tokio::test]
async fn another_process_that_comes_after_the_server_was_set_back_goes_on_from_the_newest_save() {
    let server = Server::durable();
    let ahead = open(&server).await;
    let hour = Duration::from_secs(3_600);
    // As if the server's clock had shown an hour more when this was saved: versions follow the clock.
    let later = ahead.now().saturating_add(hour);
    server.ask(&["SET", "anteroom:{room}", &format!("{:020}", later.as_millis() << 10)]);
    let store = open(&server).await;
    assert!(store.now() < later);
    get(&store, "a").await;
    assert!(store.now() >= later);
    let version = put(&store, "a", None, b"1").await;
    assert!(version.0 >= later.as_millis() << 10);
}

#[tokio::test]
async fn stranger_under_our_keys_is_told_and_left_alone() {
    let server = Server::durable();
    let store = open(&server).await;
    server.ask(&["SET", "anteroom:{room}/a", "somebody else's"]);
    let error = store.load(vec![key("a")]).await.unwrap_err();
    assert!(!error.is_temporary() && whole(&error).contains("store.prefix"), "{}", whole(&error));
    server.ask(&["DEL", "anteroom:{room}/a"]);
    server.ask(&["LPUSH", "anteroom:{room}/a", "x"]);
    let error = store.save(vec![write("a", None, b"")]).await.unwrap_err();
    assert!(!error.is_temporary() && whole(&error).contains("store.prefix"), "{}", whole(&error));
    assert_eq!(server.ask(&["LLEN", "anteroom:{room}/a"]).trim(), "1");
}

#[tokio::test]
async fn key_with_a_brace_in_its_segment_is_refused() {
    let server = Server::durable();
    let store = open(&server).await;
    for segment in ["}", "a{b", "{"] {
        let error = store.load(vec![Key::new(segment, "a")]).await.unwrap_err();
        assert!(error.is_surely_not_saved(), "{}", whole(&error));
    }
}

#[tokio::test]
async fn others_are_heard_also_when_nothing_is_told() {
    let server = Server::durable();
    let (one, other) = (open(&server).await, open(&server).await);
    let mut watch = one.watch("room");
    let version = put(&other, "a", None, b"1").await;
    watch.wait_for(|&told| told == version.0).await.unwrap();
    // Without the channel, by looking.
    server.ask(&["CLIENT", "KILL", "TYPE", "pubsub"]);
    server.ask(&["SET", "anteroom:{room}", &format!("{:020}", version.0 + 1)]);
    watch.wait_for(|&told| told == version.0 + 1).await.unwrap();
}

/// The primary is killed again and again while one task saves. What was acknowledged is there afterwards, as every save
/// waits for the replica.
#[tokio::test]
async fn failover_loses_nothing_that_was_acknowledged_and_is_followed() {
    let mut watched = Watched::start();
    let options = Options { wait_replicas: 1, ..Options::default() };
    let store = connect(&watched.servers(), options).await.unwrap();
    let mut last = put(&store, "a", None, b"0").await;
    watched.primary.kill();
    // While the sentinels decide, every answer is an error or true.
    let mut tries = 0_u64;
    let after = tokio::time::timeout(Duration::from_secs(60), async {
        loop {
            tries += 1;
            match store.load(vec![key("a")]).await {
                Ok(loaded) => return loaded.documents.into_iter().next().flatten(),
                Err(error) => assert!(error.is_temporary(), "{}", whole(&error)),
            }
            tokio::task::yield_now().await;
        }
    });
    let found = after.await.expect("the replica takes over").expect("what was acknowledged is there");
    assert_eq!((found.version, found.bytes), (last, b"0".to_vec()), "after {tries} tries");
    // The new primary has no replica: saves are not acknowledged, until one is back.
    let error = store.save(vec![write("b", None, b"")]).await.unwrap_err();
    assert!(error.is_temporary(), "{}", whole(&error));
    watched.primary.start_again();
    let done = tokio::time::timeout(Duration::from_secs(60), async {
        loop {
            if let Ok(saved) = store.save(vec![write("a", Some(last), b"1")]).await {
                match saved {
                    Saved::Done { version, .. } => return version,
                    // A save that was not acknowledged may have happened.
                    Saved::Refused { current, .. } => last = current[0].as_ref().unwrap().version,
                }
            }
            tokio::task::yield_now().await;
        }
    });
    let version = done.await.expect("the old primary comes back as a replica");
    let port = watched.replica.port.to_string();
    assert!(watched.sentinels[0].ask(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME]).contains(&port));
    assert_eq!(get(&store, "a").await, Some((version, b"1".to_vec())));
    assert!(store.now() > Timestamp::EPOCH);
}
