//! Stores that lose what they acknowledged: states, and the records of those who were admitted.

use std::time::Duration;

use anteroom_protocol::time::Timestamp;
use anteroom_queue::node::{Document, Node, Versioned};
use anteroom_queue::{Command, Outcome, Place, RecordId, Refusal, Settings};

use crate::nodes::{Store, ask, serve, start};
use crate::room::{EPOCH, arrive, id};

fn claim(number: u64) -> Command {
    Command::Claim { queue_id: id(number), place: Place::ordinary(number), epoch: EPOCH }
}

fn document(number: u64) -> Document {
    Document::Record(RecordId::Visitor(id(number)))
}

/// A node that has let in the first of three who wait, and what the store was just before that.
fn admitted(store: &mut Store, now: &mut Timestamp) -> (Node, Outcome, Store) {
    let mut node = Node::new([7; 32]);
    ask(&mut node, store, now, Command::Configure(Settings::with_outflow(60)));
    for number in 1..=3 {
        ask(&mut node, store, now, arrive(id(number)));
    }
    let before = store.clone();
    let outcome = ask(&mut node, store, now, claim(1));
    assert!(matches!(outcome, Outcome::Admitted { .. }), "{outcome:?}");
    (node, outcome, before)
}

#[test]
fn i4_records_that_a_store_lost_with_its_newest_state_are_put_back() {
    let (mut store, mut now) = (Store::default(), start());
    let (mut node, admission, before) = admitted(&mut store, &mut now);
    store.documents = before.documents;
    node.handle_changed(now);
    now = now.saturating_add(Duration::from_millis(30));
    serve(&mut node, &mut store, now);
    assert!(store.documents.contains_key(&document(1)));
    // Also somebody who knows nothing of it gives the same answer.
    let mut other = Node::new([8; 32]);
    assert_eq!(ask(&mut other, &mut store, &mut now, claim(1)), admission);
}

#[test]
fn i4_records_are_put_back_although_another_node_has_put_the_state_right() {
    let (mut store, mut now) = (Store::default(), start());
    let (mut node, admission, before) = admitted(&mut store, &mut now);
    // The other one knows the newest state and remembers no record, as it let nobody in.
    let mut other = Node::new([8; 32]);
    serve(&mut other, &mut store, now);
    store.documents = before.documents;
    now = now.saturating_add(Duration::from_millis(1_100));
    serve(&mut other, &mut store, now);
    assert!(!store.documents.contains_key(&document(1)));
    serve(&mut node, &mut store, now);
    assert!(store.documents.contains_key(&document(1)));
    assert_eq!(ask(&mut other, &mut store, &mut now, claim(1)), admission);
}

#[test]
fn i4_record_that_was_evicted_is_remembered() {
    let (mut store, mut now) = (Store::default(), start());
    let (mut node, admission, _) = admitted(&mut store, &mut now);
    store.documents.remove(&document(1));
    assert_eq!(ask(&mut node, &mut store, &mut now, claim(1)), admission);
    assert!(store.documents.contains_key(&document(1)), "it is put back");
}

#[test]
fn i3_i4_whole_room_that_was_lost_is_put_back() {
    let (mut store, mut now) = (Store::default(), start());
    let (mut node, admission, _) = admitted(&mut store, &mut now);
    store.documents.clear();
    now = now.saturating_add(Duration::from_millis(1_100));
    serve(&mut node, &mut store, now);
    assert!(store.documents.contains_key(&Document::State) && store.documents.contains_key(&document(1)));
    let mut other = Node::new([8; 32]);
    assert_eq!(ask(&mut other, &mut store, &mut now, claim(1)), admission);
    let next = ask(&mut other, &mut store, &mut now, arrive(id(4)));
    assert!(matches!(next, Outcome::Placed { place, .. } if place == Place::ordinary(4)), "{next:?}");
}

#[test]
fn record_that_cannot_be_read_refuses_the_one_who_names_it_and_nobody_else() {
    let (mut store, mut now) = (Store::default(), start());
    let (mut node, ..) = admitted(&mut store, &mut now);
    let damaged = Versioned { version: 1_000, bytes: b"{".to_vec() };
    store.documents.insert(document(2), damaged.clone());
    for (number, command) in
        [(10, arrive(id(4))), (11, claim(2)), (12, claim(1)), (13, Command::Cancel { queue_id: id(2) })]
    {
        node.handle_command(number, command, now);
    }
    now = now.saturating_add(Duration::from_millis(10));
    let mut outcomes = serve(&mut node, &mut store, now);
    outcomes.sort_by_key(|(number, _)| *number);
    assert!(
        matches!(
            &outcomes[..],
            [
                (10, Outcome::Placed { .. }),
                (11, Outcome::Refused(Refusal::Unreadable(_))),
                (12, Outcome::Admitted { .. }),
                (13, Outcome::Refused(Refusal::Unreadable(_))),
            ]
        ),
        "{outcomes:?}"
    );
    assert!(node.problem().is_none(), "the room goes on");
    assert_eq!(store.documents.get(&document(2)), Some(&damaged), "what cannot be read is left alone");
}

/// What only the other node remembers must not be given away before it has put it back.
#[test]
fn i4_no_place_is_given_twice_when_two_nodes_remember_different_things() {
    let (mut store, mut now) = (Store::default(), start());
    let mut nodes = [Node::new([7; 32]), Node::new([8; 32])];
    ask(&mut nodes[0], &mut store, &mut now, Command::Configure(Settings::with_outflow(60)));
    ask(&mut nodes[0], &mut store, &mut now, arrive(id(1)));
    let before = store.clone();
    let second = ask(&mut nodes[1], &mut store, &mut now, arrive(id(2)));
    assert!(matches!(second, Outcome::Placed { place, .. } if place == Place::ordinary(2)), "{second:?}");
    for lost in [before.documents, std::collections::BTreeMap::new()] {
        // The first one was told of the save and has not looked at it yet.
        nodes[0].handle_changed_to(store.documents[&Document::State].version, now);
        store.documents = lost;
        nodes[0].handle_command(1, arrive(id(3)), now);
        let mut outcomes = Vec::new();
        for _ in 0..2_000 {
            now = now.saturating_add(Duration::from_millis(1));
            for node in &mut nodes {
                node.handle_timeout(now);
                outcomes.extend(serve(node, &mut store, now));
            }
        }
        assert!(
            matches!(outcomes[..], [(1, Outcome::Placed { place, .. })] if place.tag() > Some(2)),
            "{outcomes:?}"
        );
        now = now.saturating_add(Duration::from_secs(60));
    }
}
