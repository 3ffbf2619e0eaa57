//! What must hold for every request, whatever is in it.

use anteroom_connector::decision::{Outcome, Reason};
use anteroom_connector::normalize::normalize;
use anteroom_connector::policy::Policy;
use anteroom_protocol::accepted_cookie;
use anteroom_protocol::encode::enc;
use proptest::prelude::*;
use serde_json::json;

use crate::site::{cookie_value, decide, document, document_with, policy_of, queue_token, settings};

/// A policy that guards every address.
fn guarding_all() -> Policy {
    let all = json!([{ "LogicalOperator": "And", "TriggerParts": [] }]);
    let mut document = document_with("Triggers", all);
    document["Integrations"].as_array_mut().unwrap().drain(..2);
    policy_of(&document, &settings())
}

/// Texts near those that matter.
fn text() -> impl Strategy<Value = String> {
    let near = "(queueittoken=|e_spring24~|~h_|rt_debug|ts_9999999999|[?&=%#;/~_ \"]|%3D|EventId=spring24|&Hash=|[a-f0-9]{2}|\
                QueueITAccepted-SDFrts345E-V3_spring24=){0,12}";
    prop_oneof![near.prop_map(|text| text), ".{0,60}".prop_map(|text| text)]
}

proptest! {
    #[test]
    fn i10_nothing_made_up_gets_in(
        method in "(GET|POST|get|HEAD |\u{0}|[A-Z]{0,5})",
        path in text(),
        cookie in text(),
        token in text(),
        ajax in text(),
        is_normalized: bool,
    ) {
        prop_assume!(!matches!(method.as_str(), "HEAD" | "OPTIONS"));
        let policy = if is_normalized {
            policy_of(&document_with("IsNormalizationEnabled", json!(true)), &settings())
        } else {
            guarding_all()
        };
        let url = if is_normalized { format!("https://shop.example/tickets/{path}") } else { path };
        let headers = [("cookie", cookie.as_str()), ("x-queueittoken", &token), ("x-queueit-ajaxpageurl", &ajax)];
        let decision = decide(&policy, &method, &url, &headers);
        // Normalisation may find that `/tickets/../x` is another address.
        let is_elsewhere = is_normalized && decision.action.is_none();
        prop_assert!(is_elsewhere || !matches!(decision.outcome, Outcome::Pass | Outcome::StripToken { .. }), "{decision:?}");
    }

    #[test]
    fn i10_altered_pass_does_not_get_in(at in any::<prop::sample::Index>(), with in prop::char::range('!', '~'), is_token: bool) {
        let policy = policy_of(&document(), &settings());
        let genuine = if is_token { queue_token() } else { cookie_value("spring24", 60) };
        let mut altered = genuine.clone().into_bytes();
        let at = at.index(altered.len());
        altered[at] = u8::try_from(with).unwrap();
        let altered = String::from_utf8(altered).unwrap();
        prop_assume!(altered != genuine);
        let header = format!("{}={}", accepted_cookie::name("spring24"), enc(&altered));
        let headers = if is_token { [("x-queueittoken", altered.as_str())] } else { [("cookie", header.as_str())] };
        let decision = decide(&policy, "GET", crate::site::TICKETS, &headers);
        prop_assert!(matches!(decision.outcome, Outcome::Redirect { .. }), "{altered} {decision:?}");
    }

    #[test]
    fn i9_any_request_is_decided_and_any_address_is_one_header(path in ".{0,80}", ajax in ".{0,40}", token in ".{0,40}") {
        let policy = guarding_all();
        let url = format!("https://shop.example/{path}");
        let headers = [("x-queueittoken", token.as_str()), ("x-queueit-ajaxpageurl", &ajax)];
        let (Outcome::Redirect { location: address } | Outcome::AjaxRedirect { header_value: address }) =
            decide(&policy, "GET", &url, &headers).outcome
        else {
            return Err(TestCaseError::fail("let in"));
        };
        prop_assert!(address.bytes().all(|byte| byte.is_ascii_graphic()), "{address}");
    }

    #[test]
    fn normalised_address_stays_so(url in "https?://[a-z]{1,5}(/|//|/\\.\\./|/\\./|%2e|%20|%41|[a-z ?#é\u{1F600}\\\\]){0,12}") {
        let once = normalize(&url);
        // Not for every address, as slashes can come together when dots between them are removed; but never longer.
        prop_assert!(normalize(&once).len() <= once.len(), "{once}");
        prop_assert!(once.is_ascii());
    }
}

#[test]
fn i10_no_address_without_a_pass_is_let_through_by_its_length() {
    let policy = guarding_all();
    let url = format!("https://shop.example/{}", "a/../".repeat(100_000));
    assert_eq!(decide(&policy, "GET", &url, &[]).reason, Reason::NothingToShow);
}
