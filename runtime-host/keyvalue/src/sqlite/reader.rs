//! Reads, on a connection that belongs to the calling thread: no lock, no other thread.

use super::File;
use crate::StoreError;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags, OptionalExtension, Row};
use std::cell::RefCell;
use std::sync::{Arc, Weak};

struct Reader {
    file: Weak<File>,
    id: u64,
    connection: Connection,
}

thread_local! {
    static READERS: RefCell<Vec<Reader>> = const { RefCell::new(Vec::new()) };
}

pub(super) fn get(file: &Arc<File>, store: &str, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
    with_connection(file, |connection| {
        connection
            .prepare_cached("SELECT value FROM spin_key_value WHERE store = ?1 AND key = ?2")?
            .query_row((store, key), |row| bytes(row, 0))
            .optional()
    })
}

pub(super) fn exists(file: &Arc<File>, store: &str, key: &str) -> Result<bool, StoreError> {
    with_connection(file, |connection| {
        connection
            .prepare_cached("SELECT 1 FROM spin_key_value WHERE store = ?1 AND key = ?2")?
            .exists((store, key))
    })
}

pub(super) fn keys(file: &Arc<File>, store: &str) -> Result<Vec<String>, StoreError> {
    with_connection(file, |connection| {
        connection
            .prepare_cached("SELECT key FROM spin_key_value WHERE store = ?1 ORDER BY key")?
            .query_map((store,), |row| row.get(0))?
            .collect()
    })
}

/// A value's bytes; other tools may have written text into the column.
pub(super) fn bytes(row: &Row<'_>, column: usize) -> Result<Vec<u8>, rusqlite::Error> {
    match row.get_ref(column)? {
        ValueRef::Blob(bytes) | ValueRef::Text(bytes) => Ok(bytes.to_vec()),
        other => Err(rusqlite::Error::InvalidColumnType(
            column,
            "value".to_owned(),
            other.data_type(),
        )),
    }
}

fn with_connection<R>(
    file: &Arc<File>,
    read: impl FnOnce(&Connection) -> Result<R, rusqlite::Error>,
) -> Result<R, StoreError> {
    READERS.with_borrow_mut(|readers| {
        let known = readers.iter().position(|reader| reader.id == file.id);
        let index = match known {
            Some(index) => index,
            None => {
                // A thread may outlive many files, as in tests.
                readers.retain(|reader| reader.file.strong_count() > 0);
                let connection = file
                    .connect(OpenFlags::SQLITE_OPEN_READ_WRITE)
                    .map_err(|error| file.failure(&error))?;
                readers.push(Reader {
                    file: Arc::downgrade(file),
                    id: file.id,
                    connection,
                });
                readers.len() - 1
            }
        };
        let Some(reader) = readers.get(index) else {
            return Err(StoreError::Unavailable("a connection vanished".to_owned()));
        };
        read(&reader.connection).map_err(|error| file.failure(&error))
    })
}
