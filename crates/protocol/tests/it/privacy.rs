//! What values print of themselves: names of rooms, accounts and kinds, and nothing that lets anybody in or tells who a
//! visitor is.

use std::net::IpAddr;

use anteroom_protocol::accepted_cookie::{AcceptedCookie, CookieAge, CookieRoom, NewAcceptedCookie};
use anteroom_protocol::client_ip;
use anteroom_protocol::enqueue_token::{EnqueueToken, NewEnqueueToken, NewPayload};
use anteroom_protocol::mac::Key;
use anteroom_protocol::queue_token::{NewQueueToken, QueueToken, RawQueueToken, RedirectType};
use anteroom_protocol::redirect::{AllowedHosts, InvalidReason, read_room_url};
use anteroom_protocol::secret::Secret;
use anteroom_protocol::time::Timestamp;

const KEY: &str = "the secret key of an account";
const QUEUE_ID: &str = "7d3f0c52-8a4e-4c0e-9e55-1f2b3c4d5e6f";
const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);

#[test]
fn nothing_private_is_printed() {
    let key = Key::new(KEY.as_bytes());
    let secret = Secret::new(KEY.to_owned());
    let address: IpAddr = "203.0.113.7".parse().unwrap();
    let hashed_ip = client_ip::hashed(address, &key);
    let mut printed = vec![format!("{key:?} {secret:?} {secret} {hashed_ip:?} {:?}", key.sign(&[b"x"]))];

    let room = "spring24".parse().unwrap();
    let new_token = NewQueueToken {
        room: &room,
        queue_id: Some(QUEUE_ID.parse().unwrap()),
        expires_at: NOW,
        cookie_validity_minutes: None,
        redirect_type: RedirectType::Queue,
        client_ip: Some(address),
    };
    let token = new_token.seal(&key);
    let opened = QueueToken::open(&token, &key, NOW, &["spring24"], Some(address)).unwrap();
    printed.push(format!("{new_token:?} {opened:?} {:?}", RawQueueToken::read(&token)));

    let new_cookie = NewAcceptedCookie {
        event_id: "spring24",
        queue_id: Some(QUEUE_ID),
        fixed_validity_minutes: None,
        redirect_type: RedirectType::Queue,
        issued_at: NOW,
        hashed_ip: Some(hashed_ip.as_str()),
    };
    let cookie = new_cookie.seal(&key);
    let cookie_room = CookieRoom { event_id: "spring24", is_queue_id_needed: true };
    let open =
        |client_ip| AcceptedCookie::open(&cookie, &key, cookie_room, CookieAge::DoesNotMatter, client_ip);
    let refused = open(Some("198.51.100.20".parse().unwrap())).unwrap_err();
    printed.push(format!("{new_cookie:?} {:?} {refused:?} {refused}", open(Some(address))));

    let new_enqueue_token = NewEnqueueToken {
        token_id: QUEUE_ID,
        customer_id: "acme",
        event_id: None,
        issued_at: NOW,
        expires_at: None,
        client_ip: Some(address),
        forwarded_for: Some("203.0.113.7"),
        payload: Some(NewPayload { key: Some("member 7"), ..NewPayload::default() }),
    };
    let enqueue_token = new_enqueue_token.seal(&secret);
    printed.push(format!("{new_enqueue_token:?} {:?}", EnqueueToken::read(&enqueue_token, &secret)));

    let reason = InvalidReason::QueueToken { client_ip: address, hashed_ip: hashed_ip.as_str() };
    printed.push(format!("{reason:?}"));
    for url in [
        format!("/?c=acme&e=spring24&enqueuetoken={enqueue_token}&t=https%3A%2F%2Fshop.example%2Fmember"),
        format!("/error/hash/?c=acme&queueittoken={token}&ts=1&t=https%3A%2F%2Fshop.example%2Fmember"),
        format!("/cancel/multiple/acme/?wrl=spring24~{QUEUE_ID}&r=https%3A%2F%2Fshop.example%2Fmember"),
    ] {
        printed.push(format!("{:?}", read_room_url(&url).unwrap()));
    }
    let hosts = AllowedHosts::parse(&["shop.example".to_owned()]).unwrap();
    printed.push(format!("{:?}", hosts.check("https://shop.example/member").unwrap()));

    let macs = [&token, &cookie].map(|text| &text[text.len() - 64..]);
    let private = [KEY, QUEUE_ID, hashed_ip.as_str(), "203.0.113.7", "member", &enqueue_token];
    for text in &printed {
        for private in private.iter().chain(&macs) {
            assert!(!text.contains(private), "{text}");
        }
    }
}
