//! Who wants to know of saves, by first segment.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use tokio::sync::watch;

use crate::backend::Version;

/// Senders by first segment. Those nobody listens to any more are forgotten when the next one is made, so there
/// are never more than twice as many as listeners.
#[derive(Default)]
pub(crate) struct Watchers {
    senders: Mutex<Senders>,
}

#[derive(Default)]
struct Senders {
    by_segment: HashMap<Box<str>, watch::Sender<u64>>,
    /// Sweep the closed ones when so many are held.
    sweep_at: usize,
}

impl Watchers {
    pub(crate) fn watch(&self, segment: &str) -> watch::Receiver<u64> {
        let mut senders = self.senders.lock().unwrap_or_else(PoisonError::into_inner);
        if senders.by_segment.len() >= senders.sweep_at {
            senders.by_segment.retain(|_, sender| !sender.is_closed());
            senders.sweep_at = 2 * senders.by_segment.len() + 16;
        }
        senders.by_segment.entry(segment.into()).or_insert_with(|| watch::Sender::new(0)).subscribe()
    }

    /// The segments that somebody listens to.
    #[cfg(feature = "valkey")]
    pub(crate) fn segments(&self) -> Vec<Box<str>> {
        let senders = self.senders.lock().unwrap_or_else(PoisonError::into_inner);
        let heard = senders.by_segment.iter().filter(|(_, sender)| !sender.is_closed());
        heard.map(|(segment, _)| segment.clone()).collect()
    }

    /// Says that documents of this segment were saved.
    pub(crate) fn tell(&self, segment: &str, version: Version) {
        let senders = self.senders.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = senders.by_segment.get(segment) {
            // The same save may be told in several ways, and not in their order.
            sender.send_if_modified(|told| {
                let is_newer = version.0 > *told;
                *told = version.0.max(*told);
                is_newer
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_that_left_are_forgotten() {
        let watchers = Watchers::default();
        let kept = watchers.watch("kept");
        for n in 0..10_000 {
            drop(watchers.watch(&format!("room:{n}")));
        }
        assert!(watchers.senders.lock().unwrap().by_segment.len() < 50);
        watchers.tell("kept", Version(7));
        assert_eq!(*kept.borrow(), 7);
    }
}
