//! Small pages for when there is nothing better to show: calm, readable by anybody, and not pretending to be the
//! site that could not be reached.

use bytes::Bytes;
use http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS};
use http::{Response, StatusCode};

/// A page of a title and a sentence or two. The texts are the program's own: nothing of a request may come in.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// The status it is sent with.
    pub status: StatusCode,
    /// What is the matter, in a few words.
    pub title: &'static str,
    /// What the reader can expect and do.
    pub text: &'static str,
    /// When trying again makes sense. The page then does so by itself, and says so in `Retry-After`.
    pub retry_after_seconds: Option<u32>,
}

impl Page {
    /// The page as an answer that nobody keeps.
    pub fn into_response(self) -> Response<Bytes> {
        let mut response = Response::new(Bytes::from(self.html()));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(http::header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(
            CONTENT_SECURITY_POLICY,
            HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"),
        );
        if let Some(seconds) = self.retry_after_seconds {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }

    fn html(&self) -> String {
        let Self { title, text, .. } = self;
        let refresh = self
            .retry_after_seconds
            .map(|seconds| format!("<meta http-equiv=\"refresh\" content=\"{seconds}\">\n"))
            .unwrap_or_default();
        format!(
            r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
{refresh}<title>{title}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ margin: 0; min-height: 100vh; display: grid; place-items: center; font: 1.0625rem/1.6 system-ui, sans-serif; }}
main {{ max-width: 34rem; padding: 2rem 1.5rem; }}
h1 {{ font-size: 1.5rem; line-height: 1.3; margin: 0 0 .75rem; }}
p {{ margin: 0; }}
</style>
</head>
<body>
<main>
<h1>{title}</h1>
<p>{text}</p>
</main>
</body>
</html>
"#
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_says_when_it_tries_again_in_header_and_markup_alike() {
        let page = Page {
            status: StatusCode::SERVICE_UNAVAILABLE,
            title: "T",
            text: "X",
            retry_after_seconds: Some(7),
        };
        let response = page.into_response();
        assert_eq!(response.headers()["retry-after"], "7");
        let html = std::str::from_utf8(response.body()).unwrap();
        assert!(html.contains("content=\"7\""));
        let page = Page { retry_after_seconds: None, ..page }.into_response();
        assert!(!page.headers().contains_key("retry-after"));
        assert!(!std::str::from_utf8(page.body()).unwrap().contains("http-equiv"));
    }
}
