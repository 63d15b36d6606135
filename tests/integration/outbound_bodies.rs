//! How the body of a guest's request reaches a server: with its length where that is known, in
//! chunks where it is not, and with neither where there is none.

use crate::guest::Guests;
use crate::recorder::Recorder;

/// The head in lower case and the body of the request that a guest sends.
async fn sent(guests: &Guests, caller: &str, recorder: &Recorder, query: &str) -> (String, String) {
    let url = recorder.url();
    let path = format!("/{caller}/fetch?url={url}/x&{query}");
    let request = guests.get(&path).await.expect_status(200).text;
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    (head.to_ascii_lowercase(), body.to_owned())
}

async fn guests(recorder: &Recorder) -> Guests {
    Guests::with(&[&recorder.url()], |builder| builder).await
}

#[tokio::test]
async fn a_body_that_is_complete_is_sent_with_its_length() {
    let recorder = Recorder::start().await;
    let guests = guests(&recorder).await;
    for caller in ["modern", "classic"] {
        for (method, times) in [("POST", 1), ("PUT", 30_000), ("DELETE", 1), ("GET", 1)] {
            let query = format!("method={method}&body=abc&times={times}");
            let (head, arrived) = sent(&guests, caller, &recorder, &query).await;
            let body = "abc".repeat(times);
            let length = format!("content-length: {}", body.len());
            assert!(head.lines().any(|line| line == length), "{caller}: {head}");
            assert!(!head.contains("transfer-encoding"), "{caller}: {head}");
            assert_eq!(arrived, body, "{caller} {method}");
        }
    }
}

#[tokio::test]
async fn no_body_has_a_length_only_where_one_is_expected() {
    let recorder = Recorder::start().await;
    let guests = guests(&recorder).await;
    for caller in ["modern", "classic"] {
        // None at all, and one that was begun and is empty.
        for body in ["", "&body="] {
            for (method, length) in [
                ("GET", None),
                ("DELETE", None),
                ("OPTIONS", None),
                ("POST", Some("content-length: 0")),
                ("PUT", Some("content-length: 0")),
            ] {
                let query = format!("method={method}{body}");
                let (head, arrived) = sent(&guests, caller, &recorder, &query).await;
                let told = head.lines().find(|line| line.starts_with("content-length"));
                assert_eq!(told, length, "{caller} {method}{body}: {head}");
                assert!(!head.contains("transfer-encoding"), "{caller}: {head}");
                assert_eq!(arrived, "");
            }
        }
    }
}

#[tokio::test]
async fn a_length_that_the_guest_tells_is_sent_as_it_is() {
    let recorder = Recorder::start().await;
    let guests = guests(&recorder).await;
    for (caller, slow) in [("modern", "&ms=20"), ("modern", ""), ("classic", "")] {
        let query = format!("method=POST&body=abc&length=3{slow}");
        let (head, arrived) = sent(&guests, caller, &recorder, &query).await;
        assert!(head.contains("content-length: 3"), "{caller}: {head}");
        assert!(!head.contains("transfer-encoding"), "{caller}: {head}");
        assert_eq!(arrived, "abc");
    }
}

#[tokio::test]
async fn a_body_that_takes_its_time_is_streamed() {
    let recorder = Recorder::start().await;
    let guests = guests(&recorder).await;
    let (head, arrived) = sent(&guests, "modern", &recorder, "method=POST&body=abc&ms=100").await;
    assert!(head.contains("transfer-encoding: chunked"), "{head}");
    assert!(!head.contains("content-length"), "{head}");
    assert_eq!(arrived, "1\r\na\r\n1\r\nb\r\n1\r\nc\r\n0\r\n\r\n");
}
