//! SIGTERM: what was begun is finished, nothing new is begun, and the host ends in peace.

use crate::app::{client, until};
use crate::guest::{Guests, manifest};
use crate::process::Process;
use futures::future::join_all;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tempfile::TempDir;

#[tokio::test]
async fn a_drain_answers_what_was_asked_and_loses_nothing() {
    let folder = TempDir::new().unwrap();
    let mut host = Process::start(&manifest(folder.path(), &[]), &[]).await;
    let client = client();
    let url = format!("{}/modern/sleep?ms=1500&count=asleep", host.url);
    let answers = join_all((0..50).map(|_| client.get(&url).send()));
    let terminator = async {
        let asleep = format!("{}/modern/increment?key=asleep&delta=0", host.url);
        until("all fifty are under way", async || {
            let answer = client.get(&asleep).send().await.unwrap();
            answer.text().await.unwrap().trim() == "50"
        })
        .await;
        host.signal("-TERM");
        until("new connections are refused", async || {
            crate::app::client().get(&url).send().await.is_err()
        })
        .await;
    };
    let (answers, ()) = futures::join!(answers, terminator);
    for answer in answers {
        let answer = answer.expect("a request in flight is answered");
        assert_eq!(answer.status(), 200);
    }
    assert_eq!(host.ended().await, Some(0));
}

#[tokio::test]
async fn requests_that_come_while_it_drains_are_answered_or_refused_but_never_cut_off() {
    let folder = TempDir::new().unwrap();
    let mut host = Process::start(&manifest(folder.path(), &[]), &[]).await;
    let (client, answered) = (client(), AtomicUsize::new(0));
    let url = format!("{}/modern/hello", host.url);
    let clients = join_all((0..16).map(async |_| {
        loop {
            match client.get(&url).send().await {
                Ok(answer) => {
                    assert_eq!(answer.status(), 200);
                    assert_eq!(answer.text().await.expect("a whole body"), "hello\n");
                    answered.fetch_add(1, Ordering::Relaxed);
                }
                Err(error) => {
                    assert!(error.is_connect(), "cut off in the middle: {error:?}");
                    return;
                }
            }
        }
    }));
    let terminator = async {
        until("clients are served", async || {
            answered.load(Ordering::Relaxed) > 1_000
        })
        .await;
        host.signal("-TERM");
    };
    futures::join!(clients, terminator);
    assert_eq!(host.ended().await, Some(0));
}

/// A host that may take an hour for a request and for its end, with one request under way.
async fn asleep(folder: &TempDir) -> (Process, tokio::task::JoinHandle<()>) {
    let patient = ["--request-timeout", "1h", "--drain-timeout", "1h"];
    let host = Process::start(&manifest(folder.path(), &[]), &patient).await;
    let url = format!("{}/modern/sleep?ms=3600000&count=asleep", host.url);
    let request = tokio::spawn(async move {
        let _cut_off = client().get(&url).send().await;
    });
    let asleep = format!("{}/modern/increment?key=asleep&delta=0", host.url);
    until("the request is under way", async || {
        let answer = client().get(&asleep).send().await.unwrap();
        answer.text().await.unwrap().trim() == "1"
    })
    .await;
    (host, request)
}

#[tokio::test]
async fn ctrl_c_waits_for_a_moment_only() {
    let folder = TempDir::new().unwrap();
    let (mut host, request) = asleep(&folder).await;
    host.signal("-INT");
    assert_eq!(host.ended().await, Some(0));
    request.abort();
}

#[tokio::test]
async fn a_second_signal_waits_for_nothing() {
    let folder = TempDir::new().unwrap();
    let (mut host, request) = asleep(&folder).await;
    host.signal("-TERM");
    let url = host.url.clone();
    until("it drains", async || {
        client().get(&url).send().await.is_err()
    })
    .await;
    host.signal("-TERM");
    assert_eq!(host.ended().await, Some(0));
    request.abort();
}

#[tokio::test]
async fn work_that_outlives_its_answer_is_finished() {
    let guests = Guests::start().await;
    let label = "default".parse().unwrap();
    guests
        .get("/modern/after?ms=400&key=late")
        .await
        .expect_status(200);
    assert_eq!(
        guests.host.stores().get(&label, "late").await.unwrap(),
        None
    );
    guests.host.drain(Duration::from_secs(10)).await;
    assert!(
        guests
            .host
            .stores()
            .get(&label, "late")
            .await
            .unwrap()
            .is_some()
    );
}
