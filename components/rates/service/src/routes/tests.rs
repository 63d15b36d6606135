//! The routes on a fake world whose store holds a board, without HTTP in between.

use crate::fixture;
pub(super) use crate::route_tests::quote;
use crate::route_tests::{Silent, get, json, service};
use crate::service::Service;
use crate::settings::Settings;
use edge_rates_kit::answer::Answer;
use edge_rates_kit::clock::Clock;
use edge_rates_kit::fake::{World, incoming_to};
use edge_rates_kit::recorder::Recorder;
use edge_rates_kit::stored;
use edge_rates_quotes::{Board, Method, Millis, Policy, Price, Quote, Told};
use futures::executor::block_on;
use serde_json::Value;
use std::rc::Rc;

/// The rates service with a board.
pub(super) struct Rates {
    world: World,
    service: Rc<Service<World, Silent>>,
}

impl Rates {
    /// A service for the assets BTC, ETH and USDT in USD, EUR and BTC.
    pub(super) fn with(mut quotes: Vec<Quote>) -> Rates {
        // As every board has it, whatever was told.
        let identity = Quote {
            method: Method::Identity,
            sources: 0,
            ..quote("bitcoin", "BTC", "1")
        };
        quotes.insert(0, identity);
        let world = World::new();
        let served = [
            ("assets", "bitcoin:BTC,ethereum:ETH,tether:USDT"),
            ("currencies", "USD,EUR,BTC"),
        ];
        fixture::set(&world, &["silent"], &served);
        let settings = block_on(Settings::read(&world, &Silent)).unwrap();
        let recorder = Recorder::new("local");
        let now = world.now();
        let board = Board::new(now.into(), now, "kraken", "Prices by Kraken", quotes);

        let policy = Policy::new(300_000, 0, 60_000, 86_400_000).unwrap();
        let head = policy.head(board.version, now, 10, "kraken", 0);
        block_on(stored::put(&world, &head, &board)).unwrap();
        let service = Rc::new(Service::new(world.clone(), Silent, settings, recorder));
        Rates { world, service }
    }

    pub(super) fn ask(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let request = incoming_to(&self.world, method, target, headers, &[body]);
        let routed = block_on(super::answer(Ok(&self.service), &request));
        routed.answer.for_request(&request)
    }

    pub(super) fn get(&self, target: &str) -> Answer {
        self.ask("GET", target, &[], "")
    }

    /// The body of a 200, parsed.
    #[track_caller]
    pub(super) fn json(&self, target: &str) -> Value {
        let answer = self.get(target);
        assert_eq!(answer.status(), 200, "{target}: {:?}", answer.body());
        serde_json::from_slice(answer.body()).unwrap()
    }

    /// What a 422 says about a parameter.
    #[track_caller]
    fn refusal(&self, target: &str, parameter: &str) -> String {
        let answer = self.get(target);
        assert_eq!(answer.status(), 422, "{target}: {:?}", answer.body());
        let problem: Value = serde_json::from_slice(answer.body()).unwrap();
        assert_eq!(problem["parameter"], parameter, "{target}: {problem}");
        problem["detail"].as_str().unwrap().to_owned()
    }
}

fn text(answer: &Answer) -> String {
    String::from_utf8(answer.body().to_vec()).unwrap()
}

/// A board on which everything is known about bitcoin.
fn informed() -> Rates {
    let told = |provider: &str, price: &str, dropped: Option<&str>| Told {
        provider: provider.into(),
        price: Price::parse(price).unwrap(),
        of: None,
        dropped: dropped.map(str::to_owned),
    };
    Rates::with(vec![
        Quote {
            change_24h_pct: Some("-1.40".into()),
            market_cap: Some("1500000000000.5".into()),
            volume_24h: Some("42000000000".into()),
            updated: Some(Millis(1_795_225_199_000)),
            method: Method::Median,
            sources: 2,
            is_divergent: true,
            told: vec![
                told("coingecko", "76975.00", None),
                told("coinbase", "76974", None),
                told("kraken", "99999", Some("outlier")),
            ],
            ..quote("bitcoin", "USD", "76974.50")
        },
        quote("bitcoin", "EUR", "66000"),
        quote("ethereum", "EUR", "2500"),
    ])
}

#[test]
fn an_entry_says_how_its_price_came_about() {
    let rates = informed();
    let body = rates.json("/v1/rates?ids=bitcoin&vs=usd");
    let entry = &body["rates"][0];
    assert_eq!(entry["price"], "76974.50");
    assert_eq!(entry["method"], "median");
    assert_eq!(entry["sources"], 2);
    assert_eq!(entry["divergent"], true);
    assert_eq!(entry["change_24h_pct"], "-1.40", "shown by default");
    assert_eq!(entry["market_cap"], Value::Null);
    assert_eq!(entry["providers"], Value::Null);
    assert_eq!(body["missing"], serde_json::json!([]));
    let pair = rates.json("/v1/rates/BTC/USD");
    for field in [
        "price",
        "method",
        "sources",
        "divergent",
        "change_24h_pct",
        "updated_at",
    ] {
        assert_eq!(pair[field], entry[field], "{field}");
    }
}

#[test]
fn what_has_no_price_is_missing_and_a_thing_in_itself_is_one() {
    let rates = informed();
    let body = rates.json("/v1/rates?ids=bitcoin,ethereum&vs=usd,btc");
    assert_eq!(body["missing"], serde_json::json!(["ETH/BTC", "ETH/USD"]));
    let identity = &body["rates"][0];
    assert_eq!(identity["price"], "1");
    assert_eq!(identity["method"], "identity");
    assert_eq!(rates.json("/v1/rates/BTC/BTC")["price"], "1");
}

#[test]
fn what_is_included_is_what_was_asked_for() {
    let rates = informed();
    let shown = |include: &str| {
        let body = rates.json(&format!("/v1/rates?ids=bitcoin&vs=usd{include}"));
        let entry = body["rates"][0].as_object().unwrap().clone();
        ["change_24h_pct", "market_cap", "volume_24h"].map(|name| entry.contains_key(name))
    };
    assert_eq!(shown(""), [true, false, false]);
    assert_eq!(
        shown("&include=market_cap,volume,change"),
        [true, true, true]
    );
    assert_eq!(shown("&include=volume"), [false, false, true]);
    assert_eq!(shown("&include="), [false, false, false]);
    let detail = rates.refusal("/v1/rates?include=volumes", "include");
    assert!(detail.contains("market_cap, volume, change"), "{detail}");
}

#[test]
fn json_numbers_have_the_same_digits() {
    let rates = informed();
    let target = "/v1/rates?ids=bitcoin&vs=usd&include=market_cap,volume,change&numbers=number";
    let body = text(&rates.get(target));
    for member in [
        "\"price\":76974.50,",
        "\"change_24h_pct\":-1.40,",
        "\"market_cap\":1500000000000.5,",
        "\"volume_24h\":42000000000,",
    ] {
        assert!(body.contains(member), "{member} in {body}");
    }
    let pair = text(&rates.get("/v1/rates/BTC/USD?numbers=number"));
    assert!(pair.contains("\"price\":76974.50,"), "{pair}");
    let converted = text(&rates.get("/v1/convert?from=BTC&to=USD&amount=2.0&numbers=number"));
    assert!(
        converted.contains("\"amount\":2.0,\"rate\":76974.50,\"result\":153949,"),
        "{converted}"
    );
}

#[test]
fn what_every_provider_told_is_shown_when_asked_for() {
    let rates = informed();
    let body = rates.json("/v1/rates?ids=bitcoin&vs=usd,eur&expand=providers");
    assert_eq!(
        body["rates"][1]["providers"],
        serde_json::json!([
            {"provider": "coingecko", "price": "76975.00"},
            {"provider": "coinbase", "price": "76974"},
            {"provider": "kraken", "price": "99999", "dropped": "outlier"},
        ])
    );
    assert_eq!(
        body["rates"][0]["providers"],
        serde_json::json!([{"provider": "kraken", "price": "66000"}])
    );
    rates.refusal("/v1/rates?expand=provider", "expand");
    rates.refusal("/v1/rates?expand=providers&format=csv", "expand");
}

#[test]
fn a_table_has_a_line_for_each_rate() {
    let rates = informed();
    let answer = rates.get("/v1/rates?format=csv&vs=usd,eur&ids=bitcoin");
    assert_eq!(
        answer.header("content-type"),
        Some("text/csv; charset=utf-8; header=present")
    );
    assert_eq!(
        text(&answer),
        "id,symbol,quote,price,change_24h_pct,updated_at,source,method,sources,divergent,stale,as_of,figures_at\r\n\
         bitcoin,BTC,EUR,66000,,,kraken,single,1,false,false,2026-11-21T01:40:00Z,\r\n\
         bitcoin,BTC,USD,76974.50,-1.40,2026-11-21T01:39:59Z,kraken,median,2,true,false,2026-11-21T01:40:00Z,\r\n"
    );
}

#[test]
fn figures_that_are_older_than_the_price_have_their_own_time() {
    let rates = Rates::with(vec![
        Quote {
            change_24h_pct: Some("2.5".into()),
            figures: Some(Millis(1_795_225_000_000)),
            ..quote("bitcoin", "USD", "1")
        },
        quote("ethereum", "USD", "1"),
    ]);
    let told = "2026-11-21T01:36:40Z";
    let at = |body: &Value| body["figures_at"].as_str().map(str::to_owned);
    let of = |target: &str| at(&rates.json(target)["rates"][0]);
    assert_eq!(of("/v1/rates?ids=bitcoin&vs=usd").as_deref(), Some(told));
    assert_eq!(of("/v1/rates?ids=bitcoin&vs=usd&include="), None);
    assert_eq!(of("/v1/rates?ids=bitcoin&vs=usd&include=volume"), None);
    assert_eq!(of("/v1/rates?ids=ethereum&vs=usd"), None);
    assert_eq!(at(&rates.json("/v1/rates/BTC/USD")).as_deref(), Some(told));
    assert_eq!(at(&rates.json("/v1/rates/ETH/USD")), None);
    let table = |query: &str| text(&rates.get(&format!("/v1/rates?format=csv&vs=usd&{query}")));
    let line = table("ids=bitcoin");
    assert!(line.ends_with(&format!(",{told}\r\n")), "{line}");
    assert!(!table("include=").contains("figures_at"));
}

#[test]
fn a_client_that_prefers_csv_gets_it_from_the_same_address() {
    let rates = informed();
    let target = "/v1/rates?vs=usd";
    let with = |accept| rates.ask("GET", target, &[("accept", accept)], "");
    // Twice, because the second one is answered from what was kept of the first.
    for _ in 0..2 {
        let csv = with("text/csv");
        assert!(csv.header("content-type").unwrap().starts_with("text/csv"));
        let json = with("application/json, text/csv");
        assert_eq!(json.header("content-type"), Some("application/json"));
        assert_ne!(csv.header("etag"), json.header("etag"));
        assert_eq!(csv.header("vary"), Some("Accept, Accept-Encoding"));
    }
    let asked = rates.ask(
        "GET",
        "/v1/rates?format=json",
        &[("accept", "text/csv")],
        "",
    );
    assert_eq!(asked.header("content-type"), Some("application/json"));
    let other = with("image/png");
    assert_eq!(other.header("content-type"), Some("application/json"));
}

#[test]
fn a_price_that_was_held_or_kept_makes_the_answer_stale() {
    let rates = Rates::with(vec![
        Quote {
            is_held: true,
            ..quote("bitcoin", "USD", "1")
        },
        Quote {
            updated: Some(Millis(1_795_225_200_000 - 16 * 60_000)),
            source: Some("coinbase".into()),
            ..quote("ethereum", "USD", "2")
        },
        quote("tether", "USD", "3"),
    ]);
    for (asset, is_stale) in [("BTC", true), ("ETH", true), ("USDT", false)] {
        let pair = rates.json(&format!("/v1/rates/{asset}/USD"));
        assert_eq!(pair["stale"], is_stale, "{asset}");
        let selection = rates.json(&format!("/v1/rates?symbols={asset}&vs=usd"));
        assert_eq!(selection["stale"], is_stale, "{asset}");
        assert_eq!(selection["rates"][0]["stale"] == true, is_stale, "{asset}");
    }
    let board = rates.json("/v1/rates");
    assert_eq!(board["stale"], true);
    let csv = text(&rates.get("/v1/rates?format=csv&symbols=ETH,USDT"));
    assert!(csv.contains("coinbase,single,1,false,true,"), "{csv}");
    assert!(csv.contains("kraken,single,1,false,false,"), "{csv}");
    let cross = rates.json("/v1/rates/ETH/USDT");
    assert_eq!(cross["source"], "coinbase,kraken");
    assert_eq!(cross["stale"], true);
}

#[test]
fn a_rate_that_is_worked_out_is_as_good_as_the_prices_in_it() {
    let rates = informed();
    let inverse = rates.json("/v1/rates/USD/BTC");
    assert_eq!(inverse["method"], "inverse");
    assert_eq!(inverse["sources"], 2);
    assert_eq!(inverse["divergent"], true);
    let cross = rates.json("/v1/rates/USD/EUR");
    assert_eq!(cross["method"], "cross");
    assert_eq!(cross["sources"], 1, "its weaker price rests on one");
    assert_eq!(cross["divergent"], true);
    let same = rates.json("/v1/rates/EUR/eur");
    assert_eq!(same["price"], "1");
    assert_eq!(same["method"], "identity");
    assert_eq!(same["sources"], 0);
    assert_eq!(same["divergent"], false);
}

#[test]
fn a_rate_is_rounded_as_asked() {
    let rates = Rates::with(vec![quote("bitcoin", "USD", "1.25")]);
    let price = |rounding: &str| {
        let target = format!("/v1/rates/BTC/USD?precision=1&rounding={rounding}");
        rates.json(&target)["price"].as_str().unwrap().to_owned()
    };
    assert_eq!(price("half_even"), "1.2");
    assert_eq!(price("half_up"), "1.3");
    assert_eq!(price("down"), "1.2");
    assert_eq!(price("up"), "1.3");
    let detail = rates.refusal("/v1/rates/BTC/USD?rounding=nearest", "rounding");
    assert!(detail.contains("half_even, half_up, down, up"), "{detail}");
}

#[test]
fn what_is_worked_out_is_as_old_as_the_older_of_its_parts() {
    let at = |ago_s: u64| Some(Millis(1_795_225_200_000 - ago_s * 1_000));
    let rates = Rates::with(vec![
        Quote {
            updated: at(5),
            ..quote("bitcoin", "USD", "80000")
        },
        Quote {
            updated: at(9),
            ..quote("ethereum", "USD", "2000")
        },
        Quote {
            updated: at(7),
            ..quote("bitcoin", "EUR", "64000")
        },
        // As a refresh works it out, with a reference rate of the day before.
        Quote {
            updated: at(86_400),
            priced: at(9),
            method: Method::Cross,
            ..quote("ethereum", "EUR", "1600")
        },
        quote("tether", "USD", "0.99"),
    ]);
    let shown = |body: &Value| body["updated_at"].as_str().map(str::to_owned);
    for (base, quote, expected) in [
        ("USD", "BTC", Some("2026-11-21T01:39:55Z")),
        ("BTC", "ETH", Some("2026-11-21T01:39:51Z")),
        ("EUR", "USD", Some("2026-11-21T01:39:53Z")),
        ("ETH", "EUR", Some("2026-11-20T01:40:00Z")),
        ("EUR", "ETH", Some("2026-11-20T01:40:00Z")),
        // Its upstream says no time: no later than it was fetched.
        ("USD", "USDT", Some("2026-11-21T01:40:00Z")),
        ("USDT", "USD", None),
        ("BTC", "BTC", None),
    ] {
        let pair = rates.json(&format!("/v1/rates/{base}/{quote}"));
        assert_eq!(shown(&pair).as_deref(), expected, "{base}/{quote}");
        let question = serde_json::json!([{"base": base, "quote": quote}]).to_string();
        let headers = [("content-type", "application/json")];
        let batch = rates.ask("POST", "/v1/rates:batch", &headers, &question);
        let batch: Value = serde_json::from_slice(batch.body()).unwrap();
        assert_eq!(batch["results"][0]["result"], pair, "{base}/{quote}");
    }
    let board = rates.json("/v1/rates?ids=ethereum&vs=eur");
    let entry = &board["rates"][0];
    assert_eq!(shown(entry).as_deref(), Some("2026-11-20T01:40:00Z"));
    let csv = text(&rates.get("/v1/rates?ids=ethereum&vs=eur&format=csv"));
    assert!(csv.contains(",2026-11-20T01:40:00Z,"), "{csv}");
    // CoinGecko's clients are told when a market priced the coin: a reference rate holds until
    // the next is out.
    let price = rates
        .json("/api/v3/simple/price?ids=ethereum&vs_currencies=eur&include_last_updated_at=true");
    assert_eq!(price["ethereum"]["last_updated_at"], 1_795_225_191);
    let markets = rates.json("/api/v3/coins/markets?ids=ethereum&vs_currency=eur");
    assert_eq!(markets[0]["last_updated"], "2026-11-21T01:39:51.000Z");
}

#[test]
fn an_example_in_a_hint_is_one_that_is_served() {
    let service = service("dogecoin", "CHF", &[quote("dogecoin", "CHF", "0.1")]);
    let detail = |target: &str| {
        let answer = get(&service, target);
        assert_eq!(answer.status(), 422, "{target}");
        json(&answer)["detail"].as_str().unwrap().to_owned()
    };
    let from = detail("/v1/convert?to=CHF&amount=1");
    assert!(from.contains("from=DOGE"), "{from}");
    let to = detail("/v1/convert?from=DOGE&amount=1");
    assert!(to.contains("to=CHF"), "{to}");
}

#[test]
fn the_past_is_refused_everywhere() {
    let rates = informed();
    for target in [
        "/v1/rates?at=2026-01-01T00:00:00Z",
        "/v1/rates/BTC/USD?at=2026-01-01T00:00:00Z",
        "/v1/convert?from=BTC&to=USD&amount=1&at=2026-01-01T00:00:00Z",
    ] {
        let detail = rates.refusal(target, "at");
        assert!(detail.contains("No history"), "{detail}");
    }
}

#[test]
fn a_price_that_is_too_long_is_passed_on_but_not_calculated_with() {
    let long = format!("0.{}1", "0".repeat(30));
    let rates = Rates::with(vec![quote("bitcoin", "USD", &long)]);
    assert_eq!(rates.json("/v1/rates/BTC/USD")["price"], long);
    assert_eq!(rates.json("/v1/rates?vs=usd")["rates"][0]["price"], long);
    for target in ["/v1/rates?precision=2", "/v1/rates/BTC/USD?precision=2"] {
        let detail = rates.refusal(target, "precision");
        assert!(detail.contains("precision=full"), "{detail}");
    }
    for (target, parameter) in [
        ("/v1/convert?from=BTC&to=USD&amount=1", "amount"),
        ("/v1/rates/USD/BTC", "quote"),
    ] {
        let detail = rates.refusal(target, parameter);
        // What is advised is possible.
        assert!(detail.contains("GET /v1/rates"), "{detail}");
    }
}

#[test]
fn slashes_at_the_end_and_letter_case_do_not_matter() {
    let rates = informed();
    let tag = |target: &str| rates.get(target).header("etag").unwrap().to_owned();
    assert_eq!(tag("/v1/rates/btc/Usd/"), tag("/v1/rates/BTC/USD"));
    assert_eq!(tag("/v1/rates/bitcoin/usd"), tag("/v1/rates/BTC/USD"));
    assert_eq!(tag("/v1/rates/?ids=BITCOIN"), tag("/v1/rates?symbols=btc"));
    assert_ne!(
        tag("/v1/rates/BTC/USD?numbers=number"),
        tag("/v1/rates/BTC/USD")
    );
    assert_ne!(tag("/v1/rates?include="), tag("/v1/rates"));
}
