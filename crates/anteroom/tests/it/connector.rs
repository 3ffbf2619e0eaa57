//! The connector on the command line, as a person and as another program asks it.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Output, Stdio};

use serde_json::{Value, json};

/// `anteroom connector evaluate`, asked line by line. Ends with its input.
struct Evaluate {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Evaluate {
    fn start() -> Self {
        let mut child = command(&["connector", "evaluate"]).stdin(Stdio::piped()).spawn().unwrap();
        let (input, output) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        Self { child, input, output }
    }

    /// Asks, and waits for the answer before anything else is asked.
    fn ask(&mut self, line: &str) -> Value {
        writeln!(self.input, "{line}").unwrap();
        let mut answer = String::new();
        self.output.read_line(&mut answer).unwrap();
        serde_json::from_str(&answer).unwrap()
    }

    fn end(self) {
        let Self { mut child, input, mut output } = self;
        drop(input);
        let mut rest = String::new();
        assert_eq!(output.read_line(&mut rest).unwrap(), 0, "nobody asked for {rest}");
        assert!(child.wait().unwrap().success());
    }
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_anteroom"));
    command.args(arguments).env_remove("ANTEROOM_CONFIG").stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn explain(arguments: &[&str]) -> Output {
    command(&["connector", "explain"]).args(arguments).stdin(Stdio::null()).output().unwrap()
}

fn config() -> Value {
    json!({
        "Version": 7,
        "Integrations": [
            { "Name": "pictures", "ActionType": "Ignore", "Triggers": [{ "LogicalOperator": "Or", "TriggerParts": [
                { "ValidatorType": "UrlValidator", "UrlPart": "PagePath", "Operator": "ContainsAny", "ValuesToCompare": [".png", ".jpg"] },
            ] }] },
            { "Name": "tickets", "ActionType": "Queue", "EventId": "spring24", "QueueDomain": "queue.shop.example",
              "CookieValidityMinute": 20, "Triggers": [{ "LogicalOperator": "And", "TriggerParts": [
                { "ValidatorType": "UrlValidator", "UrlPart": "PagePath", "Operator": "Contains", "ValueToCompare": "/TICKETS", "IsIgnoreCase": true },
                { "ValidatorType": "CookieValidator", "CookieName": "staff", "Operator": "Equals", "ValueToCompare": "yes", "IsNegative": true },
            ] }] },
        ],
    })
}

fn case(id: &Value, url: &str) -> Value {
    json!({
        "id": id, "now": 1_700_000_000, "customerId": "acme", "secretKey": "a made-up key",
        "integrationConfig": config(),
        "request": { "method": "GET", "url": url, "headers": {}, "clientIp": "203.0.113.7", "body": null },
    })
}

#[test]
fn every_line_is_answered_in_order_the_bad_ones_too() {
    let mut evaluate = Evaluate::start();
    let queued = evaluate.ask(&case(&json!(1), "https://shop.example/tickets?a=1").to_string());
    let location = queued["location"].as_str().unwrap();
    assert!(location.starts_with("https://queue.shop.example/?c=acme&e=spring24&ver=rust-"), "{location}");
    assert!(
        location.ends_with("&cver=7&man=tickets&t=https%3A%2F%2Fshop.example%2Ftickets%3Fa%3D1"),
        "{location}"
    );
    assert_eq!(
        queued,
        json!({
            "id": 1, "outcome": "redirect", "location": location, "actionType": "Queue", "actionName": "tickets",
            "eventId": "spring24", "queueId": null, "redirectType": null, "isAjax": false, "setCookies": [],
            "error": null,
            "reason": "The integration \"tickets\" is for this request because the page path contains \"/TICKETS\" in any \
                       letter case and the cookie \"staff\" is not \"yes\", and the visitor has not been through the \
                       waiting room yet.",
        })
    );

    for (line, id, words) in [
        ("nonsense", Value::Null, "expected"),
        ("", Value::Null, "expected"),
        (r#"{"id": "a", "now": "noon"}"#, json!("a"), "now: "),
        (r#"{"id": 9}"#, json!(9), "missing field"),
        ("[1]", Value::Null, "expected"),
    ] {
        let answer = evaluate.ask(line);
        assert_eq!(answer["id"], id, "{line}");
        let error = answer["error"].as_str().unwrap();
        assert!(error.contains(words), "{line}: {error}");
        assert_eq!(answer.as_object().unwrap().len(), 2, "a bad line gets an id and an error alone");
    }
    let mut bad = case(&json!({ "any": ["json"] }), "https://shop.example/");
    bad["request"]["clientIp"] = json!("nowhere");
    let answer = evaluate.ask(&bad.to_string());
    assert_eq!(answer["id"], json!({ "any": ["json"] }));
    assert!(answer["error"].as_str().unwrap().starts_with("request.clientIp: "), "{answer}");

    let passed = evaluate.ask(&case(&json!("last"), "https://shop.example/tickets/a.png").to_string());
    assert_eq!(
        (&passed["id"], &passed["outcome"], &passed["actionType"]),
        (&json!("last"), &json!("pass"), &json!("Ignore"))
    );
    evaluate.end();
}

#[test]
fn line_that_is_too_long_is_refused_and_the_next_one_is_answered() {
    let mut evaluate = Evaluate::start();
    let mut long = case(&json!(1), "https://shop.example/");
    long["note"] = json!("x".repeat(9 << 20));
    let refused = evaluate.ask(&long.to_string());
    assert_eq!(refused, json!({ "id": null, "error": "the line is longer than 8388608 bytes" }));
    assert_eq!(evaluate.ask(&case(&json!(2), "https://shop.example/").to_string())["outcome"], "pass");
    evaluate.end();
}

#[test]
fn config_that_cannot_be_followed_lets_pass_and_tells_every_mistake() {
    let mut evaluate = Evaluate::start();
    let mut line = case(&json!(1), "https://shop.example/tickets");
    line["integrationConfig"]["Integrations"][1]["EventId"] = json!("");
    line["integrationConfig"]["Version"] = json!(0);
    let answer = evaluate.ask(&line.to_string());
    assert_eq!((&answer["outcome"], &answer["actionType"]), (&json!("pass"), &Value::Null));
    let error = answer["error"].as_str().unwrap();
    assert!(error.contains("Integrations[1].EventId") && error.contains("Version"), "{error}");
    line["integrationConfig"] = json!("no JSON");
    assert!(evaluate.ask(&line.to_string())["error"].is_string());
    evaluate.end();
}

#[test]
fn same_config_under_another_key_is_another_policy() {
    let mut evaluate = Evaluate::start();
    let under_key = |secret: &str| {
        let mut line = case(&json!(1), "https://shop.example/tickets");
        line["secretKey"] = json!(secret);
        // Signed with the key that the cases have.
        line["request"]["url"] = json!(format!("https://shop.example/tickets?queueittoken={}", token()));
        line.to_string()
    };
    assert_eq!(evaluate.ask(&under_key("a made-up key"))["outcome"], "strip-token-redirect");
    let refused = evaluate.ask(&under_key("another key"));
    assert!(refused["location"].as_str().unwrap().contains("/error/hash/"), "{refused}");
    let again = evaluate.ask(&under_key("a made-up key"));
    assert_eq!(again["location"], "https://shop.example/tickets");
    assert_eq!(again["setCookies"][0]["expires"], 1_700_086_400);
    evaluate.end();
}

#[test]
fn answers_of_rooms_and_sites_come_from_the_line() {
    let mut evaluate = Evaluate::start();
    let mut line = case(&json!(1), "https://shop.example/tickets");
    line["enqueueToken"] = json!("a.b.c");
    let queued = evaluate.ask(&line.to_string());
    assert!(queued["location"].as_str().unwrap().contains("&enqueuetoken=a.b.c&t="), "{queued}");

    line["integrationConfig"]["Integrations"][1]["VerifyQueueIdEnabled"] = json!(true);
    line["request"]["url"] = json!(format!("https://shop.example/tickets?queueittoken={}", token()));
    line["verifyActionAllowed"] = json!(false);
    let refused = evaluate.ask(&line.to_string());
    assert!(refused["location"].as_str().unwrap().contains("/error/qidlimit/"), "{refused}");
    line["verifyActionAllowed"] = json!(true);
    assert_eq!(evaluate.ask(&line.to_string())["outcome"], "strip-token-redirect");

    line["request"]["url"] = json!("https://shop.example/tickets");
    line["generation"] = json!(5);
    line["directPass"] = json!({ "hasPassed": true, "queueitToken": token() });
    let passed = evaluate.ask(&line.to_string());
    assert_eq!(
        (&passed["outcome"], &passed["queueId"]),
        (&json!("pass"), &json!("7d3f0c52-8a4e-4c0e-9e55-1f2b3c4d5e6f"))
    );
    line["generation"] = json!(6);
    assert!(evaluate.ask(&line.to_string())["error"].as_str().unwrap().starts_with("generation: "));
    evaluate.end();
}

#[test]
fn explanation_shows_every_part_and_what_would_be_sent() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let config_file = file("config.json", &config().to_string());
    let key_file = file("key", "a made-up key\n");
    let url = format!("https://shop.example/Tickets?queueittoken={}", token());
    let arguments =
        ["--config", &config_file, "--customer", "acme", "--cookie", "staff=no", "--now", "1700000000"];

    let output = explain(&[&[url.as_str(), "--secret-key-file", &key_file], &arguments[..]].concat());
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    for shown in [
        "Looked at   https://shop.example/Tickets\n",
        "1. Ignore \"pictures\" is not for this request\n",
        "no   the page path contains any of \".png\", \".jpg\"; the page path is \"/Tickets\"\n",
        "2. Queue \"tickets\" is for this request and decides\n",
        "yes  the cookie \"staff\" is not \"yes\"; the cookie \"staff\" is \"no\"\n",
        "Decision    strip-token-redirect\n",
        "  location: https://shop.example/Tickets\n",
        "  set-cookie: QueueITAccepted-SDFrts345E-V3_spring24=EventId%3Dspring24%26QueueId%3D7d3f0c52-",
    ] {
        assert!(text.contains(shown), "{shown:?} is not in\n{text}");
    }
    assert!(!text.contains("a made-up key"), "keys are not shown");

    let output = explain(&[&[url.as_str()], &arguments[..]].concat());
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("without --secret-key-file") && text.contains("/error/hash/"), "{text}");
}

#[test]
fn explanation_is_refused_with_every_mistake_of_the_config() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.json");
    std::fs::write(&path, r#"{"Integrations": [{"ActionType": "Cancel", "Triggers": 1}]}"#).unwrap();
    let config_file = path.to_str().unwrap();
    let output = explain(&["https://shop.example/", "--config", config_file, "--customer", "acme"]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).unwrap();
    for word in ["Version", "Integrations[0].Triggers", "Integrations[0].QueueDomain", config_file] {
        assert!(text.contains(word), "{word} is not in\n{text}");
    }
    let output = explain(&["https://shop.example/", "--config", config_file]);
    assert!(String::from_utf8(output.stderr).unwrap().contains("--customer"));
}

/// A queue token for room spring24 until a minute after the time of the cases, signed with their key.
fn token() -> String {
    use anteroom_protocol::mac::Key;
    use anteroom_protocol::queue_token::{NewQueueToken, RedirectType};
    use anteroom_protocol::time::Timestamp;

    let token = NewQueueToken {
        room: &"spring24".parse().unwrap(),
        queue_id: Some("7d3f0c52-8a4e-4c0e-9e55-1f2b3c4d5e6f".parse().unwrap()),
        expires_at: Timestamp::from_seconds(1_700_000_060),
        cookie_validity_minutes: None,
        redirect_type: RedirectType::Queue,
        client_ip: None,
    };
    token.seal(&Key::new(b"a made-up key"))
}
