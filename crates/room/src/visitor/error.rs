//! The site sent a visitor back, because it did not take their queue token or accepted cookie (protocol 6.3).
//!
//! A page says why and leads back to the line. One reason mends itself: a queue token that is genuine and only too
//! old, in the hands of the visitor it was made for. Then the room is asked again, and if it still admits them (it
//! limits how often) they get a fresh one. All of the address comes from a browser: nothing of it is shown but the
//! code, when it is one we know, and the target is checked like any other.

use std::sync::Arc;
use std::time::Duration;

use anteroom_protocol::id::QueueId;
use anteroom_protocol::queue_token::{QueueToken, QueueTokenError, RawQueueToken};
use anteroom_protocol::redirect::{ErrorRequest, RoomRequest, read_room_url};
use anteroom_protocol::ticket::Ticket;
use anteroom_protocol::time::Timestamp;
use axum::body::Body;
use axum::extract::State;
use http::{Response, StatusCode};

use super::address::EnqueueAddress;
use super::entrance::Entrance;
use super::notices;
use super::stand::{Stand, stand};
use super::trouble::Trouble;
use super::visit::Visit;
use crate::pages::{Link, MessagePage};
use crate::{Shared, cookies, reply};

/// A site's clock may differ by this much before an operator hears of it.
const CLOCK_SKEW_MAX: Duration = Duration::from_secs(30);

/// Why a site sent a visitor back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Code {
    Hash,
    EventId,
    Timestamp,
    Ip,
    SessionState,
    QueueIdLimit,
    Unknown,
}

impl Code {
    const KNOWN: [Self; 6] =
        [Self::Hash, Self::EventId, Self::Timestamp, Self::Ip, Self::SessionState, Self::QueueIdLimit];

    fn read(text: &str) -> Self {
        Self::KNOWN.into_iter().find(|code| code.as_str() == text).unwrap_or(Self::Unknown)
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Hash => "hash",
            Self::EventId => "eventid",
            Self::Timestamp => "timestamp",
            Self::Ip => "ip",
            Self::SessionState => "connector/sessionstate",
            Self::QueueIdLimit => "qidlimit",
            Self::Unknown => "unknown",
        }
    }

    const fn status(self) -> StatusCode {
        match self {
            // It was good once.
            Self::Timestamp | Self::QueueIdLimit => StatusCode::GONE,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    const fn title(self) -> &'static str {
        match self {
            Self::Hash => "Your admission could not be checked",
            Self::EventId => "Your admission is for another line",
            Self::Timestamp => "Your admission has run out",
            Self::Ip | Self::SessionState => "Your network has changed",
            Self::QueueIdLimit => "Your admission has been used too often",
            Self::Unknown => "The site sent you back",
        }
    }

    const fn text(self) -> &'static str {
        match self {
            Self::Hash => {
                "The site could not confirm that your admission came from this waiting room. A link that was copied \
                 or changed does this; coming through the line mends it."
            }
            Self::EventId => {
                "You were let in from another line than the one for the page you asked for. Each line lets in to its \
                 own pages."
            }
            Self::Timestamp => {
                "An admission is good for a few minutes, so that nobody passes it on. Yours was not used within that \
                 time."
            }
            Self::Ip => {
                "Your admission is bound to the network you waited on. Changing between Wi-Fi and mobile data, or \
                 switching a VPN on or off, makes it invalid."
            }
            Self::SessionState => {
                "Your visit is bound to the network it began on. Changing between Wi-Fi and mobile data, or switching \
                 a VPN on or off, ends it."
            }
            Self::QueueIdLimit => {
                "This admission was used as often as the site allows, perhaps on several devices. With a new place in \
                 line you can go in again."
            }
            Self::Unknown => "The site could not let you in and gave no reason that we know.",
        }
    }
}

/// GET of an error address.
pub(crate) async fn explain(State(shared): State<Arc<Shared>>, visit: Visit) -> Response<Body> {
    let Some(RoomRequest::Error(request)) = read_room_url(visit.path_and_query()) else {
        return notices::not_found(&shared);
    };
    let names = request.customer.as_deref().zip(request.event.as_deref());
    let Some(entrance) = names.and_then(|(customer, room)| Entrance::find(&shared, customer, room)) else {
        return notices::unknown_room(&shared);
    };
    let code = Code::read(&request.code);
    let own = own_token(&entrance, &visit, &request);
    if code == Code::Timestamp
        && let Some(own) = &own
    {
        match admit_afresh(&shared, &entrance, &request, own).await {
            Ok(Some(url)) => return reply::redirect(&url),
            Ok(None) => {}
            Err(trouble) => return notices::trouble(&shared, &entrance, &trouble),
        }
    }
    let page = page(&shared, &entrance, &request, code);
    if code == Code::QueueIdLimit && own.is_some() {
        // The site will not take this queue id again, so its ticket leads nowhere: the link joins with a new one.
        return cookies::drop_ticket(&entrance.account.customer, &entrance.record.room, visit.is_secure)
            .iter()
            .fold(page, |page, cookie| reply::with_cookie(page, cookie));
    }
    page
}

/// A queue token that this account signed for this room, in the hands of the visitor it was made for.
struct OwnToken {
    ticket: Ticket,
    expires_at_seconds: i64,
}

/// The refused queue token, if it is genuine (be it too old) and belongs to the visitor's own ticket.
fn own_token(entrance: &Entrance, visit: &Visit, request: &ErrorRequest) -> Option<OwnToken> {
    let text = request.token.as_deref()?;
    let ticket = entrance.ticket(visit)?;
    let rooms = [entrance.record.room.as_str()];
    // Judged at the beginning of time, so that its age does not matter. Nor does the address it is bound to: the
    // fresh one will be bound anew.
    match QueueToken::open(text, &entrance.account.key, Timestamp::EPOCH, &rooms, None) {
        Ok(_) | Err(QueueTokenError::Timestamp) => {}
        Err(_) => return None,
    }
    let token = RawQueueToken::read(text)?;
    let queue_id: QueueId = token.queue_id?.parse().ok()?;
    (queue_id == ticket.queue_id).then_some(OwnToken { ticket, expires_at_seconds: token.expires_at_seconds })
}

/// The way in with a queue token that lasts longer than the refused one, if the room still admits its holder.
///
/// Not with the same one again: while an admission is young the room repeats it byte for byte, and a site whose clock
/// is ahead would send the visitor back here for ever.
async fn admit_afresh(
    shared: &Shared,
    entrance: &Entrance,
    request: &ErrorRequest,
    own: &OwnToken,
) -> Result<Option<String>, Trouble> {
    let wanted = entrance.allow(request.target.as_deref());
    let wanted = wanted.as_ref().map(|target| target.as_str()).or(own.ticket.target.as_deref());
    let target = entrance.target(wanted)?;
    let room = entrance.open(&shared.rooms).await?;
    note_clock_skew(entrance, request, room.now());
    Ok(match stand(&room, &own.ticket).await?.stand {
        Stand::Admitted(admission) => {
            let fresh_seconds = i64::try_from(admission.token_expires_at.as_seconds()).unwrap_or(i64::MAX);
            (fresh_seconds > own.expires_at_seconds)
                .then(|| entrance.admission_url(&own.ticket, &target, admission))
        }
        Stand::Waiting { .. }
        | Stand::Full { .. }
        | Stand::Outside(_)
        | Stand::Held { .. }
        | Stand::Paused { .. }
        | Stand::NotStarted { .. }
        | Stand::Closed { .. }
        | Stand::Ended
        | Stand::Spent(_) => None,
    })
}

/// Only for tokens that are genuine: anybody can write anything into an address.
fn note_clock_skew(entrance: &Entrance, request: &ErrorRequest, now: Timestamp) {
    let Some(site) = request.ts.map(Timestamp::from_seconds) else { return };
    let skew = site.saturating_since(now).max(now.saturating_since(site));
    if skew > CLOCK_SKEW_MAX {
        tracing::warn!(
            customer = %entrance.account.customer,
            room = %entrance.record.room,
            seconds = skew.as_secs(),
            "the clock of a site differs from the waiting room's, so it refuses queue tokens; set it right there"
        );
    }
}

fn page(shared: &Shared, entrance: &Entrance, request: &ErrorRequest, code: Code) -> Response<Body> {
    let page = MessagePage {
        room_name: Some(&entrance.record.display_name),
        title: code.title(),
        texts: vec![code.text().to_owned()],
        link: Some(Link { url: &EnqueueAddress::of_error(request).plain(), label: "Join the line" }),
        code: Some(code.as_str()),
        refresh_seconds: None,
    };
    reply::page_of(shared, code.status(), &page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_read_as_connectors_write_them() {
        for code in Code::KNOWN {
            assert_eq!(Code::read(code.as_str()), code);
        }
        for text in ["", "Hash", "hash/x", "<script>", "unknown"] {
            assert_eq!(Code::read(text), Code::Unknown, "{text}");
        }
    }
}
