//! A key-value store that a component has opened, through whichever interface. Every operation is
//! timed for the record of the instance's core.

use std::sync::Arc;
use std::time::Instant;

use runtime_host_keyvalue::{Backend, StoreError, StoreLabel, Stores, Swap};

use crate::telemetry::record::{Operation, StoreRecord};

/// A store that a component has opened.
#[derive(Clone)]
#[expect(unreachable_pub, reason = "the generated bindings pass it on")]
pub struct OpenStore {
    stores: Arc<Stores>,
    label: Arc<StoreLabel>,
    backend: Backend,
    record: Arc<StoreRecord>,
}

impl OpenStore {
    /// None if there is no such store.
    pub(super) fn new(
        stores: &Arc<Stores>,
        label: &Arc<StoreLabel>,
        record: &Arc<StoreRecord>,
    ) -> Option<Self> {
        Some(Self {
            backend: stores.backend(label)?,
            stores: Arc::clone(stores),
            label: Arc::clone(label),
            record: Arc::clone(record),
        })
    }

    pub(super) async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.timed(Operation::Get, self.stores.get(&self.label, key))
            .await
    }

    pub(super) async fn exists(&self, key: &str) -> Result<bool, StoreError> {
        self.timed(Operation::Exists, self.stores.exists(&self.label, key))
            .await
    }

    pub(super) async fn keys(&self) -> Result<Vec<String>, StoreError> {
        self.timed(Operation::GetKeys, self.stores.keys(&self.label))
            .await
    }

    pub(super) async fn get_many(
        &self,
        keys: Vec<String>,
    ) -> Result<Vec<(String, Option<Vec<u8>>)>, StoreError> {
        self.timed(Operation::GetMany, self.stores.get_many(&self.label, keys))
            .await
    }

    pub(super) async fn set(&self, key: String, value: Vec<u8>) -> Result<(), StoreError> {
        self.timed(Operation::Set, self.stores.set(&self.label, key, value))
            .await
    }

    pub(super) async fn set_many(&self, entries: Vec<(String, Vec<u8>)>) -> Result<(), StoreError> {
        self.timed(
            Operation::SetMany,
            self.stores.set_many(&self.label, entries),
        )
        .await
    }

    pub(super) async fn delete(&self, key: String) -> Result<(), StoreError> {
        self.timed(Operation::Delete, self.stores.delete(&self.label, key))
            .await
    }

    pub(super) async fn delete_many(&self, keys: Vec<String>) -> Result<(), StoreError> {
        self.timed(
            Operation::DeleteMany,
            self.stores.delete_many(&self.label, keys),
        )
        .await
    }

    pub(super) async fn increment(&self, key: String, delta: i64) -> Result<i64, StoreError> {
        self.timed(
            Operation::Increment,
            self.stores.increment(&self.label, key, delta),
        )
        .await
    }

    pub(super) async fn compare_and_swap(
        &self,
        key: &str,
        expected: Option<Vec<u8>>,
        value: Vec<u8>,
    ) -> Result<Swap, StoreError> {
        let swapping = self
            .stores
            .compare_and_swap(&self.label, key, expected, value);
        self.timed(Operation::CompareAndSwap, swapping).await
    }

    async fn timed<T>(
        &self,
        operation: Operation,
        done: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let began = Instant::now();
        let result = done.await;
        self.record.of(self.backend).done(operation, began, &result);
        result
    }
}
