//! SIGTERM with a drain delay: the host says at once that it is not ready, goes on serving
//! everybody until load balancers have left, and then drains. R14, R80 and R97 stand on it.

use crate::app::{SOON, client, until};
use crate::guest::manifest;
use crate::keep_alive::KeepAlive;
use crate::process::Process;
use futures::future::join_all;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::time::timeout;

const HEALTH: &str = "/.well-known/spin/health";

/// The status on a path, over a new connection.
async fn status(host: &Process, path: &str) -> Option<u16> {
    let answer = client().get(format!("{}{path}", host.url)).send().await;
    answer.ok().map(|answer| answer.status().as_u16())
}

#[tokio::test]
async fn it_says_at_once_that_it_is_not_ready_and_goes_on_serving_everything() {
    let folder = TempDir::new().unwrap();
    let arguments = [
        "--drain-delay",
        "2s",
        // The application has an answer of its own here, of which probes see nothing then.
        "--readiness-path",
        "/modern/hello",
    ];
    let mut host = Process::start(&manifest(folder.path(), &[]), &arguments).await;
    let mut early = KeepAlive::of(&host.url);
    assert_eq!(early.get("/modern/hello").await.unwrap(), 200);
    assert_eq!(early.get(HEALTH).await.unwrap(), 200);
    assert_eq!((early.is_connected(), early.connections), (true, 1));

    let told = Instant::now();
    host.signal("-TERM");
    until("it is not ready", async || {
        status(&host, HEALTH).await == Some(503)
    })
    .await;
    assert!(told.elapsed() < Duration::from_secs(1), "{told:?}");
    assert_eq!(status(&host, "/modern/hello").await, Some(503));
    for path in ["/classic/hello", "/modern/count", "/.well-known/spin/info"] {
        assert_eq!(status(&host, path).await, Some(200), "{path}");
    }
    // Whoever reuses a connection is told to go, and comes back while there is nobody else.
    assert_eq!(early.get("/neighbour/hello").await.unwrap(), 200);
    assert!(!early.is_connected(), "the answer ends the connection");
    assert_eq!(early.get("/neighbour/hello").await.unwrap(), 200);
    assert_eq!(early.connections, 2);

    assert_eq!(host.ended().await, Some(0));
    assert!(told.elapsed() >= Duration::from_secs(2), "{told:?}");
}

#[tokio::test]
async fn a_readiness_path_that_the_application_does_not_know_is_the_hosts() {
    let folder = TempDir::new().unwrap();
    let arguments = ["--readiness-path", "/am-i-ready", "--drain-delay", "1s"];
    let mut host = Process::start(&manifest(folder.path(), &[]), &arguments).await;
    assert_eq!(status(&host, "/am-i-ready").await, Some(200));
    assert_eq!(status(&host, "/am-i-ready/too").await, Some(404));
    host.signal("-TERM");
    until("it is not ready", async || {
        status(&host, "/am-i-ready").await == Some(503)
    })
    .await;
    assert_eq!(host.ended().await, Some(0));
}

#[tokio::test]
async fn a_connection_without_a_request_is_closed_in_peace_when_the_delay_is_over() {
    let folder = TempDir::new().unwrap();
    let delay = ["--drain-delay", "500ms"];
    let mut host = Process::start(&manifest(folder.path(), &[]), &delay).await;
    let mut idle = KeepAlive::of(&host.url);
    assert_eq!(idle.get("/modern/hello").await.unwrap(), 200);
    let told = Instant::now();
    host.signal("-TERM");
    let closed = timeout(SOON, idle.closed()).await.expect("it is closed");
    closed.expect("not reset");
    assert!(told.elapsed() >= Duration::from_millis(500), "{told:?}");
    assert_eq!(host.ended().await, Some(0));
}

#[tokio::test]
async fn a_second_signal_does_not_wait_for_the_delay() {
    let folder = TempDir::new().unwrap();
    let delay = ["--drain-delay", "1h"];
    let mut host = Process::start(&manifest(folder.path(), &[]), &delay).await;
    host.signal("-TERM");
    until("it is not ready", async || {
        status(&host, HEALTH).await == Some(503)
    })
    .await;
    host.signal("-TERM");
    assert_eq!(host.ended().await, Some(0));
}

#[tokio::test]
async fn ctrl_c_knows_no_delay() {
    let folder = TempDir::new().unwrap();
    let delay = ["--drain-delay", "1h"];
    let mut host = Process::start(&manifest(folder.path(), &[]), &delay).await;
    host.signal("-INT");
    assert_eq!(host.ended().await, Some(0));
}

/// A host whose runtime config, environment and arguments say these delays, where they do. Gives
/// whether it has left within a few seconds; otherwise it waits for an hour.
async fn leaves(config: Option<&str>, env: Option<&str>, argument: Option<&str>) -> bool {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("runtime-config.toml");
    let text = config.map_or(String::new(), |delay| {
        format!("[drain]\nreadiness_path = \"/configured\"\ndelay = \"{delay}\"\n")
    });
    std::fs::write(&path, text).unwrap();
    let mut arguments = vec!["--runtime-config-file", path.to_str().unwrap()];
    if let Some(delay) = argument {
        arguments.extend(["--drain-delay", delay]);
    }
    let mut command = Process::up(&manifest(folder.path(), &[]), &arguments);
    command.env_remove("RUNTIME_HOST_DRAIN_DELAY");
    if let Some(delay) = env {
        command.env("RUNTIME_HOST_DRAIN_DELAY", delay);
        command.env("RUNTIME_HOST_READINESS_PATH", "/from-the-environment");
    }
    let mut host = Process::of(command).await;
    let readiness = match (config, env) {
        (_, Some(_)) => Some("/from-the-environment"),
        (Some(_), None) => Some("/configured"),
        (None, None) => None,
    };
    if let Some(path) = readiness {
        assert_eq!(status(&host, path).await, Some(200), "{path}");
    }
    host.signal("-TERM");
    let left = tokio::select! {
        code = host.ended() => {
            assert_eq!(code, Some(0));
            true
        }
        () = tokio::time::sleep(Duration::from_secs(3)) => false,
    };
    if !left {
        assert_eq!(status(&host, HEALTH).await, Some(503), "it leaves");
    }
    left
}

#[tokio::test]
async fn an_argument_beats_the_environment_which_beats_the_runtime_config() {
    let all = [
        (None, None, None, true),
        (Some("1h"), None, None, false),
        (Some("1h"), Some("0s"), None, true),
        (Some("0s"), Some("1h"), Some("0s"), true),
        (Some("0s"), Some("0s"), Some("1h"), false),
    ];
    let cases = all.map(async |(config, env, argument, expected)| {
        let left = leaves(config, env, argument).await;
        assert_eq!(left, expected, "{config:?} {env:?} {argument:?}");
    });
    join_all(cases).await;
}

/// Two hosts behind a balancer that probes them, as Kubernetes does: the first is replaced under
/// load. The clients keep their connections and try nothing twice.
#[tokio::test]
async fn a_rolling_restart_loses_no_request() {
    let folders = [TempDir::new().unwrap(), TempDir::new().unwrap()];
    let arguments = ["--drain-delay", "1s", "--drain-timeout", "10s"];
    let start =
        async |folder: &TempDir| Process::start(&manifest(folder.path(), &[]), &arguments).await;
    let (mut leaving, staying) = (start(&folders[0]).await, start(&folders[1]).await);
    let (is_ready, is_over) = (AtomicBool::new(true), AtomicBool::new(false));
    let (by_leaving, by_staying) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let urls = [leaving.url.clone(), staying.url.clone()];
    let clients = join_all((0..16).map(async |number| {
        let mut to = urls.each_ref().map(|url| KeepAlive::of(url));
        while !is_over.load(Ordering::Relaxed) {
            let goes_to_leaving = is_ready.load(Ordering::Relaxed);
            let (client, answered) = match goes_to_leaving {
                true => (&mut to[0], &by_leaving),
                false => (&mut to[1], &by_staying),
            };
            let status = client.get("/modern/hello").await;
            let status = status.unwrap_or_else(|error| {
                panic!("client {number}, to the leaving one: {goes_to_leaving}: {error}")
            });
            assert_eq!(status, 200);
            answered.fetch_add(1, Ordering::Relaxed);
        }
    }));
    let prober = async {
        // As seldom as Kubernetes: a good part of the delay is over before anybody knows.
        while status(&leaving, HEALTH).await == Some(200) {
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        is_ready.store(false, Ordering::Relaxed);
    };
    let terminator = async {
        until("clients are served", async || {
            by_leaving.load(Ordering::Relaxed) > 1_000
        })
        .await;
        leaving.signal("-TERM");
    };
    let end = async {
        futures::join!(prober, terminator);
        until("the other one serves", async || {
            by_staying.load(Ordering::Relaxed) > 1_000
        })
        .await;
        until("the first one is gone", async || {
            status(&leaving, HEALTH).await.is_none()
        })
        .await;
        is_over.store(true, Ordering::Relaxed);
    };
    futures::join!(clients, end);
    assert_eq!(leaving.ended().await, Some(0));
}
