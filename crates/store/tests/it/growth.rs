//! The store runs for months: neither its log nor its file grows without bound.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anteroom_store::backend::{Backend, Key, Saved, Version, Write};
use anteroom_store::embedded::{self, Embedded, FILE_NAME, inspect};
use tempfile::tempdir;

fn length(directory: &std::path::Path, ending: &str) -> u64 {
    fs::metadata(directory.join(format!("{FILE_NAME}{ending}"))).unwrap().len()
}

async fn save(store: &Embedded, writes: Vec<Write>) -> Version {
    match store.save(writes).await.unwrap() {
        Saved::Done { version, .. } => version,
        Saved::Refused { current, .. } => panic!("refused: {current:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn log_is_worked_off_while_two_processes_read_without_a_pause() {
    const BYTES: usize = 20_000;
    const SAVES: usize = 3_000;
    const LOG_BYTES_MAX: u64 = 40 << 20;
    let directory = tempdir().unwrap();
    let stores = [(); 2].map(|()| embedded::open(directory.path()).unwrap());
    let key = Key::new("room", "state");
    let is_over = Arc::new(AtomicBool::new(false));
    let mut reading = tokio::task::JoinSet::new();
    for store in stores.iter().cycle().take(6) {
        let (store, key, is_over) = (store.clone(), key.clone(), Arc::clone(&is_over));
        reading.spawn(async move {
            while !is_over.load(Ordering::SeqCst) {
                store.load(vec![key.clone(); 20]).await.unwrap();
            }
        });
    }
    let (mut expected, mut longest) = (None, 0);
    for _ in 0..SAVES {
        let write = Write { key: key.clone(), expected, bytes: vec![7; BYTES], expires_at: None };
        expected = Some(save(&stores[0], vec![write]).await);
        longest = longest.max(length(directory.path(), "-wal"));
    }
    is_over.store(true, Ordering::SeqCst);
    reading.join_all().await;
    assert!(longest <= LOG_BYTES_MAX, "{longest} bytes of log after {} bytes were saved", SAVES * BYTES);
    drop(stores);
    assert!(!directory.path().join(format!("{FILE_NAME}-wal")).exists(), "whoever is last works it off");
    assert!(length(directory.path(), "") < 1 << 20, "what is written over takes no room");
}

#[tokio::test]
async fn file_keeps_its_size_when_as_much_expires_as_comes() {
    const ROUNDS: u64 = 5;
    const DOCUMENTS: u64 = 4_000;
    let directory = tempdir().unwrap();
    let store = embedded::open(directory.path()).unwrap();
    let stays =
        Write { key: Key::new("room", "stays"), expected: None, bytes: vec![1; 100], expires_at: None };
    save(&store, vec![stays]).await;
    let mut lengths = Vec::new();
    for round in 0..ROUNDS {
        let expires_at = Some(store.now().saturating_add(Duration::from_millis(100)));
        let writes = (0..DOCUMENTS).map(|number| Write {
            key: Key::new("room", format_args!("claimed:{round}:{number:08}")),
            expected: None,
            bytes: vec![2; 150],
            expires_at,
        });
        save(&store, writes.collect()).await;
        let left = || inspect(directory.path()).unwrap().unwrap().documents;
        while left() > 1 {
            tokio::task::yield_now().await;
        }
        // What is in the log counts too.
        lengths.push(length(directory.path(), "") + length(directory.path(), "-wal"));
    }
    let (second, last) = (lengths[1], lengths[lengths.len() - 1]);
    assert!(last <= second + second / 2, "the file grows: {lengths:?}");
}
