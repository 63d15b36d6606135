//! The world of the native twin: the host's own store, the machine's clock, nothing outside.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use edge_rates_kit::background::Background;
use edge_rates_kit::clock::Clock;
use edge_rates_kit::outbound::{
    Limits, Outbound, OutboundError, OutboundRequest, OutboundResponse,
};
use edge_rates_kit::random::{Random, SplitMix};
use edge_rates_kit::store::{Store, StoreError};
use edge_rates_kit::variables::{VariableError, Variables};
use edge_rates_quotes::Millis;
use runtime_host_keyvalue::{StoreLabel, Stores};
use send_wrapper::SendWrapper;

/// One thread's world; clones share it.
#[derive(Clone)]
pub(super) struct World(Rc<Shared>);

struct Shared {
    stores: Stores,
    label: StoreLabel,
    variables: BTreeMap<String, String>,
    started: Instant,
    random: Cell<SplitMix>,
}

impl World {
    pub(super) fn new(
        stores: Stores,
        label: StoreLabel,
        variables: BTreeMap<String, String>,
    ) -> World {
        // The standard library's own random keys: nothing here needs more than that.
        let seed = RandomState::new().hash_one(0);
        World(Rc::new(Shared {
            stores,
            label,
            variables,
            started: Instant::now(),
            random: Cell::new(SplitMix::new(seed)),
        }))
    }
}

fn failed(error: runtime_host_keyvalue::StoreError) -> StoreError {
    StoreError::Failed(error.to_string())
}

impl Store for World {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.0.stores.get(&self.0.label, key).await.map_err(failed)
    }

    async fn set(&self, key: &str, value: &[u8]) -> Result<(), StoreError> {
        let stores = &self.0.stores;
        let stored = stores.set(&self.0.label, key, value.to_vec()).await;
        stored.map_err(failed)
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        let deleted = self.0.stores.delete(&self.0.label, key).await;
        deleted.map_err(failed)
    }

    async fn keys(&self) -> Result<Vec<String>, StoreError> {
        self.0.stores.keys(&self.0.label).await.map_err(failed)
    }

    async fn increment(&self, key: &str, delta: i64) -> Result<i64, StoreError> {
        let sum = self.0.stores.increment(&self.0.label, key, delta).await;
        sum.map_err(failed)
    }
}

impl Clock for World {
    fn now(&self) -> Millis {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }

    fn elapsed(&self) -> Duration {
        self.0.started.elapsed()
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

impl Random for World {
    fn bits(&self) -> u64 {
        let mut random = self.0.random.get();
        let bits = random.draw();
        self.0.random.set(random);
        bits
    }
}

impl Background for World {
    fn spawn(&self, work: impl Future<Output = ()> + 'static) {
        // The runtime has this thread only, so the work stays where it may be.
        tokio::spawn(SendWrapper::new(work));
    }
}

impl Variables for World {
    async fn variable(&self, name: &str) -> Result<String, VariableError> {
        let value = self.0.variables.get(name).cloned();
        value.ok_or_else(|| VariableError {
            name: name.to_owned(),
            reason: "the manifest does not give it to the component".to_owned(),
        })
    }
}

impl Outbound for World {
    /// The twin's board is stored beforehand and stays fresh: nothing is ever to be sent.
    async fn send(
        &self,
        _request: &OutboundRequest,
        _limits: &Limits,
    ) -> Result<OutboundResponse, OutboundError> {
        Err(OutboundError::Refused)
    }
}
