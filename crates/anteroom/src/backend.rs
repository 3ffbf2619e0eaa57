//! Opens what everything is kept in, with the master key that belongs to it.
//!
//! The embedded store and its key lie in one folder. Nodes on shared servers have a folder each, and must all have the
//! same key: a mark in the store says which one it is, so that a node without it, or with another, is told at its start
//! and not when the first secret cannot be opened.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anteroom_store::backend::Backend;
use anteroom_store::embedded;
use anteroom_store::master_key::{self, MasterKey};
#[cfg(feature = "valkey")]
use anteroom_store::{records, valkey};

use crate::installation::InstallationError;
use crate::settings::{StoreKind, StoreSettings};

/// The store, and the key its secrets are sealed with.
pub(crate) struct Opened {
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) master_key: MasterKey,
}

/// Opens the store that the settings name.
pub(crate) async fn open(store: &StoreSettings, data_dir: &Path) -> Result<Opened, InstallationError> {
    let key_file = store.master_key_file.clone().unwrap_or_else(|| data_dir.join(master_key::FILE_NAME));
    match &store.kind {
        StoreKind::Embedded => open_embedded(data_dir.to_owned(), key_file).await,
        #[cfg(feature = "valkey")]
        StoreKind::Valkey { servers, options } => {
            let backend: Arc<dyn Backend> = Arc::new(valkey::connect(servers, options.clone()).await?);
            let master_key = shared_key(&backend, data_dir.to_owned(), key_file).await?;
            Ok(Opened { backend, master_key })
        }
    }
}

async fn open_embedded(data_dir: PathBuf, key_file: PathBuf) -> Result<Opened, InstallationError> {
    blocking(move || {
        let store = embedded::open(&data_dir)
            .map_err(|source| InstallationError::Open { path: data_dir.clone(), source })?;
        let master_key = load_or_create(&key_file)?;
        Ok(Opened { backend: Arc::new(store), master_key })
    })
    .await
}

/// The key that the shared store knows; a new one only where it knows none.
#[cfg(feature = "valkey")]
async fn shared_key(
    backend: &Arc<dyn Backend>,
    data_dir: PathBuf,
    path: PathBuf,
) -> Result<MasterKey, InstallationError> {
    let unreadable = |source| InstallationError::KeyMark { source };
    let is_known = records::is_master_key_known(&**backend).await.map_err(unreadable)?;
    let file = path.clone();
    let master_key = blocking(move || {
        make_folder(&data_dir)?;
        if is_known && !file.exists() {
            return Err(InstallationError::NoMasterKey { path: file });
        }
        load_or_create(&file)
    });
    let master_key = master_key.await?;
    let is_ours = records::adopt_master_key(&**backend, &master_key).await.map_err(unreadable)?;
    if is_ours { Ok(master_key) } else { Err(InstallationError::OtherMasterKey { path }) }
}

/// The embedded store makes its folder itself.
#[cfg(feature = "valkey")]
fn make_folder(data_dir: &Path) -> Result<(), InstallationError> {
    use std::os::unix::fs::DirBuilderExt;
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(data_dir);
    made.map_err(|source| InstallationError::Folder { path: data_dir.to_owned(), source })
}

fn load_or_create(path: &Path) -> Result<MasterKey, InstallationError> {
    MasterKey::load_or_create_at(path)
        .map_err(|source| InstallationError::MasterKey { path: path.to_owned(), source })
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, InstallationError> + Send + 'static,
) -> Result<T, InstallationError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
    }
}
