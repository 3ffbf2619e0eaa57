//! The ticket's transport: the cookie it travels in.

use anteroom_protocol::id::{CustomerId, RoomId};
use anteroom_protocol::mac::Key;
use anteroom_protocol::ticket::Ticket;
use http::HeaderMap;
use http::header::COOKIE;

/// How long a browser is asked to keep a ticket. Longer than any line lasts; whether a ticket still holds is
/// decided by the room, never by the cookie's age.
const TICKET_AGE_MAX_SECONDS: u32 = 7 * 24 * 60 * 60;

/// Cookies of one name that are tried. More than one is possible when another host of the same site set one for
/// all of them; many more is an attempt to keep us busy.
const CANDIDATES_MAX: usize = 4;

/// The visitor's ticket in this room: the first cookie of its name that is genuine. Everything else (absent,
/// garbage, another room's, another installation's) is no ticket.
pub(crate) fn read_ticket(
    headers: &HeaderMap,
    customer: &CustomerId,
    room: &RoomId,
    key: &Key,
) -> Option<Ticket> {
    let name = Ticket::cookie_name(customer, room);
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|header| header.to_str().ok())
        .flat_map(|header| header.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(found, _)| *found == name)
        .take(CANDIDATES_MAX)
        .filter_map(|(_, value)| Ticket::open(value, key).ok())
        .find(|ticket| ticket.customer == *customer && ticket.room == *room)
}

/// The `Set-Cookie` that hands a ticket to the visitor.
pub(crate) fn set_ticket(ticket: &Ticket, key: &Key, is_secure: bool) -> String {
    let name = Ticket::cookie_name(&ticket.customer, &ticket.room);
    write(&name, &ticket.seal(key), TICKET_AGE_MAX_SECONDS, is_secure)
}

/// The `Set-Cookie` that takes a ticket away.
pub(crate) fn drop_ticket(customer: &CustomerId, room: &RoomId, is_secure: bool) -> String {
    write(&Ticket::cookie_name(customer, room), "", 0, is_secure)
}

fn write(name: &str, value: &str, age_max_seconds: u32, is_secure: bool) -> String {
    let secure = if is_secure { "; Secure" } else { "" };
    format!("{name}={value}; Path=/; Max-Age={age_max_seconds}; HttpOnly; SameSite=Lax{secure}")
}
