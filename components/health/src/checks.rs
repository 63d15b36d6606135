//! What readiness and health look at.

use crate::verdict;
use edge_rates_kit::answer::{Answer, rfc3339};
use edge_rates_kit::clock::Clock;
use edge_rates_kit::log;
use edge_rates_kit::store::{Store, StoreError};
use edge_rates_kit::stored;
use edge_rates_quotes::breaker::{Open, stage};
use edge_rates_quotes::stored::Failure;
use edge_rates_quotes::{Head, Millis};
use edge_rates_settings::Faults;
use futures::future::{Either, select};
use serde_json::{Map, Value, json};
use std::pin::pin;
use std::time::Duration;

/// A store that takes longer is as good as none for a client of the cached path.
const READY_DEADLINE: Duration = Duration::from_millis(80);

/// A person can wait longer than a probe.
const HEALTH_DEADLINE: Duration = Duration::from_secs(1);

/// When to ask again where settings are wrong, in seconds: they have to be set anew.
const RETRY_SETTINGS: &str = "10";

/// Readiness: do the settings work, and can the store be read? An upstream that is down changes
/// nothing, otherwise all replicas would leave their Service together. Settings that can't work
/// keep a new release from taking the place of one that serves.
pub(crate) async fn ready<W: Store + Clock>(world: &W, faults: Option<Faults>) -> Answer {
    if let Some(faults) = faults {
        let body = json!({"ready": false, "settings": told(&faults)});
        return retry(verdict(false, body.to_string()), RETRY_SETTINGS);
    }
    match in_time(world, stored::head(world), READY_DEADLINE).await {
        Ok(_) => verdict(true, r#"{"ready":true}"#),
        Err(_) => retry_soon(verdict(false, r#"{"ready":false}"#)),
    }
}

/// Which variables can't work, and why.
fn told(faults: &Faults) -> Value {
    let each = faults
        .iter()
        .map(|fault| json!({"variable": fault.name, "reason": fault.reason}));
    each.collect()
}

fn settings(faults: Option<&Faults>) -> Value {
    match faults {
        None => json!({"status": "ok"}),
        Some(faults) => json!({"status": "failing", "wrong": told(faults)}),
    }
}

/// Health: what works and what doesn't, for people and dashboards.
pub(crate) async fn health<W: Store + Clock>(world: &W, faults: Option<Faults>) -> Answer {
    let head = in_time(world, stored::head(world), HEALTH_DEADLINE).await;
    let failure = in_time(world, stored::failure(world), HEALTH_DEADLINE).await;
    let circuits = in_time(world, stored::circuits(world), HEALTH_DEADLINE).await;
    let (head, failure, circuits) = match (head, failure, circuits) {
        (Ok(head), Ok(failure), Ok(circuits)) => (head, failure, circuits),
        (Err(reason), _, _) | (_, Err(reason), _) | (_, _, Err(reason)) => {
            log::warning(json!({"event": "store failed", "detail": reason}));
            let body = json!({
                "status": "degraded",
                "checks": {
                    "settings": settings(faults.as_ref()),
                    "store": {"status": "failing", "detail": "The log says why."},
                },
            });
            return retry_soon(verdict(false, body.to_string()));
        }
    };
    let now = world.now();
    let failure = failure.filter(|failure| failure.is_last(head.as_ref()));
    let is_refused = head.as_ref().is_some_and(|head| now >= head.refused_from);
    let status = if faults.is_some() || failure.is_some() || is_refused {
        "degraded"
    } else {
        "ok"
    };
    let body = json!({
        "status": status,
        "checks": {
            "settings": settings(faults.as_ref()),
            "store": {"status": "ok"},
            "board": board(head.as_ref(), now),
            "upstream": upstream(failure.as_ref()),
            "circuits": not_closed(&circuits, now),
        },
    });
    let answer = verdict(faults.is_none(), body.to_string());
    match faults {
        None => answer,
        Some(_) => retry(answer, RETRY_SETTINGS),
    }
}

fn board(head: Option<&Head>, now: Millis) -> Value {
    let Some(head) = head else {
        return json!({"status": "empty", "detail": "The first request for a rate fetches it."});
    };
    let status = if now >= head.refused_from {
        "refused"
    } else if now >= head.fresh_until {
        "due"
    } else {
        "fresh"
    };
    json!({
        "status": status,
        "version": head.version.to_string(),
        "source": head.source,
        "as_of": rfc3339(head.fetched),
        "age_seconds": now.since(head.fetched) / 1000,
    })
}

fn upstream(failure: Option<&Failure>) -> Value {
    match failure {
        None => json!({"status": "ok"}),
        Some(failure) => json!({
            "status": "failing",
            "provider": failure.provider,
            "outcome": failure.outcome,
            "since": rfc3339(failure.at),
            "retry_from": rfc3339(failure.retry_from),
        }),
    }
}

/// The circuits that are not closed. One that is open is no reason to be degraded: others give
/// the prices meanwhile.
fn not_closed(circuits: &[(String, Open)], now: Millis) -> Value {
    let not_closed = circuits.iter().map(|(provider, open)| {
        let circuit = json!({
            "state": stage(Some(open), None, now).as_str(),
            "reason": open.reason.as_str(),
            "until": rfc3339(open.until),
        });
        (provider.clone(), circuit)
    });
    json!({
        "status": if circuits.is_empty() { "closed" } else { "open" },
        "not_closed": not_closed.collect::<Map<_, _>>(),
    })
}

fn retry_soon(answer: Answer) -> Answer {
    retry(answer, "1")
}

fn retry(mut answer: Answer, seconds: &'static str) -> Answer {
    answer.set("retry-after", seconds);
    answer
}

/// What the store says, if it says it within `deadline`.
async fn in_time<W: Clock, T>(
    world: &W,
    asking: impl Future<Output = Result<T, StoreError>>,
    deadline: Duration,
) -> Result<T, String> {
    match select(pin!(asking), pin!(world.sleep(deadline))).await {
        Either::Left((result, _)) => result.map_err(|error| error.to_string()),
        Either::Right(((), _)) => Err(format!(
            "the store did not answer within {} ms",
            deadline.as_millis()
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use edge_rates_kit::fake::World;
    use edge_rates_kit::variables::VariableError;
    use edge_rates_quotes::Policy;
    use edge_rates_quotes::breaker::{Fingerprint, Reason};
    use edge_rates_quotes::stored::{FAILURE_KEY, HEAD_KEY};
    use futures::executor::block_on;

    fn body(answer: &Answer) -> Value {
        serde_json::from_slice(answer.body()).unwrap()
    }

    fn store_board(world: &World) {
        let head = Policy::new(300_000, 0, 60_000, 86_400_000).unwrap().head(
            "v1".parse().unwrap(),
            world.now(),
            120,
            "coingecko",
            0,
        );
        block_on(world.set(HEAD_KEY, &head.encode())).unwrap();
    }

    #[test]
    fn an_empty_store_is_ready_and_well() {
        let world = World::new();
        assert_eq!(block_on(ready(&world, None)).status(), 200);
        let answer = block_on(health(&world, None));
        assert_eq!(answer.status(), 200);
        assert_eq!(body(&answer)["status"], "ok");
        assert_eq!(body(&answer)["checks"]["board"]["status"], "empty");
    }

    #[test]
    fn settings_that_cannot_work_are_named_and_neither_ready_nor_well() {
        let world = World::new();
        let faults = || {
            Some(Faults::from(vec![VariableError {
                name: "currencies".into(),
                reason: "currency 'USX': did you mean USD?".into(),
            }]))
        };
        let wrong =
            json!([{"variable": "currencies", "reason": "currency 'USX': did you mean USD?"}]);
        let answer = block_on(ready(&world, faults()));
        assert_eq!(answer.status(), 503);
        assert_eq!(answer.header("retry-after"), Some("10"));
        assert_eq!(body(&answer), json!({"ready": false, "settings": wrong}));
        let answer = block_on(health(&world, faults()));
        assert_eq!(answer.status(), 503);
        assert_eq!(answer.header("retry-after"), Some("10"));
        assert_eq!(body(&answer)["status"], "degraded");
        assert_eq!(body(&answer)["checks"]["settings"]["wrong"], wrong);
        world.break_store(true);
        let answer = block_on(health(&world, faults()));
        assert_eq!(body(&answer)["checks"]["settings"]["wrong"], wrong);
    }

    #[test]
    fn a_broken_store_is_neither() {
        let world = World::new();
        world.break_store(true);
        let answer = block_on(ready(&world, None));
        assert_eq!(answer.status(), 503);
        assert_eq!(answer.body().as_ref(), br#"{"ready":false}"#);
        assert_eq!(answer.header("retry-after"), Some("1"));
        let answer = block_on(health(&world, None));
        assert_eq!(answer.status(), 503);
        assert_eq!(answer.header("retry-after"), Some("1"));
        assert_eq!(body(&answer)["checks"]["store"]["status"], "failing");
    }

    /// A store that never answers, and a clock on which every wait is over at once.
    struct Stalled;

    impl Store for Stalled {
        async fn get(&self, _: &str) -> Result<Option<Vec<u8>>, StoreError> {
            std::future::pending().await
        }

        async fn set(&self, _: &str, _: &[u8]) -> Result<(), StoreError> {
            std::future::pending().await
        }

        async fn delete(&self, _: &str) -> Result<(), StoreError> {
            std::future::pending().await
        }

        async fn keys(&self) -> Result<Vec<String>, StoreError> {
            std::future::pending().await
        }

        async fn increment(&self, _: &str, _: i64) -> Result<i64, StoreError> {
            std::future::pending().await
        }
    }

    impl Clock for Stalled {
        fn now(&self) -> Millis {
            Millis(0)
        }

        fn elapsed(&self) -> Duration {
            Duration::ZERO
        }

        async fn sleep(&self, duration: Duration) {
            assert!(duration <= Duration::from_secs(1), "nobody waits so long");
        }
    }

    #[test]
    fn a_store_that_does_not_answer_in_time_is_as_good_as_none() {
        assert_eq!(READY_DEADLINE, Duration::from_millis(80));
        let answer = block_on(ready(&Stalled, None));
        assert_eq!(answer.status(), 503);
        assert_eq!(answer.header("retry-after"), Some("1"));
        assert_eq!(block_on(health(&Stalled, None)).status(), 503);
    }

    #[test]
    fn a_failing_upstream_degrades_health_but_not_readiness() {
        let world = World::new();
        store_board(&world);
        world.advance(Duration::from_secs(400));
        let failure = Failure {
            at: world.now(),
            retry_from: world.now(),
            status: None,
            provider: "kraken".into(),
            outcome: "timeout".into(),
            asked_with: Fingerprint(7),
        };
        block_on(world.set(FAILURE_KEY, &failure.encode())).unwrap();
        assert_eq!(block_on(ready(&world, None)).status(), 200);
        let answer = block_on(health(&world, None));
        assert_eq!(answer.status(), 200);
        let body = body(&answer);
        assert_eq!(body["status"], "degraded");
        assert_eq!(body["checks"]["board"]["status"], "due");
        assert_eq!(body["checks"]["board"]["age_seconds"], 400);
        assert_eq!(body["checks"]["upstream"]["provider"], "kraken");
    }

    #[test]
    fn a_failure_from_before_the_board_is_over() {
        let world = World::new();
        let failure = Failure {
            at: world.now(),
            retry_from: world.now(),
            status: None,
            provider: "kraken".into(),
            outcome: "timeout".into(),
            asked_with: Fingerprint(7),
        };
        block_on(world.set(FAILURE_KEY, &failure.encode())).unwrap();
        world.advance(Duration::from_secs(1));
        store_board(&world);
        assert_eq!(body(&block_on(health(&world, None)))["status"], "ok");
    }

    #[test]
    fn a_board_past_its_limit_is_said_to_be_refused() {
        let world = World::new();
        store_board(&world);
        world.advance(Duration::from_secs(90_000));
        let body = body(&block_on(health(&world, None)));
        assert_eq!(body["status"], "degraded");
        assert_eq!(body["checks"]["board"]["status"], "refused");
    }

    #[test]
    fn circuits_that_are_not_closed_are_named() {
        let world = World::new();
        store_board(&world);
        let healthy = body(&block_on(health(&world, None)));
        assert_eq!(healthy["checks"]["circuits"]["status"], "closed");
        let open = Open {
            since: world.now(),
            until: world.now().saturating_add(60_000),
            reason: Reason::RateLimited,
            status: Some(429),
            asked_with: Fingerprint(7),
        };
        block_on(world.set("c/coingecko", &open.encode())).unwrap();
        let body = body(&block_on(health(&world, None)));
        assert_eq!(body["status"], "ok", "others give the prices");
        let circuit = &body["checks"]["circuits"]["not_closed"]["coingecko"];
        assert_eq!(circuit["state"], "open");
        assert_eq!(circuit["reason"], "rate_limited");
        assert_eq!(circuit["until"], "2026-11-21T01:41:00Z");
    }
}
