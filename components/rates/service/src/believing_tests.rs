//! Whole refreshes against a fake world: who is asked for what, and what is believed then.

use crate::adapters::{
    Adapters, Endpoint, Error, HttpRequest, HttpResponse, Pair, Provider, Quote, Scope,
};
use crate::fixture::{self, provider};
use crate::service::Service;
use crate::settings::Settings;
use crate::{believing, refresh};
use edge_rates_kit::clock::Clock;
use edge_rates_kit::fake::World;
use edge_rates_kit::outbound::OutboundResponse;
use edge_rates_kit::recorder::Recorder;
use edge_rates_quotes::{Board, Currency, Method};
use futures::executor::block_on;
use std::time::Duration;

const MARKETS: [&str; 3] = ["first", "second", "third"];

/// Adapters for upstreams that are asked for pairs in the query and answer in lines such as
/// `bitcoin/USD 100`, which a market capitalisation may follow.
#[derive(Debug)]
struct Lines;

impl Adapters for Lines {
    fn describe(&self) -> Vec<Provider> {
        let markets = MARKETS.map(|id| provider(id, Scope::Market));
        let bank = provider("bank", Scope::Currencies);
        markets.into_iter().chain([bank]).collect()
    }

    fn request(
        &self,
        _: &str,
        endpoint: &Endpoint,
        pairs: &[Pair],
    ) -> Result<Vec<HttpRequest>, Error> {
        let pairs: Vec<_> = pairs
            .iter()
            .map(|pair| format!("{}/{}", pair.asset, pair.quote))
            .collect();
        Ok(vec![HttpRequest {
            url: format!("{}?{}", endpoint.base_url, pairs.join(",")),
            headers: Vec::new(),
        }])
    }

    fn parse(&self, _: &str, _: &[Pair], response: &HttpResponse) -> Result<Vec<Quote>, Error> {
        if response.status != 200 {
            return Err(Error::Unavailable("broken".into()));
        }
        let text = String::from_utf8_lossy(&response.body);
        let quotes = text.lines().map(|line| {
            let (pair, price) = line.split_once(' ').unwrap();
            let (asset, quote) = pair.split_once('/').unwrap();
            let mut words = price.split(' ').map(str::to_owned);
            let (price, market_cap) = (words.next().unwrap(), words.next());
            Quote {
                asset: asset.into(),
                quote: quote.into(),
                price,
                change_24h_pct: None,
                market_cap,
                volume_24h: None,
                updated_ms: None,
            }
        });
        Ok(quotes.collect())
    }
}

struct Market {
    world: World,
    service: Service<World, Lines>,
    board: Option<Board>,
}

impl Market {
    fn new(settings: &[(&str, &str)]) -> Market {
        let world = World::new();
        let usual = [
            ("assets", "bitcoin:BTC,tron:TRX"),
            ("currencies", "USD,EUR"),
        ];
        let upstreams = [&MARKETS[..], &["bank"]].concat();
        fixture::set(&world, &upstreams, &[&usual, settings].concat());
        let settings = block_on(Settings::read(&world, &Lines)).unwrap();
        let service = Service::new(world.clone(), Lines, settings, Recorder::new("local"));
        Market {
            world,
            service,
            board: None,
        }
    }

    /// One refresh in which upstreams tell this; those that are not named fail. Gives back who
    /// was asked for what.
    fn refresh(&mut self, told: &[(&'static str, &'static str)]) -> Vec<String> {
        let (told, before) = (told.to_vec(), self.world.sent().len());
        self.world.upstream(move |request| {
            let of = |(id, _): &&(&str, &str)| request.url.starts_with(&format!("https://{id}."));
            let lines = told.iter().find(of).map(|(_, lines)| *lines);
            Ok(OutboundResponse {
                status: if lines.is_some() { 200 } else { 500 },
                headers: Vec::new(),
                body: lines.unwrap_or_default().into(),
            })
        });
        let settings = &self.service.settings;
        let last = self.board.take();
        let heard = block_on(refresh::fetch(&self.service, last.as_ref())).unwrap();
        let now = self.world.now();
        let believed = believing::believe(settings, &heard, last.as_ref(), now).unwrap();
        let board = believing::board(settings, believed, last.as_ref(), now.into(), now);
        self.board = Some(board);
        self.world.advance(Duration::from_secs(300));
        let sent = self.world.sent();
        let asked = sent.iter().skip(before).map(|request| {
            let url = request.url.strip_prefix("https://").unwrap();
            url.replace(".example?", " ")
        });
        asked.collect()
    }

    fn board(&self) -> &Board {
        self.board.as_ref().unwrap()
    }

    fn quote(&self, asset: &str, code: &str) -> &edge_rates_quotes::Quote {
        let currency = Currency::parse(code).unwrap();
        self.board().get(asset, &currency).unwrap()
    }

    fn bitcoin(&self) -> String {
        let quote = self.quote("bitcoin", "USD");
        let held = if quote.is_held { " held" } else { "" };
        let divergent = if quote.is_divergent { " divergent" } else { "" };
        format!("{}{held}{divergent}", quote.price)
    }
}

/// Only dollars, so that bitcoin and tron are all there is.
const DOLLARS: &[(&str, &str)] = &[("currencies", "USD")];

#[test]
fn while_the_first_prices_everything_nobody_else_is_asked() {
    let mut market = Market::new(DOLLARS);
    let asked = market.refresh(&[("first", "bitcoin/USD 100\ntron/USD 1")]);
    assert_eq!(asked, ["first bitcoin/USD,tron/USD"]);
    assert_eq!(market.board().source, "first");
    assert_eq!(market.board().attribution, "By first");
}

#[test]
fn figures_outlive_the_upstream_that_told_them() {
    let mut market = Market::new(&[("currencies", "USD"), ("refuse_seconds", "3600")]);
    market.refresh(&[("first", "bitcoin/USD 100 2000\ntron/USD 1")]);
    let told = market.board().fetched;
    for _ in 0..12 {
        market.refresh(&[("second", "bitcoin/USD 101\ntron/USD 1")]);
        let bitcoin = market.quote("bitcoin", "USD");
        assert_eq!(bitcoin.price.as_str(), "101");
        assert_eq!(bitcoin.market_cap.as_deref(), Some("2000"));
        assert_eq!(bitcoin.figures, Some(told));
    }
    market.refresh(&[("second", "bitcoin/USD 101\ntron/USD 1")]);
    assert_eq!(
        market.quote("bitcoin", "USD").market_cap,
        None,
        "an hour is over"
    );
    market.refresh(&[("first", "bitcoin/USD 102 2100\ntron/USD 1")]);
    let bitcoin = market.quote("bitcoin", "USD");
    assert_eq!(bitcoin.market_cap.as_deref(), Some("2100"));
    assert_eq!(bitcoin.figures, None);
}

#[test]
fn rials_and_tomans_fit_together_from_any_provider() {
    let mut market = Market::new(&[("assets", "tron"), ("currencies", "IRR,IRT")]);
    let both =
        |market: &Market| ["IRT", "IRR"].map(|code| market.quote("tron", code).price.to_string());
    market.refresh(&[("first", "tron/IRR 420.0"), ("second", "tron/IRT 41.5")]);
    assert_eq!(both(&market), ["41.5", "415"]);
    // What is new leads what is kept.
    market.refresh(&[("first", "tron/IRR 430")]);
    assert_eq!(both(&market), ["43.0", "430"]);
    market.refresh(&[("second", "tron/IRT 44.25")]);
    assert_eq!(both(&market), ["44.25", "442.5"]);
}

#[test]
fn a_leap_is_asked_about_elsewhere_and_only_it() {
    let mut market = Market::new(DOLLARS);
    market.refresh(&[("first", "bitcoin/USD 100\ntron/USD 1")]);
    let asked = market.refresh(&[
        ("first", "bitcoin/USD 60\ntron/USD 1.1"),
        ("second", "bitcoin/USD 60.5"),
    ]);
    assert_eq!(asked[1..], ["second bitcoin/USD"]);
    assert_eq!(market.bitcoin(), "60");
    assert_eq!(market.quote("bitcoin", "USD").sources, 2);
}

#[test]
fn a_leap_is_asked_about_until_somebody_knows() {
    let mut market = Market::new(DOLLARS);
    market.refresh(&[("first", "bitcoin/USD 100\ntron/USD 1")]);
    let told = [
        ("first", "bitcoin/USD 60\ntron/USD 1"),
        ("third", "bitcoin/USD 99"),
    ];
    assert_eq!(market.refresh(&told).len(), 3, "the second fails");
    assert_eq!(market.bitcoin(), "99 divergent");
    assert_eq!(
        market.quote("bitcoin", "USD").source.as_deref(),
        Some("third")
    );
    assert_eq!(market.board().attribution, "By first; By third");
}

#[test]
fn a_leap_that_nobody_else_knows_of_is_held_and_released_after_ten_minutes() {
    let mut market = Market::new(DOLLARS);
    market.refresh(&[("first", "bitcoin/USD 100\ntron/USD 1")]);
    let mut prices = Vec::new();
    for _ in 0..3 {
        market.refresh(&[("first", "bitcoin/USD 60\ntron/USD 1")]);
        prices.push(market.bitcoin());
    }
    assert_eq!(prices, ["100 held", "100 held", "60"]);
}

#[test]
fn a_price_that_was_held_is_current_again_as_soon_as_it_is_told_again() {
    let mut market = Market::new(DOLLARS);
    market.refresh(&[("first", "bitcoin/USD 100\ntron/USD 1")]);
    market.refresh(&[("first", "bitcoin/USD 6000\ntron/USD 1")]);
    assert_eq!(market.bitcoin(), "100 held");
    market.refresh(&[("first", "bitcoin/USD 101\ntron/USD 1")]);
    assert_eq!(market.bitcoin(), "101");
}

#[test]
fn in_quorum_everybody_is_asked_and_one_liar_does_no_harm() {
    let mut market = Market::new(&[("currencies", "USD"), ("price_mode", "quorum")]);
    let asked = market.refresh(&[
        ("first", "bitcoin/USD 1000\ntron/USD 1"),
        ("second", "bitcoin/USD 100"),
        ("third", "bitcoin/USD 100.2"),
    ]);
    assert_eq!(asked.len(), 3);
    assert_eq!(market.bitcoin(), "100.1");
    let quote = market.quote("bitcoin", "USD");
    assert_eq!((quote.method, quote.sources), (Method::Median, 2));
    assert_eq!(quote.told[0].dropped.as_deref(), Some("outlier"));
}

#[test]
fn currencies_that_no_market_quotes_are_asked_of_a_bank_once_an_hour() {
    let mut market = Market::new(&[("currencies", "USD,EUR,CHF")]);
    let told = [
        ("first", "bitcoin/USD 100\ntron/USD 1\ntron/EUR 0.9"),
        ("bank", "usd/EUR 0.92\nusd/CHF 0.8"),
    ];
    let asked = market.refresh(&told);
    assert_eq!(asked.last().unwrap(), "bank usd/EUR,usd/CHF");
    let euros = market.quote("bitcoin", "EUR");
    assert_eq!((euros.price.as_str(), euros.method), ("92", Method::Cross));
    assert_eq!(market.quote("tron", "EUR").price.as_str(), "0.9", "told");
    assert_eq!(market.quote("tron", "CHF").price.as_str(), "0.8");
    assert_eq!(market.board().attribution, "By first; By bank");
    let mut banks = Vec::new();
    for _ in 0..12 {
        let asked = market.refresh(&told);
        banks.push(
            asked
                .iter()
                .filter(|asked| asked.starts_with("bank"))
                .count(),
        );
        assert_eq!(market.quote("bitcoin", "EUR").price.as_str(), "92");
    }
    assert_eq!(banks.iter().sum::<usize>(), 1, "{banks:?}");
}

#[test]
fn without_the_bank_its_last_rates_hold() {
    let mut market = Market::new(&[]);
    let dollars = ("first", "bitcoin/USD 100\ntron/USD 1");
    market.refresh(&[dollars, ("bank", "usd/EUR 0.92")]);
    for _ in 0..24 {
        market.refresh(&[dollars]);
    }
    let euros = market.quote("bitcoin", "EUR");
    assert_eq!(euros.price.as_str(), "92");
    assert!(market.board().is_current(euros));
}

#[test]
fn a_price_kept_from_before_is_crossed_once_it_is_not_current_any_more() {
    let mut market = Market::new(&[]);
    let all = "bitcoin/USD 100\nbitcoin/EUR 95\ntron/USD 1\ntron/EUR 0.95";
    market.refresh(&[("first", all)]);
    let fewer = [
        ("second", "bitcoin/USD 110\ntron/USD 1"),
        ("bank", "usd/EUR 0.9"),
    ];
    let mut euros = Vec::new();
    for _ in 0..5 {
        market.refresh(&fewer);
        euros.push(market.quote("bitcoin", "EUR").price.as_str().to_owned());
    }
    // It was believed for fifteen minutes.
    assert_eq!(euros, ["95", "95", "95", "99", "99"]);
}

#[test]
fn a_name_that_is_set_stands_for_all_sources() {
    let mut market = Market::new(&[("currencies", "USD"), ("source_name", "simulator")]);
    market.refresh(&[("first", "tron/USD 1"), ("second", "bitcoin/USD 100")]);
    assert_eq!(market.board().source, "simulator");
    assert_eq!(market.board().attribution, "Data provided by simulator");
    let mut sources = market.board().quotes().iter().map(|quote| &quote.source);
    assert!(sources.all(Option::is_none));
}
