//! Several nodes that hear of each other's saves: who steps, and who puts a step off.

use std::time::Duration;

use anteroom_protocol::time::Timestamp;
use anteroom_queue::node::{Node, StoreRequest};
use anteroom_queue::{Command, Outcome, Settings};

use crate::nodes::{Store, ask, start};
use crate::room::{arrive, id};

/// How long a request is on its way.
const ROUND_TRIP: Duration = Duration::from_millis(2);

/// Nodes over one store: requests take a while, and a save is heard of by the others.
struct World {
    store: Store,
    now: Timestamp,
    nodes: Vec<Node>,
    /// What each has asked, and when the answer comes.
    asked: Vec<Option<(Timestamp, StoreRequest)>>,
    /// Whose save was last made.
    saved_by: Vec<usize>,
    outcomes: Vec<Outcome>,
}

impl World {
    fn new(count: u8) -> Self {
        let nodes: Vec<Node> = (0..count).map(|number| Node::new([number; 32])).collect();
        let asked = nodes.iter().map(|_| None).collect();
        let mut world = Self {
            store: Store::default(),
            now: start(),
            nodes,
            asked,
            saved_by: Vec::new(),
            outcomes: Vec::new(),
        };
        let first = &mut world.nodes[0];
        ask(first, &mut world.store, &mut world.now, Command::Configure(Settings::with_outflow(60)));
        for number in 0..200 {
            first.handle_command(number, arrive(id(number)), world.now);
        }
        world
    }

    fn run(&mut self, span: Duration) {
        let end = self.now.saturating_add(span);
        while self.now < end {
            for at in 0..self.nodes.len() {
                self.turn(at);
            }
            self.now = self.now.saturating_add(Duration::from_millis(1));
        }
    }

    fn turn(&mut self, at: usize) {
        if let Some((due, request)) = self.asked[at].take() {
            if self.now < due {
                self.asked[at] = Some((due, request));
                return;
            }
            let before = self.store.saves;
            self.store.answer(&mut self.nodes[at], request, self.now);
            if self.store.saves > before {
                self.saved_by.push(at);
                for (other, node) in self.nodes.iter_mut().enumerate() {
                    if other != at {
                        node.handle_changed_to(self.store.newest, self.now);
                    }
                }
            }
        }
        self.outcomes
            .extend(std::iter::from_fn(|| self.nodes[at].poll_outcome()).map(|(_, outcome)| outcome));
        self.nodes[at].handle_timeout(self.now);
        let request = self.nodes[at].poll_store(self.now);
        self.asked[at] = request.map(|request| (self.now.saturating_add(ROUND_TRIP), request));
    }
}

#[test]
fn one_node_steps_and_the_others_stand_by() {
    let mut world = World::new(8);
    world.run(Duration::from_secs(2));
    let (saves, refused) = (world.store.saves, world.store.refused);
    world.saved_by.clear();
    world.run(Duration::from_secs(30));
    let steps = world.store.saves - saves;
    assert!((50..=62).contains(&steps), "{steps} steps in 30 seconds");
    assert_eq!(world.store.refused - refused, 0, "nobody was refused");
    assert!(world.saved_by.iter().all(|&at| at == 0), "{:?}", world.saved_by);
}

#[test]
fn another_node_steps_when_the_one_that_did_is_gone() {
    let mut world = World::new(4);
    world.run(Duration::from_secs(2));
    world.nodes.remove(0);
    world.asked.remove(0);
    world.saved_by.clear();
    world.run(Duration::from_secs(1));
    assert!(!world.saved_by.is_empty(), "nobody stepped within a second");
    let refused = world.store.refused;
    world.run(Duration::from_secs(10));
    assert!(world.store.refused - refused <= 1, "{}", world.store.refused - refused);
}

#[test]
fn nodes_that_all_have_visitors_take_few_attempts_and_keep_nobody_waiting() {
    let mut world = World::new(8);
    world.run(Duration::from_secs(1));
    world.outcomes.clear();
    let (saves, refused) = (world.store.saves, world.store.refused);
    let mut number = 1_000;
    for _ in 0..5_000 {
        for at in 0..world.nodes.len() {
            number += 1;
            world.nodes[at].handle_command(number, arrive(id(number)), world.now);
        }
        world.run(Duration::from_millis(1));
    }
    world.run(Duration::from_millis(500));
    assert_eq!(world.outcomes.len(), 40_000);
    let (saves, refused) = (world.store.saves - saves, world.store.refused - refused);
    assert!(refused < saves * 2, "{refused} refused of {saves} that were made");
}
