//! The enqueue token that a visitor brings from the site or from an invitation (protocol 7): whether the room lets them
//! join with it, in which lane, and for whom.
//!
//! A good token's relative quality chooses the lane. The qualities from 0 to 1 are cut into as many equal parts as the room
//! has lanes, and a higher quality is a higher lane: with four lanes, 0.75 and more is lane 3. Without a quality it is the
//! ordinary lane 0. Which lane moves faster is set by the lanes' weights.

use anteroom_protocol::enqueue_token::{EnqueueToken, EnqueueTokenError, Expected};
use anteroom_protocol::time::Timestamp;
use anteroom_queue::settings::{EnqueueTokenUse, Settings};
use anteroom_queue::{KeyDigest, Lane};

use super::entrance::Entrance;

/// What a visitor joins with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Invitation {
    pub(crate) lane: Lane,
    /// Who it is, in a room where each key has one place.
    pub(crate) key: Option<KeyDigest>,
}

/// Why a visitor may not join with the enqueue token they brought, or without one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Uninvited {
    /// There is none.
    Missing,
    /// It names nobody, and the room wants to know who comes.
    Nameless,
    /// It is not good.
    Refused(EnqueueTokenError),
}

/// What the enqueue token in an address comes to in this room.
pub(crate) fn read(
    entrance: &Entrance,
    settings: &Settings,
    text: Option<&str>,
    now: Timestamp,
) -> Result<Invitation, Uninvited> {
    let (is_required, is_key_required) = match settings.enqueue_token {
        EnqueueTokenUse::NotUsed => return Ok(Invitation::default()),
        EnqueueTokenUse::Optional => (false, false),
        EnqueueTokenUse::Required => (true, false),
        EnqueueTokenUse::RequiredWithKey => (true, true),
    };
    let token = match text.filter(|text| !text.is_empty()) {
        None => Err(Uninvited::Missing),
        Some(text) => open(entrance, text, now).map_err(Uninvited::Refused),
    };
    let payload = match token {
        Ok(token) => token.payload.unwrap_or_default(),
        Err(_) if !is_required => return Ok(Invitation::default()),
        Err(uninvited) => return Err(uninvited),
    };
    let key = payload.key.as_deref().filter(|key| !key.is_empty());
    if is_key_required && key.is_none() {
        return Err(Uninvited::Nameless);
    }
    Ok(Invitation {
        lane: payload.relative_quality.map_or(Lane::ORDINARY, |quality| lane_of(quality, settings.lanes())),
        key: key.filter(|_| settings.unique_keys).map(|key| digest(entrance, key)),
    })
}

/// Whether the address holds an enqueue token that will still be good at a moment.
pub(crate) fn is_good_at(entrance: &Entrance, text: Option<&str>, moment: Timestamp) -> bool {
    text.is_some_and(|text| open(entrance, text, moment).is_ok())
}

fn open(entrance: &Entrance, text: &str, now: Timestamp) -> Result<EnqueueToken, EnqueueTokenError> {
    let expected = Expected {
        customer_id: entrance.account.customer.as_str(),
        event_id: entrance.record.room.as_str(),
        now,
        client_ip: None,
    };
    EnqueueToken::open(text, &entrance.account.secret_key, &expected)
}

/// A higher quality is a higher lane. What is no number is no quality.
fn lane_of(quality: f64, lanes: usize) -> Lane {
    let reached = |lane: &Lane| {
        let part = f64::from(lane.number()) / f64::from(u32::try_from(lanes).unwrap_or(1));
        lane.index() < lanes && quality >= part
    };
    Lane::ALL.into_iter().rfind(reached).unwrap_or(Lane::ORDINARY)
}

/// What the room keeps of a key: nothing that tells what it says, and another one in each room.
fn digest(entrance: &Entrance, key: &str) -> KeyDigest {
    let room = entrance.record.room.as_str();
    let mac = entrance.account.key.derive("enqueue key").sign(&[room.as_bytes(), b"/", key.as_bytes()]);
    KeyDigest::from_bytes(std::array::from_fn(|at| mac.as_bytes()[at]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn qualities_are_spread_evenly_over_the_lanes() {
        for (quality, lanes, lane) in [
            (0.0, 4, 0),
            (0.249, 4, 0),
            (0.25, 4, 1),
            (0.5, 4, 2),
            (0.749, 4, 2),
            (0.75, 4, 3),
            (1.0, 4, 3),
            (7.0, 4, 3),
            (-1.0, 4, 0),
            (f64::NAN, 4, 0),
            (0.49, 2, 0),
            (0.5, 2, 1),
            (0.67, 3, 2),
            (1.0, 1, 0),
        ] {
            assert_eq!(lane_of(quality, lanes).number(), lane, "{quality} of {lanes}");
        }
    }
}
