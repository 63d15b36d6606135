//! Why a store did not do what was asked.

/// A failed operation. Nothing of it was stored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// No store has this label.
    #[error("there is no key-value store `{0}`")]
    NoSuchStore(String),
    /// The disk is full.
    #[error("the key-value store is full: free space on the disk of {0}")]
    Full(String),
    /// The key or the value is larger than a store takes.
    #[error("{what} of {bytes} bytes is too large: at most {limit} bytes are possible")]
    TooLarge {
        /// What is too large: a key or a value.
        what: &'static str,
        /// Its size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// An increment of something that was never written by an increment.
    #[error(
        "the value of `{key}` is no counter: it has {bytes} bytes instead of 8; delete the key, or use another one for counting"
    )]
    NotACounter {
        /// The key.
        key: String,
        /// Length of its value.
        bytes: usize,
    },
    /// The sum does not fit into 64 bits.
    #[error("the counter `{0}` would overflow")]
    Overflow(String),
    /// The backend can't be used at the moment, or at all.
    #[error("the key-value store is unavailable: {0}")]
    Unavailable(String),
}
