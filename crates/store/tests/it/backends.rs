//! Every backend passes the same suite.

use anteroom_store::{conformance, documents, embedded};

#[tokio::test]
async fn documents_in_memory_keep_the_contract() {
    conformance::run(async || documents::Memory::new()).await;
}

#[tokio::test]
async fn embedded_store_keeps_the_contract() {
    let directory = tempfile::tempdir().unwrap();
    let made = std::cell::Cell::new(0);
    conformance::run(async || {
        made.set(made.get() + 1);
        embedded::open(&directory.path().join(made.get().to_string())).unwrap()
    })
    .await;
}
