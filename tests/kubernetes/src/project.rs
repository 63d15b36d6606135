//! Where things are: this repository, what `make chart-packages` installs, and the reference
//! beside the checkout.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

/// The repository's root.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .unwrap_or(Path::new("."))
        .to_owned()
}

/// The chart.
#[must_use]
pub fn chart() -> PathBuf {
    root().join("k8s/chart")
}

/// Something that `make chart-packages` installs under `target`.
///
/// # Errors
/// If it is not there.
pub fn installed(path: &str) -> Result<PathBuf> {
    let path = root().join("target").join(path);
    ensure!(
        path.exists(),
        "{} is missing: run `make chart-packages`",
        path.display()
    );
    Ok(path)
}

/// Why custom kinds are not held against their schemas where there are none, and what to do.
pub const NO_CUSTOM_SCHEMAS: &str = "there is no folder ../shared/crds beside the checkout with \
     the schemas of custom kinds; k8s/README.md says how to make one";

/// The schemas of custom resources, if the reference stands beside the checkout.
#[must_use]
pub fn custom_schemas() -> Option<PathBuf> {
    let path = root().join("../shared/crds");
    path.is_dir().then_some(path)
}
