//! The demo as a program uses it. What a person sees in it is tested with a browser, in `tests/e2e`.

use serde_json::Value;

use crate::support::{Http, Program};

/// Starts the demo over this folder, asks for a protected page, stops it, and returns what it told of itself.
async fn run_once(data_dir: &std::path::Path) -> Value {
    let mut program = Program::start(&[
        "demo".as_ref(),
        "--json".as_ref(),
        "--port-base".as_ref(),
        "0".as_ref(),
        "--data-dir".as_ref(),
        data_dir.as_os_str(),
    ]);
    let told = program.line_of_output();
    let told: Value = serde_json::from_str(&told).unwrap();
    let answer = Http::new().get(told["protectedUrl"].as_str().unwrap(), &[]).await;
    let location = answer.headers["location"].to_str().unwrap();
    assert!(location.starts_with(&format!("{}/?", told["room"].as_str().unwrap())), "{location}");
    program.terminate();
    let ended = program.ended();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.errors);
    told
}

#[tokio::test]
async fn demo_over_a_folder_goes_on_where_it_was_on_other_ports() {
    let folder = tempfile::tempdir().unwrap();
    let first = run_once(folder.path()).await;
    let second = run_once(folder.path()).await;
    for name in ["customerId", "secretKey", "apiKey", "waitingRoomId"] {
        assert_eq!(first[name], second[name], "{name}");
    }
}

#[test]
fn demo_over_a_folder_that_cannot_be_one_is_refused() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let arguments = ["demo", "--json", "--port-base", "0", "--data-dir", file.path().to_str().unwrap()];
    Program::start(&arguments).ended().assert_refused(&[file.path().to_str().unwrap(), "not a directory"]);
}
