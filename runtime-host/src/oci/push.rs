//! Puts an application into a registry: components with their dependencies composed in, their
//! files, and the locked application that names them all.

use std::collections::{BTreeMap, HashSet};
use std::env;
use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures::stream::{self, StreamExt, TryStreamExt};
use runtime_host_manifest::{Application, Component, FileContent, LockedContents, lock};
use serde_json::json;

use super::Access;
use super::client::{Purpose, RegistryClient};
use super::credentials::Credentials;
use super::digest::Digest;
use super::error::OciError;
use super::files;
use super::layout::{self, Descriptor, Manifest};
use super::reference::Reference;
use crate::app;

/// How many layers are pushed at the same time.
const AT_ONCE: usize = 4;

/// Seconds since 1970 that builds are to take for now, so that the same sources make the same
/// artefact (reproducible-builds.org).
const SOURCE_DATE_EPOCH: &str = "SOURCE_DATE_EPOCH";

const CREATED: &str = "org.opencontainers.image.created";
const AUTHORS: &str = "org.opencontainers.image.authors";
const TITLE: &str = "org.opencontainers.image.title";
const DESCRIPTION: &str = "org.opencontainers.image.description";
const VERSION: &str = "org.opencontainers.image.version";

/// What is said about an artefact, by name.
pub type Annotations = BTreeMap<String, String>;

/// Pushes the application of a manifest, and gives the digest of what was pushed. `annotations`
/// are stronger than those that are made from the application.
///
/// # Errors
/// Whatever is wrong with the application or on the way, as one sentence with the fix.
pub async fn push(
    manifest: &Path,
    reference: &Reference,
    annotations: Annotations,
    access: &Access,
) -> Result<String, OciError> {
    if reference.digest().is_some() {
        return Err(OciError::DigestToPush(reference.to_string()));
    }
    let application = runtime_host_manifest::load(manifest)?;
    let artefact = Artefact::of(&application, annotations, reference)?;

    let credentials = Credentials::find(reference.registry())?;
    let client = RegistryClient::open(reference, access, credentials)?;
    client.authenticate(Purpose::Push).await?;
    stream::iter(artefact.layers.iter().chain([&artefact.config]))
        .map(|layer| client.push(&layer.digest, layer.content.clone()))
        .buffer_unordered(AT_ONCE)
        .try_collect::<()>()
        .await?;
    client.push_manifest(artefact.manifest).await?;
    Ok(artefact.digest.to_string())
}

/// A content and its kind.
struct Layer {
    media_type: &'static str,
    digest: Digest,
    content: Bytes,
}

impl Layer {
    fn new(media_type: &'static str, content: Vec<u8>) -> Self {
        Self {
            media_type,
            digest: Digest::of(&content),
            content: content.into(),
        }
    }

    fn descriptor(&self) -> Descriptor {
        Descriptor {
            media_type: self.media_type.to_owned(),
            digest: self.digest.to_string(),
            size: self.content.len() as u64,
        }
    }
}

/// Everything that is to be pushed.
struct Artefact {
    layers: Vec<Layer>,
    config: Layer,
    manifest: Bytes,
    digest: Digest,
}

impl Artefact {
    fn of(
        application: &Application,
        annotations: Annotations,
        reference: &Reference,
    ) -> Result<Self, OciError> {
        let mut layers = Layers::default();
        let mut contents = BTreeMap::new();
        for component in application.components.values() {
            let wasm = app::composed(application, component, None)?;
            let locked = LockedContents {
                wasm: layers.add(layout::WASM, wasm),
                files: layers.add_files(application, component)?,
            };
            contents.insert(component.id.clone(), locked);
        }
        let locked = lock(application, &contents)?;
        // Each layer once, but the application always last, where it is looked for.
        let application_digest = layers.add(layout::APPLICATION, locked);
        let layers = layers.all;
        if layers.len() > layout::MOST_LAYERS {
            return Err(OciError::TooLarge {
                what: "the application".to_owned(),
                reference: reference.to_string(),
                size: format!("{} layers, one for each file", layers.len()),
                limit: layout::MOST_LAYERS.to_string(),
            });
        }

        let config = json!({
            "architecture": "wasm",
            "os": "Wasip1",
            "config": { "Labels": { (layout::APPLICATION_LABEL): application_digest } },
            "rootfs": { "type": "layers", "diff_ids": [] },
        });
        let config = Layer::new(layout::CONFIG, config.to_string().into_bytes());
        let manifest = Manifest {
            schema_version: 2,
            media_type: Some(layout::MANIFEST.to_owned()),
            config: config.descriptor(),
            layers: layers.iter().map(Layer::descriptor).collect(),
            annotations: annotated(application, annotations),
        };
        let manifest: Bytes = serde_json::to_vec(&manifest)
            .map_err(|error| OciError::Setup(error.to_string()))?
            .into();
        Ok(Self {
            layers,
            config,
            digest: Digest::of(&manifest),
            manifest,
        })
    }
}

/// Layers in their order, each once.
#[derive(Default)]
struct Layers {
    all: Vec<Layer>,
    known: HashSet<Digest>,
}

impl Layers {
    /// Adds a layer and gives its digest.
    fn add(&mut self, media_type: &'static str, content: Vec<u8>) -> String {
        let layer = Layer::new(media_type, content);
        let digest = layer.digest.to_string();
        if self.known.insert(layer.digest.clone()) {
            self.all.push(layer);
        }
        digest
    }

    fn add_files(
        &mut self,
        application: &Application,
        component: &Component,
    ) -> Result<Vec<FileContent>, OciError> {
        let mut locked = Vec::new();
        for (inside, path) in files::of(application, component)? {
            let content = fs::read(&path).map_err(|error| OciError::Files {
                component: component.id.to_string(),
                reason: format!("{} cannot be read: {error}", path.display()),
            })?;
            locked.push(if content.len() <= layout::MOST_INLINE {
                FileContent {
                    path: inside,
                    digest: Digest::of(&content).to_string(),
                    inline: Some(STANDARD.encode(&content)),
                }
            } else {
                FileContent {
                    path: inside,
                    digest: self.add(layout::DATA, content),
                    inline: None,
                }
            });
        }
        Ok(locked)
    }
}

/// What is said about the artefact: what the application tells of itself, and what was given.
fn annotated(application: &Application, given: Annotations) -> Annotations {
    let mut annotations = Annotations::from([(CREATED.to_owned(), now())]);
    for (name, value) in [
        (TITLE, &application.name),
        (VERSION, &application.version),
        (DESCRIPTION, &application.description),
        (AUTHORS, &application.authors.join(", ")),
    ] {
        if !value.is_empty() {
            annotations.insert(name.to_owned(), value.clone());
        }
    }
    annotations.extend(given);
    annotations
}

fn now() -> String {
    let told = env::var(SOURCE_DATE_EPOCH).ok();
    let told = told.and_then(|seconds| seconds.parse().ok());
    let told =
        told.and_then(|seconds| SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds)));
    humantime::format_rfc3339_seconds(told.unwrap_or_else(SystemTime::now)).to_string()
}
