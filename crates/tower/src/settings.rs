//! What a host is told about itself and its platform, and the step from there to what can be used.

use std::path::PathBuf;

use anteroom_connector::settings::Settings;
use anteroom_protocol::forwarded::TrustedProxies;
use anteroom_protocol::id::IdError;
use anteroom_protocol::problem::Problem;
use anteroom_protocol::secret::Secret;
use http::HeaderValue;
use http::uri::{Authority, Scheme, Uri};
use rustls_pki_types::CertificateDer;

/// Everything a connector needs to be told.
#[derive(Clone, Debug)]
pub struct ConnectorSettings {
    /// The account, its key, and what to do while no policy is there.
    pub connector: Settings,
    /// What operators call this connector, such as `shop-1`. Shown in the console only.
    pub name: String,
    /// Opens the account's integration config at the platform, and says to a waiting room who asks.
    pub api_key: Secret,
    /// Where the platform listens, such as `https://platform.example:8443`. An address whose path begins with
    /// `/status/integrationconfig/` is that of an official download: it is asked as it stands, every few minutes.
    pub platform_url: String,
    /// Who may vouch for the platform's certificate, and for a waiting room's where one is asked. Empty (the default) means the public authorities that
    /// browsers know; with any here, those alone, so that a private platform is not open to impersonation by a
    /// public authority.
    pub platform_authorities: Vec<CertificateDer<'static>>,
    /// Where the last good integration config is kept for a start without the platform. Without it, a start
    /// while the platform is down leaves the fallback in force.
    pub keep_file: Option<PathBuf>,
    /// Scheme, host and port as visitors' browsers see the site, such as `https://shop.example`. Without it,
    /// they are read from each request: from `X-Forwarded-Proto` and `X-Forwarded-Host` of a trusted proxy,
    /// else from the connection and `Host`. Set it where the site has one public name: triggers on the host
    /// then cannot be dodged with a made-up `Host`.
    pub public_origin: Option<String>,
    /// Proxies in front of the site whose `X-Forwarded-…` headers are believed. Default: none.
    pub trusted_proxies: TrustedProxies,
}

/// Why a connector did not start. Each of these is for whoever wrote the settings.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The connector's own settings cannot be used.
    #[error("the connector's settings cannot be used: {}", joined(.0))]
    Settings(Vec<Problem>),
    /// The platform's address cannot be used.
    #[error(
        "the platform's address {found:?} cannot be used: expected http or https with a host, such as https://platform.example:8443, without user info, query or fragment"
    )]
    PlatformUrl {
        /// What the settings say.
        found: String,
    },
    /// The public origin cannot be used.
    #[error("the public origin cannot be used")]
    PublicOrigin(#[source] NotAnOrigin),
    /// The account cannot be one.
    #[error("the account cannot be used")]
    CustomerId(#[source] IdError),
    /// A text cannot be sent in a header.
    #[error("the {what} cannot be sent in an HTTP header: it is empty, too long or holds a line break")]
    NotAHeader {
        /// Which of the settings.
        what: &'static str,
    },
    /// A certificate authority cannot be used.
    #[error("certificate {index} of the platform's authorities cannot be used")]
    Authority {
        /// Its place in the list, from 0.
        index: usize,
        /// What is wrong with it.
        source: rustls::Error,
    },
    /// TLS could not be set up.
    #[error("could not set up TLS")]
    Tls(#[source] rustls::Error),
    /// The operating system gave no randomness.
    #[error("the operating system gave no random bytes")]
    Random(#[source] getrandom::Error),
    /// There is no async runtime to run the refresh task on.
    #[error("a connector must be started within a tokio runtime")]
    NoRuntime(#[source] tokio::runtime::TryCurrentError),
}

fn joined(problems: &[Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// A text is not an [`Origin`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "found {found:?}, expected http:// or https:// with a host and at most a port, such as https://shop.example"
)]
pub struct NotAnOrigin {
    /// What the settings say, unless it may hold a password.
    pub found: String,
}

/// Scheme and authority: `https`, `shop.example`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    pub(crate) scheme: Scheme,
    pub(crate) authority: Authority,
}

impl Origin {
    /// Reads an address such as `https://shop.example` or `http://127.0.0.1:8080`.
    ///
    /// # Errors
    ///
    /// When it is another scheme, or has a path, a query, a fragment or user info.
    pub fn parse(text: &str) -> Result<Self, NotAnOrigin> {
        split(text)
            .and_then(|(origin, path)| (path == "/").then_some(origin))
            .ok_or_else(|| NotAnOrigin { found: without_user_info(text) })
    }

    /// `http` or `https`.
    pub fn scheme(&self) -> &Scheme {
        &self.scheme
    }

    /// A host and at most a port.
    pub fn authority(&self) -> &Authority {
        &self.authority
    }
}

/// The platform's address: an origin, and a path that every request's path is put behind.
#[derive(Clone, Debug)]
pub(crate) struct PlatformAddress {
    pub(crate) origin: Origin,
    base_path: String,
}

impl PlatformAddress {
    pub(crate) fn parse(text: &str) -> Result<Self, StartError> {
        let refuse = || StartError::PlatformUrl { found: without_user_info(text) };
        let (origin, path) = split(text).ok_or_else(refuse)?;
        Ok(Self { origin, base_path: path.trim_end_matches('/').to_owned() })
    }

    /// The path that every request's path is put behind.
    pub(crate) fn path(&self) -> &str {
        &self.base_path
    }

    /// The address of one of the platform's resources; `path` begins with a slash.
    pub(crate) fn join(&self, path: &str) -> Result<Uri, http::Error> {
        Uri::builder()
            .scheme(self.origin.scheme.clone())
            .authority(self.origin.authority.clone())
            .path_and_query(format!("{}{path}", self.base_path))
            .build()
    }
}

fn split(text: &str) -> Option<(Origin, String)> {
    let uri: Uri = text.parse().ok()?;
    let parts = uri.into_parts();
    let scheme = parts.scheme.filter(|scheme| *scheme == Scheme::HTTP || *scheme == Scheme::HTTPS)?;
    let authority = parts.authority.filter(is_plain_host)?;
    let path = parts.path_and_query.filter(|path| path.query().is_none() && !text.contains('#'))?;
    Some((Origin { scheme, authority }, path.path().to_owned()))
}

/// Whether an authority is a host with at most a port: no user info, and a port that is a number.
pub(crate) fn is_plain_host(authority: &Authority) -> bool {
    let has_bad_port = authority.port_u16().is_none() && authority.as_str().len() != authority.host().len();
    !authority.as_str().contains('@') && !authority.host().is_empty() && !has_bad_port
}

/// The text, unless it may hold a password.
fn without_user_info(text: &str) -> String {
    if text.contains('@') { "(not shown, it holds user info)".to_owned() } else { text.to_owned() }
}

/// A text as the value of a header; `what` names it in the error.
pub(crate) fn header_value(what: &'static str, text: &str) -> Result<HeaderValue, StartError> {
    const HEADER_BYTES_MAX: usize = 256;
    let refuse = || StartError::NotAHeader { what };
    if text.is_empty() || text.len() > HEADER_BYTES_MAX {
        return Err(refuse());
    }
    HeaderValue::from_bytes(text.as_bytes()).map_err(|_| refuse())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn platform_address_keeps_its_path_before_ours() {
        for (text, expected) in [
            ("http://127.0.0.1:8603", "http://127.0.0.1:8603/x?y=1"),
            ("http://127.0.0.1:8603/", "http://127.0.0.1:8603/x?y=1"),
            ("https://ops.example/anteroom/", "https://ops.example/anteroom/x?y=1"),
        ] {
            let address = PlatformAddress::parse(text).unwrap();
            assert_eq!(address.join("/x?y=1").unwrap().to_string(), expected);
        }
    }

    #[test]
    fn platform_address_that_cannot_be_used_is_named_without_its_password() {
        for text in
            ["", "platform.example", "ftp://a", "http://", "http://a?b=c", "http://a#b", "http://a:b", "/x"]
        {
            let problem = PlatformAddress::parse(text).unwrap_err().to_string();
            assert!(problem.contains(&format!("{text:?}")), "{problem}");
        }
        let problem = PlatformAddress::parse("https://me:hunter2@a").unwrap_err().to_string();
        assert!(!problem.contains("hunter2"), "{problem}");
    }

    #[test]
    fn public_origin_is_scheme_host_and_port_alone() {
        for text in
            ["https://shop.example", "http://127.0.0.1:8600", "http://[::1]:8600", "https://shop.example/"]
        {
            assert!(Origin::parse(text).is_ok(), "{text}");
        }
        for text in
            ["", "shop.example", "https://shop.example/a", "https://u@shop.example", "ws://shop.example"]
        {
            assert!(Origin::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn text_with_a_line_break_is_no_header() {
        for text in ["", "a\r\nb: c"] {
            assert!(
                matches!(header_value("name", text), Err(StartError::NotAHeader { what: "name" })),
                "{text}"
            );
        }
        assert!(header_value("name", &"a".repeat(257)).is_err());
        assert!(header_value("name", "Büro").is_ok());
    }
}
