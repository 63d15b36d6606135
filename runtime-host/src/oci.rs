//! Applications in OCI registries, laid out as Spin lays them out: what Spin has pushed runs here,
//! and what is pushed here runs in Spin.
//!
//! [`pull`] gets an application, [`push`] puts one there. Whatever was pulled is checked against
//! its digest, again each time that it is read from the cache. Running it is not done here.

mod cache;
mod client;
mod credentials;
mod digest;
mod error;
mod files;
mod layout;
mod pull;
mod push;
mod reference;
mod trust;

use std::path::PathBuf;

pub(crate) use cache::Cache;
pub(crate) use credentials::login;
pub use error::OciError;
pub use pull::{Pulled, pull};
pub use push::{Annotations, push};
pub use reference::Reference;

/// How registries are reached.
#[derive(Debug, Clone, Default)]
pub struct Access {
    /// Over plain HTTP instead of HTTPS.
    pub insecure: bool,
    /// Certificates in PEM to trust besides the system's and the web's.
    pub ca_file: Option<PathBuf>,
    /// Where to keep what was pulled, instead of the user's cache folder.
    pub cache_dir: Option<PathBuf>,
}
