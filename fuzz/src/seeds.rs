//! Inputs to begin with: genuine ones, and what stands in the golden cases of the wire.

use anteroom_protocol::encode::enc;
use serde_json::Value;

use super::targets::{SEPARATOR, genuine};

/// A target's name, and bytes for it.
pub type Seed = (&'static str, Vec<u8>);

/// What the targets take for genuine, and texts around it.
pub fn of_our_own() -> Vec<Seed> {
    let [token, cookie] = genuine();
    let name = "QueueITAccepted-SDFrts345E-V3_spring24";
    let tickets = "https://shop.example/tickets?id=1";
    vec![
        ("queue_token", token.clone().into_bytes()),
        ("accepted_cookie", cookie.clone().into_bytes()),
        ("accepted_cookie", enc(&cookie).into_bytes()),
        (
            "enqueue_token",
            enqueue_token(r#"{"typ":"QT1","enc":"AES256","iss":1,"ti":"a","c":"acme","e":"spring24"}"#),
        ),
        ("enqueue_token", enqueue_token("")),
        ("normalize", "https://shop.example//a/./b/../%74ickets\\x?q=%20 #é".into()),
        ("decision", request(tickets, &format!("{name}={}", enc(&cookie)), "")),
        ("decision", request(tickets, &format!("a=1; {name}=\"{cookie}\"; {name}=x"), "")),
        ("decision", request(tickets, "", &token)),
        ("decision", request(&format!("{tickets}&queueittoken={token}"), "", "")),
    ]
}

/// Every text and every config of a golden case, for each target that may make something of it.
pub fn of_case(case: &Value) -> Vec<Seed> {
    let mut seeds = Vec::new();
    gather(case, &mut seeds);
    seeds
}

fn gather(value: &Value, seeds: &mut Vec<Seed>) {
    match value {
        Value::String(text) if text.contains("://") => {
            seeds.push(("normalize", text.clone().into_bytes()));
            seeds.push(("decision", request(text, "", "")));
        }
        Value::String(text) if text.starts_with("eyJ") => {
            seeds.push(("enqueue_token", text.clone().into_bytes()));
        }
        Value::String(text) if text.contains('~') => seeds.push(("queue_token", text.clone().into_bytes())),
        Value::String(text) if text.contains("Hash") => {
            seeds.push(("accepted_cookie", text.clone().into_bytes()));
            seeds.push(("decision", request("https://shop.example/tickets", text, "")));
        }
        Value::Array(values) => values.iter().for_each(|value| gather(value, seeds)),
        Value::Object(fields) => {
            if fields.contains_key("Integrations") {
                seeds.push(("config", value.to_string().into_bytes()));
            }
            fields.values().for_each(|value| gather(value, seeds));
        }
        _ => {}
    }
}

fn request(url: &str, cookie: &str, token: &str) -> Vec<u8> {
    let pieces = ["\0", "GET", url, cookie, token, "", "Mozilla/5.0"];
    pieces.map(str::as_bytes).join(&[SEPARATOR][..])
}

fn enqueue_token(header: &str) -> Vec<u8> {
    [header, "", "0.5", "name", "value"].map(str::as_bytes).join(&[SEPARATOR][..])
}
