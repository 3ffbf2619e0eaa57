//! The backend for several nodes, against real servers: one alone, under sentinels, in a cluster, and in trouble.

mod access;
mod contract;
mod rooms;
mod server;
mod trouble;

use anteroom_store::valkey::{Addresses, Options, Servers, Valkey, connect};

use self::server::Server;

fn at(server: &Server) -> Servers {
    Addresses { url: server.url(), ..Addresses::default() }.servers().unwrap()
}

async fn open(server: &Server) -> Valkey {
    connect(&at(server), Options::default()).await.unwrap()
}

fn prefixed(number: u32) -> Options {
    Options { prefix: format!("test{number}:"), ..Options::default() }
}
