//! The stores of a host, by label.

use crate::StoreError;
use crate::limits::{check_key, check_value};
use crate::sqlite::{Change, Outcome, Sqlite};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

/// Every store that the host has. Clones share them.
#[derive(Debug, Clone)]
pub struct Stores {
    labels: Arc<BTreeSet<String>>,
    sqlite: Arc<Sqlite>,
}

impl Stores {
    /// Stores of these labels in one SQLite file, which is made if it is missing.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], if the file can't be made, or is no database.
    pub fn sqlite<L: Into<String>>(
        path: &Path,
        labels: impl IntoIterator<Item = L>,
    ) -> Result<Stores, StoreError> {
        Ok(Stores {
            labels: Arc::new(labels.into_iter().map(Into::into).collect()),
            sqlite: Arc::new(Sqlite::open(path)?),
        })
    }

    /// Whether there is a store of this label.
    pub fn has(&self, label: &str) -> bool {
        self.labels.contains(label)
    }

    /// The labels, sorted.
    pub fn labels(&self) -> impl Iterator<Item = &str> {
        self.labels.iter().map(String::as_str)
    }

    /// The value of a key. The future is ready at once: a read takes some microseconds and is
    /// done where it is asked for.
    ///
    /// # Errors
    /// See [`StoreError`], as for every operation.
    pub async fn get(&self, label: &str, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.of(label)?.get(label, key)
    }

    /// The values of several keys, in the order of the keys.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn get_many(
        &self,
        label: &str,
        keys: &[String],
    ) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        let store = self.of(label)?;
        keys.iter().map(|key| store.get(label, key)).collect()
    }

    /// Whether a key is there.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn exists(&self, label: &str, key: &str) -> Result<bool, StoreError> {
        self.of(label)?.exists(label, key)
    }

    /// All keys of a store, sorted.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn keys(&self, label: &str) -> Result<Vec<String>, StoreError> {
        self.of(label)?.keys(label)
    }

    /// Sets a key. Once this returns the value survives a crash of the host.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn set(&self, label: &str, key: &str, value: &[u8]) -> Result<(), StoreError> {
        self.set_many(label, &[(key.to_owned(), value.to_owned())])
            .await
    }

    /// Sets several keys, all or none.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn set_many(
        &self,
        label: &str,
        pairs: &[(String, Vec<u8>)],
    ) -> Result<(), StoreError> {
        for (key, value) in pairs {
            check_key(key)?;
            check_value(value)?;
        }
        self.change(label, Change::Set(pairs.to_vec())).await?;
        Ok(())
    }

    /// Removes a key; an absent one is no error.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn delete(&self, label: &str, key: &str) -> Result<(), StoreError> {
        self.delete_many(label, &[key.to_owned()]).await
    }

    /// Removes several keys, all or none.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn delete_many(&self, label: &str, keys: &[String]) -> Result<(), StoreError> {
        self.change(label, Change::Delete(keys.to_vec())).await?;
        Ok(())
    }

    /// Adds `delta` to a counter and gives the sum; an absent counter is 0. A counter is stored
    /// as 8 little-endian bytes, as Spin does on SQLite.
    ///
    /// # Errors
    /// [`StoreError::NotACounter`] if the key holds something else; see also [`StoreError`].
    pub async fn increment(&self, label: &str, key: &str, delta: i64) -> Result<i64, StoreError> {
        check_key(key)?;
        if delta == 0 {
            // A reading must not wait behind writes, nor make a key.
            let value = self.get(label, key).await?;
            return value.map_or(Ok(0), |value| crate::sqlite::counter(key, &value));
        }
        let change = Change::Increment {
            key: key.to_owned(),
            delta,
        };
        match self.change(label, change).await? {
            Outcome::Sum(sum) => Ok(sum),
            other => Err(mismatch(&other)),
        }
    }

    /// Sets a key if it still holds `expected` (None: if it is still absent). Otherwise gives
    /// back what it holds and changes nothing.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn compare_and_swap(
        &self,
        label: &str,
        key: &str,
        expected: Option<Vec<u8>>,
        value: Vec<u8>,
    ) -> Result<Result<(), Option<Vec<u8>>>, StoreError> {
        check_key(key)?;
        check_value(&value)?;
        let change = Change::Swap {
            key: key.to_owned(),
            expected,
            value,
        };
        match self.change(label, change).await? {
            Outcome::Done => Ok(Ok(())),
            Outcome::Held(held) => Ok(Err(held)),
            other => Err(mismatch(&other)),
        }
    }

    /// Waits until everything that was asked for before is stored.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn flush(&self) -> Result<(), StoreError> {
        self.sqlite.change("", Change::Set(Vec::new())).await?;
        Ok(())
    }

    fn of(&self, label: &str) -> Result<&Sqlite, StoreError> {
        if !self.has(label) {
            return Err(StoreError::NoSuchStore(label.to_owned()));
        }
        Ok(&self.sqlite)
    }

    async fn change(&self, label: &str, change: Change) -> Result<Outcome, StoreError> {
        self.of(label)?.change(label, change).await
    }
}

fn mismatch(outcome: &Outcome) -> StoreError {
    StoreError::Unavailable(format!("the writer answered {outcome:?} to something else"))
}
