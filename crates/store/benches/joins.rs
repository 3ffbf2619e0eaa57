//! How many durable joins a second one room takes: visitors who ask at the same time, through `Rooms`, the engine and the
//! embedded store on this disk. Run with `cargo bench -p anteroom-store --bench joins`.
//!
//! A join counts when its outcome is there, and that is when its save is on the disk. The same over documents in memory
//! shows what the engine and its batching take without a disk.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench prints figures and may stop when it is wrong"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anteroom_protocol::id::QueueId;
use anteroom_protocol::place::Lane;
use anteroom_queue::{Command, Outcome, Settings};
use anteroom_store::backend::Backend;
use anteroom_store::documents::Memory;
use anteroom_store::embedded;
use anteroom_store::rooms::{RoomHandle, Rooms};

const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_secs(2);
/// Visitors who wait for their place at the same time: a burst of a big sale, and a calm morning.
const AT_ONCE: [u64; 3] = [4_000, 1_000, 100];

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    println!("{:<10}{:>9}{:>14}{:>22}{:>16}", "store", "at once", "joins/s", "least..most", "CPU us/join");
    for at_once in AT_ONCE {
        // On the disk of the target folder: a temporary folder may be kept in memory.
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let store = embedded::open(folder.path()).unwrap();
        runtime.block_on(measure("embedded", Arc::new(store), at_once));
        runtime.block_on(measure("memory", Arc::new(Memory::new()), at_once));
    }
}

async fn measure(name: &str, backend: Arc<dyn Backend>, at_once: u64) {
    let (customer, room) = ("acme".parse().unwrap(), "spring24".parse().unwrap());
    let rooms = Rooms::new(backend);
    rooms.submit(&customer, &room, Command::Configure(Settings::with_outflow(60))).await.unwrap();
    let room = rooms.open(&customer, &room).await.unwrap();
    let mut rates = Vec::new();
    let cpu_before = cpu_seconds();
    let mut joins_in_all = 0;
    for round in 0..ROUNDS {
        let (joins, took) = join_for(&room, at_once, round as u64).await;
        rates.push(joins as f64 / took.as_secs_f64());
        joins_in_all += joins;
    }
    let micros = (cpu_seconds() - cpu_before) * 1e6 / joins_in_all as f64;
    rates.sort_by(f64::total_cmp);
    let (least, median, most) = (rates[0], rates[ROUNDS / 2], rates[ROUNDS - 1]);
    let range = format!("{least:.0}..{most:.0}");
    println!("{name:<10}{at_once:>9}{median:>14.0}{range:>22}{micros:>16.2}");
    rooms.close().await;
}

/// Lets visitors join, each as soon as the one before has a place, and counts the places given.
async fn join_for(room: &RoomHandle, at_once: u64, round: u64) -> (u64, Duration) {
    let (joins, is_over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let began = Instant::now();
    let mut visitors = tokio::task::JoinSet::new();
    for number in 0..at_once {
        let (room, joins, is_over) = (room.clone(), Arc::clone(&joins), Arc::clone(&is_over));
        visitors.spawn(async move {
            let mut count = 0_u64;
            while !is_over.load(Ordering::Relaxed) {
                let id = u128::from(round) << 96 | u128::from(number) << 64 | u128::from(count);
                let queue_id = QueueId::from_random(id.to_be_bytes());
                let arrive = Command::Arrive { queue_id, lane: Lane::default(), key: None };
                match room.submit(arrive).await.unwrap() {
                    Outcome::Placed { .. } => joins.fetch_add(1, Ordering::Relaxed),
                    other => unreachable!("{other:?}"),
                };
                count += 1;
            }
        });
    }
    tokio::time::sleep(ROUND).await;
    let result = (joins.load(Ordering::Relaxed), began.elapsed());
    is_over.store(true, Ordering::Relaxed);
    visitors.join_all().await;
    result
}

/// Processor time of this process so far, the store's threads with it.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
    let ticks = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
    // What Linux counts in, whatever the kernel's own clock is.
    const TICKS_PER_SECOND: f64 = 100.0;
    ticks / TICKS_PER_SECOND
}
