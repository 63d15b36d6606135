//! Gets an application out of a registry into the cache, and reads it. What the cache has is not
//! asked for again; if that is everything, and the digest is known, the registry is not needed.

use bytes::Bytes;
use futures::stream::{self, StreamExt, TryStreamExt};
use runtime_host_manifest::{Application, Content, FileMount, unlock};
use serde_json::Value;
use std::collections::BTreeMap;

use super::Access;
use super::cache::Cache;
use super::client::{Purpose, RegistryClient};
use super::credentials::Credentials;
use super::digest::Digest;
use super::error::OciError;
use super::layout::{self, Descriptor, Manifest};
use super::reference::Reference;

/// How many layers are pulled at the same time.
const AT_ONCE: usize = 4;

/// An application out of a registry, with everything that it is made of.
pub struct Pulled {
    pub(crate) application: Application,
    pub(crate) contents: Cache,
    reference: Reference,
    digest: Digest,
}

impl Pulled {
    /// What the artefact's manifest hashes to, which is the version that was pulled.
    pub fn digest(&self) -> &str {
        self.digest.as_str()
    }

    /// What was asked for.
    pub fn reference(&self) -> &Reference {
        &self.reference
    }
}

/// Gets an application.
///
/// # Errors
/// Whatever is wrong on the way or with the application, as one sentence with the fix.
pub async fn pull(reference: &Reference, access: &Access) -> Result<Pulled, OciError> {
    let mut source = Source {
        reference,
        access,
        cache: Cache::open(access.cache_dir.as_deref()),
        client: None,
    };
    let (digest, manifest) = source.manifest().await?;
    let manifest = read_manifest(reference, &manifest)?;
    let layers = source.layers(&manifest).await?;
    let json = locked_application(reference, &manifest, &layers, &source.cache)?;
    let application =
        unlock(&json, &reference.to_string()).map_err(|problem| OciError::Unlock {
            reference: reference.to_string(),
            problem,
        })?;
    check_contents(reference, &application, &layers)?;
    Ok(Pulled {
        application,
        contents: source.cache,
        reference: reference.clone(),
        digest,
    })
}

/// The layers of an artefact with the digests they are known by.
type Layers = BTreeMap<Digest, Descriptor>;

/// A registry with a cache before it, which is asked only for what the cache has not.
struct Source<'a> {
    reference: &'a Reference,
    access: &'a Access,
    cache: Cache,
    client: Option<RegistryClient>,
}

impl Source<'_> {
    async fn connect(&mut self) -> Result<(), OciError> {
        if self.client.is_none() {
            let credentials = Credentials::find(self.reference.registry())?;
            let client = RegistryClient::open(self.reference, self.access, credentials)?;
            client.authenticate(Purpose::Pull).await?;
            self.client = Some(client);
        }
        Ok(())
    }

    async fn manifest(&mut self) -> Result<(Digest, Bytes), OciError> {
        if let Some(digest) = self.reference.digest()
            && let Some(manifest) = self.cache.read(digest)
        {
            return Ok((digest.clone(), manifest));
        }
        self.connect().await?;
        let manifest = match &self.client {
            Some(client) => client.manifest().await?,
            None => Bytes::new(),
        };
        check_size(
            self.reference,
            "the manifest",
            manifest.len() as u64,
            layout::MOST_MANIFEST,
        )?;
        let digest = Digest::of(&manifest);
        if let Some(expected) = self.reference.digest()
            && *expected != digest
        {
            return Err(OciError::Corrupted {
                what: "the manifest".to_owned(),
                reference: self.reference.to_string(),
                expected: expected.to_string(),
                found: format!("it hashes to {digest}"),
            });
        }
        self.cache.put(&digest, &manifest)?;
        Ok((digest, manifest))
    }

    /// Has everything that the manifest names in the cache.
    async fn layers(&mut self, manifest: &Manifest) -> Result<Layers, OciError> {
        let mut layers = Layers::new();
        let mut bytes: u64 = 0;
        for layer in manifest.layers.iter().chain([&manifest.config]) {
            let digest: Digest = layer.digest.parse().map_err(|error| {
                let found = format!("an artefact with a layer that cannot be checked ({error})");
                not_an_application(self.reference, found)
            })?;
            let what = format!("the layer {digest}");
            check_size(self.reference, &what, layer.size, layout::MOST_LAYER)?;
            bytes = bytes.saturating_add(layer.size);
            layers.insert(digest, layer.clone());
        }
        check_size(self.reference, "the whole", bytes, layout::MOST_BYTES)?;

        let missing: Vec<_> = layers
            .iter()
            .filter(|(digest, _)| !self.cache.has(digest))
            .collect();
        if missing.is_empty() {
            return Ok(layers);
        }
        self.connect().await?;
        if let Some(client) = &self.client {
            let cache = &self.cache;
            stream::iter(missing)
                .map(|(digest, layer)| client.pull(digest, layer.size, cache))
                .buffer_unordered(AT_ONCE)
                .try_collect::<()>()
                .await?;
        }
        Ok(layers)
    }
}

fn check_size(reference: &Reference, what: &str, size: u64, limit: u64) -> Result<(), OciError> {
    if size <= limit {
        return Ok(());
    }
    let shown = |bytes| bytesize::ByteSize::b(bytes).to_string();
    Err(OciError::TooLarge {
        what: what.to_owned(),
        reference: reference.to_string(),
        size: shown(size),
        limit: shown(limit),
    })
}

fn not_an_application(reference: &Reference, found: impl Into<String>) -> OciError {
    OciError::NotAnApplication {
        reference: reference.to_string(),
        found: found.into(),
    }
}

fn read_manifest(reference: &Reference, json: &[u8]) -> Result<Manifest, OciError> {
    let other = |found: String| Err(not_an_application(reference, found));
    let value: Value = match serde_json::from_slice(json) {
        Ok(value) => value,
        Err(error) => return other(format!("something that is not JSON ({error})")),
    };
    if value.get("manifests").is_some() {
        return other("a list of images for several platforms".to_owned());
    }
    let manifest: Manifest = match serde_json::from_value(value) {
        Ok(manifest) => manifest,
        Err(error) => return other(format!("something without an image manifest ({error})")),
    };
    if manifest.layers.len() > layout::MOST_LAYERS {
        return other(format!("an image of {} layers", manifest.layers.len()));
    }
    let is_application = |layer: &Descriptor| layer.media_type == layout::APPLICATION;
    if is_application(&manifest.config) || manifest.layers.iter().any(is_application) {
        return Ok(manifest);
    }
    let kinds = manifest
        .layers
        .first()
        .map(|layer| layer.media_type.clone());
    other(match kinds {
        Some(kind) if kind.contains("image.") || kind.contains("docker") => {
            "a container image".to_owned()
        }
        Some(kind) => format!("an artefact of `{kind}`"),
        None => "an artefact without layers".to_owned(),
    })
}

/// The locked application itself. In old artefacts it is the config.
fn locked_application(
    reference: &Reference,
    manifest: &Manifest,
    layers: &Layers,
    cache: &Cache,
) -> Result<Bytes, OciError> {
    let mut described = manifest.layers.iter().rev().chain([&manifest.config]);
    let found = described.find(|layer| layer.media_type == layout::APPLICATION);
    let digest = found.and_then(|layer| {
        layers
            .iter()
            .find(|(digest, _)| digest.as_str() == layer.digest)
    });
    let Some((digest, layer)) = digest else {
        return Err(not_an_application(reference, "an artefact without one"));
    };
    check_size(
        reference,
        "the locked application",
        layer.size,
        layout::MOST_JSON,
    )?;
    cache.read(digest).ok_or_else(|| OciError::MissingLayer {
        digest: digest.to_string(),
        reference: reference.to_string(),
    })
}

/// The application may name only what has come with it.
fn check_contents(
    reference: &Reference,
    application: &Application,
    layers: &Layers,
) -> Result<(), OciError> {
    let known = |digest: &str| layers.keys().any(|known| known.as_str() == digest);
    // Files may be in a layer together with others, and such an archive is not looked into.
    let archives = layers
        .values()
        .any(|layer| layer.media_type.ends_with("tar+gzip"));
    for component in application.components.values() {
        let dependencies = component
            .dependencies
            .iter()
            .map(|dependency| application.dependency_content(dependency));
        let wasm = [component.source.content()].into_iter().chain(dependencies);
        let wasm = wasm.flatten().filter_map(|content| match content {
            Content::Digest(digest) => Some(digest),
            Content::File(_) => None,
        });
        let files = component.files.iter().filter_map(|file| match file {
            FileMount::Content { digest, .. } if !archives => digest.as_deref(),
            _ => None,
        });
        if let Some(missing) = wasm.chain(files).find(|digest| !known(digest)) {
            return Err(OciError::MissingLayer {
                digest: missing.to_owned(),
                reference: reference.to_string(),
            });
        }
    }
    Ok(())
}
