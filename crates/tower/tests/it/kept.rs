//! The copy on disk: what a start without the platform begins with.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;

use anteroom_tower::{Connector, ConnectorSettings, Source};
use tokio::net::TcpListener;

use crate::platform::{Platform, Says};
use crate::world::{
    ask, assert_queued, assert_reached_site, document, document_of, get, says, settings, until,
};

struct Disk {
    folder: tempfile::TempDir,
}

impl Disk {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("config.json")
    }

    fn settings(&self, platform_url: String) -> ConnectorSettings {
        ConnectorSettings { keep_file: Some(self.file()), ..settings(platform_url) }
    }
}

async fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

#[tokio::test]
async fn i8_config_survives_a_restart_with_the_platform_down() {
    let disk = Disk::new();
    let mut platform = Platform::open(says(document(3, "/tickets"), "\"3\"")).await;
    let first = Connector::start(disk.settings(platform.url())).unwrap();
    // The next question is put once the answer to the last is in force and kept.
    platform.asked(|question| question.header("x-anteroom-running-version") == Some("3")).await;
    assert_eq!(fs::read(disk.file()).unwrap(), document(3, "/tickets"));
    drop(first);

    let second = Connector::start(disk.settings(format!("http://{}", nobody().await))).unwrap();
    // At once: no answer of anybody was waited for.
    assert_eq!(second.status().running_version, Some(3));
    assert_eq!(second.status().source, Some(Source::Kept));
    assert_queued(&ask(&second, get("http://shop.example/tickets")).await);
    let status = until(&second, |status| status.last_error.is_some()).await;
    assert!(status.last_error.as_deref().unwrap().contains("could not be reached"), "{status:?}");
    assert_queued(&ask(&second, get("http://shop.example/tickets")).await);
}

#[tokio::test]
async fn i9_copy_that_cannot_be_used_is_set_aside_and_replaced() {
    let old = document(3, "/tickets");
    for (what, bytes) in [
        ("empty", &b""[..]),
        ("half", &old[..old.len() / 2]),
        ("no text", b"\xff\xfe"),
        ("another account's", &document_of("other", 3, "/tickets")),
    ] {
        let disk = Disk::new();
        fs::write(disk.file(), bytes).unwrap();
        let mut platform = Platform::open(Says::Nothing).await;
        let connector = Connector::start(disk.settings(platform.url())).unwrap();
        let status = connector.status();
        assert_eq!(status.running_version, None, "{what}");
        assert!(
            status.last_error.as_deref().unwrap().contains("the kept copy is set aside"),
            "{what}: {status:?}"
        );
        let response = ask(&connector, get("http://shop.example/tickets")).await;
        assert_reached_site(&response);
        assert_eq!(response.headers()["x-queueit-failed"], "true");

        platform.say(says(document(4, "/tickets"), "\"4\""));
        platform.asked(|question| question.header("x-anteroom-running-version") == Some("4")).await;
        assert_eq!(connector.status().last_error, None, "{what}");
        assert_eq!(fs::read(disk.file()).unwrap(), document(4, "/tickets"), "{what}");
    }
}

#[tokio::test]
async fn i9_disk_that_cannot_be_used_is_named_and_keeps_nobody_waiting() {
    let disk = Disk::new();
    // A folder where the file should be can be neither read nor replaced.
    fs::create_dir(disk.file()).unwrap();
    let platform = Platform::open(says(document(3, "/tickets"), "\"3\"")).await;
    let connector = Connector::start(disk.settings(platform.url())).unwrap();
    let path = disk.file().display().to_string();
    assert!(connector.status().last_error.unwrap().contains(&format!("{path} could not be read")));
    let status = until(&connector, |status| {
        status.running_version == Some(3)
            && status.last_error.as_deref().is_some_and(|error| error.contains("could not be kept"))
    })
    .await;
    assert!(status.last_error.unwrap().contains(&path));
    assert_queued(&ask(&connector, get("http://shop.example/tickets")).await);
}
