//! Typed records: what is kept of accounts, and what happens when several change them or a process dies in between.

use std::sync::Arc;
use std::time::Duration;

use anteroom_protocol::time::Timestamp;
use anteroom_store::backend::{Backend, Key, Version, Write};
use anteroom_store::documents::Memory;
use anteroom_store::embedded;
use anteroom_store::master_key::MasterKey;
use anteroom_store::records::{
    AUDIT_ENTRIES_MAX, AUDIT_TEXT_BYTES_MAX, Account, Change, ConfigVersion, Draft, Kept, Operator,
    RecordError, Records, Session, VERSIONS_PER_LIST_MAX,
};
use serde_json::json;

use crate::support::{Moody, SECRET_KEY, account, audit, customer, master_key, records, room, whole};

fn version(number: u64) -> ConfigVersion {
    ConfigVersion {
        version: number,
        description: "open the spring sale".to_owned(),
        published_by: "ada".to_owned(),
        published_at: Timestamp::from_seconds(number),
        document: Arc::from(format!("{{\"Version\":{number},\n\"x\":\"\u{7f}\\n\"}}").as_bytes()),
    }
}

fn draft(text: &str) -> Draft {
    Draft { description: text.to_owned(), integrations: vec![json!({"Name": text, "Triggers": [{"Id": 1}]})] }
}

async fn demo(records: &Records) -> Kept<Account> {
    records.create_account(&account("demo"), audit("created the account")).await.unwrap();
    records.account(&customer("demo")).await.unwrap().unwrap()
}

async fn commit(records: &Records, change: Change) -> Result<Version, RecordError> {
    records.commit(&customer("demo"), change, audit("changed it")).await
}

async fn raw(memory: &Memory, segment: &str, name: &str) -> Option<String> {
    let loaded = memory.load(vec![Key::new(segment, name)]).await.unwrap();
    let document = loaded.documents.into_iter().next().flatten();
    document.map(|document| String::from_utf8_lossy(&document.bytes).into_owned())
}

async fn put_raw(memory: &Memory, segment: &str, name: &str, bytes: &[u8]) {
    let key = Key::new(segment, name);
    let found = memory.load(vec![key.clone()]).await.unwrap().documents.remove(0);
    let expected = found.map(|document| document.version);
    memory.save(vec![Write { key, expected, bytes: bytes.to_vec(), expires_at: None }]).await.unwrap();
}

#[tokio::test]
async fn account_is_kept_as_it_was_given_and_listed() {
    let records = records(&Memory::new());
    assert_eq!(records.accounts().await.unwrap(), []);
    assert_eq!(records.account(&customer("demo")).await.unwrap(), None);
    assert_eq!(demo(&records).await.value, account("demo"));
    records.create_account(&account("acme"), audit("created the account")).await.unwrap();
    assert_eq!(records.accounts().await.unwrap(), [customer("acme"), customer("demo")]);
    assert_eq!(records.audit(&customer("demo"), 10).await.unwrap(), [audit("created the account")]);
}

#[tokio::test]
async fn records_survive_in_the_embedded_store() {
    let directory = tempfile::tempdir().unwrap();
    {
        let records = records(&embedded::open(directory.path()).unwrap());
        let kept = demo(&records).await;
        let changed = Account { display_name: "Renamed".to_owned(), ..kept.value };
        commit(&records, Change::Account { expected: kept.version, account: changed }).await.unwrap();
        commit(&records, Change::Publish { version: version(1), draft: None }).await.unwrap();
    }
    let records = records(&embedded::open(directory.path()).unwrap());
    let found = records.account(&customer("demo")).await.unwrap().unwrap().value;
    assert_eq!(found, Account { display_name: "Renamed".to_owned(), ..account("demo") });
    assert_eq!(records.version(&customer("demo"), 1).await.unwrap(), Some(version(1)));
    assert_eq!(records.audit(&customer("demo"), 10).await.unwrap().len(), 3);
}

#[tokio::test]
async fn account_of_a_taken_name_is_refused_and_changes_nothing() {
    let records = records(&Memory::new());
    let kept = demo(&records).await;
    let other = Account { display_name: "Somebody else".to_owned(), ..account("demo") };
    for again in [other, account("demo")] {
        let refused = records.create_account(&again, audit("again")).await;
        assert!(matches!(refused, Err(RecordError::Conflict)), "{refused:?}");
    }
    assert_eq!(records.account(&customer("demo")).await.unwrap(), Some(kept));
    assert_eq!(records.audit(&customer("demo"), 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn account_left_unlisted_by_a_crash_is_listed_by_the_next_creation() {
    // The process dies after the first save: the account is there, the list is not.
    for is_same in [true, false] {
        let store = Moody::new();
        store.fail_after_saves(1);
        let first = records(&store).create_account(&account("demo"), audit("first")).await;
        assert!(matches!(first, Err(RecordError::Backend(_))), "{first:?}");
        store.fail_after_saves(usize::MAX);

        let records = records(&store);
        assert_eq!(records.accounts().await.unwrap(), []);
        let again = match is_same {
            true => account("demo"),
            false => Account { display_name: "Somebody else".to_owned(), ..account("demo") },
        };
        let second = records.create_account(&again, audit("second")).await;
        assert_eq!(second.is_ok(), is_same, "{second:?}");
        assert!(is_same || matches!(second, Err(RecordError::Conflict)), "{second:?}");
        assert_eq!(records.accounts().await.unwrap(), [customer("demo")]);
        assert_eq!(records.account(&customer("demo")).await.unwrap().unwrap().value, account("demo"));
    }
}

#[tokio::test]
async fn one_of_many_processes_creates_an_account_and_all_of_different_names_are_listed() {
    const PROCESSES: usize = 8;
    let directory = tempfile::tempdir().unwrap();
    let mut creations = tokio::task::JoinSet::new();
    for process in 0..PROCESSES {
        let records = records(&embedded::open(directory.path()).unwrap());
        creations.spawn(async move {
            let own = account(&format!("own{process}"));
            records.create_account(&own, audit("own")).await.unwrap();
            let shared = Account { display_name: process.to_string(), ..account("shared") };
            match records.create_account(&shared, audit("shared")).await {
                Ok(()) => Some(shared),
                Err(RecordError::Conflict) => None,
                Err(error) => panic!("{error:?}"),
            }
        });
    }
    let created: Vec<Account> = creations.join_all().await.into_iter().flatten().collect();
    let records = records(&embedded::open(directory.path()).unwrap());
    let found = records.account(&customer("shared")).await.unwrap().unwrap().value;
    assert_eq!(created, [found]);
    assert_eq!(records.accounts().await.unwrap().len(), PROCESSES + 1);
}

#[tokio::test]
async fn stale_edit_is_a_conflict_and_leaves_no_trace() {
    let records = records(&Memory::new());
    let Kept { version: expected, value } = demo(&records).await;
    let edit = |name: &str| Account { display_name: name.to_owned(), ..value.clone() };
    let newer = commit(&records, Change::Account { expected, account: edit("one") }).await.unwrap();
    let stale = commit(&records, Change::Account { expected, account: edit("two") }).await;
    assert!(matches!(stale, Err(RecordError::Conflict)), "{stale:?}");
    let found = records.account(&customer("demo")).await.unwrap().unwrap();
    assert_eq!((found.version, found.value), (newer, edit("one")));

    let first = commit(&records, Change::Draft { expected: None, draft: draft("one") }).await.unwrap();
    for expected in [None, Some(expected)] {
        let stale = commit(&records, Change::Draft { expected, draft: draft("two") }).await;
        assert!(matches!(stale, Err(RecordError::Conflict)), "{stale:?}");
    }
    commit(&records, Change::Draft { expected: Some(first), draft: draft("three") }).await.unwrap();
    assert_eq!(records.draft(&customer("demo")).await.unwrap().unwrap().value, draft("three"));
    assert_eq!(records.audit(&customer("demo"), 10).await.unwrap().len(), 4);
}

#[tokio::test]
async fn changes_of_different_things_at_once_are_no_conflict() {
    let directory = tempfile::tempdir().unwrap();
    let store = embedded::open(directory.path()).unwrap();
    let records = records(&store);
    let kept = demo(&records).await;
    let other = Account { display_name: "Renamed".to_owned(), ..kept.value };
    let mut changes = vec![
        Change::Account { expected: kept.version, account: other },
        Change::Draft { expected: None, draft: draft("one") },
        Change::Publish { version: version(1), draft: None },
    ];
    changes.extend((0..5).map(|_| Change::Note));
    let count = changes.len();
    let mut commits = tokio::task::JoinSet::new();
    for change in changes {
        let records = records.clone();
        commits.spawn(async move { commit(&records, change).await.unwrap() });
    }
    let mut versions = commits.join_all().await;
    versions.sort();
    versions.dedup();
    assert_eq!(versions.len(), count);
    assert_eq!(records.audit(&customer("demo"), 100).await.unwrap().len(), count + 1);
}

#[tokio::test]
async fn versions_follow_one_another_and_are_kept_byte_for_byte() {
    let records = records(&Memory::new());
    demo(&records).await;
    let demo = customer("demo");
    assert_eq!(records.head(&demo).await.unwrap(), None);
    assert_eq!(records.versions(&demo, 10).await.unwrap(), []);
    for number in [0, 2] {
        let refused = commit(&records, Change::Publish { version: version(number), draft: None }).await;
        assert!(matches!(refused, Err(RecordError::Conflict)), "{refused:?}");
    }
    for number in 1..=60 {
        commit(&records, Change::Publish { version: version(number), draft: None }).await.unwrap();
    }
    assert_eq!(records.head(&demo).await.unwrap(), Some(60));
    assert_eq!(records.version(&demo, 60).await.unwrap(), Some(version(60)));
    assert_eq!(records.version(&demo, 61).await.unwrap(), None);
    assert_eq!(records.versions(&demo, 2).await.unwrap(), [version(60), version(59)]);
    assert_eq!(records.versions(&demo, usize::MAX).await.unwrap().len(), VERSIONS_PER_LIST_MAX);
}

#[tokio::test]
async fn version_made_of_an_older_draft_is_refused_and_a_publication_leaves_the_draft_alone() {
    let records = records(&Memory::new());
    demo(&records).await;
    let first = commit(&records, Change::Draft { expected: None, draft: draft("one") }).await.unwrap();
    let second =
        commit(&records, Change::Draft { expected: Some(first), draft: draft("two") }).await.unwrap();
    let stale = commit(&records, Change::Publish { version: version(1), draft: Some(first) }).await;
    assert!(matches!(stale, Err(RecordError::Conflict)), "{stale:?}");
    commit(&records, Change::Publish { version: version(1), draft: Some(second) }).await.unwrap();
    assert_eq!(records.draft(&customer("demo")).await.unwrap().unwrap().version, second);
}

#[tokio::test]
async fn one_of_many_publications_of_the_same_number_wins() {
    const RIVALS: usize = 8;
    let directory = tempfile::tempdir().unwrap();
    let records = records(&embedded::open(directory.path()).unwrap());
    demo(&records).await;
    let mut rivals = tokio::task::JoinSet::new();
    for rival in 0..RIVALS {
        let records = records.clone();
        rivals.spawn(async move {
            let version = ConfigVersion { description: rival.to_string(), ..version(1) };
            commit(&records, Change::Publish { version: version.clone(), draft: None }).await.map(|_| version)
        });
    }
    let (won, lost): (Vec<_>, Vec<_>) = rivals.join_all().await.into_iter().partition(Result::is_ok);
    let [Ok(won)] = &won[..] else { panic!("{} rivals won", won.len()) };
    assert!(lost.iter().all(|lost| matches!(lost, Err(RecordError::Conflict))), "{lost:?}");
    assert_eq!(records.versions(&customer("demo"), 10).await.unwrap(), std::slice::from_ref(won));
}

#[tokio::test]
async fn audit_keeps_the_newest_entries_and_the_rest_makes_room() {
    let memory = Memory::new();
    let records = records(&memory);
    demo(&records).await;
    let documents = memory.documents().len();
    for n in 0..AUDIT_ENTRIES_MAX + 5 {
        records.commit(&customer("demo"), Change::Note, audit(&n.to_string())).await.unwrap();
    }
    let entries = records.audit(&customer("demo"), usize::MAX).await.unwrap();
    let count = usize::try_from(AUDIT_ENTRIES_MAX).unwrap();
    assert_eq!(entries.len(), count);
    assert_eq!(entries[0].what, (AUDIT_ENTRIES_MAX + 4).to_string());
    assert_eq!(entries[count - 1].what, "5");
    assert_eq!(memory.documents().len(), documents + count - 1);
    let newest: Vec<_> = records.audit(&customer("demo"), 2).await.unwrap();
    assert_eq!(newest, entries[..2]);

    records.commit(&customer("demo"), Change::Note, audit(&"ä".repeat(AUDIT_TEXT_BYTES_MAX))).await.unwrap();
    let cut = records.audit(&customer("demo"), 1).await.unwrap();
    assert!(cut[0].what.len() <= AUDIT_TEXT_BYTES_MAX && cut[0].what.ends_with('…'));
}

#[tokio::test]
async fn change_of_an_account_that_is_not_there_is_refused() {
    let memory = Memory::new();
    let records = records(&memory);
    let refused = commit(&records, Change::Note).await;
    assert!(
        matches!(&refused, Err(RecordError::NoAccount(name)) if *name == customer("demo")),
        "{refused:?}"
    );
    assert!(memory.documents().is_empty());
    let expected = demo(&records).await.version;
    let other = commit(&records, Change::Account { expected, account: account("acme") }).await;
    assert!(matches!(other, Err(RecordError::Backend(_))), "{other:?}");
}

#[tokio::test]
async fn secrets_lie_sealed_and_open_only_for_their_account_and_with_their_key() {
    let memory = Memory::new();
    demo(&records(&memory)).await;
    let kept = raw(&memory, "account:demo", "account").await.unwrap();
    assert!(!kept.contains(SECRET_KEY), "{kept}");

    let other_key = Records::new(Arc::new(memory.clone()), MasterKey::from_bytes(&[2; 32]));
    let error = other_key.account(&customer("demo")).await.unwrap_err();
    assert!(whole(&error).contains("put back the master key"), "{}", whole(&error));

    // Somebody copies the record of one account over that of another.
    records(&memory).create_account(&account("acme"), audit("created")).await.unwrap();
    put_raw(&memory, "account:acme", "account", kept.as_bytes()).await;
    let error = records(&memory).account(&customer("acme")).await.unwrap_err();
    assert!(whole(&error).contains("the record of demo"), "{}", whole(&error));
    let renamed = kept.replace("\"customer\":\"demo\"", "\"customer\":\"acme\"");
    put_raw(&memory, "account:acme", "account", renamed.as_bytes()).await;
    assert!(records(&memory).account(&customer("acme")).await.is_err());
}

#[test]
fn debug_output_shows_no_secret() {
    let operator = Operator { name: "ada".to_owned(), password_hash: "$argon2id$hunter2".to_owned() };
    let records = Records::new(Arc::new(Memory::new()), master_key());
    let text = format!("{:?} {operator:?} {records:?}", account("demo"));
    assert!(text.contains("ada") && text.contains("first"), "{text}");
    assert!(!text.contains("hunter2") && !text.contains(SECRET_KEY) && !text.contains("7, 7"), "{text}");
}

#[tokio::test]
async fn record_of_a_newer_release_or_garbage_is_refused_with_its_key_and_never_written_over() {
    let memory = Memory::new();
    let records = records(&memory);
    let kept = demo(&records).await;
    commit(&records, Change::Draft { expected: None, draft: draft("one") }).await.unwrap();
    commit(&records, Change::Publish { version: version(1), draft: None }).await.unwrap();
    let ada = Operator { name: "ada".to_owned(), password_hash: "x".to_owned() };
    records.save_operator(&ada).await.unwrap();
    let later = records.now().saturating_add(Duration::from_secs(60));
    records.save_session(&[1; 32], &Session { operator: "ada".to_owned(), expires_at: later }).await.unwrap();
    let whole_store = memory.documents();

    let session = format!("session:{}", "01".repeat(32));
    let documents = [
        ("account:demo", "account"),
        ("account:demo", "draft"),
        ("account:demo", "head"),
        ("account:demo", "version:1"),
        ("account:demo", "audit:0"),
        ("installation", "accounts"),
        ("installation", "operators"),
        ("installation", session.as_str()),
    ];
    for (segment, name) in documents {
        let original = raw(&memory, segment, name).await.unwrap();
        let newer = original.replacen("\"form\":1", "\"form\":9", 1);
        assert_ne!(newer, original);
        let grown = original.replacen("{\"form\":1", "{\"form\":1,\"hunter2\":3", 1);
        let cut = original[..original.len() / 2].to_owned();
        let other = "{\"form\":1,\"record\":\"hunter2\"}\n".to_owned();
        let garbage = String::from_utf8_lossy(&[0xff, 0x00, b'{']).into_owned();
        let nested = "[".repeat(100_000);
        for bytes in [newer.as_str(), &grown, &cut, &other, &garbage, &nested, "", "{}", "null"] {
            memory.restore(whole_store.clone());
            put_raw(&memory, segment, name, bytes.as_bytes()).await;
            let demo = customer("demo");
            let refused = match name {
                "account" => records.account(&demo).await.map(drop),
                "draft" => records.draft(&demo).await.map(drop),
                "head" => commit(&records, Change::Note).await.map(drop),
                "version:1" => records.versions(&demo, 1).await.map(drop),
                "audit:0" => records.audit(&demo, 10).await.map(drop),
                "accounts" => records.create_account(&account("acme"), audit("x")).await,
                "operators" => records.save_operator(&ada).await,
                _ => records.session(&[1; 32]).await.map(drop),
            };
            let error = refused.expect_err(bytes);
            assert!(matches!(error, RecordError::Unreadable { .. }), "{error:?}");
            let text = error.to_string();
            assert!(text.contains(&format!("{segment}/{name}")) && !text.contains("hunter2"), "{text}");
            if bytes == newer {
                assert!(text.contains("form 9") && text.contains("reads form "), "{text}");
            }
            assert_eq!(raw(&memory, segment, name).await.as_deref(), Some(bytes));
        }
        memory.restore(whole_store.clone());
    }
    assert_eq!(records.account(&customer("demo")).await.unwrap(), Some(kept));
}

#[tokio::test]
async fn failing_store_is_an_error_and_a_lost_answer_no_second_change() {
    let store = Moody::new();
    let records = records(&store);
    let kept = demo(&records).await;
    store.set_down(true);
    assert!(matches!(records.accounts().await, Err(RecordError::Backend(_))));
    store.set_down(false);

    store.set_loses_answers(true);
    let edited = Account { rooms: vec![room("spring24"), room("summer24")], ..kept.value };
    let change = Change::Account { expected: kept.version, account: edited.clone() };
    let lost = commit(&records, change.clone()).await;
    assert!(matches!(lost, Err(RecordError::Backend(_))), "{lost:?}");
    store.set_loses_answers(false);
    assert!(matches!(commit(&records, change).await, Err(RecordError::Conflict)));
    assert_eq!(records.account(&customer("demo")).await.unwrap().unwrap().value, edited);
    assert_eq!(records.audit(&customer("demo"), 10).await.unwrap().len(), 2);
}

#[tokio::test]
async fn operators_are_added_and_replaced() {
    let records = records(&Memory::new());
    assert_eq!(records.operator("ada").await.unwrap(), None);
    let operator =
        |name: &str, hash: &str| Operator { name: name.to_owned(), password_hash: hash.to_owned() };
    for saved in [operator("ada", "1"), operator("ö/é 1", "2"), operator("ada", "3")] {
        records.save_operator(&saved).await.unwrap();
        assert_eq!(records.operator(&saved.name).await.unwrap(), Some(saved));
    }
    assert_eq!(records.operator("ö/é 1").await.unwrap(), Some(operator("ö/é 1", "2")));
    assert_eq!(records.operator("Ada").await.unwrap(), None);
}

#[tokio::test]
async fn session_ends_at_its_moment_whenever_the_store_sweeps() {
    let memory = Memory::at(Timestamp::from_seconds(1_000));
    let records = records(&memory);
    let session =
        |seconds| Session { operator: "ada".to_owned(), expires_at: Timestamp::from_seconds(seconds) };
    assert_eq!(records.session(&[1; 32]).await.unwrap(), None);
    records.save_session(&[1; 32], &session(1_010)).await.unwrap();
    records.save_session(&[2; 32], &session(2_000)).await.unwrap();
    memory.set_now(Timestamp::from_seconds(1_009));
    assert_eq!(records.session(&[1; 32]).await.unwrap(), Some(session(1_010)));
    memory.set_now(Timestamp::from_seconds(1_010));
    assert_eq!(memory.documents().len(), 2, "not swept yet");
    assert_eq!(records.session(&[1; 32]).await.unwrap(), None);

    records.save_session(&[2; 32], &session(3_000)).await.unwrap();
    assert_eq!(records.session(&[2; 32]).await.unwrap(), Some(session(3_000)));
    for _ in 0..2 {
        records.remove_session(&[2; 32]).await.unwrap();
        assert_eq!(records.session(&[2; 32]).await.unwrap(), None);
    }
    assert!(memory.documents().is_empty(), "both make room");
}
