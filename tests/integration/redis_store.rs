//! Guests on stores that are on Redis, through both interfaces, and with the rights that they
//! have.

use crate::guest::Guests;
use futures::future::join_all;
use redis_server::RedisServer;
use runtime_host::Host;
use std::fmt::Write;
use tempfile::TempDir;

/// Stores on one server, each with its prefix.
fn runtime_config(redis: &RedisServer, stores: &[(&str, &str)]) -> String {
    let mut text = String::new();
    for (label, prefix) in stores {
        writeln!(
            text,
            "[key_value_store.{label}]\ntype = \"redis\"\nurl = \"{}\"\nprefix = \"{prefix}\"",
            redis.url()
        )
        .unwrap();
    }
    text
}

async fn guests_on(redis: &RedisServer) -> (Guests, TempDir) {
    let folder = TempDir::new().unwrap();
    let config = folder.path().join("runtime-config.toml");
    let stores = [("default", "mine:"), ("other", "other:")];
    std::fs::write(&config, runtime_config(redis, &stores)).unwrap();
    let guests = Guests::with(&[], |builder| builder.runtime_config_file(config)).await;
    (guests, folder)
}

#[tokio::test]
async fn a_guest_uses_its_store_by_either_interface() {
    let redis = RedisServer::start().unwrap();
    let (guests, _folder) = guests_on(&redis).await;
    let get = async |path: &str| guests.get(&format!("/modern/{path}")).await;
    get("kv?op=get&key=a").await.expect_status(404);
    get("kv?op=set&key=a&value=1").await.expect_status(200);
    assert_eq!(get("kv?op=get&key=a").await.text, "1");
    assert_eq!(get("kv?op=exists&key=a").await.text, "true");
    assert_eq!(get("increment?key=n&delta=5").await.text, "5");
    assert_eq!(get("increment?key=n&delta=0").await.text, "5");
    assert_eq!(get("kv?op=get&key=n").await.text, "5", "as Redis writes it");
    assert_eq!(get("kv?op=keys").await.text, "a\nn");
    get("kv?op=delete&key=a").await.expect_status(200);
    assert_eq!(get("kv?op=keys").await.text, "n");

    assert_eq!(get("cas?key=c&value=1").await.expect_status(200).text, "");
    let lost = get("cas?key=c&value=2&meanwhile=3").await;
    assert_eq!(lost.expect_status(409).text, "3", "another one was faster");
    assert_eq!(get("cas?key=c&value=4").await.expect_status(200).text, "3");

    // What is no counter fails its own request, and nothing else.
    get("kv?op=set&key=text&value=seven")
        .await
        .expect_status(200);
    let refused = get("increment?key=text").await.expect_status(500);
    assert!(
        refused.text.contains("is not a counter"),
        "{}",
        refused.text
    );
    assert_eq!(
        get("kv?op=get&key=text").await.expect_status(200).text,
        "seven"
    );
}

#[tokio::test]
async fn a_guest_sees_only_the_stores_that_it_was_granted() {
    let redis = RedisServer::start().unwrap();
    let (guests, _folder) = guests_on(&redis).await;
    let hosts = guests.host.stores();
    hosts
        .set(&"default".parse().unwrap(), "a", vec![b'1'])
        .await
        .unwrap();
    assert_eq!(guests.get("/modern/kv?op=get&key=a").await.text, "1");
    for store in ["other", "none"] {
        let path = format!("/modern/kv?op=get&key=a&store={store}");
        let denied = guests.get(&path).await.expect_status(500);
        assert!(denied.text.contains("AccessDenied"), "{}", denied.text);
    }
    let denied = guests
        .get("/neighbour/kv?op=get&key=a")
        .await
        .expect_status(500);
    assert!(denied.text.contains("AccessDenied"), "{}", denied.text);
}

#[tokio::test]
async fn increments_of_guests_in_two_hosts_are_exact() {
    let redis = RedisServer::start().unwrap();
    let hosts = [guests_on(&redis).await, guests_on(&redis).await];
    let asks = (0..400).map(|n| hosts[n % 2].0.get("/modern/increment?key=n"));
    let mut sums: Vec<u32> = join_all(asks)
        .await
        .into_iter()
        .map(|answer| answer.expect_status(200).text.parse().unwrap())
        .collect();
    sums.sort_unstable();
    assert_eq!(sums, (1..=400).collect::<Vec<_>>());
}

#[tokio::test]
async fn keys_that_are_set_at_the_start_go_to_the_configured_store() {
    let redis = RedisServer::start().unwrap();
    let folder = TempDir::new().unwrap();
    let config = folder.path().join("runtime-config.toml");
    std::fs::write(&config, runtime_config(&redis, &[("default", "")])).unwrap();
    let start = || {
        Host::builder(crate::guest::manifest(folder.path(), &[]))
            .listen("127.0.0.1:0".parse().unwrap())
            .runtime_config_file(&config)
            .state_dir(folder.path().join("state"))
            .quiet(true)
    };
    let default = "default".parse().unwrap();
    let first = start().key_value("a", b"1".to_vec()).start().await.unwrap();
    let second = start().start().await.unwrap();
    for host in [&first, &second] {
        let value = host.stores().get(&default, "a").await.unwrap();
        assert_eq!(value, Some(b"1".to_vec()));
    }
    assert!(
        !folder.path().join("state/sqlite_key_value.db").exists(),
        "no file is made for stores that are elsewhere"
    );
}
