//! What every connection shares: the walk, the time, the faults and lies of the moment, and the
//! counts.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::calls::Calls;
use crate::clock::Clock;
use crate::walk::Walk;
use crate::{Fault, Provider};

#[derive(Debug)]
pub(crate) struct Simulation {
    pub(crate) walk: Walk,
    pub(crate) clock: Clock,
    pub(crate) calls: Calls,
    faults: Mutex<BTreeMap<Provider, Fault>>,
    skews: Mutex<BTreeMap<Provider, f64>>,
    connections: AtomicUsize,
}

impl Simulation {
    pub(crate) fn new(seed: u64, clock: Clock) -> Self {
        Self {
            walk: Walk::new(seed),
            clock,
            calls: Calls::default(),
            faults: Mutex::default(),
            skews: Mutex::default(),
            connections: AtomicUsize::new(0),
        }
    }

    /// How `provider` fails at present.
    pub(crate) fn fault(&self, provider: Provider) -> Option<Fault> {
        self.faults
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&provider)
            .copied()
    }

    /// Lets `provider` fail in this way, or, with none, no longer.
    pub(crate) fn set_fault(&self, provider: Provider, fault: Option<Fault>) {
        let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        match fault {
            Some(fault) => faults.insert(provider, fault),
            None => faults.remove(&provider),
        };
    }

    /// How many times as high as they should be the prices of `provider` are.
    pub(crate) fn skew(&self, provider: Provider) -> f64 {
        let skews = self.skews.lock().unwrap_or_else(PoisonError::into_inner);
        skews.get(&provider).copied().unwrap_or(1.0)
    }

    /// From now on the prices of `provider` are so many times as high.
    pub(crate) fn set_skew(&self, provider: Provider, skew: f64) {
        let mut skews = self.skews.lock().unwrap_or_else(PoisonError::into_inner);
        skews.insert(provider, skew);
    }

    /// How many connections are open.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// Counts a connection as open until what is given back is dropped.
    pub(crate) fn connected(self: &Arc<Self>) -> Connected {
        self.connections.fetch_add(1, Ordering::SeqCst);
        Connected(Arc::clone(self))
    }
}

/// An open connection.
#[derive(Debug)]
pub(crate) struct Connected(Arc<Simulation>);

impl Drop for Connected {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::SeqCst);
    }
}
