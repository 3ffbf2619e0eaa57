//! What the demo protects: everything about tickets, except the page that says what they cost. Written as any
//! operator would write it, in the form that travels to the connectors.

use serde_json::{Value, json};

/// The room's id in addresses.
pub(super) const ROOM: &str = "evening";
/// What visitors read.
pub(super) const ROOM_NAME: &str = "Tickets for the evening";

/// The actions of a new demo. The first that matches decides, so the exception comes first. It is for just that one page,
/// and addresses are normalised: else `/tickets/info/../seats` would pass for an exception.
pub(super) fn integrations(queue_domain: &str) -> Vec<Value> {
    vec![
        json!({
            "Name": "Prices are open to all",
            "ActionType": "Ignore",
            "IsNormalizationEnabled": true,
            "Triggers": [path("Equals", "/tickets/info")],
        }),
        json!({
            "Name": "Leave after paying",
            "ActionType": "Cancel",
            "EventId": ROOM,
            "QueueDomain": queue_domain,
            "IsNormalizationEnabled": true,
            "Triggers": [path("Contains", "/checkout/done")],
        }),
        json!({
            "Name": "Queue for tickets",
            "ActionType": "Queue",
            "EventId": ROOM,
            "QueueDomain": queue_domain,
            "CookieDomain": "",
            "CookieValidityMinute": 20,
            "ExtendCookieValidity": true,
            "RedirectLogic": "AllowTParameter",
            "ForcedTargetUrl": "",
            "IsNormalizationEnabled": true,
            "Triggers": [path("Contains", "/tickets")],
        }),
    ]
}

/// Sends every action to where the room is now. True when one of them pointed elsewhere, because the demo ran on
/// other ports before.
pub(super) fn point_to(integrations: &mut [Value], queue_domain: &str) -> bool {
    let mut has_moved = false;
    for domain in integrations.iter_mut().filter_map(|one| one.get_mut("QueueDomain")) {
        if domain.as_str().is_some_and(|domain| !domain.is_empty() && domain != queue_domain) {
            *domain = queue_domain.into();
            has_moved = true;
        }
    }
    has_moved
}

fn path(operator: &str, text: &str) -> Value {
    json!({
        "LogicalOperator": "And",
        "TriggerParts": [{
            "ValidatorType": "UrlValidator",
            "UrlPart": "PagePath",
            "Operator": operator,
            "ValueToCompare": text,
            "ValuesToCompare": [],
            "IsNegative": false,
            "IsIgnoreCase": true,
        }],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_follow_the_room_to_its_new_port_and_keep_all_else() {
        let mut scope = integrations("127.0.0.1:1");
        assert!(!point_to(&mut scope, "127.0.0.1:1"));
        scope[2]["CookieValidityMinute"] = 5.into();
        assert!(point_to(&mut scope, "127.0.0.1:2"));
        assert_eq!(scope[1]["QueueDomain"], "127.0.0.1:2");
        assert_eq!(scope[2]["CookieValidityMinute"], 5);
        assert!(scope[0].get("QueueDomain").is_none(), "an Ignore leads nowhere");
    }
}
