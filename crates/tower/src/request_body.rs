//! The body of a request on its way to the site: the client's own, of which the connector may have read the beginning.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use pin_project_lite::pin_project;

pin_project! {
    /// The body of a request on its way to the site: what the client sends, byte for byte. The connector may have read
    /// its beginning, where triggers look at bodies; that is handed on first.
    pub struct RequestBody<B: Body> {
        // Its data frames come to no more than the limit and one frame.
        begun: VecDeque<Result<Frame<Bytes>, B::Error>>,
        has_ended: bool,
        #[pin]
        rest: B,
    }
}

impl<B: Body<Data = Bytes>> RequestBody<B> {
    pub(crate) const fn untouched(body: B) -> Self {
        Self { begun: VecDeque::new(), has_ended: false, rest: body }
    }
}

impl<B: Body<Data = Bytes> + Unpin> RequestBody<B> {
    /// Reads so many bytes, or all there are, and keeps them for the site. An error is kept for the site, too, and ends
    /// the text.
    pub(crate) async fn read_beginning(&mut self, bytes_max: usize) -> String {
        let mut beginning = Vec::new();
        while beginning.len() < bytes_max && !self.has_ended {
            let Some(frame) = self.rest.frame().await else {
                self.has_ended = true;
                break;
            };
            if let Ok(frame) = &frame
                && let Some(data) = frame.data_ref()
            {
                let wanted = data.len().min(bytes_max - beginning.len());
                beginning.extend_from_slice(&data[..wanted]);
            }
            self.has_ended = frame.is_err();
            self.begun.push_back(frame);
        }
        String::from_utf8(beginning)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
    }
}

impl<B: Body<Data = Bytes>> Body for RequestBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = self.project();
        match this.begun.pop_front() {
            Some(frame) => Poll::Ready(Some(frame)),
            None if *this.has_ended => Poll::Ready(None),
            None => this.rest.poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.begun.is_empty() && (self.has_ended || self.rest.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        let frames = self.begun.iter().filter_map(|frame| frame.as_ref().ok());
        let begun = frames
            .filter_map(Frame::data_ref)
            .fold(0_u64, |sum, data| sum.saturating_add(u64::try_from(data.len()).unwrap_or(u64::MAX)));
        let rest = if self.has_ended { SizeHint::with_exact(0) } else { self.rest.size_hint() };
        let mut hint = SizeHint::new();
        hint.set_lower(rest.lower().saturating_add(begun));
        if let Some(upper) = rest.upper() {
            hint.set_upper(upper.saturating_add(begun));
        }
        hint
    }
}

impl<B: Body> fmt::Debug for RequestBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestBody").field("frames_read", &self.begun.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use http_body_util::Full;

    use super::*;

    /// Its frames, one by one.
    struct Frames(VecDeque<Result<Frame<Bytes>, &'static str>>);

    impl Body for Frames {
        type Data = Bytes;
        type Error = &'static str;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, &'static str>>> {
            Poll::Ready(self.0.pop_front())
        }
    }

    fn data(bytes: &'static [u8]) -> Result<Frame<Bytes>, &'static str> {
        Ok(Frame::data(Bytes::from_static(bytes)))
    }

    fn body(frames: impl IntoIterator<Item = Result<Frame<Bytes>, &'static str>>) -> RequestBody<Frames> {
        RequestBody::untouched(Frames(frames.into_iter().collect()))
    }

    #[tokio::test]
    async fn site_gets_every_frame_however_much_was_read() {
        for (bytes_max, text) in [(0, ""), (2, "ab"), (3, "abc"), (4, "abc\u{fffd}"), (99, "abc\u{fffd}é")] {
            let mut body =
                body([data(b"abc"), data(b"\xff\xc3\xa9"), Ok(Frame::trailers(HeaderMap::default()))]);
            assert_eq!(body.read_beginning(bytes_max).await, text);
            let collected = body.collect().await.unwrap();
            assert!(collected.trailers().is_some());
            assert_eq!(collected.to_bytes(), &b"abc\xff\xc3\xa9"[..]);
        }
    }

    #[tokio::test]
    async fn length_stays_what_it_was() {
        let mut body = RequestBody::untouched(Full::new(Bytes::from_static(b"abcdef")));
        assert_eq!(body.read_beginning(3).await, "abc");
        assert_eq!((body.size_hint().exact(), body.is_end_stream()), (Some(6), false));
        assert_eq!(body.collect().await.unwrap().to_bytes(), "abcdef");
    }

    #[tokio::test]
    async fn error_of_the_client_reaches_the_site() {
        let mut body = body([data(b"ab"), Err("broken")]);
        assert_eq!(body.read_beginning(99).await, "ab");
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "ab");
        assert_eq!(body.frame().await.unwrap().unwrap_err(), "broken");
        assert!(body.frame().await.is_none());
    }
}
