//! A platform that says what a test tells it to, holds questions until there is something new, and remembers what
//! it was asked.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio_rustls::TlsAcceptor;

/// What the platform says.
#[derive(Clone, Debug)]
pub(crate) enum Says {
    /// This document, under this name. A question that names it is held.
    Document { bytes: Vec<u8>, etag: &'static str },
    /// This status and nothing else.
    Status(u16),
    /// Nothing: questions are read and never answered.
    Nothing,
}

pub(crate) struct Platform {
    pub(crate) address: SocketAddr,
    says: watch::Sender<Says>,
    questions: mpsc::UnboundedReceiver<Question>,
}

/// What the platform was asked.
#[derive(Debug)]
pub(crate) struct Question {
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
}

impl Question {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

impl Platform {
    pub(crate) async fn open(says: Says) -> Self {
        Self::open_on(says, None).await
    }

    /// Speaks TLS with a certificate that vouches for itself, which is given back.
    pub(crate) async fn open_encrypted(says: Says) -> (Self, CertificateDer<'static>) {
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
        let certificate = made.cert.der().clone();
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.clone()], key)
            .unwrap();
        (Self::open_on(says, Some(TlsAcceptor::from(Arc::new(config)))).await, certificate)
    }

    async fn open_on(says: Says, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (asked, questions) = mpsc::unbounded_channel();
        let (says, listening) = watch::channel(says);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (asked, listening, tls) = (asked.clone(), listening.clone(), tls.clone());
                let service = service_fn(move |request| answer(request, asked.clone(), listening.clone()));
                tokio::spawn(async move {
                    // A connector that goes away, or does not trust us, ends its own connection.
                    let _ = match tls {
                        None => http1::Builder::new().serve_connection(TokioIo::new(stream), service).await,
                        Some(tls) => {
                            let Ok(stream) = tls.accept(stream).await else { return };
                            http1::Builder::new().serve_connection(TokioIo::new(stream), service).await
                        }
                    };
                });
            }
        });
        Self { address, says, questions }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on.
    pub(crate) fn say(&self, says: Says) {
        self.says.send(says).unwrap();
    }

    /// The next question that fits.
    pub(crate) async fn asked(&mut self, fits: impl Fn(&Question) -> bool) -> Question {
        crate::world::within(async {
            loop {
                let question = self.questions.recv().await.unwrap();
                if fits(&question) {
                    return question;
                }
            }
        })
        .await
    }
}

async fn answer(
    request: Request<Incoming>,
    asked: mpsc::UnboundedSender<Question>,
    mut listening: watch::Receiver<Says>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let known = request.headers().get("if-none-match").cloned();
    // A test that is over no longer listens.
    let _ = asked.send(Question { target: request.uri().to_string(), headers: request.headers().clone() });
    let says = listening
        .wait_for(|says| match says {
            Says::Document { etag, .. } => known.as_ref().is_none_or(|known| known != etag),
            Says::Status(_) => true,
            Says::Nothing => false,
        })
        .await;
    let response = Response::builder();
    let response = match says.as_deref() {
        Ok(Says::Document { bytes, etag }) => {
            response.header("etag", *etag).body(Full::new(Bytes::from(bytes.clone())))
        }
        Ok(Says::Status(status)) => response.status(*status).body(Full::default()),
        Ok(Says::Nothing) | Err(_) => response.status(500).body(Full::default()),
    };
    Ok(response.unwrap())
}
