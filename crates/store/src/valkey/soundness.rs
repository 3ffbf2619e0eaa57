//! Whether the servers are set up to keep what they acknowledge.

use std::collections::HashMap;

use redis::{RedisResult, Value};

use super::Inner;
use super::error::ConnectError;

/// The oldest release whose scripts can say what they need.
const REDIS_MIN: &str = "7.0";
const REDIS_MAJOR_MIN: u32 = 7;

/// What was found, of each server that takes writes.
pub(super) struct Soundness {
    servers: Vec<ServerFound>,
}

struct ServerFound {
    version: Option<String>,
    /// Absent when we may not ask.
    settings: Option<HashMap<String, String>>,
}

impl Inner {
    pub(super) async fn look_at_servers(&self) -> RedisResult<Soundness> {
        let links = &self.links[0];
        let mut link = links.link().await?;
        let mut info = redis::cmd("INFO");
        info.arg("server");
        let versions = link.send_to_all(&info).await.inspect_err(|error| links.note(&link, error))?;
        let mut ask = redis::cmd("CONFIG");
        ask.arg("GET")
            .arg("maxmemory")
            .arg("maxmemory-policy")
            .arg("appendonly")
            .arg("appendfsync")
            .arg("save");
        // Many who rent their servers may not ask; that is told, and is no failure.
        let settings = link.send_to_all(&ask).await.unwrap_or_default();
        let settings = settings.into_iter().map(map).map(Some).chain(std::iter::repeat_with(|| None));
        let found = |(info, settings): (Value, _)| ServerFound { version: version(&info), settings };
        Ok(Soundness { servers: versions.into_iter().zip(settings).map(found).collect() })
    }
}

impl Soundness {
    /// Refuses servers that cannot be worked with.
    pub(super) fn check(&self, place: &str) -> Result<(), ConnectError> {
        for server in &self.servers {
            let major: Option<u32> =
                server.version.as_deref().and_then(|version| version.split('.').next()?.parse().ok());
            if let (Some(found), Some(major)) = (&server.version, major)
                && major < REDIS_MAJOR_MIN
            {
                let (place, found) = (place.to_owned(), found.clone());
                return Err(ConnectError::TooOld { place, found, wanted: REDIS_MIN });
            }
            if let Some(policy) = server.evicts() {
                return Err(ConnectError::Evicts { place: place.to_owned(), policy: policy.to_owned() });
            }
        }
        Ok(())
    }

    /// What an operator should put right, each said once.
    pub(super) fn warnings(&self, wait_replicas: u32) -> Vec<String> {
        let mut all: Vec<String> =
            self.servers.iter().flat_map(|server| server.warnings(wait_replicas)).collect();
        all.sort();
        all.dedup();
        all
    }
}

impl ServerFound {
    fn setting(&self, name: &str) -> &str {
        self.settings.as_ref().and_then(|settings| settings.get(name)).map_or("", String::as_str)
    }

    /// The policy by which documents are forgotten when memory is full, if there is one.
    fn evicts(&self) -> Option<&str> {
        let policy = self.setting("maxmemory-policy");
        let is_bounded = !matches!(self.setting("maxmemory"), "" | "0");
        (is_bounded && !matches!(policy, "" | "noeviction")).then_some(policy)
    }

    fn warnings(&self, wait_replicas: u32) -> Vec<String> {
        if self.settings.is_none() {
            return vec![
                "the server does not say how it is set up; make sure of maxmemory-policy noeviction and appendonly yes"
                    .to_owned(),
            ];
        }
        let mut warnings = Vec::new();
        if let Some(policy) = self.evicts() {
            warnings.push(format!(
                "maxmemory-policy is {policy}: places and accounts are forgotten when memory is full; set noeviction"
            ));
        }
        let keeps_log = self.setting("appendonly") == "yes";
        match (keeps_log, self.setting("appendfsync"), self.setting("save")) {
            (false, _, "") => warnings.push(
                "the server keeps nothing on its disk: all is lost when it ends; set appendonly yes".to_owned(),
            ),
            (false, ..) => warnings.push(
                "the server writes its disk now and then only: minutes are lost when it ends; set appendonly yes"
                    .to_owned(),
            ),
            (true, "always", _) => {}
            (true, ..) if wait_replicas > 0 => {}
            (true, ..) => warnings.push(
                "the last second of what was saved is lost with the server's power; set appendfsync always, or \
                 store.wait_replicas with replicas elsewhere"
                    .to_owned(),
            ),
        }
        warnings
    }
}

fn version(info: &Value) -> Option<String> {
    let text: String = redis::from_redis_value_ref(info).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("redis_version:"))?;
    Some(line.trim().to_owned())
}

fn map(value: Value) -> HashMap<String, String> {
    redis::from_redis_value(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(settings: &[(&str, &str)]) -> Soundness {
        let settings = settings.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
        let found = ServerFound { version: Some("7.0.15".to_owned()), settings: Some(settings) };
        Soundness { servers: vec![found] }
    }

    #[test]
    fn server_that_evicts_is_refused() {
        let evicts = server(&[("maxmemory", "1000000"), ("maxmemory-policy", "allkeys-lru")]);
        assert!(matches!(evicts.check("it"), Err(ConnectError::Evicts { .. })));
        assert!(server(&[("maxmemory", "0"), ("maxmemory-policy", "allkeys-lru")]).check("it").is_ok());
        assert!(server(&[("maxmemory", "9"), ("maxmemory-policy", "noeviction")]).check("it").is_ok());
    }

    #[test]
    fn server_that_is_too_old_is_refused() {
        let found = ServerFound { version: Some("6.2.14".to_owned()), settings: None };
        assert!(matches!(Soundness { servers: vec![found] }.check("it"), Err(ConnectError::TooOld { .. })));
    }

    #[test]
    fn what_may_be_lost_is_said() {
        let count = |settings: &[(&str, &str)], replicas| server(settings).warnings(replicas).len();
        assert_eq!(count(&[("appendonly", "no"), ("save", "")], 1), 1);
        assert_eq!(count(&[("appendonly", "yes"), ("appendfsync", "everysec")], 0), 1);
        assert_eq!(count(&[("appendonly", "yes"), ("appendfsync", "everysec")], 1), 0);
        assert_eq!(count(&[("appendonly", "yes"), ("appendfsync", "always")], 0), 0);
        let silent = Soundness { servers: vec![ServerFound { version: None, settings: None }] };
        assert_eq!(silent.warnings(0).len(), 1);
    }
}
