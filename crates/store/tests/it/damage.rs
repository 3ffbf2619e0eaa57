//! Files that are not as they were written: whatever happened to them, nothing wrong is handed out. Either the store says
//! what is damaged and what would do, or everything it answers is as it was saved.

use std::fs;
use std::path::Path;

use anteroom_store::backend::{Backend, Key, Saved, Write};
use anteroom_store::embedded::{self, Embedded, FILE_NAME, OpenError, inspect};
use tempfile::{TempDir, tempdir};

use crate::support::{Random, whole};

const DOCUMENTS: u64 = 60;
const ROUNDS: u64 = 3;
/// Stores differ in what is in them. The first is the one that is looked at.
const ONE: u64 = 1;
const OTHER: u64 = 2;

fn key(number: u64) -> Key {
    Key::new("room", number)
}

/// What is kept under this number after so many rounds: some small, some over several pages.
fn content(store: u64, number: u64, round: u64) -> Vec<u8> {
    let length = if number.is_multiple_of(7) { 9_000 } else { 40 + 11 * usize::try_from(number).unwrap() };
    let mut random = Random::new(store * 1_000_000 + number * 1_000 + round);
    (0..length).map(|_| random.byte()).collect()
}

/// Saves all documents, a few at a time, once for each round.
async fn fill(store: &Embedded, seed: u64) {
    for round in 1..=ROUNDS {
        for first in (0..DOCUMENTS).step_by(10) {
            let keys: Vec<Key> = (first..first + 10).map(key).collect();
            let found = store.load(keys).await.unwrap().documents;
            let writes = (first..).zip(found).map(|(number, found)| Write {
                key: key(number),
                expected: found.map(|document| document.version),
                bytes: content(seed, number, round),
                expires_at: None,
            });
            let saved = store.save(writes.collect()).await.unwrap();
            assert!(matches!(saved, Saved::Done { .. }), "{saved:?}");
        }
    }
}

/// A folder with these files in it.
fn folder(files: &[(&str, &[u8])]) -> TempDir {
    let folder = tempdir().unwrap();
    for (name, bytes) in files {
        fs::write(folder.path().join(name), bytes).unwrap();
    }
    folder
}

fn log_name() -> String {
    format!("{FILE_NAME}-wal")
}

/// What came of a damaged file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Came {
    /// It was refused, with advice.
    Refused,
    /// All documents are as they were after that round; some may have been refused one by one.
    Answered { altered: u64 },
}

/// Opens the folder, and fails unless every document that is handed out is as it was written in some round, all of one
/// save alike.
async fn look(directory: &Path, what: &str) -> Came {
    let store = match embedded::open(directory) {
        Ok(store) => store,
        Err(error) => {
            let text = whole(&error);
            let is_told = matches!(
                error,
                OpenError::Damaged { .. } | OpenError::Foreign { .. } | OpenError::Newer { .. }
            );
            assert!(is_told, "{what}: {text}");
            assert!(text.contains(directory.to_str().unwrap()), "{what}: {text}");
            return Came::Refused;
        }
    };
    let mut altered = 0;
    for first in (0..DOCUMENTS).step_by(10) {
        let mut rounds = Vec::new();
        for number in first..first + 10 {
            match store.load(vec![key(number)]).await {
                Ok(mut loaded) => {
                    let bytes = loaded.documents.remove(0).map(|document| document.bytes);
                    let round = bytes.map_or(Some(0), |bytes| {
                        (1..=ROUNDS).find(|round| bytes == content(ONE, number, *round))
                    });
                    rounds.push(
                        round.unwrap_or_else(|| panic!("{what}: document {number} is not as it was written")),
                    );
                }
                Err(error) => {
                    let text = whole(&error);
                    assert!(text.contains("damaged") && text.contains("anteroom restore"), "{what}: {text}");
                    altered += 1;
                }
            }
        }
        rounds.dedup();
        assert!(rounds.len() <= 1, "{what}: half a save: rounds {rounds:?}");
    }
    if altered > 0 {
        drop(store);
        let health = inspect(directory).unwrap().unwrap();
        assert!(health.altered > 0, "{what}: it is seen by whoever looks");
    }
    Came::Answered { altered }
}

#[tokio::test]
async fn flipped_bytes_in_the_database_are_found_or_harm_nothing() {
    const FLIPS: usize = 200;
    const PAGE_BYTES: usize = 4_096;
    let directory = tempdir().unwrap();
    let store = embedded::open(directory.path()).unwrap();
    fill(&store, ONE).await;
    drop(store);
    let good = fs::read(directory.path().join(FILE_NAME)).unwrap();
    let mut random = Random::new(1);
    let (mut refused, mut altered, mut harmless) = (0, 0, 0);
    for flip in 0..FLIPS {
        let mut bytes = good.clone();
        // Anywhere, and every other time where the structure is.
        let mut at = random.below(bytes.len());
        if flip % 2 == 0 {
            at = at / PAGE_BYTES * PAGE_BYTES + random.below(100);
        }
        let bits = random.byte().max(1);
        bytes[at] ^= bits;
        let folder = folder(&[(FILE_NAME, &bytes)]);
        match look(folder.path(), &format!("byte {at} ^ {bits:#x}")).await {
            Came::Refused => refused += 1,
            Came::Answered { altered: 0 } => harmless += 1,
            Came::Answered { .. } => altered += 1,
        }
    }
    // Free space within pages is most of what a flip can hit without harm.
    assert!(refused > 5 && altered > FLIPS / 3, "refused {refused}, altered {altered}, harmless {harmless}");
}

#[tokio::test]
async fn truncated_database_is_refused() {
    let directory = tempdir().unwrap();
    let store = embedded::open(directory.path()).unwrap();
    fill(&store, ONE).await;
    drop(store);
    let good = fs::read(directory.path().join(FILE_NAME)).unwrap();
    let mut random = Random::new(2);
    let lengths = (0..30).map(|_| random.below(good.len())).chain([1, 99, 100, 512, 4_096, good.len() - 1]);
    for length in lengths {
        let folder = folder(&[(FILE_NAME, &good[..length])]);
        // With all but its last page, a document misses its end.
        let came = look(folder.path(), &format!("{length} bytes")).await;
        assert_ne!(came, Came::Answered { altered: 0 }, "{length} of {} bytes", good.len());
        if came == Came::Refused {
            assert_eq!(fs::read(folder.path().join(FILE_NAME)).unwrap(), good[..length], "left as it is");
        }
    }
}

#[tokio::test]
async fn damaged_log_costs_only_the_saves_from_the_damage_on() {
    let directory = tempdir().unwrap();
    let store = embedded::open(directory.path()).unwrap();
    fill(&store, ONE).await;
    let [database, log] = [FILE_NAME, &log_name()].map(|name| fs::read(directory.path().join(name)).unwrap());
    let mut random = Random::new(3);
    for case in 0..60 {
        let mut bytes = log.clone();
        let at = random.below(bytes.len());
        if case % 2 == 0 {
            bytes.truncate(at);
        } else {
            bytes[at] ^= random.byte().max(1);
        }
        let folder = folder(&[(FILE_NAME, &database), (&log_name(), &bytes)]);
        // What lies before the damage is there, whole saves only, and the store goes on.
        let came = look(folder.path(), &format!("log, case {case}, byte {at}")).await;
        assert_eq!(came, Came::Answered { altered: 0 });
    }
}

#[tokio::test]
async fn log_of_another_store_never_brings_in_what_is_the_other_ones() {
    let [one, other] = [(); 2].map(|()| tempdir().unwrap());
    let store = embedded::open(one.path()).unwrap();
    fill(&store, ONE).await;
    drop(store);
    let rival = embedded::open(other.path()).unwrap();
    fill(&rival, OTHER).await;
    // The start of its log is in its database already, and the log holds only what was saved last.
    rusqlite::Connection::open(other.path().join(FILE_NAME))
        .unwrap()
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        .unwrap();
    for number in [7, 30, 55] {
        let found = rival.load(vec![key(number)]).await.unwrap().documents.remove(0);
        let expected = found.map(|document| document.version);
        let write = Write { key: key(number), expected, bytes: content(OTHER, number, 1), expires_at: None };
        assert!(matches!(rival.save(vec![write]).await.unwrap(), Saved::Done { .. }));
    }
    let database = fs::read(one.path().join(FILE_NAME)).unwrap();
    let log = fs::read(other.path().join(log_name())).unwrap();
    assert!(!log.is_empty());
    let folder = folder(&[(FILE_NAME, &database), (&log_name(), &log)]);
    let came = look(folder.path(), "log of another store").await;
    assert_ne!(came, Came::Answered { altered: 0 });
}
