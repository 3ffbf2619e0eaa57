//! Connections to the servers: which one to speak to, made when they are needed, and made anew after they broke.
//!
//! A request is sent once. What became of it when the connection broke is not known then, and is said so; only what a
//! server has refused to do is asked again here.

use std::sync::{Mutex as StdMutex, PoisonError};
use std::time::{Duration, Instant};

use redis::aio::{MultiplexedConnection, PubSub};
use redis::cluster::{ClusterClient, ClusterClientBuilder};
use redis::cluster_async::ClusterConnection;
use redis::cluster_routing::{MultipleNodeRoutingInfo, Route, RoutingInfo, SingleNodeRoutingInfo, SlotAddr};
use redis::sentinel::SentinelClient;
use redis::{AsyncConnectionConfig, Client, Cmd, ErrorKind, Pipeline, RedisError, RedisResult, Value};
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::error::is_link_broken;
use super::servers::Servers;

/// How long making a connection may take.
const CONNECT_WAIT_MAX: Duration = Duration::from_secs(2);
/// How long a server may take to answer. What takes longer counts as lost, and may still happen.
pub(super) const ANSWER_WAIT_MAX: Duration = Duration::from_secs(3);
/// The pause after a connection could not be made, doubled with each further failure.
const RECONNECT_FIRST: Duration = Duration::from_millis(20);
const RECONNECT_MAX: Duration = Duration::from_secs(1);

/// The way to the servers.
pub(super) struct Links {
    kind: Kind,
    state: Mutex<State>,
    /// Which connection broke last. Apart from the state, so that it can be told without waiting.
    broken: StdMutex<u64>,
}

enum Kind {
    Single(Box<Client>),
    Sentinel(Box<Mutex<SentinelClient>>),
    Cluster(Box<ClusterClient>, Vec<Client>),
}

#[derive(Default)]
struct State {
    link: Option<Link>,
    made: u64,
    failures_in_a_row: u32,
    /// Not before then is another connection tried; what went wrong last is said until then.
    pause: Option<(Instant, RedisError)>,
}

/// One connection. Clones share it.
#[derive(Clone)]
pub(super) struct Link {
    number: u64,
    way: Way,
}

#[derive(Clone)]
enum Way {
    /// The connection and the address of the server behind it.
    One(MultiplexedConnection, String),
    Cluster(ClusterConnection),
}

impl Links {
    pub(super) fn new(servers: &Servers) -> RedisResult<Self> {
        let kind = match servers {
            Servers::Single(info) => Kind::Single(Box::new(Client::open(info.clone())?)),
            Servers::Sentinel { sentinels, primary, node } => {
                Kind::Sentinel(Box::new(Mutex::new(SentinelClient::build(
                    sentinels.clone(),
                    primary,
                    Some(node.clone()),
                    redis::sentinel::SentinelServerType::Master,
                )?)))
            }
            Servers::Cluster(nodes) => {
                let each: RedisResult<Vec<Client>> = nodes.iter().cloned().map(Client::open).collect();
                let client = ClusterClientBuilder::new(nodes.clone())
                    .connection_timeout(CONNECT_WAIT_MAX)
                    .response_timeout(ANSWER_WAIT_MAX)
                    // A save that is sent again after its answer was lost would be refused by its own first writing.
                    .retries(0)
                    .build()?;
                Kind::Cluster(Box::new(client), each?)
            }
        };
        Ok(Self { kind, state: Mutex::default(), broken: StdMutex::new(0) })
    }

    /// A connection: the one that is there, or a new one.
    pub(super) async fn link(&self) -> RedisResult<Link> {
        let mut state = self.state.lock().await;
        let broken = *self.broken.lock().unwrap_or_else(PoisonError::into_inner);
        match &state.link {
            Some(link) if link.number > broken => return Ok(link.clone()),
            _ => state.link = None,
        }
        if let Some((until, error)) = &state.pause
            && Instant::now() < *until
        {
            return Err(error.clone());
        }
        match timeout(CONNECT_WAIT_MAX, self.connect()).await.unwrap_or_else(|_| Err(no_answer())) {
            Ok(way) => {
                state.made += 1;
                state.failures_in_a_row = 0;
                state.pause = None;
                let link = Link { number: state.made, way };
                state.link = Some(link.clone());
                Ok(link)
            }
            Err(error) => {
                let pause = RECONNECT_FIRST.saturating_mul(1 << state.failures_in_a_row.min(8));
                state.failures_in_a_row = state.failures_in_a_row.saturating_add(1);
                state.pause = Some((Instant::now() + pause.min(RECONNECT_MAX), error.clone()));
                Err(error)
            }
        }
    }

    /// Takes note of an error: a connection that broke is not used again.
    pub(super) fn note(&self, link: &Link, error: &RedisError) {
        // A cluster's connection mends itself, and knows which of its servers it was.
        if is_link_broken(error) && matches!(link.way, Way::One(..)) {
            self.drop_link(link);
        }
    }

    fn drop_link(&self, link: &Link) {
        let mut broken = self.broken.lock().unwrap_or_else(PoisonError::into_inner);
        *broken = link.number.max(*broken);
    }

    /// Asks the sentinels who is the primary, and gives up a connection to another one.
    pub(super) async fn follow_primary(&self) {
        let Kind::Sentinel(sentinel) = &self.kind else { return };
        let Some(link) = self.state.lock().await.link.clone() else { return };
        let Way::One(_, address) = &link.way else { return };
        let found = timeout(CONNECT_WAIT_MAX, async { sentinel.lock().await.async_get_client().await });
        if let Ok(Ok(primary)) = found.await
            && address_of(&primary) != *address
        {
            tracing::info!(from = %address, to = %address_of(&primary), "the sentinels name another primary");
            self.drop_link(&link);
        }
    }

    /// A connection that hears what is published.
    pub(super) async fn subscribe(&self, attempt: usize) -> RedisResult<PubSub> {
        let connect = async {
            match &self.kind {
                Kind::Single(client) => client.get_async_pubsub().await,
                Kind::Sentinel(sentinel) => {
                    let primary = sentinel.lock().await.async_get_client().await?;
                    primary.get_async_pubsub().await
                }
                // What is published on one server of a cluster is heard on all.
                Kind::Cluster(_, nodes) => match nodes.get(attempt % nodes.len().max(1)) {
                    Some(node) => node.get_async_pubsub().await,
                    None => Err(no_answer()),
                },
            }
        };
        timeout(CONNECT_WAIT_MAX, connect).await.unwrap_or_else(|_| Err(no_answer()))
    }

    async fn connect(&self) -> RedisResult<Way> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_WAIT_MAX))
            .set_response_timeout(Some(ANSWER_WAIT_MAX));
        let client = match &self.kind {
            Kind::Single(client) => (**client).clone(),
            Kind::Sentinel(sentinel) => sentinel.lock().await.async_get_client().await?,
            Kind::Cluster(client, _) => return Ok(Way::Cluster(client.get_async_connection().await?)),
        };
        let connection = client.get_multiplexed_async_connection_with_config(&config).await?;
        Ok(Way::One(connection, address_of(&client)))
    }
}

impl Link {
    /// Sends these commands one behind the other to the server that keeps this hash tag. One answer for each.
    pub(super) async fn send(&mut self, tag: &str, commands: Pipeline) -> RedisResult<Vec<Value>> {
        let count = commands.len();
        match &mut self.way {
            Way::One(connection, _) => connection.send_packed_commands(&commands, 0, count).await,
            Way::Cluster(connection) => {
                let slot = crc16::State::<crc16::XMODEM>::calculate(tag.as_bytes()) % 16_384;
                let route = SingleNodeRoutingInfo::SpecificNode(Route::new(slot, SlotAddr::Master));
                connection.route_pipeline(commands, 0, count, route).await
            }
        }
    }

    /// Sends a command wherever its keys lie.
    pub(super) async fn send_by_keys(&mut self, command: &Cmd) -> RedisResult<Value> {
        match &mut self.way {
            Way::One(connection, _) => connection.send_packed_command(command).await,
            Way::Cluster(connection) => command.query_async(connection).await,
        }
    }

    /// Sends a command to every server that takes writes.
    pub(super) async fn send_to_all(&mut self, command: &Cmd) -> RedisResult<Vec<Value>> {
        match &mut self.way {
            Way::One(connection, _) => Ok(vec![connection.send_packed_command(command).await?]),
            Way::Cluster(connection) => {
                let all = RoutingInfo::MultiNode((MultipleNodeRoutingInfo::AllMasters, None));
                match connection.route_command(command.clone(), all).await? {
                    Value::Map(answers) => Ok(answers.into_iter().map(|(_, answer)| answer).collect()),
                    Value::Array(answers) => Ok(answers),
                    other => Ok(vec![other]),
                }
            }
        }
    }
}

fn address_of(client: &Client) -> String {
    client.get_connection_info().addr().to_string()
}

fn no_answer() -> RedisError {
    RedisError::from((ErrorKind::Io, "no answer in time"))
}
