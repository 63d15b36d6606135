//! The native twin: the rates service on plain axum, compiled natively, with the same store. It
//! shows what the product would cost without a sandbox, so it does all that the component does,
//! counting included, and nothing more.

mod adapters;
mod routes;
mod world;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::Path;

use anyhow::{Context, Result};
use runtime_host_keyvalue::{StoreLabel, Stores};
use runtime_host_manifest::{ComponentId, VariableOverride, VariableValues};

use crate::thread_per_core;

/// The component whose place the twin takes, as the manifest calls it.
const COMPONENT: &str = "rates";

/// The store that the component uses.
const STORE: &str = "default";

/// Where `runtime-host` and Spin keep their stores in a state folder.
pub const DATABASE: &str = "sqlite_key_value.db";

/// Serves the application of `manifest` until something fails. `listening` is told the address.
///
/// # Errors
/// If the manifest, a variable or the store can't be used, or the address is taken.
pub fn run(
    manifest: &Path,
    overrides: &[VariableOverride],
    state_folder: &Path,
    address: SocketAddr,
    workers: NonZeroUsize,
    listening: impl FnOnce(SocketAddr),
) -> Result<()> {
    let variables = variables(manifest, overrides)?;
    let label: StoreLabel = STORE.parse()?;
    let stores = Stores::sqlite(&state_folder.join(DATABASE), [label.clone()])?;
    thread_per_core::run(address, workers, listening, move |listener| {
        let world = world::World::new(stores.clone(), label.clone(), variables.clone());
        routes::serve(world, listener)
    })
}

/// What the component is given by the manifest.
fn variables(manifest: &Path, overrides: &[VariableOverride]) -> Result<BTreeMap<String, String>> {
    let application = runtime_host_manifest::load(manifest)?;
    let values = VariableValues::resolve(&application, overrides, |name| std::env::var(name).ok())?;
    let component: ComponentId = COMPONENT.parse()?;
    application
        .component_variables(&component, &values)
        .with_context(|| format!("the variables of `{COMPONENT}` can't be filled in"))
}
