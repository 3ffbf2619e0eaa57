//! Whatever is wrong is told in words that say what to do, with exit code 1.

use std::fs;
use std::net::TcpListener;
use std::path::Path;

use crate::support::{Place, Program, ROOM_AND_PLATFORM};

fn refused(part: &str, place: &Place, words: &[&str]) {
    Program::part(part, &place.settings()).ended().assert_refused(words);
}

/// Runs everything once, so that there is an installation.
fn set_up(place: &Place) {
    let mut program = Program::part("all", &place.settings());
    program.wait_for("the waiting room is at ");
    program.terminate();
    assert_eq!(program.ended().status.code(), Some(0));
}

#[test]
fn settings_file_that_is_not_there_is_named() {
    let path = Path::new("/no/such/anteroom.toml");
    Program::part("all", path).ended().assert_refused(&["/no/such/anteroom.toml", "--config", "because"]);
}

#[test]
fn all_mistakes_of_a_settings_file_are_told_at_once() {
    let place = Place::new("[gateway]\nupstrem = \"http://127.0.0.1:1\"\n[log]\nlevel = 3\n");
    refused(
        "all",
        &place,
        &["2 mistakes", "gateway.upstrem", "did you mean upstream?", "log.level: found 3"],
    );
}

#[test]
fn data_directory_that_cannot_be_one_is_named() {
    let place = Place::new("");
    fs::write(place.data_dir(), "a file").unwrap();
    refused("all", &place, &[place.data_dir().to_str().unwrap(), "data_dir", "not a directory"]);
}

#[test]
fn data_directory_that_cannot_be_made_is_named() {
    let place = Place::new("");
    let settings = fs::read_to_string(place.settings()).unwrap();
    // Nothing can be made there, not even by root.
    let settings = settings.replace(place.data_dir().to_str().unwrap(), "/proc/anteroom-data");
    fs::write(place.settings(), settings).unwrap();
    refused("room", &place, &["/proc/anteroom-data", "cannot write", "because"]);
}

#[test]
fn taken_port_is_told_with_the_setting_that_names_it() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for (section, part) in [("room", "room"), ("platform", "platform")] {
        let place = Place::new("");
        place.set(&format!("[{section}]\nlisten = \"{address}\"\n"));
        refused(part, &place, &[&address, &format!("{section}.listen"), "because"]);
        assert!(!place.data_dir().exists(), "nothing is made before the ports are had");
    }
}

#[test]
fn missing_certificate_is_told_by_check_and_at_the_start() {
    let place = Place::new("");
    place.set(
        "[room]\nlisten = \"\"\ntls_listen = \"127.0.0.1:0\"\ntls_certificate = \"/no/cert.pem\"\ntls_key = \"/no/key.pem\"\n",
    );
    refused("room", &place, &["/no/cert.pem", "PEM", "because"]);
    refused("check", &place, &["/no/cert.pem"]);
}

#[test]
fn gateway_without_a_site_says_what_is_missing() {
    refused("gateway", &Place::new(""), &["gateway.upstream"]);
}

#[test]
fn gateway_without_credentials_says_where_they_come_from() {
    let place = Place::new("[gateway]\nlisten = \"127.0.0.1:0\"\nupstream = \"http://127.0.0.1:1\"\n");
    refused("gateway", &place, &["credentials.json", "gateway.credentials_file", "because"]);
}

#[test]
fn credentials_that_are_none_are_told() {
    let place = Place::new("");
    fs::create_dir(place.data_dir()).unwrap();
    fs::write(place.data_dir().join("credentials.json"), "{\"customerId\": \"acme\"}").unwrap();
    refused("all", &place, &["credentials.json", "secretKey", "because"]);
}

#[test]
fn wrong_secret_key_is_refused_before_anybody_waits_for_nothing() {
    let place = Place::new("[gateway]\nlisten = \"127.0.0.1:0\"\nupstream = \"http://127.0.0.1:1\"\n");
    set_up(&place);
    let mut credentials = place.credentials();
    credentials["secretKey"] = "another".into();
    fs::write(place.data_dir().join("credentials.json"), credentials.to_string()).unwrap();
    refused("all", &place, &["secret key", "credentials.json", "acme"]);
}

#[test]
fn another_master_key_is_refused_and_harms_nothing() {
    let place = Place::new("");
    set_up(&place);
    let path = place.data_dir().join("master.key");
    let kept = fs::read(&path).unwrap();
    fs::write(&path, "ab".repeat(32)).unwrap();
    refused("all", &place, &["master.key", "because"]);
    fs::write(&path, "not a key").unwrap();
    refused("all", &place, &["master.key", "because"]);
    fs::write(&path, kept).unwrap();
    set_up(&place);
}

#[test]
fn new_account_beside_another_ones_credentials_is_refused() {
    let place = Place::new("");
    set_up(&place);
    place.set(&ROOM_AND_PLATFORM.replace("acme", "other"));
    refused("all", &place, &["credentials.json", "acme", "other"]);
}

#[test]
fn database_that_is_none_is_told() {
    let place = Place::new("");
    set_up(&place);
    let path = place.data_dir().join("anteroom.db");
    fs::write(&path, "this is no database, whatever its name says".repeat(100)).unwrap();
    refused("all", &place, &["anteroom.db", "backup"]);
}
