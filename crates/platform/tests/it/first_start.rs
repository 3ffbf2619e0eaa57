//! The first start, whole and cut short.

use std::sync::Arc;

use anteroom_platform::first_start::{NewInstallation, SetUpError, is_set_up, set_up};
use anteroom_store::documents::Memory;
use anteroom_store::master_key::MasterKey;
use anteroom_store::records::{Operator, Records};

fn records() -> Records {
    Records::new(Arc::new(Memory::new()), MasterKey::from_bytes(&[7; 32]))
}

fn new() -> NewInstallation {
    NewInstallation::generate("acme".parse().unwrap(), "Acme".into(), vec!["shop.example".into()]).unwrap()
}

#[tokio::test]
async fn setting_up_again_changes_nothing() {
    let (records, new) = (records(), new());
    assert!(!is_set_up(&records, &new.customer).await.unwrap());
    set_up(&records, &new).await.unwrap();
    assert!(is_set_up(&records, &new.customer).await.unwrap());
    let account = records.account(&new.customer).await.unwrap().unwrap();
    let operator = records.operator(&new.operator_name).await.unwrap();

    set_up(&records, &new).await.unwrap();
    assert_eq!(records.account(&new.customer).await.unwrap().unwrap(), account);
    assert_eq!(
        records.operator(&new.operator_name).await.unwrap(),
        operator,
        "the password's hash is the same"
    );
    assert_eq!(records.audit(&new.customer, 10).await.unwrap().len(), 1);
    assert_eq!(records.accounts().await.unwrap(), [new.customer]);
}

#[tokio::test]
async fn start_that_was_cut_short_is_continued() {
    let (records, new) = (records(), new());
    // As a crash after the first write leaves it.
    let half = Operator { name: new.operator_name.clone(), password_hash: "of another attempt".into() };
    records.save_operator(&half).await.unwrap();
    assert!(!is_set_up(&records, &new.customer).await.unwrap());
    set_up(&records, &new).await.unwrap();
    assert!(is_set_up(&records, &new.customer).await.unwrap());
    assert_ne!(records.operator(&new.operator_name).await.unwrap().unwrap(), half);
}

#[tokio::test]
async fn two_processes_that_start_at_once_agree() {
    let (records, new) = (records(), new());
    let (one, two) = tokio::join!(set_up(&records, &new), set_up(&records, &new));
    one.unwrap();
    two.unwrap();
    assert!(is_set_up(&records, &new.customer).await.unwrap());
}

#[tokio::test]
async fn account_with_other_keys_is_not_taken_for_ours() {
    let records = records();
    set_up(&records, &new()).await.unwrap();
    let error = set_up(&records, &new()).await.unwrap_err();
    assert!(matches!(error, SetUpError::OtherKeys(_)), "{error}");
}

#[test]
fn no_secret_of_a_new_installation_is_printed() {
    let new = new();
    let printed = format!("{new:?}");
    for secret in [&new.secret_key, &new.api_key, &new.operator_password] {
        assert!(!printed.contains(secret.expose()), "{printed}");
    }
}
