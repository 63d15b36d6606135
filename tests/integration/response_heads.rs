//! What a guest says in the head of its response, beside what it does in the body: RFC 9110 §6.4.1,
//! §8.6 and §15.4.5. The host passes on what is right, and says what is wrong.

use crate::guest::{Guests, manifest};
use crate::process::Process;
use crate::wire::{Wire, canned};
use std::fs::File;
use tempfile::TempDir;

const GENERATIONS: [&str; 2] = ["modern", "classic"];

#[tokio::test]
async fn an_answer_to_head_says_the_length_that_its_guest_says() {
    let guests = Guests::start().await;
    for guest in GENERATIONS {
        let mut wire = Wire::to(&guests.host.url()).await;
        let path = format!("/{guest}/respond?length=1234");
        let head = wire.ask("HEAD", &path).await;
        assert_eq!(head.status, 200, "{guest}");
        assert_eq!(head.header("content-length"), Some("1234"), "{guest}");
        assert_eq!(head.header("transfer-encoding"), None, "{guest}");
        assert!(wire.is_usable().await, "{guest}");
    }
}

#[tokio::test]
async fn a_guest_may_write_a_body_to_head_as_it_does_to_get() {
    let guests = Guests::start().await;
    for guest in GENERATIONS {
        let mut wire = Wire::to(&guests.host.url()).await;
        let path = format!("/{guest}/respond?bytes=5");
        let head = wire.ask("HEAD", &path).await;
        assert_eq!(head.status, 200, "{guest}");
        // Its length, if the guest has ended it by then.
        let length = head.header("content-length");
        assert!(matches!(length, None | Some("5")), "{guest}: {length:?}");
        assert!(wire.is_usable().await, "{guest}");
    }
}

#[tokio::test]
async fn a_304_says_the_length_that_its_guest_says() {
    let guests = Guests::start().await;
    for guest in GENERATIONS {
        for method in ["GET", "HEAD"] {
            let mut wire = Wire::to(&guests.host.url()).await;
            let path = format!("/{guest}/respond?status=304&length=1234");
            let head = wire.ask(method, &path).await;
            assert_eq!(head.status, 304, "{guest}");
            assert_eq!(head.header("content-length"), Some("1234"), "{guest}");
            assert!(wire.is_usable().await, "{guest}");
        }
        let mut wire = Wire::to(&guests.host.url()).await;
        let head = wire
            .ask("GET", &format!("/{guest}/respond?status=304"))
            .await;
        assert_eq!(head.header("content-length"), None, "{guest}");
        assert!(wire.is_usable().await, "{guest}");
    }
}

#[tokio::test]
async fn a_204_has_neither_a_length_nor_a_body() {
    let guests = Guests::start().await;
    for guest in GENERATIONS {
        let mut wire = Wire::to(&guests.host.url()).await;
        let path = format!("/{guest}/respond?status=204&length=5&bytes=5");
        let head = wire.ask("GET", &path).await;
        assert_eq!(head.status, 204, "{guest}");
        assert_eq!(head.header("content-length"), None, "{guest}");
        assert!(wire.is_usable().await, "{guest}");
    }
}

#[tokio::test]
async fn the_head_and_the_304_of_another_server_are_passed_on_as_they_are() {
    let answers = [
        (
            "HEAD",
            200,
            "HTTP/1.1 200 OK\r\ncontent-length: 1234\r\n\r\n",
        ),
        (
            "GET",
            304,
            "HTTP/1.1 304 Not Modified\r\ncontent-length: 1234\r\netag: \"a\"\r\n\r\n",
        ),
    ];
    let guests = Guests::with(&["http://127.0.0.1:*"], |builder| builder).await;
    for (method, status, answer) in answers {
        let url = canned(answer).await;
        for path in ["modern/relay", "modern/relay?whole=1", "classic/relay"] {
            let separator = if path.contains('?') { '&' } else { '?' };
            let mut wire = Wire::to(&guests.host.url()).await;
            let head = wire
                .ask(method, &format!("/{path}{separator}url={url}/"))
                .await;
            assert_eq!(head.status, status, "{method} {path}");
            assert_eq!(
                head.header("content-length"),
                Some("1234"),
                "{method} {path}"
            );
            assert!(wire.is_usable().await, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn a_component_sees_the_head_of_another_one_as_it_is() {
    let guests = Guests::with(&["http://self.alt"], |builder| builder).await;
    for guest in GENERATIONS {
        let inner = "http%3A%2F%2Fself.alt%2Fclassic%2Frespond%3Flength%3D1234";
        let mut wire = Wire::to(&guests.host.url()).await;
        let head = wire
            .ask("HEAD", &format!("/{guest}/relay?url={inner}"))
            .await;
        assert_eq!(head.status, 200, "{guest}");
        assert_eq!(head.header("content-length"), Some("1234"), "{guest}");
    }
}

#[tokio::test]
async fn a_body_that_is_not_as_long_as_its_head_says_is_a_failure_that_the_log_explains() {
    let guests = Guests::start().await;
    for (guest, query, reason) in [
        (
            "modern",
            "length=10&bytes=5",
            "content-length: 10, and its body has 5 bytes",
        ),
        (
            "classic",
            "length=10&bytes=5",
            "content-length: 10, and its body has 5 bytes",
        ),
        (
            "modern",
            "length=10",
            "content-length: 10, and its body has 0 bytes",
        ),
        (
            "classic",
            "length=11",
            "content-length: 11, and its body has 0 bytes",
        ),
        (
            "classic",
            "length=12&none=1",
            "content-length: 12, and its body has 0 bytes",
        ),
        (
            "modern",
            "length=5&bytes=11",
            "content-length: 5, and its body has more bytes",
        ),
        (
            "classic",
            "length=5&bytes=11",
            "content-length: 5, and its body has more bytes",
        ),
        (
            "modern",
            "length=6&bytes=6&more=6",
            "content-length: 6, and its body has more bytes",
        ),
        (
            "classic",
            "length=6&bytes=6&more=6",
            "content-length: 6, and its body has more bytes",
        ),
        (
            "classic",
            "bytes=10&unfinished=1",
            "gave the response's body up without ending it",
        ),
    ] {
        let mut wire = Wire::to(&guests.host.url()).await;
        let head = wire.ask("GET", &format!("/{guest}/respond?{query}")).await;
        // On a machine that is too busy the head leaves before the body has ended.
        if head.status != 500 {
            assert_eq!(head.status, 200, "{guest} {query}");
            wire.read_to_end().await;
        }
        told(&guests, guest, "GET", reason).await;
    }
}

#[tokio::test]
async fn where_the_head_is_gone_a_body_that_is_too_short_cuts_the_connection_and_the_log_says_so() {
    let guests = Guests::start().await;
    for guest in GENERATIONS {
        let mut wire = Wire::to(&guests.host.url()).await;
        let path = format!("/{guest}/respond?length=10&bytes=4&ms=300&more=3");
        let head = wire.ask("GET", &path).await;
        assert_eq!(head.status, 200, "{guest}");
        assert!(wire.read_to_end().await < 10, "{guest}");
        told(
            &guests,
            guest,
            "cut off",
            "content-length: 10, and its body has 7 bytes",
        )
        .await;
    }
}

#[tokio::test]
async fn where_the_head_is_gone_a_body_that_is_too_long_is_told_in_the_log() {
    let guests = Guests::start().await;
    for guest in GENERATIONS {
        // All at once after the head: then its client shall not take it for whole.
        let mut wire = Wire::to(&guests.host.url()).await;
        let path = format!("/{guest}/respond?length=10&bytes=4&ms=300&more=8");
        let head = wire.ask("GET", &path).await;
        assert_eq!(head.status, 200, "{guest}");
        assert!(wire.read_to_end().await < 10, "{guest}");
        told(
            &guests,
            guest,
            "cut off",
            "content-length: 10, and its body has more",
        )
        .await;
        // Later, when the client has all that it was promised.
        let mut wire = Wire::to(&guests.host.url()).await;
        let path = format!("/{guest}/respond?length=4&bytes=4&ms=300&more=8");
        let head = wire.ask("GET", &path).await;
        assert_eq!(head.status, 200, "{guest}");
        assert_eq!(wire.read(4).await.unwrap(), "xxxx", "{guest}");
        told(
            &guests,
            guest,
            "cut off",
            "content-length: 4, and its body has more",
        )
        .await;
    }
}

#[tokio::test]
async fn a_guest_that_ends_a_whole_body_late_is_told_nothing_bad() {
    let guests = Guests::start().await;
    let mut wire = Wire::to(&guests.host.url()).await;
    for guest in GENERATIONS {
        let path = format!("/{guest}/respond?length=4&bytes=4&ms=300");
        let head = wire.ask("GET", &path).await;
        assert_eq!(head.status, 200, "{guest}");
        assert_eq!(wire.read(4).await.unwrap(), "xxxx", "{guest}");
    }
    assert!(wire.is_usable().await);
    guests.host.drain(crate::app::SOON).await;
    for guest in GENERATIONS {
        assert_eq!(guests.stderr_of(guest), "", "{guest}");
    }
}

#[tokio::test]
async fn a_status_that_is_no_answer_is_a_failure_and_the_connection_goes_on() {
    let guests = Guests::start().await;
    for guest in GENERATIONS {
        for status in [101, 103, 199] {
            let mut wire = Wire::to(&guests.host.url()).await;
            let path = format!("/{guest}/respond?status={status}");
            let head = wire.ask("GET", &path).await;
            assert_eq!(head.status, 500, "{guest} {status}");
            wire.body(&head).await.unwrap();
            assert!(wire.is_usable().await, "{guest} {status}");
            told(&guests, guest, "GET", &format!("answered with {status}")).await;
        }
    }
}

/// Waits until the component's log has a line with both.
async fn told(guests: &Guests, guest: &str, what: &str, reason: &str) {
    let all = format!("{what} … {reason} in the log of {guest}");
    crate::app::until(&all, async || {
        let log = guests.stderr_of(guest);
        log.lines()
            .any(|line| line.contains(what) && line.contains(reason))
    })
    .await;
}

#[tokio::test]
async fn every_failure_of_the_hosts_own_has_a_line_in_its_log_that_says_why() {
    let folder = TempDir::new().unwrap();
    let log = folder.path().join("log.txt");
    let manifest = manifest(folder.path(), &[]);
    let limits = [
        "--request-timeout",
        "500ms",
        "--max-concurrent-requests",
        "4",
        "--workers",
        "1",
    ];
    let host = Process::start_logging(&manifest, &limits, File::create(&log).unwrap()).await;
    let client = crate::app::client();
    let status = async |path: &str| {
        let answer = client.get(format!("{}{path}", host.url)).send().await;
        answer.unwrap().status().as_u16()
    };
    for (path, expected, reason) in [
        ("/modern/respond?status=103", 500, "answered with 103"),
        ("/modern/error", 500, "this route fails on purpose"),
        ("/modern/trap", 500, "unreachable"),
        ("/modern/sleep?ms=60000", 504, "--request-timeout"),
        ("/classic/loop", 504, "--request-timeout"),
    ] {
        assert_eq!(status(path).await, expected, "{path}");
        let (path, _) = path.split_once('?').unwrap_or((path, ""));
        crate::app::until(&format!("{path}: {reason}"), async || {
            let log = std::fs::read_to_string(&log).unwrap();
            let start = format!("GET {path}: {expected}");
            log.lines()
                .any(|line| line.contains(&start) && line.contains(reason))
        })
        .await;
    }
    let asleep = futures::future::join_all((0..20).map(|_| status("/modern/sleep?ms=300"))).await;
    assert!(asleep.contains(&503));
    crate::app::until("why it is 503", async || {
        let log = std::fs::read_to_string(&log).unwrap();
        log.contains("--max-concurrent-requests")
    })
    .await;
}
