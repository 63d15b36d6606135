//! One database file: opening it, reading it on the caller's thread, and writing it through its
//! writer. Which statements are run, it doesn't know.

use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use tempfile::TempDir;

use super::table;
use super::writer::{Failure, Writer};
use crate::error::{OpenError, StoreError};

/// How long to wait for another process that has locked the file.
pub(crate) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

thread_local! {
    /// This thread's connections for reading. Connections to databases that are gone are closed
    /// when the next one is opened, or when the thread ends.
    static READERS: RefCell<Vec<Reader>> = const { RefCell::new(Vec::new()) };
}

struct Reader {
    database: Weak<Database>,
    connection: Connection,
}

pub(crate) struct Database {
    path: PathBuf,
    writer: Writer,
    /// The folder of a temporary database, removed with it.
    _folder: Option<TempDir>,
}

impl Database {
    /// Opens the file, which is made if it isn't there, as is its folder.
    pub(crate) fn open(path: &Path) -> Result<Arc<Self>, OpenError> {
        Self::open_in(path, None)
    }

    /// A new database that is removed when it is no longer used.
    pub(crate) fn temporary() -> Result<Arc<Self>, OpenError> {
        let folder = tempfile::tempdir().map_err(|reason| OpenError::Folder {
            path: std::env::temp_dir(),
            reason,
        })?;
        Self::open_in(&folder.path().join("sqlite_key_value.db"), Some(folder))
    }

    fn open_in(path: &Path, folder: Option<TempDir>) -> Result<Arc<Self>, OpenError> {
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(|reason| OpenError::Folder {
                path: path.to_owned(),
                reason,
            })?;
        }
        let connection =
            open_for_writing(path).map_err(|error| OpenError::from_sqlite(&error, path))?;
        if !table::is_usable(&connection) {
            return Err(OpenError::OtherTable {
                path: path.to_owned(),
            });
        }
        let writer = Writer::start(connection, path).map_err(|error| OpenError::Other {
            path: path.to_owned(),
            reason: error.to_string(),
        })?;
        Ok(Arc::new(Self {
            path: path.to_owned(),
            writer,
            _folder: folder,
        }))
    }

    /// Runs a query on this thread. It sees all writes that have been acknowledged.
    pub(crate) fn read<T>(
        self: &Arc<Self>,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let result = READERS.with_borrow_mut(|readers| {
            let known = readers
                .iter()
                .position(|reader| reader.database.as_ptr() == Arc::as_ptr(self));
            let reader = match known {
                Some(position) => readers.swap_remove(position),
                None => {
                    readers.retain(|reader| reader.database.strong_count() > 0);
                    let connection = open_for_reading(&self.path)?;
                    Reader {
                        database: Arc::downgrade(self),
                        connection,
                    }
                }
            };
            let result = query(&reader.connection);
            // After an error the next read starts with a new connection.
            if result.is_ok() {
                readers.push(reader);
            }
            result
        });
        result.map_err(|error| StoreError::from_sqlite(&error, &self.path))
    }

    /// Has work done by the writer, and waits until it is committed.
    pub(crate) async fn write<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&Connection) -> Result<T, Failure> + Send + 'static,
    {
        self.writer.write(work).await
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

fn open_for_writing(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    // What is committed is in the operating system's hands at once, and on disk with the next
    // checkpoint: it survives the process, and readers never wait for the writer.
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    table::create(&connection)?;
    Ok(connection)
}

fn open_for_reading(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    Ok(connection)
}
