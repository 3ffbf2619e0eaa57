//! A start that several processes find due at the same time.

use std::collections::BTreeSet;
use std::time::Duration;

use anteroom_queue::engine::RoomState;
use anteroom_queue::node::{Document, Node, StoreRequest};
use anteroom_queue::settings::Schedule;
use anteroom_queue::snapshot::{Phase, Snapshot};
use anteroom_queue::{Command, Outcome, Place, Settings};

use crate::nodes::{Store, ask, start};
use crate::room::{EPOCH, arrive, id, seconds};

const SEEDS: [u8; 3] = [1, 2, 3];
const ENTRANTS: u64 = 30;

/// What the store holds: whether the room has started, and the places that the entries have.
fn kept(store: &Store, entries: &[Place]) -> Option<(bool, Vec<Option<Place>>)> {
    let bytes = &store.documents.get(&Document::State)?.bytes;
    let state = RoomState::decode(bytes).expect("what was written is read");
    let snapshot = Snapshot::new(state);
    let places = entries.iter().map(|entry| snapshot.drawn(*entry, EPOCH)).collect();
    Some((snapshot.draw("a", "b").is_some_and(|draw| draw.key.is_some()), places))
}

#[test]
fn i6_room_starts_once_however_many_processes_find_it_due() {
    let (mut store, mut now) = (Store::default(), start());
    let mut nodes: Vec<Node> = SEEDS.iter().map(|&seed| Node::new([seed; 32])).collect();
    let schedule =
        Schedule { pre_queue_at: Some(now), starts_at: Some(now.saturating_add(seconds(20))), ends_at: None };
    let settings = Settings { schedule, ..Settings::with_outflow(600) };
    assert_eq!(ask(&mut nodes[0], &mut store, &mut now, Command::Configure(settings)), Outcome::Done);
    let mut entries = Vec::new();
    for number in 0..ENTRANTS {
        let node = &mut nodes[usize::try_from(number).expect("small") % SEEDS.len()];
        node.handle_changed(now);
        match ask(node, &mut store, &mut now, arrive(id(number))) {
            Outcome::Placed { place, .. } => entries.push(place),
            other => unreachable!("{other:?}"),
        }
    }
    assert_eq!(entries.iter().collect::<BTreeSet<_>>().len(), entries.len());

    // Each asks before any is answered, so that all of them make the start and one of them saves it.
    let mut starts = 0;
    let mut told: Option<Vec<Option<Place>>> = None;
    let mut asked: Vec<Option<StoreRequest>> = vec![None; SEEDS.len()];
    while now < start().saturating_add(seconds(30)) {
        for (node, asked) in nodes.iter_mut().zip(&mut asked) {
            *asked = node.poll_store(now);
        }
        for (node, asked) in nodes.iter_mut().zip(&mut asked) {
            let Some(request) = asked.take() else { continue };
            let was_started = kept(&store, &entries).is_some_and(|(is_started, _)| is_started);
            store.answer(node, request, now);
            let Some((is_started, places)) = kept(&store, &entries) else { continue };
            starts += u32::from(is_started && !was_started);
            if is_started {
                assert_eq!(told.get_or_insert_with(|| places.clone()), &places);
            }
        }
        now = now.saturating_add(Duration::from_millis(7));
    }
    assert_eq!(starts, 1);
    let told = told.expect("the room has started");
    let tags: BTreeSet<u64> = told.iter().filter_map(|place| place.and_then(Place::tag)).collect();
    assert_eq!(tags, (1..=ENTRANTS).collect());
    for node in &mut nodes {
        let snapshot = node.poll_snapshot().expect("every node has seen it");
        assert_eq!(snapshot.phase(now), Phase::Running);
        let places: Vec<_> = entries.iter().map(|entry| snapshot.drawn(*entry, EPOCH)).collect();
        assert_eq!(places, told);
    }
}
