//! The contract of [`backend`](crate::backend) as a suite: what every backend must pass, ours and anybody else's.
//!
//! Call [`run`] with a way to make an empty store; it panics with a sentence where the contract is broken.
#![allow(clippy::panic, clippy::expect_used, reason = "a suite of tests speaks by panicking")]

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use anteroom_protocol::time::Timestamp;

use crate::backend::{
    Backend, BackendError, BoxFuture, DOCUMENT_BYTES_MAX, Document, Key, Saved, Version, Write,
};

/// Runs every case, each on a store of its own from `make`.
///
/// # Panics
/// When the backend breaks the contract.
pub async fn run<B: Backend>(make: impl AsyncFn() -> B) {
    what_was_saved_is_loaded_in_the_order_asked(&make().await).await;
    refused_save_changes_nothing_and_brings_the_current_documents(&make().await).await;
    versions_only_grow_also_across_a_removal(&make().await).await;
    expired_writes_may_go_and_unexpired_ones_stay(&make().await).await;
    misuse_is_refused(&make().await).await;
    one_of_many_rivals_wins(&make().await).await;
    watchers_hear_of_their_segment(&make().await).await;
    clock_never_goes_back(&make().await).await;
}

fn write(key: &Key, expected: Option<Version>, bytes: &[u8]) -> Write {
    Write { key: key.clone(), expected, bytes: bytes.to_vec(), expires_at: None }
}

async fn get<B: Backend>(store: &B, key: &Key) -> Option<Document> {
    let loaded = store.load(vec![key.clone()]).await.expect("a load of one key works");
    assert_eq!(loaded.documents.len(), 1, "one answer for each key");
    loaded.documents.into_iter().next().flatten()
}

async fn done<B: Backend>(store: &B, writes: Vec<Write>) -> Version {
    match store.save(writes).await.expect("a save works") {
        Saved::Done { version, .. } => version,
        Saved::Refused { current, .. } => panic!("refused although nobody else wrote: {current:?}"),
    }
}

/// Runs these side by side.
async fn all<T>(mut running: Vec<BoxFuture<'_, T>>) -> Vec<T> {
    let mut answers: Vec<Option<T>> = running.iter().map(|_| None).collect();
    poll_fn(|context| {
        for (future, answer) in running.iter_mut().zip(&mut answers) {
            if answer.is_none()
                && let Poll::Ready(value) = future.as_mut().poll(context)
            {
                *answer = Some(value);
            }
        }
        if answers.iter().all(Option::is_some) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    answers.into_iter().flatten().collect()
}

async fn what_was_saved_is_loaded_in_the_order_asked<B: Backend>(store: &B) {
    let [a, b, c] = ["a", "b", "c"].map(|name| Key::new("room", name));
    let version = done(store, vec![write(&a, None, b"1"), write(&b, None, b"")]).await;
    let loaded = store.load(vec![b, c, a]).await.expect("a load works");
    let expected = vec![
        Some(Document { version, bytes: Vec::new() }),
        None,
        Some(Document { version, bytes: b"1".to_vec() }),
    ];
    assert_eq!(loaded.documents, expected);
    assert!(store.load(Vec::new()).await.expect("a load of nothing works").documents.is_empty());
}

async fn refused_save_changes_nothing_and_brings_the_current_documents<B: Backend>(store: &B) {
    let [a, b] = ["a", "b"].map(|name| Key::new("room", name));
    let first = done(store, vec![write(&a, None, b"first")]).await;
    for expected in [None, Some(Version(first.0 + 1))] {
        let saved = store.save(vec![write(&b, None, b"new"), write(&a, expected, b"second")]).await;
        let Ok(Saved::Refused { current, .. }) = saved else {
            panic!("a stale save was not refused: {saved:?}")
        };
        assert_eq!(current, vec![None, Some(Document { version: first, bytes: b"first".to_vec() })]);
        assert_eq!(get(store, &b).await, None, "a refused save wrote");
    }
    let saved = store.save(vec![write(&b, Some(first), b"x")]).await;
    assert!(matches!(saved, Ok(Saved::Refused { .. })), "a version was expected where nothing is: {saved:?}");
}

async fn versions_only_grow_also_across_a_removal<B: Backend>(store: &B) {
    let key = Key::new("room", "a");
    let first = done(store, vec![write(&key, None, b"1")]).await;
    let past = Some(Timestamp::EPOCH);
    done(store, vec![Write { expires_at: past, ..write(&key, Some(first), b"") }]).await;
    assert_eq!(get(store, &key).await, None, "a write that has expired removes");
    let second = done(store, vec![write(&key, None, b"2")]).await;
    assert!(second > first, "{second:?} follows {first:?}");
}

async fn expired_writes_may_go_and_unexpired_ones_stay<B: Backend>(store: &B) {
    let key = Key::new("room", "a");
    let later = store.now().saturating_add(Duration::from_secs(3_600));
    let version = done(store, vec![Write { expires_at: Some(later), ..write(&key, None, b"1") }]).await;
    done(store, vec![write(&Key::new("room", "b"), None, b"")]).await;
    assert!(get(store, &key).await.is_some(), "gone before its time");
    // A later write without an expiry lifts it.
    done(store, vec![write(&key, Some(version), b"2")]).await;
    assert!(get(store, &key).await.is_some());
    let forever = Write {
        expires_at: Some(Timestamp::from_millis(u64::MAX)),
        ..write(&Key::new("room", "c"), None, b"")
    };
    done(store, vec![forever]).await;
}

async fn misuse_is_refused<B: Backend>(store: &B) {
    let a = write(&Key::new("room", "a"), None, b"1");
    let other = write(&Key::new("other", "a"), None, b"1");
    let large = write(&Key::new("room", "large"), None, &vec![0; DOCUMENT_BYTES_MAX + 1]);
    for writes in [vec![], vec![a.clone(), a.clone()], vec![a.clone(), other], vec![a.clone(), large]] {
        let refused = store.save(writes).await;
        let is_refused = refused.as_ref().is_err_and(BackendError::is_surely_not_saved);
        assert!(is_refused, "misuse was not refused: {refused:?}");
    }
    assert_eq!(get(store, &a.key).await, None);
    let loaded = store.load(vec![Key::new("", "a")]).await;
    assert!(loaded.is_err(), "a key without a segment was loaded: {loaded:?}");
}

async fn one_of_many_rivals_wins<B: Backend>(store: &B) {
    const RIVALS: u8 = 16;
    let key = Key::new("room", "state");
    let mut version = None;
    for round in 0..4_u8 {
        // Begun together, so that a backend that writes in groups judges them in one.
        let rivals =
            (0..RIVALS).map(|rival| store.save(vec![write(&key, version, &[round, rival])])).collect();
        let mut winners = Vec::new();
        for (rival, saved) in all(rivals).await.into_iter().enumerate() {
            if let Saved::Done { version, .. } = saved.expect("a save works") {
                winners.push((rival, version));
            }
        }
        let [(rival, won)] = winners[..] else { panic!("{} rivals won round {round}", winners.len()) };
        let found = get(store, &key).await.expect("it was written");
        assert_eq!((found.version, usize::from(found.bytes[1])), (won, rival));
        version = Some(won);
    }
}

async fn watchers_hear_of_their_segment<B: Backend>(store: &B) {
    let mut watcher = store.watch("room");
    let bystander = store.watch("roo");
    watcher.mark_unchanged();
    let version = done(store, vec![write(&Key::new("room", "a"), None, b"1")]).await;
    watcher.changed().await.expect("the store is there, so its watch is");
    assert_eq!(*watcher.borrow_and_update(), version.0, "the watch tells the version of the save");
    assert!(!bystander.has_changed().unwrap_or(true), "another segment was told");
}

async fn clock_never_goes_back<B: Backend>(store: &B) {
    let mut last = store.now();
    for n in 0..50_u8 {
        let saved = store.save(vec![write(&Key::new("room", n), None, &[n])]).await.expect("a save works");
        let (Saved::Done { now, .. } | Saved::Refused { now, .. }) = saved;
        let loaded = store.load(vec![Key::new("room", n)]).await.expect("a load works").now;
        assert!(last <= now && now <= loaded && loaded <= store.now(), "the clock went back");
        last = loaded;
    }
}
