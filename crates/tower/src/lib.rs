//! The connector as a tower layer: put it in front of any service that answers `http::Request`s, and visitors of
//! protected addresses pass through the waiting room first.
//!
//! ```no_run
//! use anteroom_tower::{Connector, ConnectorSettings, Fallback, Features, Secret, Settings, TrustedProxies};
//! # use anteroom_tower::StartError;
//!
//! # async fn start<S>(site: S) -> Result<(), StartError> {
//! let connector = Connector::start(ConnectorSettings {
//!     connector: Settings {
//!         customer_id: "acme".into(),
//!         secret_key: Secret::new("the account's secret key".into()),
//!         room_base: None,
//!         platform_suffix: None,
//!         fallback: Fallback::LetPass,
//!         features: Features::default(),
//!     },
//!     name: "shop-1".into(),
//!     api_key: Secret::new("the account's api key".into()),
//!     platform_url: "https://platform.example".into(),
//!     platform_authorities: Vec::new(),
//!     keep_file: Some("/var/lib/shop/integration-config.json".into()),
//!     public_origin: Some("https://shop.example".into()),
//!     trusted_proxies: TrustedProxies::default(),
//! })?;
//! let protected = tower_layer::Layer::layer(&connector.layer(), site);
//! # let _ = protected;
//! # Ok(())
//! # }
//! ```
//!
//! A request is decided in memory: no lock, no await, no input or output (I8). Only two things make one wait, and both
//! must be asked for: a trigger that looks at bodies, and an action or feature by which a waiting room is asked first.
//! Each has a limit in time, behind which the settings say what becomes of the request. Beside the requests, a task keeps
//! the policy current; [`Connector::inline`] needs none. This crate moves bytes and reads the clock; it does not know what a trigger, a MAC or a
//! place in a line is.

mod asked;
mod body;
mod clock;
mod connector;
mod convert;
mod fetch;
mod future;
mod keep;
mod layer;
pub mod page;
mod refresh;
mod request_body;
mod room;
mod service;
mod settings;
mod status;
mod viewpoint;

pub use anteroom_connector::enqueue_token::{self, EnqueueTokens, SignedEnqueueTokens};
pub use anteroom_connector::features::{Diagnostics, DirectPass, Features, Generation, OnFailure};
pub use anteroom_connector::policy::{CompileError, Policy};
pub use anteroom_connector::refresh::Source;
pub use anteroom_connector::settings::{Fallback, Settings};
pub use anteroom_protocol::forwarded::TrustedProxies;
pub use anteroom_protocol::integration::{CancelConfig, QueueConfig};
pub use anteroom_protocol::secret::Secret;

pub use crate::asked::{AskedCounts, AskedResult, AskedWhat};
pub use crate::body::ConnectorBody;
pub use crate::connector::{Connector, InlineSettings};
pub use crate::convert::answer;
pub use crate::future::ResponseFuture;
pub use crate::layer::ConnectorLayer;
pub use crate::request_body::RequestBody;
pub use crate::service::ConnectorService;
pub use crate::settings::{ConnectorSettings, NotAnOrigin, Origin, StartError};
pub use crate::status::ConnectorStatus;
pub use crate::viewpoint::{BadHost, ClientAddress, named_host};
