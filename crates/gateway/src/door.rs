//! The first to see a request: says who is at the other end, and refuses what cannot be made out before anybody
//! has to make something of it.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll};

use anteroom_listen::Peer;
use anteroom_tower::{ClientAddress, ConnectorBody, ConnectorService, ResponseFuture};
use futures_util::future::Either;
use http::header::{CONNECTION, HeaderValue};
use http::{Request, Response};
use hyper::body::Incoming;
use tower::Service;

use crate::body::GatewayBody;
use crate::forward::Forward;
use crate::refuse::refusal;

/// The connector in front of the site, behind the checks that come before both.
#[derive(Clone, Debug)]
pub(crate) struct Door {
    protected: ConnectorService<Forward>,
}

impl Door {
    pub(crate) fn new(protected: ConnectorService<Forward>) -> Self {
        Self { protected }
    }
}

impl Service<Request<Incoming>> for Door {
    type Response = Response<ConnectorBody<GatewayBody>>;
    type Error = Infallible;
    type Future = Either<Ready<Result<Self::Response, Infallible>>, ResponseFuture<Forward, Incoming>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.protected.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<Incoming>) -> Self::Future {
        if let Some(page) = refusal(&request) {
            let mut answer = anteroom_tower::answer(page);
            // What follows on a connection whose sender cannot be made out is not worth reading.
            answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            return Either::Left(ready(Ok(answer)));
        }
        if let Some(peer) = request.extensions().get::<Peer>() {
            let client = ClientAddress { ip: peer.address.ip().to_canonical(), is_tls: peer.is_tls };
            request.extensions_mut().insert(client);
        }
        Either::Right(self.protected.call(request))
    }
}
