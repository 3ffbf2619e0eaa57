//! Where a ticket's holder stands. Asking touches memory only, until it is the visitor's turn (I7): then the room is
//! asked to let them in, and every later answer within the queue token's validity is that same admission again.

use std::time::Duration;

use anteroom_protocol::place::PlaceNumber;
use anteroom_protocol::ticket::Ticket;
use anteroom_protocol::time::Timestamp;
use anteroom_queue::snapshot::{ASK_AGAIN_PAUSED, Phase, Snapshot, Standing};
use anteroom_queue::{AdmittedBy, Command, Outcome, Refusal, SpentReason};
use anteroom_store::rooms::RoomHandle;

use super::outside::Outside;
use super::trouble::Trouble;

/// Where the holder of a ticket stands, in which phase of the room's life, and what they hold from now on.
pub(crate) struct Stood {
    pub(crate) stand: Stand,
    pub(crate) phase: Phase,
    /// The ticket that takes the place of the one that was asked with.
    pub(crate) new_ticket: Option<Ticket>,
}

/// Where the holder of a ticket stands, and all there is to tell.
pub(crate) enum Stand {
    /// In line.
    Waiting { ahead: Option<u64>, expected_wait: Option<Duration>, ask_again_after: Duration },
    /// In line, and the line stands still because as many are inside as may be.
    Full { ahead: u64, ask_again_after: Duration },
    /// At the front: it is their turn, and a place is theirs after just this time.
    Held { ask_again_after: Duration },
    /// In line, and the line was stopped with a message.
    Paused { ahead: u64, message: String, ask_again_after: Duration },
    /// In the pre-queue with so many others; the places are drawn at the start.
    NotStarted { starts_in: Duration, entrants: u64 },
    /// The room is closed; the ticket keeps its place.
    Closed { ahead: Option<u64>, ask_again_after: Duration },
    /// The room's time is over.
    Ended,
    /// The ticket is worth nothing any more, and a new one cannot be had now.
    Outside(Outside),
    /// Let in.
    Admitted(Admission),
    /// The ticket gives nothing any more.
    Spent(SpentReason),
}

impl Stand {
    /// How many are let in before this one, where that is known.
    const fn ahead(&self) -> Option<u64> {
        match *self {
            Self::Waiting { ahead, .. } | Self::Closed { ahead, .. } => ahead,
            Self::Full { ahead, .. } | Self::Paused { ahead, .. } => Some(ahead),
            Self::Held { .. }
            | Self::NotStarted { .. }
            | Self::Ended
            | Self::Outside(_)
            | Self::Admitted(_)
            | Self::Spent(_) => None,
        }
    }
}

/// That a visitor was let in. The queue token is made of it alone, so a repeated answer carries the same bytes.
#[derive(Clone, Copy)]
pub(crate) struct Admission {
    /// Until when the queue token may be used.
    pub(crate) token_expires_at: Timestamp,
    /// What let the visitor in.
    pub(crate) why: AdmittedBy,
}

/// Rounds of looking and asking before a visitor is told to come back: the line moves while we look, but two answers
/// that contradict each other more often than this are not going to agree.
const ROUNDS_MAX: usize = 3;

/// When to come back after such a disagreement.
const ASK_AGAIN_AFTER_DISAGREEMENT: Duration = Duration::from_secs(1);

/// Finds out where the holder of a ticket stands, and lets them in if it is their turn.
pub(crate) async fn stand(room: &RoomHandle, ticket: &Ticket) -> Result<Stood, Trouble> {
    let mut held = ticket.clone();
    let stand = look_and_ask(room, &mut held).await?;
    let (snapshot, now) = (room.snapshot(), room.now());
    let stand = match stand {
        Stand::Spent(reason) => Outside::of(&snapshot, now).map_or(Stand::Spent(reason), Stand::Outside),
        other => other,
    };
    // What lies behind the holder of an entry is measured from where the draw has put them.
    if matches!(held.place.number, PlaceNumber::Entry(_)) && held.ahead_at_issue == 0 {
        held.ahead_at_issue = stand.ahead().unwrap_or(0);
    }
    let new_ticket = (held != *ticket).then_some(held);
    Ok(Stood { stand, phase: snapshot.phase(now), new_ticket })
}

async fn look_and_ask(room: &RoomHandle, held: &mut Ticket) -> Result<Stand, Trouble> {
    for _ in 0..ROUNDS_MAX {
        let (snapshot, now) = (room.snapshot(), room.now());
        let Ticket { queue_id, place, epoch, .. } = *held;
        // Looking up where the draw has put an entry costs some microseconds: better here than in the room's one task.
        let place = snapshot.drawn(place, epoch).unwrap_or(place);
        match snapshot.standing(place, epoch, now) {
            Standing::Waiting { ahead, expected_wait: None, ask_again_after } if is_full(&snapshot, now) => {
                return Ok(Stand::Full { ahead, ask_again_after });
            }
            Standing::Waiting { ahead, expected_wait, ask_again_after } => {
                return Ok(Stand::Waiting { ahead: Some(ahead), expected_wait, ask_again_after });
            }
            Standing::Paused { ahead, message, ask_again_after } => {
                return Ok(Stand::Paused { ahead, message, ask_again_after });
            }
            Standing::NotStarted { starts_at, .. } => {
                let entrants = snapshot.figures(now).entrants;
                return Ok(Stand::NotStarted { starts_in: starts_at.saturating_since(now), entrants });
            }
            Standing::Closed { ahead, ask_again_after } => {
                return Ok(Stand::Closed { ahead, ask_again_after });
            }
            Standing::Ended => return Ok(Stand::Ended),
            Standing::Spent(reason) => return Ok(Stand::Spent(reason)),
            // A genuine ticket of a place the room does not remember giving: the room is told (I3).
            Standing::Ahead => match room.submit(Command::Present { queue_id, place, epoch }).await? {
                Outcome::Spent(reason) => return Ok(Stand::Spent(reason)),
                Outcome::Refused(refusal) => return Err(Trouble::Refused(refusal)),
                outcome => take_place(held, &outcome, now),
            },
            Standing::Admissible => match room.submit(Command::Claim { queue_id, place, epoch }).await? {
                Outcome::Admitted { at, why } => {
                    let token_expires_at = at.saturating_add(snapshot.settings().token_validity());
                    return Ok(Stand::Admitted(Admission { token_expires_at, why }));
                }
                Outcome::Held { ask_again_after } if is_full(&snapshot, now) => {
                    return Ok(Stand::Full { ahead: 0, ask_again_after });
                }
                Outcome::Held { ask_again_after } => return Ok(Stand::Held { ask_again_after }),
                Outcome::Paused { message } => {
                    return Ok(Stand::Paused { ahead: 0, message, ask_again_after: ASK_AGAIN_PAUSED });
                }
                Outcome::Spent(reason) => return Ok(Stand::Spent(reason)),
                Outcome::Refused(Refusal::Closed) => {
                    return Ok(Stand::Closed { ahead: Some(0), ask_again_after: ASK_AGAIN_PAUSED });
                }
                Outcome::Refused(Refusal::Ended) => return Ok(Stand::Ended),
                Outcome::Refused(refusal) => return Err(Trouble::Refused(refusal)),
                // The state moved between the two looks: the next snapshot says how.
                outcome => take_place(held, &outcome, now),
            },
        }
    }
    Ok(Stand::Waiting { ahead: None, expected_wait: None, ask_again_after: ASK_AGAIN_AFTER_DISAGREEMENT })
}

/// The place at the end that an entry gets which the draw was held without.
fn take_place(held: &mut Ticket, outcome: &Outcome, now: Timestamp) {
    if let Outcome::Placed { queue_id, place, epoch, ahead } = *outcome {
        *held = Ticket { queue_id, place, epoch, ahead_at_issue: ahead, issued_at: now, ..held.clone() };
    }
}

/// Whether the line stands still because as many are inside as may be.
fn is_full(snapshot: &Snapshot, now: Timestamp) -> bool {
    let Some(max_active) = snapshot.settings().max_active else { return false };
    let figures = snapshot.figures(now);
    figures.active.is_some_and(|active| active >= u64::from(max_active))
}
