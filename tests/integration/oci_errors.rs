//! Whatever is wrong with a registry, or with what is in it, is said in one sentence: what, where,
//! and what to do.

use crate::registry::{Home, Registry, refusal, small_manifest};
use registry_server::{PASSWORD, RegistryServer, USER};
use serde_json::json;
use std::net::TcpListener;
use std::path::PathBuf;
use tempfile::TempDir;
use tokio::process::Command;

/// What is said instead of serving what is under a name.
async fn refusal_of(registry: &Registry, name: &str) -> String {
    refusal(registry.up_command(name, &[])).await
}

/// What is said instead of serving a reference, with HTTPS.
async fn refusal_at(home: &Home, reference: &str) -> String {
    refusal(up(home, reference)).await
}

fn up(home: &Home, reference: &str) -> Command {
    home.command(&["up", "--listen", "127.0.0.1:0", "-f", reference])
}

fn small(folder: &TempDir) -> PathBuf {
    small_manifest(folder.path(), "hello", "")
}

fn assert_says(said: &str, parts: &[&str]) {
    for part in parts {
        assert!(said.contains(part), "`{part}` is not in: {said}");
    }
    assert!(!said.contains(PASSWORD), "a password is shown: {said}");
}

#[tokio::test]
async fn a_wrong_password() {
    let registry = Registry::start();
    registry.log_in(USER, "wrong horse");
    let address = registry.server.address().to_string();
    let said = refusal_of(&registry, "small:1").await;
    let parts = [
        &address,
        "does not accept the password of `pusher`",
        "docker/config.json",
    ];
    assert_says(&said, &parts);
    assert!(!said.contains("wrong horse"), "{said}");

    let folder = TempDir::new().unwrap();
    let reference = registry.server.reference("small:1");
    let manifest = small(&folder);
    let push = registry.command(&["push", &reference, "-f", manifest.to_str().unwrap()]);
    assert_says(
        &refusal(push).await,
        &[&address, "does not accept the password of `pusher`"],
    );
}

#[tokio::test]
async fn no_credentials() {
    let registry = Registry::start();
    std::fs::remove_dir_all(registry.home.path("docker")).unwrap();
    let said = refusal_of(&registry, "small:1").await;
    assert_says(
        &said,
        &[
            "there are no credentials",
            "runtime-host login",
            "DOCKER_CONFIG",
        ],
    );
}

#[tokio::test]
async fn credentials_that_cannot_be_read() {
    let registry = Registry::start();
    let config = registry.home.path("docker/config.json");
    std::fs::write(&config, "{").unwrap();
    let said = refusal_of(&registry, "small:1").await;
    assert_says(&said, &["docker/config.json", "cannot be used"]);

    let helper = json!({ "credHelpers": { registry.server.address().to_string(): "missing" } });
    std::fs::write(&config, helper.to_string()).unwrap();
    let said = refusal_of(&registry, "small:1").await;
    assert_says(&said, &["docker/config.json", "helper"]);
}

#[tokio::test]
async fn a_certificate_that_nobody_trusts() {
    let registry = Registry::start();
    let other = RegistryServer::start().unwrap();
    let mut command = registry.up_command("small:1", &[]);
    command.env("SSL_CERT_FILE", other.ca_file().unwrap());
    let said = refusal(command).await;
    let address = registry.server.address().to_string();
    assert_says(
        &said,
        &[&address, "is not trusted", "--ca-file", "SSL_CERT_FILE"],
    );

    // The option does the same as the variable.
    let ca_file = registry.server.ca_file().unwrap();
    let mut command = registry.up_command("small:1", &["--ca-file", ca_file.to_str().unwrap()]);
    command.env("SSL_CERT_FILE", other.ca_file().unwrap());
    assert_says(&refusal(command).await, &["has no repository small"]);
}

#[tokio::test]
async fn certificates_that_cannot_be_read() {
    let registry = Registry::start();
    let mut command = registry.up_command("small:1", &[]);
    command.env("SSL_CERT_FILE", "/nowhere/ca.pem");
    let said = refusal(command).await;
    assert_says(
        &said,
        &["SSL_CERT_FILE", "/nowhere/ca.pem", "cannot be used"],
    );

    let command = registry.up_command("small:1", &["--ca-file", "/nowhere/ca.pem"]);
    let said = refusal(command).await;
    assert_says(&said, &["/nowhere/ca.pem", "cannot be used"]);
}

#[tokio::test]
async fn a_missing_repository_and_a_missing_tag() {
    let registry = Registry::start();
    let folder = TempDir::new().unwrap();
    registry.push(&small(&folder), "small:1").await;
    let said = refusal_of(&registry, "other:1").await;
    assert_says(&said, &["has no repository other", "push it first"]);
    let said = refusal_of(&registry, "small:2").await;
    assert_says(&said, &["small", "has no tag `2`", "it has 1"]);

    let nobodys = format!("sha256:{}", "0".repeat(64));
    let said = refusal_of(&registry, &format!("small@{nobodys}")).await;
    assert_says(&said, &["small", &format!("has no version {nobodys}")]);
}

#[tokio::test]
async fn a_layer_that_the_registry_has_lost() {
    let registry = Registry::start_plain();
    let folder = TempDir::new().unwrap();
    let digest = registry.push(&small(&folder), "small:1").await;
    let manifest = registry.json(&digest);
    let layer = manifest["layers"][0]["digest"].as_str().unwrap();
    std::fs::remove_file(registry.server.content(layer)).unwrap();
    let said = refusal_of(&registry, "small:1").await;
    assert_says(&said, &[layer, "is not in the registry", "push it again"]);
}

#[tokio::test]
async fn a_layer_that_was_tampered_with_in_the_registry() {
    let registry = Registry::start();
    let folder = TempDir::new().unwrap();
    let digest = registry.push(&small(&folder), "small:1").await;
    let manifest = registry.json(&digest);
    for layer in manifest["layers"].as_array().unwrap() {
        let layer = layer["digest"].as_str().unwrap();
        let path = registry.server.content(layer);
        let intact = std::fs::read(&path).unwrap();
        let mut tampered = intact.clone();
        *tampered.last_mut().unwrap() ^= 1;
        std::fs::write(&path, &tampered).unwrap();
        // What else was pulled before is intact, and kept.
        let _empty = std::fs::remove_dir_all(registry.home.path("cache"));
        let said = refusal_of(&registry, "small:1").await;
        assert_says(&said, &[layer, "is corrupted", "it hashes to sha256:"]);
        assert!(
            !registry.home.cached(layer).exists(),
            "nothing false is kept"
        );
        std::fs::write(&path, &intact).unwrap();
    }
    registry.up("small:1", &[]).await;
}

#[tokio::test]
async fn a_manifest_that_was_tampered_with_in_the_registry() {
    let registry = Registry::start();
    let folder = TempDir::new().unwrap();
    let digest = registry.push(&small(&folder), "small:1").await;
    let path = registry.server.content(&digest);
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("1.2.3", "6.6.6")).unwrap();
    for name in ["small:1", &format!("small@{digest}")] {
        let said = refusal_of(&registry, name).await;
        assert_says(&said, &["small", "manifest"]);
    }
}

#[tokio::test]
async fn something_else_than_a_spin_application() {
    let registry = Registry::start_plain();
    let http = crate::app::client();
    let base = format!("http://{}/v2/image", registry.server.address());
    let config = crate::oci_layout::put(&http, &base, b"{}").await;
    let layer = crate::oci_layout::put(&http, &base, b"layer").await;
    let image = |kind: &str| {
        json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {
                "mediaType": "application/vnd.oci.image.config.v1+json", "digest": config, "size": 2
            },
            "layers": [{ "mediaType": kind, "digest": layer, "size": 5 }]
        })
    };
    let container = image("application/vnd.oci.image.layer.v1.tar+gzip");
    crate::oci_layout::put_manifest(&http, &base, "1", &container).await;
    let said = refusal_of(&registry, "image:1").await;
    assert_says(
        &said,
        &["image:1", "not a Spin application but a container image"],
    );

    let chart = image("application/vnd.cncf.helm.chart.content.v1.tar+gzip");
    crate::oci_layout::put_manifest(&http, &base, "2", &chart).await;
    let said = refusal_of(&registry, "image:2").await;
    assert_says(&said, &["not a Spin application but", "helm.chart"]);
}

#[tokio::test]
async fn nobody_there_and_a_name_that_nobody_has() {
    let home = Home::new();
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let said = refusal_at(&home, &format!("{address}/small:1")).await;
    assert_says(&said, &[&address.to_string(), "connection refused"]);
    let said = refusal_at(&home, "registry.invalid/small:1").await;
    assert_says(&said, &["registry.invalid", "not known"]);
}

#[tokio::test]
async fn https_where_there_is_none_and_none_where_there_is() {
    let plain = Registry::start_plain();
    let said = refusal_at(&plain.home, &plain.server.reference("small:1")).await;
    let address = plain.server.address().to_string();
    assert_says(&said, &[&address, "--insecure"]);

    let secure = Registry::start();
    let said = refusal(secure.up_command("small:1", &["--insecure"])).await;
    assert_says(&said, &["asks for HTTPS", "leave out `--insecure`"]);
}

#[tokio::test]
async fn what_is_neither_a_path_nor_a_reference() {
    let home = Home::new();
    let said = refusal_at(&home, "missing/spin.toml").await;
    assert_says(&said, &["there is no manifest missing/spin.toml"]);
    let push = home.command(&["push", "registry.local/Upper", "-f", "."]);
    assert_says(
        &refusal(push).await,
        &["`registry.local/Upper`", "registry/name:tag"],
    );
}

#[tokio::test]
async fn an_application_that_cannot_be_pushed() {
    let registry = Registry::start_plain();
    let folder = TempDir::new().unwrap();
    let reference = registry.server.reference("small:1");
    let push = async |manifest: PathBuf| {
        let manifest = manifest.to_str().unwrap().to_owned();
        refusal(registry.command(&["push", &reference, "-f", &manifest])).await
    };
    let files = small_manifest(folder.path(), "hello", "files = [\"missing.txt\"]");
    assert_says(&push(files).await, &["[component.modern]", "`missing.txt`"]);

    let manifest = small(&folder);
    let text = std::fs::read_to_string(&manifest).unwrap();
    let without = text.replace("guest_modern.wasm", "guest_modem.wasm");
    std::fs::write(&manifest, without).unwrap();
    assert_says(
        &push(manifest.clone()).await,
        &["guest_modem.wasm", "does not exist"],
    );

    std::fs::write(
        &manifest,
        format!("{text}\n[[trigger.redis]]\nchannel = \"a\"\n"),
    )
    .unwrap();
    assert_says(&push(manifest).await, &["`redis`", "Spin"]);

    let digest = format!(
        "{}@sha256:{}",
        registry.server.reference("small"),
        "0".repeat(64)
    );
    let push = registry.command(&["push", &digest, "-f", folder.path().to_str().unwrap()]);
    assert_says(&refusal(push).await, &["give a tag"]);
}
