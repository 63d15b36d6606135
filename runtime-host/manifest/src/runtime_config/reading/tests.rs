//! Tests of reading a runtime config: all that may stand in one, and what is said of what may
//! not.

use proptest::prelude::*;

use super::*;
use crate::blocked_networks::Listing;

fn read_text(text: &str) -> Result<RuntimeConfig, RuntimeConfigError> {
    read(text, Path::new("config.toml"), Path::new("/etc/app"))
}

/// What is said of a config that cannot be used.
fn refusal(text: &str) -> String {
    match read_text(text) {
        Ok(config) => panic!("{text}\nshould be refused, but is {config:?}"),
        Err(error) => error.to_string(),
    }
}

fn label(label: &str) -> StoreLabel {
    label.parse().unwrap()
}

#[test]
fn everything_that_may_stand_in_a_runtime_config_is_read() {
    let text = r#"
        state_dir = "state"
        log_dir = "/var/log/app"
        max_instance_memory = 134_217_728

        [outbound_http]
        connection_pooling = false

        [outbound_networking]
        block_networks = ["10.1.0.0/16", "private"]

        [drain]
        readiness_path = "/ready"
        delay = "10s"

        [key_value_store.default]
        type = "redis"
        url = "redis://:hunter2@cache:7000/1"
        prefix = "rates:"

        [key_value_store.on-disk]
        type = "spin"
        path = "data/kv.db"

        [key_value_store.passing]
        type = "spin"

        [[variables_provider]]
        type = "static"
        values = { api_key = "hunter2" }

        [[variables_provider]]
        type = "env"
        prefix = "MINE"
        dotenv_path = "more.env"

        [[variables_provider]]
        type = "env"
    "#;
    let config = read_text(text).unwrap();
    assert_eq!(config.state_dir, Some("state".into()));
    assert_eq!(config.log_dir, Some("/var/log/app".into()));
    assert_eq!(config.max_instance_memory, Some(128 << 20));
    let drain = Drain {
        readiness_path: Some("/ready".parse().unwrap()),
        delay: Some(Duration::from_secs(10)),
    };
    assert_eq!(config.drain, drain);
    assert!(config.never_reuses_connections);
    let private = "10.1.2.3".parse().unwrap();
    assert!(config.blocked_networks.block(private, Listing::Literal));
    let path = Some("/etc/app/data/kv.db".into());
    let stores = [
        (
            label("default"),
            KeyValueStore::Redis {
                url: "redis://:hunter2@cache:7000/1".parse().unwrap(),
                prefix: "rates:".to_owned(),
            },
        ),
        (label("on-disk"), KeyValueStore::Sqlite { path }),
        (label("passing"), KeyValueStore::Sqlite { path: None }),
    ];
    assert_eq!(config.key_value_stores, stores.into());
    assert_eq!(
        config.variables_providers,
        [
            VariablesProvider::Static([("api_key".to_owned(), "hunter2".to_owned())].into()),
            VariablesProvider::Env {
                prefix: "MINE".to_owned(),
                dotenv: Some("more.env".into()),
            },
            VariablesProvider::Env {
                prefix: "SPIN_VARIABLE".to_owned(),
                dotenv: None,
            },
        ]
    );
    let shown = format!("{config:?}");
    assert!(!shown.contains("hunter2"), "{shown}");
}

#[test]
fn an_empty_runtime_config_changes_nothing() {
    for nothing in ["", "[outbound_http]", "[outbound_networking]"] {
        assert_eq!(read_text(nothing).unwrap(), RuntimeConfig::default());
    }
}

#[test]
fn the_old_name_of_a_provider_is_read_but_not_both() {
    let old = "[[config_provider]]\ntype = \"env\"\n";
    assert_eq!(read_text(old).unwrap().variables_providers.len(), 1);
    let both = format!("{old}[[variables_provider]]\ntype = \"env\"");
    let told = refusal(&both);
    assert!(told.contains("keep only that"), "{told}");
}

#[test]
fn what_may_not_stand_in_a_runtime_config_is_told_with_the_fix() {
    for (text, told) in [
        (
            "key_value_stores = {}",
            "unknown key `key_value_stores` at the top (line 1): did you mean `key_value_store`?",
        ),
        (
            "[key_value_store.default]\ntype = \"redis\"\nurls = \"redis://a\"",
            "`url` is missing in [key_value_store.default] (line 1): add the server, as in \
             `url = \"redis://localhost\"`",
        ),
        (
            "[key_value_store.default]\ntype = \"redis\"\nurl = \"redis://a\"\nprefiks = \"a\"",
            "unknown key `prefiks` in [key_value_store.default] (line 4): did you mean `prefix`?",
        ),
        (
            "[key_value_store.default]\ntype = \"spin\"\nurl = \"redis://a\"",
            "unknown key `url` in [key_value_store.default] (line 3): there are `type`, `path`",
        ),
        (
            "[key_value_store.default]\ntype = \"reddis\"",
            "`type` in [key_value_store.default] (line 2): there is no such type of store: did \
             you mean `redis`?",
        ),
        (
            "[key_value_store.default]\npath = \"a.db\"",
            "`type` is missing in [key_value_store.default] (line 1): add `type = \"spin\"` or \
             `type = \"redis\"`",
        ),
        (
            "[key_value_store.default]\ntype = \"azure_cosmos\"",
            "the key-value store type `azure_cosmos` in [key_value_store.default] (line 2) is not \
             built into this host: use the type `redis` for a store that hosts share, or `spin` \
             for one on disk",
        ),
        (
            "[key_value_store.default]\ntype = \"aws_dynamo\"",
            "the key-value store type `aws_dynamo` in [key_value_store.default] (line 2) is not \
             built into this host",
        ),
        (
            "[key_value_store.default]\ntype = \"redis\"\nurl = \"http://:hunter2@a\"",
            "`url` in [key_value_store.default] (line 3): this is not the URL of a Redis server",
        ),
        (
            "[sqlite_database.default]\ntype = \"spin\"",
            "the SQLite database `default` in [sqlite_database] (line 1) is not built into this \
             host",
        ),
        (
            "[llm_compute]",
            "`llm_compute` at the top (line 1) is not built into this host",
        ),
        (
            "[outbound_pg]",
            "`outbound_pg` at the top (line 1) is not built into this host",
        ),
        (
            "[outbound_http]\nmax_connections = 10",
            "`max_connections` in [outbound_http] (line 2) is not built into this host",
        ),
        (
            "[outbound_http]\npooling = true",
            "unknown key `pooling` in [outbound_http] (line 2)",
        ),
        (
            "[outbound_networking]\nblock_networks = [\"10/8\"]",
            "`block_networks` in [outbound_networking] (line 2): `10/8` is no network: write one \
             as `10.0.0.0/8`",
        ),
        (
            "[[variables_provider]]\ntype = \"vault\"\ntoken = \"hunter2\"",
            "the variables provider `vault` in [[variables_provider]] (line 2) is not built into \
             this host: give secrets as SPIN_VARIABLE_<NAME>",
        ),
        (
            "[[variables_provider]]\ntype = \"staic\"",
            "`type` in [[variables_provider]] (line 2): there is no such provider: did you mean \
             `static`?",
        ),
        (
            "[[variables_provider]]\ntype = \"static\"\nvalues = { Api-Key = \"hunter2\" }",
            "`Api-Key` is not a variable name",
        ),
        (
            "state_dir = \"\"",
            "an empty `state_dir`, for stores in memory only, at the top (line 1) is not built \
             into this host: name a folder, or remove the key",
        ),
        (
            "max_instance_memory = 0",
            "`max_instance_memory` at the top (line 1): write a number of bytes above 0",
        ),
        (
            "max_instance_memory = \"64MiB\"",
            "`max_instance_memory` at the top (line 1) is text: write a number of bytes",
        ),
    ] {
        let refusal = refusal(text);
        assert!(
            refusal.contains(told),
            "{text}\n{refusal}\nshould be\n{told}"
        );
        assert!(!refusal.contains("hunter2"), "{refusal}");
    }
}

#[test]
fn what_the_manifest_lists_literally_can_be_left_open() {
    let text = "[outbound_networking]\nblock_networks = [\"private\"]\nblock_listed = ";
    for (flag, blocked) in [("true", true), ("false", false)] {
        let config = read_text(&format!("{text}{flag}")).unwrap();
        let private = "10.1.2.3".parse().unwrap();
        let networks = config.blocked_networks;
        assert_eq!(networks.block(private, Listing::Literal), blocked);
        assert!(networks.block(private, Listing::Wildcard));
    }
}

#[test]
fn a_file_that_is_not_toml_is_told_by_its_line_without_showing_it() {
    let told = refusal("\n\n[key_value_store.default]\nurl = \"redis://:hunter2@a");
    assert!(
        told.contains("config.toml is not valid TOML in line 4"),
        "{told}"
    );
    assert!(!told.contains("hunter2"), "{told}");
    let told = refusal("url = redis://:hunter2@a");
    assert!(!told.contains("hunter2"), "{told}");
}

#[test]
fn stores_on_one_database_may_not_see_the_keys_of_each_other() {
    let two = |one: &str, other: &str| {
        read_text(&format!(
            "[key_value_store.a]\ntype = \"redis\"\n{one}\n\
             [key_value_store.b]\ntype = \"redis\"\n{other}"
        ))
    };
    let on = |url: &str, prefix: &str| format!("url = \"{url}\"\nprefix = \"{prefix}\"");
    for (one, other) in [
        (on("redis://h", "a:"), on("redis://h", "b:")),
        (on("redis://h/0", "a:"), on("redis://h/1", "a:")),
        (on("redis://h", "a:"), on("redis://other", "a:")),
        (on("redis://h", ""), on("redis://h", "")),
    ] {
        two(&one, &other).unwrap();
    }
    for (one, other) in [
        (on("redis://h", "a"), on("redis://h", "ab")),
        (on("redis://h", "ab"), on("redis://h", "a")),
        (on("redis://h", "a:"), on("redis://h", "a:")),
        (on("redis://h", ""), on("redis://h", "a:")),
        (on("redis://me:pw@h:6379/0", "a:"), on("redis://h", "a:")),
    ] {
        let told = two(&one, &other).unwrap_err().to_string();
        assert!(
            told.contains("the key-value stores `a` and `b` are on the same database"),
            "{told}"
        );
    }
}

proptest! {
    #[test]
    fn any_text_is_a_config_or_an_error(text in any::<String>()) {
        let _ = read_text(&text);
    }
}

#[test]
fn a_host_leaves_in_a_way_that_can_be_meant() {
    for (text, expected) in [
        ("[drain]\ndelay = \"soon\"", "write it as 500ms, 30s or 2m"),
        ("[drain]\ndelay = \"2d\"", "a day at most"),
        ("[drain]\ndelay = -10", "write it as 500ms, 30s or 2m"),
        ("[drain]\ndelay = true", "text in quotes"),
        ("[drain]\nreadiness_path = \"ready\"", "such as `/ready`"),
        (
            "[drain]\nreadiness_path = \"/ready?now\"",
            "such as `/ready`",
        ),
        ("[drain]\nreadiness = \"/ready\"", "readiness_path"),
    ] {
        let refusal = refusal(text);
        assert!(refusal.contains(expected), "{text}: {refusal}");
    }
    assert_eq!(read_text("[drain]").unwrap().drain, Drain::default());
    for text in ["10", "\"10\"", "\"10s\"", "\"10000ms\""] {
        let config = read_text(&format!("[drain]\ndelay = {text}")).unwrap();
        assert_eq!(config.drain.delay, Some(Duration::from_secs(10)), "{text}");
    }
}
