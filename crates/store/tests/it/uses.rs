//! Uses of queue ids are counted, whoever counts at the same time and whatever fails.

use std::sync::Arc;
use std::time::Duration;

use anteroom_protocol::id::QueueId;
use anteroom_protocol::time::Timestamp;
use anteroom_store::backend::{Backend, Key, Write};
use anteroom_store::documents::Memory;
use anteroom_store::embedded;
use anteroom_store::uses::{KEPT_AFTER_USE, Uses, UsesError};

use crate::support::{Moody, customer};

fn uses(backend: &(impl Backend + Clone)) -> Uses {
    Uses::new(Arc::new(backend.clone()))
}

async fn count(uses: &Uses, limit: Option<u64>) -> Result<u64, UsesError> {
    let queue_id: QueueId = "0f1e2d3c-4b5a-4697-8877-665544332211".parse().unwrap();
    uses.count(&customer("demo"), &"spring24".parse().unwrap(), queue_id, limit).await
}

#[tokio::test]
async fn counts_go_up_by_one_and_stop_beyond_the_limit() {
    let uses = uses(&Memory::new());
    for expected in [1, 2, 3, 4, 4, 4] {
        assert_eq!(count(&uses, Some(3)).await.unwrap(), expected);
    }
    assert_eq!(count(&uses, None).await.unwrap(), 5, "without a limit every use is counted");
    assert_eq!(count(&uses, Some(0)).await.unwrap(), 1, "no more is told than that it is too many");
    assert_eq!(count(&uses, Some(u64::MAX)).await.unwrap(), 6);
}

#[tokio::test]
async fn ids_rooms_and_accounts_are_counted_apart_and_letters_do_not_matter() {
    let uses = uses(&Memory::new());
    let id = |text: &str| text.parse::<QueueId>().unwrap();
    let [lower, upper] = ["abcdefab-cdef-4abc-8def-abcdefabcdef", "ABCDEFAB-CDEF-4ABC-8DEF-ABCDEFABCDEF"];
    for (account, room, queue_id, expected) in [
        ("demo", "spring24", id(lower), 1),
        ("demo", "spring24", id(upper), 2),
        ("demo", "autumn24", id(lower), 1),
        ("acme", "spring24", id(lower), 1),
        ("demo", "spring24", QueueId::from_random([1; 16]), 1),
    ] {
        let counted = uses.count(&customer(account), &room.parse().unwrap(), queue_id, None).await.unwrap();
        assert_eq!(counted, expected, "{account} {room}");
    }
}

#[tokio::test]
async fn processes_that_count_at_once_count_each_use() {
    let directory = tempfile::tempdir().unwrap();
    let store = embedded::open(directory.path()).unwrap();
    let processes = [uses(&store), uses(&store), uses(&store)];
    let counting = processes.iter().cycle().take(60).cloned();
    let counting: Vec<_> =
        counting.map(|uses| tokio::spawn(async move { count(&uses, None).await.unwrap() })).collect();
    let mut counted = Vec::new();
    for task in counting {
        counted.push(task.await.unwrap());
    }
    counted.sort_unstable();
    assert_eq!(counted, (1..=60).collect::<Vec<u64>>());
}

#[tokio::test]
async fn count_ends_a_day_after_its_newest_use() {
    let memory = Memory::at(Timestamp::from_seconds(1_000_000));
    let uses = uses(&memory);
    let mut now = memory.now();
    for expected in [1, 2] {
        assert_eq!(count(&uses, Some(1)).await.unwrap(), expected);
    }
    // Who goes on asking beyond the limit keeps it so.
    for _ in 0..10 {
        now = now.saturating_add(KEPT_AFTER_USE - Duration::from_secs(1));
        memory.set_now(now);
        assert_eq!(count(&uses, Some(1)).await.unwrap(), 2);
    }
    memory.set_now(now.saturating_add(KEPT_AFTER_USE));
    assert_eq!(count(&uses, Some(1)).await.unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn lost_answer_of_the_store_counts_no_use_twice_over() {
    let store = Moody::new();
    let uses = uses(&store);
    store.set_loses_answers(true);
    assert!(matches!(count(&uses, Some(3)).await, Err(UsesError::Backend(_))));
    store.set_loses_answers(false);
    assert_eq!(count(&uses, Some(3)).await.unwrap(), 2, "the use was counted, and its answer lost");
}

#[tokio::test]
async fn count_that_cannot_be_read_is_told_and_not_begun_anew() {
    let memory = Memory::new();
    let key = Key::new("uses:demo:spring24", "0f1e2d3c-4b5a-4697-8877-665544332211");
    let save = |bytes: &[u8], expected| {
        memory.save(vec![Write { key: key.clone(), expected, bytes: bytes.to_vec(), expires_at: None }])
    };
    save(br#"{"form":2,"uses":9,"kept_until":9}"#, None).await.unwrap();
    let problem = count(&uses(&memory), Some(3)).await.unwrap_err();
    assert!(problem.to_string().contains("its form is 2"), "{problem}");
    let version = memory.load(vec![key.clone()]).await.unwrap().documents.remove(0).unwrap().version;
    save(b"oops", Some(version)).await.unwrap();
    assert!(matches!(count(&uses(&memory), Some(3)).await, Err(UsesError::Unreadable { .. })));
}
