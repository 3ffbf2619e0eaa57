//! `anteroom backup` and `anteroom restore`: the store copied while it is in use, and put back. The master key is in no
//! backup; whether a backup fits the one that is there is found out before anything is replaced.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anteroom_protocol::id::{CustomerId, RoomId};
use anteroom_store::embedded::{self, OpenError, Restoring};
use anteroom_store::master_key::{self, MasterKey, MasterKeyError};
use anteroom_store::records::{RecordError, Records};
use anteroom_store::rooms::{self, NotTakenOver};
use clap::Args;

use crate::failure::Failure;
use crate::settings::{Settings, StoreKind};

#[derive(Debug, Args)]
pub(crate) struct BackupOptions {
    /// Settings file of the installation; it may be running
    #[arg(long, env = "ANTEROOM_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// File to make; one that is there is not replaced
    #[arg(long)]
    to: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct RestoreOptions {
    /// Settings file of the installation; nothing of it may be running
    #[arg(long, env = "ANTEROOM_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// Backup to put in place
    #[arg(long)]
    from: PathBuf,
}

/// A backup that does not fit the data directory it is meant for.
#[derive(Debug, thiserror::Error)]
enum UnfitError {
    #[error(
        "there is no master key {}: a backup does not hold it; copy it there from where you keep it, then restore",
        path.display()
    )]
    NoMasterKey { path: PathBuf },
    #[error("could not open the master key {}", path.display())]
    MasterKey { path: PathBuf, source: MasterKeyError },
    #[error("could not open the copy of the backup")]
    Copy(#[source] OpenError),
    #[error(
        "could not read account {customer} in the backup {}; if it was made with another {}, copy that one to the data directory first",
        path.display(), master_key::FILE_NAME
    )]
    Account { customer: CustomerId, path: PathBuf, source: RecordError },
    #[error("could not read the accounts in the backup {}", path.display())]
    Accounts { path: PathBuf, source: RecordError },
    #[error("could not take over room {room} of account {customer} from the backup {}; take another one", path.display())]
    Room { customer: CustomerId, room: RoomId, path: PathBuf, source: NotTakenOver },
}

/// Documents that changed on the disk.
#[derive(Debug, thiserror::Error)]
#[error(
    "{altered} documents of the store in {} are not as they were written and are not handed out ({}); put back a backup with `anteroom restore`, or do without them",
    path.display(), keys.join(", ")
)]
struct AlteredError {
    path: PathBuf,
    altered: u64,
    keys: Vec<String>,
}

/// The store is not in the data directory.
#[derive(Debug, thiserror::Error)]
#[error(
    "the settings keep everything on servers (store.kind), not in the data directory; back those up by their own means, and {} beside them",
    master_key::FILE_NAME
)]
struct ElsewhereError;

fn refuse_elsewhere(settings: &Settings) -> Result<(), ElsewhereError> {
    match &settings.store.kind {
        StoreKind::Embedded => Ok(()),
        #[cfg(feature = "valkey")]
        StoreKind::Valkey { .. } => Err(ElsewhereError),
    }
}

/// Copies the store to a new file.
pub(crate) fn back_up(settings: &Settings, options: &BackupOptions) -> Result<(), Failure> {
    refuse_elsewhere(settings)?;
    let backup = embedded::back_up(&settings.data_dir, &options.to)?;
    println!(
        "{} holds the store of {}: {} documents, {} KiB.",
        options.to.display(),
        settings.data_dir.display(),
        backup.documents,
        backup.bytes.div_ceil(1 << 10),
    );
    println!("It does not hold {}; keep a copy of that elsewhere.", master_key::FILE_NAME);
    Ok(())
}

/// Puts a backup in place of the store.
pub(crate) fn restore(settings: &Settings, options: &RestoreOptions) -> Result<(), Failure> {
    refuse_elsewhere(settings)?;
    let (data_dir, from) = (&settings.data_dir, &options.from);
    let key_file = settings.store.master_key_file.clone();
    let key_file = key_file.unwrap_or_else(|| data_dir.join(master_key::FILE_NAME));
    let restoring = Restoring::begin(data_dir, from)?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    runtime.block_on(prepare(&key_file, &restoring.staged(), from))?;
    let restored = restoring.finish()?;
    println!(
        "The store in {} is that of {} now: {} documents.",
        data_dir.display(),
        from.display(),
        restored.documents
    );
    if let Some(set_aside) = restored.set_aside {
        println!(
            "What was there before lies in {}; remove it when you no longer need it.",
            set_aside.display()
        );
    }
    Ok(())
}

/// Reads the whole store and tells what is in it.
pub(crate) fn check_store(settings: &Settings) -> Result<(), Failure> {
    refuse_elsewhere(settings)?;
    let data_dir = &settings.data_dir;
    match embedded::inspect(data_dir)? {
        None => println!("There is no store in {} yet.", data_dir.display()),
        Some(health) if health.altered > 0 => {
            let path = data_dir.to_owned();
            return Err(AlteredError { path, altered: health.altered, keys: health.altered_keys }.into());
        }
        Some(health) => {
            println!("The store in {} is sound: {} documents.", data_dir.display(), health.documents);
        }
    }
    Ok(())
}

/// Whether the master key that is there opens what is sealed in the backup. Makes its rooms ready too.
async fn prepare(key_file: &Path, staged: &Path, from: &Path) -> Result<(), UnfitError> {
    let path = || key_file.to_owned();
    let key = MasterKey::load_at(key_file)
        .map_err(|source| UnfitError::MasterKey { path: path(), source })?
        .ok_or_else(|| UnfitError::NoMasterKey { path: path() })?;
    // Closed at the end of this function, with its threads.
    let store = embedded::open(staged).map_err(UnfitError::Copy)?;
    let records = Records::new(Arc::new(store.clone()), key);
    let path = || from.to_owned();
    let customers =
        records.accounts().await.map_err(|source| UnfitError::Accounts { path: path(), source })?;
    for customer in customers {
        let account = match records.account(&customer).await {
            Ok(account) => account,
            Err(source) => return Err(UnfitError::Account { customer, path: path(), source }),
        };
        for room in account.into_iter().flat_map(|account| account.value.rooms) {
            let room = room.room;
            rooms::take_over_from_backup(&store, &customer, &room).await.map_err(|source| {
                UnfitError::Room { customer: customer.clone(), room, path: path(), source }
            })?;
        }
    }
    Ok(())
}
