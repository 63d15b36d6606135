//! How long the head of a request may be, and what of its target is believed: RFC 9112 §3.2.

use crate::guest::Guests;
use crate::wire::Wire;

/// What the README promises.
const MAX_HEAD: usize = 64 << 10;

/// A request whose head has exactly so many bytes, from the first to the empty line.
fn request_of(bytes: usize) -> String {
    let start = "GET /modern/hello HTTP/1.1\r\nhost: wire\r\n";
    // Several headers, since one alone could have a limit of its own.
    let mut request = start.to_owned();
    while request.len() + 4_000 < bytes {
        request.push_str(&format!("x-fill: {}\r\n", "x".repeat(2_000)));
    }
    let rest = bytes - request.len() - "x-last: \r\n\r\n".len();
    request.push_str(&format!("x-last: {}\r\n\r\n", "x".repeat(rest)));
    assert_eq!(request.len(), bytes);
    request
}

#[tokio::test]
async fn a_head_may_be_as_long_as_the_limit_and_not_a_byte_longer() {
    let guests = Guests::start().await;
    for (bytes, status) in [
        (MAX_HEAD - 1, 200),
        (MAX_HEAD, 200),
        (MAX_HEAD + 1, 431),
        (90_000, 431),
    ] {
        let mut wire = Wire::to(&guests.host.url()).await;
        // The server may have answered, and closed, before it has read all.
        let _closed = wire.send(request_of(bytes)).await;
        match wire.head().await {
            Ok(head) => assert_eq!(head.status, status, "{bytes} bytes"),
            // What it has not read ends the connection before the answer has come.
            Err(error) => assert!(status == 431 && bytes > MAX_HEAD + 1, "{bytes}: {error}"),
        }
    }
}

#[tokio::test]
async fn the_scheme_and_host_that_a_guest_sees_are_not_the_clients_word() {
    let guests = Guests::start().await;
    for guest in ["modern", "classic"] {
        for (target, host) in [
            (format!("https://example.com/{guest}/echo"), "example.com"),
            (format!("http://example.com/{guest}/echo"), "other.example"),
        ] {
            let mut wire = Wire::to(&guests.host.url()).await;
            let request = format!("GET {target} HTTP/1.1\r\nhost: {host}\r\n\r\n");
            wire.send(request).await.unwrap();
            let head = wire.head().await.unwrap();
            assert_eq!(head.status, 200, "{target}");
            let echo = wire.body(&head).await.unwrap();
            let echo: serde_json::Value = serde_json::from_str(&echo).unwrap();
            let full = format!("http://example.com/{guest}/echo");
            assert_eq!(echo["headers"]["spin-full-url"], full.as_str(), "{target}");
            if let Some(host) = echo["headers"]["host"].as_str() {
                assert_eq!(host, "example.com", "{target}");
            }
        }
    }
}
