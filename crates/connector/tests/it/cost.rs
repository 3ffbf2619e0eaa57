//! What a decision may cost: the host makes one for each request of the site.

use allocation_counter::measure;
use anteroom_connector::decision::{Outcome, Reason};
use serde_json::json;

use crate::site::{NOW, TICKETS, cookie, document_with, policy, policy_of, queue_token, settings, view};

#[test]
fn request_that_passes_takes_no_allocation() {
    let policy = policy();
    let held = format!("cart=1; seg=Gold; {}; theme=dark", cookie("spring24", 60));
    let browser =
        [("host", "shop.example"), ("user-agent", "Mozilla/5.0 (X11; Linux x86_64)"), ("accept", "*/*")];
    for (method, url, cookie, reason) in [
        ("GET", "https://shop.example/", held.as_str(), Reason::NoActionMatches),
        ("POST", "https://shop.example/open?x=%20y", "", Reason::Ignored),
        ("GET", TICKETS, &held, Reason::CookieAccepted),
        ("HEAD", TICKETS, "", Reason::MethodNotGuarded),
        ("GET", "https://shop.example/logout", "", Reason::NothingToCancel),
    ] {
        let mut headers = browser.to_vec();
        headers.push(("cookie", cookie));
        let view = view(method, url, &headers);
        let mut decision = None;
        let cost = measure(|| decision = Some(policy.decide(&view, NOW)));
        let decision = decision.unwrap();
        assert_eq!((decision.reason, decision.outcome), (reason, Outcome::Pass));
        // What a cancel action looks at is gathered in a list; such requests are rare.
        let allowed = u64::from(reason == Reason::NothingToCancel);
        assert!(cost.count_total <= allowed, "{reason:?} took {} allocations", cost.count_total);
    }
}

#[test]
fn request_that_none_of_a_thousand_actions_is_for_takes_no_allocation() {
    let action = |number: usize| {
        json!({ "Name": number.to_string(), "ActionType": "Ignore",
            "Triggers": crate::site::path_contains(&format!("/shows/{number}/")) })
    };
    let document = json!({ "Version": 1, "Integrations": (0..1_000).map(action).collect::<Vec<_>>() });
    let policy = policy_of(&document, &settings());
    let headers = vec![("host", "shop.example")];
    let decide = |url: &str| policy.decide(&view("GET", url, &headers), NOW).action_name;
    assert_eq!(measure(|| assert_eq!(decide("https://shop.example/about"), None)).count_total, 0);
    // All of them are looked for, and the first one that is there counts.
    assert_eq!(decide("https://shop.example/shows/999/seats"), Some("999"));
    assert_eq!(decide("https://shop.example/shows/999/shows/500/"), Some("500"));
}

#[test]
fn accepted_cookie_that_is_bound_to_an_address_takes_no_allocation() {
    let policy = policy();
    let key = anteroom_protocol::mac::Key::new(crate::site::KEY.as_bytes());
    let hashed_ip = anteroom_protocol::client_ip::hashed("203.0.113.7".parse().unwrap(), &key);
    let value = anteroom_protocol::accepted_cookie::NewAcceptedCookie {
        event_id: "spring24",
        queue_id: Some(crate::site::QUEUE_ID),
        fixed_validity_minutes: Some(30),
        redirect_type: anteroom_protocol::queue_token::RedirectType::Queue,
        issued_at: NOW,
        hashed_ip: Some(hashed_ip.as_str()),
    }
    .seal(&key);
    let name = anteroom_protocol::accepted_cookie::name("spring24");
    let cookie = format!("{name}={}", anteroom_protocol::encode::enc(&value));
    let headers = vec![("cookie", cookie.as_str())];
    let mut reason = None;
    let cost = measure(|| reason = Some(policy.decide(&view("GET", TICKETS, &headers), NOW).reason));
    assert_eq!((reason, cost.count_total), (Some(Reason::CookieAccepted), 0));
}

#[test]
fn allocations_are_counted_at_all() {
    let policy = policy();
    let headers = vec![("host", "shop.example")];
    assert!(measure(|| drop(policy.decide(&view("GET", TICKETS, &headers), NOW))).count_total > 0);
}

#[test]
fn huge_requests_cost_in_proportion() {
    let policy = policy();
    // A header of many cookies of the room's name: only so many are tried.
    let many = vec![cookie("spring24", 100_000); 200].join("; ");
    let headers = vec![("cookie", many.as_str()), ("x-queueittoken", "e_x~")];
    let long_url = format!("{TICKETS}&{}", "queueittoken=%zz&".repeat(20_000));
    let cost = measure(|| drop(policy.decide(&view("GET", &long_url, &headers), NOW)));
    assert!(cost.bytes_max < 4 * 1024 * 1024, "{} bytes", cost.bytes_max);

    let token = queue_token().repeat(1_000);
    let headers = vec![("x-queueittoken", token.as_str())];
    let decision = policy.decide(&view("GET", TICKETS, &headers), NOW);
    assert!(matches!(decision.reason, Reason::TokenRefused(_)));
}

#[test]
fn config_compiles_in_memory_in_proportion_to_its_size() {
    // Hardly any text shares anything with another: the worst that automata can be made of.
    let texts = (0..2_000).map(|at| format!("/{at:x}-{}", at.to_string().repeat(17))).collect::<Vec<_>>();
    let part = json!({ "ValidatorType": "UrlValidator", "UrlPart": "PagePath", "Operator": "ContainsAny",
        "ValuesToCompare": texts, "IsIgnoreCase": true });
    let document = document_with("Triggers", json!([{ "LogicalOperator": "Or", "TriggerParts": [part] }]));

    let mut policy = None;
    let cost = measure(|| policy = Some(policy_of(&document, &settings())));
    // So the largest document that is taken, of 4 MiB, needs some 300 MiB while it compiles.
    let for_each_byte = cost.bytes_max / u64::try_from(document.to_string().len()).unwrap();
    assert!(for_each_byte < 80, "{for_each_byte} bytes of memory for each of the document");
    let url = format!("https://shop.example{}", texts[1_000].to_uppercase());
    let headers = vec![("host", "shop.example")];
    assert_eq!(policy.unwrap().decide(&view("GET", &url, &headers), NOW).reason, Reason::NothingToShow);
}
