//! The step between settings as typed and settings as meant. After it, nobody checks again.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use anteroom_protocol::forwarded::TrustedProxies;
use anteroom_protocol::id::CustomerId;
use anteroom_protocol::problem::Problem;
use anteroom_protocol::redirect::AllowedHosts;
use serde::de::DeserializeOwned;
use toml::{Table, Value};
use tracing_subscriber::EnvFilter;

use super::{
    AccountSettings, GatewaySettings, LogSettings, PlatformSettings, RoomSettings, Settings, TlsSettings,
    Typed,
};

/// A settings file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SettingsError {
    #[error("could not read the settings file {}; give its path with --config", path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("{} has {}", path.display(), list(mistakes))]
    Mistaken { path: PathBuf, mistakes: Vec<Mistake> },
}

/// One thing that is wrong in a settings file: where, and what was found and would do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Mistake {
    key: String,
    what: String,
}

impl Mistake {
    pub(super) fn new(key: impl Into<String>, what: impl Into<String>) -> Self {
        Self { key: key.into(), what: what.into() }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.what)
    }
}

fn list(mistakes: &[Mistake]) -> String {
    let count = match mistakes.len() {
        1 => "a mistake".to_owned(),
        n => format!("{n} mistakes"),
    };
    mistakes.iter().fold(count, |text, mistake| format!("{text}\n  {mistake}"))
}

/// Lays what was typed over the reference file and reads the result. What the reference does not know, or holds
/// as another type, is a mistake.
pub(super) fn over_reference<T: DeserializeOwned>(reference: &str, text: &str) -> Result<T, Vec<Mistake>> {
    let broken = |error: toml::de::Error, text: &str| {
        let line =
            error.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
        vec![Mistake::new(format!("line {line}"), error.message().to_owned())]
    };
    let mut merged: Table = reference.parse().map_err(|error| broken(error, reference))?;
    let typed: Table = text.parse().map_err(|error| broken(error, text))?;
    let mut mistakes = Vec::new();
    merge(&mut merged, typed, "", &mut mistakes);
    if !mistakes.is_empty() {
        return Err(mistakes);
    }
    T::deserialize(merged).map_err(|error| vec![Mistake::new("the settings", error.message().to_owned())])
}

fn merge(known: &mut Table, typed: Table, path: &str, mistakes: &mut Vec<Mistake>) {
    let mut typed: Vec<(String, Value)> = typed.into_iter().collect();
    typed.sort_by(|a, b| a.0.cmp(&b.0));
    for (key, value) in typed {
        let full = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        match (known.get_mut(&key), value) {
            (None, _) => mistakes.push(Mistake::new(full, unknown_key(&key, known))),
            (Some(Value::Table(known)), Value::Table(typed)) => merge(known, typed, &full, mistakes),
            (Some(Value::Array(known)), Value::Array(typed)) => {
                for (at, item) in typed.iter().enumerate().filter(|(_, item)| !item.is_str()) {
                    mistakes.push(Mistake::new(
                        format!("{full}[{at}]"),
                        format!("found {item}, expected a text"),
                    ));
                }
                *known = typed;
            }
            (Some(known), typed) if known.same_type(&typed) => *known = typed,
            (Some(Value::Table(_)), typed) => {
                mistakes.push(Mistake::new(full, format!("found {typed}, expected a section, [{key}]")));
            }
            (Some(known), typed) => {
                let kind = match known {
                    Value::Array(_) => "a list of texts",
                    Value::Integer(_) => "a whole number",
                    Value::Boolean(_) => "true or false,",
                    _ => "a text",
                };
                mistakes.push(Mistake::new(full, format!("found {typed}, expected {kind} such as {known}")));
            }
        }
    }
}

fn unknown_key(key: &str, known: &Table) -> String {
    const LIKENESS_MIN: f64 = 0.6;
    let nearest = known
        .keys()
        .map(|known| (strsim::jaro_winkler(key, known), known))
        .filter(|(likeness, _)| *likeness >= LIKENESS_MIN)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    match nearest {
        Some((_, nearest)) => format!("no such setting; did you mean {nearest}?"),
        None => {
            let all: Vec<&str> = known.keys().map(String::as_str).collect();
            format!("no such setting; there are {}", all.join(", "))
        }
    }
}

/// Checks what the values mean and reports every problem.
pub(super) fn refine(typed: Typed) -> Result<Settings, Vec<Mistake>> {
    let mut mistakes = Vec::new();
    let platform_listen = address("platform.listen", &typed.platform.listen, &mut mistakes);
    let room = RoomSettings {
        listen: optional(&typed.room.listen).and_then(|text| address("room.listen", text, &mut mistakes)),
        status_listen: optional(&typed.room.status_listen)
            .and_then(|text| address("room.status_listen", text, &mut mistakes)),
        tls: tls(&typed, &mut mistakes),
        trusted_proxies: proxies("room.trusted_proxies", &typed.room.trusted_proxies, &mut mistakes),
    };
    if room.listen.is_none() && typed.room.listen.is_empty() && typed.room.tls_listen.is_empty() {
        mistakes.push(Mistake::new(
            "room.listen",
            "is empty, and so is room.tls_listen: set at least one of them",
        ));
    }
    let customer = typed.account.customer_id.parse::<CustomerId>();
    if let Err(error) = &customer {
        mistakes.push(Mistake::new("account.customer_id", error.to_string()));
    }
    if let Err(problems) = AllowedHosts::parse(&typed.account.allowed_hosts) {
        entries("account.allowed_hosts", problems, &mut mistakes);
    }
    if typed.data_dir.as_os_str().is_empty() {
        mistakes.push(Mistake::new(
            "data_dir",
            "is empty, expected the path of a folder such as \"anteroom-data\"",
        ));
    }
    let platform_proxies =
        proxies("platform.trusted_proxies", &typed.platform.trusted_proxies, &mut mistakes);
    let room_host = &typed.platform.room_host;
    if room_host.is_empty() || room_host.contains("://") || room_host.contains(char::is_whitespace) {
        mistakes.push(Mistake::new(
            "platform.room_host",
            format!("found {room_host:?}, expected a host without a scheme, such as \"queue.shop.example\""),
        ));
    }
    let gateway = gateway(&typed, platform_listen, &mut mistakes);
    let is_json = match typed.log.format.as_str() {
        "json" => true,
        "text" => false,
        other => {
            mistakes
                .push(Mistake::new("log.format", format!("found {other:?}, expected \"text\" or \"json\"")));
            false
        }
    };
    if let Err(error) = EnvFilter::try_new(&typed.log.level) {
        let what = format!("found {:?}, expected a level such as \"info\": {error}", typed.log.level);
        mistakes.push(Mistake::new("log.level", what));
    }
    let store = super::store::refine(typed.store, &mut mistakes);
    match (customer, platform_listen, store) {
        (Ok(customer), Some(platform_listen), Some(store)) if mistakes.is_empty() => Ok(Settings {
            data_dir: typed.data_dir,
            store,
            account: AccountSettings {
                customer,
                display_name: typed.account.display_name,
                allowed_hosts: typed.account.allowed_hosts,
            },
            room,
            platform: PlatformSettings {
                listen: platform_listen,
                room_host: typed.platform.room_host,
                trusted_proxies: platform_proxies,
            },
            gateway,
            log: LogSettings { level: typed.log.level, is_json },
        }),
        _ => Err(mistakes),
    }
}

fn tls(typed: &Typed, mistakes: &mut Vec<Mistake>) -> Option<TlsSettings> {
    let room = &typed.room;
    let listen = optional(&room.tls_listen)?;
    for (key, file) in [("room.tls_certificate", &room.tls_certificate), ("room.tls_key", &room.tls_key)] {
        if file.is_empty() {
            mistakes
                .push(Mistake::new(key, "is empty, but room.tls_listen needs it: the path of a PEM file"));
        }
    }
    let listen = address("room.tls_listen", listen, mistakes)?;
    Some(TlsSettings { listen, certificate: (&room.tls_certificate).into(), key: (&room.tls_key).into() })
}

/// Nothing where no site is named; what is wrong with the rest is told all the same.
fn gateway(
    typed: &Typed,
    platform: Option<SocketAddr>,
    mistakes: &mut Vec<Mistake>,
) -> Option<GatewaySettings> {
    let gateway = &typed.gateway;
    for (key, text, schemes) in [
        ("gateway.upstream", &gateway.upstream, ["http://", "http://"]),
        ("gateway.platform_url", &gateway.platform_url, ["http://", "https://"]),
        ("gateway.public_origin", &gateway.public_origin, ["http://", "https://"]),
        ("gateway.room_base", &gateway.room_base, ["http://", "https://"]),
    ] {
        if !text.is_empty() && !schemes.iter().any(|scheme| text.starts_with(scheme)) {
            mistakes.push(Mistake::new(
                key,
                format!("found {text:?}, expected an address that begins with {}", schemes[0]),
            ));
        }
    }
    let holds_without_config = match gateway.fallback.as_str() {
        "hold" => true,
        "let-pass" => false,
        other => {
            mistakes.push(Mistake::new(
                "gateway.fallback",
                format!("found {other:?}, expected \"let-pass\" or \"hold\""),
            ));
            false
        }
    };
    let status_listen =
        optional(&gateway.status_listen).and_then(|text| address("gateway.status_listen", text, mistakes));
    let listen = address("gateway.listen", &gateway.listen, mistakes);
    let trusted_proxies = proxies("gateway.trusted_proxies", &gateway.trusted_proxies, mistakes);
    let features = super::features::refine(&gateway.features, mistakes);
    let platform_url = match optional(&gateway.platform_url) {
        Some(url) => url.to_owned(),
        None => format!("http://{}", platform?),
    };
    Some(GatewaySettings {
        listen: listen?,
        status_listen,
        upstream: optional(&gateway.upstream)?.to_owned(),
        credentials_file: optional(&gateway.credentials_file)
            .map_or_else(|| typed.data_dir.join(crate::credentials::FILE), PathBuf::from),
        platform_url,
        name: gateway.name.clone(),
        public_origin: optional(&gateway.public_origin).map(str::to_owned),
        holds_without_config,
        room_base: optional(&gateway.room_base).map(str::to_owned),
        trusted_proxies,
        features,
    })
}

fn optional(text: &str) -> Option<&str> {
    if text.is_empty() { None } else { Some(text) }
}

fn address(key: &str, text: &str, mistakes: &mut Vec<Mistake>) -> Option<SocketAddr> {
    let parsed = text.parse().ok();
    if parsed.is_none() {
        mistakes.push(Mistake::new(
            key,
            format!(
                "found {text:?}, expected an address and a port such as \"0.0.0.0:8601\" or \"[::]:8601\""
            ),
        ));
    }
    parsed
}

fn proxies(key: &str, typed: &[String], mistakes: &mut Vec<Mistake>) -> TrustedProxies {
    TrustedProxies::parse(typed).unwrap_or_else(|problems| {
        entries(key, problems, mistakes);
        TrustedProxies::default()
    })
}

/// Takes over what is wrong with the entries of a list.
fn entries(key: &str, problems: Vec<Problem>, mistakes: &mut Vec<Mistake>) {
    for problem in problems {
        let what = format!("found {}, expected {}", problem.found, problem.expected);
        mistakes.push(Mistake::new(format!("{key}{}", problem.path), what));
    }
}
