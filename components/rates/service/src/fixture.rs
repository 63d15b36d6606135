//! What tests of the service share: what upstreams are like, and the settings that every test has.

use crate::adapters::{Provider, Scope};
use edge_rates_kit::fake::World;

/// An upstream as adapters describe it.
pub(crate) fn provider(id: &str, scope: Scope) -> Provider {
    Provider {
        id: id.into(),
        default_base_url: format!("https://{id}.example"),
        attribution: format!("By {id}"),
        scope,
        takes_key: false,
    }
}

/// Sets all variables that have to be set: those of `providers`, which are asked in this order,
/// and the rest. `own` are those of the test, which count more.
pub(crate) fn set(world: &World, providers: &[&str], own: &[(&str, &str)]) {
    for provider in providers {
        world.set_variable(&format!("{provider}_url"), "");
    }
    world.set_variable("providers", &providers.join(","));
    let usual = [
        ("assets", "bitcoin:BTC"),
        ("currencies", "USD"),
        ("fresh_seconds", "300"),
        ("jitter_seconds", "0"),
        ("grace_seconds", "60"),
        ("refuse_seconds", "86400"),
        ("source_name", ""),
        ("api_keys", ""),
        ("rate_limit", ""),
        ("trusted_proxies", ""),
    ];
    for (name, value) in usual.iter().chain(own) {
        world.set_variable(name, value);
    }
}
