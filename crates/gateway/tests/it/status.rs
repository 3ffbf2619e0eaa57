//! How a gateway is doing is told at its private port.

use crate::protection::CONFIG;
use crate::world::{Setup, header, site_answering};

#[tokio::test]
async fn private_port_tells_what_is_in_force_and_how_questions_went() {
    let (site, _heads) = site_answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    let doorway = Setup { config: Some(CONFIG), ..Setup::before(site) }.open().await;
    let ask = async |line: &str| {
        doorway.exchange_privately(&format!("{line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")).await
    };
    let metrics = ask("GET /metrics").await;
    assert!(metrics.starts_with("HTTP/1.1 200 OK\r\n"), "{metrics}");
    assert!(
        header(&metrics, "content-type").unwrap().starts_with("application/openmetrics-text"),
        "{metrics}"
    );
    for line in [
        "# TYPE anteroom_connector_config_version gauge\n",
        "anteroom_connector_is_failing 0\n",
        "# TYPE anteroom_connector_asked counter\n",
        "anteroom_connector_asked_total{question=\"verify\",result=\"answered\"} 0\n",
        "anteroom_connector_asked_total{question=\"direct_pass\",result=\"late\"} 0\n",
    ] {
        assert!(metrics.contains(line), "{line} is missing: {metrics}");
    }
    assert!(metrics.ends_with("# EOF\n"), "{metrics}");
    for (line, status) in
        [("GET /health", "200 OK"), ("POST /metrics", "405"), ("GET /", "404"), ("GET /metrics/x", "404")]
    {
        let answer = ask(line).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{line}: {answer}");
    }
}
