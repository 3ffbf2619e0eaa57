//! Actions made ready: everything that does not depend on the request is worked out beforehand.

use std::collections::HashSet;
use std::time::Duration;

use anteroom_protocol::accepted_cookie::{self, CookieRoom};
use anteroom_protocol::integration::{Action, CookieAttributes, Integration, RedirectLogic, RoomPlace};
use anteroom_protocol::redirect::RoomAddress;

use crate::cookies::CookieName;
use crate::set_cookie::{COOKIE_AGE_MAX, SetCookie};
use crate::settings::Settings;

/// What becomes of the requests that an action's triggers match.
pub(super) enum CompiledAction {
    Queue(QueueAction),
    Cancel(CancelAction),
    Ignore { name: String },
}

/// Only who was let in passes.
pub(super) struct QueueAction {
    pub(super) name: String,
    /// The room that visitors are sent to.
    pub(super) event_id: String,
    pub(super) address: RoomAddress,
    pub(super) rooms: Rooms,
    pub(super) cookie_validity: Duration,
    pub(super) is_cookie_extended: bool,
    pub(super) redirect_logic: RedirectLogic,
    pub(super) layout: String,
    pub(super) culture: String,
    /// Whether the room counts the uses of a queue id.
    pub(super) verify: Option<Verify>,
    /// For connector diagnostics; empty where those are off.
    pub(super) diagnostics: String,
}

/// How often a queue id may be used.
pub(super) struct Verify {
    pub(super) usage_limit: Option<u64>,
}

/// Whoever was let in gives that up.
pub(super) struct CancelAction {
    pub(super) name: String,
    pub(super) address: RoomAddress,
    pub(super) rooms: Rooms,
    /// For connector diagnostics; empty where those are off.
    pub(super) diagnostics: String,
}

/// The rooms of an action, in the order in which their cookies are looked for. At least one.
pub(super) struct Rooms {
    rooms: Vec<Room>,
    domain: Option<String>,
    is_http_only: bool,
    is_secure: bool,
}

/// One room of an action.
pub(super) struct Room {
    pub(super) event_id: String,
    pub(super) cookie_name: CookieName,
    is_queue_id_needed: bool,
}

impl CompiledAction {
    pub(super) fn compile(
        integration: &Integration,
        need_queue_id: &HashSet<String>,
        settings: &Settings,
    ) -> Self {
        let name = integration.name.clone();
        let diagnostics = match settings.features.diagnostics {
            Some(_) => integration.diagnostics.clone(),
            None => String::new(),
        };
        match &integration.action {
            Action::Queue(queue) => Self::Queue(QueueAction {
                name,
                event_id: queue.event_id.clone(),
                address: address(&queue.place, settings),
                rooms: Rooms::new(&queue.rooms, &queue.cookies, need_queue_id),
                cookie_validity: queue.cookie_validity,
                is_cookie_extended: queue.is_cookie_extended,
                redirect_logic: queue.redirect_logic.clone(),
                layout: queue.layout.clone(),
                culture: queue.culture.clone(),
                verify: queue
                    .is_queue_id_verified
                    .then_some(Verify { usage_limit: queue.queue_id_usage_limit }),
                diagnostics,
            }),
            Action::Cancel(cancel) => Self::Cancel(CancelAction {
                name,
                address: address(&cancel.place, settings),
                rooms: Rooms::new(&cancel.rooms, &cancel.cookies, need_queue_id),
                diagnostics,
            }),
            Action::Ignore => Self::Ignore { name },
        }
    }

    pub(super) fn name(&self) -> &str {
        let (Self::Queue(QueueAction { name, .. })
        | Self::Cancel(CancelAction { name, .. })
        | Self::Ignore { name }) = self;
        name
    }
}

fn address(place: &RoomPlace, settings: &Settings) -> RoomAddress {
    match &settings.room_base {
        Some(base) => RoomAddress::with_origin(base, &place.path_prefix),
        None => RoomAddress::new(&place.domain, &place.path_prefix),
    }
}

impl Rooms {
    fn new(event_ids: &[String], cookies: &CookieAttributes, need_queue_id: &HashSet<String>) -> Self {
        let room = |event_id: &String| Room {
            event_id: event_id.clone(),
            cookie_name: CookieName::new(accepted_cookie::name(event_id)),
            is_queue_id_needed: need_queue_id.contains(&event_id.to_ascii_lowercase()),
        };
        Self {
            rooms: event_ids.iter().map(room).collect(),
            domain: cookies.domain.clone(),
            is_http_only: cookies.is_http_only,
            is_secure: cookies.is_secure,
        }
    }

    pub(super) fn as_slice(&self) -> &[Room] {
        &self.rooms
    }

    /// A header that writes this value to the room's cookie, or removes the cookie.
    pub(super) fn set_cookie<'p>(&'p self, room: &'p Room, value: Option<String>) -> SetCookie<'p> {
        SetCookie {
            name: room.cookie_name.as_str(),
            value,
            age_max: COOKIE_AGE_MAX,
            domain: self.domain.as_deref(),
            is_http_only: self.is_http_only,
            is_secure: self.is_secure,
        }
    }
}

impl Room {
    pub(super) fn for_cookie(&self) -> CookieRoom<'_> {
        CookieRoom { event_id: &self.event_id, is_queue_id_needed: self.is_queue_id_needed }
    }
}

impl AsRef<str> for Room {
    fn as_ref(&self) -> &str {
        &self.event_id
    }
}
