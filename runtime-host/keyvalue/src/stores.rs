//! The stores of an application by their labels, and what can be done with them. How they are
//! kept is not decided here: that is the business of what stands behind a label.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use runtime_host_manifest::StoreLabel;

use crate::database::Database;
use crate::error::{OpenError, StoreError};
use crate::table;
use crate::writer::Failure;

/// How long a key may be, in bytes of UTF-8.
pub const MAX_KEY_BYTES: usize = 64 * 1024;

/// How long a value may be, in bytes.
pub const MAX_VALUE_BYTES: usize = 64 * 1024 * 1024;

/// Key-value stores by label. A clone is the same stores.
///
/// A write is done in full or not at all, and is acknowledged when it will survive the end of
/// the process. A write whose future is dropped may be done or not. Reads never wait for
/// writes, and their futures are ready at once.
///
/// All operations give `StoreError::NoSuchStore` for an unknown label, `KeyTooLong` or
/// `ValueTooLong` beyond [`MAX_KEY_BYTES`] and [`MAX_VALUE_BYTES`], `StoreFull` when the disk
/// is, and `Unavailable` when the file cannot be read or written, or when another process keeps
/// it locked.
#[derive(Clone)]
pub struct Stores {
    databases: HashMap<StoreLabel, Arc<Database>>,
}

/// What became of a [`Stores::compare_and_swap`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Swap {
    /// The value was the expected one, and is the new one now.
    Done,
    /// The value was another one, and has been left alone.
    Changed,
}

impl Stores {
    /// Stores in an SQLite file, which is made if it isn't there, as is its folder.
    ///
    /// # Errors
    /// `OpenError` if the file cannot be written or is something else.
    pub fn sqlite(
        path: &Path,
        labels: impl IntoIterator<Item = StoreLabel>,
    ) -> Result<Self, OpenError> {
        Ok(Self::on(&Database::open(path)?, labels))
    }

    /// New stores, for a test: in a file of their own, which is removed with the last clone.
    ///
    /// # Errors
    /// `OpenError` if the system has no room for temporary files.
    pub fn temporary(labels: impl IntoIterator<Item = StoreLabel>) -> Result<Self, OpenError> {
        Ok(Self::on(&Database::temporary()?, labels))
    }

    fn on(database: &Arc<Database>, labels: impl IntoIterator<Item = StoreLabel>) -> Self {
        Self {
            databases: labels
                .into_iter()
                .map(|label| (label, database.clone()))
                .collect(),
        }
    }

    /// Whether there is a store with this label.
    pub fn contains(&self, label: &StoreLabel) -> bool {
        self.databases.contains_key(label)
    }

    /// The value under a key.
    pub async fn get(&self, label: &StoreLabel, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        check_key(key)?;
        self.database(label)?
            .read(|connection| table::get(connection, label.as_str(), key))
    }

    /// Whether there is a value under a key.
    pub async fn exists(&self, label: &StoreLabel, key: &str) -> Result<bool, StoreError> {
        check_key(key)?;
        self.database(label)?
            .read(|connection| table::exists(connection, label.as_str(), key))
    }

    /// All keys of a store, in no particular order.
    pub async fn keys(&self, label: &StoreLabel) -> Result<Vec<String>, StoreError> {
        self.database(label)?
            .read(|connection| table::keys(connection, label.as_str()))
    }

    /// The values under several keys, all as of the same moment, in the order of the keys.
    pub async fn get_many(
        &self,
        label: &StoreLabel,
        keys: Vec<String>,
    ) -> Result<Vec<(String, Option<Vec<u8>>)>, StoreError> {
        keys.iter().try_for_each(|key| check_key(key))?;
        self.database(label)?.read(|connection| {
            let moment = connection.unchecked_transaction()?;
            keys.into_iter()
                .map(|key| {
                    let value = table::get(&moment, label.as_str(), &key)?;
                    Ok((key, value))
                })
                .collect()
        })
    }

    /// Puts a value under a key, in place of the one that is there.
    pub async fn set(
        &self,
        label: &StoreLabel,
        key: impl Into<String>,
        value: Vec<u8>,
    ) -> Result<(), StoreError> {
        self.set_many(label, vec![(key.into(), value)]).await
    }

    /// Puts several values under their keys, all or none of them. Of two values for one key the
    /// last stays.
    pub async fn set_many(
        &self,
        label: &StoreLabel,
        entries: Vec<(String, Vec<u8>)>,
    ) -> Result<(), StoreError> {
        for (key, value) in &entries {
            check_key(key)?;
            check_value(value)?;
        }
        let store = label.clone();
        let work = move |connection: &rusqlite::Connection| {
            entries
                .iter()
                .try_for_each(|(key, value)| table::set(connection, store.as_str(), key, value))
                .map_err(Failure::from)
        };
        self.database(label)?.write(work).await
    }

    /// Takes away a key with its value. That there is none is no error.
    pub async fn delete(
        &self,
        label: &StoreLabel,
        key: impl Into<String>,
    ) -> Result<(), StoreError> {
        self.delete_many(label, vec![key.into()]).await
    }

    /// Takes away several keys with their values, all or none of them.
    pub async fn delete_many(
        &self,
        label: &StoreLabel,
        keys: Vec<String>,
    ) -> Result<(), StoreError> {
        keys.iter().try_for_each(|key| check_key(key))?;
        let store = label.clone();
        let work = move |connection: &rusqlite::Connection| {
            keys.iter()
                .try_for_each(|key| table::delete(connection, store.as_str(), key))
                .map_err(Failure::from)
        };
        self.database(label)?.write(work).await
    }

    /// Adds to the counter under a key and gives its new value. Where there is nothing, it
    /// counts from 0; adding 0 there leaves it so. A counter is kept as Spin keeps it: a signed
    /// number in 8 bytes, the lowest first.
    ///
    /// # Errors
    /// `StoreError::NotACounter` if the value is not 8 bytes long, `CounterOverflow` if the sum is
    /// no signed 64-bit number.
    pub async fn increment(
        &self,
        label: &StoreLabel,
        key: impl Into<String>,
        delta: i64,
    ) -> Result<i64, StoreError> {
        let key = key.into();
        check_key(&key)?;
        let store = label.clone();
        let work = move |connection: &rusqlite::Connection| {
            let bytes = table::get(connection, store.as_str(), &key)?;
            let value = bytes.map_or(Ok(0), |bytes| counter(&key, &bytes))?;
            let sum = value.checked_add(delta).ok_or_else(|| {
                Failure::Refused(StoreError::CounterOverflow {
                    key: key.clone(),
                    value,
                    delta,
                })
            })?;
            if delta != 0 {
                table::set(connection, store.as_str(), &key, &sum.to_le_bytes())?;
            }
            Ok(sum)
        };
        self.database(label)?.write(work).await
    }

    /// Puts a value under a key if what is there is still what is expected: these bytes, or
    /// nothing at all.
    pub async fn compare_and_swap(
        &self,
        label: &StoreLabel,
        key: impl Into<String>,
        expected: Option<Vec<u8>>,
        value: Vec<u8>,
    ) -> Result<Swap, StoreError> {
        let key = key.into();
        check_key(&key)?;
        check_value(&value)?;
        let store = label.clone();
        let work = move |connection: &rusqlite::Connection| {
            if table::get(connection, store.as_str(), &key)? != expected {
                return Ok(Swap::Changed);
            }
            table::set(connection, store.as_str(), &key, &value)?;
            Ok(Swap::Done)
        };
        self.database(label)?.write(work).await
    }

    /// Waits until all writes that have been handed in are done.
    ///
    /// # Errors
    /// `StoreError::Unavailable` if a file cannot be written any more.
    pub async fn flush(&self) -> Result<(), StoreError> {
        for database in self.databases.values() {
            database.write(|_| Ok(())).await?;
        }
        Ok(())
    }

    fn database(&self, label: &StoreLabel) -> Result<&Arc<Database>, StoreError> {
        self.databases
            .get(label)
            .ok_or_else(|| StoreError::NoSuchStore(label.clone()))
    }
}

fn counter(key: &str, bytes: &[u8]) -> Result<i64, Failure> {
    bytes.try_into().map(i64::from_le_bytes).map_err(|_| {
        Failure::Refused(StoreError::NotACounter {
            key: key.to_owned(),
            length: bytes.len(),
        })
    })
}

fn check_key(key: &str) -> Result<(), StoreError> {
    match key.len() {
        length if length > MAX_KEY_BYTES => Err(StoreError::KeyTooLong {
            length,
            limit: MAX_KEY_BYTES,
        }),
        _ => Ok(()),
    }
}

fn check_value(value: &[u8]) -> Result<(), StoreError> {
    match value.len() {
        length if length > MAX_VALUE_BYTES => Err(StoreError::ValueTooLong {
            length,
            limit: MAX_VALUE_BYTES,
        }),
        _ => Ok(()),
    }
}

impl std::fmt::Debug for Stores {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let files = self
            .databases
            .iter()
            .map(|(label, database)| (label.as_str(), database.path()));
        f.debug_map().entries(files).finish()
    }
}

#[cfg(test)]
mod tests;
