//! The golden cases that concern single texts. Whole decisions are the connector's.

use std::net::IpAddr;

use anteroom_protocol::accepted_cookie::{AcceptedCookie, CookieAge, CookieRoom, NewAcceptedCookie};
use anteroom_protocol::encode::{decode_ajax_page_url, enc, utf16_hex};
use anteroom_protocol::enqueue_token::{EnqueueToken, EnqueueTokenError, NewEnqueueToken, NewPayload};
use anteroom_protocol::mac::Key;
use anteroom_protocol::queue_token::{RawQueueToken, RedirectType};
use anteroom_protocol::redirect::{RoomRequest, read_room_url, strip_token};
use anteroom_protocol::secret::Secret;
use anteroom_protocol::time::Timestamp;
use anteroom_protocol::{client_ip, push};
use serde_json::{Value, json};

use crate::cases::{Tally, demanded, load};

/// Which files are run where. A new file must be given a place.
#[test]
fn every_file_of_cases_has_a_place() {
    let here = [
        "encoding.json",
        "enqueue_tokens.json",
        "primitives.json",
        "push.json",
        "token_parse.json",
        "web_layer.json",
        "wr_urls.json",
    ];
    let at_the_connector = [
        "cookies.json",
        "decisions.json",
        "extend_cookie.json",
        "normalization.json",
        "tokens.json",
        "triggers.json",
        "url_parts.json",
    ];
    let mut placed = [here.as_slice(), &at_the_connector].concat();
    placed.sort_unstable();

    let path = format!("{}/../../vectors/index.json", env!("CARGO_MANIFEST_DIR"));
    let index: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let files = index["files"].as_array().unwrap();
    let mut known = files.iter().map(|file| file["file"].as_str().unwrap()).collect::<Vec<_>>();
    known.sort_unstable();
    assert_eq!(placed, known);
    for file in files {
        assert_eq!(load(file["file"].as_str().unwrap()).len(), file["count"], "{file}");
    }
}

#[test]
fn cases_of_encoding() {
    let run = |case: &Value| {
        let input = &case["input"];
        let text = match case["kind"].as_str().unwrap() {
            "encode" => enc(input["text"].as_str().unwrap_or_default()),
            _ => decode_ajax_page_url(input["header"].as_str().unwrap()),
        };
        equal(&json!(text), demanded(case))
    };
    Tally::of("encoding.json", |_| None, run).check(22, &[]);
}

#[test]
fn cases_of_primitives() {
    Tally::of("primitives.json", |_| None, run_primitive).check(13, &[]);
}

fn run_primitive(case: &Value) -> Result<(), String> {
    let input = &case["input"];
    let text = |name: &str| input[name].as_str().unwrap_or_default();
    let key = Key::new(text("secret_key").as_bytes());
    match case["kind"].as_str().unwrap() {
        "hmac" => {
            let message = text("message");
            let mac = key.sign(&[message.as_bytes()]).to_hex();
            // Where the message is an address in its one form, the binding to it is this MAC.
            if let Some(address) =
                message.parse::<IpAddr>().ok().filter(|address| address.to_string() == message)
            {
                assert_eq!(client_ip::hashed(address, &key).as_str(), mac.as_str());
            }
            equal(&json!({ "hmac_hex": mac.as_str() }), demanded(case))
        }
        "bin2hex" => equal(&json!({ "hex": utf16_hex(text("text")) }), demanded(case)),
        "cookie_wire" => equal(&json!({ "wire": enc(text("value")) }), demanded(case)),
        "cookie_hash" => {
            let cookie = NewAcceptedCookie {
                event_id: text("event_id"),
                queue_id: Some(text("queue_id")).filter(|id| !id.is_empty()),
                fixed_validity_minutes: text("fixed_validity_mins").parse().ok(),
                redirect_type: RedirectType::from_text(text("redirect_type")).unwrap(),
                issued_at: Timestamp::from_seconds(text("issue_time").parse().unwrap()),
                hashed_ip: Some(text("hip")).filter(|hip| !hip.is_empty()),
            };
            let value = cookie.seal(&key);
            let room = CookieRoom { event_id: text("event_id"), is_queue_id_needed: false };
            assert!(AcceptedCookie::open(&value, &key, room, CookieAge::DoesNotMatter, None).is_ok());
            let hash = value.rsplit_once("&Hash=").map(|(_, hash)| hash);
            equal(&json!(hash), &demanded(case)["hash"])
        }
        other => Err(format!("unknown kind {other}")),
    }
}

#[test]
fn cases_of_enqueue_tokens() {
    let run = |case: &Value| {
        let secret = Secret::new(case["input"]["secret_key"].as_str().unwrap().to_owned());
        match case["kind"].as_str().unwrap() {
            "generate" => run_new_enqueue_token(case, &secret),
            _ => run_enqueue_token(case, &secret),
        }
    };
    Tally::of("enqueue_tokens.json", |_| None, run).check(37, &[]);
}

fn run_new_enqueue_token(case: &Value, secret: &Secret) -> Result<(), String> {
    let input = &case["input"];
    let custom_data = input["payload"]["custom_data"].as_object().into_iter().flatten();
    let custom_data = custom_data
        .map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()))
        .collect::<Vec<_>>();
    let payload = input["payload"].as_object().map(|payload| NewPayload {
        relative_quality: payload.get("relative_quality").and_then(Value::as_f64),
        key: payload.get("key").and_then(Value::as_str),
        custom_data: &custom_data,
        origin: payload
            .get("origin")
            .map(|origin| serde_json::from_value(origin.clone()).unwrap())
            .unwrap_or_default(),
    });
    let token = NewEnqueueToken {
        token_id: input["token_identifier"].as_str().unwrap(),
        customer_id: input["customer_id"].as_str().unwrap(),
        event_id: input["event_id"].as_str(),
        issued_at: Timestamp::from_millis(input["issued_ms"].as_u64().unwrap()),
        expires_at: input["expires_ms"].as_u64().map(Timestamp::from_millis),
        client_ip: input["ip"].as_str().map(|ip| ip.parse().unwrap()),
        forwarded_for: input["xff"].as_str(),
        payload,
    }
    .seal(secret);
    equal(&json!(token), &demanded(case)["token"])
}

fn run_enqueue_token(case: &Value, secret: &Secret) -> Result<(), String> {
    let token = match EnqueueToken::read(case["input"]["token"].as_str().unwrap(), secret) {
        Ok(token) => token,
        Err(error) => {
            let known = match demanded(case)["error"].as_str() {
                Some("malformed" | "Invalid token" | "Invalid secret key") => EnqueueTokenError::Malformed,
                Some("The token hash is invalid") => EnqueueTokenError::Hash,
                Some("Unable to deserialize token") => EnqueueTokenError::Unreadable,
                Some("unsupported") => EnqueueTokenError::Unsupported,
                _ => return Err(format!("refused: {error}")),
            };
            return if known == error { Ok(()) } else { Err(format!("refused otherwise: {error}")) };
        }
    };
    let found = json!({
        "token_identifier": token.token_id,
        "customer_id": token.customer_id,
        "event_id": token.event_id,
        "issued_ms": token.issued_at.as_millis(),
        "expires_ms": token.expires_at.map(Timestamp::as_millis),
        "ip": token.client_ip,
        "xff": token.forwarded_for,
        "payload": token.payload.map(|payload| json!({
            "key": payload.key,
            "relative_quality": payload.relative_quality,
            "custom_data": payload.custom_data,
            "origin": payload.origin,
        })),
    });
    equal(&found, demanded(case))
}

#[test]
fn cases_of_pushes() {
    let run = |case: &Value| {
        let input = &case["input"];
        let key = Key::new(input["secret_key"].as_str().unwrap().as_bytes());
        let document = push::accept(input["body"].to_string().as_bytes(), &key).ok();
        let demanded = demanded(case);
        let text = Some(&demanded["config_text"]).filter(|_| demanded["ok"] == true);
        equal(&json!(document), text.unwrap_or(&Value::Null))
    };
    Tally::of("push.json", |_| None, run).check(7, &[]);
}

#[test]
fn cases_of_token_segments() {
    let run = |case: &Value| {
        let Some(token) = RawQueueToken::read(case["input"]["token"].as_str().unwrap_or_default()) else {
            return equal(&Value::Null, demanded(case));
        };
        let found = json!({
            "event_id": token.event_id,
            "queue_id": token.queue_id,
            // JavaScript has no whole numbers beyond 2^53, and its neighbour was recorded.
            "time_stamp": if token.expires_at_seconds == (1 << 53) + 1 { 1 << 53 } else { token.expires_at_seconds },
            "extendable_cookie": token.is_cookie_extendable,
            "cookie_validity_minutes": token.cookie_validity_minutes,
            "redirect_type": token.redirect_type,
            "hashed_ip": token.hashed_ip,
            "hash": token.hash,
            "unsigned": token.signed_parts().concat(),
        });
        equal(&found, demanded(case))
    };
    Tally::of("token_parse.json", |_| None, run).check(40, &[]);
}

#[test]
fn cases_of_tokens_in_addresses() {
    let run = |case: &Value| {
        let stripped = strip_token(case["input"]["url"].as_str().unwrap());
        equal(&json!(stripped), &case["expected"]["recommended"])
    };
    Tally::of("web_layer.json", |_| None, run).check(14, &[]);
}

#[test]
fn cases_of_addresses_of_a_waiting_room() {
    let run = |case: &Value| {
        let url = case["input"]["url"].as_str().unwrap();
        let path_and_query = url.strip_prefix("https://queue.shop.example").unwrap();
        equal(&room_request(read_room_url(path_and_query)), demanded(case))
    };
    Tally::of("wr_urls.json", |_| None, run).check(41, &[]);
}

/// A room serves connectors of every generation, whatever case their addresses come from.
#[test]
fn every_address_that_connectors_write_is_understood() {
    let mut understood = 0;
    for case in ["tokens.json", "cookies.json", "decisions.json"].into_iter().flat_map(load) {
        let result = &case["expected"]["result"];
        let url = result["redirect_url"].as_str().unwrap_or_default();
        let Some((_, path_and_query)) = url.split_once("https://queue.shop.example") else { continue };
        // With a path prefix, the part of the address behind it; one prefix ends in two slashes.
        let prefix =
            case["input"]["config"]["Integrations"][0]["QueuePathPrefix"].as_str().unwrap_or_default();
        let prefix = prefix.trim_matches('/');
        let path_and_query = path_and_query.trim_start_matches('/').trim_start_matches(prefix);
        let path_and_query = format!("/{}", path_and_query.trim_start_matches('/'));
        assert!(read_room_url(&path_and_query).is_some(), "{}: {url}", case["id"]);
        understood += 1;
    }
    assert!(understood > 100, "{understood}");
}

fn room_request(request: Option<RoomRequest>) -> Value {
    let mut fields = json!({
        "kind": null, "error_code": null, "customer": null, "event": null, "ver": null, "cver": null, "man": null,
        "culture": null, "layout": null, "icr": null, "enqueue_token": null, "token": null, "ts": null,
        "target": null, "cancel": null, "return_url": null, "kupver": null,
    });
    let known = match request {
        None => json!({}),
        Some(RoomRequest::Enqueue(it)) => json!({
            "kind": "enqueue", "customer": it.customer, "event": it.event, "ver": it.ver, "cver": it.cver,
            "man": it.man, "culture": it.culture, "layout": it.layout, "enqueue_token": it.enqueue_token,
            "target": it.target, "kupver": it.kupver,
        }),
        Some(RoomRequest::Error(it)) => json!({
            "kind": "error", "error_code": it.code, "customer": it.customer, "event": it.event, "ver": it.ver,
            "cver": it.cver, "man": it.man, "culture": it.culture, "layout": it.layout, "icr": it.icr,
            "token": it.token, "ts": it.ts, "target": it.target, "kupver": it.kupver,
        }),
        Some(RoomRequest::Cancel(it)) => json!({
            "kind": "cancel", "customer": it.customer, "event": it.event, "ver": it.ver, "cver": it.cver,
            "man": it.man, "return_url": it.return_url, "kupver": it.kupver,
            "cancel": it.rooms.iter().map(|(room, id)| json!({ "room": room, "queue_id": id })).collect::<Vec<_>>(),
        }),
    };
    for (name, value) in known.as_object().unwrap() {
        fields[name] = value.clone();
    }
    fields
}

fn equal(found: &Value, demanded: &Value) -> Result<(), String> {
    if found == demanded { Ok(()) } else { Err(format!("\n  found    {found}\n  demanded {demanded}")) }
}
