//! Refreshes against a fake world: which upstreams are asked for what, and which are left alone.

use crate::adapters::{
    Adapters, Endpoint, Error, HttpRequest, HttpResponse, Pair, Provider, Quote, Scope,
};
use crate::cache::current;
use crate::fixture::{self, provider};
use crate::service::Service;
use crate::settings::Settings;
use edge_rates_kit::clock::Clock;
use edge_rates_kit::fake::World;
use edge_rates_kit::outbound::OutboundResponse;
use edge_rates_kit::recorder::Recorder;
use edge_rates_kit::store::Store;
use edge_rates_quotes::breaker::{Open, Reason, circuit_key, probe_key};
use edge_rates_quotes::stored::HEAD_KEY;
use edge_rates_quotes::{Board, Head};
use futures::executor::block_on;
use futures::future::{Either, select};
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

const UPSTREAMS: [&str; 3] = ["first", "second", "third"];

/// Adapters for upstreams that answer in lines of `asset currency price`. They are asked with the
/// pairs in the URL.
#[derive(Debug)]
struct Lines;

impl Adapters for Lines {
    fn describe(&self) -> Vec<Provider> {
        UPSTREAMS.map(|id| provider(id, Scope::Market)).into()
    }

    fn request(
        &self,
        _: &str,
        endpoint: &Endpoint,
        pairs: &[Pair],
    ) -> Result<Vec<HttpRequest>, Error> {
        let pairs: Vec<String> = pairs
            .iter()
            .map(|pair| format!("{}-{}", pair.asset, pair.quote))
            .collect();
        let key = endpoint.api_key.clone();
        Ok(vec![HttpRequest {
            url: format!("{}/{}", endpoint.base_url, pairs.join(",")),
            headers: key.map(|key| ("key".to_owned(), key)).into_iter().collect(),
        }])
    }

    fn parse(&self, _: &str, _: &[Pair], response: &HttpResponse) -> Result<Vec<Quote>, Error> {
        match response.status {
            200 => {}
            401 => return Err(Error::Unauthorised("this key is refused".into())),
            _ => return Err(Error::Unavailable("broken".into())),
        }
        let text = String::from_utf8_lossy(&response.body).into_owned();
        let quotes = text.lines().map(|line| {
            let mut words = line.split(' ').map(str::to_owned);
            Quote {
                asset: words.next().unwrap(),
                quote: words.next().unwrap(),
                price: words.next().unwrap(),
                change_24h_pct: None,
                market_cap: None,
                volume_24h: None,
                updated_ms: None,
            }
        });
        Ok(quotes.collect())
    }
}

fn instance(world: &World, variables: &[(&str, &str)]) -> Rc<Service<World, Lines>> {
    let usual = [
        ("assets", "bitcoin:BTC,tron:TRX"),
        ("currencies", "USD,JPY"),
        ("grace_seconds", "0"),
    ];
    fixture::set(world, &UPSTREAMS, &[&usual, variables].concat());
    let settings = block_on(Settings::read(world, &Lines)).unwrap();
    let recorder = Recorder::new("local");
    Rc::new(Service::new(world.clone(), Lines, settings, recorder))
}

/// Each upstream's whole answer; one that is not named fails.
fn upstreams(world: &World, answers: &'static [(&str, &str)]) {
    world.upstream(move |request| {
        let answer = answers
            .iter()
            .find(|(id, _)| request.url.starts_with(&format!("https://{id}.")));
        Ok(OutboundResponse {
            status: if answer.is_some() { 200 } else { 500 },
            headers: Vec::new(),
            body: answer.map_or("", |(_, text)| text).into(),
        })
    });
}

/// The board after what a request sets going has come to an end.
fn board(service: &Rc<Service<World, Lines>>) -> Option<Rc<Board>> {
    block_on(async {
        let asking = pin!(current(service, service.world.elapsed()));
        let background = pin!(async {
            loop {
                service.world.run_background().await;
                futures::pending!();
            }
        });
        let result = match select(asking, background).await {
            Either::Left((result, _)) => result,
            Either::Right(((), _)) => unreachable!("background work never ends"),
        };
        service.world.run_background().await;
        result.ok().map(|served| served.board)
    })
}

/// Who was asked for what since the last time: `first: bitcoin-USD,tron-USD`.
fn asked(world: &World, seen: &mut usize) -> Vec<String> {
    let sent = world.sent();
    let new = sent.get(*seen..).unwrap_or_default();
    *seen = sent.len();
    new.iter()
        .map(|request| {
            let rest = request.url.trim_start_matches("https://");
            rest.replace(".example/", ": ")
        })
        .collect()
}

const ALL: &str = "bitcoin-USD,bitcoin-JPY,tron-USD,tron-JPY";

#[test]
fn each_is_asked_for_what_those_before_it_did_not_price_and_not_again_for_what_it_lacks() {
    let world = World::new();
    let service = instance(&world, &[]);
    upstreams(
        &world,
        &[
            ("first", "bitcoin USD 7\nbitcoin JPY 700\ntron USD 1"),
            ("second", "bitcoin USD 8"),
            ("third", "bitcoin USD 9"),
        ],
    );
    let mut seen = 0;
    let prices = board(&service).unwrap();
    let told = prices
        .quotes()
        .iter()
        .filter(|quote| quote.method.is_told());
    assert_eq!(told.count(), 3);
    assert_eq!(
        asked(&world, &mut seen),
        [
            format!("first: {ALL}"),
            "second: tron-JPY".into(),
            "third: tron-JPY".into()
        ]
    );
    // Nobody has tron in yen: a refresh costs one call, for an hour.
    for _ in 0..11 {
        world.advance(Duration::from_secs(320));
        board(&service).unwrap();
        assert_eq!(
            asked(&world, &mut seen),
            ["first: bitcoin-USD,bitcoin-JPY,tron-USD"]
        );
    }
    world.advance(Duration::from_secs(320));
    board(&service).unwrap();
    assert_eq!(asked(&world, &mut seen).len(), 3);
}

#[test]
fn an_asset_that_is_unknown_there_may_be_listed_any_day() {
    let world = World::new();
    let service = instance(&world, &[("providers", "first")]);
    upstreams(&world, &[("first", "bitcoin USD 7\nbitcoin JPY 700")]);
    let mut seen = 0;
    board(&service).unwrap();
    world.advance(Duration::from_secs(299));
    assert_eq!(asked(&world, &mut seen), [format!("first: {ALL}")]);
    world.advance(Duration::from_secs(2));
    board(&service).unwrap();
    assert_eq!(asked(&world, &mut seen), [format!("first: {ALL}")]);
}

#[test]
fn what_the_second_prices_says_so() {
    let world = World::new();
    let service = instance(&world, &[("currencies", "USD")]);
    upstreams(
        &world,
        &[("first", "bitcoin USD 7"), ("second", "tron USD 2")],
    );
    let board = board(&service).unwrap();
    assert_eq!(board.source, "first");
    let sources: Vec<_> = board
        .quotes()
        .iter()
        .map(|quote| (quote.asset.as_str(), quote.source.as_deref()))
        .collect();
    assert_eq!(sources, [("bitcoin", None), ("tron", Some("second"))]);
}

#[test]
fn a_quorum_asks_all_for_everything() {
    let world = World::new();
    let service = instance(&world, &[("price_mode", "quorum")]);
    upstreams(
        &world,
        &[("first", "bitcoin USD 7"), ("third", "bitcoin USD 7")],
    );
    let mut seen = 0;
    board(&service).unwrap();
    assert_eq!(
        asked(&world, &mut seen),
        ["first", "second", "third"].map(|id| format!("{id}: {ALL}"))
    );
}

#[test]
fn a_half_open_upstream_that_another_probes_is_left_alone() {
    let world = World::new();
    let service = instance(&world, &[("providers", "first")]);
    upstreams(&world, &[("first", "bitcoin USD 7")]);
    let open = Open {
        since: world.now(),
        until: world.now().saturating_add(30_000),
        reason: Reason::Failures,
        status: None,
        asked_with: service.settings.upstreams[0].asked_with,
    };
    block_on(world.set(&circuit_key("first"), &open.encode())).unwrap();
    assert!(board(&service).is_none());
    world.advance(Duration::from_secs(31));
    let probe = probe_key("first", &open, world.now());
    block_on(world.increment(&probe, 1)).unwrap();
    assert!(board(&service).is_none());
    assert!(world.sent().is_empty());
    // That one died; the next attempt is this one's.
    world.advance(Duration::from_secs(20));
    assert!(board(&service).is_some());
    assert_eq!(world.value(&circuit_key("first")), None, "it is closed");
}

#[test]
fn neither_a_circuit_nor_a_failure_outlives_a_changed_key() {
    let world = World::new();
    world.upstream(|request| {
        let is_good = request.headers.iter().any(|(_, key)| key == "good");
        Ok(OutboundResponse {
            status: if is_good { 200 } else { 401 },
            headers: Vec::new(),
            body: b"bitcoin USD 7".to_vec(),
        })
    });
    let with_key = |key| instance(&world, &[("providers", "first"), ("first_api_key", key)]);
    let state = || Open::decode(&world.value(&circuit_key("first"))?);
    assert!(board(&with_key("bad")).is_none());
    assert_eq!(state().unwrap().reason, Reason::Unauthorised);
    world.advance(Duration::from_secs(60));
    assert!(board(&with_key("bad")).is_none());
    assert_eq!(world.sent().len(), 1, "it is left alone");
    // Another that does not work either opens it for itself.
    assert!(board(&with_key("worse")).is_none());
    world.advance(Duration::from_secs(20));
    assert!(board(&with_key("worse")).is_none());
    assert_eq!(world.sent().len(), 2);
    assert!(board(&with_key("good")).is_some());
    assert_eq!(world.sent().len(), 3);
    assert_eq!(state(), None, "it is closed");
    for key in block_on(world.keys()).unwrap() {
        let value = world.value(&key).unwrap_or_default();
        let told = format!("{key} {}", String::from_utf8_lossy(&value));
        for secret in ["bad", "worse", "good"] {
            assert!(!told.contains(secret), "{told}");
        }
    }
}

#[test]
fn a_store_that_takes_nothing_keeps_nobody_from_asking() {
    let world = World::new();
    world.fill_store(true);
    let limits = [("first_per_minute", "1"), ("providers", "first")];
    upstreams(&world, &[("first", "bitcoin USD 7")]);
    // One in eight leads.
    let mut attempts = 0;
    while board(&instance(&world, &limits)).is_none() {
        attempts += 1;
        assert!(attempts < 200);
    }
    assert_eq!(world.sent().len(), 1);
}

#[test]
fn an_early_refresh_that_fails_is_not_repeated_by_anybody_else() {
    let world = World::new();
    let first = instance(&world, &[("providers", "first")]);
    upstreams(&world, &[("first", "bitcoin USD 7")]);
    board(&first).unwrap();
    // It took so long that a refresh is due as early as can be.
    let head = Head::decode(&world.value(HEAD_KEY).unwrap()).unwrap();
    let head = Head {
        cost_ms: 1_000_000,
        ..head
    };
    block_on(world.set(HEAD_KEY, &head.encode())).unwrap();
    upstreams(&world, &[]);
    world.advance(Duration::from_millis(297_500));
    for _ in 0..50 {
        board(&instance(&world, &[("providers", "first")])).unwrap();
        world.advance(Duration::from_millis(10));
    }
    assert_eq!(
        world.sent().len(),
        2,
        "the first board, and one early attempt"
    );
}

#[test]
fn the_healthy_path_writes_nothing_about_circuits() {
    let world = World::new();
    let service = instance(&world, &[("providers", "first")]);
    upstreams(&world, &[("first", "bitcoin USD 7")]);
    board(&service).unwrap();
    let keys = block_on(world.keys()).unwrap();
    for prefix in ["c/", "f/", "h/", "u/"] {
        assert!(!keys.iter().any(|key| key.starts_with(prefix)), "{keys:?}");
    }
}
