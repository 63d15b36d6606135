//! What a server sees of the URL that a guest asks: a path in any case, and the user and password
//! in `Authorization` and nowhere else.

use crate::guest::Guests;
use crate::recorder::Recorder;

/// The request that a guest sends to this path, with what stands before the host.
async fn sent(guests: &Guests, caller: &str, user_info: &str, recorder: &Recorder) -> String {
    let url = format!("http://{user_info}{}/x", recorder.address);
    let path = format!("/{caller}/fetch?url={url}");
    guests.get(&path).await.expect_status(200).text
}

#[tokio::test]
async fn the_user_and_password_of_a_url_are_sent_as_authorization() {
    let recorder = Recorder::start().await;
    let guests = Guests::with(&[&recorder.url()], |builder| builder).await;
    for caller in ["modern", "classic"] {
        let request = sent(&guests, caller, "me:secret@", &recorder).await;
        assert!(
            request.contains(&format!("host: {}\r\n", recorder.address)),
            "{caller}: {request}"
        );
        assert!(
            request.contains("authorization: Basic bWU6c2VjcmV0\r\n"),
            "{caller}: {request}"
        );
        assert!(!request.contains("secret"), "{caller}: {request}");
        let request = sent(&guests, caller, "", &recorder).await;
        assert!(!request.contains("authorization"), "{caller}: {request}");
    }
}

#[tokio::test]
async fn a_refusal_shows_no_password() {
    let guests = Guests::start().await;
    for caller in ["modern", "classic"] {
        let path = format!("/{caller}/fetch?url=http://me:secret@127.0.0.1:1/");
        guests.get(&path).await.expect_status(502);
        crate::app::until("the log names the host", async || {
            guests.stderr_of(caller).contains("http://127.0.0.1:1")
        })
        .await;
        assert!(!guests.stderr_of(caller).contains("secret"));
    }
}

#[tokio::test]
async fn a_request_without_a_path_asks_for_the_root() {
    let recorder = Recorder::start().await;
    let guests = Guests::with(&[&recorder.url()], |builder| builder).await;
    for caller in ["modern", "classic"] {
        let path = format!("/{caller}/fetch?url={}/x&path=none", recorder.url());
        let request = guests.get(&path).await.expect_status(200).text;
        assert!(
            request.starts_with("GET / HTTP/1.1\r\n"),
            "{caller}: {request}"
        );
    }
}
