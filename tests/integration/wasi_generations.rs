//! Components of both generations run side by side, and instances are reused where they may be.

use crate::guest::Guests;
use runtime_host::Limits;

#[tokio::test]
async fn guests_of_both_generations_see_the_same_request() {
    let guests = Guests::start().await;
    for guest in ["modern", "classic"] {
        guests
            .get(&format!("/{guest}/hello"))
            .await
            .expect_status(200);
        let echo = guests
            .get(&format!("/{guest}/echo?a=1&b=%20"))
            .await
            .expect_status(200)
            .json();
        assert_eq!(echo["method"], "GET", "{guest}");
        assert!(
            echo["uri"]
                .as_str()
                .unwrap()
                .ends_with(&format!("/{guest}/echo?a=1&b=%20")),
            "{echo}"
        );
        let headers = &echo["headers"];
        assert_eq!(headers["spin-path-info"], "/echo", "{echo}");
        assert_eq!(
            headers["spin-matched-route"],
            format!("/{guest}/..."),
            "{echo}"
        );
        assert_eq!(
            headers["spin-component-route"],
            format!("/{guest}"),
            "{echo}"
        );
        assert_eq!(
            headers["spin-raw-component-route"],
            format!("/{guest}/..."),
            "{echo}"
        );
        assert_eq!(headers["spin-base-path"], "/", "{echo}");
        let full = format!("{}/{guest}/echo?a=1&b=%20", guests.host.url());
        assert_eq!(headers["spin-full-url"], full.as_str(), "{echo}");
        assert!(
            headers["spin-client-addr"]
                .as_str()
                .unwrap()
                .starts_with("127.0.0.1:"),
            "{echo}"
        );
    }
}

#[tokio::test]
async fn a_client_can_not_forge_what_the_host_tells() {
    let guests = Guests::start().await;
    let response = crate::app::client()
        .get(format!("{}/modern/echo", guests.host.url()))
        .header("spin-client-addr", "10.0.0.1:1")
        .header("spin-path-match-user", "root")
        .send()
        .await
        .unwrap();
    let echo: serde_json::Value = response.json().await.unwrap();
    assert!(
        echo["headers"]["spin-client-addr"]
            .as_str()
            .unwrap()
            .starts_with("127.0.0.1:")
    );
    assert!(echo["headers"]["spin-path-match-user"].is_null(), "{echo}");
}

#[tokio::test]
async fn a_modern_instance_serves_many_requests_and_a_classic_one_each() {
    let guests = Guests::with(&[], |builder| builder.workers(1)).await;
    let mut counts = Vec::new();
    for _ in 0..5 {
        counts.push(
            guests
                .get("/modern/count")
                .await
                .expect_status(200)
                .text
                .trim()
                .to_owned(),
        );
        assert_eq!(
            guests
                .get("/classic/count")
                .await
                .expect_status(200)
                .text
                .trim(),
            "1"
        );
    }
    assert_eq!(counts, ["1", "2", "3", "4", "5"]);
}

#[tokio::test]
async fn an_instance_is_retired_after_its_number_of_requests() {
    let guests = Guests::with(&[], |builder| {
        builder.workers(1).limits(Limits {
            max_instance_reuse_count: 3,
            ..Limits::default()
        })
    })
    .await;
    let mut highest = 0;
    for _ in 0..20 {
        let count: u32 = guests
            .get("/modern/count")
            .await
            .expect_status(200)
            .text
            .trim()
            .parse()
            .unwrap();
        highest = highest.max(count);
    }
    assert_eq!(highest, 3);
}

#[tokio::test]
async fn the_store_counters_and_swaps_work_as_promised() {
    let guests = Guests::start().await;
    guests
        .get("/modern/kv?op=set&key=a&value=1")
        .await
        .expect_status(200);
    assert_eq!(guests.get("/modern/kv?op=get&key=a").await.text, "1");
    assert_eq!(guests.get("/modern/kv?op=exists&key=b").await.text, "false");
    assert_eq!(
        guests
            .get("/modern/increment?key=n&delta=5")
            .await
            .text
            .trim(),
        "5"
    );
    assert_eq!(
        guests
            .get("/modern/increment?key=n&delta=-2")
            .await
            .text
            .trim(),
        "3"
    );
    assert_eq!(guests.get("/modern/kv?op=keys").await.text, "a\nn");
    guests
        .get("/modern/cas?key=c&value=x")
        .await
        .expect_status(200);
    guests
        .get("/modern/cas?key=c&value=y&meanwhile=z")
        .await
        .expect_status(409);
    assert_eq!(guests.get("/modern/kv?op=get&key=c").await.text, "z");
    // What is no counter can't be counted on; the guest gets an error, and the host goes on.
    guests
        .get("/modern/increment?key=a&delta=1")
        .await
        .expect_status(500);
    guests
        .get("/modern/kv?op=delete&key=a")
        .await
        .expect_status(200);
    guests
        .get("/modern/kv?op=get&key=a")
        .await
        .expect_status(404);
}

#[tokio::test]
async fn variables_reach_the_component_that_declares_them() {
    let guests = Guests::with(&[], |builder| builder.variable("greeting", "moin")).await;
    assert_eq!(
        guests
            .get("/modern/variable?name=greeting")
            .await
            .expect_status(200)
            .text,
        "moin"
    );
    let answer = guests
        .get("/modern/variable?name=other")
        .await
        .expect_status(500);
    assert!(answer.text.contains("Undefined"), "{}", answer.text);
}

#[tokio::test]
async fn bodies_are_streamed_both_ways() {
    let guests = Guests::start().await;
    let sent: String = (0..300_000)
        .map(|n| char::from(b'a' + (n % 26) as u8))
        .collect();
    for guest in ["modern", "classic"] {
        let response = crate::app::client()
            .post(format!("{}/{guest}/body", guests.host.url()))
            .body(sent.clone())
            .send()
            .await
            .unwrap();
        assert_eq!(response.text().await.unwrap(), sent, "{guest}");
    }
    let big = guests
        .get("/modern/big?bytes=3000000")
        .await
        .expect_status(200);
    assert_eq!(big.text.len(), 3_000_000);
}
