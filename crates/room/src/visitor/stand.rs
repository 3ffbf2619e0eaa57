//! Where a ticket's holder stands. Asking touches memory only, until it is the visitor's turn (I7): then the room is
//! asked to let them in, and every later answer within the queue token's validity is that same admission again.

use std::time::Duration;

use anteroom_protocol::ticket::Ticket;
use anteroom_protocol::time::Timestamp;
use anteroom_queue::snapshot::{ASK_AGAIN_PAUSED, Standing};
use anteroom_queue::{Command, Outcome, SpentReason};
use anteroom_store::rooms::RoomHandle;

use super::trouble::Trouble;

/// Where the holder of a ticket stands, and all there is to tell.
pub(crate) enum Stand {
    /// In line.
    Waiting { ahead: Option<u64>, expected_wait: Option<Duration>, ask_again_after: Duration },
    /// At the front: it is their turn, and a place is theirs after just this time.
    Held { ask_again_after: Duration },
    /// In line, and the line was stopped with a message.
    Paused { ahead: u64, message: String, ask_again_after: Duration },
    /// In the pre-queue; the places are drawn at the start.
    NotStarted { starts_in: Duration, ask_again_after: Duration },
    /// The room is closed; the ticket keeps its place.
    Closed { ahead: Option<u64>, ask_again_after: Duration },
    /// The room's time is over.
    Ended,
    /// Let in.
    Admitted(Admission),
    /// The ticket gives nothing any more.
    Spent(SpentReason),
}

/// That a visitor was let in. The queue token is made of it alone, so a repeated answer carries the same bytes.
#[derive(Clone, Copy)]
pub(crate) struct Admission {
    /// Until when the queue token may be used.
    pub(crate) token_expires_at: Timestamp,
}

/// Rounds of looking and asking before a visitor is told to come back: the line moves while we look, but two answers
/// that contradict each other more often than this are not going to agree.
const ROUNDS_MAX: usize = 3;

/// When to come back after such a disagreement.
const ASK_AGAIN_AFTER_DISAGREEMENT: Duration = Duration::from_secs(1);

/// Finds out where the holder of a ticket stands, and lets them in if it is their turn.
pub(crate) async fn stand(room: &RoomHandle, ticket: &Ticket) -> Result<Stand, Trouble> {
    let Ticket { queue_id, place, epoch, .. } = *ticket;
    for _ in 0..ROUNDS_MAX {
        let snapshot = room.snapshot();
        match snapshot.standing(place, epoch, room.now()) {
            Standing::Waiting { ahead, expected_wait, ask_again_after } => {
                return Ok(Stand::Waiting { ahead: Some(ahead), expected_wait, ask_again_after });
            }
            Standing::Paused { ahead, message, ask_again_after } => {
                return Ok(Stand::Paused { ahead, message, ask_again_after });
            }
            Standing::NotStarted { starts_at, ask_again_after } => {
                let starts_in = starts_at.saturating_since(room.now());
                return Ok(Stand::NotStarted { starts_in, ask_again_after });
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
                _ => {}
            },
            Standing::Admissible => match room.submit(Command::Claim { queue_id, place, epoch }).await? {
                Outcome::Admitted { at, .. } => {
                    let token_expires_at = at.saturating_add(snapshot.settings().token_validity());
                    return Ok(Stand::Admitted(Admission { token_expires_at }));
                }
                Outcome::Held { ask_again_after } => return Ok(Stand::Held { ask_again_after }),
                Outcome::Paused { message } => {
                    return Ok(Stand::Paused { ahead: 0, message, ask_again_after: ASK_AGAIN_PAUSED });
                }
                Outcome::Spent(reason) => return Ok(Stand::Spent(reason)),
                // The next snapshot says it too; until then nothing is wrong.
                Outcome::Refused(refusal) if refusal.is_as_set() => {}
                Outcome::Refused(refusal) => return Err(Trouble::Refused(refusal)),
                // The state moved between the two looks: the next snapshot says how.
                _ => {}
            },
        }
    }
    Ok(Stand::Waiting { ahead: None, expected_wait: None, ask_again_after: ASK_AGAIN_AFTER_DISAGREEMENT })
}
