//! Whether an upstream may be asked: its circuit and its budget, which all replicas share through
//! the store. Where the store fails, nobody is kept from asking.

use crate::service::Service;
use crate::settings::Upstream;
use edge_rates_kit::Capabilities;
use edge_rates_kit::answer::rfc3339;
use edge_rates_kit::log;
use edge_rates_kit::series::CIRCUIT_TRANSITIONS;
use edge_rates_kit::stored;
use edge_rates_quotes::Millis;
use edge_rates_quotes::breaker::{
    self, Change, Ending, Open, Outcome, PROBE_MS, Stage, failure_keys, probe_key, stage,
};
use edge_rates_quotes::budget::{Span, Window, granted};
use serde_json::json;

/// Why an upstream is not asked now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shut {
    /// In a word: `circuit_open`, `over_budget`.
    pub(crate) why: &'static str,
    /// When it may be asked again.
    pub(crate) until: Millis,
    /// HTTP status of the answer that opened its circuit.
    pub(crate) status: Option<u16>,
}

/// The state of an upstream's circuit, unless it is open.
pub(crate) async fn circuit<W: Capabilities, A>(
    service: &Service<W, A>,
    upstream: &Upstream,
) -> Result<Option<Open>, Shut> {
    let state = stored::circuit(&service.world, &upstream.id).await;
    let state = state.unwrap_or_default();
    let now = service.world.now();
    match (stage(state.as_ref(), Some(upstream.asked_with), now), state) {
        (Stage::Open, Some(open)) => Err(Shut {
            why: "circuit_open",
            until: open.until,
            status: open.status,
        }),
        (_, state) => Ok(state),
    }
}

/// Sees to it that of all replicas one alone asks an upstream whose circuit is half-open.
pub(crate) async fn probe<W: Capabilities, A>(
    service: &Service<W, A>,
    upstream: &Upstream,
    open: &Open,
) -> Result<(), Shut> {
    let now = service.world.now();
    let key = probe_key(&upstream.id, open, now);
    match service.world.increment(&key, 1).await {
        Ok(1) | Err(_) => {
            let labels = [upstream.id.as_str(), Stage::HalfOpen.as_str()];
            service.recorder.count(&CIRCUIT_TRANSITIONS, &labels);
            Ok(())
        }
        Ok(_) => Err(Shut {
            why: "probed_by_another",
            until: now.saturating_add(PROBE_MS),
            status: open.status,
        }),
    }
}

/// Counts calls that are about to be made: how many of `wanted` the budget allows, one at least.
pub(crate) async fn spend<W: Capabilities, A>(
    service: &Service<W, A>,
    upstream: &Upstream,
    wanted: u32,
) -> Result<u32, Shut> {
    let now = service.world.now();
    let mut allowed = wanted;
    let mut counted: Vec<String> = Vec::new();
    for span in Span::ALL {
        let Some(limit) = upstream.limits.within(span) else {
            continue;
        };
        let window = Window::of(span, now);
        let key = window.key(&upstream.id);
        let Ok(count) = service.world.increment(&key, allowed.into()).await else {
            continue;
        };
        let granted = granted(allowed, count, limit);
        counted.push(key);
        if granted < allowed {
            give_back(service, &counted, allowed - granted).await;
            allowed = granted;
        }
        if allowed == 0 {
            log::warning(json!({
                "event": "budget spent",
                "provider": upstream.id,
                "window": span.as_str(),
                "limit": limit,
                "until": rfc3339(window.end),
            }));
            return Err(Shut {
                why: "over_budget",
                until: window.end,
                status: None,
            });
        }
    }
    Ok(allowed)
}

/// Takes calls off the counters of [`spend`] that are not made after all.
pub(crate) async fn unspend<W: Capabilities, A>(
    service: &Service<W, A>,
    upstream: &Upstream,
    calls: u32,
    at: Millis,
) {
    let spans = Span::ALL.into_iter();
    let counted = spans.filter(|span| upstream.limits.within(*span).is_some());
    let keys: Vec<String> = counted
        .map(|span| Window::of(span, at).key(&upstream.id))
        .collect();
    give_back(service, &keys, calls).await;
}

async fn give_back<W: Capabilities, A>(service: &Service<W, A>, keys: &[String], calls: u32) {
    for key in keys {
        // Where this fails, calls that were not made count: fewer are made than could be.
        let _ = service.world.increment(key, -i64::from(calls)).await;
    }
}

/// Notes how asking an upstream ended, and gives when it may be asked again if its circuit is
/// open now. `state` is that of the circuit before.
pub(crate) async fn settle<W: Capabilities, A>(
    service: &Service<W, A>,
    upstream: &Upstream,
    state: Option<&Open>,
    outcome: Outcome,
    status: Option<u16>,
) -> Option<Millis> {
    let world = &service.world;
    let now = world.now();
    let failures = match (outcome, state) {
        // Failures count where they decide whether a closed circuit opens.
        (Outcome::Failure, None) => failures(world, upstream, now).await,
        _ => 0,
    };
    let ending = Ending {
        outcome,
        failures,
        status,
        asked_with: upstream.asked_with,
    };
    let change = breaker::after(state, &ending, now);
    let (stored, stage, until) = match change {
        Change::Keep => return None,
        Change::Close => (
            stored::close_circuit(world, &upstream.id).await,
            Stage::Closed,
            None,
        ),
        Change::Open(open) => (
            stored::open_circuit(world, &upstream.id, &open).await,
            Stage::Open,
            Some(open),
        ),
    };
    if let Err(error) = stored {
        log::warning(json!({"event": "store failed", "detail": error.to_string()}));
    }
    let labels = [upstream.id.as_str(), stage.as_str()];
    service.recorder.count(&CIRCUIT_TRANSITIONS, &labels);
    log::warning(json!({
        "event": "circuit changed",
        "provider": upstream.id,
        "state": stage.as_str(),
        "reason": until.map(|open| open.reason.as_str()),
        "until": until.map(|open| rfc3339(open.until)),
    }));
    until.map(|open| open.until)
}

/// Counts a failure, and those of this window and the one before.
async fn failures<W: Capabilities>(world: &W, upstream: &Upstream, now: Millis) -> u64 {
    let (present, before) = failure_keys(&upstream.id, now);
    let mut sum = 0;
    for (key, delta) in [(present, 1), (before, 0)] {
        let count = world.increment(&key, delta).await.unwrap_or(0);
        sum += u64::try_from(count).unwrap_or(0);
    }
    sum
}
