//! The protection scope: draft, check, publish, versions.

use serde_json::{Value, json};

use crate::world::{World, queue_action, request};

async fn save(world: &World, etag: &str, integrations: Value) -> crate::world::Answer {
    let body = json!({ "description": "spring sale", "integrations": integrations });
    world.ask_with("PUT", "/draft", &[("if-match", etag)], Some(body)).await
}

#[tokio::test]
async fn draft_is_kept_as_it_was_sent() {
    let world = World::start().await;
    let first = world.ask("GET", "/draft", None).await;
    assert_eq!(first.answered(200), json!({ "description": "", "integrations": [] }));

    let sent = json!([{ "Name": "half done", "Triggers": [] }, queue_action()]);
    let saved = save(&world, first.header("etag"), sent.clone()).await;
    assert_eq!(saved.answered(200), json!({ "description": "spring sale", "integrations": sent }));
    let read = world.ask("GET", "/draft", None).await;
    assert_eq!(read.json(), saved.json());
    assert_eq!(read.header("etag"), saved.header("etag"));
    assert_ne!(read.header("etag"), first.header("etag"));

    let again = save(&world, read.header("etag"), sent).await;
    assert_eq!(again.header("etag"), read.header("etag"), "what changes nothing is not a new writing");
}

#[tokio::test]
async fn update_of_a_draft_somebody_else_changed_is_refused() {
    let world = World::start().await;
    let first = world.ask("GET", "/draft", None).await;
    let first = first.header("etag");
    let mine = save(&world, first, json!([{ "Name": "mine" }])).await;
    mine.answered(200);
    save(&world, first, json!([{ "Name": "theirs" }])).await.refused(412);
    let read = world.ask("GET", "/draft", None).await;
    assert_eq!(read.json()["integrations"][0]["Name"], "mine");
    save(&world, "\"12345\"", json!([])).await.refused(412);
    save(&world, "nonsense", json!([])).await.refused(412);
    let body = json!({ "description": "", "integrations": [] });
    world.ask("PUT", "/draft", Some(body)).await.refused(428);
    save(&world, mine.header("etag"), json!([])).await.answered(200);
}

#[tokio::test]
async fn of_two_who_save_at_the_same_time_one_is_told() {
    let world = World::start().await;
    let first = world.ask("GET", "/draft", None).await;
    let first = first.header("etag");
    let (one, two) = tokio::join!(
        save(&world, first, json!([{ "Name": "one" }])),
        save(&world, first, json!([{ "Name": "two" }]))
    );
    let mut statuses = [one.status.as_u16(), two.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 412]);
}

#[tokio::test]
async fn everything_wrong_with_the_form_of_a_draft_is_told() {
    let world = World::start().await;
    let put = async |body| world.ask_with("PUT", "/draft", &[("if-match", "*")], Some(body)).await;
    let answer = put(json!({ "descripton": "x", "integrations": {} })).await;
    assert_eq!(answer.refused(422), ["integrations", "descripton"]);
    assert!(answer.text.contains("“description”"), "{}", answer.text);
    let answer = put(json!({ "integrations": [1, {}, "x"] })).await;
    assert_eq!(answer.refused(422), ["integrations[0]", "integrations[2]"]);
    put(json!({ "integrations": vec![json!({}); 1_001] })).await.refused(422);
    put(json!({ "description": "x".repeat(201), "integrations": [] })).await.refused(422);
}

#[tokio::test]
async fn check_tells_every_problem_and_what_would_be_published() {
    let world = World::start().await;
    let nothing = world.ask("POST", "/draft/check", Some(json!({}))).await.answered(200);
    assert_eq!((&nothing["problems"], &nothing["nextVersion"]), (&json!([]), &json!(1)));
    assert_eq!(nothing["warnings"][0]["path"], "Integrations");

    world.add_room_record("spring").await;
    let mut slips = queue_action();
    slips["EventId"] = json!("sprnig");
    slips["Nmae"] = json!("x");
    slips["QueueDomain"] = json!("");
    save(&world, "*", json!([slips])).await.answered(200);
    let checked = world.ask("POST", "/draft/check", None).await.answered(200);
    let mut paths: Vec<&str> = checked["problems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|problem| problem["path"].as_str().unwrap())
        .collect();
    paths.sort_unstable();
    assert_eq!(paths, ["Integrations[0].EventId", "Integrations[0].Nmae", "Integrations[0].QueueDomain"]);
    let refused = world.ask("POST", "/publish", None).await;
    assert_eq!(refused.refused(422).len(), 3);
    assert_eq!(world.ask("GET", "/versions", None).await.json(), json!({ "versions": [] }));

    save(&world, "*", json!([queue_action()])).await.answered(200);
    let checked = world.ask("POST", "/draft/check", None).await.answered(200);
    assert_eq!(checked, json!({ "problems": [], "warnings": [], "nextVersion": 1 }));
}

#[tokio::test]
async fn publication_makes_a_version_that_never_changes() {
    let world = World::start().await;
    world.add_room_record("spring").await;
    let saved = save(&world, "*", json!([queue_action()])).await;
    let made = world
        .ask_with(
            "POST",
            "/publish",
            &[("if-match", saved.header("etag"))],
            Some(json!({ "description": "first" })),
        )
        .await
        .answered(201);
    assert_eq!((&made["version"], &made["description"]), (&json!(1), &json!("first")));
    assert_eq!(made["publishedBy"], "API key “first key”");
    let second = world.ask("POST", "/publish", None).await.answered(201);
    assert_eq!((&second["version"], &second["description"]), (&json!(2), &json!("spring sale")));

    let versions = world.ask("GET", "/versions", None).await.answered(200);
    assert_eq!(versions["versions"], json!([second, made]));
    let first = world.ask("GET", "/versions/1", None).await.answered(200);
    let document = &first["document"];
    assert_eq!((&document["Version"], &document["CustomerId"]), (&json!(1), &json!("acme")));
    assert_eq!(document["Description"], "first");
    assert_eq!(document["ConfigDataVersion"], "1.0.0.1");
    assert_eq!(document["PublishDate"], first["publishedAt"]);
    assert_eq!(document["Integrations"][0]["EventId"], "spring");
    for unknown in ["3", "0", "x", "99999999999999999999"] {
        world.ask("GET", &format!("/versions/{unknown}"), None).await.refused(404);
    }

    let audit = world.ask("GET", "/audit", None).await.answered(200);
    let what: Vec<&str> =
        audit["entries"].as_array().unwrap().iter().map(|one| one["what"].as_str().unwrap()).collect();
    assert_eq!(what[..3], ["published version 2", "published version 1", "saved the draft, with 1 action"]);
}

#[tokio::test]
async fn publication_of_a_draft_that_was_not_looked_at_is_refused() {
    let world = World::start().await;
    world.add_room_record("spring").await;
    let looked_at = save(&world, "*", json!([queue_action()])).await;
    save(&world, "*", json!([])).await.answered(200);
    let headers = [("if-match", looked_at.header("etag"))];
    world.ask_with("POST", "/publish", &headers, None).await.refused(412);
    assert_eq!(world.ask("POST", "/publish", Some(json!({ "versoin": 3 }))).await.refused(422), ["versoin"]);
}

#[tokio::test]
async fn versions_of_many_who_publish_at_once_have_no_gap() {
    let world = World::start().await;
    let asked = || world.ask("POST", "/publish", None);
    let (a, b, c, d) = tokio::join!(asked(), asked(), asked(), asked());
    let mut made = 0;
    for answer in [a, b, c, d] {
        match answer.status.as_u16() {
            201 => made += 1,
            409 => drop(answer.refused(409)),
            other => panic!("{other}: {}", answer.text),
        }
    }
    let versions = world.ask("GET", "/versions", None).await.json();
    let numbers: Vec<u64> =
        versions["versions"].as_array().unwrap().iter().map(|one| one["version"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (1..=made).rev().collect::<Vec<u64>>());
    assert!(made >= 1);
}

#[tokio::test]
async fn operator_is_named_in_versions_and_audit() {
    let world = World::start().await;
    let cookie = world.sign_in().await;
    let headers = [("cookie", cookie.as_str()), ("x-anteroom-console", "1")];
    let made =
        world.send(request("POST", "/api/v1/accounts/acme/publish", &headers, None)).await.answered(201);
    assert_eq!(made["publishedBy"], "operator");
    let audit = world.ask("GET", "/audit", None).await.json();
    assert_eq!(audit["entries"][0]["who"], "operator");
}
