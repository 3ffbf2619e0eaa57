//! What an operator sets: as typed, then checked. The reference file beside this one is the only list of
//! settings: it holds every key with its default, and what a key may hold is read from it, so it cannot fall
//! behind. A file with mistakes is refused with all of them at once.

mod check;
mod features;
mod store;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anteroom_protocol::forwarded::TrustedProxies;
use anteroom_protocol::id::CustomerId;
use serde::Deserialize;

pub(crate) use check::{Mistake, SettingsError};
pub(crate) use features::FeatureSettings;
pub(crate) use store::{StoreKind, StoreSettings};

/// Every setting there is, with its default.
pub(crate) const REFERENCE: &str = include_str!("reference.toml");

/// All settings, checked.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) data_dir: PathBuf,
    pub(crate) store: StoreSettings,
    pub(crate) account: AccountSettings,
    pub(crate) room: RoomSettings,
    pub(crate) platform: PlatformSettings,
    pub(crate) gateway: Option<GatewaySettings>,
    pub(crate) log: LogSettings,
}

/// The account made at the first start.
#[derive(Clone, Debug)]
pub(crate) struct AccountSettings {
    pub(crate) customer: CustomerId,
    pub(crate) display_name: String,
    pub(crate) allowed_hosts: Vec<String>,
}

/// The public service.
#[derive(Clone, Debug)]
pub(crate) struct RoomSettings {
    pub(crate) listen: Option<SocketAddr>,
    pub(crate) status_listen: Option<SocketAddr>,
    pub(crate) tls: Option<TlsSettings>,
    pub(crate) trusted_proxies: TrustedProxies,
}

/// A listener with a certificate.
#[derive(Clone, Debug)]
pub(crate) struct TlsSettings {
    pub(crate) listen: SocketAddr,
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

/// The private service.
#[derive(Clone, Debug)]
pub(crate) struct PlatformSettings {
    pub(crate) listen: SocketAddr,
    pub(crate) room_host: String,
    pub(crate) trusted_proxies: TrustedProxies,
}

/// The connector as a reverse proxy.
#[derive(Clone, Debug)]
pub(crate) struct GatewaySettings {
    pub(crate) listen: SocketAddr,
    pub(crate) status_listen: Option<SocketAddr>,
    pub(crate) upstream: String,
    pub(crate) credentials_file: PathBuf,
    pub(crate) platform_url: String,
    pub(crate) name: String,
    pub(crate) public_origin: Option<String>,
    pub(crate) holds_without_config: bool,
    pub(crate) room_base: Option<String>,
    pub(crate) trusted_proxies: TrustedProxies,
    pub(crate) features: FeatureSettings,
}

/// What is written to standard error.
#[derive(Clone, Debug)]
pub(crate) struct LogSettings {
    pub(crate) level: String,
    pub(crate) is_json: bool,
}

impl Settings {
    /// Reads and checks a settings file.
    pub(crate) fn read(path: &Path) -> Result<Self, SettingsError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| SettingsError::Unreadable { path: path.to_owned(), source })?;
        Self::parse(&text).map_err(|mistakes| SettingsError::Mistaken { path: path.to_owned(), mistakes })
    }

    /// The defaults, as in the reference file.
    pub(crate) fn defaults() -> Result<Self, SettingsError> {
        Self::parse("").map_err(|mistakes| SettingsError::Mistaken {
            path: PathBuf::from("the reference file"),
            mistakes,
        })
    }

    fn parse(text: &str) -> Result<Self, Vec<Mistake>> {
        let typed: Typed = check::over_reference(REFERENCE, text)?;
        check::refine(typed)
    }
}

/// The settings as typed: every key of the reference file, with its default filled in.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Typed {
    data_dir: PathBuf,
    store: store::TypedStore,
    account: TypedAccount,
    room: TypedRoom,
    platform: TypedPlatform,
    gateway: TypedGateway,
    log: TypedLog,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TypedAccount {
    customer_id: String,
    display_name: String,
    allowed_hosts: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TypedRoom {
    listen: String,
    status_listen: String,
    tls_listen: String,
    tls_certificate: String,
    tls_key: String,
    trusted_proxies: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TypedPlatform {
    listen: String,
    room_host: String,
    trusted_proxies: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TypedGateway {
    listen: String,
    status_listen: String,
    upstream: String,
    credentials_file: String,
    platform_url: String,
    name: String,
    public_origin: String,
    fallback: String,
    room_base: String,
    trusted_proxies: Vec<String>,
    features: features::TypedFeatures,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TypedLog {
    level: String,
    format: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_file_is_the_defaults() {
        let settings = Settings::parse(REFERENCE).unwrap();
        assert_eq!(settings.platform.room_host, "queue.example");
        assert!(settings.gateway.is_none());
    }

    #[test]
    fn an_empty_file_is_a_good_one() {
        assert!(Settings::parse("").is_ok());
    }

    #[test]
    fn an_unknown_key_is_refused_with_the_nearest_known_one() {
        let mistakes = Settings::parse("[room]\nlissen = \"x\"\n[plattform]\n").unwrap_err();
        let said: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
        assert_eq!(
            said,
            [
                "plattform: no such setting; did you mean platform?",
                "room.lissen: no such setting; did you mean listen?"
            ]
        );
    }

    #[test]
    fn all_mistakes_are_told_at_once() {
        let text = "data_dir = 5\n[account]\ncustomer_id = \"Not Good\"\nallowed_hosts = [\"shop.example\", 7]\n\
                    [room]\nlisten = \"nowhere\"\ntls_listen = \"127.0.0.1:0\"\n[gateway]\nupstream = \"ftp://x\"\nfallback = \"maybe\"\n[log]\nformat = \"xml\"\nlevel = \"info,=\"\n";
        let mistakes = Settings::parse(text).unwrap_err();
        let said: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
        assert_eq!(
            said,
            [
                "account.allowed_hosts[1]: found 7, expected a text",
                "data_dir: found 5, expected a text such as \"anteroom-data\"",
            ],
            "what has the wrong type is told first, all of it"
        );
        let mistakes = Settings::parse(&text.replace("data_dir = 5", "").replace(", 7", "")).unwrap_err();
        assert_eq!(mistakes.len(), 8, "{mistakes:#?}");
    }

    #[test]
    fn broken_toml_tells_the_line() {
        let mistakes = Settings::parse("data_dir = \"a\"\n[room\n").unwrap_err();
        assert!(mistakes[0].to_string().contains("line 2"), "{mistakes:?}");
    }

    #[test]
    fn every_settings_file_in_the_guides_is_a_good_one() {
        let guides = [
            ("README.md", include_str!("../../../../README.md")),
            ("docs/operators.md", include_str!("../../../../docs/operators.md")),
            ("docs/engineers.md", include_str!("../../../../docs/engineers.md")),
        ];
        let mut checked = 0;
        for (name, guide) in guides {
            for block in guide.split("```toml\n").skip(1) {
                let text = block.split("```").next().unwrap();
                if let Err(mistakes) = Settings::parse(text) {
                    panic!("{name} shows settings that are refused: {mistakes:#?}\n{text}");
                }
                checked += 1;
            }
        }
        assert!(checked >= 3, "only {checked} were found");
    }
}
