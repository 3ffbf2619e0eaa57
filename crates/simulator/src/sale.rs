//! What a big sale uses of a room: drawn for worlds of that class.

use std::time::Duration;

use anteroom_queue::{Lane, Settings};

use crate::plan::{Arrival, FIRST_ARRIVAL_MS, pick, small};
use crate::random::Random;
use crate::store::world_time;

/// Draws which of it this world uses, and who comes with which lane and key.
pub(crate) fn draw(random: &mut Random, settings: &mut Settings, arrivals: &mut [Arrival]) {
    if random.chance(600) {
        let opens = random.between(2_000, FIRST_ARRIVAL_MS + 5_000);
        settings.schedule.pre_queue_at = Some(world_time(opens));
        settings.schedule.starts_at = Some(world_time(opens + random.between(10_000, 90_000)));
    }
    if random.chance(500) {
        settings.lane_weights = pick(random, &[vec![1, 1], vec![3, 1], vec![5, 2, 1]]).clone();
        let lanes = settings.lane_weights.len();
        for arrival in arrivals.iter_mut() {
            arrival.lane = Lane::ALL[random.position(lanes)];
        }
    }
    if random.chance(400) {
        let session_seconds = random.between(60, 300);
        // At the least half of the outflow fits inside.
        let outflow_inside = u64::from(settings.outflow_per_minute) * session_seconds / 60;
        settings.session_seconds = small(session_seconds);
        settings.max_active = Some(small(random.between(outflow_inside / 2, outflow_inside * 2).max(5)));
    }
    if random.chance(300) {
        settings.ramp_seconds = small(Duration::from_secs(random.between(20, 120)).as_secs());
    }
    if random.chance(400) {
        settings.unique_keys = true;
        let keys = u64::try_from(arrivals.len()).unwrap_or(u64::MAX);
        for arrival in arrivals.iter_mut() {
            arrival.key = random.chance(700).then(|| random.below(keys));
        }
    }
}
