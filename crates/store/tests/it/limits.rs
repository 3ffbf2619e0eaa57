//! Every limit of the records, passed by one.

use std::sync::Arc;
use std::time::Duration;

use anteroom_protocol::secret::Secret;
use anteroom_protocol::time::Timestamp;
use anteroom_store::documents::Memory;
use anteroom_store::records::{
    ACCOUNTS_MAX, ALLOWED_HOSTS_MAX, API_KEYS_PER_ACCOUNT_MAX, Account, ApiKey, CONFIG_BYTES_MAX, Change,
    ConfigVersion, DESCRIPTION_BYTES_MAX, DRAFT_BYTES_MAX, DRAFT_LEVELS_MAX, Draft, NAME_BYTES_MAX,
    OPERATORS_MAX, Operator, ROOMS_PER_ACCOUNT_MAX, RecordError, Records, RoomRecord, SECRET_KEY_BYTES_MAX,
    Session, TARGET_BYTES_MAX,
};
use serde_json::{Value, json};

use crate::support::{account, audit, customer, records, room};

fn is_too_much<T>(outcome: &Result<T, RecordError>, limit_passed: usize) -> bool {
    matches!(outcome, Err(RecordError::TooMuch { limit, found, .. }) if *limit == limit_passed && found > limit)
}

fn text(bytes: usize) -> String {
    "x".repeat(bytes)
}

async fn demo() -> (Memory, Records) {
    let memory = Memory::new();
    let records = records(&memory);
    records.create_account(&account("demo"), audit("created")).await.unwrap();
    (memory, records)
}

async fn commit(records: &Records, change: Change) -> Result<(), RecordError> {
    records.commit(&customer("demo"), change, audit("changed")).await.map(drop)
}

#[tokio::test]
async fn account_holds_as_much_as_each_limit_and_no_more() {
    type Fill = fn(&mut Account, usize);
    let cases: [(usize, Fill); 9] = [
        (NAME_BYTES_MAX, |account, count| account.display_name = text(count)),
        (SECRET_KEY_BYTES_MAX, |account, count| account.secret_key = Secret::new(text(count))),
        (ALLOWED_HOSTS_MAX, |account, count| account.allowed_hosts = vec!["shop.example".to_owned(); count]),
        (NAME_BYTES_MAX, |account, count| account.allowed_hosts = vec![text(count)]),
        (API_KEYS_PER_ACCOUNT_MAX, |account, count| {
            account.api_keys = vec![ApiKey { label: "x".to_owned(), hash: [0; 32] }; count];
        }),
        (NAME_BYTES_MAX, |account, count| account.api_keys[0].label = text(count)),
        (ROOMS_PER_ACCOUNT_MAX, |account, count| account.rooms = vec![room("spring24"); count]),
        (NAME_BYTES_MAX, |account, count| account.rooms[0].display_name = text(count)),
        (TARGET_BYTES_MAX, |account, count| account.rooms[0].default_target = text(count)),
    ];
    for (limit, fill) in cases {
        let (memory, records) = demo().await;
        let before = memory.documents().len();
        let expected = records.account(&customer("demo")).await.unwrap().unwrap().version;
        let filled = |name: &str, count| {
            let mut account = account(name);
            fill(&mut account, count);
            account
        };
        let change = |count| Change::Account { expected, account: filled("demo", count) };
        assert!(is_too_much(&commit(&records, change(limit + 1)).await, limit));
        assert!(is_too_much(&records.create_account(&filled("acme", limit + 1), audit("x")).await, limit));
        assert_eq!(memory.documents().len(), before, "a refused change wrote something");
        commit(&records, change(limit)).await.unwrap();
        let found = records.account(&customer("demo")).await.unwrap().unwrap().value;
        assert_eq!(found, filled("demo", limit));
    }
}

#[tokio::test]
async fn account_at_all_its_limits_is_a_document_that_can_be_kept() {
    let (_, records) = demo().await;
    let expected = records.account(&customer("demo")).await.unwrap().unwrap().version;
    // The worst that JSON makes of a byte is six.
    let long = |bytes| "\u{1}".repeat(bytes);
    let room = RoomRecord {
        display_name: long(NAME_BYTES_MAX),
        default_target: long(TARGET_BYTES_MAX),
        ..room("spring24")
    };
    let account = Account {
        display_name: long(NAME_BYTES_MAX),
        allowed_hosts: vec![long(NAME_BYTES_MAX); ALLOWED_HOSTS_MAX],
        secret_key: Secret::new(long(SECRET_KEY_BYTES_MAX)),
        api_keys: vec![ApiKey { label: long(NAME_BYTES_MAX), hash: [0; 32] }; API_KEYS_PER_ACCOUNT_MAX],
        rooms: vec![room; ROOMS_PER_ACCOUNT_MAX],
        ..account("demo")
    };
    commit(&records, Change::Account { expected, account }).await.unwrap();
}

#[tokio::test]
async fn draft_is_bounded_in_bytes_depth_and_description() {
    let (_, records) = demo().await;
    let draft = |integrations| Draft { description: String::new(), integrations };
    let save = |draft| commit(&records, Change::Draft { expected: None, draft });
    let nested = |levels| (0..levels).fold(Value::Null, |inner, _| json!([inner]));

    let long = Draft { description: text(DESCRIPTION_BYTES_MAX + 1), integrations: vec![] };
    assert!(is_too_much(&save(long).await, DESCRIPTION_BYTES_MAX));
    assert!(is_too_much(&save(draft(vec![json!(text(DRAFT_BYTES_MAX))])).await, DRAFT_BYTES_MAX));
    assert!(is_too_much(&save(draft(vec![nested(DRAFT_LEVELS_MAX + 1)])).await, DRAFT_LEVELS_MAX));
    assert_eq!(records.draft(&customer("demo")).await.unwrap(), None);

    let kept = draft(vec![nested(DRAFT_LEVELS_MAX), json!(text(DRAFT_BYTES_MAX - 300))]);
    save(kept.clone()).await.unwrap();
    assert_eq!(records.draft(&customer("demo")).await.unwrap().unwrap().value, kept);
}

#[tokio::test]
async fn version_is_bounded_in_bytes_author_and_description() {
    let (_, records) = demo().await;
    let version = ConfigVersion {
        version: 1,
        description: "\u{1}".repeat(DESCRIPTION_BYTES_MAX),
        published_by: "\u{1}".repeat(NAME_BYTES_MAX),
        published_at: Timestamp::from_seconds(1),
        document: Arc::from(text(CONFIG_BYTES_MAX).as_bytes()),
    };
    let publish = |version| commit(&records, Change::Publish { version, draft: None });
    let large = Arc::from(text(CONFIG_BYTES_MAX + 1).as_bytes());
    assert!(is_too_much(
        &publish(ConfigVersion { document: large, ..version.clone() }).await,
        CONFIG_BYTES_MAX
    ));
    let description = text(DESCRIPTION_BYTES_MAX + 1);
    assert!(is_too_much(
        &publish(ConfigVersion { description, ..version.clone() }).await,
        DESCRIPTION_BYTES_MAX
    ));
    let published_by = text(NAME_BYTES_MAX + 1);
    assert!(is_too_much(&publish(ConfigVersion { published_by, ..version.clone() }).await, NAME_BYTES_MAX));
    assert_eq!(records.head(&customer("demo")).await.unwrap(), None);
    publish(version.clone()).await.unwrap();
    assert_eq!(records.version(&customer("demo"), 1).await.unwrap(), Some(version));
}

#[tokio::test]
async fn accounts_operators_and_the_names_of_sessions_are_bounded() {
    let memory = Memory::new();
    let records = records(&memory);
    for n in 0..ACCOUNTS_MAX {
        records.create_account(&account(&format!("a{n}")), audit("created")).await.unwrap();
    }
    let before = memory.documents().len();
    let refused = records.create_account(&account("demo"), audit("one too many")).await;
    assert!(is_too_much(&refused, ACCOUNTS_MAX));
    assert_eq!(memory.documents().len(), before);
    let taken = records.create_account(&account("a1"), audit("again")).await;
    assert!(matches!(taken, Err(RecordError::Conflict)), "{taken:?}");

    let operator = |name: String| Operator { name, password_hash: "$argon2id$".to_owned() };
    for n in 0..OPERATORS_MAX {
        records.save_operator(&operator(n.to_string())).await.unwrap();
    }
    assert!(is_too_much(&records.save_operator(&operator("ada".to_owned())).await, OPERATORS_MAX));
    records.save_operator(&operator("7".to_owned())).await.unwrap();
    assert!(is_too_much(&records.save_operator(&operator(text(NAME_BYTES_MAX + 1))).await, NAME_BYTES_MAX));

    let expires_at = records.now().saturating_add(Duration::from_secs(60));
    let session = Session { operator: text(NAME_BYTES_MAX + 1), expires_at };
    assert!(is_too_much(&records.save_session(&[1; 32], &session).await, NAME_BYTES_MAX));
}
