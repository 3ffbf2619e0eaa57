//! Several nodes of one room over one store that conflicts, fails, and loses its newest writes.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anteroom_protocol::time::Timestamp;
use anteroom_queue::node::{Document, Found, Node, StoreRequest, Versioned, Write};
use anteroom_queue::{Command, Outcome, Place, PlaceNumber, Refusal, Settings};

use crate::room::{EPOCH, arrive, id};

#[derive(Clone, Default)]
pub(crate) struct Store {
    pub(crate) documents: BTreeMap<Document, Versioned>,
    pub(crate) newest: u64,
    pub(crate) saves: u64,
    pub(crate) refused: u64,
}

impl Store {
    fn found(&self, document: Document) -> Found {
        Found { document, current: self.documents.get(&document).cloned() }
    }

    fn save(&mut self, writes: &[Write]) -> Result<Vec<u64>, Vec<Found>> {
        let stands =
            |write: &Write| self.documents.get(&write.document).map(|found| found.version) == write.expected;
        if !writes.iter().all(stands) {
            self.refused += 1;
            return Err(writes.iter().map(|write| self.found(write.document)).collect());
        }
        self.newest += 1;
        self.saves += 1;
        for write in writes {
            let kept = Versioned { version: self.newest, bytes: write.bytes.clone() };
            self.documents.insert(write.document, kept);
        }
        Ok(vec![self.newest; writes.len()])
    }

    pub(crate) fn answer(&mut self, node: &mut Node, request: StoreRequest, now: Timestamp) {
        match request {
            StoreRequest::Load { documents } => {
                node.handle_loaded(documents.into_iter().map(|document| self.found(document)).collect(), now);
            }
            StoreRequest::Save { writes } => match self.save(&writes) {
                Ok(versions) => node.handle_saved(&versions, now),
                Err(current) => node.handle_conflict(current, now),
            },
        }
    }
}

pub(crate) fn start() -> Timestamp {
    Timestamp::from_seconds(1_700_000_000)
}

/// Serves the node until it wants nothing more at this moment.
pub(crate) fn serve(node: &mut Node, store: &mut Store, now: Timestamp) -> Vec<(u64, Outcome)> {
    while let Some(request) = node.poll_store(now) {
        store.answer(node, request, now);
    }
    std::iter::from_fn(|| node.poll_outcome()).collect()
}

/// Lets time pass until all commands have their outcome.
pub(crate) fn settle(node: &mut Node, store: &mut Store, now: &mut Timestamp) -> Vec<(u64, Outcome)> {
    let mut outcomes = serve(node, store, *now);
    while node.has_pending() {
        *now = node.poll_timeout().expect("something is pending").max(*now);
        node.handle_timeout(*now);
        outcomes.extend(serve(node, store, *now));
    }
    outcomes
}

pub(crate) fn ask(node: &mut Node, store: &mut Store, now: &mut Timestamp, command: Command) -> Outcome {
    node.handle_command(7, command, *now);
    settle(node, store, now).into_iter().find(|(id, _)| *id == 7).expect("an outcome for the command").1
}

#[test]
fn i4_nodes_that_save_at_once_never_give_a_place_twice() {
    let (mut store, mut now) = (Store::default(), start());
    let mut nodes = [Node::new([7; 32]), Node::new([7; 32]), Node::new([7; 32])];
    ask(&mut nodes[0], &mut store, &mut now, Command::Configure(Settings::with_outflow(600)));
    let mut tags = Vec::new();
    for round in 0..50 {
        for (at, node) in nodes.iter_mut().enumerate() {
            for one in 0..4 {
                let number = round * 100 + at as u64 * 10 + one;
                node.handle_command(number, arrive(id(number)), now);
            }
        }
        now = now.saturating_add(Duration::from_millis(600));
        // Interleaved: each asks before the others are answered.
        while nodes.iter().any(Node::has_pending) {
            let mut requests: Vec<_> = nodes.iter_mut().map(|node| node.poll_store(now)).collect();
            for (node, request) in nodes.iter_mut().zip(&mut requests) {
                if let Some(request) = request.take() {
                    store.answer(node, request, now);
                }
                tags.extend(std::iter::from_fn(|| node.poll_outcome()).map(|(_, outcome)| match outcome {
                    Outcome::Placed { place, .. } => place.tag().unwrap(),
                    other => unreachable!("{other:?}"),
                }));
            }
            now = now.saturating_add(Duration::from_millis(1));
        }
    }
    let count = tags.len();
    assert_eq!(count, 600);
    assert_eq!(tags.into_iter().collect::<BTreeSet<_>>().len(), count);
}

#[test]
fn commands_of_one_window_share_a_save() {
    let (mut store, mut now) = (Store::default(), start());
    let mut node = Node::new([7; 32]);
    ask(&mut node, &mut store, &mut now, Command::Configure(Settings::with_outflow(600)));
    let before = store.saves;
    for number in 0..1_000 {
        node.handle_command(number, arrive(id(number)), now);
    }
    assert_eq!(settle(&mut node, &mut store, &mut now).len(), 1_000);
    assert_eq!(store.saves - before, 1);
}

#[test]
fn i4_save_with_a_lost_reply_admits_once() {
    let (mut store, mut now) = (Store::default(), start());
    let mut node = Node::new([7; 32]);
    ask(&mut node, &mut store, &mut now, Command::Configure(Settings::with_outflow(60)));
    ask(&mut node, &mut store, &mut now, arrive(id(1)));
    node.handle_command(1, Command::Claim { queue_id: id(1), place: Place::ordinary(1), epoch: EPOCH }, now);
    let admitted_at = loop {
        match node.poll_store(now) {
            Some(StoreRequest::Save { writes }) if writes.len() == 2 => {
                store.save(&writes).unwrap();
                node.handle_failed(now);
                break now;
            }
            Some(request) => store.answer(&mut node, request, now),
            None => now = node.poll_timeout().unwrap(),
        }
    };
    let outcomes = settle(&mut node, &mut store, &mut now);
    assert!(now > admitted_at);
    assert!(matches!(outcomes[..], [(1, Outcome::Admitted { at, .. })] if at <= admitted_at), "{outcomes:?}");
    assert_eq!(node.poll_snapshot().unwrap().figures(now).admitted_total, 1);
}

#[test]
fn place_whose_reply_was_lost_is_found_again() {
    let (mut store, mut now) = (Store::default(), start());
    let mut node = Node::new([7; 32]);
    ask(&mut node, &mut store, &mut now, Command::Configure(Settings::with_outflow(60)));
    node.handle_command(1, arrive(id(1)), now);
    loop {
        match node.poll_store(now) {
            Some(StoreRequest::Save { writes }) => {
                store.save(&writes).expect("nobody else saves");
                node.handle_failed(now);
                break;
            }
            Some(request) => store.answer(&mut node, request, now),
            None => now = node.poll_timeout().expect("a command waits"),
        }
    }
    let outcomes = settle(&mut node, &mut store, &mut now);
    assert!(
        matches!(
            outcomes[..],
            [(1, Outcome::Placed { place: Place { number: PlaceNumber::Tag(1), .. }, .. })]
        ),
        "{outcomes:?}"
    );
    let next = ask(&mut node, &mut store, &mut now, arrive(id(2)));
    assert!(
        matches!(next, Outcome::Placed { place: Place { number: PlaceNumber::Tag(2), .. }, .. }),
        "{next:?}"
    );
}

/// Two processes may make the very same state at the same moment; only one of them saved it.
#[test]
fn i4_save_of_somebody_else_is_not_taken_for_ones_own() {
    let (mut store, mut now) = (Store::default(), start());
    let mut nodes = [Node::new([7; 32]), Node::new([7; 32])];
    ask(&mut nodes[0], &mut store, &mut now, Command::Configure(Settings::with_outflow(60)));
    serve(&mut nodes[1], &mut store, now);
    now = now.saturating_add(Duration::from_millis(100));
    let mut writes = Vec::new();
    for (number, node) in (1..).zip(&mut nodes) {
        node.handle_command(number, arrive(id(number)), now);
    }
    now = now.saturating_add(Duration::from_millis(10));
    for node in &mut nodes {
        loop {
            match node.poll_store(now) {
                Some(StoreRequest::Save { writes: wanted }) => break writes.push(wanted),
                Some(request) => store.answer(node, request, now),
                None => unreachable!("the window is over"),
            }
        }
    }
    // The first is told that it failed, and it did; the second's save happened, and its reply is lost too.
    store.save(&writes[1]).expect("nobody else saved");
    nodes.iter_mut().for_each(|node| node.handle_failed(now));
    let tags: BTreeSet<u64> = nodes
        .iter_mut()
        .flat_map(|node| settle(node, &mut store, &mut now))
        .map(|(_, outcome)| match outcome {
            Outcome::Placed { place, .. } => place.tag().unwrap(),
            other => unreachable!("{other:?}"),
        })
        .collect();
    assert_eq!(tags.len(), 2, "{tags:?}");
}

#[test]
fn store_that_stays_away_is_told_and_nothing_is_lost() {
    let (mut store, mut now) = (Store::default(), start());
    let mut node = Node::new([7; 32]);
    ask(&mut node, &mut store, &mut now, Command::Configure(Settings::with_outflow(60)));
    node.handle_command(1, arrive(id(1)), now);
    let mut outcomes = Vec::new();
    while node.has_pending() {
        now = node.poll_timeout().unwrap().max(now);
        if node.poll_store(now).is_some() {
            node.handle_failed(now);
        }
        outcomes.extend(std::iter::from_fn(|| node.poll_outcome()));
    }
    assert_eq!(outcomes, [(1, Outcome::Refused(Refusal::StoreUnavailable))]);
    now = now.saturating_add(Duration::from_secs(60));
    assert!(matches!(
        ask(&mut node, &mut store, &mut now, arrive(id(2))),
        Outcome::Placed { place: Place { number: PlaceNumber::Tag(1), .. }, .. }
    ));
}

#[test]
fn i3_store_that_lost_its_newest_writes_is_put_right() {
    let (mut store, mut now) = (Store::default(), start());
    let mut node = Node::new([7; 32]);
    ask(&mut node, &mut store, &mut now, Command::Configure(Settings::with_outflow(60)));
    ask(&mut node, &mut store, &mut now, arrive(id(1)));
    let earlier = store.clone();
    for number in 2..=9 {
        ask(&mut node, &mut store, &mut now, arrive(id(number)));
    }
    store.documents = earlier.documents;
    node.handle_changed(now);
    assert!(matches!(
        ask(&mut node, &mut store, &mut now, arrive(id(10))),
        Outcome::Placed { place: Place { number: PlaceNumber::Tag(10), .. }, .. }
    ));
    // The whole room is gone.
    store.documents.clear();
    node.handle_changed(now);
    assert!(matches!(
        ask(&mut node, &mut store, &mut now, arrive(id(11))),
        Outcome::Placed { place: Place { number: PlaceNumber::Tag(11), .. }, .. }
    ));
}

#[test]
fn state_of_a_newer_release_is_left_alone() {
    let (mut store, mut now) = (Store::default(), start());
    let newer = Versioned { version: 1, bytes: br#"{"form":99,"content":{}}"#.to_vec() };
    store.documents.insert(Document::State, newer.clone());
    let mut node = Node::new([7; 32]);
    let outcome = ask(&mut node, &mut store, &mut now, Command::Configure(Settings::with_outflow(60)));
    assert!(
        matches!(&outcome, Outcome::Refused(Refusal::Unreadable(why)) if why.contains("newer release")),
        "{outcome:?}"
    );
    assert!(node.is_loaded() && node.problem().is_some());
    assert_eq!(store.documents.get(&Document::State), Some(&newer));
}

#[test]
fn line_moves_without_anybody_asking_and_rests_when_nobody_waits() {
    let (mut store, mut now) = (Store::default(), start());
    let mut node = Node::new([7; 32]);
    ask(&mut node, &mut store, &mut now, Command::Configure(Settings::with_outflow(60)));
    for number in 1..=12 {
        ask(&mut node, &mut store, &mut now, arrive(id(number)));
    }
    let run = |node: &mut Node, store: &mut Store, now: &mut Timestamp, seconds: u64| {
        let end = now.saturating_add(Duration::from_secs(seconds));
        while *now < end {
            *now = node.poll_timeout().unwrap().max(*now);
            node.handle_timeout(*now);
            serve(node, store, *now);
        }
    };
    run(&mut node, &mut store, &mut now, 5);
    let waiting = node.poll_snapshot().unwrap().figures(now).waiting;
    assert!((4..=5).contains(&waiting), "{waiting} of 10 wait after five seconds");
    run(&mut node, &mut store, &mut now, 30);
    let rested = store.saves;
    run(&mut node, &mut store, &mut now, 60);
    assert_eq!(store.saves, rested, "an idle room writes nothing");
}

#[test]
fn flood_of_commands_is_refused_beyond_the_limit() {
    let mut node = Node::new([7; 32]);
    for number in 0..=anteroom_queue::node::COMMANDS_WAITING_MAX as u64 {
        node.handle_command(number, arrive(id(number)), start());
    }
    assert_eq!(node.poll_outcome().unwrap().1, Outcome::Refused(Refusal::Busy));
    assert_eq!(node.poll_outcome(), None);
}
