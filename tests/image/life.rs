//! The life of one pod: it starts, serves, is killed, starts again, and ends in peace.

use crate::containers::tell;
use crate::world::{World, in_a_world, until};
use market_simulator::{Fault, Provider};
use serde_json::Value;
use std::time::{Duration, Instant};

const RATE: &str = "/v1/rates/BTC/USD";

#[test]
fn a_pod_serves_rates_survives_sudden_death_and_finishes_what_it_began() {
    in_a_world(async |mut world: World| {
        // Shorter than what is under way when it comes to an end.
        let delay = ("RUNTIME_HOST_DRAIN_DELAY".to_owned(), "1s".to_owned());
        world.app.environment.push(delay);
        let client = &world.client;
        let mut pod = world.pod("rates-0");
        let cold = pod.serves(client, "/healthz").await;
        let first_rate = pod.serves(client, RATE).await;
        nobody_special(&pod.container);
        let first = rate(&world, &pod).await;
        assert!(first["price"].is_string(), "{first}");
        assert!(
            !pod.path("state/sqlite_key_value.db").exists(),
            "what is stored is on Redis, which has only a name here"
        );
        let memory = &pod.container.statistics()["data"]["memory"]["usage"];
        let memory = memory["max"].as_u64().or(memory["usage"].as_u64());
        let memory = memory.expect("the memory that it took");

        // As the kernel does when memory runs out.
        pod.container.signal("KILL");
        assert_eq!(pod.container.ended().await, 137);
        pod.restart();
        let warm = pod.serves(client, "/healthz").await;
        assert_eq!(rate(&world, &pod).await, first, "the board outlived it");

        drained(&world, &mut pod).await;

        tell(&format!(
            "image {}: {:.1} MiB packed\n\
             container start to first 200, with half a processor: {} ms cold ({} ms to the first \
             rate), {} ms warm\nmemory at most: {} MiB of 512",
            world.image.digest,
            world.image.packed_bytes() as f64 / f64::from(1 << 20),
            cold.as_millis(),
            first_rate.as_millis(),
            warm.as_millis(),
            memory >> 20,
        ));
    });
}

async fn rate(world: &World, pod: &crate::pod::Pod) -> Value {
    let answer = world.client.get(pod.url(RATE)).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap()
}

/// What the kernel knows of its first process.
fn nobody_special(container: &crate::containers::Container) {
    let path = format!("/proc/{}/status", container.process());
    let status = std::fs::read_to_string(path).unwrap();
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let words = line.unwrap_or_else(|| panic!("{name} is not in {status}"));
        words.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(field("Uid:"), "1000 1000 1000 1000", "R19, R83");
    for capabilities in ["CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"] {
        assert_eq!(field(capabilities), "0000000000000000", "R83");
    }
    assert_eq!(field("NoNewPrivs:"), "1");
    assert_eq!(field("Seccomp:"), "2", "system calls are filtered");
}

/// SIGTERM while a request waits for an upstream that takes longer than the drain delay.
async fn drained(world: &World, pod: &mut crate::pod::Pod) {
    let slow = Duration::from_millis(2_500);
    for provider in Provider::ALL {
        world.market.fail(provider, Fault::Delay(slow));
    }
    // No board is left, neither in Redis nor in an instance.
    pod.container.signal("KILL");
    pod.container.ended().await;
    world.flush_redis();
    pod.restart();
    pod.serves(&world.client, "/healthz").await;
    let calls = world.market.calls(Provider::CoinGecko);
    let under_way = {
        let (client, url) = (world.client.clone(), pod.url(RATE));
        tokio::spawn(async move { client.get(url).send().await })
    };
    until("an upstream is asked", async || {
        world.market.calls(Provider::CoinGecko) > calls
    })
    .await;
    let terminated = Instant::now();
    pod.container.signal("TERM");
    until("it is not ready any more", async || {
        let ready = world.client.get(pod.url("/ready")).send().await;
        ready.is_ok_and(|answer| answer.status() == 503)
    })
    .await;
    let alive = world.client.get(pod.url("/healthz")).send().await.unwrap();
    assert_eq!(alive.status(), 200, "it still serves who has not heard yet");
    let answer = under_way.await.unwrap().expect("it is answered");
    assert_eq!(answer.status(), 200, "{}", pod.container.log());
    assert!(
        terminated.elapsed() > Duration::from_secs(1),
        "after the delay"
    );
    assert_eq!(pod.container.ended().await, 0, "{}", pod.container.log());
}
