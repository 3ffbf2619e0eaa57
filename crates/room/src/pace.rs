//! When a page asks again, so that a crowd neither comes late nor all at once.
//!
//! In the line the room says when, and each visitor asks up to a fifth earlier. Before an opening or a start every page
//! knows the moment, and a hundred thousand of them would ask within the same second; there each gets a moment of its own
//! after it. Nobody loses by that: in a pre-queue every second is as good as another, and the places are drawn already
//! when the first page asks.

use std::time::Duration;

use anteroom_protocol::id::QueueId;

/// How much earlier than told a visitor may ask, in percent of the span: those who came in one moment shall not ask
/// in one moment for as long as they wait.
const SPREAD_PERCENT: u64 = 20;
/// How soon a page asks again that only counts down: the schedule may be changed.
const FAR: Duration = Duration::from_secs(30);
/// The share of the one who is last.
const SHARE_MAX: u64 = 0xffff;
/// Polls a second at a start that a room is to bear.
const POLLS_PER_SECOND_AT_START: u64 = 20_000;
/// Bounds of the span after a start within which all ask, in seconds. The first of the draw are called at once, and who
/// does not ask within eight seconds is passed over until they do; so a long span makes a start a little uneven, and
/// a short one makes it a stampede.
const AFTER_START_SECONDS: (u64, u64) = (2, 20);
/// Who joins a pre-queue in which second does not matter: the pages that wait for it join within this time.
const AFTER_OPENING: Duration = Duration::from_secs(20);
/// Without a pre-queue, who joins first is first.
const AFTER_PLAIN_START: Duration = Duration::from_secs(5);

/// Up to [`SPREAD_PERCENT`] earlier, always the same for one visitor: the page and the JSON answer agree, and nobody
/// asks later than the room wants.
pub(crate) fn spread(span: Duration, queue_id: QueueId) -> u64 {
    earlier(span, share_of(queue_id))
}

/// At just this time: the room has spread it already.
pub(crate) fn asked_after(span: Duration) -> u64 {
    const DAY_MS: u64 = 86_400_000;
    millis(span).min(DAY_MS)
}

/// When a page asks that waits for a start together with so many others.
pub(crate) fn before_start(starts_in: Duration, entrants: u64, queue_id: QueueId) -> u64 {
    let (least, most) = AFTER_START_SECONDS;
    let seconds = entrants.div_ceil(POLLS_PER_SECOND_AT_START).clamp(least, most);
    before(starts_in, Duration::from_secs(seconds), share_of(queue_id))
}

/// When a page asks that waits until one can join.
pub(crate) fn before_opening(opens_in: Duration, has_pre_queue: bool) -> u64 {
    before(opens_in, if has_pre_queue { AFTER_OPENING } else { AFTER_PLAIN_START }, any_share())
}

/// When a page asks that waits for an operator.
pub(crate) fn now_and_then() -> u64 {
    earlier(FAR, any_share())
}

/// A span in whole milliseconds.
pub(crate) fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// Now and then while the moment is far, and then once: this share of the spread after it.
fn before(moment_in: Duration, spread: Duration, share: u64) -> u64 {
    if moment_in > FAR {
        return earlier(FAR, share);
    }
    millis(moment_in) + millis(spread) * share / SHARE_MAX
}

fn earlier(span: Duration, share: u64) -> u64 {
    let span = asked_after(span);
    span - span * SPREAD_PERCENT * share / (100 * SHARE_MAX)
}

fn share_of(queue_id: QueueId) -> u64 {
    let [.., high, low] = *queue_id.as_bytes();
    u64::from(u16::from_be_bytes([high, low]))
}

/// For who has no queue id. Without randomness it is the middle: late rather than never.
fn any_share() -> u64 {
    let mut bytes = [0x7f; 2];
    getrandom::fill(&mut bytes).map_or(SHARE_MAX / 2, |()| u64::from(u16::from_be_bytes(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visitor(last: [u8; 2]) -> QueueId {
        let mut bytes = [0; 16];
        bytes[14..].copy_from_slice(&last);
        QueueId::from_random(bytes)
    }

    #[test]
    fn visitors_ask_at_different_times_and_never_late() {
        let asks = |last| spread(Duration::from_secs(10), visitor(last));
        assert_eq!((asks([0, 0]), asks([255, 255])), (10_000, 8_000));
        assert!((0..=255).all(|byte| (8_000..=10_000).contains(&asks([byte, 7]))));
    }

    #[test]
    fn crowd_at_a_start_asks_once_after_it_within_a_span_that_grows_with_the_crowd() {
        for (entrants, span_ms) in [(0, 2_000), (40_000, 2_000), (100_000, 5_000), (1_000_000, 20_000)] {
            let starts_in = Duration::from_secs(9);
            assert_eq!(before_start(starts_in, entrants, visitor([0, 0])), 9_000);
            assert_eq!(before_start(starts_in, entrants, visitor([255, 255])), 9_000 + span_ms);
            assert_eq!(before_start(Duration::ZERO, entrants, visitor([255, 255])), span_ms);
        }
    }

    #[test]
    fn far_from_a_start_pages_look_whether_it_was_moved() {
        let far = Duration::from_secs(3_600);
        assert_eq!(before_start(far, 10, visitor([0, 0])), 30_000);
        assert_eq!(before_start(far, 10, visitor([255, 255])), 24_000);
        assert!((24_000..=30_000).contains(&before_opening(far, true)));
        assert!((24_000..=30_000).contains(&now_and_then()));
    }
}
