//! Simulated visitors of the demo. Each is a browser as far as HTTP goes: it follows redirects, keeps cookies,
//! asks the waiting room as often as it is told to, and looks around the shop when it is let in. Some leave the
//! line without a word, as people do, so that their places are seen to be given to others.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::Deserialize;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::failure::Failure;

/// How many come each second. All at once would only show how the machine copes.
const ARRIVALS_PER_SECOND: u32 = 40;
/// Every so many-th visitor leaves without a word.
const LEAVES_EACH: u32 = 8;
/// A visitor that was sent around more often than this gives up; a browser would too.
const REDIRECTS_MAX: usize = 10;
/// No page of the demo is near this long.
const BODY_BYTES_MAX: usize = 1024 * 1024;

type Http = Client<HttpConnector, Empty<Bytes>>;

/// Lets `count` visitors come to `url`, one after the other, and waits until the last has gone.
pub(super) async fn come(count: u32, url: String, shutdown: CancellationToken) {
    let http: Http = Client::builder(TokioExecutor::new()).build_http();
    let mut visitors = JoinSet::new();
    let everybody = async {
        let mut arrivals = tokio::time::interval(Duration::from_secs(1) / ARRIVALS_PER_SECOND);
        for number in 1..=count {
            arrivals.tick().await;
            let visitor = Visitor { http: http.clone(), cookies: BTreeMap::new() };
            let (url, leaves) = (url.clone(), number % LEAVES_EACH == 0);
            visitors.spawn(async move {
                if let Err(failure) = visitor.visit(&url, leaves).await {
                    tracing::warn!(%failure, "a simulated visitor gave up");
                }
            });
            // Those who are done are cleared away as others come.
            while visitors.try_join_next().is_some() {}
        }
        while visitors.join_next().await.is_some() {}
    };
    tokio::select! {
        () = everybody => {}
        () = shutdown.cancelled() => {}
    }
}

struct Visitor {
    http: Http,
    /// By name alone: everything is on one host, and browsers tell hosts apart, not ports.
    cookies: BTreeMap<String, String>,
}

/// What the waiting room answers; the rest is for people.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    state: String,
    ask_again_after_ms: Option<u64>,
    redirect_url: Option<String>,
}

struct Page {
    url: Uri,
    status: StatusCode,
    body: Bytes,
}

impl Visitor {
    async fn visit(mut self, url: &str, leaves: bool) -> Result<(), Failure> {
        let page = self.browse(url).await?;
        let Some(status_url) = status_url(&page.url) else {
            return self.look_around(url).await; // Let straight in.
        };
        if leaves {
            return Ok(());
        }
        loop {
            let answer: Answer = serde_json::from_slice(&self.browse(&status_url).await?.body)?;
            match (answer.state.as_str(), answer.redirect_url) {
                ("admitted", Some(redirect)) => {
                    self.browse(&redirect).await?;
                    return self.look_around(url).await;
                }
                ("spent" | "unknown", _) => return Err(format!("the ticket is {}", answer.state).into()),
                _ => {
                    let pause = Duration::from_millis(answer.ask_again_after_ms.unwrap_or(1000));
                    tokio::time::sleep(pause).await;
                }
            }
        }
    }

    /// Whoever was let in once must get on without waiting again.
    async fn look_around(&mut self, url: &str) -> Result<(), Failure> {
        let page = self.browse(&format!("{url}/seats")).await?;
        if status_url(&page.url).is_some() || !page.status.is_success() {
            return Err(format!("was let in, and then not: {} {}", page.status, page.url).into());
        }
        Ok(())
    }

    /// Asks for a page and follows where it sends, as a browser does.
    async fn browse(&mut self, url: &str) -> Result<Page, Failure> {
        let mut url: Uri = url.parse()?;
        for _ in 0..REDIRECTS_MAX {
            let mut request = Request::get(url.clone()).header(header::USER_AGENT, "anteroom-demo-visitor");
            if !self.cookies.is_empty() {
                let pairs: Vec<String> =
                    self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
                request = request.header(header::COOKIE, pairs.join("; "));
            }
            let response = self.http.request(request.body(Empty::new())?).await?;
            self.keep_cookies(response.headers());
            let status = response.status();
            let location = response.headers().get(header::LOCATION).cloned();
            let body = Limited::new(response.into_body(), BODY_BYTES_MAX).collect().await?.to_bytes();
            match location {
                Some(location) if status.is_redirection() => url = location.to_str()?.parse()?,
                _ => return Ok(Page { url, status, body }),
            }
        }
        Err("was sent around in circles".into())
    }

    fn keep_cookies(&mut self, headers: &HeaderMap) {
        for cookie in headers.get_all(header::SET_COOKIE).iter().filter_map(|value| value.to_str().ok()) {
            let pair = cookie.split(';').next().unwrap_or_default();
            let Some((name, value)) = pair.split_once('=') else { continue };
            if value.is_empty() {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
    }
}

/// Where a visitor who stands at a page of the waiting room asks for the state of the ticket; none where the page
/// is another.
fn status_url(page: &Uri) -> Option<String> {
    let mut customer = None;
    let mut room = None;
    for pair in page.query()?.split('&') {
        match pair.split_once('=') {
            Some(("c", value)) => customer = Some(value),
            Some(("e", value)) => room = Some(value),
            _ => {}
        }
    }
    let authority = page.authority()?;
    Some(format!("http://{authority}/api/v1/rooms/{}/ticket?c={}", room?, customer?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_of_a_ticket_is_asked_where_the_page_is() {
        let page = "http://127.0.0.1:8601/?c=demo&e=spring&t=x".parse().unwrap();
        assert_eq!(status_url(&page).unwrap(), "http://127.0.0.1:8601/api/v1/rooms/spring/ticket?c=demo");
        assert!(status_url(&"http://127.0.0.1:8600/tickets".parse().unwrap()).is_none());
    }
}
