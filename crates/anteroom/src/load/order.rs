//! Whether the line is first come, first served (I2), as far as it can be seen from outside.
//!
//! Who is called first need not go in first: that depends on when each page asks next. So two redirects prove nothing.
//! What proves an inversion is a visitor who is told that others are ahead, when somebody who began to join after this
//! visitor's place was acknowledged is in already: that one was called, and this one, who came before, is not.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::visitor::Joined;

/// A process of the room answers from what it knew at most a second ago, and an answer takes its time to come.
const KNOWN_EVERYWHERE_AFTER: Duration = Duration::from_secs(2);

/// The newest join of those who are known to be in everywhere, at a moment.
pub(super) type Mark = Option<Instant>;

/// What was seen of the order so far.
#[derive(Debug, Default)]
pub(super) struct Order {
    /// When somebody was let in, and when they had begun to join. The oldest first.
    fresh: VecDeque<(Instant, Instant)>,
    newest_join_let_in: Mark,
    pub(super) inversions: u64,
    pub(super) largest: Duration,
}

impl Order {
    /// Somebody is in, as is known since `now`.
    pub(super) fn handle_admission(&mut self, joined: Joined, now: Instant) {
        self.fresh.push_back((now, joined.began));
    }

    /// What an answer to a question that is asked at `now` must fit to.
    pub(super) fn mark(&mut self, now: Instant) -> Mark {
        while let Some(&(let_in, began)) = self.fresh.front()
            && now.saturating_duration_since(let_in) >= KNOWN_EVERYWHERE_AFTER
        {
            self.fresh.pop_front();
            self.newest_join_let_in = self.newest_join_let_in.max(Some(began));
        }
        self.newest_join_let_in
    }

    /// Somebody who holds a place is told that others are ahead.
    pub(super) fn handle_others_ahead(&mut self, joined: Joined, mark: Mark) {
        let before =
            mark.map_or(Duration::ZERO, |newest| newest.saturating_duration_since(joined.acknowledged));
        if !before.is_zero() {
            self.inversions += 1;
            self.largest = self.largest.max(before);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i2_only_a_later_join_that_is_in_while_an_earlier_one_waits_is_an_inversion() {
        let begun = Instant::now();
        let at = |seconds| begun + Duration::from_secs(seconds);
        let joined = |began, acknowledged| Joined { began: at(began), acknowledged: at(acknowledged) };
        let mut order = Order::default();
        order.handle_admission(joined(5, 6), at(10));
        assert_eq!(order.mark(at(11)), None, "other processes may not know yet");
        let mark = order.mark(at(12));
        for (began, acknowledged) in [(4, 5), (4, 7), (6, 7)] {
            order.handle_others_ahead(joined(began, acknowledged), mark);
        }
        assert_eq!(order.inversions, 0, "joins that overlap may be placed either way");
        order.handle_others_ahead(joined(1, 2), mark);
        assert_eq!((order.inversions, order.largest), (1, Duration::from_secs(3)));
        order.handle_admission(joined(3, 3), at(20));
        assert_eq!(order.mark(at(30)), Some(at(5)), "an older join takes nothing back");
    }
}
