//! Backups made while the store is in use, and what is put in its place.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anteroom_store::backend::{Backend, Key, Saved, Version, Write};
use anteroom_store::embedded::{
    self, BackupError, Embedded, FILE_NAME, OpenError, RestoreError, Restoring, back_up,
};
use tempfile::{TempDir, tempdir};

use crate::support::whole;

/// Saves this number under several keys at once, each time over the one before.
async fn save_number(store: &Embedded, segment: &str, number: u64, expected: Option<Version>) -> Version {
    let write = |name| Write {
        key: Key::new(segment, name),
        expected,
        bytes: [number.to_be_bytes().as_slice(), &[0; 500]].concat(),
        expires_at: None,
    };
    match store.save(["a", "b", "c"].map(write).to_vec()).await.unwrap() {
        Saved::Done { version, .. } => version,
        Saved::Refused { current, .. } => panic!("refused: {current:?}"),
    }
}

/// The number saved last, which must be the same under all keys; 0 when none was.
async fn number(store: &Embedded, segment: &str) -> u64 {
    let keys = ["a", "b", "c"].map(|name| Key::new(segment, name));
    let found = store.load(keys.to_vec()).await.unwrap().documents;
    let numbers = found.iter().map(|document| {
        document.as_ref().map_or(0, |document| u64::from_be_bytes(document.bytes[..8].try_into().unwrap()))
    });
    let numbers: Vec<u64> = numbers.collect();
    assert!(numbers.iter().all(|number| *number == numbers[0]), "half a save: {numbers:?}");
    numbers[0]
}

/// A store of one document, closed again.
async fn store_with(number: u64) -> TempDir {
    let directory = tempdir().unwrap();
    let store = embedded::open(directory.path()).unwrap();
    save_number(&store, "room", number, None).await;
    directory
}

async fn backup_of(number: u64) -> (TempDir, PathBuf) {
    let (directory, elsewhere) = (store_with(number).await, tempdir().unwrap());
    let to = elsewhere.path().join("backup.db");
    back_up(directory.path(), &to).unwrap();
    (elsewhere, to)
}

async fn number_in(directory: &Path) -> u64 {
    number(&embedded::open(directory).unwrap(), "room").await
}

fn restore(directory: &Path, from: &Path) -> Result<embedded::Restored, RestoreError> {
    Restoring::begin(directory, from)?.finish()
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn backup_made_under_load_is_a_state_that_existed() {
    const SEGMENTS: usize = 4;
    const BACKUPS: usize = 8;
    const SAVES_BETWEEN: u64 = 20;
    let directory = tempdir().unwrap();
    let store = embedded::open(directory.path()).unwrap();
    // What was begun, and what was acknowledged.
    let begun: Arc<[AtomicU64; SEGMENTS]> = Arc::default();
    let done: Arc<[AtomicU64; SEGMENTS]> = Arc::default();
    let is_over = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let mut saving = tokio::task::JoinSet::new();
    for at in 0..SEGMENTS {
        let (store, begun, done, is_over) = (store.clone(), begun.clone(), done.clone(), is_over.clone());
        saving.spawn(async move {
            let mut version = None;
            let mut number = 0;
            while !is_over.load(Ordering::SeqCst) {
                number += 1;
                begun[at].store(number, Ordering::SeqCst);
                version = Some(save_number(&store, &format!("room:{at}"), number, version).await);
                done[at].store(number, Ordering::SeqCst);
            }
        });
    }
    let elsewhere = tempdir().unwrap();
    for backup in 0..BACKUPS {
        let read = |of: &[AtomicU64; SEGMENTS]| of.each_ref().map(|number| number.load(Ordering::SeqCst));
        let before = read(&done);
        let to = elsewhere.path().join(format!("{backup}.db"));
        let (from, file) = (directory.path().to_owned(), to.clone());
        let made = tokio::task::spawn_blocking(move || back_up(&from, &file)).await.unwrap().unwrap();
        let after = read(&begun);
        assert!(made.bytes > 0 && made.as_of <= store.now());

        let restored = tempdir().unwrap();
        restore(restored.path(), &to).unwrap();
        let restored = embedded::open(restored.path()).unwrap();
        for at in 0..SEGMENTS {
            let found = number(&restored, &format!("room:{at}")).await;
            assert!(
                (before[at]..=after[at]).contains(&found),
                "{found} is not from {} to {}",
                before[at],
                after[at]
            );
        }
        while done[0].load(Ordering::SeqCst) < after[0] + SAVES_BETWEEN {
            tokio::task::yield_now().await;
        }
    }
    is_over.store(true, Ordering::SeqCst);
    saving.join_all().await;
    let made = (0..BACKUPS).map(|backup| format!("{backup}.db"));
    assert_eq!(names(elsewhere.path()), made.collect::<Vec<_>>(), "nothing else is left");
}

#[tokio::test]
async fn backup_is_one_file_that_only_its_owner_may_read_and_replaces_none() {
    let (elsewhere, to) = backup_of(7).await;
    assert_eq!(fs::metadata(&to).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(names(elsewhere.path()), ["backup.db"]);
    let directory = store_with(8).await;
    let before = fs::read(&to).unwrap();
    let error = back_up(directory.path(), &to).unwrap_err();
    assert!(matches!(error, BackupError::Taken { .. }), "{error}");
    assert_eq!(fs::read(&to).unwrap(), before);
}

#[tokio::test]
async fn backup_that_cannot_be_made_leaves_nothing_behind() {
    let (empty, elsewhere) = (tempdir().unwrap(), tempdir().unwrap());
    let to = elsewhere.path().join("backup.db");
    let error = back_up(&empty.path().join("none"), &to).unwrap_err();
    assert!(error.to_string().contains("no store in"), "{error}");
    assert!(!empty.path().join("none").exists());

    let directory = store_with(1).await;
    let error = back_up(directory.path(), &elsewhere.path().join("no/such/backup.db")).unwrap_err();
    assert!(error.to_string().contains("could not write"), "{error}");

    // Several pages of one overflowing document, one of them altered where SQLite sees nothing wrong.
    let store = embedded::open(directory.path()).unwrap();
    let bytes = vec![0x5a; 40_000];
    let write = Write { key: Key::new("room", "large"), expected: None, bytes, expires_at: None };
    store.save(vec![write]).await.unwrap();
    drop(store);
    let file = directory.path().join(FILE_NAME);
    let mut bytes = fs::read(&file).unwrap();
    let within = bytes.windows(4_000).position(|bytes| bytes.iter().all(|byte| *byte == 0x5a)).unwrap();
    bytes[within + 1_000] ^= 1;
    fs::write(&file, bytes).unwrap();
    let error = back_up(directory.path(), &to).unwrap_err();
    assert!(error.to_string().contains("room/large"), "{error}");
    assert_eq!(names(elsewhere.path()), [""; 0]);
}

#[tokio::test]
async fn restored_backup_is_in_place_and_what_it_replaced_lies_aside() {
    let (_elsewhere, backup) = backup_of(1).await;
    let directory = store_with(2).await;
    let restored = restore(directory.path(), &backup).unwrap();
    assert_eq!(restored.documents, 3);
    assert_eq!(number_in(directory.path()).await, 1);
    assert_eq!(number_in(&restored.set_aside.unwrap()).await, 2);
    assert_eq!(fs::metadata(directory.path().join(FILE_NAME)).unwrap().permissions().mode() & 0o777, 0o600);

    let again = restore(directory.path(), &backup).unwrap();
    assert!(again.set_aside.unwrap().ends_with("before-restore-2"));
    let fresh = tempdir().unwrap();
    assert_eq!(restore(&fresh.path().join("new"), &backup).unwrap().set_aside, None);
    assert_eq!(number_in(&fresh.path().join("new")).await, 1);
}

#[tokio::test]
async fn save_after_a_restore_gets_a_version_that_was_never_used() {
    let directory = tempdir().unwrap();
    let store = embedded::open(directory.path()).unwrap();
    let first = save_number(&store, "room", 1, None).await;
    let backup = directory.path().join("backup.db");
    back_up(directory.path(), &backup).unwrap();
    let lost = save_number(&store, "room", 2, Some(first)).await;
    drop(store);
    restore(directory.path(), &backup).unwrap();
    let store = embedded::open(directory.path()).unwrap();
    assert!(save_number(&store, "room", 3, Some(first)).await > lost);
}

#[tokio::test]
async fn nothing_is_restored_while_the_store_is_in_use_and_nothing_opens_while_it_is_restored() {
    let (_elsewhere, backup) = backup_of(1).await;
    let directory = store_with(2).await;
    let store = embedded::open(directory.path()).unwrap();
    let error = restore(directory.path(), &backup).unwrap_err();
    assert!(matches!(error, RestoreError::InUse { .. }), "{error}");
    assert_eq!(number(&store, "room").await, 2);
    drop(store);

    let restoring = Restoring::begin(directory.path(), &backup).unwrap();
    let error = embedded::open(directory.path()).unwrap_err();
    assert!(matches!(error, OpenError::BeingRestored { .. }), "{error}");
    assert_eq!(number_in(&restoring.staged()).await, 1);
    let again = restore(directory.path(), &backup).unwrap_err();
    assert!(matches!(again, RestoreError::InUse { .. }), "{again}");
    drop(restoring);
    assert_eq!(number_in(directory.path()).await, 2, "given up, it has changed nothing");
    assert_eq!(names(directory.path()), ["anteroom.db", "anteroom.lock"]);
}

#[tokio::test]
async fn restore_that_was_cut_short_is_finished_by_the_next_one_and_nothing_starts_before() {
    let (_elsewhere, backup) = backup_of(1).await;
    let directory = store_with(2).await;
    // As if the process had ended with the old database aside and the new one not yet in place.
    fs::create_dir(directory.path().join("before-restore-1")).unwrap();
    fs::rename(directory.path().join(FILE_NAME), directory.path().join("before-restore-1").join(FILE_NAME))
        .unwrap();
    fs::write(directory.path().join("restore.unfinished"), "before-restore-1").unwrap();
    let error = embedded::open(directory.path()).unwrap_err();
    assert!(matches!(error, OpenError::RestoreCutShort { .. }), "{error}");
    assert!(error.to_string().contains("anteroom restore"), "{error}");
    let restored = restore(directory.path(), &backup).unwrap();
    assert_eq!(number_in(&restored.set_aside.unwrap()).await, 2);
    assert_eq!(number_in(directory.path()).await, 1);
}

#[tokio::test]
async fn what_is_no_sound_backup_is_refused_and_changes_nothing() {
    let (elsewhere, backup) = backup_of(1).await;
    let good = fs::read(&backup).unwrap();
    let directory = store_with(2).await;
    let file = |name: &str, bytes: &[u8]| {
        let path = elsewhere.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    };
    let mut altered = good.clone();
    // The number that a document begins with.
    let written = [1_u64.to_be_bytes().as_slice(), &[0; 400]].concat();
    let within = altered.windows(written.len()).rposition(|bytes| bytes == written).unwrap();
    altered[within + 7] = 2;
    let foreign = elsewhere.path().join("foreign.db");
    rusqlite::Connection::open(&foreign).unwrap().execute_batch("CREATE TABLE other (x)").unwrap();
    for (from, words) in [
        (elsewhere.path().join("none"), "could not read the backup"),
        (elsewhere.path().to_owned(), "could not read the backup"),
        (file("empty", b""), "it is damaged"),
        (file("text", &b"something else altogether ".repeat(100)), "it is damaged"),
        (file("half", &good[..good.len() / 2]), "it is damaged"),
        (file("short", &good[..good.len() - 4_096]), "it is damaged"),
        (file("altered", &altered), "not as they were written"),
        (foreign, "another program"),
    ] {
        let error = restore(directory.path(), &from).unwrap_err();
        assert!(whole(&error).contains(words), "{}: {}", from.display(), whole(&error));
        assert!(whole(&error).contains(from.to_str().unwrap()), "{}", whole(&error));
    }
    assert_eq!(number_in(directory.path()).await, 2);
    assert_eq!(names(directory.path()), ["anteroom.db", "anteroom.lock"]);
}

#[tokio::test]
async fn backup_copied_by_hand_beside_an_old_log_is_refused_before_the_log_spoils_it() {
    let (_elsewhere, backup) = backup_of(1).await;
    let directory = tempdir().unwrap();
    let store = embedded::open(directory.path()).unwrap();
    save_number(&store, "room", 2, None).await;
    // As a process that was killed leaves it, and an operator who knows no better puts a backup there.
    let left = tempdir().unwrap();
    let log = format!("{FILE_NAME}-wal");
    fs::copy(directory.path().join(&log), left.path().join(&log)).unwrap();
    fs::copy(&backup, left.path().join(FILE_NAME)).unwrap();
    let error = embedded::open(left.path()).unwrap_err();
    assert!(matches!(error, OpenError::ForeignLog { .. }), "{error}");
    assert_eq!(fs::read(left.path().join(FILE_NAME)).unwrap(), fs::read(&backup).unwrap());
    fs::remove_file(left.path().join(&log)).unwrap();
    assert_eq!(number_in(left.path()).await, 1);
}

#[tokio::test]
async fn data_directory_copied_as_a_whole_is_restored_with_its_log() {
    let directory = tempdir().unwrap();
    let store = embedded::open(directory.path()).unwrap();
    save_number(&store, "room", 5, None).await;
    let copied = tempdir().unwrap();
    for name in [FILE_NAME.to_owned(), format!("{FILE_NAME}-wal")] {
        fs::copy(directory.path().join(&name), copied.path().join(&name)).unwrap();
    }
    let other = tempdir().unwrap();
    restore(other.path(), &copied.path().join(FILE_NAME)).unwrap();
    assert_eq!(number_in(other.path()).await, 5);
}
