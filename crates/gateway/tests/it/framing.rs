//! Requests that two servers could read differently: refused, or carried in one reading only.

use crate::world::{EMPTY_OK, Setup, header, site_answering};

#[tokio::test]
async fn what_cannot_be_made_out_is_refused_and_never_reaches_the_site() {
    let (site, mut heads) = site_answering(EMPTY_OK).await;
    let doorway = Setup::before(site).open().await;
    for (request, status) in [
        ("GET / HTTP/1.1\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", "400"),
        ("GET http://a/ HTTP/1.1\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nHost: a/b?\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nHost: \r\n\r\n", "400"),
        ("GET a:443 HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
        ("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", "501"),
        ("GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", "501"),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "501"),
    ] {
        let answer = doorway.exchange(request).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request:?}: {answer}");
        assert_eq!(header(&answer, "x-queueit-connector"), Some("rust"), "{request:?}: {answer}");
        assert_eq!(header(&answer, "connection"), Some("close"), "{request:?}: {answer}");
        assert!(answer.contains("<h1>This request cannot be answered</h1>"), "{request:?}: {answer}");
    }
    assert_eq!(heads.rest(), [""; 0]);
}

/// Hyper refuses these before any of our code sees them, with a bare status or by closing.
#[tokio::test]
async fn what_is_no_http_is_refused_and_never_reaches_the_site() {
    let (site, mut heads) = site_answering(EMPTY_OK).await;
    let doorway = Setup::before(site).open().await;
    for request in [
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\nhello",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 6\r\n\r\nhello!",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX-Folded: 1\r\n 2\r\n\r\n",
        "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX:\0\r\n\r\n",
        "GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n",
        "nonsense\r\n\r\n",
    ] {
        let answer = doorway.exchange(request).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400 "), "{request:?}: {answer}");
    }
    assert_eq!(heads.rest(), [""; 0]);
}

/// RFC 9112 section 6.3 leaves a choice here: refuse, or go by the chunks, forward no length and close.
#[tokio::test]
async fn length_beside_chunks_smuggles_nothing() {
    let (site, mut heads) = site_answering(EMPTY_OK).await;
    let doorway = Setup::before(site).open().await;
    let smuggled = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
    for lengths in [
        "Content-Length: 4\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 4",
        "Content-Length: 60\r\nTransfer-Encoding: chunked",
    ] {
        let request = format!("POST /seen HTTP/1.1\r\nHost: a\r\n{lengths}\r\n\r\n0\r\n\r\n{smuggled}");
        let answer = doorway.exchange(&request).await;
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
        assert_eq!(header(&answer, "connection"), Some("close"), "{answer}");
        let head = heads.next().await;
        assert!(head.starts_with("POST /seen "), "{head}");
        assert_eq!(header(&head, "content-length"), None, "{head}");
        // What was left over of the site's own reading, the last chunk, is no head of a request.
        assert!(!heads.rest().iter().any(|head| head.contains("/smuggled")));
    }
}

#[tokio::test]
async fn length_beside_chunks_in_an_answer_counts_for_nothing() {
    for lengths in [
        "content-length: 3\r\ntransfer-encoding: chunked",
        "transfer-encoding: chunked\r\ncontent-length: 3",
        "content-length: 30\r\ntransfer-encoding: chunked",
    ] {
        let answer = format!("HTTP/1.1 200 OK\r\n{lengths}\r\n\r\n5\r\nwhole\r\n0\r\n\r\n");
        let (site, _heads) = site_answering(answer).await;
        let doorway = Setup::before(site).open().await;
        let answer = doorway.exchange("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
        assert_eq!(header(&answer, "content-length"), None, "{answer}");
        assert!(answer.ends_with("\r\n\r\n5\r\nwhole\r\n0\r\n\r\n"), "{answer}");
    }
}

#[tokio::test]
async fn address_over_the_limit_is_refused_with_a_page() {
    let (site, mut heads) = site_answering(EMPTY_OK).await;
    let doorway = Setup::before(site).open().await;
    for (length, status) in [(8192, "200"), (8193, "414"), (31_000, "414"), (64_000, "431")] {
        let target = format!("/{}", "a".repeat(length - 1));
        let answer =
            doorway.exchange(&format!("GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{length}: {answer}");
    }
    assert_eq!(heads.rest().len(), 1);
}
