//! How Spin lays an application out in a registry, and how much of it is taken.
//!
//! An image manifest whose layers are the Wasm files of the components, their files, and last the
//! locked application, which names the others by digest. The image's config only makes the image
//! different from every other.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The locked application: a layer, or in old artefacts the config.
pub(super) const APPLICATION: &str = "application/vnd.fermyon.spin.application.v1+config";

/// A Wasm file.
pub(super) const WASM: &str = "application/vnd.wasm.content.layer.v1+wasm";

/// A file of a component.
pub(super) const DATA: &str = "application/vnd.wasm.content.layer.v1+data";

/// An OCI image manifest, and the older Docker form of it, in which some registries answer.
pub(super) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(super) const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";

/// Lists of images, which an application is not; asked for to say so.
pub(super) const INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(super) const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";

/// The config of an image.
pub(super) const CONFIG: &str = "application/vnd.oci.image.config.v1+json";

/// The label of the image's config that names the locked application.
pub(super) const APPLICATION_LABEL: &str = "com.fermyon.spin.lockedAppDigest";

/// Files up to this size stand in the locked application itself: some registries refuse very
/// small layers.
pub(super) const MOST_INLINE: usize = 128;

/// The OCI distribution specification has registries take manifests up to this size.
pub(super) const MOST_MANIFEST: u64 = 4 << 20;

/// The locked application and the config are JSON that is read at once.
pub(super) const MOST_JSON: u64 = 8 << 20;

/// One layer.
pub(super) const MOST_LAYER: u64 = 512 << 20;

/// All layers together.
pub(super) const MOST_BYTES: u64 = 2 << 30;

/// As many layers as every well-known registry takes.
pub(super) const MOST_LAYERS: usize = 500;

/// An image manifest, as far as it matters.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Manifest {
    pub(super) schema_version: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) media_type: Option<String>,
    pub(super) config: Descriptor,
    pub(super) layers: Vec<Descriptor>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) annotations: BTreeMap<String, String>,
}

/// What a manifest says of a layer.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Descriptor {
    pub(super) media_type: String,
    pub(super) digest: String,
    pub(super) size: u64,
}
