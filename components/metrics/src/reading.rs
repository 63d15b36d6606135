//! Reads the counters back from the store, and puts together what is known of each upstream.

use edge_rates_kit::clock::Clock;
use edge_rates_kit::series::{Cell, Family, parse_cell_key, replica_prefix};
use edge_rates_kit::store::{Store, StoreError};
use edge_rates_kit::stored;
use edge_rates_quotes::breaker::{Stage, stage};
use edge_rates_quotes::budget::{Span, Window};
use std::collections::BTreeMap;

/// Whose counters are shown.
pub(crate) enum Scope {
    /// Those of one replica.
    Replica(String),
    /// The sum over all replicas that share the store.
    App,
}

/// Counters of a family by label values.
pub(crate) type Cells = BTreeMap<&'static str, BTreeMap<Vec<String>, Series>>;

/// The numbers of one label set.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Series {
    /// A counter's count.
    pub(crate) count: u64,
    /// Observations by bucket, not cumulative.
    pub(crate) buckets: BTreeMap<usize, u64>,
    /// Sum of observations in microseconds.
    pub(crate) sum_us: u64,
}

/// Every counter within `scope`.
pub(crate) async fn cells<W: Store>(world: &W, scope: &Scope) -> Result<Cells, StoreError> {
    let mut cells = Cells::new();
    for key in world.keys().await? {
        let Some((family, labels, cell)) = counter(&key, scope) else {
            continue;
        };
        let labels: Vec<String> = labels.into_iter().map(str::to_owned).collect();
        let value = world.increment(&key, 0).await?;
        let value = u64::try_from(value).unwrap_or(0);
        let series = cells
            .entry(family.name)
            .or_default()
            .entry(labels)
            .or_default();
        match cell {
            Cell::Count => series.count += value,
            Cell::SumMicros => series.sum_us += value,
            Cell::Bucket(index) => *series.buckets.entry(index).or_default() += value,
        }
    }
    Ok(cells)
}

fn counter<'a>(key: &'a str, scope: &Scope) -> Option<(&'static Family, Vec<&'a str>, Cell)> {
    let rest = match scope {
        Scope::Replica(replica) => key.strip_prefix(&replica_prefix(replica))?,
        // A replica's name holds no slash: it is a pod's.
        Scope::App => key.strip_prefix("m/")?.split_once('/')?.1,
    };
    parse_cell_key(rest)
}

/// What the deployment remembers of one upstream.
#[derive(Debug)]
pub(crate) struct Upstream {
    /// Its name: `coingecko`.
    pub(crate) id: String,
    /// What may be done with it.
    pub(crate) stage: Stage,
    /// Its budget in each span that has a limit.
    pub(crate) budgets: Vec<Budget>,
}

/// How often an upstream may be asked within a span.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Budget {
    /// This minute, or this month.
    pub(crate) span: Span,
    /// Calls that may be made within it.
    pub(crate) limit: u64,
    /// Calls that may still be made.
    pub(crate) left: u64,
}

/// Every upstream that was ever asked, by name.
pub(crate) async fn upstreams<W: Store + Clock>(world: &W) -> Result<Vec<Upstream>, StoreError> {
    let mut upstreams = Vec::new();
    for (id, standing) in stored::standings(world).await? {
        let open = stored::circuit(world, &id).await?;
        let now = world.now();
        let mut budgets = Vec::new();
        for span in Span::ALL {
            if let Some(limit) = standing.limits().within(span) {
                let made = world.increment(&Window::of(span, now).key(&id), 0).await?;
                let made = u64::try_from(made).unwrap_or(0);
                let limit = u64::from(limit);
                budgets.push(Budget {
                    span,
                    limit,
                    left: limit.saturating_sub(made),
                });
            }
        }
        upstreams.push(Upstream {
            stage: stage(open.as_ref(), None, now),
            budgets,
            id,
        });
    }
    Ok(upstreams)
}

#[cfg(test)]
mod tests {
    use super::*;
    use edge_rates_kit::fake::World;
    use edge_rates_kit::recorder::Recorder;
    use edge_rates_kit::series::{HTTP_DURATION, HTTP_REQUESTS};
    use edge_rates_quotes::breaker::{Fingerprint, Open, Reason};
    use edge_rates_quotes::standing::Standing;
    use futures::executor::block_on;
    use std::time::Duration;

    fn count(world: &World, replica: &str, times: usize) {
        let recorder = Recorder::new(replica);
        for _ in 0..times {
            recorder.count(&HTTP_REQUESTS, &["GET", "/healthz", "200"]);
        }
        recorder.observe(
            &HTTP_DURATION,
            &["GET", "/healthz"],
            Duration::from_millis(3),
        );
        block_on(recorder.flush(world));
    }

    #[test]
    fn a_replica_sees_its_own_counters_and_the_app_their_sum() {
        let world = World::new();
        count(&world, "pod-1", 2);
        count(&world, "pod-10", 5);
        let labels: Vec<String> = ["GET", "/healthz", "200"].map(String::from).into();
        for (scope, expected) in [
            (Scope::Replica("pod-1".into()), 2),
            (Scope::Replica("pod-10".into()), 5),
            (Scope::App, 7),
        ] {
            let cells = block_on(cells(&world, &scope)).unwrap();
            assert_eq!(cells["http_requests_total"][&labels].count, expected);
        }
    }

    #[test]
    fn other_keys_of_the_store_are_left_alone() {
        let world = World::new();
        block_on(world.set("b/main/head", b"not a counter")).unwrap();
        assert!(block_on(cells(&world, &Scope::App)).unwrap().is_empty());
    }

    #[test]
    fn an_upstream_has_its_circuit_and_what_is_left_of_its_budget() {
        let world = World::new();
        let standing = Standing {
            asked: world.now(),
            outcome: "ok".into(),
            status: Some(200),
            succeeded: Some(world.now()),
            per_minute: Some(8),
            per_month: None,
        };
        block_on(world.set("p/coingecko", &standing.encode())).unwrap();
        let open = Open {
            since: world.now(),
            until: world.now().saturating_add(60_000),
            reason: Reason::RateLimited,
            status: Some(429),
            asked_with: Fingerprint(7),
        };
        block_on(world.set("c/coingecko", &open.encode())).unwrap();
        let calls = Window::of(Span::Minute, world.now()).key("coingecko");
        block_on(world.increment(&calls, 3)).unwrap();
        let upstreams = block_on(upstreams(&world)).unwrap();
        assert_eq!(upstreams.len(), 1);
        assert_eq!(upstreams[0].id, "coingecko");
        assert_eq!(upstreams[0].stage, Stage::Open);
        let minute = |left| Budget {
            span: Span::Minute,
            limit: 8,
            left,
        };
        assert_eq!(upstreams[0].budgets, [minute(5)]);
        world.advance(Duration::from_secs(60));
        let later = block_on(super::upstreams(&world)).unwrap();
        assert_eq!(later[0].stage, Stage::HalfOpen);
        assert_eq!(later[0].budgets, [minute(8)]);
    }
}
