//! The rules of a policy beyond the golden cases: what the web layer around the official connectors does, and where
//! we deviate.

use anteroom_connector::decision::{Outcome, Reason, TokenFault};
use anteroom_connector::policy::Policy;
use anteroom_connector::settings::Settings;
use anteroom_protocol::accepted_cookie;
use anteroom_protocol::encode::enc;
use anteroom_protocol::integration;
use anteroom_protocol::redirect::with_token;
use anteroom_protocol::secret::Secret;
use serde_json::json;

use crate::site::{
    KEY, TICKETS, cookie, cookie_value, decide, document, document_with, path_contains, policy, policy_of,
    queue_token, settings,
};

#[test]
fn token_is_taken_out_of_the_address_only_where_that_loses_nothing() {
    let policy = policy();
    let token = queue_token();
    let with_token = with_token(TICKETS, &token);
    let ajax = ("x-queueit-ajaxpageurl", "https%3A%2F%2Fshop.example%2F");

    let stripped = decide(&policy, "GET", &with_token, &[]);
    assert_eq!(stripped.outcome, Outcome::StripToken { location: TICKETS.to_owned() });
    assert_eq!((stripped.reason, stripped.set_cookies.len()), (Reason::TokenAccepted, 1));
    for (method, url, headers) in [
        ("POST", with_token.as_str(), vec![]),
        ("GET", &with_token, vec![ajax]),
        ("GET", TICKETS, vec![("X-QueueITToken", token.as_str())]),
    ] {
        let decision = decide(&policy, method, url, &headers);
        assert_eq!(
            (decision.outcome, decision.reason),
            (Outcome::Pass, Reason::TokenAccepted),
            "{method} {url}"
        );
        assert_eq!(decision.set_cookies.len(), 1);
    }
    // A visitor who is in already and follows an old link.
    let cookie = cookie("spring24", 60);
    let again = decide(&policy, "GET", &with_token, &[("cookie", &cookie)]);
    assert_eq!(again.outcome, Outcome::StripToken { location: TICKETS.to_owned() });
    assert_eq!((again.reason, again.set_cookies), (Reason::CookieAccepted, vec![]));
}

#[test]
fn token_in_the_address_goes_before_the_one_in_the_header() {
    let policy = policy();
    let token = queue_token();
    let url = with_token(TICKETS, "e_spring24~h_0");
    let decision = decide(&policy, "GET", &url, &[("x-queueittoken", &token)]);
    assert_eq!(decision.reason, Reason::TokenRefused(TokenFault::Signature));
    // Several in the address: the first that says anything, and none stays in it.
    let url = format!("{TICKETS}&queueittoken=&QUEUEITTOKEN=x&queueittoken={token}&queueittoken=y&z=1");
    let decision = decide(&policy, "GET", &url, &[]);
    assert_eq!(decision.outcome, Outcome::StripToken { location: format!("{TICKETS}&z=1") });
}

#[test]
fn only_head_and_options_are_not_guarded() {
    let policy = policy();
    for method in ["HEAD", "OPTIONS"] {
        assert_eq!(decide(&policy, method, TICKETS, &[]).reason, Reason::MethodNotGuarded);
    }
    for method in ["GET", "POST", "PUT", "DELETE", "head", "Options", "HEAD ", "PROPFIND", ""] {
        let headers = [("x-http-method-override", "HEAD"), ("x-http-method", "OPTIONS")];
        let decision = decide(&policy, method, TICKETS, &headers);
        assert!(matches!(decision.outcome, Outcome::Redirect { .. }), "{method}");
    }
}

#[test]
fn room_base_takes_the_place_of_the_domain_and_keeps_the_prefix() {
    let settings = Settings {
        room_base: Some("http://127.0.0.1:8602".to_owned()),
        platform_suffix: Some("anteroom-gateway-0.1.0".to_owned()),
        ..settings()
    };
    let policy = policy_of(&document_with("QueuePathPrefix", json!("/line")), &settings);
    let expected = format!(
        "http://127.0.0.1:8602/line/?c=acme&e=spring24&ver=rust-{}&cver=7&man=tickets&t={}",
        env!("CARGO_PKG_VERSION"),
        enc(TICKETS)
    );
    let end = "&kupver=anteroom-gateway-0.1.0";
    let decision = decide(&policy, "GET", TICKETS, &[]);
    assert_eq!(decision.outcome, Outcome::Redirect { location: format!("{expected}{end}") });
    let decision = decide(
        &policy,
        "GET",
        "https://shop.example/tickets/api",
        &[("x-queueit-ajaxpageurl", &enc(TICKETS))],
    );
    assert!(decision.is_ajax);
    assert_eq!(decision.outcome, Outcome::AjaxRedirect { header_value: format!("{}{end}", enc(&expected)) });
    let cookie = cookie("spring24", 60);
    let decision = decide(&policy, "GET", "https://shop.example/logout", &[("cookie", &cookie)]);
    assert!(matches!(decision.outcome, Outcome::Redirect { location }
        if location.starts_with("http://127.0.0.1:8602/cancel/multiple/acme?wrl=spring24~7d3f") && location.ends_with(end)));
}

#[test]
fn of_several_cookies_of_one_name_a_good_one_counts() {
    let policy = policy();
    let [good, old] = [cookie("spring24", 60), cookie("spring24", 5_000)];
    let reason = |cookies: &[&str]| {
        let headers = cookies.iter().map(|cookie| ("cookie", *cookie)).collect::<Vec<_>>();
        decide(&policy, "GET", TICKETS, &headers).reason
    };
    assert_eq!(reason(&[&old, &good]), Reason::CookieAccepted);
    assert_eq!(reason(&[&format!("{old}; a=b; {good}")]), Reason::CookieAccepted);
    assert_eq!(reason(&[&old, &old, &old, &good]), Reason::CookieAccepted);
    assert_eq!(reason(&[&old, &old, &old, &old, &good]), Reason::CookieRefused);
}

#[test]
fn cookie_counts_raw_quoted_and_encoded_in_either_letter_case() {
    let policy = policy();
    let value = cookie_value("spring24", 60);
    let name = accepted_cookie::name("spring24");
    for form in [value.clone(), format!("\"{value}\""), enc(&value), enc(&value).replace("%3D", "%3d")] {
        let decision = decide(&policy, "GET", TICKETS, &[("cookie", &format!("{name}={form}"))]);
        assert_eq!(decision.reason, Reason::CookieAccepted, "{form}");
    }
    for form in
        [enc(&enc(&value)), value.replace('&', "%26"), format!("{value}\u{fffd}"), "%3D%ff".to_owned()]
    {
        let decision = decide(&policy, "GET", TICKETS, &[("cookie", &format!("{name}={form}"))]);
        assert_eq!(decision.reason, Reason::CookieRefused, "{form}");
        // It is taken away, so that it is not sent again.
        assert!(decision.set_cookies.len() == 1 && decision.set_cookies[0].value.is_none());
    }
}

#[test]
fn token_of_unknown_type_makes_a_cookie_that_can_be_read_back() {
    let policy = policy();
    let unsigned = "e_spring24~ts_1700000060~rt_new&EventId=x";
    let key = anteroom_protocol::mac::Key::new(KEY.as_bytes());
    let token = format!("{unsigned}~h_{}", key.sign(&[unsigned.as_bytes()]).to_hex());
    let decision = decide(&policy, "GET", TICKETS, &[("x-queueittoken", &token)]);
    assert_eq!(decision.reason, Reason::TokenAccepted);
    let value = decision.set_cookies[0].value.as_deref().unwrap();
    let header = format!("{}={}", accepted_cookie::name("spring24"), enc(value));
    assert_eq!(decide(&policy, "GET", TICKETS, &[("cookie", &header)]).reason, Reason::CookieAccepted);
}

#[test]
fn rooms_that_a_cut_could_confuse_ask_for_a_queue_id() {
    let mut document = document();
    let mut other = document["Integrations"][2].clone();
    other["EventId"] = json!("spring2");
    other["Triggers"] = path_contains("/other");
    document["Integrations"].as_array_mut().unwrap().push(other);
    let policy = policy_of(&document, &settings());
    let cookie = accepted_cookie::NewAcceptedCookie {
        event_id: "spring24",
        queue_id: None,
        fixed_validity_minutes: None,
        redirect_type: anteroom_protocol::queue_token::RedirectType::SafetyNet,
        issued_at: crate::site::NOW,
        hashed_ip: None,
    }
    .seal(&anteroom_protocol::mac::Key::new(KEY.as_bytes()));
    let header = format!("{}={cookie}", accepted_cookie::name("spring24"));
    assert_eq!(decide(&policy, "GET", TICKETS, &[("cookie", &header)]).reason, Reason::CookieRefused);
    assert_eq!(
        decide(&crate::site::policy(), "GET", TICKETS, &[("cookie", &header)]).reason,
        Reason::CookieAccepted
    );
}

#[test]
fn normalisation_brings_spellings_together_where_asked_for() {
    let spellings = [
        "https://shop.example/%74ickets",
        "https://shop.example//x/..//tickets",
        "https://shop.example\\tickets",
        "https://shop.example/x\u{1F600}/../tickets",
    ];
    let plain = policy();
    let normalized = policy_of(&document_with("IsNormalizationEnabled", json!(true)), &settings());
    for url in spellings {
        assert_eq!(decide(&normalized, "GET", url, &[]).reason, Reason::NothingToShow, "{url}");
    }
    assert_eq!(decide(&plain, "GET", spellings[0], &[]).reason, Reason::NoActionMatches);
}

#[test]
fn settings_of_no_use_are_refused_all_at_once() {
    let config = integration::parse(document().to_string().as_bytes()).unwrap();
    let settings = Settings {
        customer_id: String::new(),
        secret_key: Secret::new(String::new()),
        room_base: Some("127.0.0.1:8602".to_owned()),
        platform_suffix: Some("a&t=b".to_owned()),
        ..settings()
    };
    let error = Policy::compile(&config, &settings).unwrap_err();
    let paths = error.problems().iter().map(|problem| problem.path.as_str()).collect::<Vec<_>>();
    assert_eq!(paths, ["customer_id", "secret_key", "room_base", "platform_suffix"]);
}

#[test]
fn policy_tells_its_version_and_no_secret() {
    let policy = policy();
    assert_eq!((policy.version(), policy.warnings()), (7, &[][..]));
    assert!(!format!("{policy:?}").contains(KEY));
}
