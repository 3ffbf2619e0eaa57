//! The power fails at any moment. A process that uses the store is watched by `strace`; then the folder is built as it may
//! look if the power had failed after any of its calls, and opened. Whatever was acknowledged before must be there, no
//! save may be there in part, and the store must go on.
//!
//! This way was taken because it needs no file system of our own and no code that the compiler cannot check: a layer
//! under SQLite would have to be written in unsafe code or C.
//!
//! `ANTEROOM_CUTS` sets how many moments are looked at, `ANTEROOM_SEED` where chance begins.

mod disk;
mod trace;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anteroom_store::backend::{Backend, Key, Saved, Version, Write};
use anteroom_store::embedded::{self, Embedded, OpenError, Restoring, back_up, inspect};
use tempfile::tempdir;

use self::disk::Disk;
use self::trace::{Event, trace};
use crate::support::{Random, whole};

/// Tells a process that is watched where to work.
const FOLDER: &str = "ANTEROOM_TEST_FOLDER";
/// Several save at the same time, so that saves are made durable together.
const SEGMENTS: u64 = 3;
/// Documents of one save: a small one, and two over several pages, so that the log is worked off several times.
const DOCUMENT_BYTES: [usize; 3] = [104, 9_000, 14_000];
const SAVES_UNTIL_CLOSED: u64 = 60;
const SAVES: u64 = 100;
const CUTS_DEFAULT: usize = 200;

fn cuts() -> usize {
    number("ANTEROOM_CUTS").unwrap_or(CUTS_DEFAULT)
}

fn seed() -> u64 {
    number("ANTEROOM_SEED").unwrap_or(1)
}

fn number<T: std::str::FromStr>(variable: &str) -> Option<T> {
    std::env::var(variable).ok()?.parse().ok()
}

fn key(segment: u64, document: usize) -> Key {
    Key::new(&format!("room:{segment}"), document)
}

/// What save number `number` of a segment writes under one of its keys.
fn content(segment: u64, number: u64, document: usize) -> Vec<u8> {
    let mut random = Random::new(segment << 32 | number << 4 | u64::try_from(document).unwrap());
    let mut bytes = number.to_be_bytes().to_vec();
    while bytes.len() < DOCUMENT_BYTES[document] {
        bytes.extend(random.next().to_be_bytes());
    }
    bytes
}

/// One save: all documents of a segment, over those of the save before.
async fn save(store: &Embedded, segment: u64, number: u64, expected: Option<Version>) -> Version {
    let write = |document| Write {
        key: key(segment, document),
        expected,
        bytes: content(segment, number, document),
        expires_at: None,
    };
    match store.save((0..DOCUMENT_BYTES.len()).map(write).collect()).await.unwrap() {
        Saved::Done { version, .. } => version,
        Saved::Refused { current, .. } => panic!("refused: {current:?}"),
    }
}

/// The number of the newest save of a segment and its version; every document must be of that save, to the byte.
async fn newest(store: &Embedded, segment: u64) -> Option<(u64, Version)> {
    let keys = (0..DOCUMENT_BYTES.len()).map(|document| key(segment, document)).collect();
    let found = store.load(keys).await.unwrap().documents;
    let first = found[0].as_ref()?;
    let number = u64::from_be_bytes(first.bytes[..8].try_into().unwrap());
    for (document, found) in found.iter().enumerate() {
        let found = found.as_ref().expect("half a save");
        assert_eq!(found.version, first.version, "half a save");
        assert!(found.bytes == content(segment, number, document), "not what was saved");
    }
    Some((number, first.version))
}

/// Says it where it is seen among the calls, in one piece.
fn say(what: &str) {
    std::io::stderr().write_all(format!("told: {what}\n").as_bytes()).unwrap();
}

async fn save_until(store: &Embedded, last: u64) {
    let mut saving = tokio::task::JoinSet::new();
    for segment in 0..SEGMENTS {
        let store = store.clone();
        saving.spawn(async move {
            let (mut number, mut version) =
                newest(&store, segment).await.map_or((0, None), |(number, version)| (number, Some(version)));
            while number < last {
                number += 1;
                version = Some(save(&store, segment, number, version).await);
                say(&format!("{segment} {number}"));
            }
        });
    }
    saving.join_all().await;
}

/// The process that is watched: begins a store, closes it, opens it again and ends without a word.
#[tokio::test]
#[ignore = "run by the tests of power cuts, in a process of its own"]
async fn writer() {
    let folder = PathBuf::from(std::env::var(FOLDER).unwrap());
    let store = embedded::open(&folder).unwrap();
    save_until(&store, SAVES_UNTIL_CLOSED).await;
    drop(store);
    let store = embedded::open(&folder).unwrap();
    save_until(&store, SAVES).await;
    std::process::exit(0);
}

/// What was said of each segment so far: the newest save that was acknowledged.
#[derive(Clone, Default)]
struct Told(BTreeMap<u64, u64>);

impl Told {
    fn hear(&mut self, event: &Event) {
        let Event::Said(said) = event else { return };
        let Some((segment, number)) =
            said.strip_prefix("told: ").and_then(|told| told.trim().split_once(' '))
        else {
            return;
        };
        self.0.insert(segment.parse().unwrap(), number.parse().unwrap());
    }
}

/// Lets the power fail after so many of the events, and gives each folder that may be left to `look`.
async fn cut_everywhere<F: AsyncFnMut(&Path, &Told, &str)>(
    events: &[Event],
    folder: &Path,
    cuts: usize,
    mut look: F,
) {
    let mut random = Random::new(seed());
    let mut moments: Vec<usize> = (0..cuts).map(|_| random.below(events.len() + 1)).collect();
    moments.sort_unstable();
    let (mut disk, mut told, mut done) = (Disk::default(), Told::default(), 0);
    for moment in moments {
        for event in &events[done..moment] {
            disk.happen(event);
            told.hear(event);
        }
        done = moment;
        let left = tempdir().unwrap();
        disk.cut(&mut random, folder, left.path());
        look(left.path(), &told, &format!("seed {}, after {moment} of {} calls", seed(), events.len())).await;
    }
}

/// Opens what was left. Says what is wrong with it, if anything is.
async fn problem(left: &Path, told: &Told) -> Option<String> {
    let store = match embedded::open(left) {
        Ok(store) => store,
        Err(error) => return Some(whole(&error)),
    };
    for segment in 0..SEGMENTS {
        let acknowledged = told.0.get(&segment).copied().unwrap_or(0);
        let looked = {
            let store = store.clone();
            tokio::spawn(async move { newest(&store, segment).await }).await
        };
        let found = match looked {
            Ok(found) => found,
            Err(panicked) => return Some(format!("segment {segment}: {panicked}")),
        };
        let (number, version) = found.map_or((0, None), |(number, version)| (number, Some(version)));
        // The next one may have been made and its answer not given.
        if number < acknowledged || number > acknowledged + 1 {
            return Some(format!("segment {segment}: {number} is there, {acknowledged} was acknowledged"));
        }
        save(&store, segment, number + 1, version).await;
    }
    drop(store);
    match inspect(left) {
        Ok(Some(health)) if health.altered == 0 => None,
        other => Some(format!("{other:?}")),
    }
}

#[tokio::test]
async fn i3_what_was_acknowledged_is_there_whenever_the_power_fails() {
    let place = tempdir().unwrap();
    let folder = place.path().join("data");
    std::fs::create_dir(&folder).unwrap();
    let Some(events) = trace("power::writer", &folder) else { return };
    let said = events
        .iter()
        .filter(|event| matches!(event, Event::Said(said) if said.starts_with("told: ")))
        .count();
    assert_eq!(u64::try_from(said).unwrap(), SEGMENTS * SAVES);
    cut_everywhere(&events, &folder, cuts(), async |left, told, moment| {
        if let Some(problem) = problem(left, told).await {
            panic!("{moment}: {problem}");
        }
    })
    .await;

    // The same with a disk that only pretends to sync: this must be seen, or nothing above means anything.
    let lying: Vec<Event> = events
        .iter()
        .filter(|event| !matches!(event, Event::Sync { path, .. } if path.is_file()))
        .cloned()
        .collect();
    let mut problems = 0;
    cut_everywhere(&lying, &folder, 40, async |left, told, _| {
        problems += usize::from(problem(left, told).await.is_some());
    })
    .await;
    assert!(problems > 10, "a disk that does not sync is found out, {problems} times of 40");
}

/// The process that is watched: a backup is made, and put back over a newer store.
#[tokio::test]
#[ignore = "run by the tests of power cuts, in a process of its own"]
async fn restorer() {
    let folder = PathBuf::from(std::env::var(FOLDER).unwrap());
    let (data, backup) = (folder.join("data"), folder.join("backup.db"));
    let store = embedded::open(&data).unwrap();
    save_until(&store, 2).await;
    back_up(&data, &backup).unwrap();
    say("9 1");
    save_until(&store, 3).await;
    drop(store);
    Restoring::begin(&data, &backup).unwrap().finish().unwrap();
    say("9 2");
}

#[tokio::test]
async fn backup_is_whole_and_a_restore_is_done_or_finished_by_the_next_one_whenever_the_power_fails() {
    let place = tempdir().unwrap();
    let folder = place.path().join("world");
    std::fs::create_dir(&folder).unwrap();
    let Some(events) = trace("power::restorer", &folder) else { return };
    cut_everywhere(&events, &folder, cuts() / 2, async |left, told, moment| {
        let (data, backup) = (left.join("data"), left.join("backup.db"));
        let step = told.0.get(&9).copied().unwrap_or(0);
        assert!(step == 0 || backup.exists(), "{moment}: the backup is there");
        if backup.exists() {
            let elsewhere = tempdir().unwrap();
            Restoring::begin(elsewhere.path(), &backup).unwrap().finish().unwrap();
            let store = embedded::open(elsewhere.path()).unwrap();
            assert_eq!(newest(&store, 0).await.unwrap().0, 2, "{moment}");
        }
        let found = match embedded::open(&data) {
            Ok(store) => newest(&store, 0).await.map_or(0, |(number, _)| number),
            Err(OpenError::RestoreCutShort { .. }) => {
                Restoring::begin(&data, &backup).unwrap().finish().unwrap();
                let store = embedded::open(&data).unwrap();
                newest(&store, 0).await.unwrap().0
            }
            Err(error) => panic!("{moment}: {}", whole(&error)),
        };
        let acknowledged = told.0.get(&0).copied().unwrap_or(0);
        let is_right = if step == 2 { found == 2 } else { found == 2 || found >= acknowledged };
        assert!(is_right, "{moment}: {found} is there, {acknowledged} was acknowledged");
    })
    .await;
}
