//! An image as it lies on disk (OCI image layout 1.0), read as a container runtime reads it:
//! nothing is believed whose digest is another.

use serde_json::Value;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

pub(crate) struct Image {
    folder: PathBuf,
    /// Of the manifest.
    pub(crate) digest: String,
    pub(crate) manifest: Value,
    pub(crate) configuration: Value,
}

impl Image {
    /// What `EDGE_RATES_IMAGE` names, or else the image of the code that these tests were built
    /// with.
    pub(crate) fn built() -> Image {
        let folder = std::env::var_os("EDGE_RATES_IMAGE").map_or_else(beside_this_test, Into::into);
        assert!(
            folder.join("index.json").exists(),
            "there is no image in {}: run `make test`, or `make image-test`",
            folder.display()
        );
        Image::open(&folder)
    }

    pub(crate) fn open(folder: &Path) -> Image {
        let index: Value = read_json(&std::fs::read(folder.join("index.json")).unwrap());
        let manifests = index["manifests"].as_array().unwrap();
        assert_eq!(manifests.len(), 1, "one image: {index}");
        let digest = text(&manifests[0]["digest"]);
        let manifest = read_json(&blob(folder, &digest));
        let configuration = read_json(&blob(folder, &text(&manifest["config"]["digest"])));
        Image {
            folder: folder.to_owned(),
            digest,
            manifest,
            configuration,
        }
    }

    /// The files of its layers, each as its packed bytes.
    pub(crate) fn layers(&self) -> Vec<Vec<u8>> {
        let layers = self.manifest["layers"].as_array().unwrap().iter();
        layers
            .map(|layer| blob(&self.folder, &text(&layer["digest"])))
            .collect()
    }

    /// What a node has to fetch.
    pub(crate) fn packed_bytes(&self) -> u64 {
        self.layers().iter().map(|layer| layer.len() as u64).sum()
    }

    /// Lays its files out, with their owners.
    pub(crate) fn unpack(&self, into: &Path) {
        std::fs::create_dir_all(into).unwrap();
        for layer in self.layers() {
            let packed = into.with_extension("tar.gz");
            std::fs::write(&packed, layer).unwrap();
            let tar = Command::new("tar")
                .args(["--extract", "--gzip", "--same-owner", "--numeric-owner"])
                .args(["--preserve-permissions", "--file"])
                .arg(&packed)
                .arg("--directory")
                .arg(into)
                .status();
            assert!(tar.expect("tar runs").success(), "the layer is unpacked");
            std::fs::remove_file(packed).unwrap();
        }
    }

    /// A list of its configuration, such as `Env`.
    pub(crate) fn list(&self, name: &str) -> Vec<String> {
        let list = self.configuration["config"][name].as_array();
        list.map(|list| list.iter().map(text).collect())
            .unwrap_or_default()
    }
}

/// `target/image/<profile>`, from `target/<profile>/deps/<this test>`.
fn beside_this_test() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let profile = test.parent().unwrap().parent().unwrap();
    let target = profile.parent().unwrap();
    target.join("image").join(profile.file_name().unwrap())
}

fn blob(folder: &Path, digest: &str) -> Vec<u8> {
    let hex = digest.strip_prefix("sha256:").unwrap();
    let bytes = std::fs::read(folder.join("blobs/sha256").join(hex)).unwrap();
    assert_eq!(sha256(&bytes), hex, "a blob is what its name says");
    bytes
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    let mut hex = String::with_capacity(64);
    for byte in Sha256::digest(bytes) {
        write!(hex, "{byte:02x}").unwrap();
    }
    hex
}

fn read_json(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}
