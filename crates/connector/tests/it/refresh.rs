//! What a connector fetches, accepts, keeps and tells.

use std::time::Duration;

use anteroom_connector::refresh::{
    DOCUMENT_BYTES_MAX, DocumentRefusal, FetchFailure, Fetched, PushRefusal, Refresh, Source, WAIT,
};
use anteroom_protocol::mac::Key;
use anteroom_protocol::time::Timestamp;
use serde_json::json;

use crate::site::{KEY, NOW, document, settings};

fn version(number: u64) -> Vec<u8> {
    let mut document = document();
    document["Version"] = json!(number);
    document.to_string().into_bytes()
}

fn answer(bytes: Vec<u8>, etag: &str) -> Result<Fetched, FetchFailure> {
    Ok(Fetched::Document { bytes, etag: Some(etag.to_owned()) })
}

fn pushed(document: &[u8]) -> Vec<u8> {
    let hex = document.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let hash = Key::new(KEY.as_bytes()).sign(&[hex.as_bytes()]).to_hex();
    format!(r#"{{"integrationInfo":"{hex}","hash":"{hash}"}}"#).into_bytes()
}

/// A connector that has version 7 in force.
fn running() -> Refresh {
    let mut refresh = Refresh::new(settings(), None, 1);
    let question = refresh.poll_fetch(NOW).unwrap();
    assert_eq!((question.etag, question.running_version, question.wait), (None, None, WAIT));
    assert!(refresh.poll_fetch(NOW).is_none(), "one question at a time");
    refresh.handle_fetched(NOW, answer(version(7), "\"7\""));
    assert_eq!(refresh.poll_policy().unwrap().version(), 7);
    assert_eq!(refresh.poll_keep().unwrap(), version(7));
    assert!(refresh.poll_policy().is_none() && refresh.poll_keep().is_none());
    refresh
}

#[test]
fn newer_document_is_in_force_at_once_and_the_next_is_asked_for() {
    let mut refresh = running();
    let question = refresh.poll_fetch(NOW).unwrap();
    assert_eq!((question.etag.as_deref(), question.running_version), (Some("\"7\""), Some(7)));
    refresh.handle_fetched(NOW, answer(version(8), "\"8\""));
    assert_eq!(refresh.poll_policy().unwrap().version(), 8);
    assert!(refresh.poll_fetch(NOW).is_some());
}

#[test]
fn document_of_no_use_changes_nothing_and_is_told() {
    let of_another =
        json!({ "Version": 9, "CustomerId": "other", "Integrations": [] }).to_string().into_bytes();
    for (bytes, told) in [
        (b"<html>".to_vec(), "no JSON"),
        (b"{\"Version\":9,\"Integrations\":[{}]}".to_vec(), "Integrations[0].Triggers"),
        (version(6), "older"),
        (of_another, "customer \"other\""),
        (vec![b' '; DOCUMENT_BYTES_MAX + 1], "larger"),
    ] {
        let mut refresh = running();
        refresh.poll_fetch(NOW).unwrap();
        refresh.handle_fetched(NOW, answer(bytes, "\"x\""));
        assert!(refresh.poll_policy().is_none() && refresh.poll_keep().is_none());
        let status = refresh.status();
        assert_eq!(status.running_version, Some(7));
        assert!(status.last_problem.as_deref().unwrap().contains(told), "{status}");
        // Not at once again, and with the reason for the platform's list.
        assert!(refresh.poll_fetch(NOW).is_none());
        let later = refresh.poll_timeout();
        assert!(later > NOW);
        assert!(refresh.poll_fetch(later).unwrap().problem.unwrap().contains(told));
    }
}

#[test]
fn i8_kept_copy_is_in_force_before_any_answer() {
    let mut refresh = Refresh::new(settings(), Some(&version(7)), 1);
    assert_eq!(refresh.poll_policy().unwrap().version(), 7);
    assert!(refresh.poll_keep().is_none(), "it is kept already");
    assert_eq!(refresh.status().source, Some(Source::Kept));

    let mut refresh = Refresh::new(settings(), Some(b"{\"Version\":7,"), 1);
    assert!(refresh.poll_policy().is_none());
    assert!(refresh.status().last_problem.unwrap().contains("set aside"));
}

#[test]
fn push_is_taken_when_genuine_and_not_older() {
    let mut refresh = running();
    assert_eq!(refresh.handle_pushed(NOW, &pushed(&version(9))).unwrap(), 9);
    assert_eq!(refresh.poll_policy().unwrap().version(), 9);
    assert_eq!(refresh.status().source, Some(Source::Pushed));

    // Whoever recorded an old push cannot bring it back (11-S17).
    let replayed = refresh.handle_pushed(NOW, &pushed(&version(8)));
    assert!(matches!(replayed, Err(PushRefusal::Document(DocumentRefusal::Older { found: 8, running: 9 }))));
    let mut forged = pushed(&version(10));
    forged[25] ^= 1;
    assert!(matches!(refresh.handle_pushed(NOW, &forged), Err(PushRefusal::NotGenuine)));
    assert!(refresh.poll_policy().is_none());
}

#[test]
fn platform_that_fails_is_asked_ever_more_rarely_and_no_more_than_it_wants() {
    let mut refresh = running();
    let mut now = NOW;
    let mut longest = Duration::ZERO;
    for failures in 1..=20 {
        now = now.max(refresh.poll_timeout());
        refresh.poll_fetch(now).unwrap();
        let failure = FetchFailure { reason: "no connection".to_owned(), retry_after: None };
        refresh.handle_fetched(now, Err(failure));
        longest = longest.max(refresh.poll_timeout().saturating_since(now));
        assert_eq!(refresh.status().failures_in_a_row, failures);
    }
    assert!(longest > Duration::from_secs(40) && longest < Duration::from_secs(80), "{longest:?}");

    now = refresh.poll_timeout();
    refresh.poll_fetch(now).unwrap();
    let retry_after = Some(Duration::from_secs(200));
    refresh.handle_fetched(now, Err(FetchFailure { reason: "busy".to_owned(), retry_after }));
    assert!(refresh.poll_timeout().saturating_since(now) >= Duration::from_secs(150));

    now = refresh.poll_timeout();
    refresh.poll_fetch(now).unwrap();
    refresh.handle_fetched(now, Ok(Fetched::Unchanged));
    assert_eq!((refresh.status().failures_in_a_row, refresh.status().last_problem), (0, None));
}

#[test]
fn platform_that_does_not_hold_questions_is_not_asked_without_end() {
    let mut refresh = running();
    refresh.poll_fetch(NOW).unwrap();
    refresh.handle_fetched(NOW, Ok(Fetched::Unchanged));
    assert_eq!(refresh.status().is_platform_holding_questions, Some(false));
    assert!(refresh.poll_timeout() > NOW.saturating_add(Duration::from_secs(200)));

    // One that holds them is asked again at once.
    let asked = refresh.poll_timeout();
    refresh.poll_fetch(asked).unwrap();
    let answered = asked.saturating_add(WAIT);
    refresh.handle_fetched(answered, Ok(Fetched::Unchanged));
    assert!(refresh.poll_fetch(answered).is_some());
}

#[test]
fn clock_set_back_does_not_stop_the_questions() {
    let mut refresh = running();
    refresh.poll_fetch(NOW).unwrap();
    refresh.handle_fetched(NOW, Ok(Fetched::Unchanged));
    assert!(refresh.poll_fetch(Timestamp::from_seconds(1_000_000_000)).is_some());
}
