//! One request in, one decision out: the connector of a protected site. It decides from nothing but the
//! request, the time and the last good integration config, and it says what to fetch and what to accept to keep
//! that config current. It does not know how bytes travel or where they are kept, nor which framework hosts it:
//! a host hands it texts and does what it says.
//!
//! A host needs four modules. [`refresh`] keeps the config current and gives out a [`policy`] whenever a
//! newer one comes into force; the policy looks at a request through a [`view`] and answers with a [`decision`].
//! Where a decision rests on what a waiting room says at that moment, the policy gives out a question first: see
//! [`ask`]. What is off unless a host turns it on stands in [`features`].
//!
//! The whole loop, here with an action given in code, so that no platform is needed:
//!
//! ```
//! use anteroom_connector::ask::{Answers, Step};
//! use anteroom_connector::decision::{
//!     AJAX_REDIRECT_HEADER, CONNECTOR_HEADER, EXPOSE_HEADER, FAILED_HEADER, NO_CACHE_HEADERS, Outcome,
//! };
//! use anteroom_connector::features::Features;
//! use anteroom_connector::policy::Policy;
//! use anteroom_connector::settings::{Fallback, Settings};
//! use anteroom_connector::view::RequestView;
//! use anteroom_protocol::integration::QueueConfig;
//! use anteroom_protocol::{secret::Secret, time::Timestamp};
//!
//! let config = QueueConfig {
//!     event_id: "spring24".to_owned(),
//!     queue_domain: "queue.shop.example".to_owned(),
//!     cookie_validity_minutes: 20,
//!     ..QueueConfig::default()
//! };
//! let settings = Settings {
//!     customer_id: "acme".to_owned(),
//!     secret_key: Secret::new("the account's secret key".to_owned()),
//!     room_base: None,
//!     platform_suffix: None,
//!     fallback: Fallback::LetPass,
//!     features: Features::default(),
//! };
//! let policy = Policy::compile(&config.check().unwrap(), &settings)?;
//!
//! /// The status and headers to answer with, or `None` for the status when the site is to answer.
//! fn handle(policy: &Policy, view: &RequestView<'_>, now: Timestamp) -> (Option<u16>, Vec<(String, String)>) {
//!     let mut answers = Answers::default();
//!     let decision = loop {
//!         match policy.step(view, now, &answers) {
//!             Step::Decided(decision) => break decision,
//!             // A host that can ask posts `question.call()` and takes down what comes.
//!             Step::Ask(question) => answers.give_up(&question),
//!         }
//!     };
//!     let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
//!     let mut headers = vec![header(CONNECTOR_HEADER, "rust")];
//!     headers.extend(decision.set_cookies.iter().map(|cookie| header("set-cookie", &cookie.to_header_value(now))));
//!     if decision.has_failed {
//!         headers.push(header(FAILED_HEADER, "true"));
//!     }
//!     let status = match decision.outcome {
//!         Outcome::Pass => None,
//!         Outcome::Redirect { location } | Outcome::StripToken { location } => {
//!             headers.push(header("location", &location));
//!             Some(302)
//!         }
//!         Outcome::AjaxRedirect { header_value } => {
//!             headers.push(header(AJAX_REDIRECT_HEADER, &header_value));
//!             headers.push(header(EXPOSE_HEADER, AJAX_REDIRECT_HEADER));
//!             Some(200)
//!         }
//!     };
//!     if status.is_some() {
//!         headers.extend(NO_CACHE_HEADERS.map(|(name, value)| header(name, value)));
//!     }
//!     (status, headers)
//! }
//!
//! let headers = [("host", "shop.example")];
//! let view = RequestView {
//!     method: "GET",
//!     url: "https://shop.example/tickets",
//!     headers: &headers,
//!     client_ip: "203.0.113.7".parse().ok(),
//!     body: None,
//! };
//! let (status, headers) = handle(&policy, &view, Timestamp::from_seconds(1_700_000_000));
//! assert_eq!(status, Some(302));
//! assert!(headers[1].1.starts_with("https://queue.shop.example/?c=acme&e=spring24&ver=rust-"));
//! # Ok::<(), anteroom_connector::policy::CompileError>(())
//! ```

pub mod ask;
mod cookies;
pub mod decision;
pub mod enqueue_token;
pub mod explain;
pub mod features;
pub mod normalize;
pub mod policy;
pub mod refresh;
pub mod set_cookie;
pub mod settings;
mod triggers;
pub mod url_parts;
pub mod view;
