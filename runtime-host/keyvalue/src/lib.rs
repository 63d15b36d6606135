//! Key-value stores by label, kept in SQLite in the table that Spin uses, so that a store made
//! by `spin up` is read here and the other way round. Nothing is known here of WebAssembly, or
//! of which component may open which store: that is the host's part.
//!
//! One thread per database file does all writing. It commits whatever is queued as one
//! transaction and then acknowledges each write, so that many writers cost little more than one.
//! An acknowledged write survives the end of the process, however sudden (WAL,
//! `synchronous=NORMAL`; after a loss of power the last writes may be missing, but the file is
//! whole). Reads are done by the caller's own thread, each with its own connection, and see every
//! write that has been acknowledged.
//!
//! ```
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use runtime_host_keyvalue::{StoreLabel, Stores};
//!
//! let label: StoreLabel = "default".parse()?;
//! let stores = Stores::sqlite(".spin/sqlite_key_value.db".as_ref(), [label.clone()])?;
//! stores.set(&label, "greeting", b"hello".to_vec()).await?;
//! assert_eq!(stores.get(&label, "greeting").await?, Some(b"hello".to_vec()));
//! # Ok(())
//! # }
//! ```

mod database;
mod error;
mod stores;
mod table;
mod writer;

pub use error::{OpenError, StoreError};
pub use runtime_host_manifest::StoreLabel;
pub use stores::{MAX_KEY_BYTES, MAX_VALUE_BYTES, Stores, Swap};
