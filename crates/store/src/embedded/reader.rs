//! The thread that reads. Loads that wait are answered together, from one view of the file.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use rusqlite::{Connection, OptionalExtension};
use tokio::sync::oneshot;

use super::error::unavailable;
use super::health::{self, Checksums};
use crate::backend::{BackendError, Document, Key, Loaded, Version};
use crate::clock::Clock;

/// Most loads answered from one view, so that a view does not keep the log from being cut for long.
const LOADS_TOGETHER_MAX: usize = 256;

/// A load that waits.
pub(super) struct Load {
    pub(super) keys: Vec<Key>,
    pub(super) reply: oneshot::Sender<Result<Loaded, BackendError>>,
}

pub(super) struct Reader {
    path: PathBuf,
    connection: Connection,
    checksums: Checksums,
    clock: Arc<Clock>,
}

impl Reader {
    pub(super) fn new(
        path: PathBuf,
        connection: Connection,
        checksums: Checksums,
        clock: Arc<Clock>,
    ) -> Self {
        Self { path, connection, checksums, clock }
    }

    /// Serves loads until nobody can send one any more.
    pub(super) fn run(self, waiting: &Receiver<Load>) {
        while let Ok(first) = waiting.recv() {
            let loads: Vec<Load> =
                std::iter::once(first).chain(waiting.try_iter()).take(LOADS_TOGETHER_MAX).collect();
            self.serve(loads);
        }
    }

    fn serve(&self, loads: Vec<Load>) {
        // The view begins with the first statement in it, and so after every load in it was asked for.
        let view = self.connection.unchecked_transaction();
        for Load { keys, reply } in loads {
            let answer: rusqlite::Result<Vec<_>> = match &view {
                Ok(view) => keys.iter().map(|key| document(view, &self.checksums, key)).collect(),
                Err(_) => keys.iter().map(|key| document(&self.connection, &self.checksums, key)).collect(),
            };
            let answer = answer
                .map(|documents| Loaded { documents, now: self.clock.now() })
                .map_err(|cause| unavailable(&self.path, "read", cause));
            // Whoever asked may have gone.
            let _ = reply.send(answer);
        }
    }
}

/// The document under this key, if there is one. One that was altered is an error.
pub(super) fn document(
    connection: &Connection,
    checksums: &Checksums,
    key: &Key,
) -> rusqlite::Result<Option<Document>> {
    let mut statement = connection
        .prepare_cached("SELECT key, version, expires_at, bytes, checksum FROM documents WHERE key = ?1")?;
    statement
        .query_one([key.as_str()], |row| {
            if checksums.fit(row) {
                Ok(Document { version: Version(row.get(1)?), bytes: row.get(3)? })
            } else {
                Err(health::altered(key.as_str()))
            }
        })
        .optional()
}
