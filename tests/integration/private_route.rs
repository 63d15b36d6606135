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
async fn calls_that_go_round_in_circles_come_to_an_end() {
    let guests = Guests::with(&["http://modern.spin.internal"], |builder| builder).await;
    let chain = |calls: usize| {
        let call = "/fetch?url=http://modern.spin.internal";
        format!("/modern{}/hello", call.repeat(calls))
    };
    let answer = guests.get(&chain(16)).await.expect_status(200);
    assert_eq!(answer.text, "hello\n");
    let answer = guests.get(&chain(17)).await.expect_status(502);
    assert!(answer.text.contains("LoopDetected"), "{}", answer.text);
}

#[tokio::test]
async fn a_component_that_may_calls_the_application_itself() {
    for (allowed, status) in [(&["http://self"][..], 200), (&[], 502)] {
        let guests = Guests::with(allowed, |builder| builder).await;
        for caller in ["modern", "classic"] {
            let path = format!("/{caller}/fetch?url=http://self.alt/modern/echo");
            let answer = guests.get(&path).await.expect_status(status);
            if status == 200 {
                let path_info = &answer.json()["headers"]["spin-path-info"];
                assert_eq!(path_info, "/echo", "by its public route");
            }
        }
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
