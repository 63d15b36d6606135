//! Key-value stores by label, kept in SQLite in the table layout that Spin uses.
//!
//! [`Stores`] is what a host holds: it knows which labels there are and where each is kept.
//! One backend exists, [`sqlite`]; another one is another variant behind the same calls.
//!
//! Who may use which label is not decided here: that is the manifest's business.

mod error;
mod limits;
pub mod sqlite;
mod stores;

pub use error::StoreError;
pub use stores::Stores;
