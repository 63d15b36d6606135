//! Tests of locked applications: what Spin writes is read, what is written is read back the same,
//! and what cannot be kept is refused.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use super::{FileContent, LockError, LockedContents, UnlockError, lock, unlock};
use crate::application::{Application, Content, Executor, FileMount, Source, Target, TriggerRoute};
use crate::dependency::Inheritance;
use crate::names::ComponentId;

const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// An application as Spin 4.1 locks it: with everything that can stand in it.
fn as_spin_locks() -> Value {
    json!({
        "spin_lock_version": 1,
        "must_understand": ["component_host_requirements"],
        "metadata": {
            "authors": ["a@example.com"],
            "description": "All there is",
            "name": "maximal",
            "origin": "file:///somewhere/spin.toml",
            "trigger": { "type": "http" },
            "triggers": {},
            "version": "1.2.3"
        },
        "variables": {
            "host": { "default": "example.com", "description": "Where to go" },
            "key": { "secret": true }
        },
        "triggers": [
            {
                "id": "mine",
                "trigger_type": "http",
                "trigger_config": {
                    "component": "full", "route": "/users/:id/...", "executor": { "type": "http" }
                }
            },
            {
                "id": "hidden",
                "trigger_type": "http",
                "trigger_config": { "component": "full", "route": { "private": true } }
            },
            {
                "id": "old",
                "trigger_type": "http",
                "trigger_config": {
                    "route": "/old",
                    "static_response": {
                        "status_code": 302, "headers": { "Location": "/new" }, "body": "gone"
                    }
                }
            }
        ],
        "components": [{
            "id": "full",
            "metadata": {
                "allowed_outbound_hosts": ["https://{{ host }}", "http://other.spin.internal"],
                "build": { "command": "make", "watch": [] },
                "databases": ["default"],
                "description": "The full one",
                "key_value_stores": ["default", "my_store"],
                "ai_models": ["llama2-chat"]
            },
            "source": { "content_type": "application/wasm", "digest": DIGEST },
            "env": { "LEVEL": "debug" },
            "files": [
                { "inline": "aGk=", "digest": DIGEST, "path": "small.txt" },
                { "digest": DIGEST, "path": "assets/large.txt" }
            ],
            "config": { "url": "https://{{ host }}/users" },
            "dependencies": {
                "a:b/c@1.0.0": {
                    "source": { "content_type": "application/wasm", "digest": DIGEST },
                    "export": "x:y/z",
                    "inherit": "All"
                },
                "d:e": {
                    "source": { "content_type": "application/wasm", "digest": DIGEST },
                    "export": null,
                    "inherit": { "Some": ["key_value_stores"] }
                },
                "f:g": {
                    "source": { "content_type": "application/wasm", "digest": DIGEST },
                    "export": null
                }
            },
            "host_requirements": { "local_service_chaining": "required" }
        }]
    })
}

fn read(locked: &Value) -> Result<Application, UnlockError> {
    unlock(locked.to_string().as_bytes(), "registry.example/app:1")
}

/// What is said of Spin's application with one value replaced.
fn refusal(pointer: &str, by: Value) -> String {
    let mut locked = as_spin_locks();
    *locked.pointer_mut(pointer).expect("it is there") = by;
    read(&locked).unwrap_err().to_string()
}

#[test]
fn what_spin_locks_is_read() {
    let application = read(&as_spin_locks()).unwrap();
    assert_eq!(application.name, "maximal");
    assert_eq!(application.version, "1.2.3");
    assert_eq!(application.authors, ["a@example.com"]);
    assert_eq!(application.manifest, Path::new("registry.example/app:1"));
    assert!(application.variables["key"].secret);
    assert_eq!(
        application.variables["host"].default.as_deref(),
        Some("example.com")
    );

    let [mine, hidden, old] = &application.triggers[..] else {
        panic!("three triggers: {:?}", application.triggers);
    };
    assert_eq!((mine.id.as_str(), mine.executor), ("mine", Executor::Http));
    assert!(
        matches!(&mine.route, TriggerRoute::Path(route) if route.as_written() == "/users/:id/...")
    );
    assert_eq!(hidden.route, TriggerRoute::Private);
    let Target::StaticResponse(response) = &old.target else {
        panic!("a static response: {old:?}");
    };
    assert_eq!(response.status, 302);
    assert_eq!(response.headers["location"], "/new");
    assert_eq!(response.body, "gone");

    let component = &application.components["full"];
    assert_eq!(component.source.content(), Some(Content::Digest(DIGEST)));
    assert_eq!(component.environment["LEVEL"], "debug");
    assert_eq!(
        component.allowed_outbound_hosts[0].to_string(),
        "https://{{ host }}"
    );
    assert_eq!(component.key_value_stores[1].as_str(), "my_store");
    assert_eq!(component.sqlite_databases, ["default"]);
    assert_eq!(component.ai_models, ["llama2-chat"]);
    assert_eq!(
        component.files,
        [
            FileMount::Content {
                digest: None,
                destination: "small.txt".to_owned()
            },
            FileMount::Content {
                digest: Some(DIGEST.to_owned()),
                destination: "assets/large.txt".to_owned()
            },
        ]
    );
    let inherited: Vec<_> = component
        .dependencies
        .iter()
        .map(|dependency| (dependency.name.as_str(), &dependency.inherits))
        .collect();
    assert_eq!(
        inherited,
        [
            ("a:b/c@1.0.0", &Inheritance::Everything),
            (
                "d:e",
                &Inheritance::Only(vec!["key_value_stores".to_owned()])
            ),
            ("f:g", &Inheritance::Nothing),
        ]
    );
    assert_eq!(component.dependencies[0].export.as_deref(), Some("x:y/z"));
    assert_eq!(
        application.dependency_content(&component.dependencies[0]),
        Some(Content::Digest(DIGEST))
    );
}

#[test]
fn what_is_written_is_read_back_the_same() {
    let mut locked = as_spin_locks();
    // Dependencies are composed in when an application is written.
    locked["components"][0]["dependencies"] = json!({});
    let application = read(&locked).unwrap();
    let id: ComponentId = "full".parse().unwrap();
    let file = |path: &str, inline: Option<&str>| FileContent {
        path: path.to_owned(),
        digest: DIGEST.to_owned(),
        inline: inline.map(str::to_owned),
    };
    let contents = LockedContents {
        wasm: DIGEST.to_owned(),
        files: vec![
            file("small.txt", Some("aGk=")),
            file("assets/large.txt", None),
        ],
    };
    let written = lock(&application, &BTreeMap::from([(id, contents)])).unwrap();
    let again = unlock(&written, "registry.example/app:1").unwrap();
    assert_eq!(format!("{application:?}"), format!("{again:?}"));

    // Spin refuses a host that does not know service chaining only if it is told.
    let written: Value = serde_json::from_slice(&written).unwrap();
    assert_eq!(written["spin_lock_version"], 1);
    assert_eq!(
        written["must_understand"],
        json!(["component_host_requirements"])
    );
    assert_eq!(
        written["components"][0]["host_requirements"],
        json!({ "local_service_chaining": "required" })
    );
    assert_eq!(written["metadata"]["trigger"], json!({ "type": "http" }));
    assert_eq!(
        written["triggers"][0]["trigger_config"],
        json!({ "component": "full", "route": "/users/:id/..." })
    );
}

#[test]
fn an_application_without_chaining_is_of_version_0() {
    let mut locked = as_spin_locks();
    locked["components"][0]["metadata"]["allowed_outbound_hosts"] =
        json!(["https://a.example", "https://spin.internal.example"]);
    let application = read(&locked).unwrap();
    let contents = LockedContents {
        wasm: DIGEST.to_owned(),
        files: Vec::new(),
    };
    let id: ComponentId = "full".parse().unwrap();
    let written = lock(&application, &BTreeMap::from([(id, contents)])).unwrap();
    let written: Value = serde_json::from_slice(&written).unwrap();
    assert_eq!(written["spin_lock_version"], 0);
    assert_eq!(written.get("must_understand"), None);
}

#[test]
fn paths_out_of_a_components_files_are_refused() {
    for path in [
        "../etc/passwd",
        "a/../../b",
        "/etc/passwd",
        "..",
        ".",
        "./a",
        "",
    ] {
        let said = refusal("/components/0/files/1/path", json!(path));
        assert!(
            said.contains("component `full`") && said.contains("leads out"),
            "{path}: {said}"
        );
    }
}

#[test]
fn what_a_later_spin_asks_for_is_named() {
    let said = refusal("/spin_lock_version", json!(2));
    assert!(
        said.contains("version is 2") && said.contains("newer"),
        "{said}"
    );
    let said = refusal("/must_understand", json!(["time_travel"]));
    assert!(said.contains("`time_travel`"), "{said}");
    let said = refusal(
        "/components/0/host_requirements",
        json!({ "middleware": "required" }),
    );
    assert!(said.contains("`middleware`"), "{said}");
    let mut locked = as_spin_locks();
    locked["host_requirements"] = json!({ "time_travel": "optional" });
    assert!(read(&locked).is_ok(), "what is optional may be missing");
}

#[test]
fn what_means_nothing_is_refused_with_its_place() {
    for (pointer, by, says) in [
        (
            "/spin_lock_version",
            json!("one"),
            "not a locked Spin application",
        ),
        ("/components/0/id", json!("not an id"), "`not an id`"),
        (
            "/components/0/config",
            json!({ "url": "{{ nobody }}" }),
            "`nobody`",
        ),
        (
            "/components/0/metadata/allowed_outbound_hosts",
            json!(["no host"]),
            "no host",
        ),
        (
            "/components/0/metadata/key_value_stores",
            json!(["a/b"]),
            "`a/b`",
        ),
        (
            "/components/0/metadata",
            json!({ "allowed_http_hosts": ["x"] }),
            "Spin 1",
        ),
        (
            "/components/0/source",
            json!({ "content_type": "application/wasm" }),
            "no digest",
        ),
        (
            "/components/0/files/1",
            json!({ "path": "x" }),
            "neither a digest nor a content",
        ),
        (
            "/triggers/0/trigger_config/component",
            json!("missing"),
            "`missing`",
        ),
        (
            "/triggers/0/trigger_config/route",
            json!("/a?b"),
            "trigger `mine`",
        ),
        (
            "/triggers/0/trigger_config/executor",
            json!({ "type": "teleport" }),
            "`teleport`",
        ),
        (
            "/triggers/0/trigger_config",
            json!({ "component": "full", "route": "/", "x": 1 }),
            "`x`",
        ),
        (
            "/triggers/2/trigger_config/static_response/status_code",
            json!(7),
            "trigger `old`",
        ),
    ] {
        let said = refusal(pointer, by);
        assert!(said.contains(says), "{pointer}: {said}");
    }
    let said = unlock(b"{}", "x").unwrap_err().to_string();
    assert!(said.contains("spin_lock_version"), "{said}");
    assert!(unlock(b"\0asm", "x").is_err());
}

#[test]
fn other_triggers_and_middleware_stay_visible_so_that_the_host_can_refuse_them() {
    let mut locked = as_spin_locks();
    locked["triggers"][0]["trigger_type"] = json!("redis");
    locked["triggers"][0]["trigger_config"] = json!({ "channel": "orders", "component": "full" });
    locked["components"][0]["trigger_dependencies"] = json!({ "middleware": [] });
    let application = read(&locked).unwrap();
    assert_eq!(application.other_triggers, ["redis"]);
    assert_eq!(
        application.triggers[0].extra_components,
        ["dependencies.middleware"]
    );
    let refused = lock(&application, &BTreeMap::new()).unwrap_err();
    assert!(matches!(refused, LockError::NotRead { .. }), "{refused}");
}

#[test]
fn a_source_that_has_to_be_fetched_has_no_content() {
    let source = Source::Url {
        url: "https://example.com/a.wasm".to_owned(),
        digest: DIGEST.to_owned(),
    };
    assert_eq!(source.content(), None);
}
