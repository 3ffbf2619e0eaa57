//! The embedded store: what it keeps, whom it shares a directory with, and what it says when it cannot.

use std::fs;
use std::path::Path;

use anteroom_store::backend::{Backend, BackendError, Document, Key, Saved, Version, Write};
use anteroom_store::embedded::{self, Embedded, FILE_NAME, OpenError};
use tempfile::tempdir;

async fn put(
    store: &Embedded,
    name: &str,
    expected: Option<Version>,
    bytes: &[u8],
) -> Result<Saved, BackendError> {
    let write = Write { key: Key::new("room", name), expected, bytes: bytes.to_vec(), expires_at: None };
    store.save(vec![write]).await
}

async fn done(store: &Embedded, name: &str, expected: Option<Version>, bytes: &[u8]) -> Version {
    match put(store, name, expected, bytes).await.unwrap() {
        Saved::Done { version, .. } => version,
        Saved::Refused { current, .. } => panic!("refused: {current:?}"),
    }
}

async fn get(store: &Embedded, name: &str) -> Option<Document> {
    store.load(vec![Key::new("room", name)]).await.unwrap().documents.remove(0)
}

fn refusal(directory: &Path) -> OpenError {
    embedded::open(directory).unwrap_err()
}

/// The database and its log as a process that was killed leaves them.
fn left_behind(directory: &Path) -> tempfile::TempDir {
    let copy = tempdir().unwrap();
    for name in [FILE_NAME.to_owned(), format!("{FILE_NAME}-wal")] {
        fs::copy(directory.join(&name), copy.path().join(&name)).unwrap();
    }
    copy
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_the_process_died() {
    let directory = tempdir().unwrap();
    let store = embedded::open(directory.path()).unwrap();
    let version = done(&store, "state", None, b"kept").await;
    let before = store.now();
    let left_behind = left_behind(directory.path());
    let reopened = embedded::open(left_behind.path()).unwrap();
    let found = get(&reopened, "state").await.unwrap();
    assert_eq!((found.version, found.bytes.as_slice()), (version, b"kept".as_slice()));
    assert!(reopened.now() >= before.saturating_sub(std::time::Duration::from_secs(1)));
    assert!(done(&reopened, "state", Some(version), b"newer").await > version);
}

#[tokio::test]
async fn two_processes_on_one_directory_see_each_other_and_one_of_two_rivals_wins() {
    let directory = tempdir().unwrap();
    let [first, second] = [(); 2].map(|()| embedded::open(directory.path()).unwrap());
    let mut watch = second.watch("room");
    let version = done(&first, "state", None, b"1").await;
    watch.changed().await.unwrap();
    assert_eq!(get(&second, "state").await.unwrap().bytes, b"1");

    let (a, b) =
        tokio::join!(put(&first, "state", Some(version), b"a"), put(&second, "state", Some(version), b"b"));
    let done = [a.unwrap(), b.unwrap()].iter().filter(|saved| matches!(saved, Saved::Done { .. })).count();
    assert_eq!(done, 1);
}

#[tokio::test]
async fn many_saves_at_once_are_all_kept() {
    const SAVES: u32 = 500;
    let directory = tempdir().unwrap();
    let store = embedded::open(directory.path()).unwrap();
    let mut saves = tokio::task::JoinSet::new();
    for n in 0..SAVES {
        let store = store.clone();
        saves.spawn(async move { done(&store, &n.to_string(), None, &n.to_be_bytes()).await });
    }
    saves.join_all().await;
    drop(store);
    let reopened = embedded::open(directory.path()).unwrap();
    for n in 0..SAVES {
        assert_eq!(get(&reopened, &n.to_string()).await.unwrap().bytes, n.to_be_bytes());
    }
}

#[tokio::test]
async fn file_removed_under_the_process_is_noticed_by_the_next_save() {
    let directory = tempdir().unwrap();
    let store = embedded::open(directory.path()).unwrap();
    done(&store, "a", None, b"1").await;
    fs::remove_file(directory.path().join(FILE_NAME)).unwrap();
    let error = put(&store, "b", None, b"2").await.unwrap_err();
    assert!(error.to_string().contains("moved, removed or replaced"), "{error}");
}

#[test]
fn file_in_place_of_the_directory_is_named() {
    let directory = tempdir().unwrap();
    let file = directory.path().join("data");
    fs::write(&file, "x").unwrap();
    assert!(matches!(refusal(&file), OpenError::NotADirectory { .. }));
    let error = refusal(&file.join("below"));
    assert!(matches!(error, OpenError::NotADirectory { .. }), "{error}");
    assert!(error.to_string().contains("is not a directory"), "{error}");
}

#[test]
fn directory_that_cannot_be_written_is_named() {
    // Nobody, not even root, makes directories in the kernel's process table.
    let error = refusal(Path::new("/proc/anteroom"));
    assert!(matches!(error, OpenError::NotWritable { .. }), "{error}");
    assert!(error.to_string().contains("/proc/anteroom"), "{error}");
}

#[test]
fn file_that_is_no_database_is_refused_and_left_as_it_is() {
    let directory = tempdir().unwrap();
    let file = directory.path().join(FILE_NAME);
    let content = "no database, but more than a hundred bytes of something else. ".repeat(50);
    fs::write(&file, &content).unwrap();
    let error = refusal(directory.path());
    assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
    assert!(error.to_string().contains("put back a backup"), "{error}");
    assert_eq!(fs::read_to_string(&file).unwrap(), content);
}

#[test]
fn file_of_a_newer_release_or_of_another_program_is_refused() {
    let directory = tempdir().unwrap();
    drop(embedded::open(directory.path()).unwrap());
    let file = directory.path().join(FILE_NAME);
    let set = |pragma: &str, value: i64| {
        rusqlite::Connection::open(&file).unwrap().pragma_update(None, pragma, value).unwrap();
    };
    set("user_version", 99);
    let error = refusal(directory.path());
    assert!(matches!(error, OpenError::Newer { found: 99, .. }), "{error}");
    set("application_id", 7);
    let error = refusal(directory.path());
    assert!(matches!(error, OpenError::Foreign { found: 7, .. }), "{error}");
}

#[tokio::test]
async fn log_torn_by_a_loss_of_power_costs_only_what_was_not_acknowledged() {
    let directory = tempdir().unwrap();
    let store = embedded::open(directory.path()).unwrap();
    let version = done(&store, "state", None, b"acknowledged").await;
    let log = format!("{FILE_NAME}-wal");
    let acknowledged = fs::metadata(directory.path().join(&log)).unwrap().len();
    done(&store, "state", Some(version), &[7; 20_000]).await;
    let torn = fs::metadata(directory.path().join(&log)).unwrap().len();
    assert!(torn > acknowledged);
    for bytes in [acknowledged, acknowledged + 1, acknowledged + 5_000, torn - 1] {
        let copy = left_behind(directory.path());
        let file = fs::OpenOptions::new().write(true).open(copy.path().join(&log)).unwrap();
        file.set_len(bytes).unwrap();
        let reopened = embedded::open(copy.path()).unwrap();
        let found = get(&reopened, "state").await.unwrap();
        assert_eq!((found.version, found.bytes.as_slice()), (version, b"acknowledged".as_slice()), "{bytes}");
        done(&reopened, "state", Some(version), b"goes on").await;
    }
}

#[tokio::test]
async fn damaged_page_is_found_when_the_store_is_opened() {
    let directory = tempdir().unwrap();
    let store = embedded::open(directory.path()).unwrap();
    for n in 0..50 {
        done(&store, &n.to_string(), None, &[1; 3_000]).await;
    }
    // Closed, so that all lies in the database and none in its log.
    drop(store);
    let file = directory.path().join(FILE_NAME);
    let mut bytes = fs::read(&file).unwrap();
    let middle = bytes.len() / 2 / 4_096 * 4_096;
    bytes[middle..middle + 4_096].fill(0xa5);
    fs::write(&file, &bytes).unwrap();
    let error = refusal(directory.path());
    assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
    assert!(error.to_string().contains("put back a backup"), "{error}");
    assert_eq!(fs::read(&file).unwrap(), bytes, "left as it is, for whoever looks");
}

#[tokio::test]
async fn file_of_the_format_before_checksums_is_brought_to_the_present_one() {
    let directory = tempdir().unwrap();
    let store = embedded::open(directory.path()).unwrap();
    let version = done(&store, "state", None, b"kept").await;
    drop(store);
    let file = rusqlite::Connection::open(directory.path().join(FILE_NAME)).unwrap();
    file.execute_batch(
        "DROP TABLE identity; ALTER TABLE documents DROP COLUMN checksum; PRAGMA user_version = 1",
    )
    .unwrap();
    drop(file);
    assert_eq!(embedded::inspect(directory.path()).unwrap().unwrap().documents, 1);
    let store = embedded::open(directory.path()).unwrap();
    let found = get(&store, "state").await.unwrap();
    assert_eq!((found.version, found.bytes.as_slice()), (version, b"kept".as_slice()));
    done(&store, "state", Some(version), b"newer").await;
    assert_eq!(embedded::inspect(directory.path()).unwrap().unwrap().altered, 0);
}

#[test]
fn file_that_lost_all_or_most_of_itself_does_not_become_a_new_store() {
    for length in [0, 1, 19] {
        let directory = tempdir().unwrap();
        drop(embedded::open(directory.path()).unwrap());
        let file = fs::OpenOptions::new().write(true).open(directory.path().join(FILE_NAME)).unwrap();
        file.set_len(length).unwrap();
        let error = refusal(directory.path());
        assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
    }
    let directory = tempdir().unwrap();
    fs::write(directory.path().join(format!("{FILE_NAME}-wal")), [1; 100]).unwrap();
    let error = refusal(directory.path());
    assert!(error.to_string().contains("it is missing, and its log is there"), "{error}");
}
