//! `wasmtime serve`: a host for one component, without routes, stores and variables.

use std::path::Path;

use anyhow::Result;

use super::{Launcher, Server, free_address};
use crate::programs::Program;

impl Launcher<'_> {
    /// `wasmtime serve` of a component that imports nothing but WASI.
    ///
    /// # Errors
    /// If it does not serve.
    pub async fn wasmtime_serve(
        &self,
        wasmtime: &Program,
        name: &str,
        component: &Path,
    ) -> Result<Server> {
        let folder = self.folder(name)?;
        let address = free_address()?;
        let mut command = self.command(&wasmtime.path);
        command
            // WASI 0.3 is still behind switches.
            .args(["serve", "-Scli", "-Sp3", "-Wcomponent-model-async"])
            .args(["--addr", &address.to_string()])
            .arg(component);
        self.start(name, command, &folder, address, "/").await
    }
}
