//! The way through a registry with a private CA and a password (R21, R22, R23): what is pushed
//! runs elsewhere as it does here, and other programs find in it what Spin puts there.

use crate::answer::Answer;
use crate::app::{client, root};
use crate::process::Process;
use crate::registry::{Home, Registry, refusal, small_manifest, succeeded};
use market_simulator::{Config, Market, Provider};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Stdio;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

const WASM: &str = "application/vnd.wasm.content.layer.v1+wasm";
const DATA: &str = "application/vnd.wasm.content.layer.v1+data";

/// Arguments that give the application a market as its upstreams.
fn upstreams(market: &Market) -> Vec<String> {
    let mut arguments = vec![format!("--variable=other_upstream={}", market.url())];
    arguments.extend(
        Provider::ALL
            .iter()
            .map(|provider| format!("--variable={provider}_url={}", market.base_url(*provider))),
    );
    arguments
}

async fn get(process: &Process, path: &str) -> Answer {
    let url = format!("{}{path}", process.url);
    Answer::read(client().get(&url).send().await.unwrap()).await
}

#[tokio::test]
async fn the_application_answers_with_rates_out_of_a_registry() {
    let registry = Registry::start();
    let market = Market::start(Config::default()).await.unwrap();
    let digest = registry
        .push(&root().join("spin.toml"), "rates/app:1")
        .await;
    let arguments = upstreams(&market);
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();

    for name in ["rates/app:1", &format!("rates/app@{digest}")] {
        let host = registry.up(name, &arguments).await;
        let answer = get(&host, "/v1/rates/BTC/USD").await.expect_status(200);
        assert_eq!(answer.json()["symbol"], "BTC", "{}", answer.text);
        get(&host, "/ready").await.expect_status(200);
        get(&host, "/metrics").await.expect_status(200);
    }
    // Its stores and logs are in the folder that it was started in.
    assert!(registry.home.path(".spin/sqlite_key_value.db").exists());

    // The adapters have become part of the rates component.
    let application = registry.application(&digest);
    assert_eq!(application["metadata"]["name"], "edge-rates");
    let components = application["components"].as_array().unwrap();
    assert!(components.iter().all(|it| it.get("dependencies").is_none()));
    assert_eq!(
        registry.json(&digest)["layers"].as_array().unwrap().len(),
        components.len() + 1
    );
}

#[tokio::test]
async fn what_is_pushed_is_laid_out_as_spin_does() {
    let registry = Registry::start();
    let folder = TempDir::new().unwrap();
    let assets = folder.path().join("assets");
    std::fs::create_dir(&assets).unwrap();
    std::fs::write(assets.join("small.txt"), "small").unwrap();
    let large = "large ".repeat(100);
    std::fs::write(assets.join("large.txt"), &large).unwrap();
    std::fs::write(assets.join("copy.txt"), &large).unwrap();
    let files = "files = [\"assets/*\"]\nallowed_outbound_hosts = [\"http://other.spin.internal\"]";
    let manifest = small_manifest(folder.path(), "hello", files);
    let digest = registry.push(&manifest, "small:1").await;

    let artefact = registry.json(&digest);
    assert_eq!(artefact["schemaVersion"], 2);
    let kinds: Vec<_> = artefact["layers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|layer| layer["mediaType"].as_str().unwrap())
        .collect();
    let application = "application/vnd.fermyon.spin.application.v1+config";
    assert_eq!(
        kinds,
        [WASM, DATA, application],
        "equal files are one layer"
    );
    let annotations = &artefact["annotations"];
    assert_eq!(annotations["org.opencontainers.image.title"], "small");
    assert_eq!(annotations["org.opencontainers.image.version"], "1.2.3");
    assert_eq!(annotations["org.opencontainers.image.authors"], "someone");
    assert!(annotations["org.opencontainers.image.created"].is_string());

    let config = registry.json(artefact["config"]["digest"].as_str().unwrap());
    let last = &artefact["layers"][2]["digest"];
    assert_eq!(
        config,
        json!({
            "architecture": "wasm",
            "os": "Wasip1",
            "config": { "Labels": { "com.fermyon.spin.lockedAppDigest": last } },
            "rootfs": { "type": "layers", "diff_ids": [] }
        })
    );

    let application = registry.application(&digest);
    let component = &application["components"][0];
    assert_eq!(
        component["source"]["digest"],
        artefact["layers"][0]["digest"]
    );
    let files = component["files"].as_array().unwrap();
    let paths: Vec<_> = files.iter().map(|file| &file["path"]).collect();
    assert_eq!(
        paths,
        ["assets/copy.txt", "assets/large.txt", "assets/small.txt"]
    );
    assert_eq!(files[0]["digest"], artefact["layers"][1]["digest"]);
    assert_eq!(
        registry.content(files[1]["digest"].as_str().unwrap()),
        large.as_bytes()
    );
    assert_eq!(files[2]["inline"], "c21hbGw=");
    assert_eq!(
        application["must_understand"],
        json!(["component_host_requirements"])
    );

    // The files came along, but this host has no use for them, as it says of a manifest.
    let output = registry
        .command(&["pull", &registry.server.reference("small:1")])
        .output()
        .await
        .unwrap();
    assert_eq!(
        succeeded(&output).trim(),
        format!("Pulled with digest {digest}")
    );
    assert!(
        registry
            .home
            .cached(files[1]["digest"].as_str().unwrap())
            .exists()
    );
    let said = refusal(registry.up_command("small:1", &[])).await;
    assert!(
        said.contains("`files`") && said.contains("[component.modern]"),
        "{said}"
    );
}

#[tokio::test]
async fn the_same_sources_make_the_same_artefact() {
    let registry = Registry::start_plain();
    let folder = TempDir::new().unwrap();
    let manifest = small_manifest(folder.path(), "hello", "");
    let mut digests = Vec::new();
    for name in ["a:1", "b:2"] {
        let reference = registry.server.reference(name);
        let manifest = manifest.to_str().unwrap();
        let output = registry
            .command(&[
                "push",
                &reference,
                "--file",
                manifest,
                "--annotation",
                "by=me",
            ])
            .env("SOURCE_DATE_EPOCH", "1700000000")
            .output()
            .await
            .unwrap();
        digests.push(succeeded(&output));
    }
    assert_eq!(digests[0], digests[1]);
    let digest = digests[0].trim().rsplit(' ').next().unwrap();
    let annotations = &registry.json(digest)["annotations"];
    assert_eq!(annotations["by"], "me");
    assert_eq!(
        annotations["org.opencontainers.image.created"],
        "2023-11-14T22:13:20Z"
    );
}

#[tokio::test]
async fn a_tag_moves_and_a_digest_stays() {
    let registry = Registry::start_plain();
    let folder = TempDir::new().unwrap();
    let first = registry
        .push(&small_manifest(folder.path(), "first", ""), "small:1")
        .await;
    let text = async |name: &str| {
        let host = registry.up(name, &[]).await;
        get(&host, "/text").await.expect_status(200).text
    };
    assert_eq!(text("small:1").await, "first");
    registry
        .push(&small_manifest(folder.path(), "second", ""), "small:1")
        .await;
    assert_eq!(text("small:1").await, "second");
    assert_eq!(text(&format!("small@{first}")).await, "first");
    // A tag beside a digest is only for people.
    assert_eq!(text(&format!("small:1@{first}")).await, "first");
}

#[tokio::test]
async fn only_the_components_that_are_asked_for_are_served() {
    let registry = Registry::start_plain();
    let folder = TempDir::new().unwrap();
    let manifest = small_manifest(folder.path(), "hello", "");
    registry.push(&manifest, "small:1").await;
    let host = registry
        .up(
            "small:1",
            &["--component-id", "modern", "--variable", "greeting=hi"],
        )
        .await;
    let path = "/modern/kv?op=set&key=a&value=1";
    get(&host, path).await.expect_status(200);
    get(&host, "/text").await.expect_status(404);
}

/// skopeo with the registry's CA and the user's password.
async fn skopeo(registry: &Registry, arguments: &[&str]) -> String {
    let certificates = registry.home.path("certificates");
    std::fs::create_dir_all(&certificates).unwrap();
    let ca_file = registry.server.ca_file().unwrap();
    std::fs::copy(ca_file, certificates.join("ca.crt")).unwrap();
    let (command, rest) = arguments.split_first().unwrap();
    let option = match *command {
        "copy" => "--src-cert-dir",
        _ => "--cert-dir",
    };
    let output = Command::new("skopeo")
        .arg("--insecure-policy")
        .arg(command)
        .arg(option)
        .arg(&certificates)
        .args(rest)
        .env(
            "REGISTRY_AUTH_FILE",
            registry.home.path("docker/config.json"),
        )
        .output()
        .await
        .expect("skopeo starts: install it (Debian: apt-get install skopeo)");
    succeeded(&output)
}

#[tokio::test]
async fn a_client_that_is_not_ours_reads_and_copies_it() {
    let registry = Registry::start();
    let folder = TempDir::new().unwrap();
    let manifest = small_manifest(folder.path(), "hello", "");
    let digest = registry.push(&manifest, "small:1").await;
    let image = format!("docker://{}", registry.server.reference("small:1"));

    let seen: Value = serde_json::from_str(&skopeo(&registry, &["inspect", &image]).await).unwrap();
    assert_eq!(seen["Digest"], digest.as_str());
    assert_eq!(seen["RepoTags"], json!(["1"]));
    assert_eq!(seen["Architecture"], "wasm");
    assert_eq!(
        seen["Labels"]["com.fermyon.spin.lockedAppDigest"],
        registry.json(&digest)["layers"][1]["digest"]
    );

    // Into another registry, from which it runs with the same digest.
    let mirror = Registry::start_plain();
    let there = format!("docker://{}", mirror.server.reference("copied:1"));
    skopeo(
        &registry,
        &[
            "copy",
            "--preserve-digests",
            "--dest-tls-verify=false",
            &image,
            &there,
        ],
    )
    .await;
    let host = mirror.up(&format!("copied@{digest}"), &[]).await;
    assert_eq!(get(&host, "/text").await.expect_status(200).text, "hello");
}

#[tokio::test]
async fn a_login_is_checked_and_kept_for_this_user_alone() {
    use std::os::unix::fs::PermissionsExt;

    let registry = Registry::start();
    let home = Home::new();
    let folder = TempDir::new().unwrap();
    let manifest = small_manifest(folder.path(), "hello", "");
    let address = registry.server.address().to_string();
    let login = async |password: &str| {
        let mut command = registry.command_at(
            &home,
            &[
                "login",
                &address,
                "-u",
                registry_server::USER,
                "--password-stdin",
            ],
        );
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(password.as_bytes()).await.unwrap();
        drop(stdin);
        child.wait_with_output().await.unwrap()
    };
    let file = home.path("config/fermyon/registry-auth.json");

    let refused = login("wrong\n").await;
    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.contains("does not accept the password"), "{said}");
    assert!(!file.exists());

    let text = succeeded(&login(&format!("{}\n", registry_server::PASSWORD)).await);
    assert!(!text.contains(registry_server::PASSWORD), "{text}");
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let push = push_command(&registry, &home, &manifest).output().await;
    assert!(succeeded(&push.unwrap()).starts_with("Pushed with digest sha256:"));
}

fn push_command(registry: &Registry, home: &Home, manifest: &Path) -> Command {
    let reference = registry.server.reference("small:1");
    registry.command_at(
        home,
        &["push", &reference, "-f", manifest.to_str().unwrap()],
    )
}
