//! Tests of [`Settings::read`].

use super::*;
use crate::adapters::{Endpoint, Error, HttpRequest, HttpResponse, Pair, Provider, Quote, Scope};
use edge_rates_kit::fake::World;
use futures::executor::block_on;

/// Two providers: a market that wants no plan but `demo`, and a bank that plans nothing.
#[derive(Debug)]
struct Two;

impl Adapters for Two {
    fn describe(&self) -> Vec<Provider> {
        let provider = |id: &str, scope| Provider {
            id: id.to_owned(),
            default_base_url: format!("https://{id}.example"),
            attribution: String::new(),
            scope,
            takes_key: true,
        };
        vec![
            provider("market", Scope::Market),
            provider("bank", Scope::Currencies),
        ]
    }

    fn request(
        &self,
        provider: &str,
        endpoint: &Endpoint,
        _: &[Pair],
    ) -> Result<Vec<HttpRequest>, Error> {
        match (provider, endpoint.plan.as_deref()) {
            ("bank", _) => Err(Error::UnsupportedPair("none".to_owned())),
            (_, None | Some("demo")) if endpoint.base_url.contains("down") => {
                Err(Error::Unavailable("its URL is no good".to_owned()))
            }
            (_, None | Some("demo")) => Ok(Vec::new()),
            (_, Some(_)) => Err(Error::Unauthorised("its plan is not demo".to_owned())),
        }
    }

    fn parse(&self, _: &str, _: &[Pair], _: &HttpResponse) -> Result<Vec<Quote>, Error> {
        Err(Error::Malformed("nothing was asked".to_owned()))
    }
}

/// A world in which everything is set that has to be; `own` goes before that.
fn world(own: &[(&str, &str)]) -> World {
    let world = World::new();
    let usual = [
        ("assets", "bitcoin"),
        ("currencies", "USD"),
        ("fresh_seconds", "300"),
        ("jitter_seconds", "0"),
        ("grace_seconds", "60"),
        ("refuse_seconds", "86400"),
        ("providers", "market,bank"),
        ("market_url", ""),
        ("bank_url", ""),
        ("source_name", ""),
        ("api_keys", ""),
        ("rate_limit", ""),
        ("trusted_proxies", ""),
    ];
    for (name, value) in usual.iter().chain(own) {
        world.set_variable(name, value);
    }
    world
}

fn faults(own: &[(&str, &str)]) -> Vec<String> {
    let read = block_on(Settings::read(&world(own), &Two));
    let faults = read.err();
    let faults = faults.iter().flat_map(Faults::iter);
    faults.map(ToString::to_string).collect()
}

#[test]
fn settings_that_work_are_read() {
    let settings = block_on(Settings::read(&world(&[("source_name", "s")]), &Two)).unwrap();
    assert_eq!(settings.upstreams.len(), 2);
    assert_eq!(settings.source_name.as_deref(), Some("s"));
    assert!(!settings.terms.is_key_in_query);
    assert!(!settings.terms.are_private());
}

#[test]
fn every_variable_that_cannot_work_is_named_with_its_reason() {
    for (name, value, reason) in [
        ("assets", "", "no assets are set"),
        ("assets", "bitcion", "did you mean bitcoin?"),
        ("assets", "top:9999", "write a number from 1 to"),
        ("currencies", "USX", "did you mean USD?"),
        ("fresh_seconds", "soon", "no whole number of seconds"),
        ("fresh_seconds", "0", "must be fresh for a while"),
        ("jitter_seconds", "300", "must be less than"),
        ("grace_seconds", "-1", "no whole number of seconds"),
        ("refuse_seconds", "10", "must be at least"),
        ("providers", "market,markte", "there are market, bank"),
        ("providers", "market,market", "stands there twice"),
        ("providers", "bank", "names no provider of prices"),
        ("market_url", "ftp://x", "https:// or http://"),
        ("market_url", "https://down", "its URL is no good"),
        ("market_per_minute", "many", "no whole number of calls"),
        ("market_per_month", "1.5", "no whole number of calls"),
        ("price_mode", "best", "one of fallback and quorum"),
        ("outlier_percent", "0", "a number above zero"),
        ("divergence_percent", "-", "a number above zero"),
        ("jump_percent", "x", "a number above zero"),
        ("jump_seconds", "x", "a whole number of seconds"),
        ("api_keys", "k", "neither `name:key` nor"),
        ("api_key_in_query", "yes", "write true or false"),
        ("rate_limit", "100", "100;w=60"),
        ("trusted_proxies", "10.0.0.0/99", "CIDR block"),
        ("count_requests", "no", "write true or false"),
        ("log_requests", "1", "write true or false"),
        ("replica", "a/b", "no slash"),
    ] {
        let faults = faults(&[(name, value)]);
        let [fault] = faults.as_slice() else {
            panic!("{name}={value}: {faults:?}");
        };
        assert!(
            fault.starts_with(&format!("variable `{name}`: ")),
            "{fault}"
        );
        assert!(fault.contains(reason), "{fault}");
    }
    let plan = faults(&[("market_plan", "gold")]);
    assert_eq!(
        plan,
        ["variable `market_api_key, market_plan`: its plan is not demo"]
    );
}

#[test]
fn all_faults_are_told_at_once() {
    let faults = faults(&[
        ("assets", "bitcion"),
        ("currencies", "USX"),
        ("market_url", "market"),
        ("rate_limit", "many"),
        ("providers", "bnak,market"),
    ]);
    let names = faults.iter().filter_map(|fault| fault.split('`').nth(1));
    let names: Vec<_> = names.collect();
    assert_eq!(
        names,
        [
            "assets",
            "currencies",
            "providers",
            "market_url",
            "rate_limit"
        ]
    );
}

#[test]
fn what_is_secret_is_not_told() {
    for (name, value) in [
        ("api_keys", "hunter2"),
        ("api_keys", "a:1,a:hunter2"),
        ("market_url", "user:hunter2@market.example"),
        ("market_plan", "hunter2"),
    ] {
        let faults = faults(&[(name, value)]);
        assert_eq!(faults.len(), 1, "{name}");
        assert!(!faults[0].contains("hunter2"), "{}", faults[0]);
    }
}

#[test]
fn a_variable_that_has_to_be_there_and_is_not_is_a_fault() {
    let read = block_on(Settings::read(&World::new(), &Two));
    let faults = read.unwrap_err();
    let names: Vec<_> = faults.iter().map(|fault| fault.name.as_str()).collect();
    for name in [
        "assets",
        "currencies",
        "providers",
        "api_keys",
        "rate_limit",
    ] {
        assert!(names.contains(&name), "{name}: {names:?}");
    }
}

#[test]
fn all_listed_assets_go_with_all_of_coingeckos_currencies() {
    assert_eq!(
        faults(&[("assets", "top:282"), ("currencies", "coingecko")]),
        [""; 0]
    );
}
