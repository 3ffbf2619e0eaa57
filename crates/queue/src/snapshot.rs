//! The read side of a room: from a tag to a place, a wait, and when to ask again. Changes nothing, and needs nothing
//! but the state and the ticket's two numbers (I7).

use std::sync::OnceLock;
use std::time::Duration;

use anteroom_protocol::place::{LANES_MAX, Lane, Place, PlaceNumber};
use anteroom_protocol::time::Timestamp;

use crate::command::SpentReason;
use crate::draw::{self, Draw, DrawKey};
use crate::engine::RoomState;
use crate::per_lane::PerLane;
use crate::schedule::{Entries, Opening, Resolved};
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
    /// The draw of each lane, once somebody has asked: making one costs as much as a place of it.
    draws: [OnceLock<Draw>; LANES_MAX],
}

impl Snapshot {
    /// A snapshot of this state.
    pub fn new(state: RoomState) -> Self {
        Self { state, draws: [const { OnceLock::new() }; LANES_MAX] }
    }

    /// The room's settings.
    pub const fn settings(&self) -> &Settings {
        &self.state.settings
    }

    /// The room's present epoch.
    pub const fn epoch(&self) -> u64 {
        self.state.epoch
    }

    /// Where the room is in its life at `now`.
    pub fn phase(&self, now: Timestamp) -> Phase {
        self.state.phase(now.max(self.state.now))
    }

    /// What is published of the room's draw, if it has one. The engine does not know the names of the account and the
    /// room, to which the commitment is bound.
    pub fn draw(&self, account: &str, room: &str) -> Option<DrawPublished> {
        let state = &self.state;
        let entries = state.opening.entries()?;
        let context = draw::context(account, room, state.epoch);
        let first = match &state.opening {
            Opening::Drawn { first, .. } => Some(first),
            Opening::AtOnce | Opening::Ahead(_) => None,
        };
        let lanes = Lane::ALL.into_iter().filter(|&lane| entries.count[lane] > 0).map(|lane| LaneDrawn {
            lane,
            entrants: entries.count[lane],
            first_tag: first.map(|first| first[lane]),
        });
        Some(DrawPublished {
            epoch: state.epoch,
            commitment: draw::commitment(&entries.key, context.as_bytes()),
            key: first.map(|_| entries.key.clone()),
            beacon: entries.beacon.clone(),
            lanes: lanes.collect(),
        })
    }

    /// The place in line that the draw has made of an entry; absent before the draw, and for any other place.
    pub fn drawn(&self, place: Place, epoch: u64) -> Option<Place> {
        match (place.number, self.resolve(place)) {
            (PlaceNumber::Entry(_), Resolved::Tag(tag)) if epoch == self.state.epoch => {
                Some(Place { lane: place.lane, number: PlaceNumber::Tag(tag) })
            }
            _ => None,
        }
    }

    /// What a ticket is worth at `now`. Costs a few integer operations, and for an entry of the pre-queue a draw of its
    /// place besides.
    pub fn standing(&self, place: Place, epoch: u64, now: Timestamp) -> Standing {
        let state = &self.state;
        let now = now.max(state.now);
        if !state.may_be_present(epoch) {
            return Standing::Spent(SpentReason::OtherEpoch);
        }
        let tag = match self.resolve(place) {
            Resolved::Unknown => return Standing::Ahead,
            _ if epoch != state.epoch => return Standing::Ahead,
            Resolved::Tag(tag) if tag > state.lanes.last()[place.lane] => return Standing::Ahead,
            Resolved::Tag(tag) => Some(tag),
            Resolved::NotDrawn => None,
        };
        let called = state.lanes.called()[place.lane];
        if state.passes() || tag.is_some_and(|tag| tag <= called) {
            return Standing::Admissible;
        }
        let ahead = tag.map(|tag| tag.saturating_sub(called + 1));
        let phase = self.phase(now);
        if phase == Phase::Ended {
            return Standing::Ended;
        }
        if state.settings.mode == Mode::Closed {
            return Standing::Closed { ahead, ask_again_after: ASK_AGAIN_PAUSED };
        }
        let (tag, ahead) = match (phase, tag, ahead) {
            (Phase::Running, Some(tag), Some(ahead)) => (tag, ahead),
            (Phase::Before { starts_at, .. } | Phase::PreQueue { starts_at }, ..) => {
                return not_started(starts_at, now);
            }
            _ => return not_started(now, now),
        };
        if let Some(message) = &state.paused {
            return Standing::Paused { ahead, message: message.clone(), ask_again_after: ASK_AGAIN_PAUSED };
        }
        let age = now.saturating_since(state.now).min(AGE_MAX);
        let wait = self.time_to_call(place.lane, tag).saturating_sub(age);
        let ask_again_after = (wait / ASKS_PER_WAIT).clamp(ASK_AGAIN_MIN, ASK_AGAIN_MAX);
        // Nobody knows when the next one leaves a room that is full.
        let expected_wait = (!state.is_limited()).then_some(wait);
        Standing::Waiting { ahead, expected_wait, ask_again_after }
    }

    /// What a console shows at `now`.
    pub fn figures(&self, now: Timestamp) -> Figures {
        let state = &self.state;
        let admitted_per_second = state.tally.until(now);
        let entries = state.opening.entries();
        Figures {
            waiting: state.lanes.waiting().sum(),
            called: state.presence.expected(),
            admitted_total: state.tally.total,
            admitted_last_minute: admitted_per_second.iter().map(|&count| u64::from(count)).sum(),
            admitted_per_second,
            no_show_percent: u8::try_from(state.presence.no_shows_per_mille() / 10).unwrap_or(100),
            outflow_per_minute: state.settings.outflow_per_minute,
            paused: state.paused.clone(),
            virtual_time: state.lanes.front_places(),
            last: state.lanes.last().sum(),
            expected_wait_of_new_visitor: self.wait_of_new_visitor(now),
            epoch: state.epoch,
            phase: self.phase(now),
            mode: state.settings.mode,
            active: state.settings.max_active.map(|_| state.active.count(now.max(state.now))),
            max_active: state.settings.max_active,
            outflow_now_per_minute: state.outflow_now(),
            entrants: entries.map_or(0, |entries| entries.count.sum()),
            lanes: self.lane_figures(),
        }
    }

    fn lane_figures(&self) -> Vec<LaneFigures> {
        let state = &self.state;
        let waiting = state.lanes.waiting();
        let entrants = state.opening.entries().map_or(PerLane::ZERO, |entries| entries.count);
        let is_shown = |lane: Lane| lane.index() < state.settings.lanes() || waiting[lane] > 0;
        let figures = |lane: Lane| LaneFigures {
            lane,
            weight: state.settings.lane_weight(lane),
            waiting: waiting[lane],
            entrants: entrants[lane],
        };
        Lane::ALL.into_iter().filter(|&lane| is_shown(lane)).map(figures).collect()
    }

    fn wait_of_new_visitor(&self, now: Timestamp) -> Option<Duration> {
        let state = &self.state;
        if state.passes() {
            return Some(Duration::ZERO);
        }
        let is_moving = state.paused.is_none()
            && state.settings.mode == Mode::Queue
            && self.phase(now) == Phase::Running
            && !state.is_limited();
        is_moving.then(|| self.time_to_call(Lane::ORDINARY, state.lanes.last()[Lane::ORDINARY] + 1))
    }

    /// What the place is, by the draw of this state.
    fn resolve(&self, place: Place) -> Resolved {
        let drawn = |entries: &Entries, index| {
            self.draws[place.lane.index()].get_or_init(|| entries.draw(place.lane)).place(index)
        };
        self.state.opening.resolve(place, drawn)
    }

    /// How long it takes until this tag is called, at the outflow, with the lanes as they are, and with as many not coming
    /// as of late.
    fn time_to_call(&self, lane: Lane, tag: u64) -> Duration {
        // Beyond nine of ten the estimate would rest on too few who came.
        const NO_SHOWS_PER_MILLE_MAX: u16 = 900;
        let state = &self.state;
        let coming = 1000 - u128::from(state.presence.no_shows_per_mille().min(NO_SHOWS_PER_MILLE_MAX));
        let slivers = u128::from(state.lanes.slivers_until(lane, tag, state.weights())) * coming / 1000;
        let slivers = u64::try_from(slivers).unwrap_or(u64::MAX);
        let outflow = state.settings.outflow_per_minute.max(1);
        match &state.ramp {
            Some(ramp) => ramp.time_for(slivers, outflow, state.settings.ramp()),
            None => Duration::from_millis(slivers / u64::from(outflow)),
        }
    }
}

/// Whoever waits for the start asks now and then on the way, and then within a few seconds after it: soon enough not to
/// count as one who did not come.
fn not_started(starts_at: Timestamp, now: Timestamp) -> Standing {
    const AFTER_THE_START: Duration = Duration::from_secs(4);
    let ask_again_after = starts_at.saturating_since(now).saturating_add(AFTER_THE_START).min(ASK_AGAIN_MAX);
    Standing::NotStarted { starts_at, ask_again_after }
}
