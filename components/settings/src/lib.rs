//! What a deployment sets: the variables of spin.toml, read once per instance. They are checked
//! together: all that is wrong with them is told at once, by name and with what would be right,
//! and no secret is.
//!
//! The rates component works by them; the health component reads them too, so that a deployment
//! whose settings can't work is never said to be ready.

pub mod adapters;
mod faults;
mod rules;
mod settings;
mod terms;
mod text;
mod upstreams;

pub use faults::Faults;
pub use settings::Settings;
pub use terms::Terms;
pub use upstreams::Upstream;
