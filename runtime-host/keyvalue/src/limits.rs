//! How large keys and values may be, on every backend.

use crate::StoreError;

/// Longest key in bytes. A key is looked up in an index; this keeps one on a page chain.
const KEY_BYTES: usize = 64 * 1024;

/// Largest value in bytes.
const VALUE_BYTES: usize = 64 * 1024 * 1024;

pub(crate) fn check_key(key: &str) -> Result<(), StoreError> {
    check("a key", key.len(), KEY_BYTES)
}

pub(crate) fn check_value(value: &[u8]) -> Result<(), StoreError> {
    check("a value", value.len(), VALUE_BYTES)
}

fn check(what: &'static str, bytes: usize, limit: usize) -> Result<(), StoreError> {
    if bytes > limit {
        return Err(StoreError::TooLarge { what, bytes, limit });
    }
    Ok(())
}
