//! The page and what belongs to it.

use crate::world::{World, request};

#[tokio::test]
async fn page_names_only_assets_that_are_there() {
    let world = World::start().await;
    let page = world.send(request("GET", "/", &[], None)).await;
    assert_eq!(page.status, 200);
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    let mut wanted: Vec<String> =
        page.text.split('"').filter(|part| part.starts_with("/assets/")).map(str::to_owned).collect();
    assert!(wanted.len() >= 5, "{wanted:?}");
    let mut seen = Vec::new();
    while let Some(path) = wanted.pop() {
        let asset = world.send(request("GET", &path, &[], None)).await;
        assert_eq!(asset.status, 200, "{path}");
        let expected = match path.rsplit('.').next().unwrap() {
            "js" => "text/javascript; charset=utf-8",
            "css" => "text/css; charset=utf-8",
            "svg" => "image/svg+xml",
            other => panic!("what is {other}?"),
        };
        assert_eq!(asset.header("content-type"), expected, "{path}");
        assert!(!asset.text.is_empty(), "{path}");
        seen.push(path);
        // Modules name each other.
        let imports = asset.text.lines().filter_map(|line| line.split("from \"./").nth(1)?.split('"').next());
        for import in imports.map(|name| format!("/assets/{name}")) {
            if !seen.contains(&import) && !wanted.contains(&import) {
                wanted.push(import);
            }
        }
    }
    assert!(seen.iter().any(|path| path == "/assets/scope_form.js"), "{seen:?}");
}

#[tokio::test]
async fn browser_is_told_what_it_must_not_do() {
    let world = World::start().await;
    for path in ["/", "/assets/main.js", "/api/v1/session", "/nothing", "/health"] {
        let answer = world.send(request("GET", path, &[], None)).await;
        let policy = answer.header("content-security-policy");
        assert!(policy.contains("default-src 'none'") && policy.contains("script-src 'self'"), "{policy}");
        assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("referrer-policy"), "no-referrer");
    }
    // The policy forbids what stands inline.
    let page = world.send(request("GET", "/", &[], None)).await.text;
    assert!(!page.contains("<style") && !page.contains("style=") && !page.contains(" onclick="), "{page}");
    assert!(page.split("<script").skip(1).all(|script| script.contains(" src=\"")), "{page}");
}

#[tokio::test]
async fn page_is_asked_for_anew_and_not_sent_twice() {
    let world = World::start().await;
    for path in ["/", "/assets/base.css"] {
        let first = world.send(request("GET", path, &[], None)).await;
        assert_eq!(first.header("cache-control"), "no-cache");
        let again = world.send(request("GET", path, &[("if-none-match", first.header("etag"))], None)).await;
        assert_eq!((again.status.as_u16(), again.text.as_str()), (304, ""));
        let head = world.send(request("HEAD", path, &[], None)).await;
        assert_eq!((head.status.as_u16(), head.text.as_str()), (200, ""));
    }
}

#[tokio::test]
async fn health_says_that_it_lives() {
    let world = World::start().await;
    let answer = world.send(request("GET", "/health", &[], None)).await;
    assert_eq!((answer.status.as_u16(), answer.text.as_str()), (200, "ok\n"));
}
