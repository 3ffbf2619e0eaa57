//! What a visitor is told. One value is made for each question, and both the waiting page and the JSON answer are
//! drawn from it, so they cannot differ.

use std::time::Duration;

use anteroom_protocol::id::QueueId;
use anteroom_protocol::place::PlaceNumber;
use anteroom_protocol::ticket::Ticket;
use anteroom_protocol::time::Timestamp;
use anteroom_queue::SpentReason;
use anteroom_queue::snapshot::Phase;
use serde::{Serialize, Serializer};

use crate::visitor::outside::Outside;
use crate::visitor::stand::{Admission, Stand};
use crate::{pace, words};

/// Where a visitor is in their wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    /// In the pre-queue: the places are drawn at the start.
    Prequeue,
    /// In line.
    Waiting,
    /// It is their turn: `redirectUrl` says where to go.
    Admitted,
    /// In line, and an operator stopped the line.
    Paused,
    /// The ticket gives nothing any more.
    Spent,
    /// Nobody can join yet.
    Before,
    /// An operator closed the room. A ticket keeps its place.
    Closed,
    /// The room's time is over.
    Ended,
    /// There is no ticket, or none that can be read.
    Unknown,
}

impl State {
    pub(crate) const ALL: [Self; 9] = [
        Self::Prequeue,
        Self::Waiting,
        Self::Admitted,
        Self::Paused,
        Self::Spent,
        Self::Before,
        Self::Closed,
        Self::Ended,
        Self::Unknown,
    ];

    /// As the JSON answer writes it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Prequeue => "prequeue",
            Self::Waiting => "waiting",
            Self::Admitted => "admitted",
            Self::Paused => "paused",
            Self::Spent => "spent",
            Self::Before => "before",
            Self::Closed => "closed",
            Self::Ended => "ended",
            Self::Unknown => "unknown",
        }
    }

    /// As the waiting page says it.
    pub(crate) const fn headline(self) -> &'static str {
        match self {
            Self::Prequeue => "You are in the draw",
            Self::Waiting => "You are in line",
            Self::Admitted => "It is your turn",
            Self::Paused => "The line is paused",
            Self::Spent => "This ticket is used up",
            Self::Before => "Not open yet",
            Self::Closed => "The waiting room is closed",
            Self::Ended => "The waiting room has ended",
            Self::Unknown => "You have no place yet",
        }
    }
}

/// The answer to "how far am I?", as `GET /api/v1/rooms/{waitingRoomId}/ticket` gives it.
///
/// It does not implement `Debug`: a redirect address holds a queue token.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Answer {
    pub(crate) state: State,
    pub(crate) queue_id: Option<QueueId>,
    /// Visitors who are let in before this one; null when there is no telling.
    pub(crate) people_ahead: Option<u64>,
    /// Null when there is no telling, for example while the line is paused.
    pub(crate) expected_wait_seconds: Option<u64>,
    /// The way through the line that lies behind the visitor, from 0 to 1.
    pub(crate) progress: f64,
    pub(crate) ask_again_after_ms: u64,
    /// The address at the protected site, with the queue token; null unless admitted.
    pub(crate) redirect_url: Option<String>,
    /// One or two sentences for people.
    pub(crate) message: String,
    /// Where the room is in its life: `before`, `prequeue`, `running` or `ended`; null when it cannot be told.
    pub(crate) phase: Option<&'static str>,
    /// How long until one can join, or until the start; null when neither lies ahead.
    pub(crate) countdown_ms: Option<u64>,
    /// When one can join, as RFC 3339; null when one could already.
    #[serde(serialize_with = "write_moment")]
    pub(crate) opens_at: Option<Timestamp>,
    /// When the line begins to move; null when it did.
    #[serde(serialize_with = "write_moment")]
    pub(crate) starts_at: Option<Timestamp>,
    /// The how-manieth entrant of the lane this one is in the draw, counted from 1; null for who came after the start.
    pub(crate) entry: Option<u64>,
    /// Which page shows this. One that was drawn for another is loaded again; null says nothing about that.
    pub(crate) page: Option<String>,
}

/// How soon to ask again where the line itself does not say.
const ASK_AGAIN_AFTER: Duration = Duration::from_secs(5);
/// How soon to ask again once the room has ended: an operator may move the end.
const ASK_AGAIN_ENDED: Duration = Duration::from_secs(30);

const ENDED: &str = "Nobody is let in any more. Thank you for coming.";
const ABOUT_TO_BE_LET_IN: &str = "You are about to be let in.";

impl Answer {
    /// What a ticket's holder is told. `redirect_url` makes the address at the site for an admission.
    pub(crate) fn new(
        ticket: &Ticket,
        stand: Stand,
        phase: Phase,
        now: Timestamp,
        redirect_url: impl FnOnce(Admission) -> String,
    ) -> Self {
        let answer = Self::of_stand(ticket, stand, now, redirect_url);
        if answer.page.is_some() {
            return answer;
        }
        let starts_at = start_of(phase);
        Self {
            phase: Some(phase_name(phase)),
            countdown_ms: starts_at.map(|starts_at| pace::millis(starts_at.saturating_since(now))),
            starts_at,
            page: Some(page_name(phase)),
            ..answer
        }
    }

    fn of_stand(
        ticket: &Ticket,
        stand: Stand,
        now: Timestamp,
        redirect_url: impl FnOnce(Admission) -> String,
    ) -> Self {
        match stand {
            Stand::Waiting { ahead, expected_wait, ask_again_after } => {
                let message = match (ahead, expected_wait) {
                    (Some(0), _) => ABOUT_TO_BE_LET_IN.to_owned(),
                    (_, Some(wait)) => format!("Your turn comes in {}.", words::wait(wait)),
                    (_, None) => "We cannot tell yet how long it will take.".to_owned(),
                };
                Self {
                    expected_wait_seconds: expected_wait.map(whole_seconds),
                    ..Self::in_line(ticket, ahead, ask_again_after, message)
                }
            }
            // The place is free at just that moment: who comes earlier is held again, and later it is lost to the room.
            Stand::Held { ask_again_after } => Self {
                expected_wait_seconds: Some(whole_seconds(ask_again_after)),
                ask_again_after_ms: pace::asked_after(ask_again_after),
                ..Self::in_line(ticket, Some(0), ask_again_after, ABOUT_TO_BE_LET_IN.to_owned())
            },
            Stand::Paused { ahead, message, ask_again_after } => {
                let message = if message.trim().is_empty() {
                    "Nobody is let in for the moment. You keep your place.".to_owned()
                } else {
                    message
                };
                Self { state: State::Paused, ..Self::in_line(ticket, Some(ahead), ask_again_after, message) }
            }
            Stand::Full { ahead, ask_again_after } => {
                let message =
                    "The site is full right now. Places come free as people finish there.".to_owned();
                Self::in_line(ticket, Some(ahead), ask_again_after, message)
            }
            Stand::NotStarted { starts_in, entrants } => {
                let message = if starts_in.is_zero() {
                    "The places are being drawn.".to_owned()
                } else {
                    format!("The places are drawn at the start, in {}.", words::wait(starts_in))
                };
                Self {
                    state: State::Prequeue,
                    ask_again_after_ms: pace::before_start(starts_in, entrants, ticket.queue_id),
                    ..Self::in_line(ticket, None, ASK_AGAIN_AFTER, message)
                }
            }
            Stand::Closed { ahead, ask_again_after } => {
                let message = "Nobody is let in for the moment. You keep your place.".to_owned();
                Self { state: State::Closed, ..Self::in_line(ticket, ahead, ask_again_after, message) }
            }
            Stand::Ended => {
                Self { state: State::Ended, ..Self::in_line(ticket, None, ASK_AGAIN_ENDED, ENDED.to_owned()) }
            }
            Stand::Outside(outside) => Self::outside(outside, now),
            Stand::Admitted(admission) => Self {
                state: State::Admitted,
                redirect_url: Some(redirect_url(admission)),
                ..Self::in_line(ticket, Some(0), ASK_AGAIN_AFTER, "You are being taken in.".to_owned())
            },
            Stand::Spent(reason) => Self {
                state: State::Spent,
                ..Self::in_line(ticket, None, ASK_AGAIN_AFTER, spent_message(reason).to_owned())
            },
        }
    }

    /// What a ticket's holder is told while their place cannot be looked up.
    pub(crate) fn in_trouble(ticket: &Ticket) -> Self {
        let message = "We cannot look up your place right now. It is safe, and this page keeps trying.";
        Self::in_line(ticket, None, ASK_AGAIN_AFTER, message.to_owned())
    }

    /// What somebody is told who has no place and cannot get one now.
    pub(crate) fn outside(outside: Outside, now: Timestamp) -> Self {
        match outside {
            Outside::NotOpen { opens_at, starts_at } => {
                let opens_in = opens_at.saturating_since(now);
                let has_pre_queue = opens_at < starts_at;
                let message = match (opens_in.is_zero(), has_pre_queue) {
                    (true, _) => "The waiting room is opening.".to_owned(),
                    (false, true) => format!(
                        "You can join in {}. Whoever has joined before the start gets a random place, so nobody \
                         need hurry.",
                        words::wait(opens_in)
                    ),
                    (false, false) => format!("The line opens in {}.", words::wait(opens_in)),
                };
                Self {
                    state: State::Before,
                    phase: Some("before"),
                    countdown_ms: Some(pace::millis(opens_in)),
                    opens_at: Some(opens_at),
                    starts_at: Some(starts_at),
                    ask_again_after_ms: pace::before_opening(opens_in, has_pre_queue),
                    page: Some(format!("before-{}-{}", opens_at.as_millis(), starts_at.as_millis())),
                    ..Self::unknown(&message)
                }
            }
            Outside::Closed => Self {
                state: State::Closed,
                ask_again_after_ms: pace::now_and_then(),
                page: Some("closed".to_owned()),
                ..Self::unknown(
                    "Nobody can join for the moment. This page keeps looking, and joins by itself when it opens.",
                )
            },
            Outside::Ended => Self {
                state: State::Ended,
                phase: Some("ended"),
                ask_again_after_ms: pace::now_and_then(),
                page: Some("ended".to_owned()),
                ..Self::unknown(ENDED)
            },
        }
    }

    /// What somebody without a ticket is told who could have one.
    pub(crate) fn without_ticket(message: &str, phase: Phase) -> Self {
        Self { phase: Some(phase_name(phase)), page: Some(page_name(phase)), ..Self::unknown(message) }
    }

    /// What somebody without a ticket is told of whose room nothing is known.
    pub(crate) fn unknown(message: &str) -> Self {
        Self {
            state: State::Unknown,
            queue_id: None,
            people_ahead: None,
            expected_wait_seconds: None,
            progress: 0.0,
            ask_again_after_ms: pace::asked_after(ASK_AGAIN_AFTER),
            redirect_url: None,
            message: message.to_owned(),
            phase: None,
            countdown_ms: None,
            opens_at: None,
            starts_at: None,
            entry: None,
            page: None,
        }
    }

    /// [`progress`](Self::progress) in whole percent, rounded down: nobody is at 100 before their turn.
    pub(crate) fn progress_percent(&self) -> u64 {
        // From 0 to 100, see `progress`.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let percent = (self.progress * 100.0) as u64;
        percent
    }

    fn in_line(ticket: &Ticket, ahead: Option<u64>, ask_again_after: Duration, message: String) -> Self {
        Self {
            state: State::Waiting,
            queue_id: Some(ticket.queue_id),
            people_ahead: ahead,
            expected_wait_seconds: None,
            progress: progress(ticket, ahead),
            ask_again_after_ms: pace::spread(ask_again_after, ticket.queue_id),
            message,
            entry: match ticket.place.number {
                PlaceNumber::Entry(index) => Some(index.saturating_add(1)),
                PlaceNumber::Tag(_) => None,
            },
            ..Self::unknown("")
        }
    }
}

#[expect(clippy::ref_option, reason = "serde hands it over like this")]
fn write_moment<S: Serializer>(moment: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    moment.map(words::rfc3339).serialize(serializer)
}

const fn phase_name(phase: Phase) -> &'static str {
    match phase {
        Phase::Before { .. } => "before",
        Phase::PreQueue { .. } => "prequeue",
        Phase::Running => "running",
        Phase::Ended => "ended",
    }
}

/// When the line begins to move, if it does not yet.
const fn start_of(phase: Phase) -> Option<Timestamp> {
    match phase {
        Phase::Before { starts_at, .. } | Phase::PreQueue { starts_at } => Some(starts_at),
        Phase::Running | Phase::Ended => None,
    }
}

/// A page counts down to the start that it was drawn with.
fn page_name(phase: Phase) -> String {
    let name = phase_name(phase);
    start_of(phase).map_or_else(|| name.to_owned(), |starts_at| format!("{name}-{}", starts_at.as_millis()))
}

fn spent_message(reason: SpentReason) -> &'static str {
    match reason {
        SpentReason::Used => "You were let in with this ticket. To go in again, join the line again.",
        // Also said to whoever was let in long ago: of that nothing is kept for longer than the late window.
        SpentReason::Late => "The time to go in with this ticket has run out. You can join the line again.",
        SpentReason::Cancelled => "You have left with this ticket. To go in again, join the line again.",
        SpentReason::OtherEpoch => {
            "The waiting room was set up anew since you came. Please join the line again."
        }
    }
}

/// The share of those ahead at the start who are ahead no more, in thousandths. What was never measured is 0.
fn progress(ticket: &Ticket, ahead: Option<u64>) -> f64 {
    let Some(ahead) = ahead else { return 0.0 };
    let Some(passed) = ticket.ahead_at_issue.checked_sub(ahead) else { return 0.0 };
    let per_mille =
        (u128::from(passed) * 1000).checked_div(u128::from(ticket.ahead_at_issue)).unwrap_or(1000);
    u32::try_from(per_mille).map_or(1.0, |per_mille| f64::from(per_mille) / 1000.0)
}

/// Rounded up: a wait of half a second is not none.
fn whole_seconds(span: Duration) -> u64 {
    span.as_secs() + u64::from(span.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use anteroom_protocol::place::Place;

    fn ticket(ahead_at_issue: u64, last_byte: u8) -> Ticket {
        let mut bytes = [0; 16];
        bytes[15] = last_byte;
        Ticket {
            customer: "acme".parse().unwrap(),
            room: "spring24".parse().unwrap(),
            queue_id: QueueId::from_random(bytes),
            epoch: 1,
            place: Place::ordinary(1000),
            ahead_at_issue,
            issued_at: Timestamp::EPOCH,
            target: None,
        }
    }

    fn waiting(ticket: &Ticket, ahead: u64) -> Answer {
        let stand = Stand::Waiting {
            ahead: Some(ahead),
            expected_wait: Some(Duration::from_millis(90_500)),
            ask_again_after: Duration::from_secs(10),
        };
        Answer::new(ticket, stand, Phase::Running, Timestamp::EPOCH, |_| {
            unreachable!("nobody is admitted here")
        })
    }

    #[test]
    fn answer_is_written_as_the_interface_says() {
        let written = serde_json::to_value(waiting(&ticket(40, 0), 10)).unwrap();
        let expected = serde_json::json!({
            "state": "waiting", "queueId": "00000000-0000-4000-8000-000000000000", "peopleAhead": 10,
            "expectedWaitSeconds": 91, "progress": 0.75, "askAgainAfterMs": 10_000, "redirectUrl": null,
            "message": "Your turn comes in about 2 minutes.",
            "phase": "running", "countdownMs": null, "opensAt": null, "startsAt": null, "entry": null, "page": "running",
        });
        assert_eq!(written, expected);
    }

    #[test]
    fn progress_stays_within_its_bounds() {
        for (at_issue, ahead, percent) in
            [(40, 40, 0), (40, 41, 0), (40, 1, 97), (40, 0, 100), (0, 0, 100), (0, 3, 0), (u64::MAX, 0, 100)]
        {
            assert_eq!(
                waiting(&ticket(at_issue, 0), ahead).progress_percent(),
                percent,
                "{ahead} of {at_issue}"
            );
        }
        assert_eq!(Answer::in_trouble(&ticket(40, 0)).progress_percent(), 0);
    }
}
