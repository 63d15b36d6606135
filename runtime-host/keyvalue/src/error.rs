//! What can go wrong with a store, when it is opened and when it is used.

use std::path::{Path, PathBuf};

use runtime_host_manifest::{RedisUrl, StoreLabel};
use rusqlite::ErrorCode;

use crate::sqlite::BUSY_TIMEOUT;

/// An operation that a store does not do. Nothing has been changed, unless it says otherwise.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// No store has this label.
    #[error(
        "there is no key-value store `{0}`: list it in `key_value_stores` of a component in spin.toml"
    )]
    NoSuchStore(StoreLabel),
    /// There is no room left for the value.
    #[error("{} cannot grow, because its disk is full: free some space", path.display())]
    StoreFull {
        /// The file of the store.
        path: PathBuf,
    },
    /// The value under a key that should count is not a counter.
    #[error(
        "`{key}` is not a counter, because its value has {length} bytes instead of 8: delete it, \
         or count under another key"
    )]
    NotACounter {
        /// The key.
        key: String,
        /// How long its value is.
        length: usize,
    },
    /// The value under a key that should count on a server is not a number.
    #[error(
        "`{key}` is not a counter, because its value is not a signed 64-bit number in digits: \
         delete it, or count under another key"
    )]
    NotANumber {
        /// The key.
        key: String,
    },
    /// A counter would leave the range of a signed 64-bit number.
    #[error(
        "adding {delta} to the counter `{key}` leaves the range of a signed 64-bit number: set it \
         anew"
    )]
    CounterOverflow {
        /// The key.
        key: String,
        /// What should have been added.
        delta: i64,
    },
    /// The key is too long.
    #[error("a key may have {limit} bytes, but this one has {length}: use a shorter one")]
    KeyTooLong {
        /// How long it is, in bytes.
        length: usize,
        /// How long it may be, in bytes.
        limit: usize,
    },
    /// The value is too long.
    #[error("a value may have {limit} bytes, but this one has {length}: split it")]
    ValueTooLong {
        /// How long it is, in bytes.
        length: usize,
        /// How long it may be, in bytes.
        limit: usize,
    },
    /// The store cannot be used just now, or not any more. A write may have been done
    /// nevertheless.
    #[error("the key-value store is not available: {0}")]
    Unavailable(String),
    /// The server of the store does not do it: its memory is full, or it is not allowed, or the
    /// value is of a type that is no value here. Nothing has been changed.
    #[error("the key-value store refuses: {0}")]
    Refused(String),
}

impl StoreError {
    pub(crate) fn from_sqlite(error: &rusqlite::Error, path: &Path) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::StoreFull {
                path: path.to_owned(),
            },
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                Self::Unavailable(format!(
                    "another process has locked {} for more than {} s",
                    path.display(),
                    BUSY_TIMEOUT.as_secs()
                ))
            }
            _ => Self::Unavailable(format!("{}: {error}", path.display())),
        }
    }
}

/// A store that cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder of the file cannot be made.
    #[error(
        "the folder for the key-value store {} cannot be made ({reason}): make it, or name another \
         with `--state-dir`",
        path.display()
    )]
    Folder {
        /// The file of the store.
        path: PathBuf,
        /// What the system says.
        reason: std::io::Error,
    },
    /// The file is something else.
    #[error(
        "{} is not an SQLite database: move it away, or name another folder with `--state-dir`",
        path.display()
    )]
    NotADatabase {
        /// The file.
        path: PathBuf,
    },
    /// The database has a table of the same name, but with other columns.
    #[error(
        "the table `spin_key_value` in {} lacks the columns `store`, `key` and `value`: move the \
         file away, or name another folder with `--state-dir`",
        path.display()
    )]
    OtherTable {
        /// The file.
        path: PathBuf,
    },
    /// The file or its folder cannot be written.
    #[error(
        "the key-value store {} cannot be written ({reason}): make the file and its folder \
         writable, or name another folder with `--state-dir`",
        path.display()
    )]
    NotWritable {
        /// The file.
        path: PathBuf,
        /// What SQLite or the system says.
        reason: String,
    },
    /// Another process has the database for itself.
    #[error(
        "the key-value store {} is locked by another process: end it, or name another folder with \
         `--state-dir`",
        path.display()
    )]
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// The URL of a server cannot be used.
    #[error("{url} cannot be used as a key-value store: {reason}")]
    Redis {
        /// The server.
        url: RedisUrl,
        /// Why not.
        reason: String,
    },
    /// Anything else.
    #[error("the key-value store {} cannot be opened: {reason}", path.display())]
    Other {
        /// The file.
        path: PathBuf,
        /// What SQLite or the system says.
        reason: String,
    },
}

impl OpenError {
    pub(crate) fn from_sqlite(error: &rusqlite::Error, path: &Path) -> Self {
        let path = path.to_owned();
        let reason = error.to_string();
        match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => Self::NotADatabase { path },
            Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
                Self::NotWritable { path, reason }
            }
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Locked { path },
            _ => Self::Other { path, reason },
        }
    }
}
