//! What a visitor is told. One value is made for each question, and both the waiting page and the JSON answer are
//! drawn from it, so they cannot differ.

use std::time::Duration;

use anteroom_protocol::id::QueueId;
use anteroom_protocol::ticket::Ticket;
use anteroom_queue::SpentReason;
use serde::Serialize;

use crate::visitor::stand::{Admission, Stand};
use crate::words;

/// Where a visitor is in their wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    /// In line.
    Waiting,
    /// It is their turn: `redirectUrl` says where to go.
    Admitted,
    /// In line, and an operator stopped the line.
    Paused,
    /// The ticket gives nothing any more.
    Spent,
    /// There is no ticket, or none that can be read.
    Unknown,
}

impl State {
    pub(crate) const ALL: [Self; 5] =
        [Self::Waiting, Self::Admitted, Self::Paused, Self::Spent, Self::Unknown];

    /// As the JSON answer writes it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Admitted => "admitted",
            Self::Paused => "paused",
            Self::Spent => "spent",
            Self::Unknown => "unknown",
        }
    }

    /// As the waiting page says it.
    pub(crate) const fn headline(self) -> &'static str {
        match self {
            Self::Waiting => "You are in line",
            Self::Admitted => "It is your turn",
            Self::Paused => "The line is paused",
            Self::Spent => "This ticket is used up",
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
}

/// How soon to ask again where the line itself does not say.
const ASK_AGAIN_AFTER: Duration = Duration::from_secs(5);
/// How soon to ask again once the room has ended: an operator may move the end.
const ASK_AGAIN_ENDED: Duration = Duration::from_secs(30);

const ABOUT_TO_BE_LET_IN: &str = "You are about to be let in.";

/// How much earlier than told a visitor may ask, in percent of the span: those who came in one moment shall not ask
/// in one moment for as long as they wait.
const SPREAD_PERCENT: u64 = 20;

impl Answer {
    /// What a ticket's holder is told. `redirect_url` makes the address at the site for an admission.
    pub(crate) fn new(ticket: &Ticket, stand: Stand, redirect_url: impl FnOnce(Admission) -> String) -> Self {
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
                ask_again_after_ms: millis(ask_again_after),
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
            Stand::NotStarted { starts_in, ask_again_after } => {
                let message = format!("The places are drawn at the start, in {}.", words::wait(starts_in));
                Self::in_line(ticket, None, ask_again_after, message)
            }
            Stand::Closed { ahead, ask_again_after } => {
                let message = "The waiting room is closed for the moment. You keep your place.".to_owned();
                Self { state: State::Paused, ..Self::in_line(ticket, ahead, ask_again_after, message) }
            }
            Stand::Ended => {
                let message = "The waiting room has closed, nobody is let in any more.".to_owned();
                Self { state: State::Paused, ..Self::in_line(ticket, None, ASK_AGAIN_ENDED, message) }
            }
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

    /// What somebody without a ticket is told.
    pub(crate) fn unknown(message: &str) -> Self {
        Self {
            state: State::Unknown,
            queue_id: None,
            people_ahead: None,
            expected_wait_seconds: None,
            progress: 0.0,
            ask_again_after_ms: millis(ASK_AGAIN_AFTER),
            redirect_url: None,
            message: message.to_owned(),
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
            ask_again_after_ms: spread(ask_again_after, ticket.queue_id),
            redirect_url: None,
            message,
        }
    }
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

/// Up to [`SPREAD_PERCENT`] earlier, always the same for one visitor: the page and the JSON answer agree, and nobody
/// asks later than the room wants.
fn spread(span: Duration, queue_id: QueueId) -> u64 {
    let [.., share] = *queue_id.as_bytes();
    let span = millis(span);
    span - span * SPREAD_PERCENT * u64::from(share) / (100 * 255)
}

/// Whole milliseconds, never more than a day.
fn millis(span: Duration) -> u64 {
    const DAY_MS: u64 = 86_400_000;
    u64::try_from(span.as_millis()).map_or(DAY_MS, |millis| millis.min(DAY_MS))
}

/// Rounded up: a wait of half a second is not none.
fn whole_seconds(span: Duration) -> u64 {
    span.as_secs() + u64::from(span.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use anteroom_protocol::place::Place;
    use anteroom_protocol::time::Timestamp;

    use super::*;

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
        Answer::new(ticket, stand, |_| unreachable!("nobody is admitted here"))
    }

    #[test]
    fn answer_is_written_as_the_interface_says() {
        let written = serde_json::to_value(waiting(&ticket(40, 0), 10)).unwrap();
        let expected = serde_json::json!({
            "state": "waiting", "queueId": "00000000-0000-4000-8000-000000000000", "peopleAhead": 10,
            "expectedWaitSeconds": 91, "progress": 0.75, "askAgainAfterMs": 10_000, "redirectUrl": null,
            "message": "Your turn comes in about 2 minutes.",
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

    #[test]
    fn visitors_ask_at_different_times_and_never_late() {
        let asks = |last_byte| waiting(&ticket(40, last_byte), 10).ask_again_after_ms;
        assert_eq!((asks(0), asks(255)), (10_000, 8_000));
        assert!((0..=255).all(|byte| (8_000..=10_000).contains(&asks(byte))));
    }
}
