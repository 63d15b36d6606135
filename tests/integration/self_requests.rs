//! Requests of an application to itself, by route: with a path instead of a URL, or to a host that
//! stands for the application.

use crate::app::until;
use crate::guest::Guests;

const CALLERS: [&str; 2] = ["modern", "classic"];

async fn guests(allowed: &str) -> Guests {
    Guests::with(&[allowed], |builder| builder).await
}

#[tokio::test]
async fn every_way_to_write_it_reaches_the_application_itself() {
    for allowed in [
        "http://self",
        "https://self",
        "self",
        "http://self.alt",
        "*://*:*",
    ] {
        let guests = guests(allowed).await;
        for caller in CALLERS {
            for url in [
                "/neighbour/echo?x=1",
                "http://self.alt/neighbour/echo?x=1",
                "https://self.alt/neighbour/echo?x=1",
                "http://self/neighbour/echo?x=1",
            ] {
                let answer = guests
                    .get(&format!("/{caller}/fetch?url={url}"))
                    .await
                    .expect_status(200);
                let echo = answer.json();
                let told = format!("{allowed}: {caller} asks {url}: {echo}");
                assert_eq!(echo["uri"], "/neighbour/echo?x=1", "{told}");
                let headers = &echo["headers"];
                assert_eq!(headers["spin-path-info"], "/echo", "{told}");
                // It came from another component.
                assert_eq!(headers["spin-client-addr"], "0.0.0.0:0", "{told}");
                let full = "http://self.alt/neighbour/echo?x=1";
                assert_eq!(headers["spin-full-url"], full, "{told}");
            }
        }
    }
}

#[tokio::test]
async fn a_body_reaches_the_application_itself() {
    let guests = guests("http://self").await;
    for caller in CALLERS {
        let path = format!("/{caller}/fetch?url=/neighbour/body&method=POST&body=abc");
        let answer = guests.get(&path).await.expect_status(200);
        assert_eq!(answer.text, "abc", "{caller}");
    }
}

#[tokio::test]
async fn what_the_host_answers_by_itself_is_a_part_of_the_application() {
    let guests = guests("http://self").await;
    for caller in CALLERS {
        let path = format!("/{caller}/fetch?url=/.well-known/spin/health");
        assert_eq!(guests.get(&path).await.expect_status(200).text, "OK");
        let path = format!("/{caller}/fetch?url=/nowhere");
        guests.get(&path).await.expect_status(404);
    }
}

#[tokio::test]
async fn javascript_completes_a_path_with_the_host_that_its_client_asked() {
    let guests = guests("http://self").await;
    let client = crate::app::client();
    for caller in CALLERS {
        for host in [guests.host.address().to_string(), "shop.example".to_owned()] {
            let asked = format!(
                "{}/{caller}/fetch?url=http://{host}/neighbour/echo",
                guests.host.url()
            );
            let answer = client.get(&asked).header("host", &host).send().await;
            let answer = crate::answer::Answer::read(answer.unwrap()).await;
            let echo = answer.expect_status(200).json();
            assert_eq!(echo["headers"]["spin-client-addr"], "0.0.0.0:0", "{echo}");
        }
        // Another host is not the application.
        for other in ["shop.example:81", "other.example"] {
            let asked = format!(
                "{}/{caller}/fetch?url=http://{other}/neighbour/echo",
                guests.host.url()
            );
            let answer = client
                .get(&asked)
                .header("host", "shop.example")
                .send()
                .await;
            assert_eq!(answer.unwrap().status().as_u16(), 502, "{other}");
        }
    }
}

#[tokio::test]
async fn what_is_not_listed_is_refused_with_the_line_to_add() {
    let guests = guests("http://neighbour.spin.internal").await;
    let own = format!("{}/neighbour/hello", guests.host.url());
    for caller in CALLERS {
        for url in ["/neighbour/hello", "http://self.alt/neighbour/hello", &own] {
            guests
                .get(&format!("/{caller}/fetch?url={url}"))
                .await
                .expect_status(502);
        }
        until("the log names the line to add", async || {
            let log = guests.stderr_of(caller);
            log.contains("add \"http://self\" to allowed_outbound_hosts")
        })
        .await;
    }
}
