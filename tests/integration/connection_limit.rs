//! `--max-connections`: connections on which nothing is asked never keep others out.

use crate::app::until;
use crate::guest::{Guests, manifest};
use crate::process::Process;
use crate::wire::Wire;
use runtime_host::Limits;
use std::fs::File;
use std::process::Stdio;
use tempfile::TempDir;
use tokio::process::Command;

async fn guests(max_connections: usize) -> Guests {
    Guests::with(&[], |builder| {
        builder.workers(2).limits(Limits {
            max_connections: Some(max_connections),
            ..Limits::default()
        })
    })
    .await
}

#[tokio::test]
async fn for_one_more_connection_the_one_that_was_idle_for_longest_goes() {
    let guests = guests(3).await;
    let url = guests.host.url();
    let mut clients = Vec::new();
    for _ in 0..3 {
        let mut wire = Wire::to(&url).await;
        assert!(wire.is_usable().await);
        clients.push(wire);
    }
    // The first of them has been asked last now.
    assert!(clients[0].is_usable().await);
    let mut fourth = Wire::to(&url).await;
    assert!(fourth.is_usable().await);
    assert_eq!(clients[1].read_to_end().await, 0, "it was closed");
    for kept in [0, 2] {
        assert!(clients[kept].is_usable().await, "{kept} is kept");
    }
}

#[tokio::test]
async fn a_connection_that_is_being_answered_is_not_closed_for_another() {
    let guests = guests(2).await;
    let url = guests.host.url();
    let mut busy = Wire::to(&url).await;
    busy.send("GET /modern/sleep?ms=1500 HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    let mut streaming = Wire::to(&url).await;
    let head = streaming.ask("GET", "/modern/stream?chunks=3&ms=500").await;
    assert_eq!(head.status, 200);
    // There is no room for it before one of the others is done.
    let mut third = Wire::to(&url).await;
    assert!(third.is_usable().await);
    assert_eq!(busy.head().await.unwrap().status, 200);
}

#[tokio::test]
async fn a_flood_of_idle_connections_takes_no_file_descriptors_from_others() {
    const FILES: usize = 160;
    let folder = TempDir::new().unwrap();
    let log = folder.path().join("log.txt");
    let manifest = manifest(folder.path(), &[]);
    let mut command = Command::new("sh");
    command
        .arg("-c")
        .arg(format!("ulimit -n {FILES}; exec \"$0\" \"$@\""))
        .arg(crate::process::binary())
        .args(["up", "--listen", "127.0.0.1:0", "-q"])
        .args(["--metrics-listen", "127.0.0.1:0", "-f"])
        .arg(&manifest)
        .stdin(Stdio::null())
        .stderr(File::create(&log).unwrap());
    let host = Process::of(command).await;
    let mut flood = Vec::new();
    for _ in 0..3 * FILES {
        flood.push(Wire::to(&host.url).await);
    }
    let mut client = Wire::to(&host.url).await;
    assert!(client.is_usable().await);
    let metrics = async || {
        let log = std::fs::read_to_string(&log).unwrap();
        let (_, url) = log
            .split_once("metrics are on ")
            .expect("where metrics are");
        let url = url.split_whitespace().next().unwrap().to_owned();
        let answer = crate::app::client().get(url).send().await.unwrap();
        answer.text().await.unwrap()
    };
    let value = |metrics: &str, series: &str| -> f64 {
        let line = metrics.lines().find_map(|line| line.strip_prefix(series));
        line.expect(series).trim().parse().unwrap()
    };
    let most = value(&metrics().await, "runtime_host_connections_max ");
    assert!(most < FILES as f64, "{most}");
    until("those that are too many are closed", async || {
        let metrics = metrics().await;
        let closed = r#"runtime_host_connections_closed_total{reason="limit"} "#;
        value(&metrics, "runtime_host_connections_open ") <= most
            && value(&metrics, closed) >= (3 * FILES + 1) as f64 - most
            && value(&metrics, "process_open_fds ") < FILES as f64
    })
    .await;
    assert!(client.is_usable().await, "it is the youngest");
    assert_eq!(flood[0].read_to_end().await, 0, "it was the oldest");
    let log = std::fs::read_to_string(&log).unwrap();
    assert!(log.contains("--max-connections"), "{log}");
    assert!(!log.contains("could not be accepted"), "{log}");
}
