//! The serving order against a fake world: who fetches, who waits, who gets what.

use crate::adapters::{
    Adapters, Endpoint, Error, HttpRequest, HttpResponse, Pair, Provider, Quote, Scope,
};
use crate::cache::{Served, current};
use crate::fixture::{self, provider};
use crate::service::Service;
use crate::settings::Settings;
use edge_rates_kit::clock::Clock;
use edge_rates_kit::fake::World;
use edge_rates_kit::outbound::{OutboundError, OutboundResponse};
use edge_rates_kit::problem::Problem;
use edge_rates_kit::recorder::Recorder;
use edge_rates_kit::store::Store;
use edge_rates_quotes::stored::{BODY_KEY, FAILURE_KEY, HEAD_KEY};
use edge_rates_quotes::ticket::{AHEAD_MS, WINDOW_MS};
use edge_rates_quotes::{Head, Tickets};
use futures::executor::block_on;
use futures::future::{Either, select};
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

const UPSTREAMS: [&str; 2] = ["first", "second"];

/// Adapters for upstreams whose whole answer is one price of bitcoin.
#[derive(Debug)]
struct Plain;

impl Adapters for Plain {
    fn describe(&self) -> Vec<Provider> {
        UPSTREAMS.map(|id| provider(id, Scope::Market)).into()
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
                market_cap: None,
                volume_24h: None,
                updated_ms: None,
            }]),
            429 => Err(Error::RateLimited(Some(30))),
            _ => Err(Error::Unavailable("broken".into())),
        }
    }
}

fn instance(world: &World) -> Rc<Service<World, Plain>> {
    fixture::set(world, &UPSTREAMS, &[("price_mode", "fallback")]);
    let settings = block_on(Settings::read(world, &Plain)).unwrap();
    let recorder = Recorder::new("local");
    Rc::new(Service::new(world.clone(), Plain, settings, recorder))
}

/// Asks for the board while background work goes on, as an instance does.
fn ask(service: &Rc<Service<World, Plain>>) -> Result<Served, Problem> {
    block_on(async {
        let asking = pin!(current(service, service.world.elapsed()));
        let result = match select(asking, pin!(forever(&service.world))).await {
            Either::Left((result, _)) => result,
            Either::Right(((), _)) => unreachable!("background work never ends"),
        };
        service.world.run_background().await;
        result
    })
}

/// Runs work to its end in the middle of other work.
fn run_within<T>(work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    loop {
        if let std::task::Poll::Ready(result) = work.as_mut().poll(&mut context) {
            return result;
        }
    }
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
    let rendered = served.render("q", served.is_stale, "{}");
    let request = edge_rates_kit::fake::incoming("GET", "/", &[], &[]);
    let answer = served.answer(&rendered, &request, &service.settings.cache_times);
    let answer = answer.unwrap();
    answer.header("cache-status").unwrap().to_owned()
}

/// Draws the tickets that a leader holds, without being one.
fn take_tickets(world: &World, head: Option<&Head>) -> Vec<String> {
    let expiry = head.map_or(edge_rates_quotes::Millis(0), |head| head.fresh_until);
    let tickets = Tickets::new("main", head.map(|head| &head.version), expiry);
    let held = tickets.window(world.now())..=tickets.last_held(world.now());
    let keys: Vec<String> = held.map(|window| tickets.key(window)).collect();
    for key in &keys {
        block_on(world.increment(key, 1)).unwrap();
    }
    keys
}

fn stored_head(world: &World) -> Head {
    Head::decode(&world.value(HEAD_KEY).unwrap()).unwrap()
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
    take_tickets(&world, None);
    // The fake's clock moves with every sleep: two seconds stay within what a leader holds.
    let problem = ask(&service).unwrap_err();
    assert_eq!(problem.status(), 503);
    assert!(world.sent().is_empty(), "the leader fetches, nobody else");
}

#[test]
fn a_leader_that_died_is_replaced_once_its_windows_have_passed() {
    let world = World::new();
    let service = instance(&world);
    upstream(&world, 200, "7");
    take_tickets(&world, None);
    world.advance(Duration::from_millis(AHEAD_MS + WINDOW_MS));
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
fn all_upstreams_together_get_no_more_time_than_a_refresh_has() {
    let world = World::new();
    let slow = world.clone();
    world.upstream(move |_| {
        slow.advance(Duration::from_secs(8));
        Err(OutboundError::Timeout)
    });
    ask(&instance(&world)).unwrap_err();
    let totals: Vec<_> = world
        .limits()
        .iter()
        .map(|limits| limits.total.as_secs())
        .collect();
    assert_eq!(totals, [5, 1]);
}

#[test]
fn the_next_attempt_waits_only_until_the_first_upstream_may_be_asked() {
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

    // The other way round.
    let world = World::new();
    let service = instance(&world);
    world.upstream(|request| {
        let status = if request.url.contains("first") {
            500
        } else {
            429
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
fn those_who_wait_for_a_leader_that_fails_learn_when_to_come_back() {
    let world = World::new();
    let (leader, other) = (instance(&world), instance(&world));
    upstream(&world, 500, "");
    let asking = futures::future::join(
        current(&leader, world.elapsed()),
        current(&other, world.elapsed()),
    );
    let (first, second) = match block_on(select(pin!(asking), pin!(forever(&world)))) {
        Either::Left((results, _)) => results,
        Either::Right(((), _)) => unreachable!("background work never ends"),
    };
    for result in [first, second] {
        let problem = result.unwrap_err().into_answer("/");
        let seconds: u64 = problem.header("retry-after").unwrap().parse().unwrap();
        assert!((8..=10).contains(&seconds), "not in a moment: {seconds}");
    }
    assert_eq!(world.sent().len(), 2, "both upstreams once");
}

#[test]
fn the_head_tells_how_long_the_board_took() {
    let world = World::new();
    let slow = world.clone();
    world.upstream(move |_| {
        slow.advance(Duration::from_millis(1_500));
        Ok(OutboundResponse {
            status: 200,
            headers: Vec::new(),
            body: b"7".to_vec(),
        })
    });
    ask(&instance(&world)).unwrap();
    assert_eq!(stored_head(&world).cost_ms, 1_500);
}

#[test]
fn the_body_is_read_once_per_version() {
    let world = World::new();
    let service = instance(&world);
    upstream(&world, 200, "7");
    ask(&service).unwrap();
    block_on(world.delete(BODY_KEY)).unwrap();
    world.advance(Duration::from_secs(1));
    let served = ask(&service).unwrap();
    assert!(cache_status(&service, &served).contains("; hit;"));
    assert_eq!(world.sent().len(), 1);
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

#[test]
fn a_leader_at_the_end_of_its_window_has_no_rival_in_the_next() {
    let world = World::new();
    let (leader, rival) = (instance(&world), instance(&world));
    let now = edge_rates_kit::clock::Clock::now(&world);
    // A tenth of a second before the edge of a window.
    world.advance(Duration::from_millis(10_000 - now.0 % 10_000 - 100));
    let (of_rival, asked) = (world.clone(), Rc::new(std::cell::Cell::new(0)));
    let counting = Rc::clone(&asked);
    world.upstream(move |_| {
        counting.set(counting.get() + 1);
        if counting.get() == 1 {
            // While the first upstream call is under way, the window ends and others come.
            of_rival.advance(Duration::from_millis(200));
            let problem = run_within(current(&rival, rival.world.elapsed())).unwrap_err();
            assert_eq!(problem.status(), 503);
            assert!(!rival.memo.is_leading(), "the next window is taken");
        }
        Ok(OutboundResponse {
            status: 200,
            headers: Vec::new(),
            body: b"7".to_vec(),
        })
    });
    assert_eq!(price(&ask(&leader).unwrap()), "7");
    assert_eq!(asked.get(), 1);
}

#[test]
fn what_the_next_upstream_does_not_price_is_kept_and_ages() {
    let world = World::new();
    let service = instance(&world);
    upstream(&world, 200, "7");
    let first = ask(&service).unwrap();
    let fetched = first.board.fetched;
    // From now on only something else is priced.
    let mut kept = first.board.as_ref().clone();
    for round in 1..=4_u64 {
        let at = fetched.saturating_add(round * 300_000);
        let newer = edge_rates_quotes::Board::new(at.into(), at, "second", "", Vec::new());
        kept = newer.keeping(&kept, fetched);
        let is_current = kept.is_current(&kept.quotes()[0]);
        assert_eq!(is_current, round <= 3, "after {round} rounds");
        assert_eq!(kept.quotes()[0].source.as_deref(), Some("first"));
    }
}

#[test]
fn a_full_store_does_not_make_an_instance_hammer_upstreams() {
    let world = World::new();
    let service = instance(&world);
    upstream(&world, 200, "7");
    ask(&service).unwrap();
    world.fill_store(true);
    upstream(&world, 500, "");
    world.advance(Duration::from_secs(400));
    let before = world.sent().len();
    // Some request leads by chance; then its failure holds everybody off, though only in memory.
    for _ in 0..100 {
        assert_eq!(price(&ask(&service).unwrap()), "7");
        world.advance(Duration::from_millis(100));
    }
    let attempts = (world.sent().len() - before) / 2;
    assert!((1..=4).contains(&attempts), "{attempts} refreshes");
}

#[test]
fn without_counters_some_instances_lead_and_not_all() {
    let world = World::new();
    upstream(&world, 200, "7");
    ask(&instance(&world)).unwrap();
    world.fill_store(true);
    world.advance(Duration::from_secs(310));
    let before = world.sent().len();
    for _ in 0..80 {
        assert_eq!(price(&ask(&instance(&world)).unwrap()), "7");
    }
    let leaders = world.sent().len() - before;
    assert!((1..=30).contains(&leaders), "an eighth of 80: {leaders}");
}

#[test]
fn a_failed_early_refresh_leaves_a_fresh_board_fresh() {
    let world = World::new();
    let service = instance(&world);
    upstream(&world, 200, "7");
    ask(&service).unwrap();
    // A board that took so long to fetch that its refresh is due some seconds early.
    let mut head = stored_head(&world);
    head.cost_ms = 60_000;
    block_on(world.set(HEAD_KEY, &head.encode())).unwrap();
    world.advance(Duration::from_secs(290));
    let failure = edge_rates_quotes::stored::Failure {
        at: edge_rates_kit::clock::Clock::now(&world),
        retry_from: edge_rates_quotes::Millis(u64::MAX),
        status: Some(500),
        provider: "second".into(),
        outcome: "unavailable".into(),
        asked_with: service.settings.asked_with,
    };
    service.memo.remember_failure(failure);
    for _ in 0..50 {
        let served = ask(&service).unwrap();
        assert!(!served.is_stale);
        let status = cache_status(&service, &served);
        assert!(status.contains("; hit; ttl="), "{status}");
        assert!(!status.contains("detail"), "{status}");
    }
    assert_eq!(world.sent().len(), 1);
}

#[test]
fn a_clock_that_went_back_does_not_stop_refreshing() {
    let world = World::new();
    let day = Duration::from_secs(86_400);
    let from = edge_rates_kit::clock::Clock::now(&world);
    let failure = edge_rates_quotes::stored::Failure {
        at: from.saturating_add(86_400_000),
        retry_from: from.saturating_add(86_400_000 + 10_000),
        status: None,
        provider: "first".into(),
        outcome: "timeout".into(),
        asked_with: instance(&world).settings.asked_with,
    };
    block_on(world.set(FAILURE_KEY, &failure.encode())).unwrap();
    upstream(&world, 200, "7");
    let service = instance(&world);
    assert_eq!(price(&ask(&service).unwrap()), "7");

    // A board from a day ahead is refreshed too, and again if that fails.
    let world = World::new();
    world.advance(day);
    upstream(&world, 200, "7");
    ask(&instance(&world)).unwrap();
    world.go_back(day);
    upstream(&world, 500, "");
    let service = instance(&world);
    ask(&service).unwrap();
    upstream(&world, 200, "8");
    world.advance(Duration::from_secs(21));
    ask(&service).unwrap();
    assert_eq!(price(&ask(&service).unwrap()), "8");
}

#[test]
fn an_old_view_that_wins_its_election_leaves_the_tickets_of_the_present_alone() {
    let world = World::new();
    let (first, behind) = (instance(&world), instance(&world));
    upstream(&world, 200, "7");
    ask(&first).unwrap();
    ask(&behind).unwrap();
    let old = block_on(behind.memo.look(&world))
        .unwrap()
        .held
        .clone()
        .unwrap();
    world.advance(Duration::from_secs(400));
    ask(&first).unwrap();
    assert_eq!(world.sent().len(), 2);
    // Later somebody refreshes the present board, and one that looked long ago comes by.
    world.advance(Duration::from_secs(400));
    let present = block_on(first.memo.look(&world))
        .unwrap()
        .held
        .clone()
        .unwrap();
    let taken = take_tickets(&world, Some(&present.head));
    behind.memo.remember(&world, old);
    ask(&behind).unwrap();
    for ticket in taken {
        assert_eq!(world.counter(&ticket), Some(1), "{ticket} is still drawn");
    }
    assert_eq!(world.sent().len(), 2);
}
