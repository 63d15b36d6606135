//! /api/info: which build answers, where, and since when.

use edge_rates_kit::answer::{Answer, rfc3339};
use edge_rates_kit::clock::Clock;
use edge_rates_kit::request::Request;
use edge_rates_kit::variables::Variables;
use edge_rates_quotes::Millis;
use serde_json::json;
use std::cell::OnceCell;

thread_local! {
    /// When this instance answered its first request: a component does not see the application start.
    static STARTED: OnceCell<Millis> = const { OnceCell::new() };
}

/// The description of this deployment.
pub(crate) async fn info<W: Clock + Variables>(world: &W, request: &Request) -> Answer {
    let now = world.now();
    let started = STARTED.with(|cell| *cell.get_or_init(|| now));
    let unknown = |_| String::from("unknown");
    let body = json!({
        "name": "edge-rates",
        "version": env!("CARGO_PKG_VERSION"),
        "commit": world.variable("commit").await.unwrap_or_else(unknown),
        "replica": world.variable("replica").await.unwrap_or_else(unknown),
        "host": request.authority().unwrap_or_else(|| String::from("unknown")),
        "instance_started": rfc3339(started),
        "uptime": now.since(started) / 1000,
    });
    let mut answer = Answer::json(body.to_string());
    answer.set("cache-control", "no-store");
    answer
}

#[cfg(test)]
mod tests {
    use super::*;
    use edge_rates_kit::fake::World;
    use futures::executor::block_on;

    #[test]
    fn it_names_the_build_and_the_host_that_was_asked() {
        let world = World::new();
        world.set_variable("commit", "abc1234");
        let head = http::Request::get("http://rates.example/api/info")
            .body(())
            .unwrap()
            .into_parts()
            .0;
        let answer = block_on(info(&world, &Request::from_parts(head, &world)));
        let body: serde_json::Value = serde_json::from_slice(answer.body()).unwrap();
        assert_eq!(body["name"], "edge-rates");
        assert_eq!(body["commit"], "abc1234");
        assert_eq!(body["replica"], "unknown", "a variable that is not set");
        assert_eq!(body["host"], "rates.example");
        assert_eq!(body["uptime"], 0);
    }
}
