//! The body of an answer: the site's own, untouched, or one that the connector wrote.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use pin_project_lite::pin_project;

pin_project! {
    /// The body of an answer: the site's own, untouched, or one that the connector wrote.
    #[derive(Debug)]
    pub struct ConnectorBody<B> {
        #[pin]
        source: Source<B>,
    }
}

pin_project! {
    #[project = SourceProjection]
    #[derive(Debug)]
    enum Source<B> {
        Site { #[pin] body: B },
        Connector { body: Full<Bytes> },
    }
}

impl<B> ConnectorBody<B> {
    pub(crate) fn of_site(body: B) -> Self {
        Self { source: Source::Site { body } }
    }

    pub(crate) fn of_connector(text: Bytes) -> Self {
        Self { source: Source::Connector { body: Full::new(text) } }
    }
}

impl<B: Body<Data = Bytes>> Body for ConnectorBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match self.project().source.project() {
            SourceProjection::Site { body } => body.poll_frame(context),
            SourceProjection::Connector { body } => Pin::new(body)
                .poll_frame(context)
                .map(|frame| frame.map(|result| result.map_err(|never| match never {}))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            Source::Site { body } => body.is_end_stream(),
            Source::Connector { body } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Source::Site { body } => body.size_hint(),
            Source::Connector { body } => body.size_hint(),
        }
    }
}
