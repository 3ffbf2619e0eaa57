//! A room without a store: time is a number that the test moves, and every step is kept.

use std::collections::BTreeMap;
use std::time::Duration;

use anteroom_protocol::id::QueueId;
use anteroom_protocol::time::Timestamp;
use anteroom_queue::engine::{Record, RoomState, apply};
use anteroom_queue::snapshot::{Figures, Snapshot, Standing};
use anteroom_queue::{Command, KeyDigest, Lane, Outcome, Place, RecordId, Settings};

/// The epoch of a room that was never reset.
pub(crate) const EPOCH: u64 = 1;

pub(crate) struct Room {
    pub(crate) state: Option<RoomState>,
    pub(crate) records: BTreeMap<RecordId, Record>,
    pub(crate) now: Timestamp,
    /// Since when the clock was watched; moved by a test that crashes.
    pub(crate) steady_since: Timestamp,
    /// What every step gets; in earnest each gets its own.
    pub(crate) entropy: [u8; 32],
}

impl Room {
    pub(crate) fn new(settings: Settings) -> Self {
        let now = Timestamp::from_seconds(1_700_000_000);
        let mut room =
            Self { state: None, records: BTreeMap::new(), now, steady_since: now, entropy: [7; 32] };
        assert_eq!(room.ask(Command::Configure(settings)), Outcome::Done);
        room
    }

    #[expect(clippy::needless_pass_by_value, reason = "reads better in tests")]
    pub(crate) fn ask(&mut self, command: Command) -> Outcome {
        let mut applied = apply(
            self.state.as_ref(),
            &self.records,
            std::slice::from_ref(&command),
            self.now,
            self.steady_since,
            self.entropy,
        );
        self.state = applied.state;
        self.records.append(&mut applied.records);
        applied.outcomes.pop().expect("one command has one outcome")
    }

    /// Time passes, as a node sees it: in steps of half a second at the most.
    pub(crate) fn wait(&mut self, span: Duration) {
        const STEP: Duration = Duration::from_millis(500);
        let mut left = span;
        while !left.is_zero() {
            let step = left.min(STEP);
            left -= step;
            self.now = self.now.saturating_add(step);
            let applied =
                apply(self.state.as_ref(), &self.records, &[], self.now, self.steady_since, self.entropy);
            self.state = applied.state;
        }
    }

    pub(crate) fn join(&mut self, number: u64) -> u64 {
        match self.ask(arrive(id(number))) {
            Outcome::Placed { place, epoch: EPOCH, .. } => place.tag().expect("the room has started"),
            other => unreachable!("no place: {other:?}"),
        }
    }

    pub(crate) fn claim(&mut self, number: u64, tag: u64) -> Outcome {
        self.ask(Command::Claim { queue_id: id(number), place: Place::ordinary(tag), epoch: EPOCH })
    }

    /// What somebody is told who asks to join a lane.
    pub(crate) fn try_join(&mut self, number: u64, lane: Lane, key: Option<KeyDigest>) -> Outcome {
        self.ask(Command::Arrive { queue_id: id(number), lane, key })
    }

    /// Joins a lane; the place that comes of it.
    pub(crate) fn join_lane(&mut self, number: u64, lane: Lane) -> Place {
        match self.try_join(number, lane, None) {
            Outcome::Placed { place, .. } => place,
            other => unreachable!("no place: {other:?}"),
        }
    }

    /// Asks to be let in at a place of the present epoch.
    pub(crate) fn claim_place(&mut self, number: u64, place: Place) -> Outcome {
        let epoch = self.snapshot().epoch();
        self.ask(Command::Claim { queue_id: id(number), place, epoch })
    }

    pub(crate) fn standing_of(&self, place: Place) -> Standing {
        let snapshot = self.snapshot();
        snapshot.standing(place, snapshot.epoch(), self.now)
    }

    /// Changes the settings.
    pub(crate) fn set(&mut self, change: impl FnOnce(&mut Settings)) {
        let mut settings = self.snapshot().settings().clone();
        change(&mut settings);
        assert_eq!(self.ask(Command::Configure(settings)), Outcome::Done);
    }

    /// The process crashes: what is left is what was kept, and nobody has watched the clock.
    pub(crate) fn crash(&mut self, away: Duration) {
        self.now = self.now.saturating_add(away);
        self.steady_since = self.now;
        let written = self.state.as_ref().map(RoomState::encode).expect("the room is configured");
        let read = RoomState::decode(&written).expect("what was written is read");
        assert_eq!(self.state.as_ref(), Some(&read));
        self.state = Some(read);
    }

    pub(crate) fn standing(&self, tag: u64) -> Standing {
        self.snapshot().standing(Place::ordinary(tag), EPOCH, self.now)
    }

    pub(crate) fn figures(&self) -> Figures {
        self.snapshot().figures(self.now)
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        Snapshot::new(self.state.clone().expect("the room is configured"))
    }
}

/// A queue id for a number.
pub(crate) fn id(number: u64) -> QueueId {
    let mut bytes = [0; 16];
    bytes[8..].copy_from_slice(&number.to_be_bytes());
    QueueId::from_bytes(bytes)
}

pub(crate) const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// Somebody joins the ordinary lane without a key.
pub(crate) const fn arrive(queue_id: QueueId) -> Command {
    Command::Arrive { queue_id, lane: Lane::ORDINARY, key: None }
}
