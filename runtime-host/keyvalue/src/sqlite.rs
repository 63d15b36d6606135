//! A store in an SQLite file: the operations as statements on Spin's table.

mod database;
mod table;
mod writer;

use std::sync::Arc;

use runtime_host_manifest::StoreLabel;

use crate::error::StoreError;
use crate::stores::{Found, Swap};
use writer::Failure;

pub(crate) use database::{BUSY_TIMEOUT, Database};

/// One store in a database file, of those that are in it.
#[derive(Clone)]
pub(crate) struct SqliteStore {
    database: Arc<Database>,
    label: StoreLabel,
}

impl SqliteStore {
    pub(crate) fn new(database: Arc<Database>, label: StoreLabel) -> Self {
        Self { database, label }
    }

    #[cfg(test)]
    pub(crate) fn database(&self) -> &Database {
        &self.database
    }

    pub(crate) fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.database
            .read(|connection| table::get(connection, self.label.as_str(), key))
    }

    pub(crate) fn exists(&self, key: &str) -> Result<bool, StoreError> {
        self.database
            .read(|connection| table::exists(connection, self.label.as_str(), key))
    }

    pub(crate) fn keys(&self) -> Result<Vec<String>, StoreError> {
        self.database
            .read(|connection| table::keys(connection, self.label.as_str()))
    }

    pub(crate) fn get_many(&self, keys: Vec<String>) -> Result<Found, StoreError> {
        self.database.read(|connection| {
            let moment = connection.unchecked_transaction()?;
            keys.into_iter()
                .map(|key| {
                    let value = table::get(&moment, self.label.as_str(), &key)?;
                    Ok((key, value))
                })
                .collect()
        })
    }

    pub(crate) async fn set_many(&self, entries: Vec<(String, Vec<u8>)>) -> Result<(), StoreError> {
        let store = self.label.clone();
        let work = move |connection: &rusqlite::Connection| {
            entries
                .iter()
                .try_for_each(|(key, value)| table::set(connection, store.as_str(), key, value))
                .map_err(Failure::from)
        };
        self.database.write(work).await
    }

    pub(crate) async fn delete_many(&self, keys: Vec<String>) -> Result<(), StoreError> {
        let store = self.label.clone();
        let work = move |connection: &rusqlite::Connection| {
            keys.iter()
                .try_for_each(|key| table::delete(connection, store.as_str(), key))
                .map_err(Failure::from)
        };
        self.database.write(work).await
    }

    pub(crate) async fn increment(&self, key: String, delta: i64) -> Result<i64, StoreError> {
        let store = self.label.clone();
        let work = move |connection: &rusqlite::Connection| {
            let bytes = table::get(connection, store.as_str(), &key)?;
            let value = bytes.map_or(Ok(0), |bytes| counter(&key, &bytes))?;
            let sum = value.checked_add(delta).ok_or_else(|| {
                Failure::Refused(StoreError::CounterOverflow {
                    key: key.clone(),
                    delta,
                })
            })?;
            if delta != 0 {
                table::set(connection, store.as_str(), &key, &sum.to_le_bytes())?;
            }
            Ok(sum)
        };
        self.database.write(work).await
    }

    pub(crate) async fn compare_and_swap(
        &self,
        key: String,
        expected: Option<Vec<u8>>,
        value: Vec<u8>,
    ) -> Result<Swap, StoreError> {
        let store = self.label.clone();
        let work = move |connection: &rusqlite::Connection| {
            if table::get(connection, store.as_str(), &key)? != expected {
                return Ok(Swap::Changed);
            }
            table::set(connection, store.as_str(), &key, &value)?;
            Ok(Swap::Done)
        };
        self.database.write(work).await
    }

    /// Waits until all writes that have been handed in are done.
    pub(crate) async fn flush(&self) -> Result<(), StoreError> {
        self.database.write(|_| Ok(())).await
    }
}

/// A counter as Spin keeps it in SQLite: a signed number in 8 bytes, the lowest first.
fn counter(key: &str, bytes: &[u8]) -> Result<i64, Failure> {
    bytes.try_into().map(i64::from_le_bytes).map_err(|_| {
        Failure::Refused(StoreError::NotACounter {
            key: key.to_owned(),
            length: bytes.len(),
        })
    })
}

impl std::fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.database.path().fmt(f)
    }
}
