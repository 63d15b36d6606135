//! One SQLite file that holds stores, in Spin's own table layout, so that it can be handed
//! from `spin up` to this host and back.
//!
//! Reads are done where they are asked for, on a connection of the calling thread ([`reader`]).
//! Writes go to one thread ([`writer`]), which commits whatever has queued up in one
//! transaction: WAL lets readers go on meanwhile, and a write is acknowledged only after its
//! commit, so a reader that knows of it sees it.

mod reader;
mod writer;

use crate::StoreError;
use rusqlite::ffi::ErrorCode;
use rusqlite::{Connection, Error, OpenFlags};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
pub(crate) use writer::{Change, Outcome};

/// How long another process may hold the file's lock before an operation fails.
const BUSY: Duration = Duration::from_secs(5);

const TABLE: &str = "CREATE TABLE IF NOT EXISTS spin_key_value (
    store TEXT NOT NULL,
    key   TEXT NOT NULL,
    value BLOB NOT NULL,
    PRIMARY KEY (store, key)
)";

/// Tells the files of a process apart, for the readers' connections.
static NEXT_ID: AtomicU64 = AtomicU64::new(0);

/// An open file.
#[derive(Debug)]
pub struct Sqlite {
    file: Arc<File>,
    writer: writer::Writer,
}

/// Which file it is.
#[derive(Debug)]
struct File {
    id: u64,
    path: PathBuf,
}

impl Sqlite {
    /// Opens the file, makes it and its folders if they are missing.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] with what to do about it.
    pub fn open(path: &Path) -> Result<Sqlite, StoreError> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|error| {
                StoreError::Unavailable(format!(
                    "the folder {} can't be made ({error}); choose another state directory",
                    folder.display()
                ))
            })?;
        }
        let file = Arc::new(File {
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            path: path.to_owned(),
        });
        let connection = file
            .connect(OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)
            .and_then(|connection| {
                connection.pragma_update(None, "journal_mode", "wal")?;
                // In WAL mode a commit survives the death of the process without an fsync;
                // only a power failure may take the last commits.
                connection.pragma_update(None, "synchronous", "normal")?;
                connection.execute_batch(TABLE)?;
                Ok(connection)
            })
            .map_err(|error| {
                StoreError::Unavailable(format!(
                    "{} can't be used as a database ({error}); move it away, or choose another state directory",
                    path.display()
                ))
            })?;
        let writer = writer::Writer::start(Arc::clone(&file), connection)?;
        Ok(Sqlite { file, writer })
    }

    /// The value of a key.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub(crate) fn get(&self, store: &str, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        reader::get(&self.file, store, key)
    }

    pub(crate) fn exists(&self, store: &str, key: &str) -> Result<bool, StoreError> {
        reader::exists(&self.file, store, key)
    }

    pub(crate) fn keys(&self, store: &str) -> Result<Vec<String>, StoreError> {
        reader::keys(&self.file, store)
    }

    pub(crate) async fn change(&self, store: &str, change: Change) -> Result<Outcome, StoreError> {
        self.writer.change(store, change).await
    }
}

impl File {
    fn connect(&self, flags: OpenFlags) -> Result<Connection, Error> {
        let connection = Connection::open_with_flags(
            &self.path,
            flags | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI,
        )?;
        connection.busy_timeout(BUSY)?;
        Ok(connection)
    }

    fn failure(&self, error: &Error) -> StoreError {
        let path = self.path.display();
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => StoreError::Full(path.to_string()),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                StoreError::Unavailable(format!(
                    "{path} has been locked by another process for {} s",
                    BUSY.as_secs()
                ))
            }
            _ => StoreError::Unavailable(format!("{path}: {error}")),
        }
    }
}

/// Reads a counter's bytes.
pub(crate) fn counter(key: &str, value: &[u8]) -> Result<i64, StoreError> {
    let bytes = value.try_into().map_err(|_| StoreError::NotACounter {
        key: key.to_owned(),
        bytes: value.len(),
    })?;
    Ok(i64::from_le_bytes(bytes))
}
