//! Several rooms on one store, each a process with a folder of its own. They are killed, cut off from the store, added and
//! started anew one by one while visitors come and are let in, and nothing that anybody was told may become untrue.

use std::collections::HashSet;

use anteroom_protocol::mac::Key;
use http::{Method, StatusCode};
use serde_json::json;

use crate::line::{
    Counter, OUTFLOW_OF_ADMITTING, OUTFLOW_OF_JOINING, ROOM, ROOM_IS_AT, VISITORS, Visitor, admit_all, ask,
    assert_no_window_over_the_limit, join_all, start_platform,
};
use crate::redis::Server;
use crate::support::{Http, Operator, Place, Program};
use crate::wires::{Door, Wire};

/// One room's process.
struct Node {
    place: Place,
    base: String,
    /// Where its metrics are.
    status: String,
    program: Option<Program>,
}

impl Node {
    /// A node with the master key of the first, on the store at this port.
    fn start(first: &Place, store_port: u16) -> Self {
        let store = format!("[store]\nkind = \"valkey\"\nurl = \"redis://127.0.0.1:{store_port}\"\n");
        let place = Place::new("");
        let room = |listen: &str, status: &str| {
            place.set(&format!(
                "{store}[account]\ncustomer_id = \"acme\"\n[room]\nlisten = {listen:?}\nstatus_listen = {status:?}\n"
            ));
        };
        room("127.0.0.1:0", "127.0.0.1:0");
        std::fs::create_dir_all(place.data_dir()).unwrap();
        std::fs::copy(first.data_dir().join("master.key"), place.data_dir().join("master.key")).unwrap();
        let mut program = Program::part("room", &place.settings());
        let status =
            program.wait_for("the waiting room's metrics are at ").trim_end_matches("/metrics").to_owned();
        let base = program.wait_for(ROOM_IS_AT);
        // From here on it keeps its addresses.
        room(base.trim_start_matches("http://"), status.trim_start_matches("http://"));
        Self { place, base, status, program: Some(program) }
    }

    fn kill(&mut self) {
        self.program.take().expect("it runs").kill();
    }

    fn start_again(&mut self) {
        let mut program = Program::part("room", &self.place.settings());
        program.wait_for(ROOM_IS_AT);
        self.program = Some(program);
    }

    /// As an upgrade does it.
    fn restart(&mut self) {
        let program = self.program.take().expect("it runs");
        program.terminate();
        assert_eq!(program.ended().status.code(), Some(0));
        self.start_again();
    }

    /// Waits until it says that it can serve visitors, or that it cannot.
    async fn wait_until_ready(&self, is_ready: bool) {
        let http = Http::new();
        let wanted = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        while http.get(&format!("{}/health", self.status), &[]).await.status != wanted {
            tokio::task::yield_now().await;
        }
    }

    async fn metrics(&self) -> String {
        let answer = Http::new().get(&format!("{}/metrics", self.status), &[]).await;
        assert_eq!(answer.status, StatusCode::OK);
        String::from_utf8(answer.body.to_vec()).unwrap()
    }
}

/// The store, a platform, three rooms of which the last can be cut off, and the door before them.
struct World {
    /// Ends last.
    first: Place,
    platform: Option<Program>,
    operator: Operator,
    key: Key,
    nodes: Vec<Node>,
    door: Door,
    wire: Wire,
    server: Server,
}

impl World {
    async fn new() -> Self {
        let server = Server::durable();
        let first = Place::new(&format!("[store]\nkind = \"valkey\"\nurl = {:?}\n", server.url()));
        let (platform, operator) = start_platform(&first);
        let key = Key::new(first.credentials()["secretKey"].as_str().unwrap().as_bytes());
        operator
            .add_room(&json!({
                "waitingRoomId": ROOM,
                "displayName": "Spring",
                "defaultTarget": "https://shop.example/",
                "outflowPerMinute": OUTFLOW_OF_JOINING,
            }))
            .await;
        let (door, wire) = (Door::open().await, Wire::to(server.port).await);
        let mut world =
            Self { first, platform: Some(platform), operator, key, nodes: Vec::new(), door, wire, server };
        for port in [world.server.port, world.server.port, world.wire.port] {
            world.add_node(port);
        }
        world
    }

    fn add_node(&mut self, port: u16) {
        let node = tokio::task::block_in_place(|| Node::start(&self.first, port));
        self.door.add(&node.base);
        self.nodes.push(node);
    }

    /// Cuts the last of the first three off, and waits until it knows.
    async fn cut_off(&self) {
        self.wire.cut();
        self.nodes[2].wait_until_ready(false).await;
    }

    async fn mend(&self) {
        self.wire.mend();
        self.nodes[2].wait_until_ready(true).await;
    }
}

fn assert_no_place_twice(visitors: &[Visitor]) {
    assert_eq!(visitors.len(), VISITORS);
    let tags: HashSet<u64> = visitors.iter().map(Visitor::tag).collect();
    let ids: HashSet<_> = visitors.iter().map(|visitor| visitor.ticket.queue_id).collect();
    assert_eq!((tags.len(), ids.len()), (VISITORS, VISITORS));
}

/// Who was told of a place before another came stands before them, whichever nodes they were at.
fn assert_first_come_first_served(visitors: &[Visitor]) {
    for one in visitors {
        for other in visitors.iter().filter(|other| other.asked_at > one.placed_at) {
            assert!(
                one.tag() < other.tag(),
                "{} was told before the holder of {} came",
                one.tag(),
                other.tag()
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn i2_i4_no_place_is_given_twice_by_nodes_that_are_killed_cut_off_and_added() {
    let mut world = World::new().await;
    let (told, mut count) = Counter::new();
    let (base, key) = (world.door.base.clone(), world.key.clone());
    let joining = tokio::spawn(async move { join_all(&base, &key, &told).await });
    for (moment, what) in ["kill", "start", "cut", "mend", "add"].into_iter().enumerate() {
        let moment = 40 * (moment + 1);
        count.wait_for(|count| *count >= moment).await.unwrap();
        match what {
            "kill" => world.nodes[0].kill(),
            "start" => tokio::task::block_in_place(|| world.nodes[0].start_again()),
            "cut" => world.wire.cut(),
            "mend" => world.wire.mend(),
            _ => world.add_node(world.server.port),
        }
    }
    let visitors = joining.await.unwrap();
    assert_no_place_twice(&visitors);
    assert_first_come_first_served(&visitors);
    // I3: every node knows every place.
    let http = Http::new();
    for visitor in visitors.iter().filter(|visitor| !visitor.went_straight_through).step_by(20) {
        for node in &world.nodes {
            let (answer, _) = ask(&http, &node.base, visitor).await;
            // Those in front may have been called meanwhile.
            assert!(matches!(answer["state"].as_str(), Some("waiting" | "admitted")), "{answer}");
            assert!(answer["peopleAhead"].as_u64().unwrap() < visitor.tag(), "{answer}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn i1_i3_i4_nodes_that_are_killed_cut_off_and_upgraded_let_everybody_in_once_and_not_too_fast() {
    let mut world = World::new().await;
    let (told, _count) = Counter::new();
    let mut visitors = join_all(&world.door.base, &world.key, &told).await;
    visitors.retain(|visitor| !visitor.went_straight_through);
    // Now it is everybody's turn at once, and only the gate holds them.
    world.operator.set_outflow(ROOM, 600_000).await;
    while world.operator.waiting(ROOM).await > 0 {
        tokio::task::yield_now().await;
    }
    world.operator.set_outflow(ROOM, OUTFLOW_OF_ADMITTING).await;
    world.platform.take().expect("it runs").kill();

    let (admitted, mut count) = Counter::new();
    let (base, waiting) = (world.door.base.clone(), visitors.clone());
    let admitting = tokio::spawn(async move { admit_all(&base, &waiting, &admitted).await });
    for (moment, what) in [(5, "kill"), (50, "start"), (80, "cut"), (150, "upgrade"), (190, "upgrade")] {
        count.wait_for(|count| *count >= moment).await.unwrap();
        match what {
            "kill" => world.nodes[0].kill(),
            "start" => tokio::task::block_in_place(|| world.nodes[0].start_again()),
            "cut" => {
                world.cut_off().await;
                says_that_it_is_cut_off(&world.nodes[2], &visitors[0]).await;
                world.mend().await;
            }
            _ => tokio::task::block_in_place(|| world.nodes.iter_mut().for_each(Node::restart)),
        }
    }
    let admissions = admitting.await.unwrap();
    assert_eq!(admissions.len(), visitors.len(), "everybody gets in with the ticket of the beginning");
    assert_no_window_over_the_limit(&admissions);
    // Whichever node is asked again, it is the very same admission.
    let http = Http::new();
    for (visitor, at) in visitors.iter().step_by(10).zip((0..3).cycle()) {
        let (answer, _) = ask(&http, &world.nodes[at].base, visitor).await;
        let id = visitor.ticket.queue_id.to_string();
        let known = admissions.iter().find(|admission| admission.queue_id == id).unwrap();
        assert_eq!(answer["redirectUrl"], known.redirect);
    }
}

/// A calm page that keeps the ticket, and figures that tell the operator.
async fn says_that_it_is_cut_off(node: &Node, visitor: &Visitor) {
    let http = Http::new();
    let url = format!("{}/api/v1/rooms/{ROOM}/ticket?c=acme", node.base);
    let headers = [("cookie", visitor.cookie.as_str())];
    let answer = loop {
        let answer = http.ask(Method::GET, &url, &headers, None).await.unwrap();
        if answer.status == StatusCode::SERVICE_UNAVAILABLE {
            break answer;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(answer.headers["retry-after"], "5");
    assert_eq!(answer.json()["queueId"], visitor.ticket.queue_id.to_string());
    let page = http.get(&format!("{}/?c=acme&e={ROOM}", node.base), &headers).await;
    assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE);
    let text = String::from_utf8_lossy(&page.body).into_owned();
    assert!(text.contains("http-equiv=\"refresh\""), "{text}");
    for line in
        ["anteroom_store_is_answering 0", "anteroom_room_is_cut_off{account=\"acme\",room=\"spring\"} 1"]
    {
        while !node.metrics().await.contains(line) {
            tokio::task::yield_now().await;
        }
    }
    let alive = http.get(&format!("{}/healthz", node.status), &[]).await;
    assert_eq!(alive.status, StatusCode::OK, "a restart would not mend it");
}

/// As many kills as it takes to believe it: half of them while visitors join, half while they are let in, now this node
/// and now that one. Takes half a minute.
#[tokio::test(flavor = "multi_thread")]
async fn i1_i3_i4_two_hundred_kills_of_nodes_lose_nothing() {
    const KILLS_MIN: usize = 200;
    let mut kills = 0;
    while kills < KILLS_MIN {
        let mut world = World::new().await;
        let (told, count) = Counter::new();
        let (base, key) = (world.door.base.clone(), world.key.clone());
        let joining = tokio::spawn(async move { join_all(&base, &key, &told).await });
        kills += world.kill_one_after_the_other(count, VISITORS - 20).await;
        let mut visitors = joining.await.unwrap();
        assert_no_place_twice(&visitors);
        assert_first_come_first_served(&visitors);

        visitors.retain(|visitor| !visitor.went_straight_through);
        world.operator.set_outflow(ROOM, 600_000).await;
        while world.operator.waiting(ROOM).await > 0 {
            tokio::task::yield_now().await;
        }
        world.operator.set_outflow(ROOM, OUTFLOW_OF_ADMITTING).await;
        world.platform.take().expect("it runs").kill();
        let (admitted, count) = Counter::new();
        let (base, waiting) = (world.door.base.clone(), visitors.clone());
        let admitting = tokio::spawn(async move { admit_all(&base, &waiting, &admitted).await });
        kills += world.kill_one_after_the_other(count, visitors.len() - 20).await;
        let admissions = admitting.await.unwrap();
        assert_eq!(admissions.len(), visitors.len());
        assert_no_window_over_the_limit(&admissions);
        let ids: HashSet<&str> = admissions.iter().map(|admission| admission.queue_id.as_str()).collect();
        assert_eq!(ids.len(), visitors.len(), "nobody was let in twice");
    }
}

impl World {
    /// Kills a node and starts it again, then the next one, while the visitors' count goes up to this. The moments are
    /// those at which the last one was up again.
    async fn kill_one_after_the_other(
        &mut self,
        count: tokio::sync::watch::Receiver<usize>,
        until: usize,
    ) -> usize {
        let mut kills = 0;
        let mut at = 0;
        let mut last = 0;
        while *count.borrow() < until {
            if *count.borrow() == last && kills > 0 {
                tokio::task::yield_now().await;
                continue;
            }
            last = *count.borrow();
            let node = &mut self.nodes[at % 3];
            tokio::task::block_in_place(|| {
                node.kill();
                node.start_again();
            });
            (kills, at) = (kills + 1, at + 1);
        }
        kills
    }
}
