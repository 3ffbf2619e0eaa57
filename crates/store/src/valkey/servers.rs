//! Which servers, as an operator writes them down.

use std::fmt;

use redis::sentinel::SentinelNodeConnectionInfo;
use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo, TlsMode};

/// Most addresses in a list: any three reachable ones would do.
pub const ADDRESSES_MAX: usize = 64;

/// Addresses as they are written: `redis://` or `rediss://` (TLS), then `user:password@`, the host, the port, and
/// `/` with the number of a database.
#[derive(Clone, Default)]
pub struct Addresses {
    /// One server; with sentinels, how the primary is spoken to, its name standing in the place of the host.
    pub url: String,
    /// Sentinels that know the primary.
    pub sentinels: Vec<String>,
    /// Some servers of a cluster, from which the others are found.
    pub cluster: Vec<String>,
}

/// Something that is wrong with [`Addresses`]. Shows no password.
#[derive(Debug, PartialEq, Eq)]
pub struct AddressProblem {
    /// Where: `url`, `sentinels[1]` and the like.
    pub path: String,
    /// What was found and what would do.
    pub what: String,
}

/// Which servers there are, and how they are arranged. Debug output shows no password.
#[derive(Clone)]
pub enum Servers {
    /// One, perhaps with replicas that nobody promotes by itself.
    Single(ConnectionInfo),
    /// A primary that sentinels watch and replace.
    Sentinel {
        /// Where sentinels are asked.
        sentinels: Vec<ConnectionInfo>,
        /// The name by which they know the primary.
        primary: String,
        /// How the primary is spoken to.
        node: SentinelNodeConnectionInfo,
    },
    /// A cluster, known by some of its servers.
    Cluster(Vec<ConnectionInfo>),
}

impl Addresses {
    /// What these addresses mean.
    ///
    /// # Errors
    /// Every problem there is.
    pub fn servers(&self) -> Result<Servers, Vec<AddressProblem>> {
        let mut problems = Vec::new();
        let sentinels = parse_all("sentinels", &self.sentinels, &mut problems);
        let cluster = parse_all("cluster", &self.cluster, &mut problems);
        let url = (!self.url.is_empty()).then(|| parse("url", &self.url, &mut problems)).flatten();
        if !self.sentinels.is_empty() && !self.cluster.is_empty() {
            problems.push(problem("cluster", "is set, and so is sentinels: leave one of them empty"));
        }
        if !self.cluster.is_empty() && !self.url.is_empty() {
            problems.push(problem("url", "is set, and so is cluster: leave one of them empty"));
        }
        if self.sentinels.is_empty() && self.cluster.is_empty() && self.url.is_empty() {
            let example = "is empty, expected an address such as \"redis://127.0.0.1:6379\"";
            problems.push(problem("url", example));
        }
        if !self.sentinels.is_empty() && self.url.is_empty() {
            let example = "is empty, expected how the sentinels' primary is spoken to, with its name as the \
                           host, such as \"redis://user:password@mymaster\"";
            problems.push(problem("url", example));
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        match url {
            Some(url) if sentinels.is_empty() => Ok(Servers::Single(url)),
            Some(url) => {
                let mut node = SentinelNodeConnectionInfo::default()
                    .set_redis_connection_info(url.redis_settings().clone());
                if matches!(url.addr(), ConnectionAddr::TcpTls { .. }) {
                    node = node.set_tls_mode(TlsMode::Secure);
                }
                let primary = host(&url);
                Ok(Servers::Sentinel { sentinels, primary, node })
            }
            None => Ok(Servers::Cluster(cluster)),
        }
    }
}

impl fmt::Display for Servers {
    /// Addresses alone.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |infos: &[ConnectionInfo]| {
            infos.iter().map(|info| info.addr().to_string()).collect::<Vec<_>>().join(", ")
        };
        match self {
            Self::Single(info) => write!(f, "the store at {}", info.addr()),
            Self::Sentinel { sentinels, primary, .. } => {
                write!(f, "the store {primary} of the sentinels at {}", list(sentinels))
            }
            Self::Cluster(nodes) => write!(f, "the cluster at {}", list(nodes)),
        }
    }
}

impl fmt::Debug for Servers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Servers({self})")
    }
}

impl fmt::Debug for Addresses {
    /// How many, as each may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sentinels, cluster) = (self.sentinels.len(), self.cluster.len());
        write!(f, "Addresses([secret], {sentinels} sentinels, {cluster} of a cluster)")
    }
}

fn parse_all(path: &str, texts: &[String], problems: &mut Vec<AddressProblem>) -> Vec<ConnectionInfo> {
    if texts.len() > ADDRESSES_MAX {
        problems
            .push(problem(path, &format!("has {} addresses, where {ADDRESSES_MAX} are read", texts.len())));
    }
    let one = |(at, text): (usize, &String)| parse(&format!("{path}[{at}]"), text, problems);
    texts.iter().take(ADDRESSES_MAX).enumerate().filter_map(one).collect()
}

fn parse(path: &str, text: &str, problems: &mut Vec<AddressProblem>) -> Option<ConnectionInfo> {
    const EXAMPLE: &str =
        "expected an address such as \"redis://user:password@10.0.0.1:6379\", or rediss:// for TLS";
    let parsed = if text.starts_with("redis://") || text.starts_with("rediss://") {
        text.into_connection_info().ok()
    } else {
        None
    };
    if parsed.is_none() {
        // What was found may be a password in the wrong place.
        problems.push(problem(path, &format!("is no address; {EXAMPLE}")));
    }
    parsed
}

fn problem(path: &str, what: &str) -> AddressProblem {
    AddressProblem { path: path.to_owned(), what: what.to_owned() }
}

fn host(info: &ConnectionInfo) -> String {
    match info.addr() {
        ConnectionAddr::Tcp(host, _) | ConnectionAddr::TcpTls { host, .. } => host.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(url: &str, sentinels: &[&str], cluster: &[&str]) -> Addresses {
        let own = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
        Addresses { url: url.to_owned(), sentinels: own(sentinels), cluster: own(cluster) }
    }

    #[test]
    fn each_arrangement_is_read() {
        let single = addresses("redis://127.0.0.1:6379/3", &[], &[]).servers().unwrap();
        assert_eq!(single.to_string(), "the store at 127.0.0.1:6379");
        let watched = addresses("rediss://:pw@mymaster", &["redis://a:26379", "redis://b"], &[]).servers();
        let watched = watched.unwrap();
        assert_eq!(watched.to_string(), "the store mymaster of the sentinels at a:26379, b:6379");
        let cluster = addresses("", &[], &["redis://a", "redis://b"]).servers().unwrap();
        assert_eq!(cluster.to_string(), "the cluster at a:6379, b:6379");
    }

    #[test]
    fn every_problem_is_told_and_no_password() {
        let problems = addresses("hunter2", &["http://x", "redis://ok"], &["redis://:hunter2@"]).servers();
        let problems = problems.unwrap_err();
        let paths: Vec<&str> = problems.iter().map(|problem| problem.path.as_str()).collect();
        assert_eq!(paths, ["sentinels[0]", "cluster[0]", "url", "cluster", "url"]);
        assert!(!format!("{problems:?}").contains("hunter2"));
        assert_eq!(addresses("", &[], &[]).servers().unwrap_err()[0].path, "url");
        assert_eq!(addresses("", &["redis://a"], &[]).servers().unwrap_err()[0].path, "url");
    }

    #[test]
    fn passwords_are_not_shown() {
        let given = addresses("redis://ada:hunter2@127.0.0.1", &[], &[]);
        let servers = given.servers().unwrap();
        for shown in [format!("{given:?}"), format!("{servers:?}"), servers.to_string()] {
            assert!(!shown.contains("hunter2"), "{shown}");
        }
    }
}
