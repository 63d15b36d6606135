//! Stores on a real Redis server: what is kept and how, and what callers meet when the server
//! dies, hangs, comes back, or holds what is no value of ours.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod outage;
mod values;

use redis_server::RedisServer;
use runtime_host_keyvalue::{KeyValueStore, StoreLabel, Stores};

pub(crate) fn label(label: &str) -> StoreLabel {
    label.parse().unwrap()
}

pub(crate) fn default() -> StoreLabel {
    label("default")
}

pub(crate) fn on_redis(url: &str, prefix: &str) -> KeyValueStore {
    KeyValueStore::Redis {
        url: url.parse().unwrap(),
        prefix: prefix.to_owned(),
    }
}

pub(crate) fn server() -> RedisServer {
    RedisServer::start().unwrap()
}

/// A connection that isn't ours, to see what is really there.
pub(crate) fn raw(server: &RedisServer) -> redis::Connection {
    let client = redis::Client::open(server.url()).unwrap();
    client.get_connection().unwrap()
}

/// The store `default` on a server, without a prefix.
pub(crate) fn stores(server: &RedisServer) -> Stores {
    Stores::open([(default(), on_redis(&server.url(), ""))]).unwrap()
}
