//! A cancel action: the visit is over, and the waiting room is told so (protocol 5.5).

use anteroom_protocol::accepted_cookie::CookieAge;

use super::action::CancelAction;
use super::held::{self, Held};
use super::visit::Visit;
use crate::decision::{ActionKind, Decision, Reason};

pub(super) fn decide<'p>(action: &'p CancelAction, visit: &Visit<'_>) -> Decision<'p> {
    // A cookie that is over still names a place that can be given back.
    let held = action
        .rooms
        .as_slice()
        .iter()
        .map(|room| match held::of_room(room, CookieAge::DoesNotMatter, visit) {
            Held::Good(cookie) => (room, Some(cookie)),
            Held::Nothing | Held::Refused | Held::OtherAddress(_) => (room, None),
        })
        .collect::<Vec<_>>();
    let nothing_done = |reason| Decision { action: Some(ActionKind::Cancel), ..Decision::untouched(reason) };
    let Some(first) = held.iter().find_map(|(_, cookie)| cookie.as_ref()) else {
        return nothing_done(Reason::NothingToCancel);
    };

    let queue_ids = held
        .iter()
        .map(|(_, cookie)| {
            cookie.as_ref().and_then(|cookie| cookie.queue_id).map(|queue_id| queue_id.to_string())
        })
        .collect::<Vec<_>>();
    let rooms =
        held.iter().zip(&queue_ids).map(|((room, _), queue_id)| (&*room.event_id, queue_id.as_deref()));
    let url = action.address.cancel_url(&visit.common.customer_id, rooms, &visit.wanted_url());
    Decision {
        outcome: visit.send_to(url),
        set_cookies: held::removals(&action.rooms, visit),
        queue_id: first.queue_id,
        redirect_type: Some(first.redirect_type),
        ..nothing_done(Reason::Cancelled)
    }
}
