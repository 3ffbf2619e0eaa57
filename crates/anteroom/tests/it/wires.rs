//! Connections that a test can lead elsewhere, cut and mend.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// A way to one server. While it is cut nothing comes through and nobody is told, as when a network fails.
pub(crate) struct Wire {
    pub(crate) port: u16,
    is_cut: watch::Sender<bool>,
    _running: JoinSet<()>,
}

impl Wire {
    pub(crate) async fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let own = listener.local_addr().unwrap().port();
        let is_cut = watch::Sender::new(false);
        let mut running = JoinSet::new();
        let cut = is_cut.clone();
        running.spawn(async move {
            let mut ways = JoinSet::new();
            while let Ok((near, _)) = listener.accept().await {
                let (there, back) = (cut.subscribe(), cut.subscribe());
                ways.spawn(async move {
                    let Ok(far) = TcpStream::connect(("127.0.0.1", port)).await else { return };
                    let ((near_read, near_write), (far_read, far_write)) =
                        (near.into_split(), far.into_split());
                    // One end that is closed closes the other.
                    tokio::select! {
                        () = carry(near_read, far_write, there) => {}
                        () = carry(far_read, near_write, back) => {}
                    }
                });
            }
        });
        Self { port: own, is_cut, _running: running }
    }

    pub(crate) fn cut(&self) {
        self.is_cut.send_replace(true);
    }

    pub(crate) fn mend(&self) {
        self.is_cut.send_replace(false);
    }
}

async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut is_cut: watch::Receiver<bool>) {
    let mut buffer = vec![0; 16 << 10];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        if is_cut.wait_for(|is_cut| !is_cut).await.is_err() || to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}

/// What stands before several nodes: each connection goes to the next one of them. It knows nothing of how they are.
pub(crate) struct Door {
    pub(crate) base: String,
    targets: Arc<Mutex<Vec<String>>>,
    _running: JoinSet<()>,
}

impl Door {
    pub(crate) async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let targets: Arc<Mutex<Vec<String>>> = Arc::default();
        let mut running = JoinSet::new();
        let known = Arc::clone(&targets);
        running.spawn(async move {
            let mut ways = JoinSet::new();
            for turn in 0_usize.. {
                let Ok((mut near, _)) = listener.accept().await else { return };
                let target = {
                    let known = known.lock().unwrap();
                    known[turn % known.len()].clone()
                };
                ways.spawn(async move {
                    if let Ok(mut far) = TcpStream::connect(&target).await {
                        let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
                    }
                });
            }
        });
        Self { base, targets, _running: running }
    }

    /// Sends visitors to this address as well, `http://` and all.
    pub(crate) fn add(&self, base: &str) {
        self.targets.lock().unwrap().push(base.trim_start_matches("http://").to_owned());
    }
}
