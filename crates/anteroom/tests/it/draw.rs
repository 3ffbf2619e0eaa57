//! A draw checked on the command line, as a visitor does it.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

/// A golden case that has been drawn with a beacon, as a room publishes it.
fn published() -> Value {
    let vectors = concat!(env!("CARGO_MANIFEST_DIR"), "/../../vectors/draw.json");
    let vectors: Value = serde_json::from_slice(&std::fs::read(vectors).unwrap()).unwrap();
    let cases = vectors["cases"].as_array().unwrap();
    let case = cases.iter().find(|case| case["name"] == "ten with a beacon").unwrap();
    assert_eq!(case["places"]["3"], "5", "the tests below know this one");
    json!({
        "format": "anteroom-draw-1",
        "account": case["account"],
        "room": case["room"],
        "epoch": case["epoch"].as_str().unwrap().parse::<u64>().unwrap(),
        "commitment": case["commitment"],
        "key": case["key"],
        "beacon": case["beacon"],
        "lanes": [{ "lane": 0, "entrants": 10, "firstTag": 1 }],
    })
}

fn verify(published: &str, arguments: &[&str]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_anteroom"))
        .args(["draw", "verify", "-"])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Arguments that are refused end the program before it reads.
    let _ = child.stdin.take().unwrap().write_all(published.as_bytes());
    child.wait_with_output().unwrap()
}

#[track_caller]
fn assert_told(output: &Output, code: i32, words: &[&str]) {
    let text =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{text}");
    for word in words {
        assert!(text.contains(word), "{word:?} is not in:\n{text}");
    }
}

#[test]
fn honest_draw_agrees_with_the_receipt() {
    let noted = published()["commitment"].as_str().unwrap().to_owned();
    let output =
        verify(&published().to_string(), &["--entry", "4", "--place", "6", "--commitment", &noted, "--all"]);
    assert_told(
        &output,
        0,
        &[
            "The published key is the one that was committed to.",
            "The commitment is the one that you noted.",
            "lottery of 2026-11-28",
            "Entry 4 of 10 in lane 0 has place 6.",
            "That is the place that was shown.",
            "each of the 10 places is given exactly once",
        ],
    );
}

#[test]
fn another_place_than_the_one_that_follows_is_told() {
    let output = verify(&published().to_string(), &["--entry", "4", "--place", "1"]);
    assert_told(&output, 1, &["Entry 4 of 10 in lane 0 has place 6.", "IS ANOTHER ONE: 1."]);
}

#[test]
fn key_that_was_not_committed_to_is_told() {
    let mut draw = published();
    draw["key"] = json!("00".repeat(32));
    assert_told(&verify(&draw.to_string(), &[]), 1, &["NOT THE ONE THAT WAS COMMITTED TO"]);
}

#[test]
fn commitment_that_was_exchanged_afterwards_is_told() {
    let noted = "ab".repeat(32);
    let output = verify(&published().to_string(), &["--commitment", &noted]);
    assert_told(&output, 1, &["NOT THE ONE THAT YOU NOTED"]);
}

#[test]
fn findings_are_to_be_had_as_json() {
    let output = verify(&published().to_string(), &["--entry", "4", "--place", "1", "--json", "--all"]);
    assert_eq!(output.status.code(), Some(1));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["agrees"], false);
    assert_eq!(report["commitment"]["isKept"], true);
    assert_eq!(report["commitment"]["isAsNoted"], Value::Null);
    assert_eq!(
        report["entry"],
        json!({ "lane": 0, "entry": 4, "entrants": 10, "place": 6, "placeShown": 1, "isAsShown": false })
    );
    assert_eq!(report["lanes"], json!([{ "lane": 0, "entrants": 10, "isPermutation": true }]));
}

#[test]
fn what_cannot_be_checked_is_told_apart_from_what_is_wrong() {
    let mut before = published();
    before["key"] = Value::Null;
    assert_told(&verify(&before.to_string(), &[]), 2, &["the key is not published yet"]);

    let mut of_the_future = published();
    of_the_future["format"] = json!("anteroom-draw-2");
    assert_told(&verify(&of_the_future.to_string(), &[]), 2, &["format", "anteroom-draw-1"]);

    let draw = published().to_string();
    assert_told(&verify(&draw, &["--entry", "11"]), 2, &["there is no entry 11", "10 entrants"]);
    assert_told(&verify(&draw, &["--entry", "0"]), 2, &["there is no entry 0"]);
    assert_told(&verify(&draw, &["--entry", "1", "--lane", "3"]), 2, &["nobody entered lane 3"]);
    assert_told(&verify(&draw, &["--place", "1"]), 2, &["--entry"]);
    assert_told(&verify(&draw, &["--commitment", "ab"]), 2, &["64 hex digits"]);
    assert_told(&verify("{", &[]), 2, &["not a published draw"]);
    assert_told(&verify(&" ".repeat(20_000), &[]), 2, &["longer than"]);
    let mut too_many = published();
    too_many["lanes"][0]["entrants"] = json!(u64::MAX);
    assert_told(&verify(&too_many.to_string(), &["--all"]), 2, &["at the most"]);
}
