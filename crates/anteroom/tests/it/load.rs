//! A rehearsal against the demo, each in a process of its own.

use serde_json::Value;

use crate::support::{Ended, Program};

/// Places per minute: half of the visitors find the burst of two seconds, and the others a line of some seconds.
const OUTFLOW: &str = "3000";
const STARTED: &str = "Ctrl-C ends it";

/// The demo's process, and what it told of itself.
fn demo() -> (Program, Value) {
    let mut program = Program::start(&["demo", "--json", "--port-base", "0", "--outflow", OUTFLOW]);
    let told = serde_json::from_str(&program.line_of_output()).unwrap();
    (program, told)
}

fn load(address: &str, customer: &str, room: &str, more: &[&str]) -> Program {
    let mut arguments = vec!["load", address, "--customer", customer, "--room", room, "--json"];
    arguments.extend(more);
    Program::start(&arguments)
}

fn load_on(demo: &Value, more: &[&str]) -> Program {
    let [room, customer, id] =
        ["room", "customerId", "waitingRoomId"].map(|name| demo[name].as_str().unwrap());
    load(room, customer, id, more)
}

fn report(ended: &Ended) -> Value {
    serde_json::from_str(&ended.output).unwrap_or_else(|_| panic!("{}\n{}", ended.output, ended.errors))
}

#[test]
fn two_hundred_visitors_are_let_in_in_their_order_and_without_an_error() {
    let (_demo, told) = demo();
    let ended = load_on(&told, &["--arrivals", "200/s", "--for", "1s", "--outflow", OUTFLOW]).ended();
    let report = report(&ended);
    assert_eq!(ended.status.code(), Some(0), "{report:#}\n{}", ended.errors);
    assert_eq!(report["isBroken"], false, "{report:#}");
    for what in ["came", "joined", "letIn"] {
        assert_eq!(report["visitors"][what], 200, "{what} {report:#}");
    }
    assert_eq!(report["errors"].as_array().unwrap().len(), 0, "{report:#}");
    assert_eq!(report["order"]["inversions"], 0, "{report:#}");
    assert_eq!(report["requests"]["join"]["count"], 200, "{report:#}");
    assert!(report["requests"]["claim"]["count"].as_u64().unwrap() > 0, "somebody had to wait: {report:#}");
}

#[test]
fn run_that_is_interrupted_tells_what_it_found_so_far() {
    let (_demo, told) = demo();
    let mut load = load_on(&told, &["--arrivals", "20/s", "--for", "1h", "--leave", "100"]);
    load.wait_for(STARTED);
    load.terminate();
    let ended = load.ended();
    let report = report(&ended);
    assert_eq!(ended.status.code(), Some(0), "{report:#}\n{}", ended.errors);
    assert!(report["visitors"]["came"].as_u64().unwrap() < 72_000, "{report:#}");
}

#[test]
fn errors_are_told_by_kind_and_by_the_exit_code() {
    let (_demo, told) = demo();
    let [room, customer] = ["room", "customerId"].map(|name| told[name].as_str().unwrap());
    let ended = load(room, customer, "nowhere", &["--surge", "3@0", "--for", "0"]).ended();
    let report = report(&ended);
    assert_eq!(ended.status.code(), Some(1), "{report:#}");
    assert_eq!(report["errors"], serde_json::json!([{ "kind": "answered 404", "count": 3 }]), "{report:#}");
}

#[test]
fn site_that_is_not_on_this_machine_is_left_alone() {
    load("http://192.0.2.1:8601", "acme", "spring", &[])
        .ended()
        .assert_refused(&["192.0.2.1", "--yes-i-own-this-site"]);
    load("http://192.0.2.1:8601", "acme", "spring", &["--yes-i-own-this-site", "shop.example"])
        .ended()
        .assert_refused(&["shop.example", "192.0.2.1"]);
}
