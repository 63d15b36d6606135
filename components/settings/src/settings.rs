//! Everything that can be set, read together.

use crate::adapters::Adapters;
use crate::faults::{Faults, Found};
use crate::rules::rules;
use crate::terms::Terms;
use crate::text::{millis, switch, wrong};
use crate::upstreams::{Upstream, of_all, upstreams};
use edge_rates_kit::caching::CacheTimes;
use edge_rates_kit::variables::{VariableError, Variables};
use edge_rates_quotes::breaker::Fingerprint;
use edge_rates_quotes::{Catalogue, Policy, PolicyError, Rules};
use std::rc::Rc;

/// Everything that can be set.
#[derive(Debug)]
pub struct Settings {
    /// What is priced, and in what.
    pub catalogue: Catalogue,
    /// How old a board may be.
    pub policy: Policy,
    /// What downstream caches are told.
    pub cache_times: CacheTimes,
    /// Which prices of upstreams are believed.
    pub rules: Rules,
    /// Upstreams in the order in which they are tried.
    pub upstreams: Vec<Upstream>,
    /// What they all are asked with.
    pub asked_with: Fingerprint,
    /// What is asked of clients.
    pub terms: Rc<Terms>,
    /// Shown as the source instead of the upstream's name.
    pub source_name: Option<String>,
}

impl Settings {
    /// Reads all settings; the upstreams that can be named are those of `adapters`.
    ///
    /// # Errors
    /// Every variable at fault and what would be right.
    pub async fn read<W: Variables>(
        world: &W,
        adapters: &impl Adapters,
    ) -> Result<Settings, Faults> {
        let mut found = Found::default();
        let catalogue = catalogue(world, &mut found).await;
        let policy = policy(world, &mut found).await;
        let upstreams = match upstreams(world, adapters).await {
            Ok(upstreams) => Some(upstreams),
            Err(faults) => {
                found.extend(faults);
                None
            }
        };
        let rules = rules(world, &mut found).await;
        let terms = Terms::read(world, &mut found).await;
        let source_name = found.read(world.variable("source_name").await);
        for (name, default) in [("count_requests", true), ("log_requests", false)] {
            found.read(switch(world, name, default).await);
        }
        found.read(replica(world).await);
        let made = match (catalogue, policy, upstreams, rules, terms, source_name) {
            (
                Some(catalogue),
                Some(policy),
                Some(upstreams),
                Some(rules),
                Some(terms),
                Some(source_name),
            ) => Some(Settings {
                cache_times: cache_times(&policy, &terms),
                asked_with: of_all(&upstreams),
                source_name: Some(source_name).filter(|name| !name.is_empty()),
                terms: Rc::new(terms),
                catalogue,
                policy,
                rules,
                upstreams,
            }),
            _ => None,
        };
        found.or(made)
    }
}

fn cache_times(policy: &Policy, terms: &Terms) -> CacheTimes {
    let seconds = |ms: u64| ms / 1000;
    let times = CacheTimes::new(
        seconds(policy.fresh_ms),
        seconds(policy.grace_ms),
        seconds(policy.refuse_ms),
    );
    match terms.are_private() {
        true => times.private(),
        false => times,
    }
}

/// `assets` and `currencies`.
async fn catalogue<W: Variables>(world: &W, found: &mut Found) -> Option<Catalogue> {
    let assets = found.read(world.variable("assets").await);
    let currencies = found.read(world.variable("currencies").await);
    let (assets, currencies) = (assets?, currencies?);
    let faults = match Catalogue::parse(&assets, &currencies) {
        Ok(catalogue) => return Some(catalogue),
        // The other list was read no further, or was fine.
        Err(error) if error.is_of_currencies() => vec![wrong("currencies", &error)],
        Err(error) => {
            let other = Catalogue::check_currencies(&currencies).err();
            let other = other.map(|error| wrong("currencies", &error));
            [wrong("assets", &error)].into_iter().chain(other).collect()
        }
    };
    found.extend(faults);
    None
}

/// `fresh_seconds`, `jitter_seconds`, `grace_seconds` and `refuse_seconds`.
async fn policy<W: Variables>(world: &W, found: &mut Found) -> Option<Policy> {
    let fresh = found.read(millis(world, "fresh_seconds").await);
    let jitter = found.read(millis(world, "jitter_seconds").await);
    let grace = found.read(millis(world, "grace_seconds").await);
    let refuse = found.read(millis(world, "refuse_seconds").await);
    let policy = Policy::new(fresh?, jitter?, grace?, refuse?).map_err(|error| {
        let name = match error {
            PolicyError::NeverFresh => "fresh_seconds",
            PolicyError::JitterTooLong { .. } => "jitter_seconds",
            PolicyError::RefusedTooSoon { .. } => "refuse_seconds",
        };
        wrong(name, &error)
    });
    found.read(policy)
}

/// `replica` stands in keys of the store, where a slash would end it.
async fn replica<W: Variables>(world: &W) -> Result<(), VariableError> {
    let name = world.variable("replica").await.unwrap_or_default();
    match name.contains('/') || name.len() > MOST_REPLICA_BYTES {
        true => Err(wrong(
            "replica",
            &format!("a replica's name has no slash and at most {MOST_REPLICA_BYTES} bytes"),
        )),
        false => Ok(()),
    }
}

/// Longest name of a pod (RFC 1123 §2.1), which is the longest name that a replica needs.
const MOST_REPLICA_BYTES: usize = 253;

#[cfg(test)]
mod tests;
