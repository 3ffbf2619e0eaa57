//! The directory follows what is saved, and keeps what it has when the store or a record fails.

use std::sync::Arc;
use std::time::Duration;

use anteroom_protocol::redirect::AllowedHosts;
use anteroom_store::backend::{Backend, Key, Write};
use anteroom_store::directory::{AccountEntry, Directory};
use anteroom_store::documents::Memory;
use anteroom_store::embedded;
use anteroom_store::records::{Account, Change, Records};

use crate::support::{Moody, SECRET_KEY, account, audit, customer, records, room, until};

async fn edit(records: &Records, edit: impl FnOnce(&mut Account)) {
    let mut kept = records.account(&customer("demo")).await.unwrap().unwrap();
    edit(&mut kept.value);
    let change = Change::Account { expected: kept.version, account: kept.value };
    records.commit(&customer("demo"), change, audit("edited")).await.unwrap();
}

fn entry(directory: &Directory, name: &str) -> Option<Arc<AccountEntry>> {
    directory.account(&customer(name))
}

fn name_of(directory: &Directory) -> String {
    entry(directory, "demo").unwrap().display_name.clone()
}

async fn overwrite(store: &impl Backend, segment: &str, name: &str, bytes: &[u8]) {
    let key = Key::new(segment, name);
    let found = store.load(vec![key.clone()]).await.unwrap().documents.remove(0);
    let expected = found.map(|document| document.version);
    store.save(vec![Write { key, expected, bytes: bytes.to_vec(), expires_at: None }]).await.unwrap();
}

async fn create_demo(records: &Records) {
    records.create_account(&account("demo"), audit("created")).await.unwrap();
}

#[tokio::test]
async fn account_is_found_with_its_key_hosts_and_rooms() {
    let records = records(&Memory::new());
    create_demo(&records).await;
    let directory = Directory::start(records).await.unwrap();
    let entry = entry(&directory, "demo").unwrap();
    assert_eq!(entry.room(&"spring24".parse().unwrap()).map(|found| &**found), Some(&room("spring24")));
    assert!(entry.room(&"autumn24".parse().unwrap()).is_none());
    assert_eq!(entry.allowed_hosts, AllowedHosts::parse(&["shop.example".to_owned()]).unwrap());
    let mac = entry.key.sign(&[b"x"]);
    assert!(anteroom_protocol::mac::Key::new(SECRET_KEY.as_bytes()).verifies(&[b"x"], mac.as_bytes()));
    assert!(directory.account(&customer("acme")).is_none());
    assert!(!format!("{directory:?}").contains(SECRET_KEY));
}

#[tokio::test]
async fn change_by_another_process_shows() {
    let folder = tempfile::tempdir().unwrap();
    let platform = records(&embedded::open(folder.path()).unwrap());
    let directory = Directory::start(records(&embedded::open(folder.path()).unwrap())).await.unwrap();
    create_demo(&platform).await;
    until(|| entry(&directory, "demo").is_some()).await;
    edit(&platform, |account| account.rooms.push(room("summer24"))).await;
    until(|| entry(&directory, "demo").unwrap().rooms.len() == 2).await;
}

#[tokio::test]
async fn entry_stays_when_its_record_is_damaged_and_follows_again_when_mended() {
    let memory = Memory::new();
    let records = records(&memory);
    create_demo(&records).await;
    records.create_account(&account("acme"), audit("created")).await.unwrap();
    let directory = Directory::start(records.clone()).await.unwrap();
    let good = memory.documents();

    overwrite(&memory, "account:demo", "account", b"garbage").await;
    records.commit(&customer("demo"), Change::Note, audit("damaged")).await.unwrap();
    // Accounts are compared together: once what was saved later shows, the damage has been seen too.
    let mut acme = records.account(&customer("acme")).await.unwrap().unwrap();
    acme.value.display_name = "Renamed".to_owned();
    let change = Change::Account { expected: acme.version, account: acme.value };
    records.commit(&customer("acme"), change, audit("renamed")).await.unwrap();
    until(|| entry(&directory, "acme").unwrap().display_name == "Renamed").await;
    assert_eq!(name_of(&directory), "Acme Tickets");

    memory.restore(good);
    edit(&records, |account| account.display_name = "Mended".to_owned()).await;
    until(|| name_of(&directory) == "Mended").await;
}

#[tokio::test]
async fn damaged_account_is_left_out_at_the_start_and_the_others_are_served() {
    let memory = Memory::new();
    let records = records(&memory);
    create_demo(&records).await;
    let hosts = Account { allowed_hosts: vec!["no host/".to_owned()], ..account("hosts") };
    records.create_account(&hosts, audit("created")).await.unwrap();
    records.create_account(&account("damaged"), audit("created")).await.unwrap();
    overwrite(&memory, "account:damaged", "account", b"garbage").await;
    let directory = Directory::start(records).await.unwrap();
    assert!(entry(&directory, "demo").is_some());
    assert!(entry(&directory, "hosts").is_none() && entry(&directory, "damaged").is_none());
}

#[tokio::test(start_paused = true)]
async fn entries_stay_while_the_store_is_down_and_a_lost_wake_up_is_made_good() {
    let store = Moody::new();
    let records = records(&store);
    create_demo(&records).await;
    let directory = Directory::start(records.clone()).await.unwrap();

    store.set_down(true);
    let asked = store.loads();
    until_after(Duration::from_millis(10), || store.loads() > asked + 3).await;
    assert_eq!(name_of(&directory), "Acme Tickets");
    store.set_down(false);

    // Another store's contents, of which no watch tells: as if the wake-ups had been lost.
    let elsewhere = Memory::new();
    elsewhere.restore(store.memory.documents());
    edit(&crate::support::records(&elsewhere), |account| account.display_name = "Renamed".to_owned()).await;
    store.memory.restore(elsewhere.documents());
    let begun = tokio::time::Instant::now();
    until_after(Duration::from_millis(10), || name_of(&directory) == "Renamed").await;
    assert!(begun.elapsed() <= Duration::from_millis(1_100), "{:?}", begun.elapsed());
}

/// Lets the paused clock go on in steps until something is so.
async fn until_after(step: Duration, mut is_so: impl FnMut() -> bool) {
    for _ in 0..10_000 {
        if is_so() {
            return;
        }
        tokio::time::advance(step).await;
    }
    panic!("it did not come true");
}

#[tokio::test]
async fn store_that_is_down_at_the_start_is_an_error() {
    let store = Moody::new();
    store.set_down(true);
    assert!(Directory::start(records(&store)).await.is_err());
}

#[tokio::test]
async fn task_ends_with_the_last_directory() {
    let store = Moody::new();
    let backend: Arc<dyn Backend> = Arc::new(store);
    let weak = Arc::downgrade(&backend);
    let records = Records::new(backend, crate::support::master_key());
    create_demo(&records).await;
    let directory = Directory::start(records).await.unwrap();
    let clone = directory.clone();
    drop(directory);
    tokio::task::yield_now().await;
    assert!(weak.upgrade().is_some() && entry(&clone, "demo").is_some());
    drop(clone);
    until(|| weak.upgrade().is_none()).await;
}
