//! The contract of all backends, on every arrangement of servers.

use std::cell::Cell;

use anteroom_store::conformance;
use anteroom_store::valkey::{Addresses, Options, Servers, connect};

use super::server::{self, Server};
use super::{at, prefixed};

/// Each case gets a store of its own by another prefix.
async fn run(servers: &Servers, wait_replicas: u32) {
    let made = Cell::new(0);
    conformance::run(async || {
        made.set(made.get() + 1);
        connect(servers, Options { wait_replicas, ..prefixed(made.get()) }).await.unwrap()
    })
    .await;
}

#[tokio::test]
async fn single_server_keeps_the_contract() {
    let server = Server::durable();
    run(&at(&server), 0).await;
}

#[tokio::test]
async fn cluster_keeps_the_contract() {
    let servers = server::cluster();
    let cluster = servers.iter().map(Server::url).collect();
    let addresses = Addresses { cluster, ..Addresses::default() };
    run(&addresses.servers().unwrap(), 0).await;
}

#[tokio::test]
async fn primary_under_sentinels_keeps_the_contract_and_waits_for_its_replica() {
    let watched = super::trouble::Watched::start();
    run(&watched.servers(), 1).await;
}
