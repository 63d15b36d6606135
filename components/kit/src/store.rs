//! The key-value store, as far as every Spin backend offers it: no expiry, no
//! compare-and-swap, no batches. Expiry lives inside the values.

use std::future::Future;

/// Why the store did not answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The component may not use this store, or there is none of that name.
    #[error("the store is closed to this component: {0}")]
    Closed(String),
    /// Nobody answered in time. What was asked for may have been done, or is done later.
    #[error("the store did not answer: {0}")]
    Unanswered(String),
    /// Anything else that the backend reports.
    #[error("the store failed: {0}")]
    Failed(String),
}

/// One key-value store.
pub trait Store {
    /// The value of `key`, if there is one.
    fn get(&self, key: &str) -> impl Future<Output = Result<Option<Vec<u8>>, StoreError>>;

    /// Sets `key`, overwriting what it held.
    fn set(&self, key: &str, value: &[u8]) -> impl Future<Output = Result<(), StoreError>>;

    /// Removes `key`; an absent key is no error.
    fn delete(&self, key: &str) -> impl Future<Output = Result<(), StoreError>>;

    /// Every key of the store, in no particular order.
    fn keys(&self) -> impl Future<Output = Result<Vec<String>, StoreError>>;

    /// Adds `delta` to a counter atomically and gives the sum; an absent counter is 0.
    ///
    /// A counter's encoding differs from backend to backend, so it is written only by this and
    /// read only by adding 0. After [`StoreError::Unanswered`] nobody knows whether `delta` was
    /// added; after other errors it was not.
    fn increment(&self, key: &str, delta: i64) -> impl Future<Output = Result<i64, StoreError>>;
}
