//! A WebSocket through the gateway: bytes both ways, unread, until one end closes, both are silent for too long, or
//! the gateway stops.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anteroom_listen::ConnectionSlot;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Bytes that are on their way in one direction at most.
const BUFFER_BYTES: usize = 8 * 1024;

/// The two connections that are to become one.
pub(crate) struct Ends {
    pub(crate) client: OnUpgrade,
    pub(crate) site: OnUpgrade,
}

/// Joins the two as soon as both have been switched over. The slot keeps the client counted until the end.
pub(crate) fn open(ends: Ends, idle: Duration, shutdown: CancellationToken, slot: Option<ConnectionSlot>) {
    tokio::spawn(async move {
        tokio::select! {
            ended = join(ends, idle) => if let Err(error) = ended {
                tracing::debug!(error = &*error, "a WebSocket ended early");
            },
            () = shutdown.cancelled() => {}
        }
        drop(slot);
    });
}

async fn join(ends: Ends, idle: Duration) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let (client, site) = tokio::try_join!(ends.client, ends.site)?;
    let (client_reader, client_writer) = tokio::io::split(TokioIo::new(client));
    let (site_reader, site_writer) = tokio::io::split(TokioIo::new(site));
    let activity = Activity::start();
    tokio::select! {
        ended = async {
            tokio::try_join!(
                pump(client_reader, site_writer, &activity),
                pump(site_reader, client_writer, &activity),
            )
        } => ended.map(drop)?,
        () = activity.silent_for(idle) => {}
    }
    Ok(())
}

/// Copies until the reader ends, and hands that end on.
async fn pump(
    mut reader: impl AsyncRead + Unpin,
    mut writer: impl AsyncWrite + Unpin,
    activity: &Activity,
) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let read = reader.read(&mut buffer).await?;
        activity.note();
        if read == 0 {
            return writer.shutdown().await;
        }
        writer.write_all(&buffer[..read]).await?;
        writer.flush().await?;
    }
}

/// When something last came, from either side.
struct Activity {
    started: Instant,
    last_milliseconds: AtomicU64,
}

impl Activity {
    fn start() -> Self {
        Self { started: Instant::now(), last_milliseconds: AtomicU64::new(0) }
    }

    fn note(&self) {
        let milliseconds = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last_milliseconds.store(milliseconds, Ordering::Relaxed);
    }

    /// Ends when nothing has come for so long.
    async fn silent_for(&self, limit: Duration) {
        loop {
            let last = self.started + Duration::from_millis(self.last_milliseconds.load(Ordering::Relaxed));
            if Instant::now() >= last + limit {
                return;
            }
            tokio::time::sleep_until(last + limit).await;
        }
    }
}
