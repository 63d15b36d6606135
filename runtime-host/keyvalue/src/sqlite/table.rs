//! The statements on Spin's table, each on a connection that somebody else has opened, within a
//! transaction that somebody else commits.

use rusqlite::types::{FromSqlError, ValueRef};
use rusqlite::{Connection, OptionalExtension, Row};

/// Makes the table as Spin makes it, if it isn't there.
pub(crate) fn create(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(
        "CREATE TABLE IF NOT EXISTS spin_key_value (
            store TEXT NOT NULL,
            key TEXT NOT NULL,
            value BLOB NOT NULL,
            PRIMARY KEY (store, key)
        )",
    )
}

/// Whether the table has the columns that are used here.
pub(crate) fn is_usable(connection: &Connection) -> bool {
    connection
        .prepare("SELECT store, key, value FROM spin_key_value")
        .is_ok()
}

pub(crate) fn get(
    connection: &Connection,
    store: &str,
    key: &str,
) -> rusqlite::Result<Option<Vec<u8>>> {
    connection
        .prepare_cached("SELECT value FROM spin_key_value WHERE store = ?1 AND key = ?2")?
        .query_row((store, key), bytes)
        .optional()
}

pub(crate) fn exists(connection: &Connection, store: &str, key: &str) -> rusqlite::Result<bool> {
    connection
        .prepare_cached("SELECT 1 FROM spin_key_value WHERE store = ?1 AND key = ?2")?
        .exists((store, key))
}

pub(crate) fn keys(connection: &Connection, store: &str) -> rusqlite::Result<Vec<String>> {
    connection
        .prepare_cached("SELECT key FROM spin_key_value WHERE store = ?1")?
        .query_map([store], |row| row.get(0))?
        .collect()
}

pub(crate) fn set(
    connection: &Connection,
    store: &str,
    key: &str,
    value: &[u8],
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO spin_key_value (store, key, value) VALUES (?1, ?2, ?3)
             ON CONFLICT (store, key) DO UPDATE SET value = excluded.value",
        )?
        .execute((store, key, value))
        .map(drop)
}

pub(crate) fn delete(connection: &Connection, store: &str, key: &str) -> rusqlite::Result<()> {
    connection
        .prepare_cached("DELETE FROM spin_key_value WHERE store = ?1 AND key = ?2")?
        .execute((store, key))
        .map(drop)
}

/// A value as bytes. Other programs may have written it as text.
fn bytes(row: &Row<'_>) -> rusqlite::Result<Vec<u8>> {
    match row.get_ref(0)? {
        ValueRef::Blob(bytes) | ValueRef::Text(bytes) => Ok(bytes.to_vec()),
        _ => Err(FromSqlError::InvalidType.into()),
    }
}
