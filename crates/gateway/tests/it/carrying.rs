//! What of a request reaches the site, and what of its answer the client.

use tokio::io::AsyncWriteExt;

use crate::world::{EMPTY_OK, Setup, header, read_until, site, site_answering};

#[tokio::test]
async fn path_query_and_host_reach_the_site_as_they_were_sent() {
    let (site, mut heads) = site_answering(EMPTY_OK).await;
    let doorway = Setup::before(site).open().await;
    for target in ["/a/../b//c%2F%2e?x=%20+&&y=a:b@c", "/?", "/%00?a=%zz", "/;a=1,2'(3)~|"] {
        let request =
            format!("GET {target} HTTP/1.1\r\nHost: Shop.Example:8080\r\nConnection: close\r\n\r\n");
        let answer = doorway.exchange(&request).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        let head = heads.next().await;
        assert!(head.starts_with(&format!("GET {target} HTTP/1.1\r\n")), "{head}");
        assert_eq!(header(&head, "host"), Some("Shop.Example:8080"));
    }
}

#[tokio::test]
async fn host_in_the_address_counts_more_than_the_header() {
    let (site, mut heads) = site_answering(EMPTY_OK).await;
    let doorway = Setup::before(site).open().await;
    doorway.exchange("GET http://shop.example/a HTTP/1.1\r\nHost: other\r\nConnection: close\r\n\r\n").await;
    let head = heads.next().await;
    assert!(head.starts_with("GET /a HTTP/1.1\r\n"), "{head}");
    assert_eq!(header(&head, "host"), Some("shop.example"));
    assert_eq!(header(&head, "x-forwarded-host"), Some("shop.example"));
}

#[tokio::test]
async fn question_about_the_server_itself_reaches_the_site() {
    let (site, mut heads) = site_answering(EMPTY_OK).await;
    let doorway = Setup::before(site).open().await;
    doorway.exchange("OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    let head = heads.next().await;
    assert!(head.starts_with("OPTIONS * HTTP/1.1\r\n"), "{head}");
}

#[tokio::test]
async fn old_client_without_a_host_is_served_in_its_own_version() {
    let (site, mut heads) =
        site_answering("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n").await;
    let doorway = Setup::before(site).open().await;
    let answer = doorway.exchange("GET / HTTP/1.0\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.0 200 OK\r\n"), "{answer}");
    assert!(answer.ends_with("\r\n\r\nhi"), "{answer}");
    let head = heads.next().await;
    assert!(head.starts_with("GET / HTTP/1.1\r\n"), "{head}");
    assert_eq!(header(&head, "host"), Some(site.to_string().as_str()));
}

#[tokio::test]
async fn headers_of_one_connection_do_not_cross() {
    let (site, mut heads) = site_answering(
        "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: keep-alive, x-hop\r\nx-hop: 1\r\nkeep-alive: timeout=5\r\n\
         set-cookie: a=1\r\nset-cookie: b=2\r\n\r\n",
    )
    .await;
    let doorway = Setup::before(site).open().await;
    let answer = doorway
        .exchange(
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: close, x-mine, host\r\nX-Mine: 1\r\nTE: trailers\r\n\
             Proxy-Connection: keep-alive\r\nUpgrade: h2c\r\nCookie: c=3\r\nForwarded: for=1.2.3.4\r\n\r\n",
        )
        .await;
    let head = heads.next().await;
    assert_eq!(
        head,
        "GET / HTTP/1.1\r\nhost: a\r\ncookie: c=3\r\nx-forwarded-for: 127.0.0.1\r\nx-forwarded-proto: http\r\n\
         x-forwarded-host: a\r\n\r\n"
    );
    for gone in ["x-hop", "keep-alive"] {
        assert_eq!(header(&answer, gone), None, "{answer}");
    }
    assert!(answer.contains("set-cookie: a=1\r\nset-cookie: b=2\r\n"), "{answer}");
    assert!(answer.contains("x-queueit-connector: rust\r\n"), "{answer}");
}

#[tokio::test]
async fn trusted_proxy_is_believed_and_named_behind_the_client() {
    let (site, mut heads) = site_answering(EMPTY_OK).await;
    let request = "GET / HTTP/1.1\r\nHost: inner\r\nX-Forwarded-For: 198.51.100.1\r\nX-Forwarded-Proto: https\r\n\
                   X-Forwarded-Host: shop.example\r\nConnection: close\r\n\r\n";
    for (trusted_proxies, expected) in [
        (&["127.0.0.1"][..], ["198.51.100.1, 127.0.0.1", "https", "shop.example"]),
        (&[], ["127.0.0.1", "http", "inner"]),
    ] {
        let doorway = Setup { trusted_proxies, ..Setup::before(site) }.open().await;
        doorway.exchange(request).await;
        let head = heads.next().await;
        let found =
            ["x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"].map(|name| header(&head, name));
        assert_eq!(found, expected.map(Some));
        assert_eq!(header(&head, "host"), Some("inner"));
    }
}

#[tokio::test]
async fn answers_without_a_body_leave_the_connection_in_step() {
    for (method, answer, expected) in [
        ("HEAD", "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n", "content-length: 5"),
        ("HEAD", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", "200 OK"),
        ("GET", "HTTP/1.1 204 No Content\r\n\r\n", "204 No Content"),
        ("GET", "HTTP/1.1 304 Not Modified\r\netag: \"1\"\r\ncontent-length: 5\r\n\r\n", "etag: \"1\""),
    ] {
        let (site, _heads) = site_answering(answer).await;
        let doorway = Setup::before(site).open().await;
        let mut stream = doorway.connect().await;
        for _ in 0..2 {
            stream.write_all(format!("{method} / HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes()).await.unwrap();
            let head = read_until(&mut stream, "\r\n\r\n").await;
            assert!(head.starts_with("HTTP/1.1 ") && head.contains(expected), "{method}: {head}");
        }
    }
}

#[tokio::test]
async fn site_is_asked_for_no_permission_to_send() {
    let (sender, mut heads) = tokio::sync::mpsc::unbounded_channel();
    let site = site(move |mut stream| {
        let sender = sender.clone();
        async move {
            let head = read_until(&mut stream, "\r\n\r\n").await;
            sender.send((head, read_until(&mut stream, "body").await)).unwrap();
            stream.write_all(EMPTY_OK.as_bytes()).await.unwrap();
        }
    })
    .await;
    let doorway = Setup::before(site).open().await;
    let mut stream = doorway.connect().await;
    let head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    assert_eq!(read_until(&mut stream, "\r\n\r\n").await, "HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"body").await.unwrap();
    assert!(read_until(&mut stream, "\r\n\r\n").await.starts_with("HTTP/1.1 200 OK\r\n"));
    let (head, body) = heads.recv().await.unwrap();
    assert_eq!((header(&head, "expect"), header(&head, "content-length")), (None, Some("4")));
    assert_eq!(body, "body");
}
