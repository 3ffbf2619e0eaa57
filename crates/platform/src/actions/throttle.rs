//! How often somebody may try a password: a few times at once, then once in a while. Counted by the network the
//! attempt comes from, in a table of bounded size; pure, the caller brings the time.
//!
//! An attempt counts as a failure from the moment it begins, so that many at the same time gain nothing; a
//! success takes the failures of its network back. A network that failed too often waits, whatever name it tries; other
//! networks, and so other operators, are not hindered by it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use anteroom_protocol::time::Timestamp;

/// Failures forgiven at once.
const FAILURES_AT_ONCE: u32 = 5;
/// How long one failure takes to be forgotten.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(10);
/// Networks remembered at once. When full, the one that is forgotten soonest makes room: an attacker with that many
/// networks is slowed by the cost of a password, not by this table.
const NETWORKS_MAX: usize = 4_096;

/// The failures of the recent past.
#[derive(Debug, Default)]
pub(crate) struct Throttle {
    /// For each network, when all its failures will be forgotten.
    clear_at: HashMap<IpAddr, Timestamp>,
}

impl Throttle {
    /// Begins an attempt, or says how long `from` must wait before its next one is looked at.
    pub(crate) fn begin(&mut self, from: IpAddr, now: Timestamp) -> Result<(), Duration> {
        let network = network(from);
        if !self.clear_at.contains_key(&network) && self.clear_at.len() >= NETWORKS_MAX {
            self.make_room(now);
        }
        let clear_at = self.clear_at.entry(network).or_insert(now);
        let forgiven = FORGOTTEN_AFTER * (FAILURES_AT_ONCE - 1);
        let wait = clear_at.saturating_since(now).saturating_sub(forgiven);
        if !wait.is_zero() {
            return Err(wait);
        }
        *clear_at = (*clear_at).max(now).saturating_add(FORGOTTEN_AFTER);
        Ok(())
    }

    /// Forgets the failures of `from`, which just proved itself.
    pub(crate) fn succeeded(&mut self, from: IpAddr) {
        self.clear_at.remove(&network(from));
    }

    fn make_room(&mut self, now: Timestamp) {
        self.clear_at.retain(|_, clear_at| *clear_at > now);
        if self.clear_at.len() >= NETWORKS_MAX
            && let Some(soonest) =
                self.clear_at.iter().min_by_key(|(_, at)| **at).map(|(network, _)| *network)
        {
            self.clear_at.remove(&soonest);
        }
    }
}

/// The network of an address: the address itself, or the first 64 bits of IPv6, which is what one household gets.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() & !u128::from(u64::MAX)).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_seconds(1_000_000 + seconds)
    }

    #[test]
    fn sixth_failure_in_a_row_must_wait_and_the_wait_ends() {
        let mut throttle = Throttle::default();
        let attacker = "203.0.113.9".parse().unwrap();
        for _ in 0..FAILURES_AT_ONCE {
            assert_eq!(throttle.begin(attacker, at(0)), Ok(()));
        }
        assert_eq!(throttle.begin(attacker, at(0)), Err(FORGOTTEN_AFTER));
        assert_eq!(throttle.begin("203.0.113.10".parse().unwrap(), at(0)), Ok(()));
        assert_eq!(throttle.begin(attacker, at(10)), Ok(()));
        assert!(throttle.begin(attacker, at(10)).is_err());
        throttle.succeeded(attacker);
        assert_eq!(throttle.begin(attacker, at(10)), Ok(()));
    }

    #[test]
    fn neighbours_in_one_ipv6_network_are_one() {
        let mut throttle = Throttle::default();
        for last in 1..=5_u128 {
            assert!(throttle.begin(IpAddr::V6((0x2001_0db8_u128 << 96 | last).into()), at(0)).is_ok());
        }
        assert!(throttle.begin("2001:db8::ffff".parse().unwrap(), at(0)).is_err());
        assert!(throttle.begin("2001:db8:0:1::1".parse().unwrap(), at(0)).is_ok());
    }

    #[test]
    fn table_stays_within_its_bound() {
        let mut throttle = Throttle::default();
        for number in 0..10_000_u32 {
            assert!(throttle.begin(IpAddr::V4(number.into()), at(0)).is_ok());
        }
        assert!(throttle.clear_at.len() <= NETWORKS_MAX);
    }
}
