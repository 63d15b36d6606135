//! A component with a private route is reached by other components only.

use crate::guest::Guests;

#[tokio::test]
async fn a_private_component_is_unreachable_from_outside() {
    let guests = Guests::with(&["http://hidden.spin.internal"], |builder| builder).await;
    for path in ["/hidden/hello", "/hidden", "/hello", "/"] {
        guests.get(path).await.expect_status(404);
    }
    let response = crate::app::client()
        .get(format!("{}/hello", guests.host.url()))
        .header("host", "hidden.spin.internal")
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 404, "a Host header is no way in");
}

#[tokio::test]
async fn a_component_that_may_reaches_it_in_process() {
    let guests = Guests::with(&["http://hidden.spin.internal"], |builder| builder).await;
    for caller in ["modern", "classic"] {
        let answer = guests
            .get(&format!(
                "/{caller}/fetch?url=http://hidden.spin.internal/hello"
            ))
            .await;
        assert_eq!(answer.expect_status(200).text, "hello\n", "{caller}");
    }
}

#[tokio::test]
async fn a_component_that_may_not_does_not() {
    let guests = Guests::start().await;
    guests
        .get("/modern/fetch?url=http://hidden.spin.internal/hello")
        .await
        .expect_status(502);
}
