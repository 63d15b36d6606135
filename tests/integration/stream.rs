//! Server-sent events: one for each new board, for as long as the client listens.

use crate::app::{App, SOON};
use market_simulator::{Fault, Provider};
use std::time::{Duration, Instant};
use tokio::time::timeout;

const ROUTE: &str = "/v1/stream?ids=bitcoin,ethereum&vs=usd";
/// Longer than a board is fresh, and within the grace in which it is not stale yet.
const UNTIL_DUE: Duration = Duration::from_secs(310);
/// The same selection, asked for once.
const SELECTION: &str = "/v1/rates?ids=bitcoin,ethereum&vs=usd";

/// One thing that came: an event or a comment.
#[derive(Debug, PartialEq)]
enum Item {
    Event {
        id: String,
        name: String,
        data: String,
    },
    Retry(u64),
    Comment,
}

struct Stream {
    response: reqwest::Response,
    text: String,
}

impl Stream {
    async fn open(app: &App, headers: &[(&str, &str)]) -> Stream {
        Stream::open_at(app, ROUTE, headers).await
    }

    async fn open_at(app: &App, target: &str, headers: &[(&str, &str)]) -> Stream {
        let response = app.send("GET", target, headers, None).await;
        assert_eq!(response.status(), 200);
        Stream {
            response,
            text: String::new(),
        }
    }

    /// The next thing that comes; None at the end of the stream.
    async fn next(&mut self) -> Option<Item> {
        let next = async {
            loop {
                if let Some((block, rest)) = self.text.split_once("\n\n") {
                    let item = read(block);
                    self.text = rest.to_owned();
                    return Some(item);
                }
                let piece = self
                    .response
                    .chunk()
                    .await
                    .expect("it ends cleanly, if it ends");
                let Some(piece) = piece else {
                    assert_eq!(self.text, "", "the end is between events");
                    return None;
                };
                self.text.push_str(std::str::from_utf8(&piece).unwrap());
            }
        };
        timeout(SOON, next).await.expect("something comes soon")
    }

    /// The next event, as its id and its data.
    async fn event(&mut self) -> (String, String) {
        loop {
            match self.next().await.expect("the stream goes on") {
                Item::Event { id, name, data } => {
                    assert_eq!(name, "board");
                    return (id, data);
                }
                Item::Retry(_) | Item::Comment => {}
            }
        }
    }
}

fn read(block: &str) -> Item {
    let field = |name: &str| {
        let start = format!("{name}: ");
        let line = block.lines().find_map(|line| line.strip_prefix(&start));
        line.map(str::to_owned)
    };
    if block == ":" {
        return Item::Comment;
    }
    if let Some(retry) = field("retry") {
        return Item::Retry(retry.parse().unwrap());
    }
    Item::Event {
        id: field("id").expect(block),
        name: field("event").expect(block),
        data: field("data").expect(block),
    }
}

fn version(data: &str) -> String {
    let body: serde_json::Value = serde_json::from_str(data).unwrap();
    body["version"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_client_gets_the_board_at_once_and_every_new_one_by_itself() {
    let app = App::start().await;
    let mut stream = Stream::open(&app, &[]).await;
    let header = |name: &str| {
        stream
            .response
            .headers()
            .get(name)
            .unwrap()
            .to_str()
            .unwrap()
    };
    assert_eq!(header("content-type"), "text/event-stream");
    assert_eq!(header("cache-control"), "no-store");
    assert!(!stream.response.headers().contains_key("content-length"));
    let Some(Item::Retry(retry)) = stream.next().await else {
        panic!("it says first when to come back");
    };
    assert!((2_000..5_000).contains(&retry), "{retry}");
    let (id, data) = stream.event().await;
    assert_eq!(id, version(&data));
    let asked = app.get(SELECTION).await.expect_status(200);
    assert_eq!(data, asked.text, "what the route for rates answers");
    // Nobody but the stream is there to have the board refreshed.
    for _ in 0..2 {
        app.advance(UNTIL_DUE);
        let (next, data) = stream.event().await;
        assert!(next > id, "{next} after {id}");
        assert_eq!(next, version(&data));
        assert!(data.contains("\"stale\":false"), "{data}");
    }
}

#[tokio::test]
async fn a_client_that_comes_back_is_not_told_what_it_knows() {
    let app = App::start().await;
    let (id, _) = Stream::open(&app, &[]).await.event().await;
    let mut again = Stream::open(&app, &[("last-event-id", &id)]).await;
    assert!(matches!(again.next().await, Some(Item::Retry(_))));
    app.advance(UNTIL_DUE);
    let (next, _) = again.event().await;
    assert_ne!(next, id, "the first event is of the next board");
    let (late, data) = Stream::open(&app, &[("last-event-id", &id)])
        .await
        .event()
        .await;
    assert_eq!(late, next);
    assert_eq!(version(&data), next);
}

#[tokio::test]
async fn a_client_may_say_in_the_query_what_it_knows_and_the_header_goes_first() {
    let app = App::start().await;
    let open = async |in_query: &str, in_header: Option<&str>| {
        let target = format!("{ROUTE}&lastEventId={in_query}&_=17");
        let headers: Vec<_> = in_header
            .map(|id| ("last-event-id", id))
            .into_iter()
            .collect();
        Stream::open_at(&app, &target, &headers).await
    };
    let (mut id, _) = Stream::open(&app, &[]).await.event().await;
    for is_in_header in [false, true] {
        let mut stream = match is_in_header {
            false => open(&id, None).await,
            true => open("none", Some(&id)).await,
        };
        assert!(matches!(stream.next().await, Some(Item::Retry(_))));
        app.advance(UNTIL_DUE);
        let (next, _) = stream.event().await;
        assert_ne!(next, id, "the first event is of the next board");
        id = next;
    }
    let (told, _) = open(&id, Some("none")).await.event().await;
    assert_eq!(told, id, "by the header it knows nothing");
}

#[tokio::test]
async fn a_board_that_turns_stale_is_news() {
    let app = App::with(&[("providers", "coingecko")]).await;
    let mut stream = Stream::open(&app, &[]).await;
    let (id, _) = stream.event().await;
    app.market.fail(Provider::CoinGecko, Fault::ServerError);
    app.advance(Duration::from_secs(1_000));
    let (same, data) = stream.event().await;
    assert_eq!(same, id);
    assert!(data.contains("\"stale\":true"), "{data}");
}

#[tokio::test]
async fn silence_is_broken_by_comments_and_outlasts_the_time_for_a_request() {
    // Streams are bodies, so the time that a request may take ends with the head.
    let app = App::with_request_timeout(Duration::from_secs(2)).await;
    let mut stream = Stream::open(&app, &[]).await;
    let (id, _) = stream.event().await;
    let started = Instant::now();
    assert_eq!(stream.next().await, Some(Item::Comment));
    let waited = started.elapsed();
    assert!(waited > Duration::from_secs(13), "{waited:?}");
    app.advance(UNTIL_DUE);
    assert_ne!(stream.event().await.0, id);
}

#[tokio::test]
async fn many_streams_share_one_look_at_the_store_and_leave_room_for_others() {
    let app = App::start().await;
    let mut streams = Vec::new();
    for _ in 0..60 {
        streams.push(Stream::open(&app, &[]).await);
    }
    for stream in &mut streams {
        stream.event().await;
    }
    let before = app.market.calls(Provider::CoinGecko);
    app.advance(UNTIL_DUE);
    let ids = futures::future::join_all(
        streams
            .iter_mut()
            .map(async |stream| stream.event().await.0),
    );
    let ids = ids.await;
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    assert_eq!(app.market.calls(Provider::CoinGecko), before + 1);
    app.get(SELECTION).await.expect_status(200);
}

#[tokio::test]
async fn a_drain_ends_streams_cleanly() {
    let app = App::start().await;
    let mut stream = Stream::open(&app, &[]).await;
    stream.event().await;
    let (report, ()) = futures::join!(app.host.drain(Duration::from_secs(30)), async {
        while let Some(item) = stream.next().await {
            assert!(!matches!(item, Item::Event { .. }), "{item:?}");
        }
    });
    assert!(report.complete);
}

#[tokio::test]
async fn what_is_wrong_is_a_problem_before_the_stream_begins() {
    let app = App::start().await;
    for (query, parameter) in [
        ("ids=bitcoinn", "ids"),
        ("vs=XXX", "vs"),
        ("precision=2", "precision"),
        ("event=boards", "event"),
        ("lasteventid=x", "lasteventid"),
    ] {
        let answer = app.get(&format!("/v1/stream?{query}")).await;
        let problem = answer.expect_status(422).json();
        assert_eq!(problem["parameter"], parameter);
    }
    let head = app.request("HEAD", ROUTE, &[]).await.expect_status(200);
    assert_eq!(head.header("content-type"), "text/event-stream");
    app.request("POST", ROUTE, &[]).await.expect_status(405);
}
