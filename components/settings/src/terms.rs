//! What is asked of clients: a key, and not to ask too often.

use crate::faults::Found;
use crate::text::{switch, wrong};
use edge_rates_kit::api_keys::ApiKeys;
use edge_rates_kit::client::TrustedProxies;
use edge_rates_kit::quota::Policy;
use edge_rates_kit::variables::Variables;

/// What is asked of clients; parsed from the deployment's variables.
#[derive(Debug, Default)]
pub struct Terms {
    /// The keys of which one has to be shown; None where anybody is served.
    pub keys: Option<ApiKeys>,
    /// Whether a key may be shown as the parameter `api_key`, which ends up wherever addresses
    /// are written down.
    pub is_key_in_query: bool,
    /// How often a client may ask; None for as often as it likes.
    pub policy: Option<Policy>,
    /// Whose word on the addresses of clients is taken.
    pub trusted_proxies: TrustedProxies,
}

impl Terms {
    /// Reads `api_keys`, `api_key_in_query`, `rate_limit` and `trusted_proxies`; None if one of
    /// them is at fault. One that can't be read is never taken for an empty one where that would
    /// open what should be closed.
    pub(crate) async fn read<W: Variables>(world: &W, found: &mut Found) -> Option<Terms> {
        let keys = world.variable("api_keys").await;
        let keys =
            keys.and_then(|keys| ApiKeys::parse(&keys).map_err(|why| wrong("api_keys", &why)));
        let keys = found.read(keys);
        let is_key_in_query = found.read(switch(world, "api_key_in_query", false).await);
        let limit = world.variable("rate_limit").await;
        let policy = limit.and_then(|limit| match limit.trim() {
            "" => Ok(None),
            limit => limit
                .parse()
                .map(Some)
                .map_err(|why: String| wrong("rate_limit", &why)),
        });
        let policy = found.read(policy);
        let proxies = world.variable("trusted_proxies").await;
        let proxies = proxies.and_then(|list| {
            TrustedProxies::parse(&list).map_err(|why| wrong("trusted_proxies", &why))
        });
        let trusted_proxies = found.read(proxies);
        Some(Terms {
            keys: keys?,
            is_key_in_query: is_key_in_query?,
            policy: policy?,
            trusted_proxies: trusted_proxies?,
        })
    }

    /// Whether answers are for holders of a key only.
    pub fn are_private(&self) -> bool {
        self.keys.is_some()
    }
}
