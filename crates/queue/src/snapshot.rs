//! The read side of a room: from a tag to a place, a wait, and when to ask again. Changes nothing, and needs nothing
//! but the state and the ticket's two numbers (I7).

use std::time::Duration;

use anteroom_protocol::place::{Lane, Place, PlaceNumber};
use anteroom_protocol::time::Timestamp;

use crate::command::SpentReason;
use crate::draw::DrawKey;
use crate::engine::RoomState;
use crate::settings::{Mode, Settings};

/// Near the front a page asks this often. What counts as not having come rests on it (see `presence`).
const ASK_AGAIN_MIN: Duration = Duration::from_secs(2);
/// Far back it asks this often: rarely enough to cost nothing, and often enough that nobody thinks it has stopped.
const ASK_AGAIN_MAX: Duration = Duration::from_secs(30);
/// A wait is asked about this many times on its way: when the line moves faster than expected, a visitor who is
/// called early still hears of it within a third of what they were told.
const ASKS_PER_WAIT: u32 = 3;
/// How soon to ask again while the room is paused: there is nothing to hurry for, but once it is resumed, those in front
/// must hear of it.
pub const ASK_AGAIN_PAUSED: Duration = Duration::from_secs(5);
/// A snapshot is this old at the most, so a wait that was true then has run down by no more.
const AGE_MAX: Duration = Duration::from_secs(1);

/// What a ticket is worth right now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Not called yet.
    Waiting {
        /// How many are ahead; 0 for the one who is called next.
        ahead: u64,
        /// How long it will take at the pace of the last minute; absent when the line stands still.
        expected_wait: Option<Duration>,
        /// The base interval to the next poll; the caller spreads it by up to a fifth per ticket.
        ask_again_after: Duration,
    },
    /// It is this visitor's turn: submit `Claim`. Also while the room is paused, for who was let in just before and has
    /// not heard of it.
    Admissible,
    /// The room is paused.
    Paused {
        /// How many are ahead.
        ahead: u64,
        /// What the operator tells visitors.
        message: String,
        /// The base interval to the next poll.
        ask_again_after: Duration,
    },
    /// The ticket holds an entry of the pre-queue, and the places are drawn at the start.
    NotStarted {
        /// The start as it is set now.
        starts_at: Timestamp,
        /// The base interval to the next poll.
        ask_again_after: Duration,
    },
    /// An operator has closed the room. The ticket keeps its place.
    Closed {
        /// How many are ahead; absent before the draw.
        ahead: Option<u64>,
        /// The base interval to the next poll.
        ask_again_after: Duration,
    },
    /// The room's time is over. The ticket keeps its place, in case the end is moved.
    Ended,
    /// The ticket cannot be used any more. Only what the room state alone knows: whether an id was used or
    /// cancelled is told by `Claim`.
    Spent(SpentReason),
    /// The state does not know of this place, so it fell behind: submit `Present`, then look again. When `Present` is
    /// answered with `Placed`, the ticket is to be replaced by one for that place.
    Ahead,
}

/// Where a room is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Nobody may join yet.
    Before {
        /// When the pre-queue opens; absent: there is none before the start.
        pre_queue_at: Option<Timestamp>,
        /// When the line begins to move.
        starts_at: Timestamp,
    },
    /// Visitors may join; their places are drawn at the start.
    PreQueue {
        /// When the line begins to move.
        starts_at: Timestamp,
    },
    /// The line moves, unless the room is paused or closed.
    Running,
    /// Nobody joins and nobody is let in any more.
    Ended,
}

/// What is published of a draw, so that anybody can check it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DrawPublished {
    /// The epoch that the draw belongs to.
    pub epoch: u64,
    /// What the key was committed to before anybody joined.
    pub commitment: [u8; 32],
    /// The key; only after the start.
    pub key: Option<DrawKey>,
    /// The public value that is mixed in, if there is one.
    pub beacon: Option<String>,
    /// Each lane that has entrants.
    pub lanes: Vec<LaneDrawn>,
}

/// One lane's share in a draw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LaneDrawn {
    /// Which lane.
    pub lane: Lane,
    /// Entries, so far or at the start. Their indexes run from 0.
    pub entrants: u64,
    /// The tag of the first place drawn; only after the start.
    pub first_tag: Option<u64>,
}

/// What a console shows of a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LaneFigures {
    /// Which lane.
    pub lane: Lane,
    /// Its share of the outflow, in relation to the others.
    pub weight: u32,
    /// Visitors in it who have not been called yet.
    pub waiting: u64,
    /// Entries of the pre-queue.
    pub entrants: u64,
}

/// What a console shows of a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figures {
    /// Visitors in line who have not been called yet.
    pub waiting: u64,
    /// Visitors called within the last seconds of whom nothing is known yet.
    pub called: u64,
    /// Admissions since the room was created.
    pub admitted_total: u64,
    /// Admissions within the last 60 seconds.
    pub admitted_last_minute: u64,
    /// Admissions of each of the last 60 whole seconds, oldest first.
    pub admitted_per_second: Vec<u32>,
    /// Of a hundred who are called, how many do not come, as of late.
    pub no_show_percent: u8,
    /// The outflow as set.
    pub outflow_per_minute: u32,
    /// The operator's message while the room is paused.
    pub paused: Option<String>,
    /// Places the room has had the capacity to call so far.
    pub virtual_time: u64,
    /// The newest place given.
    pub last: u64,
    /// What a visitor who came now would wait; zero when they would go straight through, absent while the line stands
    /// still.
    pub expected_wait_of_new_visitor: Option<Duration>,
    /// The room's epoch; a reset names it.
    pub epoch: u64,
    /// Where the room is in its life.
    pub phase: Phase,
    /// What the room does with visitors.
    pub mode: Mode,
    /// People inside; absent when the room has no limit of them.
    pub active: Option<u64>,
    /// The most people inside, as set.
    pub max_active: Option<u32>,
    /// What the outflow is right now: less than the set one during a slow start.
    pub outflow_now_per_minute: u32,
    /// Entries of the pre-queue, so far or at the start.
    pub entrants: u64,
    /// The room's lanes, and those that were taken away while visitors wait in them.
    pub lanes: Vec<LaneFigures>,
}

/// A room at a moment, good for any number of questions.
#[derive(Clone, Debug)]
pub struct Snapshot {
    state: RoomState,
}

impl Snapshot {
    /// A snapshot of this state.
    pub fn new(state: RoomState) -> Self {
        Self { state }
    }

    /// The room's settings.
    pub fn settings(&self) -> &Settings {
        &self.state.settings
    }

    /// The room's present epoch.
    pub fn epoch(&self) -> u64 {
        self.state.epoch
    }

    /// Where the room is in its life at `now`.
    pub const fn phase(&self, _now: Timestamp) -> Phase {
        Phase::Running
    }

    /// What is published of the room's draw, if it has one. The engine does not know the names of the account and the
    /// room, to which the commitment is bound.
    pub const fn draw(&self, _account: &str, _room: &str) -> Option<DrawPublished> {
        None
    }

    /// What a ticket is worth at `now`. Costs a few integer operations.
    pub fn standing(&self, place: Place, epoch: u64, now: Timestamp) -> Standing {
        let state = &self.state;
        if epoch != state.epoch {
            return Standing::Spent(SpentReason::OtherEpoch);
        }
        let PlaceNumber::Tag(tag) = place.number else { return Standing::Ahead };
        if tag > state.line.last() {
            return Standing::Ahead;
        }
        let called = state.line.called();
        if tag <= called {
            return Standing::Admissible;
        }
        let ahead = tag.saturating_sub(called + 1);
        if let Some(message) = &state.paused {
            return Standing::Paused { ahead, message: message.clone(), ask_again_after: ASK_AGAIN_PAUSED };
        }
        let age = now.saturating_since(state.now).min(AGE_MAX);
        let wait = self.time_to_call(tag - called).saturating_sub(age);
        let ask_again_after = (wait / ASKS_PER_WAIT).clamp(ASK_AGAIN_MIN, ASK_AGAIN_MAX);
        Standing::Waiting { ahead, expected_wait: Some(wait), ask_again_after }
    }

    /// What a console shows at `now`.
    pub fn figures(&self, now: Timestamp) -> Figures {
        let state = &self.state;
        let admitted_per_second = state.tally.until(now);
        let places_away = (state.line.last() + 1).saturating_sub(state.line.front_places());
        Figures {
            waiting: state.line.waiting(),
            called: state.presence.expected(),
            admitted_total: state.tally.total,
            admitted_last_minute: admitted_per_second.iter().map(|&count| u64::from(count)).sum(),
            admitted_per_second,
            no_show_percent: u8::try_from(state.presence.no_shows_per_mille() / 10).unwrap_or(100),
            outflow_per_minute: state.settings.outflow_per_minute,
            paused: state.paused.clone(),
            virtual_time: state.line.front_places(),
            last: state.line.last(),
            expected_wait_of_new_visitor: state.paused.is_none().then(|| self.time_to_call(places_away)),
            epoch: state.epoch,
            phase: self.phase(now),
            mode: state.settings.mode,
            active: None,
            max_active: state.settings.max_active,
            outflow_now_per_minute: state.settings.outflow_per_minute,
            entrants: 0,
            lanes: Vec::new(),
        }
    }

    /// How long it takes to call so many more, at the outflow and with as many not coming as of late.
    fn time_to_call(&self, places: u64) -> Duration {
        // Beyond nine of ten the estimate would rest on too few who came.
        const NO_SHOWS_PER_MILLE_MAX: u16 = 900;
        let coming = 1000 - u128::from(self.state.presence.no_shows_per_mille().min(NO_SHOWS_PER_MILLE_MAX));
        let outflow = u128::from(self.state.settings.outflow_per_minute.max(1));
        let millis = u128::from(places) * 60_000 * coming / (outflow * 1000);
        Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
    }
}
