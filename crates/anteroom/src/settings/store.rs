//! Where everything is kept, as typed and as meant.

use std::path::PathBuf;

use serde::Deserialize;

use super::check::Mistake;

/// Longest prefix of keys, in bytes.
#[cfg(feature = "valkey")]
const PREFIX_BYTES_MAX: usize = 50;
/// Most replicas that a save can be told to wait for.
#[cfg(feature = "valkey")]
const WAIT_REPLICAS_MAX: i64 = 10;

/// Where everything is kept. Debug output shows no password.
#[derive(Clone, Debug)]
pub(crate) struct StoreSettings {
    pub(crate) kind: StoreKind,
    /// Another place for the master key than the data directory.
    pub(crate) master_key_file: Option<PathBuf>,
}

impl StoreSettings {
    /// One file in the data directory, as by default.
    pub(crate) const fn embedded() -> Self {
        Self { kind: StoreKind::Embedded, master_key_file: None }
    }
}

/// Which backend.
#[derive(Clone, Debug)]
pub(crate) enum StoreKind {
    /// One file in the data directory.
    Embedded,
    /// Valkey or Redis servers.
    #[cfg(feature = "valkey")]
    Valkey { servers: Box<anteroom_store::valkey::Servers>, options: anteroom_store::valkey::Options },
}

/// As typed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(
    not(feature = "valkey"),
    allow(dead_code, reason = "a build without servers reads their settings all the same")
)]
pub(super) struct TypedStore {
    kind: String,
    url: String,
    sentinels: Vec<String>,
    cluster: Vec<String>,
    wait_replicas: i64,
    prefix: String,
    master_key_file: String,
}

/// Nothing where there are mistakes.
pub(super) fn refine(typed: TypedStore, mistakes: &mut Vec<Mistake>) -> Option<StoreSettings> {
    let master_key_file = (!typed.master_key_file.is_empty()).then(|| PathBuf::from(&typed.master_key_file));
    let kind = match typed.kind.as_str() {
        "embedded" => embedded(&typed, mistakes),
        "valkey" => valkey(typed, mistakes),
        other => {
            let what = format!("found {other:?}, expected \"embedded\" or \"valkey\"");
            mistakes.push(Mistake::new("store.kind", what));
            None
        }
    };
    Some(StoreSettings { kind: kind?, master_key_file })
}

/// Whoever names servers and forgets the kind would start on an empty file.
fn embedded(typed: &TypedStore, mistakes: &mut Vec<Mistake>) -> Option<StoreKind> {
    let named = [
        ("store.url", typed.url.is_empty()),
        ("store.sentinels", typed.sentinels.is_empty()),
        ("store.cluster", typed.cluster.is_empty()),
    ];
    let before = mistakes.len();
    for (key, _) in named.iter().filter(|(_, is_empty)| !is_empty) {
        mistakes.push(Mistake::new(*key, "is set, but store.kind is \"embedded\": set that to \"valkey\""));
    }
    (mistakes.len() == before).then_some(StoreKind::Embedded)
}

#[cfg(feature = "valkey")]
fn valkey(typed: TypedStore, mistakes: &mut Vec<Mistake>) -> Option<StoreKind> {
    use anteroom_store::valkey::{Addresses, Options};

    let is_prefix = |text: &str| {
        text.len() <= PREFIX_BYTES_MAX
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b":-_.".contains(&byte))
    };
    let prefix = is_prefix(&typed.prefix);
    if !prefix {
        let what = format!(
            "found {:?}, expected up to {PREFIX_BYTES_MAX} letters, digits and : - _ .",
            typed.prefix
        );
        mistakes.push(Mistake::new("store.prefix", what));
    }
    let wait_replicas =
        u32::try_from(typed.wait_replicas).ok().filter(|_| typed.wait_replicas <= WAIT_REPLICAS_MAX);
    if wait_replicas.is_none() {
        let what = format!("found {}, expected 0 to {WAIT_REPLICAS_MAX}", typed.wait_replicas);
        mistakes.push(Mistake::new("store.wait_replicas", what));
    }
    let addresses = Addresses { url: typed.url, sentinels: typed.sentinels, cluster: typed.cluster };
    match addresses.servers() {
        Ok(servers) if prefix => {
            let options = Options { prefix: typed.prefix, wait_replicas: wait_replicas? };
            Some(StoreKind::Valkey { servers: Box::new(servers), options })
        }
        Ok(_) => None,
        Err(problems) => {
            let told = |problem: anteroom_store::valkey::AddressProblem| {
                Mistake::new(format!("store.{}", problem.path), problem.what)
            };
            mistakes.extend(problems.into_iter().map(told));
            None
        }
    }
}

#[cfg(not(feature = "valkey"))]
fn valkey(_: TypedStore, mistakes: &mut Vec<Mistake>) -> Option<StoreKind> {
    mistakes.push(Mistake::new(
        "store.kind",
        "\"valkey\" is not in this program: it was built without that feature",
    ));
    None
}

#[cfg(test)]
mod tests {
    use crate::settings::Settings;

    fn said(text: &str) -> Vec<String> {
        Settings::parse(text).unwrap_err().iter().map(ToString::to_string).collect()
    }

    #[cfg(feature = "valkey")]
    #[test]
    fn servers_are_named_in_three_ways() {
        for text in [
            "url = \"redis://127.0.0.1:6379\"",
            "url = \"redis://:hunter2@mymaster\"\nsentinels = [\"redis://10.0.0.1:26379\"]\nwait_replicas = 1",
            "cluster = [\"redis://10.0.0.1\", \"redis://10.0.0.2\"]",
        ] {
            let settings = Settings::parse(&format!("[store]\nkind = \"valkey\"\n{text}\n")).unwrap();
            assert!(!format!("{settings:?}").contains("hunter2"));
        }
    }

    #[cfg(feature = "valkey")]
    #[test]
    fn every_mistake_is_told_at_once_and_no_password() {
        let text = "[store]\nkind = \"valkey\"\nurl = \"mymaster:hunter2\"\nsentinels = [\"a\"]\nprefix = \"{\"\n\
                    wait_replicas = -1\n[log]\nformat = \"xml\"\n";
        let said = said(text);
        assert_eq!(said.len(), 5, "{said:#?}");
        assert!(!said.join("").contains("hunter2"), "{said:#?}");
    }

    #[test]
    fn servers_without_their_kind_and_unknown_kinds_are_told() {
        let forgotten = said("[store]\nurl = \"redis://127.0.0.1\"\n");
        assert!(forgotten[0].contains("set that to \"valkey\""), "{forgotten:?}");
        assert!(said("[store]\nkind = \"etcd\"\n")[0].starts_with("store.kind"));
    }
}
