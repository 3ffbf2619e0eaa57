//! Hears of others' saves, and looks after the connection.
//!
//! Each save is told on a channel by the script that makes it. A message may be lost, so whoever is watched is also
//! looked at once a second.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use redis::{Msg, RedisResult};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use super::Inner;
use crate::backend::Version;

/// How often to look for saves that were not heard of.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Most segments looked at in one request.
const SEGMENTS_TOGETHER_MAX: usize = 1_000;
/// How often the servers are looked at as a whole: how they keep things.
const SOUNDNESS_EVERY: u32 = 30;
/// How often a silent channel is asked whether it is still there, and how long it may take to say so.
const PING_EVERY: Duration = Duration::from_secs(5);
const PING_WAIT_MAX: Duration = Duration::from_secs(2);
/// The pause after a channel broke, doubled with each further failure.
const LISTEN_AGAIN_FIRST: Duration = Duration::from_millis(50);
const LISTEN_AGAIN_MAX: Duration = Duration::from_secs(1);

/// Tells the watchers of what is heard, for ever.
pub(super) async fn listen(inner: Arc<Inner>) {
    let mut attempt = 0;
    let mut failures_in_a_row = 0_u32;
    loop {
        match listen_once(&inner, attempt).await {
            Ok(()) => failures_in_a_row = 0,
            Err(error) => {
                tracing::debug!(place = inner.place, error = %error, "cannot hear of saves, looking instead");
                failures_in_a_row = failures_in_a_row.saturating_add(1);
            }
        }
        attempt += 1;
        sleep((LISTEN_AGAIN_FIRST * 2_u32.pow(failures_in_a_row.min(6))).min(LISTEN_AGAIN_MAX)).await;
    }
}

/// Returns when the channel broke after it was there.
async fn listen_once(inner: &Inner, attempt: usize) -> RedisResult<()> {
    let mut channel = inner.links[0].subscribe(attempt).await?;
    channel.subscribe(&inner.channel).await?;
    // What was saved while nobody listened.
    let _ = look_once(inner).await;
    let (mut sink, mut messages) = channel.split();
    loop {
        match timeout(PING_EVERY, messages.next()).await {
            Ok(Some(message)) => tell(inner, &message),
            Ok(None) => return Ok(()),
            Err(_) => match timeout(PING_WAIT_MAX, sink.ping::<redis::Value>()).await {
                Ok(Ok(_)) => {}
                Ok(Err(_)) | Err(_) => return Ok(()),
            },
        }
    }
}

/// A message is a version and the segment it is of, as the script puts it.
fn tell(inner: &Inner, message: &Msg) {
    const VERSION_DIGITS: usize = 20;
    let parsed = std::str::from_utf8(message.get_payload_bytes()).ok().and_then(|text| {
        let (version, segment) = text.split_at_checked(VERSION_DIGITS)?;
        Some((Version(version.parse().ok()?), segment))
    });
    if let Some((version, segment)) = parsed {
        inner.watchers.tell(segment, version);
    }
}

/// Looks for what was not heard, for the primary to be another, and after the servers' settings, for ever.
pub(super) async fn look(inner: Arc<Inner>) {
    let mut ticks = interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for round in 0_u32.. {
        ticks.tick().await;
        for links in &inner.links {
            links.follow_primary().await;
        }
        // Whoever loads or saves meets the same error and tells it.
        let _ = look_once(&inner).await;
        if round % SOUNDNESS_EVERY == SOUNDNESS_EVERY - 1
            && let Ok(found) = inner.look_at_servers().await
        {
            inner.warn(found.warnings(inner.options.wait_replicas));
        }
    }
}

async fn look_once(inner: &Inner) -> RedisResult<()> {
    let segments = inner.watchers.segments();
    for some in segments.chunks(SEGMENTS_TOGETHER_MAX) {
        let found = inner.newest_of(some).await?;
        for (segment, version) in some.iter().zip(found) {
            inner.watchers.tell(segment, version);
        }
    }
    Ok(())
}
