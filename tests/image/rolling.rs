//! A rolling update (R14, R80: maxUnavailable 0, maxSurge 1) of two replicas on one Redis, behind
//! a proxy that hides nothing, under load.

use crate::containers::tell;
use crate::ingress::{self, Ingress};
use crate::load::{Load, Requests};
use crate::pod::Pod;
use crate::world::{World, in_a_world, until};
use std::fmt::Write as _;
use std::time::{Duration, Instant};

/// How long it takes until a cluster has taken a pod that ends out of its Service everywhere.
const ENDPOINT_LAG: Duration = Duration::from_secs(1);

/// R14.
const REPLICAS: usize = 2;

/// What happened, and when it began.
struct Steps(Vec<(String, Instant)>);

impl Steps {
    fn begin(&mut self, step: impl Into<String>) {
        self.0.push((step.into(), Instant::now()));
    }

    /// One line for each step, and the sum.
    fn table(&self, requests: &Requests) -> String {
        let mut table = format!(
            "{:<44} {:>7} {:>9} {:>7} {:>8} {:>8}\n",
            "step", "seconds", "requests", "failed", "p99 ms", "max ms"
        );
        let mut row = |step: &str, from: Instant, to: Instant| {
            let counted = requests.between(from, to);
            writeln!(
                table,
                "{step:<44} {:>7.1} {:>9} {:>7} {:>8} {:>8}",
                (to - from).as_secs_f64(),
                counted.requests,
                counted.failed,
                counted.p99.as_millis(),
                counted.longest.as_millis(),
            )
            .unwrap();
        };
        for steps in self.0.windows(2) {
            row(&steps[0].0, steps[0].1, steps[1].1);
        }
        row("all", self.0[0].1, self.0[self.0.len() - 1].1);
        table
    }
}

/// A pod that has compiled the app, with more processors than pods have, and has ended. How long
/// it takes with half of one is no concern here.
async fn compiled(world: &mut World) -> Pod {
    let limit = std::mem::replace(&mut world.app.processors, 2.0);
    let mut pod = world.pod("first");
    world.app.processors = limit;
    pod.serves(&world.client, "/healthz").await;
    pod.container.signal("KILL");
    pod.container.ended().await;
    pod
}

/// Starts a pod, and takes it into the Service when it is ready.
async fn join(world: &World, pods: &mut Vec<Pod>, name: &str) {
    let mut pod = world.pod(name);
    pod.serves(&world.client, "/ready").await;
    pods.push(pod);
    set_endpoints(world, pods);
}

fn set_endpoints(world: &World, pods: &[Pod]) {
    let addresses: Vec<_> = pods.iter().map(Pod::address).collect();
    world.node.set_endpoints(&addresses);
}

/// Ends the oldest pod: first it is told, then the cluster hears of it.
async fn leave(world: &World, pods: &mut Vec<Pod>, signal: &str) -> Duration {
    let mut old = pods.remove(0);
    let told = Instant::now();
    old.container.signal(signal);
    tokio::time::sleep(ENDPOINT_LAG).await;
    set_endpoints(world, pods);
    let code = old.container.ended().await;
    assert_eq!(code, 0, "{}", old.container.log());
    told.elapsed()
}

#[test]
fn two_replicas_are_rolled_under_load_without_one_failed_request() {
    in_a_world(async |mut world: World| {
        let compiled = compiled(&mut world).await;
        world.app.cache = Some(compiled.path("cache"));
        let mut pods = Vec::new();
        for number in 0..REPLICAS {
            join(&world, &mut pods, &format!("old-{number}")).await;
        }
        let ingress = Ingress::start();
        until("the ingress serves", async || {
            let answer = world.client.get(format!("{}/ready", ingress::URL)).send();
            answer.await.is_ok_and(|answer| answer.status() == 200)
        })
        .await;

        let mut steps = Steps(Vec::new());
        steps.begin("two old replicas");
        let load = Load::on(ingress::URL);
        tokio::time::sleep(Duration::from_secs(2)).await;
        for number in 0..REPLICAS {
            steps.begin(format!("new-{number} starts, becomes ready, joins"));
            // The first one compiles, beside those that serve.
            world.app.cache = (number > 0).then(|| compiled.path("cache"));
            join(&world, &mut pods, &format!("new-{number}")).await;
            steps.begin(format!("old-{number} is told to end, leaves, ends"));
            let took = leave(&world, &mut pods, "TERM").await;
            assert!(
                took >= Duration::from_secs(5),
                "the delay of the image: {took:?}"
            );
        }
        steps.begin("two new replicas");
        let before = load.count();
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert!(load.count() > before, "it goes on");
        let requests = load.stop();
        steps.begin("end");

        tell(&steps.table(&requests));
        let failures = requests.failures();
        let shown = &failures[..failures.len().min(5)];
        assert!(
            failures.is_empty(),
            "{} of {} failed: {shown:#?}\nnginx: {}",
            failures.len(),
            requests.count(),
            ingress.log()
        );
        assert!(
            requests.count() > 1_000,
            "there was load: {}",
            requests.count()
        );
        for pod in &pods {
            let answer = world.client.get(pod.url("/metrics")).send().await.unwrap();
            let metrics = answer.text().await.unwrap();
            let served = metrics
                .lines()
                .any(|line| line.starts_with("http_requests_total{") && line.contains("/v1/rates"));
            assert!(served, "a new replica got its share: {metrics}");
        }

        // What all of this would tell of a pod that goes at once, as SIGINT has it.
        let load = Load::on(ingress::URL);
        until("there is load", async || load.count() > 100).await;
        leave(&world, &mut pods, "INT").await;
        let failed = load.stop().failures().len();
        assert!(failed > 0, "a pod that is gone is noticed");
        tell(&format!(
            "a pod that goes at once: {failed} requests failed"
        ));
    });
}
