//! A backup made of a running installation, put back after the newest of the store is lost: the tickets that visitors
//! hold know what the backup does not.

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use crate::line::{
    Counter, OUTFLOW_OF_ADMITTING, VISITORS, Visitor, World, admit_all, ask, assert_no_window_over_the_limit,
    join,
};
use crate::support::{Ended, Http, Place, Program};

fn back_up(settings: &Path, to: &Path) -> Ended {
    run("backup", settings, "--to", to)
}

fn restore(settings: &Path, from: &Path) -> Ended {
    run("restore", settings, "--from", from)
}

fn run(command: &str, settings: &Path, option: &str, file: &Path) -> Ended {
    let arguments =
        [command.as_ref(), "--config".as_ref(), settings.as_os_str(), option.as_ref(), file.as_os_str()];
    Program::start(&arguments).ended()
}

fn assert_done(ended: &Ended) {
    assert_eq!(ended.status.code(), Some(0), "{}", ended.errors);
}

/// An installation that ran once, and a backup of it.
fn backed_up() -> (Place, std::path::PathBuf) {
    let place = Place::new("");
    let mut program = Program::part("all", &place.settings());
    program.wait_for("the waiting room is at ");
    let to = place.data_dir().with_file_name("backup.db");
    assert_done(&back_up(&place.settings(), &to));
    program.terminate();
    assert_eq!(program.ended().status.code(), Some(0));
    (place, to)
}

#[tokio::test(flavor = "multi_thread")]
async fn i3_tickets_newer_than_the_backup_that_was_put_back_keep_their_places() {
    const BEFORE: usize = 60;
    const AFTER: usize = 60;
    let mut world = World::new().await;
    let settings = world.place.settings();
    let (told, _count) = Counter::new();
    let mut visitors = join(BEFORE, &world.base, &world.key, &told).await;
    let backup = settings.with_file_name("backup.db");
    let (base, key) = (world.base.clone(), world.key.clone());
    let joining = tokio::spawn(async move { join(AFTER, &base, &key, &told).await });
    assert_done(&tokio::task::block_in_place(|| back_up(&settings, &backup)));
    visitors.extend(joining.await.unwrap());

    tokio::task::block_in_place(|| {
        let refused = restore(&settings, &backup);
        refused.assert_refused(&["a process uses the store", "stop every anteroom process"]);
        world.kill();
        let restored = restore(&settings, &backup);
        assert_done(&restored);
        assert!(restored.output.contains("before-restore-1"), "{}", restored.output);
        world.start();
    });
    // Everybody asks, those who came last first. All that is known of their places is in their tickets.
    visitors.sort_by_key(|visitor| std::cmp::Reverse(visitor.tag()));
    let http = Http::new();
    for visitor in &visitors {
        let (answer, _) = ask(&http, &world.base, visitor).await;
        if answer["state"] == "waiting" {
            let ahead = answer["peopleAhead"].as_u64().unwrap();
            assert!(ahead <= visitor.tag(), "{ahead} are ahead of the holder of place {}", visitor.tag());
        }
    }
    // Who joins now comes after all of them.
    let (told, _count) = Counter::new();
    let newcomers = join(20, &world.base, &world.key, &told).await;
    let last = visitors[0].tag();
    assert!(newcomers.iter().all(|visitor| visitor.tag() > last));
    visitors.extend(newcomers);
    let places: HashSet<u64> = visitors.iter().map(|visitor| visitor.tag()).collect();
    assert_eq!(places.len(), visitors.len(), "no two hold the same place");
}

#[tokio::test(flavor = "multi_thread")]
async fn i1_no_burst_follows_when_a_backup_is_put_back_that_knows_nothing_of_the_newest_admissions() {
    let mut world = World::new().await;
    let settings = world.place.settings();
    let (told, _count) = Counter::new();
    let mut visitors = join(VISITORS, &world.base, &world.key, &told).await;
    visitors.retain(|visitor: &Visitor| !visitor.went_straight_through);
    world.call_everybody(OUTFLOW_OF_ADMITTING).await;
    let backup = settings.with_file_name("backup.db");
    assert_done(&tokio::task::block_in_place(|| back_up(&settings, &backup)));

    // The burst goes in, and more for longer than a store is thought to lose without being told. The backup, which does
    // not know, would let in another burst at once.
    let (admitted, mut count) = Counter::new();
    let (base, waiting, counted) = (world.base.clone(), visitors.clone(), Arc::clone(&admitted));
    let admitting = tokio::spawn(async move { admit_all(&base, &waiting, &counted).await });
    count.wait_for(|count| *count >= 165).await.unwrap();
    tokio::task::block_in_place(|| {
        world.kill();
        assert_done(&restore(&settings, &backup));
        world.start();
    });
    let admissions = admitting.await.unwrap();
    assert_eq!(admissions.len(), visitors.len());
    assert_no_window_over_the_limit(&admissions);
}

#[test]
fn backup_says_what_it_holds_and_what_it_does_not() {
    let (place, to) = backed_up();
    let again = back_up(&place.settings(), &to);
    again.assert_refused(&["is there already", to.to_str().unwrap()]);
    let nowhere = Place::new("");
    back_up(&nowhere.settings(), &to.with_file_name("other.db")).assert_refused(&["there is no store"]);
    assert!(!nowhere.data_dir().exists());
    let ended = back_up(&place.settings(), &to.with_file_name("other.db"));
    assert!(ended.output.contains("keep a copy of that elsewhere"), "{}", ended.output);
    assert!(ended.output.contains("documents"), "{}", ended.output);
}

#[test]
fn backup_is_not_put_beside_a_master_key_that_does_not_open_it() {
    let (place, backup) = backed_up();
    let key = place.data_dir().join("master.key");
    let kept = fs::read(&key).unwrap();
    let store = fs::read(place.data_dir().join("anteroom.db")).unwrap();

    fs::remove_file(&key).unwrap();
    restore(&place.settings(), &backup).assert_refused(&["there is no master key", "copy it there"]);
    fs::write(&key, "ab".repeat(32)).unwrap();
    restore(&place.settings(), &backup).assert_refused(&["account acme", "master.key", "because"]);
    assert_eq!(fs::read(place.data_dir().join("anteroom.db")).unwrap(), store, "nothing was replaced");

    // On another machine: the key first, then the backup.
    fs::remove_dir_all(place.data_dir()).unwrap();
    fs::create_dir(place.data_dir()).unwrap();
    fs::write(&key, kept).unwrap();
    let ended = restore(&place.settings(), &backup);
    assert_done(&ended);
    assert!(!ended.output.contains("before-restore"), "{}", ended.output);
    let mut program = Program::part("all", &place.settings());
    program.wait_for("account acme, kept in");
    program.wait_for("the waiting room is at ");
}

#[test]
fn damaged_store_is_told_by_check_and_at_the_start_and_a_backup_mends_it() {
    let (place, backup) = backed_up();
    let arguments = |settings: &Path| {
        ["check".into(), "--store".into(), "--config".into(), settings.as_os_str().to_owned()]
    };
    let sound = Program::start(&arguments(&place.settings())).ended();
    assert_done(&sound);
    assert!(sound.output.contains("is sound"), "{}", sound.output);

    let file = place.data_dir().join("anteroom.db");
    let mut bytes = fs::read(&file).unwrap();
    let length = bytes.len();
    bytes[length / 2..].fill(0xa5);
    fs::write(&file, bytes).unwrap();
    let words = ["anteroom.db", "damaged", "anteroom restore"];
    Program::start(&arguments(&place.settings())).ended().assert_refused(&words);
    Program::part("all", &place.settings()).ended().assert_refused(&words);
    back_up(&place.settings(), &backup.with_file_name("other.db")).assert_refused(&["damaged"]);

    assert_done(&restore(&place.settings(), &backup));
    let mut program = Program::part("all", &place.settings());
    program.wait_for("the waiting room is at ");
}
