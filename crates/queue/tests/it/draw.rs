//! The draw (I6): one-to-one for any number of entrants, as even as chance, and the same in every language.
//!
//! The keys of these tests are hashes of numbers, so that each run sees the same draws.

use anteroom_protocol::mac::sha256;
use anteroom_queue::draw::document::{Document, Receipt};
use anteroom_queue::draw::{Draw, DrawKey, commitment, context, to_hex};
use proptest::prelude::*;
use serde_json::{Value, json};

fn key(number: u32) -> DrawKey {
    DrawKey::from_entropy(sha256(&[b"a test's key", &number.to_be_bytes()]))
}

fn draw(number: u32, entrants: u64) -> Draw {
    Draw::new(&key(number), None, 0, entrants)
}

fn places(draw: &Draw) -> Vec<u64> {
    (0..draw.entrants()).map(|index| draw.place(index)).collect()
}

fn at(number: u64) -> usize {
    usize::try_from(number).expect("tests use small numbers")
}

/// How far the counts are from even, in standard deviations of what chance does (Wilson and Hilferty's normal form of
/// chi-square). Beyond 5 something is wrong; below -5 it is too even to be chance.
fn deviations_from_even(counts: &[u64], degrees_of_freedom: f64) -> f64 {
    let expected = as_f64(counts.iter().sum()) / as_f64(counts.len() as u64);
    let chi_square = counts.iter().map(|&count| (as_f64(count) - expected).powi(2) / expected).sum::<f64>();
    let spread = 2.0 / (9.0 * degrees_of_freedom);
    ((chi_square / degrees_of_freedom).cbrt() - (1.0 - spread)) / spread.sqrt()
}

fn as_f64(number: u64) -> f64 {
    f64::from(u32::try_from(number).expect("tests use small numbers"))
}

#[test]
fn i6_every_index_gets_every_place_equally_often() {
    for (entrants, keys) in [(2_u64, 10_000), (3, 10_000), (5, 6_000), (7, 4_000), (16, 3_000), (100, 1_000)]
    {
        let mut counts = vec![0; at(entrants * entrants)];
        for number in 0..keys {
            for (index, place) in places(&draw(number, entrants)).into_iter().enumerate() {
                counts[index * at(entrants) + at(place)] += 1;
            }
        }
        for (index, of_index) in counts.chunks(at(entrants)).enumerate() {
            let off = deviations_from_even(of_index, as_f64(entrants - 1));
            assert!(off.abs() < 5.0, "{entrants} entrants, index {index}: {off} standard deviations");
        }
        // Each draw fills every row and column once, which leaves so many free, and as many times n / (n - 1) as much.
        let free = as_f64(entrants - 1).powi(2);
        let scale = as_f64(entrants) / as_f64(entrants - 1);
        let expected = f64::from(keys) / as_f64(entrants);
        let chi_square =
            counts.iter().map(|&count| (as_f64(count) - expected).powi(2) / expected).sum::<f64>() / scale;
        let off = (chi_square - free) / (2.0 * free).sqrt();
        assert!(off.abs() < 5.0, "{entrants} entrants, all together: {off} standard deviations");
    }
}

#[test]
fn i6_every_order_of_a_few_comes_equally_often() {
    for (entrants, orders, keys) in [(3_u64, 6_u32, 6_000), (4, 24, 12_000), (5, 120, 24_000)] {
        let mut counts = std::collections::BTreeMap::<Vec<u64>, u64>::new();
        for number in 0..keys {
            *counts.entry(places(&draw(number, entrants))).or_default() += 1;
        }
        let counts = counts.into_values().collect::<Vec<_>>();
        assert_eq!(counts.len(), at(u64::from(orders)), "every order of {entrants} comes");
        let off = deviations_from_even(&counts, f64::from(orders - 1));
        assert!(off.abs() < 5.0, "{entrants} entrants: {off} standard deviations");
    }
}

#[test]
fn i6_to_come_early_or_together_gains_nothing() {
    const ENTRANTS: u64 = 1000;
    const KEYS: u32 = 100;
    let mean = as_f64(ENTRANTS - 1) / 2.0;
    let variance = (as_f64(ENTRANTS).powi(2) - 1.0) / 12.0;
    let mut apart = [0.0; 5];
    let mut with_index = 0.0;
    for number in 0..KEYS {
        let places =
            places(&draw(number, ENTRANTS)).into_iter().map(|place| as_f64(place) - mean).collect::<Vec<_>>();
        for (distance, sum) in (1..).zip(&mut apart) {
            *sum += places.iter().zip(&places[distance..]).map(|(one, other)| one * other).sum::<f64>()
                / variance;
        }
        with_index += places
            .iter()
            .enumerate()
            .map(|(index, place)| (as_f64(index as u64) - mean) * place)
            .sum::<f64>()
            / variance;
    }
    // In a perfect draw the correlation of two places is -1 / (n - 1), which makes about -1 for each draw.
    let samples = f64::from(KEYS) * as_f64(ENTRANTS);
    for (distance, sum) in (1..).zip(apart) {
        let off: f64 = (sum + f64::from(KEYS)) / samples.sqrt();
        assert!(off.abs() < 5.0, "places of neighbours {distance} apart: {off} standard deviations");
    }
    let off: f64 = with_index / samples.sqrt();
    assert!(off.abs() < 5.0, "place with index: {off} standard deviations");
}

#[test]
fn i6_beacon_lane_and_number_of_entrants_each_change_the_draw() {
    let plain = places(&draw(1, 50));
    assert_eq!(plain, places(&Draw::new(&key(1), Some(""), 0, 50)));
    assert_ne!(plain, places(&Draw::new(&key(1), Some("7 12 21"), 0, 50)));
    assert_ne!(plain, places(&Draw::new(&key(1), None, 1, 50)));
    assert_ne!(plain, places(&Draw::new(&key(2), None, 0, 50)));
    let with_one_more = places(&draw(1, 51));
    assert_ne!(plain[..], with_one_more[..50]);
}

#[test]
fn i6_whole_draw_of_a_stadium_gives_each_place_once() {
    let draw = draw(3, 20_011);
    let mut places = places(&draw);
    assert!((0..20_011).all(|index| draw.index_of(places[at(index)]) == index));
    places.sort_unstable();
    assert!(places.into_iter().eq(0..20_011));
}

proptest! {
    #[test]
    fn i6_each_place_is_given_once(number: u32, lane: u8, beacon in "[a-z]{0,8}", entrants in 0_u64..300) {
        let draw = Draw::new(&key(number), Some(&beacon), lane, entrants);
        let mut places = places(&draw);
        places.sort_unstable();
        prop_assert!(places.into_iter().eq(0..entrants));
    }

    #[test]
    fn i6_index_and_place_lead_to_each_other(
        number: u32,
        entrants in prop_oneof![1_u64..1000, 1_u64..2_000_000_000, Just(u64::MAX), any::<u64>()],
        index: u64,
    ) {
        let draw = draw(number, entrants);
        let index = index % entrants.max(1);
        let place = draw.place(index);
        prop_assert!(place < entrants.max(1));
        prop_assert_eq!(draw.index_of(place), index);
    }

    #[test]
    fn index_that_nobody_was_given_is_its_own_place(number: u32, entrants in 0_u64..100, beyond in 0_u64..=u64::MAX - 100) {
        let draw = draw(number, entrants);
        prop_assert_eq!(draw.place(entrants + beyond), entrants + beyond);
        prop_assert_eq!(draw.index_of(entrants + beyond), entrants + beyond);
    }
}

proptest! {
    #[test]
    fn document_of_anybody_is_read_or_refused(
        lane: u8, entrants: u64, asked_lane: u8, entry: u64, is_lane_asked: bool, key in "[0-9a-fA-Fg]{63,65}", beacon: Option<String>,
    ) {
        let text = json!({
            "format": "anteroom-draw-1", "account": "shop", "room": "sale", "epoch": entrants, "commitment": "00".repeat(32),
            "key": key, "beacon": beacon, "lanes": [{ "lane": lane, "entrants": entrants, "firstTag": entry }],
        });
        if let Ok(document) = serde_json::from_value::<Document>(text) {
            let asked = Receipt { lane: if is_lane_asked { lane } else { asked_lane }, entry };
            if let Ok(place) = document.place(asked) {
                prop_assert!((1..=entrants).contains(&place));
            }
            prop_assert!(document.has_kept_commitment().is_some());
        }
    }
}

/// The golden cases of `vectors/draw.json`. Run with `ANTEROOM_WRITE_VECTORS=1` to write them anew, which is right only
/// when the draw gets another name.
#[test]
fn golden_cases_are_met() {
    let path = format!("{}/../../vectors/draw.json", env!("CARGO_MANIFEST_DIR"));
    let made = golden_cases();
    if std::env::var_os("ANTEROOM_WRITE_VECTORS").is_some() {
        std::fs::write(&path, format!("{}\n", serde_json::to_string_pretty(&made).unwrap())).unwrap();
    }
    let kept = serde_json::from_str::<Value>(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert_eq!(kept, made);
}

fn golden_cases() -> Value {
    let cases = [
        ("nobody", 0, "shop", "sale2026", 1, None, 0),
        ("one", 1, "shop", "sale2026", 1, None, 1),
        ("two", 2, "shop", "sale2026", 1, None, 2),
        ("ten", 3, "shop", "sale2026", 1, None, 10),
        ("ten in another lane", 3, "shop", "sale2026", 1, None, 10),
        ("ten with a beacon", 3, "shop", "sale2026", 2, Some("lottery of 2026-11-28: 3 9 17 24 38 41"), 10),
        ("a beacon beyond ASCII", 4, "stadion-nord", "finale", 7, Some("Zürich, 28. November – 1 × 49"), 33),
        ("a hundred", 5, "stadion-nord", "finale", 7, None, 100),
        ("a stadium", 6, "stadion-nord", "finale", 8, Some("00000000000000000001f3a8"), 1_000_000),
        ("a thousand million", 7, "a", "abc", 0, None, 1_000_000_000),
        ("more than 32 bits", 8, "a", "abc", 9_007_199_254_740_993_u64, None, 1 << 40),
    ];
    let cases = cases.map(|(name, number, account, room, epoch, beacon, entrants)| {
        let lane = u8::from(name.contains("lane"));
        let key = key(number);
        let draw = Draw::new(&key, beacon, lane, entrants);
        let some = [0, 1, 2, entrants / 3, entrants / 2, entrants.saturating_sub(1)];
        let shown = if entrants <= 100 { (0..entrants).collect() } else { some.to_vec() };
        let of = |index: u64| (index.to_string(), draw.place(index).to_string().into());
        let places = shown.into_iter().map(of).collect::<serde_json::Map<_, _>>();
        json!({
            "name": name,
            "account": account,
            "room": room,
            // As texts, because many languages read a JSON number as a float.
            "epoch": epoch.to_string(),
            "key": key.to_hex(),
            "commitment": to_hex(&commitment(&key, context(account, room, epoch).as_bytes())),
            "beacon": beacon,
            "lane": lane,
            "entrants": entrants.to_string(),
            "places": places,
        })
    });
    json!({ "format": "anteroom-draw-vectors-1", "about": "what docs/draw.md describes", "cases": cases })
}
