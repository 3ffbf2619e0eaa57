//! What an integration config may look like, and what is said about one that does not.

use std::time::Duration;

use anteroom_protocol::integration::{
    Action, DOCUMENT_BYTES_MAX, INTEGRATIONS_MAX, INVOLVED_ROOMS_MAX, IntegrationConfig, LogicalOperator,
    Operator, PROBLEMS_MAX, RedirectLogic, TEXT_BYTES_MAX, TRIGGER_PARTS_MAX, TRIGGERS_MAX, VALUES_MAX,
    Validator, parse,
};
use proptest::prelude::*;
use serde_json::{Value, json};

fn part() -> Value {
    json!({ "ValidatorType": "UrlValidator", "UrlPart": "PageUrl", "Operator": "Contains", "ValueToCompare": "/tickets" })
}

fn queue() -> Value {
    json!({
        "Name": "tickets",
        "ActionType": "Queue",
        "EventId": "spring24",
        "QueueDomain": "queue.shop.example",
        "CookieValidityMinute": 20,
        "Triggers": [{ "LogicalOperator": "And", "TriggerParts": [part()] }],
    })
}

fn config(integrations: impl Into<Value>) -> Value {
    json!({ "Version": 7, "CustomerId": "acme", "Integrations": integrations.into() })
}

fn read(document: &Value) -> Result<IntegrationConfig, Vec<String>> {
    parse(document.to_string().as_bytes())
        .map_err(|problems| problems.iter().map(ToString::to_string).collect())
}

fn warnings(document: &Value) -> Vec<String> {
    read(document).unwrap().warnings().iter().map(ToString::to_string).collect()
}

/// A queue action with one field changed.
fn with(field: &str, value: Value) -> Value {
    let mut queue = queue();
    queue[field] = value;
    config(json!([queue]))
}

#[test]
fn absent_fields_have_their_defaults() {
    let config = read(&config(json!([queue()]))).unwrap();
    assert_eq!((config.version, config.version_text.as_str()), (7, "7"));
    assert_eq!(config.customer_id.as_deref(), Some("acme"));
    assert_eq!(config.warnings(), []);
    let [integration] = config.integrations.as_slice() else { panic!("{config:?}") };
    let Action::Queue(queue) = &integration.action else { panic!("{integration:?}") };
    assert_eq!(queue.rooms, ["spring24"]);
    assert_eq!(queue.cookie_validity, Duration::from_secs(1200));
    assert_eq!(queue.redirect_logic, RedirectLogic::AllowTParameter);
    assert_eq!(queue.cookies.domain, None);
    assert!(!queue.is_cookie_extended && !integration.is_normalized && !queue.cookies.is_secure);
}

#[test]
fn every_problem_is_told_at_once_with_its_path() {
    let document = json!({
        "Version": 0,
        "CustomerId": 5,
        "Integrations": [
            {
                "Name": 1, "ActionType": "Queue", "EventId": "", "QueueDomain": "https://queue.shop.example",
                "CookieValidityMinute": 0, "CookieDomain": "a; HttpOnly", "ExtendCookieValidity": "yes",
                "InvolvedWaitingRoomIds": ["ok", "a;b", 5],
                "Triggers": [{}, { "TriggerParts": [{ "Operator": 5, "ValuesToCompare": "x" }, 7] }],
            },
            { "ActionType": "Cancel", "Triggers": [] },
            { "ActionType": "Ignore" },
            null,
        ],
    });
    assert_eq!(
        read(&document).unwrap_err(),
        [
            "Version: found 0, expected a whole number greater than 0",
            "CustomerId: found 5, expected a text or null",
            "Integrations[0].Name: found 1, expected a text or null",
            "Integrations[0].EventId: found \"\", expected the id of a waiting room",
            "Integrations[0].InvolvedWaitingRoomIds[2]: found 5, expected a text of at most 8192 bytes",
            "Integrations[0].InvolvedWaitingRoomIds[1]: found \"a;b\", expected a waiting room id of at most 30 \
             characters, which are ASCII and none of ; = , \" \\",
            "Integrations[0].QueueDomain: found \"https://queue.shop.example\", expected the host name of the waiting \
             room, without https:// and without a path",
            "Integrations[0].CookieDomain: found \"a; HttpOnly\", expected a domain name or null",
            "Integrations[0].CookieValidityMinute: found 0, expected a number of minutes greater than 0",
            "Integrations[0].ExtendCookieValidity: found \"yes\", expected true, false or null",
            "Integrations[0].Triggers[0].TriggerParts: found nothing, expected a list",
            "Integrations[0].Triggers[1].TriggerParts[0].ValuesToCompare: found \"x\", expected a list",
            "Integrations[0].Triggers[1].TriggerParts[0].Operator: found 5, expected a text or null",
            "Integrations[0].Triggers[1].TriggerParts[1]: found 7, expected an object",
            "Integrations[1].EventId: found nothing, expected the id of a waiting room, here or in \
             InvolvedWaitingRoomIds",
            "Integrations[1].QueueDomain: found nothing, expected the host name of the waiting room, without https:// \
             and without a path",
            "Integrations[2].Triggers: found nothing, expected a list",
            "Integrations[3]: found null, expected an object",
        ]
    );
}

#[test]
fn what_is_no_document_is_said_so() {
    for text in ["", "{", "\u{feff}{}", "nonsense"] {
        let problems = parse(text.as_bytes()).unwrap_err();
        assert!(problems.len() == 1 && problems[0].found.starts_with("no JSON"), "{problems:?}");
    }
    for document in [json!(null), json!([]), json!("x"), json!(7)] {
        assert!(read(&document).unwrap_err()[0].ends_with("expected an object"));
    }
    // Deep nesting costs neither the stack nor much time.
    assert!(parse("[".repeat(DOCUMENT_BYTES_MAX).as_bytes()).is_err());
    assert!(parse(format!("{{\"Integrations\":{}", "[".repeat(100_000)).as_bytes()).is_err());
}

#[test]
fn version_is_a_number_or_begins_with_one() {
    for (version, number, text) in [(json!(7), 7, "7"), (json!("7b"), 7, "7b"), (json!("12"), 12, "12")] {
        let config = read(&json!({ "Version": version })).unwrap();
        assert_eq!((config.version, config.version_text.as_str()), (number, text));
    }
    for version in [
        json!(null),
        json!(0),
        json!(-1),
        json!(1.5),
        json!(""),
        json!("b"),
        json!("0"),
        json!("7&e=x"),
        json!(true),
    ] {
        assert!(read(&json!({ "Version": version })).is_err(), "{version}");
    }
    assert!(read(&json!({ "Version": "7".repeat(33) })).is_err());
}

#[test]
fn validity_is_a_number_of_minutes() {
    let validity =
        |value: Value| match &read(&with("CookieValidityMinute", value)).ok()?.integrations[0].action {
            Action::Queue(queue) => Some(queue.cookie_validity.as_secs()),
            _ => None,
        };
    assert_eq!(validity(json!(1.5)), Some(90));
    assert_eq!(validity(json!("20")), Some(1200));
    assert_eq!(validity(json!(1e300)), Some(u64::MAX));
    for value in
        [json!(null), json!(0), json!(-5), json!(""), json!("."), json!("1e3"), json!("inf"), json!([5])]
    {
        assert_eq!(validity(value.clone()), None, "{value}");
    }
}

#[test]
fn rooms_are_taken_once_and_in_order() {
    let rooms = |event_id: Value, involved: Value| {
        let mut cancel = json!({ "ActionType": "Cancel", "QueueDomain": "q.example", "Triggers": [] });
        cancel["EventId"] = event_id;
        cancel["InvolvedWaitingRoomIds"] = involved;
        match &read(&config(json!([cancel]))).ok()?.integrations[0].action {
            Action::Cancel(cancel) => Some(cancel.rooms.join(" ")),
            _ => None,
        }
    };
    assert_eq!(rooms(json!("b"), json!(["a", "b", "a"])).as_deref(), Some("b a"));
    assert_eq!(rooms(json!(null), json!(["a"])).as_deref(), Some("a"));
    assert_eq!(rooms(json!(null), json!([])), None);
    for id in ["a\r\nb", "a;b", "é", " a", &"a".repeat(31)] {
        assert_eq!(rooms(json!(id), json!(null)), None, "{id:?}");
    }
}

#[test]
fn odd_things_are_followed_with_a_warning() {
    for (action_type, named) in [(json!("queue"), "\"queue\""), (json!(null), "null")] {
        let odd = with("ActionType", action_type);
        assert_eq!(read(&odd).unwrap().integrations[0].action, Action::Ignore);
        assert_eq!(
            warnings(&odd),
            [format!(
                "Integrations[0].ActionType: found {named}, expected Queue, Cancel or Ignore; it is taken as Ignore, so \
                 nothing is guarded here"
            )]
        );
    }
    let odd = with("Triggers", json!([{ "LogicalOperator": "Xor", "TriggerParts": [] }]));
    assert_eq!(read(&odd).unwrap().integrations[0].triggers[0].logical_operator, LogicalOperator::And);
    assert_eq!(
        warnings(&odd),
        [
            "Integrations[0].Triggers[0].LogicalOperator: found \"Xor\", expected And or Or; it is taken as And",
            "Integrations[0].Triggers[0].TriggerParts: found an empty list, expected at least one; without any, the \
             trigger matches every request",
        ]
    );
    for (field, value) in [
        ("EventId", json!("Spring24")),
        ("EventId", json!("my_event")),
        ("RedirectLogic", json!("Elsewhere")),
        ("Triggers", json!([])),
    ] {
        let warnings = warnings(&with(field, value));
        assert!(warnings.len() == 1 && warnings[0].contains(field), "{warnings:?}");
    }
    // Spelled wrongly by older platforms, and no reason for a warning.
    assert_eq!(warnings(&with("RedirectLogic", json!("ForecedTargetUrl"))), Vec::<String>::new());

    let odd_part = |field: &str, value: Value| {
        let mut part = part();
        part[field] = value;
        let document = with("Triggers", json!([{ "LogicalOperator": "Or", "TriggerParts": [part] }]));
        let warnings = warnings(&document);
        assert!(warnings.iter().any(|warning| warning.contains(field)), "{field}: {warnings:?}");
        read(&document).unwrap().integrations[0].triggers[0].parts[0].clone()
    };
    assert_eq!(odd_part("ValidatorType", json!("JSVariableValidator")).validator, Validator::Unknown);
    assert_eq!(odd_part("Operator", json!("contains")).operator, Operator::Unknown);
    odd_part("UrlPart", json!(null));
    odd_part("ValueToCompare", json!(null));
}

#[test]
fn too_much_of_anything_is_refused() {
    let many = |value: Value, count: usize| Value::Array(vec![value; count]);
    let trigger = |parts: Value| json!([{ "LogicalOperator": "And", "TriggerParts": parts }]);
    let small_trigger = json!({ "LogicalOperator": "Or", "TriggerParts": [] });
    let values = |count| {
        let mut part = part();
        part["ValuesToCompare"] = many(json!("x"), count);
        with("Triggers", trigger(json!([part])))
    };
    let ignore = json!({ "ActionType": "Ignore", "Triggers": [] });
    let rooms = |count| Value::Array((0..count).map(|at| json!(format!("room{at}"))).collect());
    for (at_the_limit, past_it) in [
        (config(many(ignore.clone(), INTEGRATIONS_MAX)), config(many(ignore, INTEGRATIONS_MAX + 1))),
        (
            with("Triggers", many(small_trigger.clone(), TRIGGERS_MAX)),
            with("Triggers", many(small_trigger, TRIGGERS_MAX + 1)),
        ),
        (
            with("Triggers", trigger(many(part(), TRIGGER_PARTS_MAX))),
            with("Triggers", trigger(many(part(), TRIGGER_PARTS_MAX + 1))),
        ),
        (values(VALUES_MAX), values(VALUES_MAX + 1)),
        (
            with("InvolvedWaitingRoomIds", rooms(INVOLVED_ROOMS_MAX)),
            with("InvolvedWaitingRoomIds", rooms(INVOLVED_ROOMS_MAX + 1)),
        ),
        (
            with("Culture", json!("x".repeat(TEXT_BYTES_MAX))),
            with("Culture", json!("x".repeat(TEXT_BYTES_MAX + 1))),
        ),
    ] {
        assert!(read(&at_the_limit).is_ok(), "{:?}", read(&at_the_limit).unwrap_err());
        let problems = read(&past_it).unwrap_err();
        assert!(problems.len() == 1 && problems[0].contains("at most"), "{problems:?}");
    }
    let padded = format!("{{\"Version\":7}}{}", " ".repeat(DOCUMENT_BYTES_MAX));
    assert!(parse(padded.as_bytes()).unwrap_err()[0].expected.starts_with("at most"));
}

#[test]
fn problems_past_the_limit_are_counted() {
    let problems = read(&config(Value::Array(vec![json!(null); PROBLEMS_MAX + 20]))).unwrap_err();
    assert_eq!(problems.len(), PROBLEMS_MAX + 1);
    assert!(problems[PROBLEMS_MAX].contains("20 more"), "{}", problems[PROBLEMS_MAX]);
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[a-zA-Z/*é;=\\\\]{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((any_field(), inner), 0..4).prop_map(|fields| fields.into_iter().collect()),
        ]
    })
}

fn any_field() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "Version",
        "Integrations",
        "Name",
        "ActionType",
        "EventId",
        "InvolvedWaitingRoomIds",
        "CookieDomain",
        "CookieValidityMinute",
        "QueueDomain",
        "QueuePathPrefix",
        "RedirectLogic",
        "ForcedTargetUrl",
        "Triggers",
        "LogicalOperator",
        "TriggerParts",
        "ValidatorType",
        "Operator",
        "ValuesToCompare",
        "IsNegative",
        "UrlPart",
    ])
    .prop_map(str::to_owned)
}

proptest! {
    #[test]
    fn any_document_is_read_without_a_panic(document in any_json(), bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let _ = read(&document);
        let _ = parse(&bytes);
    }

    #[test]
    fn any_change_is_taken_or_told(field in any_field(), value in any_json(), depth in 0..4usize) {
        let mut document = config(json!([queue()]));
        let place = match depth {
            0 => &mut document,
            1 => &mut document["Integrations"][0],
            2 => &mut document["Integrations"][0]["Triggers"][0],
            _ => &mut document["Integrations"][0]["Triggers"][0]["TriggerParts"][0],
        };
        place[field] = value;
        match read(&document) {
            Ok(config) => prop_assert!(config.version > 0),
            Err(problems) => prop_assert!(!problems.is_empty()),
        }
    }
}
