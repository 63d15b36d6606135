//! What is in the image, and what is not.

use crate::image::Image;
use crate::world::root;
use serde_json::json;
use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

/// R24, R36: no more than this on a node. What is quick to build, and only for tests, may be larger.
fn most_mebibytes() -> u64 {
    match std::env::var_os("EDGE_RATES_IMAGE") {
        Some(_) => 40,
        None => 48,
    }
}

/// Everything below a folder: path, mode and owner.
fn files(folder: &Path) -> BTreeMap<String, (u32, u32)> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            let metadata = std::fs::symlink_metadata(&path).unwrap();
            if metadata.is_dir() {
                folders.push(path.clone());
            }
            let name = path.strip_prefix(folder).unwrap().display().to_string();
            found.insert(name, (metadata.permissions().mode(), metadata.uid()));
        }
    }
    found
}

#[test]
fn there_is_one_static_program_and_nothing_else_that_runs() {
    let (image, folder) = (Image::built(), TempDir::new().unwrap());
    let files_of_image = folder.path().join("files");
    image.unpack(&files_of_image);
    let found = files(&files_of_image);
    let (folder, file) = (0o040_755, 0o100_644);
    let is_root = rustix::process::geteuid().is_root();
    // Whoever unpacks as somebody else owns everything.
    let user = if is_root { 1000 } else { found["cache"].1 };
    let root = if is_root { 0 } else { user };
    let expected = [
        ("cache", (folder, user)),
        ("etc", (folder, root)),
        ("etc/nsswitch.conf", (file, root)),
        ("etc/ssl", (folder, root)),
        ("etc/ssl/certs", (folder, root)),
        ("run", (folder, root)),
        ("run/registry", (folder, root)),
        ("runtime-host", (0o100_755, root)),
        ("state", (folder, user)),
    ];
    let expected: BTreeMap<_, _> = expected
        .map(|(name, is)| (name.to_owned(), is))
        .into_iter()
        .collect();
    assert_eq!(found, expected);

    let headers = Command::new("readelf")
        .args(["--wide", "--program-headers", "--dynamic"])
        .arg(files_of_image.join("runtime-host"))
        .output()
        .expect("readelf runs (Debian: apt-get install binutils)");
    let headers = String::from_utf8(headers.stdout).unwrap();
    assert!(headers.contains("LOAD"), "{headers}");
    for of_a_dynamic_program in ["INTERP", "(NEEDED)"] {
        assert!(!headers.contains(of_a_dynamic_program), "{headers}");
    }
    // Neither its stack nor anything else is writable and executable at once (R19, R83).
    assert!(!headers.contains("RWE"), "{headers}");
}

#[test]
fn it_is_small() {
    let (image, folder) = (Image::built(), TempDir::new().unwrap());
    image.unpack(&folder.path().join("files"));
    let program = folder.path().join("files/runtime-host");
    let unpacked = std::fs::metadata(program).unwrap().len();
    let most = most_mebibytes() << 20;
    assert!(unpacked <= most, "R24, R36: {unpacked} bytes");
    assert!(image.packed_bytes() < unpacked, "it is packed");
}

#[test]
fn it_runs_as_nobody_special_with_what_the_operator_cannot_say() {
    let image = Image::built();
    let configuration = &image.configuration["config"];
    assert_eq!(configuration["User"], "1000:1000", "R83");
    assert_eq!(configuration["Entrypoint"], json!(["/runtime-host"]));
    assert_eq!(
        configuration["Cmd"],
        json!(null),
        "the operator's arguments follow"
    );
    let ports = json!({ "80/tcp": {}, "9090/tcp": {} });
    assert_eq!(configuration["ExposedPorts"], ports);
    assert_eq!(configuration["StopSignal"], "SIGTERM");
    let mut environment = image.list("Env");
    environment.retain(|variable| !variable.starts_with("PATH="));
    environment.sort();
    assert_eq!(
        environment,
        [
            "DOCKER_CONFIG=/run/registry",
            "RUNTIME_HOST_DRAIN_DELAY=5s",
            "RUNTIME_HOST_METRICS_LISTEN=0.0.0.0:9090",
            "RUNTIME_HOST_READINESS_PATH=/ready",
            "RUNTIME_HOST_STATE_DIR=/state",
            "XDG_CACHE_HOME=/cache",
        ]
    );
}

#[test]
fn its_labels_say_what_it_is_and_which_commit_it_was_made_of() {
    let image = Image::built();
    let labels = &image.configuration["config"]["Labels"];
    let label = |name: &str| {
        let value = &labels[format!("org.opencontainers.image.{name}")];
        let value = value.as_str();
        value
            .unwrap_or_else(|| panic!("{name} is not in {labels}"))
            .to_owned()
    };
    assert_eq!(label("title"), "runtime-host");
    assert_eq!(label("version"), env!("CARGO_PKG_VERSION"));
    assert_eq!(label("licenses"), "Apache-2.0");
    assert_eq!(label("created"), image.configuration["created"]);
    let revision = label("revision");
    let is_hash = revision.len() == 40 && revision.bytes().all(|byte| byte.is_ascii_hexdigit());
    assert!(is_hash || revision == "unknown", "{revision}");
    assert!(!label("description").is_empty());
}

#[test]
fn the_same_program_and_commit_make_the_same_image() {
    let (image, folder) = (Image::built(), TempDir::new().unwrap());
    let files = folder.path().join("files");
    image.unpack(&files);
    let labels = &image.configuration["config"]["Labels"];
    let digests = [1_700_000_000, 1_700_000_000, 1_700_000_001].map(|epoch| {
        let made = folder.path().join("made");
        let output = Command::new(root().join("runtime-host/image/build"))
            .arg(files.join("runtime-host"))
            .arg(&made)
            .env("SOURCE_DATE_EPOCH", epoch.to_string())
            .env("MOST_MIB", most_mebibytes().to_string())
            .env(
                "REVISION",
                labels["org.opencontainers.image.revision"]
                    .as_str()
                    .unwrap(),
            )
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "buildah makes it (Debian: apt-get install buildah): {}",
            String::from_utf8_lossy(&output.stderr)
        );
        let made = Image::open(&made);
        let told = String::from_utf8(output.stdout).unwrap();
        assert!(
            told.contains(&made.digest) && told.contains("MiB"),
            "{told}"
        );
        made.digest
    });
    assert_eq!(digests[0], digests[1]);
    assert_ne!(digests[1], digests[2], "the time of the commit is in it");
}

#[test]
fn a_program_that_needs_libraries_is_refused() {
    let folder = TempDir::new().unwrap();
    let output = Command::new(root().join("runtime-host/image/build"))
        .arg(std::env::current_exe().unwrap())
        .arg(folder.path().join("made"))
        .output()
        .unwrap();
    assert!(!output.status.success());
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("needs shared libraries"), "{said}");
    assert!(!folder.path().join("made").exists());
}
