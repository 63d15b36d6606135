//! The stores of an application by their labels, and what can be done with them. How they are
//! kept is not decided here: that is the business of what stands behind a label.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use runtime_host_manifest::{KeyValueStore, StoreLabel};

use crate::error::{OpenError, StoreError};
use crate::redis::{RedisStore, Server};
use crate::sqlite::{Database, SqliteStore};

/// How long a key may be, in bytes of UTF-8.
pub const MAX_KEY_BYTES: usize = 64 * 1024;

/// How long a value may be, in bytes.
pub const MAX_VALUE_BYTES: usize = 64 * 1024 * 1024;

/// Key-value stores by label. A clone is the same stores.
///
/// A write is done in full or not at all, and is acknowledged when it will survive the end of
/// this process. A write whose future is dropped, or that ends with `StoreError::Unavailable`,
/// may be done or not. In SQLite reads never wait for writes, and their futures are ready at
/// once.
///
/// All operations give `StoreError::NoSuchStore` for an unknown label, `KeyTooLong` or
/// `ValueTooLong` beyond [`MAX_KEY_BYTES`] and [`MAX_VALUE_BYTES`], `StoreFull` when the disk
/// is, `Unavailable` when the file cannot be read or written, when another process keeps it
/// locked, or when the server does not answer, and `Refused` when the server refuses.
#[derive(Clone)]
pub struct Stores {
    stores: HashMap<StoreLabel, Store>,
}

/// What stands behind a label.
#[derive(Clone)]
enum Store {
    Sqlite(SqliteStore),
    Redis(RedisStore),
}

/// What keeps a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Backend {
    /// A file on this machine.
    Sqlite,
    /// A server.
    Redis,
}

impl Backend {
    /// Its name in lower case.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Redis => "redis",
        }
    }
}

/// Keys with what is under them.
pub(crate) type Found = Vec<(String, Option<Vec<u8>>)>;

/// What became of a [`Stores::compare_and_swap`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Swap {
    /// The value was the expected one, and is the new one now.
    Done,
    /// The value was another one, and has been left alone.
    Changed,
}

impl Stores {
    /// The stores of a configuration. Servers are not connected yet. Stores in the same file or
    /// on the same server share what it takes to use it.
    ///
    /// # Errors
    /// `OpenError` if a file cannot be written or is something else, or if a URL cannot be used.
    pub fn open(
        configured: impl IntoIterator<Item = (StoreLabel, KeyValueStore)>,
    ) -> Result<Self, OpenError> {
        let mut files: HashMap<PathBuf, Arc<Database>> = HashMap::new();
        let mut servers: Vec<Arc<Server>> = Vec::new();
        let mut stores = HashMap::new();
        for (label, kind) in configured {
            let store = match kind {
                KeyValueStore::Sqlite { path: None } => {
                    Store::Sqlite(SqliteStore::new(Database::temporary()?, label.clone()))
                }
                KeyValueStore::Sqlite { path: Some(path) } => {
                    let database = match files.get(&path) {
                        Some(database) => Arc::clone(database),
                        None => Database::open(&path)?,
                    };
                    files.insert(path, Arc::clone(&database));
                    Store::Sqlite(SqliteStore::new(database, label.clone()))
                }
                KeyValueStore::Redis { url, prefix } => {
                    let known = servers.iter().find(|server| *server.url() == url);
                    let server = match known {
                        Some(server) => Arc::clone(server),
                        None => Server::new(url)?,
                    };
                    servers.push(Arc::clone(&server));
                    Store::Redis(RedisStore::new(server, prefix))
                }
            };
            stores.insert(label, store);
        }
        Ok(Self { stores })
    }

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
        let store = |label: &StoreLabel| SqliteStore::new(Arc::clone(database), label.clone());
        Self {
            stores: labels
                .into_iter()
                .map(|label| (label.clone(), Store::Sqlite(store(&label))))
                .collect(),
        }
    }

    /// Looks whether the servers of the stores answer, each at most half a second. The log tells
    /// of those that don't; their stores fail until they do.
    pub async fn probe(&self) {
        let mut probed: Vec<&Arc<Server>> = Vec::new();
        for store in self.stores.values() {
            if let Store::Redis(store) = store
                && !probed
                    .iter()
                    .any(|server| Arc::ptr_eq(server, store.server()))
            {
                store.server().probe().await;
                probed.push(store.server());
            }
        }
    }

    /// What keeps the store with this label; None if there is none.
    pub fn backend(&self, label: &StoreLabel) -> Option<Backend> {
        self.stores.get(label).map(Store::backend)
    }

    /// What keeps any of the stores, each once, in a fixed order.
    pub fn backends(&self) -> BTreeSet<Backend> {
        self.stores.values().map(Store::backend).collect()
    }

    /// The value under a key.
    pub async fn get(&self, label: &StoreLabel, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        check_key(key)?;
        match self.store(label)? {
            Store::Sqlite(store) => store.get(key),
            Store::Redis(store) => Box::pin(store.get(key)).await,
        }
    }

    /// Whether there is a value under a key.
    pub async fn exists(&self, label: &StoreLabel, key: &str) -> Result<bool, StoreError> {
        check_key(key)?;
        match self.store(label)? {
            Store::Sqlite(store) => store.exists(key),
            Store::Redis(store) => Box::pin(store.exists(key)).await,
        }
    }

    /// All keys of a store, in no particular order. While others write, a server may leave out
    /// keys that are new, and give some that are gone.
    pub async fn keys(&self, label: &StoreLabel) -> Result<Vec<String>, StoreError> {
        match self.store(label)? {
            Store::Sqlite(store) => store.keys(),
            Store::Redis(store) => Box::pin(store.keys()).await,
        }
    }

    /// The values under several keys, all as of the same moment, in the order of the keys.
    pub async fn get_many(
        &self,
        label: &StoreLabel,
        keys: Vec<String>,
    ) -> Result<Vec<(String, Option<Vec<u8>>)>, StoreError> {
        keys.iter().try_for_each(|key| check_key(key))?;
        match self.store(label)? {
            Store::Sqlite(store) => store.get_many(keys),
            Store::Redis(store) => Box::pin(store.get_many(keys)).await,
        }
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
        match self.store(label)? {
            Store::Sqlite(store) => store.set_many(entries).await,
            Store::Redis(store) => Box::pin(store.set_many(entries)).await,
        }
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
        match self.store(label)? {
            Store::Sqlite(store) => store.delete_many(keys).await,
            Store::Redis(store) => Box::pin(store.delete_many(keys)).await,
        }
    }

    /// Adds to the counter under a key and gives its new value. Where there is nothing, it
    /// counts from 0; adding 0 there leaves it so. A counter is kept as Spin keeps it: in SQLite
    /// a signed number in 8 bytes, the lowest first; in Redis a number in digits.
    ///
    /// # Errors
    /// `StoreError::NotACounter` or `NotANumber` if the value is something else,
    /// `CounterOverflow` if the sum is no signed 64-bit number.
    pub async fn increment(
        &self,
        label: &StoreLabel,
        key: impl Into<String>,
        delta: i64,
    ) -> Result<i64, StoreError> {
        let key = key.into();
        check_key(&key)?;
        match self.store(label)? {
            Store::Sqlite(store) => store.increment(key, delta).await,
            Store::Redis(store) => Box::pin(store.increment(key, delta)).await,
        }
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
        match self.store(label)? {
            Store::Sqlite(store) => store.compare_and_swap(key, expected, value).await,
            Store::Redis(store) => Box::pin(store.compare_and_swap(key, expected, value)).await,
        }
    }

    /// Waits until all writes that have been handed in are done. What a server was told is done
    /// when the one who told it knows.
    ///
    /// # Errors
    /// `StoreError::Unavailable` if a file cannot be written any more.
    pub async fn flush(&self) -> Result<(), StoreError> {
        for store in self.stores.values() {
            if let Store::Sqlite(store) = store {
                store.flush().await?;
            }
        }
        Ok(())
    }

    fn store(&self, label: &StoreLabel) -> Result<&Store, StoreError> {
        self.stores
            .get(label)
            .ok_or_else(|| StoreError::NoSuchStore(label.clone()))
    }
}

impl Store {
    fn backend(&self) -> Backend {
        match self {
            Self::Sqlite(_) => Backend::Sqlite,
            Self::Redis(_) => Backend::Redis,
        }
    }
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
        let stores = self.stores.iter();
        f.debug_map()
            .entries(stores.map(|(label, store)| (label.as_str(), store)))
            .finish()
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sqlite(store) => store.fmt(f),
            Self::Redis(store) => store.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests;
