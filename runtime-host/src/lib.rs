//! Runs Spin applications in wasmtime: a host as a library, for tests and for the binary of the
//! same name.
//!
//! [`Host::builder`] takes a manifest, [`Host::builder_of_pulled`] what [`pull`] has got out of a
//! registry; [`HostBuilder::start`] loads the application and serves
//! it on threads of its own; [`Host::drain`] ends it without losing a request. Dropping the
//! host stops it at once.
//!
//! The host knows nothing of the applications that it runs.

mod app;
mod capabilities;
mod causes;
pub mod cli;
mod clock;
mod compiled;
mod composition;
mod engine;
mod guest_output;
mod host;
mod imports;
mod instance;
mod kept_files;
mod oci;
mod server;
mod settings;
mod start_up_text;
mod telemetry;

pub use app::LoadError;
pub use clock::{SystemClock, WallClock};
pub use composition::CompositionError;
pub use engine::EngineError;
pub use host::{Host, HostBuilder, StartError};
pub use imports::ImportError;
pub use oci::{Access, Annotations, OciError, Pulled, Reference, pull, push};
pub use runtime_host_keyvalue::{OpenError, StoreError, StoreLabel, Stores};
pub use runtime_host_manifest::{
    InvalidReadinessPath, ManifestError, ReadinessPath, RuntimeConfigError,
};
pub use server::listener::ListenError;
pub use server::threads::DrainReport;
pub use settings::Limits;
pub use start_up_text::{PublicRoute, StartUpText};
pub use telemetry::Summary;
