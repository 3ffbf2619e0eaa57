//! Carries a request to the site and its answer back.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use anteroom_listen::ConnectionSlot;
use anteroom_tower::{ClientAddress, RequestBody, TrustedProxies};
use http::header::{CONTENT_LENGTH, EXPECT, HOST, HeaderMap, HeaderValue, TRANSFER_ENCODING};
use http::uri::PathAndQuery;
use http::{Extensions, Method, Request, Response, StatusCode, Version};
use http_body::Body;
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use tokio_util::sync::CancellationToken;
use tower::Service;

use crate::body::{Download, GatewayBody, Upload};
use crate::headers;
use crate::pages::Trouble;
use crate::tunnel::{self, Ends};
use crate::upstream::Upstream;

/// The site as a service.
#[derive(Clone, Debug)]
pub(crate) struct Forward {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    upstream: Arc<Upstream>,
    trusted_proxies: TrustedProxies,
    shutdown: CancellationToken,
}

/// The answer, when it comes.
pub(crate) type ForwardFuture =
    Pin<Box<dyn Future<Output = Result<Response<GatewayBody>, Infallible>> + Send>>;

impl Forward {
    pub(crate) fn new(
        upstream: Arc<Upstream>,
        trusted_proxies: TrustedProxies,
        shutdown: CancellationToken,
    ) -> Self {
        Self { shared: Arc::new(Shared { upstream, trusted_proxies, shutdown }) }
    }
}

impl Service<Request<RequestBody<Incoming>>> for Forward {
    type Response = Response<GatewayBody>;
    type Error = Infallible;
    type Future = ForwardFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<RequestBody<Incoming>>) -> ForwardFuture {
        let shared = Arc::clone(&self.shared);
        // Whatever a client breaks off is dropped here, and with it the request to the site.
        Box::pin(async move { Ok(shared.forward(request).await) })
    }
}

impl Shared {
    async fn forward(&self, mut request: Request<RequestBody<Incoming>>) -> Response<GatewayBody> {
        let is_safe = *request.method() == Method::GET || *request.method() == Method::HEAD;
        let client_end = headers::is_websocket(&request).then(|| hyper::upgrade::on(&mut request));
        let slot = request.extensions_mut().remove::<ConnectionSlot>();
        let carried = match self.for_site(request, client_end.is_some()) {
            Ok((request, upload)) => self.upstream.send(request, &upload).await,
            Err(error) => {
                tracing::debug!(%error, "a request could not be written for the site");
                Err(Trouble::ClientBroken)
            }
        };
        match carried.and_then(|answer| self.for_client(answer, client_end, slot)) {
            Ok(answer) => answer,
            Err(trouble) => trouble.page(is_safe).into_response().map(|text| Either::Right(Full::new(text))),
        }
    }

    /// The request as the site gets it.
    fn for_site(
        &self,
        request: Request<RequestBody<Incoming>>,
        is_websocket: bool,
    ) -> Result<(Request<Upload>, crate::body::UploadWatch), http::Error> {
        let (mut parts, body) = request.into_parts();
        headers::end_with_connection(&mut parts.headers);
        if is_websocket {
            headers::ask_for_websocket(&mut parts.headers);
        }
        // The gateway asks for the body itself, as soon as the site takes it; see `Expect` in RFC 9110 section
        // 10.1.1.
        if parts
            .headers
            .get(EXPECT)
            .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"))
        {
            parts.headers.remove(EXPECT);
        }
        // A host in the request's address counts more than the header (RFC 9112 section 3.2.2).
        if let Some(host) = parts.uri.authority().and_then(headers::host_value) {
            parts.headers.insert(HOST, host);
        }
        self.say_where_from(&mut parts.headers, &parts.extensions);
        // Hyper takes a GET without a length for one without a body.
        if !body.is_end_stream() && body.size_hint().exact().is_none() {
            parts.headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
        }
        let target = parts.uri.path_and_query().cloned().unwrap_or(PathAndQuery::from_static("/"));
        let (upload, watch) = Upload::new(body, self.upstream.timeouts().idle);
        let mut request = Request::new(upload);
        *request.method_mut() = parts.method;
        *request.uri_mut() = self.upstream.address(target)?;
        *request.headers_mut() = parts.headers;
        Ok((request, watch))
    }

    fn say_where_from(&self, headers: &mut HeaderMap, extensions: &Extensions) {
        let Some(&client) = extensions.get::<ClientAddress>() else { return };
        let host = headers.get(HOST).cloned();
        headers::write_forwarded(headers, client, self.trusted_proxies.trusts(client.ip), host.as_ref());
    }

    /// The answer as the client gets it.
    fn for_client(
        &self,
        mut answer: Response<Incoming>,
        client_end: Option<OnUpgrade>,
        slot: Option<ConnectionSlot>,
    ) -> Result<Response<GatewayBody>, Trouble> {
        let codings = answer.headers().get_all(TRANSFER_ENCODING);
        if codings.iter().any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"chunked")) {
            return Err(Trouble::AnswerBroken);
        }
        // Beside chunks a length counts for nothing (RFC 9112 section 6.3), and without them it would count again.
        if answer.headers().contains_key(TRANSFER_ENCODING) {
            answer.headers_mut().remove(CONTENT_LENGTH);
        }
        if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
            let client = client_end.filter(|_| headers::names_websocket(answer.headers()));
            let Some(client) = client else { return Err(Trouble::AnswerBroken) };
            let ends = Ends { client, site: hyper::upgrade::on(&mut answer) };
            tunnel::open(ends, self.upstream.timeouts().tunnel_idle, self.shutdown.clone(), slot);
            headers::end_with_connection(answer.headers_mut());
            headers::ask_for_websocket(answer.headers_mut());
        } else {
            headers::end_with_connection(answer.headers_mut());
        }
        // What a site of HTTP/1.0 says is framed anew for the client's own version.
        *answer.version_mut() = Version::HTTP_11;
        let idle = self.upstream.timeouts().idle;
        Ok(answer.map(|body| Either::Left(Download::new(body, idle))))
    }
}
