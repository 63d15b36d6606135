//! Key-value stores by label, each kept as Spin keeps it, so that a store made by `spin up` is
//! read here and the other way round. Nothing is known here of WebAssembly, or of which component
//! may open which store: that is the host's part.
//!
//! **SQLite.** One thread per database file does all writing. It commits whatever is queued as one
//! transaction and then acknowledges each write, so that many writers cost little more than one.
//! An acknowledged write survives the end of the process, however sudden (WAL,
//! `synchronous=NORMAL`; after a loss of power the last writes may be missing, but the file is
//! whole). Reads are done by the caller's own thread, each with its own connection, and see every
//! write that has been acknowledged.
//!
//! **Redis.** Hosts that name the same server share their stores. Each thread has one connection
//! for all its callers, whose commands are pipelined; it is made anew when it is lost. Callers
//! never wait longer for a server than about a second, and not at all while it is known to be
//! away. How long an acknowledged write survives is the server's business.
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

mod error;
mod redis;
mod sqlite;
mod stores;

pub use error::{OpenError, StoreError};
pub use runtime_host_manifest::{KeyValueStore, RedisUrl, StoreLabel};
pub use stores::{Backend, MAX_KEY_BYTES, MAX_VALUE_BYTES, Stores, Swap};
