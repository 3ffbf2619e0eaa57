//! A disk that has no room left, or cannot be written. Needs the right to mount a small one; where that is missing, the
//! tests say so and prove nothing. That the store itself takes "full" for an answer is also tested beside it.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use http::{Method, StatusCode};

use crate::line::{Counter, ROOM, World, ask, join, placed};
use crate::support::{Http, Place, Program};

/// A file system of its own in memory. Gone when dropped.
struct SmallDisk {
    path: PathBuf,
}

impl SmallDisk {
    /// Mounts one here; none when this user may not.
    fn mount(path: &Path, kibibytes: u32) -> Option<Self> {
        fs::create_dir(path).unwrap();
        let options = format!("size={kibibytes}k,mode=0700");
        let mount =
            Command::new("mount").args(["-t", "tmpfs", "-o", &options, "anteroom-test"]).arg(path).output();
        if mount.as_ref().is_ok_and(|output| output.status.success()) {
            return Some(Self { path: path.to_owned() });
        }
        let note = format!("NOT TESTED: a small disk cannot be mounted here ({mount:?}); run this as root\n");
        std::io::stderr().write_all(note.as_bytes()).unwrap();
        None
    }

    fn remount(&self, options: &str) {
        let options = format!("remount,{options}");
        let status = Command::new("mount").args(["-o", &options]).arg(&self.path).status().unwrap();
        assert!(status.success(), "{options}");
    }

    /// Leaves no room.
    fn fill(&self) {
        let mut file = File::create(self.filler()).unwrap();
        while file.write_all(&[1; 4_096]).is_ok() {}
    }

    fn make_room(&self) {
        fs::remove_file(self.filler()).unwrap();
    }

    fn filler(&self) -> PathBuf {
        self.path.join("filler")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // At once, even if something is still open there.
        let _ = Command::new("umount").arg("-l").arg(&self.path).status();
        let _ = fs::remove_dir_all(&self.path);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn i3_full_disk_costs_nobody_the_place_and_the_room_recovers_by_itself() {
    let place = Place::new("");
    let Some(disk) = SmallDisk::mount(&place.data_dir(), 2_048) else { return };
    let mut world = World::in_place(place).await;
    let (told, _count) = Counter::new();
    let mut visitors = join(20, &world.base, &world.key, &told).await;
    disk.fill();

    // Places are given for as long as they can be kept.
    let http = Http::new();
    let url = format!("{}/?c=acme&e={ROOM}", world.base);
    let refusal = loop {
        let asked_at = std::time::Instant::now();
        let answer = http.ask(Method::GET, &url, &[], None).await.unwrap();
        match placed(&answer, &world.key, asked_at) {
            Some(visitor) => visitors.push(visitor),
            None => break answer,
        }
    };
    assert_eq!(refusal.status, StatusCode::SERVICE_UNAVAILABLE, "{:?}", refusal.body);
    let page = String::from_utf8_lossy(&refusal.body).into_owned();
    assert!(page.contains("<html") && !page.contains("SQLite"), "a calm page, without our inside: {page}");
    // Those who wait are answered from memory, and keep what they have.
    let last = visitors.last().unwrap();
    let (answer, _) = ask(&http, &world.base, last).await;
    assert_eq!(answer["state"], "waiting", "{answer}");

    disk.make_room();
    let (told, _count) = Counter::new();
    visitors.extend(join(20, &world.base, &world.key, &told).await);
    tokio::task::block_in_place(|| {
        world.kill();
        world.start();
    });
    for visitor in &visitors {
        let (answer, _) = ask(&http, &world.base, visitor).await;
        assert_eq!(answer["queueId"], visitor.ticket.queue_id.to_string(), "{answer}");
    }
    let places: HashSet<u64> = visitors.iter().map(|visitor| visitor.tag()).collect();
    assert_eq!(places.len(), visitors.len(), "no two hold the same place");
}

#[test]
fn full_disk_is_told_at_the_start_and_by_a_backup() {
    let place = Place::new("");
    let Some(disk) = SmallDisk::mount(&place.data_dir(), 1_024) else { return };
    disk.fill();
    let words =
        ["no room is left on the disk", place.data_dir().to_str().unwrap(), "free some"].map(str::to_owned);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    Program::part("all", &place.settings()).ended().assert_refused(&words);

    disk.make_room();
    let mut program = Program::part("all", &place.settings());
    program.wait_for("the waiting room is at ");
    program.terminate();
    assert_eq!(program.ended().status.code(), Some(0));
    disk.fill();
    Program::part("all", &place.settings()).ended().assert_refused(&words);

    disk.make_room();
    let backups = place.data_dir().with_file_name("backups");
    let Some(_disk) = SmallDisk::mount(&backups, 16) else { return };
    let to = backups.join("backup.db");
    let (config, file) = (place.settings().into_os_string(), to.into_os_string());
    let arguments = ["backup".into(), "--config".into(), config, "--to".into(), file];
    Program::start(&arguments).ended().assert_refused(&["backup.db", "free some room"]);
    assert_eq!(fs::read_dir(&backups).unwrap().count(), 0, "nothing is left of it");
}

#[test]
fn disk_that_cannot_be_written_is_told_at_the_start() {
    let place = Place::new("");
    let Some(disk) = SmallDisk::mount(&place.data_dir(), 1_024) else { return };
    let mut program = Program::part("all", &place.settings());
    program.wait_for("the waiting room is at ");
    program.terminate();
    assert_eq!(program.ended().status.code(), Some(0));
    disk.remount("ro");
    let refused = Program::part("all", &place.settings()).ended();
    refused.assert_refused(&["cannot write to the data directory", place.data_dir().to_str().unwrap()]);
    disk.remount("rw");
    Program::part("all", &place.settings()).wait_for("the waiting room is at ");
}
