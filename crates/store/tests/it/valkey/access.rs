//! Users and passwords.

use anteroom_store::backend::{Backend, Key, Saved, Write};
use anteroom_store::valkey::{Addresses, Options, connect};

use super::server::Server;
use crate::support::whole;

const GUIDE: &str = include_str!("../../../../../docs/operators.md");

fn addresses(server: &Server, user: &str) -> Addresses {
    let url = format!("redis://{user}@127.0.0.1:{}/0", server.port);
    Addresses { url, ..Addresses::default() }
}

/// The rules are those of the guide, word for word.
#[tokio::test]
async fn user_who_may_do_what_the_guide_lists_is_enough() {
    let server = Server::durable();
    let rules =
        GUIDE.lines().find_map(|line| line.strip_prefix("ACL SETUSER anteroom on >PASSWORD ")).unwrap();
    let mut words = vec!["ACL", "SETUSER", "anteroom", "on", ">hunter2"];
    words.extend(rules.split_whitespace());
    assert_eq!(server.ask(&words).trim(), "OK");
    let servers = addresses(&server, "anteroom:hunter2").servers().unwrap();
    let store = connect(&servers, Options { wait_replicas: 0, ..Options::default() }).await.unwrap();
    let mut watch = store.watch("room");
    let write = Write { key: Key::new("room", "a"), expected: None, bytes: b"1".to_vec(), expires_at: None };
    let Saved::Done { version, .. } = store.save(vec![write]).await.unwrap() else { panic!("refused") };
    watch.wait_for(|&told| told == version.0).await.unwrap();
    // What is told on the channel comes through as well: another process hears of it before it looks.
    let other = connect(&servers, Options::default()).await.unwrap();
    assert!(other.load(vec![Key::new("room", "a")]).await.unwrap().documents[0].is_some());
    assert!(
        !store.warnings().iter().any(|warning| warning.contains("does not say")),
        "{:?}",
        store.warnings()
    );
    let refusals = server.ask(&["ACL", "LOG"]);
    assert_eq!(refusals.trim(), "", "nothing was refused");
}

#[tokio::test]
async fn wrong_password_is_told_at_once_and_not_shown() {
    let server = Server::start(&["--requirepass", "correct"]);
    let servers = addresses(&server, ":hunter2").servers().unwrap();
    let begun = std::time::Instant::now();
    let error = connect(&servers, Options::default()).await.unwrap_err();
    let told = whole(&error);
    assert!(told.contains("check the user and the password") && !told.contains("hunter2"), "{told}");
    assert!(begun.elapsed() < std::time::Duration::from_secs(5), "there is nothing to wait for");
}
