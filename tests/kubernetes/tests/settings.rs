//! The app's own settings in the chart's values: what the app could not work with is refused before
//! anything is installed, and what it can is not.

use edge_rates_quotes::Catalogue;
use kubernetes::chart::Chart;
use kubernetes::environments;
use kubernetes::fields::Fields;
use kubernetes::{project, yaml};
use serde_json::{Value, json};

const ASSETS: &str = "bitcoin,ethereum";
const CURRENCIES: &str = "USD,EUR";

/// What Helm says to a setting; nothing if it takes it.
fn said_to(settings: &Value) -> Option<String> {
    let mut environment = environments::named("defaults").unwrap();
    environment.values = json!({ "settings": settings });
    let rendered = Chart::ours().unwrap().render(&environment);
    rendered.err().map(|error| error.to_string())
}

#[test]
fn assets_and_currencies_are_what_the_app_takes() {
    let listed = [
        "bitcoin",
        "Bitcoin , ethereum",
        "top:282",
        "top:50,my-coin:MY",
        "btc",
    ];
    let described = [
        "my-coin:MY:My Coin;decimals=6;kraken=XMY",
        "my-coin:MY:My: Coin ; rank = 7",
        "bitcoin;decimals=4",
        "bitcoin:XBT,fork:BTC",
        "top:TOP",
    ];
    let wrong = [
        "no-such-coin",
        "top:283",
        "top:0",
        "bitcoin,bitcoin:XBT",
        "bitcoin,",
        "bit coin",
        "my-coin:M Y",
        "my-coin:MY;decimals=six",
        "my-coin:MY;decimals",
        "my-coin:MY:",
        "",
    ];
    for assets in listed.into_iter().chain(described).chain(wrong) {
        let app = Catalogue::parse(assets, CURRENCIES).err();
        let chart = said_to(&json!({ "assets": assets }));
        assert_eq!(
            app.is_some(),
            chart.is_some(),
            "`{assets}`: {app:?}, {chart:?}"
        );
        assert!(chart.is_none_or(|said| said.contains("assets")), "{assets}");
    }
    for currencies in [
        "USD",
        "usd, Eur",
        "coingecko",
        "coingecko,IRT",
        "USD,DOGE",
        "XMY:My Money:fiat;decimals=2;unit=$",
        "USD;unit=US$",
        "COINGECKO",
        "XYZ",
        "USD,usd",
        "U",
        "USD,",
        "XMY:My Money",
        "XMY:My Money:paper",
        "USD;decimals=two",
        "",
    ] {
        let app = Catalogue::parse(ASSETS, currencies).err();
        let chart = said_to(&json!({ "currencies": currencies }));
        assert_eq!(
            app.is_some(),
            chart.is_some(),
            "`{currencies}`: {app:?}, {chart:?}"
        );
        assert!(
            chart.is_none_or(|said| said.contains("currencies")),
            "{currencies}"
        );
    }
}

#[test]
fn other_settings_are_in_their_range() {
    for (name, value) in [
        ("providers", json!("coingecko, kraken")),
        ("price_mode", json!("quorum")),
        ("fresh_seconds", json!(600)),
        ("fresh_seconds", json!("600")),
        ("fresh_seconds", json!(null)),
        ("jump_seconds", json!(0)),
        ("outlier_percent", json!(0.5)),
        ("outlier_percent", json!("0.5")),
        ("coingecko_plan", json!("pro")),
        ("coingecko_url", json!("https://pro-api.coingecko.com")),
        ("coingecko_per_month", json!(95000)),
        ("kraken_per_minute", json!("")),
        ("rate_limit", json!("100;w=60")),
        ("rate_limit", json!("")),
        ("trusted_proxies", json!("10.0.0.0/8, fd00::/8")),
        ("log_requests", json!(true)),
        ("source_name", json!("somebody")),
    ] {
        assert_eq!(said_to(&json!({ name: value })), None, "{name}: {value}");
    }
    for (name, value, words) in [
        ("providers", json!("coingeko"), "coingecko|coinbase"),
        ("providers", json!("kraken,kraken"), "names one twice"),
        ("providers", json!("frankfurter"), "that prices assets"),
        ("price_mode", json!("median"), "quorum"),
        ("fresh_seconds", json!(0), "minimum"),
        ("fresh_seconds", json!("soon"), "soon"),
        (
            "jitter_seconds",
            json!(300),
            "less than settings.fresh_seconds (300)",
        ),
        (
            "refuse_seconds",
            json!(300),
            "at least settings.fresh_seconds",
        ),
        ("jump_percent", json!(0), "jump_percent"),
        ("jump_percent", json!("-1"), "jump_percent"),
        ("coingecko_plan", json!("free"), "demo"),
        ("kraken_url", json!("api.kraken.com"), "https?"),
        ("other_upstream", json!("proxy"), "other_upstream"),
        ("coinbase_per_minute", json!(-1), "minimum"),
        ("coinbase_per_month", json!("many"), "many"),
        ("rate_limit", json!("100"), "w="),
        ("rate_limit", json!("100;w=86401"), "w="),
        (
            "trusted_proxies",
            json!("proxy.example.com"),
            "proxy.example.com",
        ),
        ("log_requests", json!("yes"), "true"),
    ] {
        let said = said_to(&json!({ name: value })).unwrap_or_default();
        assert!(
            said.contains(name) && said.contains(words),
            "{name}: {value}: {said}"
        );
    }
}

#[test]
fn what_needs_no_description_is_what_the_app_lists() {
    let listed: Value = yaml::read_file(&project::chart().join("settings/listed.yaml")).unwrap();
    let words = |name: &str| -> Vec<String> {
        let text = listed.text(&format!("/{name}")).unwrap();
        text.split_whitespace().map(str::to_owned).collect()
    };
    let table = |name: &str| -> Vec<Vec<String>> {
        let path = project::root().join("components/quotes/data").join(name);
        let text = std::fs::read_to_string(path).unwrap();
        let lines = text
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with('#'));
        let split = |line: &str| line.split(',').map(str::to_owned).collect();
        lines.map(split).collect()
    };
    let assets = table("assets.csv");
    let ids: Vec<&String> = assets.iter().map(|line| &line[0]).collect();
    assert_eq!(words("assets").iter().collect::<Vec<_>>(), ids);
    let mut codes: Vec<String> = table("currencies.csv")
        .iter()
        .map(|line| line[0].clone())
        .collect();
    for line in &assets {
        if !codes.contains(&line[1]) {
            codes.push(line[1].clone());
        }
    }
    assert_eq!(words("currencies"), codes);
}
