//! A guest can fail its own request, and nothing else.

use crate::guest::Guests;
use futures::future::join_all;
use runtime_host::Limits;
use std::time::Duration;

async fn guests() -> Guests {
    Guests::with(&[], |builder| {
        builder
            .request_timeout(Duration::from_secs(2))
            .max_instance_memory(64 << 20)
            .workers(1)
    })
    .await
}

/// Asks for good answers until `bad` has its own; all of them share one thread.
async fn beside<T>(guests: &Guests, path: &str, bad: impl Future<Output = T>) -> T {
    let mut bad = std::pin::pin!(bad);
    let mut served = 0;
    loop {
        let good = guests.get(path);
        tokio::select! {
            biased;
            result = &mut bad => {
                assert!(served > 0, "nothing else was served meanwhile");
                return result;
            }
            answer = good => {
                answer.expect_status(200);
                served += 1;
            }
        }
    }
}

#[tokio::test]
async fn a_guest_that_loops_for_ever_gets_504_while_others_are_served() {
    let guests = guests().await;
    for looping in ["/modern/loop", "/classic/loop"] {
        let answer = beside(&guests, "/modern/hello", guests.get(looping))
            .await
            .expect_status(504);
        assert_eq!(answer.header("content-type"), "application/problem+json");
    }
    guests.get("/modern/hello").await.expect_status(200);
}

#[tokio::test]
async fn a_guest_that_allocates_for_ever_gets_500_while_others_are_served() {
    let guests = guests().await;
    let answer = beside(&guests, "/classic/hello", guests.get("/modern/allocate"))
        .await
        .expect_status(500);
    assert_eq!(answer.header("content-type"), "application/problem+json");
    guests.get("/modern/hello").await.expect_status(200);
}

#[tokio::test]
async fn memory_has_a_limit_that_nobody_had_to_set() {
    let guests = Guests::start().await;
    guests.get("/modern/allocate").await.expect_status(500);
    guests.get("/modern/hello").await.expect_status(200);
    let said = guests.stderr_of("modern");
    assert!(said.contains("its memory limit of 128 MiB"), "{said}");
}

#[tokio::test]
async fn a_guest_that_sleeps_too_long_gets_504() {
    let guests = guests().await;
    beside(
        &guests,
        "/modern/hello",
        guests.get("/modern/sleep?ms=600000"),
    )
    .await
    .expect_status(504);
}

#[tokio::test]
async fn a_trap_ends_its_instance_and_the_next_request_gets_another() {
    let guests = guests().await;
    for _ in 0..20 {
        let answer = guests.get("/modern/trap").await.expect_status(500);
        assert!(
            !answer.text.contains("wasm"),
            "nothing internal: {}",
            answer.text
        );
        guests.get("/modern/hello").await.expect_status(200);
    }
}

/// Ends the answers to what a component does for ever, or to a trap.
async fn misbehave(guests: &Guests, route: &str, status: u16, times: usize) {
    for _ in 0..times {
        // Two at once share an instance.
        let path = format!("/modern/{route}");
        let answers = join_all([guests.get(&path), guests.get(&path)]).await;
        for answer in answers {
            answer.expect_status(status);
        }
    }
}

#[tokio::test]
async fn under_load_a_component_answers_everything_beside_one_that_misbehaves() {
    let guests = guests().await;
    for (route, status, times) in [("loop", 504, 1), ("allocate", 500, 4), ("trap", 500, 50)] {
        let is_over = std::sync::atomic::AtomicBool::new(false);
        let clients = join_all((0..32).map(|client| {
            let path = ["/neighbour/hello", "/classic/hello"][client % 2];
            let (guests, is_over) = (&guests, &is_over);
            async move {
                let mut served = 0;
                while !is_over.load(std::sync::atomic::Ordering::Relaxed) {
                    guests.get(path).await.expect_status(200);
                    served += 1;
                }
                served
            }
        }));
        let bad = async {
            misbehave(&guests, route, status, times).await;
            is_over.store(true, std::sync::atomic::Ordering::Relaxed);
        };
        let (served, ()) = futures::join!(clients, bad);
        assert!(
            served.iter().all(|served| *served > 0),
            "{route}: {served:?}"
        );
    }
}

#[tokio::test]
async fn a_store_that_is_not_listed_is_closed() {
    let guests = Guests::start().await;
    guests
        .get("/modern/kv?op=set&key=a&value=1")
        .await
        .expect_status(200);
    let answer = guests
        .get("/modern/kv?op=get&key=a&store=other")
        .await
        .expect_status(500);
    assert!(answer.text.contains("AccessDenied"), "{}", answer.text);
}

#[tokio::test]
async fn more_requests_than_can_be_served_are_refused_at_once() {
    let guests = Guests::with(&[], |builder| {
        builder.workers(1).limits(Limits {
            max_concurrent_requests: 8,
            ..Limits::default()
        })
    })
    .await;
    let answers = join_all((0..40).map(|_| guests.get("/modern/sleep?ms=1000"))).await;
    let (served, refused): (Vec<_>, Vec<_>) =
        answers.into_iter().partition(|answer| answer.status == 200);
    assert_eq!(served.len(), 8);
    for answer in refused {
        let answer = answer.expect_unavailable();
        assert_eq!(answer.header("retry-after"), "1");
    }
    guests.get("/modern/hello").await.expect_status(200);
}

#[tokio::test]
async fn a_request_whose_client_has_gone_counts_until_its_guest_is_done() {
    let guests = Guests::with(&[], |builder| {
        builder.workers(1).limits(Limits {
            max_concurrent_requests: 4,
            ..Limits::default()
        })
    })
    .await;
    let impatient = reqwest::Client::builder()
        .timeout(Duration::from_millis(500))
        .no_proxy()
        .build()
        .unwrap();
    let url = format!("{}/modern/sleep?ms=4000", guests.host.url());
    let abandoned = join_all((0..4).map(|_| impatient.get(&url).send())).await;
    assert!(abandoned.iter().all(Result::is_err));
    guests.get("/modern/hello").await.expect_unavailable();
    crate::app::until("the guests are done", async || {
        guests.get("/modern/hello").await.status == 200
    })
    .await;
}
