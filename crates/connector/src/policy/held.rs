//! Which accepted cookies a visitor holds (protocol 5.4).

use std::borrow::Cow;
use std::ops::ControlFlow;

use anteroom_protocol::accepted_cookie::{
    ACCEPTED_COOKIE_BYTES_MAX, AcceptedCookie, AcceptedCookieError, CookieAge,
};
use anteroom_protocol::id::QueueId;
use anteroom_protocol::queue_token::RedirectType;

use super::action::{Room, Rooms};
use super::visit::Visit;
use crate::cookies;
use crate::set_cookie::SetCookie;

/// So many cookies of one name are tried, each at the cost of a MAC. Browsers send several when a site once set them
/// for several domains or paths.
const COOKIES_OF_A_NAME_MAX: usize = 4;

/// What a genuine cookie says.
#[derive(Clone)]
pub(super) struct HeldCookie<'v> {
    pub(super) queue_id: Option<QueueId>,
    pub(super) fixed_validity_minutes: Option<u32>,
    pub(super) redirect_type: RedirectType,
    /// Mostly a piece of the request; a cookie that had to be decoded owns it.
    pub(super) hashed_ip: Option<Cow<'v, str>>,
}

/// What the cookies for one room, or for several, come to.
pub(super) enum Held<C> {
    Nothing,
    /// One that is over or not genuine.
    Refused,
    /// One that is good, but bound to another address than the visitor's.
    OtherAddress(C),
    Good(C),
}

/// The first good cookie of a room; without one, its first cookie tells.
pub(super) fn of_room<'v>(room: &Room, age: CookieAge, visit: &Visit<'v>) -> Held<HeldCookie<'v>> {
    let mut held = of_first_cookie(room, age, visit);
    held.look_further(room, age, visit);
    held
}

/// What the first cookie of a room comes to.
#[inline]
pub(super) fn of_first_cookie<'v>(room: &Room, age: CookieAge, visit: &Visit<'v>) -> Held<HeldCookie<'v>> {
    match room.cookie_name.find_first(visit.headers) {
        Some(text) => open(text, room, age, visit),
        None => Held::Nothing,
    }
}

impl<'v> Held<HeldCookie<'v>> {
    /// Looks at the other cookies of the room, unless its first one is good.
    #[inline]
    pub(super) fn look_further(&mut self, room: &Room, age: CookieAge, visit: &Visit<'v>) {
        if !matches!(self, Self::Good(_)) {
            self.look_at_others(room, age, visit);
        }
    }

    #[inline(never)]
    fn look_at_others(&mut self, room: &Room, age: CookieAge, visit: &Visit<'v>) {
        let mut tried = 0;
        room.cookie_name.visit(visit.headers, &mut |text| {
            tried += 1;
            // The first one has been looked at.
            if tried > 1 {
                let found = open(text, room, age, visit);
                let is_good = matches!(found, Self::Good(_));
                if is_good || matches!(self, Self::Nothing) {
                    *self = found;
                }
                if is_good {
                    return ControlFlow::Break(());
                }
            }
            if tried == COOKIES_OF_A_NAME_MAX { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
    }
}

#[inline]
fn open<'v>(text: &'v str, room: &Room, age: CookieAge, visit: &Visit<'_>) -> Held<HeldCookie<'v>> {
    let key = &visit.common.key;
    match AcceptedCookie::open_in_header(text, key, room.for_cookie(), age, visit.client_ip) {
        Some(opened) => held(&opened, Cow::Borrowed),
        None => open_decoded(cookies::value(text), room, age, visit),
    }
}

/// Not inlined, because few cookies are written so, and the others should not pay for the buffer.
#[inline(never)]
fn open_decoded(value: &str, room: &Room, age: CookieAge, visit: &Visit<'_>) -> Held<HeldCookie<'static>> {
    let mut buffer = [0; ACCEPTED_COOKIE_BYTES_MAX];
    let Some(value) = cookies::decode_accepted(&mut buffer, value) else { return Held::Refused };
    let opened = AcceptedCookie::open(value, &visit.common.key, room.for_cookie(), age, visit.client_ip);
    held(&opened, |hashed_ip| Cow::Owned(hashed_ip.to_owned()))
}

fn held<'c, 'v>(
    opened: &Result<AcceptedCookie<'c>, AcceptedCookieError<'c>>,
    keep: impl Fn(&'c str) -> Cow<'v, str>,
) -> Held<HeldCookie<'v>> {
    let read = |cookie: &AcceptedCookie<'c>| HeldCookie {
        queue_id: cookie.queue_id,
        fixed_validity_minutes: cookie.fixed_validity_minutes,
        redirect_type: cookie.redirect_type,
        hashed_ip: cookie.hashed_ip.map(&keep),
    };
    match opened {
        Ok(cookie) => Held::Good(read(cookie)),
        Err(AcceptedCookieError::NotFound) => Held::Nothing,
        Err(AcceptedCookieError::HashMismatch | AcceptedCookieError::Expired) => Held::Refused,
        Err(AcceptedCookieError::IpMismatch(cookie)) => Held::OtherAddress(read(cookie)),
    }
}

/// Removes the cookies of those rooms that the visitor holds any for.
pub(super) fn removals<'p>(rooms: &'p Rooms, visit: &Visit<'_>) -> Vec<SetCookie<'p>> {
    let is_held = |room: &&Room| {
        let mut is_held = false;
        room.cookie_name.visit(visit.headers, &mut |text| {
            is_held = !cookies::value(text).is_empty();
            if is_held { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        is_held
    };
    rooms.as_slice().iter().filter(is_held).map(|room| rooms.set_cookie(room, None)).collect()
}
