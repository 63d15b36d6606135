//! The native twin serves a seeded board as the product would: what every ratio rests on.

use std::net::TcpListener;
use std::path::Path;
use std::time::{Duration, Instant};

use edge_rates_bench::answer::Answer;
use edge_rates_bench::process::Process;
use edge_rates_bench::route;
use edge_rates_bench::seed::{Seed, Size};
use tokio::process::Command;

/// How long it may take to serve.
const SOON: Duration = Duration::from_secs(20);

#[tokio::test]
async fn the_twin_answers_every_route_from_a_seeded_store() {
    let folder = tempfile::tempdir().unwrap();
    let seed = Seed::board(Size::Small).unwrap();
    seed.store_in(folder.path()).await.unwrap();
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spin.toml");
    let mut command = Command::new(env!("CARGO_BIN_EXE_native-twin"));
    command
        .args(["--workers", "1", "--listen", &address.to_string(), "-f"])
        .arg(manifest)
        .arg("--state-dir")
        .arg(folder.path());
    for (name, value) in seed.variables() {
        command.arg("--variable").arg(format!("{name}={value}"));
    }
    let process = Process::start(command, &folder.path().join("output.txt")).unwrap();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("http://{address}");

    let started = Instant::now();
    while client.get(format!("{url}/healthz")).send().await.is_err() {
        assert!(started.elapsed() < SOON, "{}", process.last_words());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    for route in route::ALL.into_iter().chain([route::INVALID]) {
        let answer = Answer::to(&client, &url, &route.sent(None)).await.unwrap();
        assert_eq!(answer.status, route.status, "{}: {answer:?}", route.name);
    }
    let pair = route::PAIR.without_condition();
    let answer = Answer::to(&client, &url, &pair).await.unwrap();
    assert!(answer.body.contains(r#""source":"seed""#), "{answer:?}");
    assert!(answer.body.contains(r#""stale":false"#), "{answer:?}");
    process.stop().await.unwrap();
}
