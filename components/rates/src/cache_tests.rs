//! The serving order against a fake world: who fetches, who waits, who gets what.

use crate::adapters::{
    Adapters, Endpoint, Error, HttpRequest, HttpResponse, Pair, Provider, Quote,
};
use crate::cache::{Served, current};
use crate::memo::Memo;
use crate::service::Service;
use crate::settings::Settings;
use edge_rates_kit::answer::Answer;
use edge_rates_kit::fake::World;
use edge_rates_kit::outbound::{OutboundError, OutboundResponse};
use edge_rates_kit::problem::Problem;
use edge_rates_kit::recorder::Recorder;
use edge_rates_kit::store::Store;
use edge_rates_quotes::stored::{BODY_KEY, FAILURE_KEY, HEAD_KEY};
use futures::executor::block_on;
use futures::future::{Either, select};
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

/// Adapters for upstreams whose whole answer is one price of bitcoin.
#[derive(Debug)]
struct Plain;

impl Adapters for Plain {
    fn describe(&self) -> Vec<Provider> {
        ["first", "second"]
            .map(|id| Provider {
                id: id.into(),
                default_base_url: format!("https://{id}.example"),
                attribution: format!("By {id}"),
            })
            .into()
    }

    fn request(&self, _: &str, endpoint: &Endpoint, _: &[Pair]) -> Result<Vec<HttpRequest>, Error> {
        Ok(vec![HttpRequest {
            url: endpoint.base_url.clone(),
            headers: Vec::new(),
        }])
    }

    fn parse(&self, _: &str, _: &[Pair], response: &HttpResponse) -> Result<Vec<Quote>, Error> {
        match response.status {
            200 => Ok(vec![Quote {
                asset: "bitcoin".into(),
                quote: "USD".into(),
                price: String::from_utf8_lossy(&response.body).into_owned(),
                change_24h_pct: None,
                updated_ms: None,
            }]),
            429 => Err(Error::RateLimited(Some(30))),
            _ => Err(Error::Unavailable("broken".into())),
        }
    }
}

fn instance(world: &World) -> Rc<Service<World, Plain>> {
    let variables = [
        ("assets", "bitcoin:BTC"),
        ("currencies", "USD"),
        ("fresh_seconds", "300"),
        ("jitter_seconds", "0"),
        ("grace_seconds", "60"),
        ("refuse_seconds", "86400"),
        ("providers", "first,second"),
        ("first_url", ""),
        ("second_url", ""),
        ("source_name", ""),
    ];
    for (name, value) in variables {
        world.set_variable(name, value);
    }
    let settings = block_on(Settings::read(world, &Plain.describe())).unwrap();
    Rc::new(Service {
        world: world.clone(),
        adapters: Plain,
        settings,
        recorder: Recorder::new("local"),
        memo: Memo::default(),
    })
}

/// Asks for the board while background work goes on, as an instance does.
fn ask(service: &Rc<Service<World, Plain>>) -> Result<Served, Problem> {
    block_on(async {
        let asking = pin!(current(service));
        let result = match select(asking, pin!(forever(&service.world))).await {
            Either::Left((result, _)) => result,
            Either::Right(((), _)) => unreachable!("background work never ends"),
        };
        service.world.run_background().await;
        result
    })
}

async fn forever(world: &World) {
    loop {
        world.run_background().await;
        futures::pending!();
    }
}

fn upstream(world: &World, status: u16, price: &'static str) {
    world.upstream(move |_| {
        Ok(OutboundResponse {
            status,
            headers: Vec::new(),
            body: price.into(),
        })
    });
}

fn price(served: &Served) -> String {
    served.board.quotes()[0].price.as_str().to_owned()
}

fn cache_status(service: &Service<World, Plain>, served: &Served) -> String {
    use edge_rates_kit::clock::Clock;
    let answer = served.finish(Answer::json("{}"), "q", service.world.now());
    answer.header("cache-status").unwrap().to_owned()
}

#[test]
fn the_first_request_fetches_and_the_next_finds_it() {
    let world = World::new();
    let service = instance(&world);
    upstream(&world, 200, "7");
    let first = ask(&service).unwrap();
    assert_eq!(price(&first), "7");
    assert!(cache_status(&service, &first).contains("fwd=uri-miss"));
    let second = ask(&service).unwrap();
    assert!(cache_status(&service, &second).contains("; hit; ttl=300"));
    assert_eq!(world.sent().len(), 1);
}

#[test]
fn another_instance_finds_the_board_in_the_store() {
    let world = World::new();
    upstream(&world, 200, "7");
    ask(&instance(&world)).unwrap();
    let other = instance(&world);
    let served = ask(&other).unwrap();
    assert!(cache_status(&other, &served).contains("; hit;"));
    assert_eq!(world.sent().len(), 1);
}

#[test]
fn while_a_ticket_is_taken_others_wait_and_then_give_up_with_503() {
    let world = World::new();
    let service = instance(&world);
    upstream(&world, 200, "7");
    let taken = edge_rates_quotes::ticket::ticket_key(
        "main",
        None,
        edge_rates_quotes::Millis(0),
        edge_rates_kit::clock::Clock::now(&world),
    );
    block_on(world.increment(taken.as_str(), 1)).unwrap();
    // The fake's clock moves with every sleep: two seconds stay within this window of ten.
    let problem = ask(&service).unwrap_err();
    assert_eq!(problem.status(), 503);
    assert!(world.sent().is_empty(), "the leader fetches, nobody else");
}

#[test]
fn a_leader_that_died_is_replaced_in_the_next_window() {
    let world = World::new();
    let service = instance(&world);
    upstream(&world, 200, "7");
    let now = edge_rates_kit::clock::Clock::now(&world);
    let taken =
        edge_rates_quotes::ticket::ticket_key("main", None, edge_rates_quotes::Millis(0), now);
    block_on(world.increment(taken.as_str(), 1)).unwrap();
    world.advance(Duration::from_millis(taken.window_end().since(now)));
    assert_eq!(price(&ask(&service).unwrap()), "7");
}

#[test]
fn a_due_board_is_served_at_once_and_refreshed_behind_the_answer() {
    let world = World::new();
    let service = instance(&world);
    upstream(&world, 200, "7");
    ask(&service).unwrap();
    upstream(&world, 200, "8");
    world.advance(Duration::from_secs(310));
    let due = ask(&service).unwrap();
    assert_eq!(price(&due), "7");
    assert!(!due.is_stale);
    assert!(
        cache_status(&service, &due).ends_with("; hit; ttl=-11; detail=revalidating")
            || cache_status(&service, &due).ends_with("; hit; ttl=-10; detail=revalidating")
    );
    assert_eq!(price(&ask(&service).unwrap()), "8");
}

#[test]
fn past_its_grace_the_board_is_fetched_first() {
    let world = World::new();
    let service = instance(&world);
    upstream(&world, 200, "7");
    ask(&service).unwrap();
    upstream(&world, 200, "8");
    world.advance(Duration::from_secs(400));
    let late = ask(&service).unwrap();
    assert_eq!(price(&late), "8");
    assert!(cache_status(&service, &late).contains("fwd=stale; fwd-status=200; stored"));
}

#[test]
fn a_failure_is_remembered_by_all_instances_until_its_time_is_over() {
    let world = World::new();
    let service = instance(&world);
    upstream(&world, 200, "7");
    ask(&service).unwrap();
    upstream(&world, 500, "");
    world.advance(Duration::from_secs(400));
    let stale = ask(&service).unwrap();
    assert!(stale.is_stale);
    assert_eq!(
        cache_status(&service, &stale),
        "edge-rates; fwd=stale; fwd-status=500; detail=stale-if-error"
    );
    let sent = world.sent().len();
    assert_eq!(sent, 3, "one call, then both upstreams once");
    let other = instance(&world);
    assert!(ask(&other).unwrap().is_stale);
    assert_eq!(world.sent().len(), sent, "nobody asks again at once");
    world.advance(Duration::from_secs(11));
    ask(&other).unwrap();
    assert_eq!(world.sent().len(), sent + 2);
}

#[test]
fn the_second_upstream_is_asked_when_the_first_fails() {
    let world = World::new();
    let service = instance(&world);
    world.upstream(|request| {
        if request.url.contains("first") {
            return Err(OutboundError::Timeout);
        }
        Ok(OutboundResponse {
            status: 200,
            headers: Vec::new(),
            body: b"9".to_vec(),
        })
    });
    let served = ask(&service).unwrap();
    assert_eq!(served.board.source, "second");
    assert_eq!(served.board.attribution, "By second");
}

#[test]
fn the_next_attempt_waits_only_as_long_as_the_most_patient_upstream_asks() {
    let world = World::new();
    let service = instance(&world);
    // The first is rate limited for 30 s; the second is broken, which is tried again after 10 s.
    world.upstream(|request| {
        let status = if request.url.contains("first") {
            429
        } else {
            500
        };
        Ok(OutboundResponse {
            status,
            headers: Vec::new(),
            body: Vec::new(),
        })
    });
    let problem = ask(&service).unwrap_err().into_answer("/");
    assert_eq!(problem.header("retry-after"), Some("10"));
}

#[test]
fn a_refused_board_is_not_served() {
    let world = World::new();
    let service = instance(&world);
    upstream(&world, 200, "7");
    ask(&service).unwrap();
    upstream(&world, 500, "");
    world.advance(Duration::from_secs(86_400));
    assert_eq!(ask(&service).unwrap_err().status(), 503);
}

#[test]
fn a_store_that_fails_leaves_the_instance_its_memory() {
    let world = World::new();
    let service = instance(&world);
    upstream(&world, 200, "7");
    ask(&service).unwrap();
    world.break_store(true);
    world.advance(Duration::from_secs(10));
    assert_eq!(price(&ask(&service).unwrap()), "7");
    assert_eq!(ask(&instance(&world)).unwrap_err().status(), 503);
}

#[test]
fn a_board_that_the_store_does_not_take_is_served_all_the_same() {
    let world = World::new();
    let service = instance(&world);
    let breaking = world.clone();
    world.upstream(move |_| {
        breaking.break_store(true);
        Ok(OutboundResponse {
            status: 200,
            headers: Vec::new(),
            body: b"7".to_vec(),
        })
    });
    assert_eq!(price(&ask(&service).unwrap()), "7");
}

#[test]
fn junk_in_the_store_is_as_good_as_nothing() {
    let world = World::new();
    for key in [HEAD_KEY, BODY_KEY, FAILURE_KEY] {
        block_on(world.set(key, b"\xff junk")).unwrap();
    }
    upstream(&world, 200, "7");
    assert_eq!(price(&ask(&instance(&world)).unwrap()), "7");
}

#[test]
fn tickets_of_earlier_versions_are_removed() {
    let world = World::new();
    let service = instance(&world);
    upstream(&world, 200, "7");
    for _ in 0..4 {
        ask(&service).unwrap();
        world.advance(Duration::from_secs(400));
    }
    let keys = block_on(world.keys()).unwrap();
    let tickets = keys.iter().filter(|key| key.starts_with("t/main/")).count();
    assert!(tickets <= 2, "{keys:?}");
}
