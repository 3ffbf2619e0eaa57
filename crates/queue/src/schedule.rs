//! A room's start and end, and the pre-queue before it.
//!
//! A room with a start ahead waits for it: from `pre_queue_at` on visitors may join, and each gets an entry, an index in
//! their lane. At the start, by the store's clock, the places are drawn: in each lane the `n` entries get the next `n` tags in
//! an order that a secret key decides, which was made before anybody could join (see `draw`). From then on the line
//! moves, and whoever comes gets the next tag behind them. At `ends_at` it ends: nobody joins, is called or let in.
//!
//! The start is a change of the state, so it is saved, and of several processes that find it due at the same time one
//! saves it and the others find it done. The key and the number of entries are in the state, so all of them would have
//! drawn the same places anyway. The end is no change: it is looked up, and can be moved at any time.
//!
//! **The schedule can be changed while people wait.** What then happens:
//!
//! | the room | the change | what happens |
//! | --- | --- | --- |
//! | waits for its start | start later | the entries stay; if the pre-queue now opens later, nobody joins until then |
//! | waits for its start | start earlier, still ahead | the entries stay; it starts then |
//! | waits for its start | start in the past, or none | it starts at once, and the places are drawn; nothing is made up for the time that has passed |
//! | waits for its start | no pre-queue any more | the entries stay and take part in the draw; nobody joins until the start |
//! | has started | any other start | nothing: it stays started until it is reset |
//! | has started, and nobody ever joined | a start ahead | it waits for that start, with a new key: a room that was just made is scheduled like this |
//! | any | end moved, either way | it holds at once: a room that has ended goes on when its end lies ahead again, with all tickets |
//!
//! **Entries that the store lost.** A store that lost its newest writes may know of fewer entries than there are tickets
//! for. Before the start such a ticket heals the state: there are at least so many entries. After the start the draw is
//! held and published and cannot take in another, and a place made up from the index could be somebody else's. So
//! the ticket is exchanged: its holder gets the next place at the end of the line, on a new ticket. If the answer is lost, and
//! the ticket is exchanged twice, the first place stays empty and counts as a visitor who did not come, like any other.
//!
//! Should a store lose the start itself, every process that remembers puts it back. If none does, the room starts anew
//! with the entries the store still knows. With the same number of entries the same key draws the same places. With
//! fewer, places differ from what visitors may have been told in the second or two before: nothing that a room without
//! memory could know would help there.

use anteroom_protocol::place::{Lane, Place, PlaceNumber};
use anteroom_protocol::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::draw::{BEACON_BYTES_MAX, Draw, DrawKey};
use crate::lanes::TAG_MAX;
use crate::per_lane::PerLane;
use crate::settings::Schedule;
use crate::snapshot::Phase;

/// How the line of this epoch began, or will.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Opening {
    /// It was open at once.
    #[default]
    AtOnce,
    /// The start lies ahead.
    Ahead(Entries),
    /// It started, and the places were drawn: those of each lane from this tag on.
    Drawn { entries: Entries, first: PerLane },
}

/// Who takes part in the draw, counted, and what decides it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entries {
    pub(crate) key: DrawKey,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) beacon: Option<String>,
    pub(crate) count: PerLane,
}

/// What a ticket's place is, as far as the draw is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Resolved {
    /// This tag.
    Tag(u64),
    /// An entry whose place is not drawn yet.
    NotDrawn,
    /// An entry that the state does not know of.
    Unknown,
}

impl Opening {
    /// A line begins at this moment.
    pub(crate) fn new(schedule: &Schedule, now: Timestamp, key: impl FnOnce() -> DrawKey) -> Self {
        if schedule.starts_at.is_some_and(|starts_at| starts_at > now) {
            Self::Ahead(Entries { key: key(), beacon: None, count: PerLane::ZERO })
        } else {
            Self::AtOnce
        }
    }

    pub(crate) const fn is_at_once(&self) -> bool {
        matches!(self, Self::AtOnce)
    }

    pub(crate) const fn is_ahead(&self) -> bool {
        matches!(self, Self::Ahead(_))
    }

    pub(crate) const fn entries(&self) -> Option<&Entries> {
        match self {
            Self::AtOnce => None,
            Self::Ahead(entries) | Self::Drawn { entries, .. } => Some(entries),
        }
    }

    /// When the start is due, unless the room has started.
    pub(crate) fn due_at(&self, schedule: &Schedule) -> Option<Timestamp> {
        self.is_ahead().then(|| schedule.starts_at.unwrap_or(Timestamp::EPOCH))
    }

    /// Gives the lane's next entry; nothing when there can be no more, or the places were drawn.
    pub(crate) fn enter(&mut self, lane: Lane) -> Option<u64> {
        let Self::Ahead(entries) = self else { return None };
        let index = entries.count[lane];
        entries.count[lane] = index.checked_add(1).filter(|count| *count <= TAG_MAX)?;
        Some(index)
    }

    /// A genuine ticket proves that there is this entry. Says whether that was news.
    pub(crate) fn heal(&mut self, lane: Lane, index: u64) -> bool {
        let Self::Ahead(entries) = self else { return false };
        let is_news = index >= entries.count[lane];
        entries.count[lane] = entries.count[lane].max(index.saturating_add(1).min(TAG_MAX));
        is_news
    }

    /// What the place is. `draw_of` gives the place drawn for an index:
    /// it costs more than all else here.
    pub(crate) fn resolve(&self, place: Place, draw_of: impl FnOnce(&Entries, u64) -> u64) -> Resolved {
        match (place.number, self) {
            (PlaceNumber::Tag(tag), _) => Resolved::Tag(tag),
            (PlaceNumber::Entry(index), Self::Ahead(entries)) if index < entries.count[place.lane] => {
                Resolved::NotDrawn
            }
            (PlaceNumber::Entry(index), Self::Drawn { entries, first })
                if index < entries.count[place.lane] =>
            {
                Resolved::Tag(first[place.lane].saturating_add(draw_of(entries, index)))
            }
            (PlaceNumber::Entry(_), _) => Resolved::Unknown,
        }
    }

    /// Of two accounts of the same epoch, what is certain: a start stays, and so do entries.
    pub(crate) fn take_further(&mut self, other: &Self) {
        match (&mut *self, other) {
            (Self::Ahead(entries), Self::Ahead(others)) => entries.count = entries.count.max(others.count),
            (Self::Ahead(_), Self::AtOnce | Self::Drawn { .. }) => *self = other.clone(),
            // Two starts: the one with more entries was told to more people. Every process decides alike.
            (Self::Drawn { entries, .. }, Self::Drawn { entries: others, .. })
                if others.count.sum() > entries.count.sum() =>
            {
                *self = other.clone();
            }
            _ => {}
        }
    }

    /// Whether the other account knows of a start or of entries that this one lacks.
    pub(crate) fn is_behind(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Ahead(entries), Self::Ahead(others)) => !entries.count.reaches(&others.count),
            (Self::Ahead(_), _) => true,
            (Self::Drawn { entries, .. }, Self::Drawn { entries: others, .. }) => {
                others.count.sum() > entries.count.sum()
            }
            _ => false,
        }
    }

    pub(crate) fn is_sound(&self) -> bool {
        let is_first_sound = match self {
            Self::Drawn { first, .. } => Lane::ALL.iter().all(|&lane| first[lane] <= TAG_MAX + 1),
            Self::AtOnce | Self::Ahead(_) => true,
        };
        is_first_sound
            && self.entries().is_none_or(|entries| {
                Lane::ALL.iter().all(|&lane| entries.count[lane] <= TAG_MAX)
                    && entries.beacon.as_ref().is_none_or(|beacon| beacon.len() <= BEACON_BYTES_MAX)
            })
    }
}

impl Entries {
    /// The draw of a lane.
    pub(crate) fn draw(&self, lane: Lane) -> Draw {
        Draw::new(&self.key, self.beacon.as_deref(), lane.number(), self.count[lane])
    }
}

/// Where a room is in its life.
pub(crate) fn phase(opening: &Opening, schedule: &Schedule, now: Timestamp) -> Phase {
    let Schedule { pre_queue_at, ends_at, .. } = *schedule;
    if ends_at.is_some_and(|ends_at| now >= ends_at) {
        return Phase::Ended;
    }
    match opening.due_at(schedule) {
        None => Phase::Running,
        Some(starts_at) if pre_queue_at.is_some_and(|opens| now >= opens) => Phase::PreQueue { starts_at },
        Some(starts_at) => Phase::Before { pre_queue_at, starts_at },
    }
}
