//! What Spin pushes runs here. The artefacts are put together as Spin's sources say that it does,
//! and uploaded by hand: nothing of the host's own writing is in the way.

use crate::answer::Answer;
use crate::app::{client, root};
use crate::guest::wasm;
use crate::process::Process;
use crate::registry::{Registry, refusal};
use market_simulator::{Config, Market, Provider};
use serde_json::{Value, json};
use std::process::Command;

const APPLICATION: &str = "application/vnd.fermyon.spin.application.v1+config";
const WASM: &str = "application/vnd.wasm.content.layer.v1+wasm";
const DATA: &str = "application/vnd.wasm.content.layer.v1+data";
const ARCHIVE: &str = "application/vnd.wasm.content.bundle.v1.tar+gzip";

/// What a content hashes to, as `sha256sum` says.
fn digest_of(content: &[u8]) -> String {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), content).unwrap();
    let output = Command::new("sha256sum").arg(file.path()).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    format!("sha256:{}", text.split(' ').next().unwrap())
}

/// Uploads a content to the repository at `base` and gives its digest.
pub(crate) async fn put(http: &reqwest::Client, base: &str, content: &[u8]) -> String {
    let begun = http
        .post(format!("{base}/blobs/uploads/"))
        .send()
        .await
        .unwrap();
    assert_eq!(begun.status(), 202);
    let place = begun.headers()["location"].to_str().unwrap().to_owned();
    let digest = digest_of(content);
    let done = http
        .put(format!("{place}&digest={digest}"))
        .body(content.to_owned())
        .send()
        .await
        .unwrap();
    assert_eq!(done.status(), 201);
    digest
}

/// Uploads a manifest under a tag.
pub(crate) async fn put_manifest(http: &reqwest::Client, base: &str, tag: &str, manifest: &Value) {
    let done = http
        .put(format!("{base}/manifests/{tag}"))
        .header("Content-Type", "application/vnd.oci.image.manifest.v1+json")
        .body(manifest.to_string())
        .send()
        .await
        .unwrap();
    assert_eq!(done.status(), 201, "{:?}", done.text().await);
}

/// An artefact of Spin in the making.
struct Artefact {
    http: reqwest::Client,
    base: String,
    layers: Vec<Value>,
}

impl Artefact {
    fn new(registry: &Registry, name: &str) -> Self {
        Self {
            http: client(),
            base: format!("http://{}/v2/{name}", registry.server.address()),
            layers: Vec::new(),
        }
    }

    async fn describe(&self, kind: &str, content: &[u8]) -> Value {
        let digest = put(&self.http, &self.base, content).await;
        json!({ "mediaType": kind, "digest": digest, "size": content.len() })
    }

    /// Adds a layer and gives its digest.
    async fn layer(&mut self, kind: &str, content: &[u8]) -> String {
        let layer = self.describe(kind, content).await;
        let digest = layer["digest"].as_str().unwrap().to_owned();
        self.layers.push(layer);
        digest
    }

    /// Pushes it with the application as the last layer, as Spin does since version 2. Spin
    /// leaves out the manifest's own media type.
    async fn push(mut self, application: &Value, tag: &str) {
        let digest = self
            .layer(APPLICATION, application.to_string().as_bytes())
            .await;
        let config = json!({
            "architecture": "wasm",
            "os": "Wasip1",
            "config": { "Labels": { "com.fermyon.spin.lockedAppDigest": digest } },
            "rootfs": { "type": "layers", "diff_ids": [] }
        });
        let kind = "application/vnd.oci.image.config.v1+json";
        let config = self.describe(kind, config.to_string().as_bytes()).await;
        self.push_with(&config, tag).await;
    }

    async fn push_with(&self, config: &Value, tag: &str) {
        let manifest = json!({
            "schemaVersion": 2,
            "config": config,
            "layers": self.layers,
            "annotations": { "org.opencontainers.image.title": "from Spin" }
        });
        put_manifest(&self.http, &self.base, tag, &manifest).await;
    }

    async fn guest(&mut self) -> String {
        let guest = std::fs::read(wasm("guest_modern")).unwrap();
        self.layer(WASM, &guest).await
    }
}

/// An application with the guest under `/modern/...`, as Spin locks it.
fn locked(guest: &str) -> Value {
    json!({
        "spin_lock_version": 1,
        "must_understand": ["component_host_requirements"],
        "metadata": {
            "authors": ["someone"],
            "description": "",
            "name": "from-spin",
            "trigger": { "type": "http" },
            "triggers": {},
            "version": "1.0.0"
        },
        "variables": {
            "greeting": { "default": "hello" }
        },
        "triggers": [{
            "id": "modern-http-trigger",
            "trigger_type": "http",
            "trigger_config": {
                "component": "modern",
                "executor": { "type": "http" },
                "route": "/modern/..."
            }
        }],
        "components": [{
            "id": "modern",
            "metadata": {
                "allowed_outbound_hosts": ["http://modern.spin.internal"],
                "build": { "command": "make", "watch": ["src/**/*.rs"], "workdir": "guest" },
                "key_value_stores": ["default"]
            },
            "source": { "content_type": "application/wasm", "digest": guest },
            "env": { "LEVEL": "debug" },
            "config": { "greeting": "{{ greeting }}, world" },
            "host_requirements": { "local_service_chaining": "required" }
        }]
    })
}

async fn get(host: &Process, path: &str) -> Answer {
    let url = format!("{}{path}", host.url);
    Answer::read(client().get(&url).send().await.unwrap()).await
}

#[tokio::test]
async fn an_artefact_of_spin_runs() {
    let registry = Registry::start_plain();
    let mut artefact = Artefact::new(&registry, "spins/app");
    let guest = artefact.guest().await;
    artefact.push(&locked(&guest), "v1").await;

    let host = registry.up("spins/app:v1", &[]).await;
    get(&host, "/modern/kv?op=set&key=a&value=1")
        .await
        .expect_status(200);
    let value = get(&host, "/modern/kv?op=get&key=a").await;
    assert_eq!(value.expect_status(200).text, "1");
    let variable = get(&host, "/modern/variable?name=greeting").await;
    assert_eq!(variable.expect_status(200).text, "hello, world");
}

#[tokio::test]
async fn an_artefact_of_an_older_spin_has_the_application_as_its_config() {
    let registry = Registry::start_plain();
    let mut artefact = Artefact::new(&registry, "spins/old");
    let guest = artefact.guest().await;
    let application = locked(&guest).to_string();
    let config = artefact.describe(APPLICATION, application.as_bytes()).await;
    artefact.push_with(&config, "v1").await;
    let host = registry.up("spins/old:v1", &[]).await;
    get(&host, "/modern/variable?name=greeting")
        .await
        .expect_status(200);
}

#[tokio::test]
async fn dependencies_that_spin_has_left_to_the_host_are_composed_in() {
    let registry = Registry::start_plain();
    let market = Market::start(Config::default()).await.unwrap();
    // The application as this host locks it, but with the adapters beside what needs them.
    let pushed = registry.push(&root().join("spin.toml"), "composed:1").await;
    let mut application = registry.application(&pushed);
    let mut artefact = Artefact::new(&registry, "uncomposed");
    let mut digests = Vec::new();
    for name in ["rates", "providers", "health", "metrics", "site"] {
        let content = std::fs::read(wasm(name)).unwrap();
        digests.push((name, artefact.layer(WASM, &content).await));
    }
    let digest = |name: &str| {
        digests
            .iter()
            .find(|(it, _)| *it == name)
            .unwrap()
            .1
            .clone()
    };
    for component in application["components"].as_array_mut().unwrap() {
        let id = component["id"].as_str().unwrap().to_owned();
        component["source"]["digest"] = digest(&id).into();
        if ["rates", "health"].contains(&id.as_str()) {
            component["dependencies"] = json!({
                "edge-rates:provider/quotes@1.0.0": {
                    "source": {
                        "content_type": "application/wasm", "digest": digest("providers")
                    },
                    "export": null
                }
            });
        }
    }
    artefact.push(&application, "1").await;

    let mut arguments = vec![format!("--variable=other_upstream={}", market.url())];
    for provider in Provider::ALL {
        let url = market.base_url(provider);
        arguments.push(format!("--variable={provider}_url={url}"));
    }
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let host = registry.up("uncomposed:1", &arguments).await;
    let answer = get(&host, "/v1/rates/BTC/USD").await.expect_status(200);
    assert_eq!(answer.json()["symbol"], "BTC", "{}", answer.text);
}

#[tokio::test]
async fn files_of_spin_come_along_and_may_not_lead_out() {
    let registry = Registry::start_plain();
    for (tag, kind, path, says) in [
        ("one", DATA, "assets/a.txt", "`files`"),
        ("archive", ARCHIVE, "assets/a.txt", "`files`"),
        ("out", DATA, "../a.txt", "leads out"),
        ("absolute", DATA, "/etc/passwd", "leads out"),
    ] {
        let mut artefact = Artefact::new(&registry, "spins/files");
        let guest = artefact.guest().await;
        let content = "text ".repeat(100);
        let layer = artefact.layer(kind, content.as_bytes()).await;
        let mut application = locked(&guest);
        // In an archive the digest is the file's own, and no layer has it.
        let digest = match kind {
            DATA => layer.clone(),
            _ => digest_of(b"a file in the archive"),
        };
        application["components"][0]["files"] = json!([{ "path": path, "digest": digest }]);
        artefact.push(&application, tag).await;
        let said = refusal(registry.up_command(&format!("spins/files:{tag}"), &[])).await;
        assert!(said.contains(says), "{tag}: {said}");
        assert!(registry.home.cached(&layer).exists(), "it has been pulled");
    }
}

#[tokio::test]
async fn what_a_host_would_have_to_know_is_named() {
    let registry = Registry::start_plain();
    let mut artefact = Artefact::new(&registry, "spins/new");
    let guest = artefact.guest().await;
    let mut application = locked(&guest);
    application["components"][0]["host_requirements"] = json!({ "time_travel": "required" });
    artefact.push(&application, "1").await;
    let said = refusal(registry.up_command("spins/new:1", &[])).await;
    assert!(
        said.contains("spins/new:1") && said.contains("`time_travel`"),
        "{said}"
    );

    let mut artefact = Artefact::new(&registry, "spins/lost");
    artefact.guest().await;
    let nobodys = digest_of(b"nobody has this");
    artefact.push(&locked(&nobodys), "1").await;
    let said = refusal(registry.up_command("spins/lost:1", &[])).await;
    assert!(said.contains(&nobodys), "{said}");
}

#[tokio::test]
async fn more_than_is_said_is_not_taken() {
    let registry = Registry::start_plain();
    let mut artefact = Artefact::new(&registry, "spins/large");
    let guest = artefact.guest().await;
    artefact.layers[0]["size"] = json!(u64::from(u32::MAX));
    let base = artefact.base.clone();
    artefact.push(&locked(&guest), "1").await;
    let said = refusal(registry.up_command("spins/large:1", &[])).await;
    assert!(
        said.contains("too large") && said.contains(&guest),
        "{said}"
    );

    let mut artefact = Artefact::new(&registry, "spins/large");
    artefact.base = base;
    let guest = artefact.guest().await;
    artefact.layers[0]["size"] = json!(10);
    artefact.push(&locked(&guest), "2").await;
    let said = refusal(registry.up_command("spins/large:2", &[])).await;
    assert!(
        said.contains("is corrupted") && said.contains("longer"),
        "{said}"
    );
}
