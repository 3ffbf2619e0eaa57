//! The ticket's transport: the cookie it travels in.
//!
//! Over TLS the cookie's name begins with `__Host-`, so browsers take it only from this very host, over TLS, for all of
//! it (RFC 6265bis 4.1.3): a neighbouring host cannot plant or replace a ticket. It also keeps both kinds apart. A
//! browser refuses to overwrite a `Secure` cookie from a page in the clear, so under one name a visitor who came over
//! TLS once could never keep a ticket of the same host without it.

use anteroom_protocol::id::{CustomerId, RoomId};
use anteroom_protocol::mac::Key;
use anteroom_protocol::ticket::{Ticket, TicketKey};
use http::HeaderMap;
use http::header::COOKIE;

/// How long a browser is asked to keep a ticket. Longer than any line lasts; whether a ticket still holds is
/// decided by the room, never by the cookie's age.
const TICKET_AGE_MAX_SECONDS: u32 = 7 * 24 * 60 * 60;

/// Cookies of one name that are tried. More than one is possible when another host of the same site set one for
/// all of them; many more is an attempt to keep us busy.
const CANDIDATES_MAX: usize = 4;

/// The visitor's ticket in this room: the first cookie of its name that is genuine, a `Secure` one before others.
/// Everything else (absent, garbage, another room's, another installation's) is no ticket.
pub(crate) fn read_ticket(
    headers: &HeaderMap,
    customer: &CustomerId,
    room: &RoomId,
    key: &TicketKey,
) -> Option<Ticket> {
    [true, false].into_iter().find_map(|is_secure| {
        values(headers, |name| is_cookie_name(name, customer, room, is_secure))
            .take(CANDIDATES_MAX)
            .filter_map(|value| Ticket::open_with(value, key).ok())
            .find(|ticket| ticket.is_for(customer, room))
    })
}

/// The `Set-Cookie` that hands a ticket to the visitor.
pub(crate) fn set_ticket(ticket: &Ticket, key: &Key, is_secure: bool) -> String {
    let name = cookie_name(&ticket.customer, &ticket.room, is_secure);
    write(&name, &ticket.seal(key), TICKET_AGE_MAX_SECONDS, is_secure)
}

/// Every `Set-Cookie` that takes a ticket away.
pub(crate) fn drop_ticket(customer: &CustomerId, room: &RoomId, is_secure: bool) -> Vec<String> {
    // Over TLS a browser sends both kinds, so both must go.
    let kinds: &[bool] = if is_secure { &[true, false] } else { &[false] };
    kinds.iter().map(|&kind| write(&cookie_name(customer, room, kind), "", 0, kind)).collect()
}

fn cookie_name(customer: &CustomerId, room: &RoomId, is_secure: bool) -> String {
    format!("{}{}", prefix(is_secure), Ticket::cookie_name(customer, room))
}

fn is_cookie_name(name: &str, customer: &CustomerId, room: &RoomId, is_secure: bool) -> bool {
    name.strip_prefix(prefix(is_secure)).is_some_and(|name| Ticket::is_cookie_name(name, customer, room))
}

const fn prefix(is_secure: bool) -> &'static str {
    if is_secure { "__Host-" } else { "" }
}

fn values(headers: &HeaderMap, is_name: impl Fn(&str) -> bool) -> impl Iterator<Item = &str> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|header| header.to_str().ok())
        .flat_map(|header| header.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter_map(move |(name, value)| is_name(name).then_some(value))
}

fn write(name: &str, value: &str, age_max_seconds: u32, is_secure: bool) -> String {
    let secure = if is_secure { "; Secure" } else { "" };
    format!("{name}={value}; Path=/; Max-Age={age_max_seconds}; HttpOnly; SameSite=Lax{secure}")
}
