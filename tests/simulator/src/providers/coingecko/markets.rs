//! CoinGecko's `/coins/markets`: coins with their price and what surrounds it, by market value.

use std::time::Duration;

use super::{Asked, Complaint, Precision, Quote, vs_currency};
use crate::assets::{COINS, Coin};
use crate::figure::Figure;
use crate::reply::Reply;

const DAY: Duration = Duration::from_secs(86_400);
const LONGEST_PAGE: usize = 250;
const PAGE: usize = 100;

#[derive(serde::Serialize)]
struct Row {
    id: &'static str,
    symbol: String,
    name: &'static str,
    image: String,
    current_price: Figure,
    market_cap: f64,
    market_cap_rank: usize,
    fully_diluted_valuation: Option<f64>,
    total_volume: f64,
    high_24h: Figure,
    low_24h: Figure,
    price_change_24h: f64,
    price_change_percentage_24h: f64,
    market_cap_change_24h: f64,
    market_cap_change_percentage_24h: f64,
    circulating_supply: f64,
    total_supply: Option<f64>,
    max_supply: Option<f64>,
    ath: Option<f64>,
    atl: Option<f64>,
    roi: Option<f64>,
    last_updated: String,
}

/// The coins asked for, or all, the biggest first, a page at a time.
pub(super) fn markets(asked: &Asked) -> Result<Reply, Complaint> {
    let quote = vs_currency(asked)?;
    let value = |coin: &Coin| asked.venue.coin(coin) * coin.supply;
    let mut ranked: Vec<&'static Coin> = COINS.iter().collect();
    ranked.sort_by(|one, other| value(other).total_cmp(&value(one)));
    let rows = ranked
        .into_iter()
        .enumerate()
        .filter(|(_, coin)| is_asked_for(asked, coin));
    let rows: Vec<_> = match asked.parameter("order") {
        Some("market_cap_asc") => rows.rev().collect(),
        _ => rows.collect(),
    };
    let number = |name| asked.parameter(name).and_then(|value| value.parse().ok());
    let per_page = number("per_page").unwrap_or(PAGE).clamp(1, LONGEST_PAGE);
    let page = number("page").unwrap_or(1).max(1);
    let rows: Vec<Row> = rows
        .into_iter()
        .skip((page - 1).saturating_mul(per_page))
        .take(per_page)
        .map(|(above, coin)| Row::of(asked, coin, &quote, above + 1))
        .collect();
    Ok(Reply::ok(&rows))
}

fn is_asked_for(asked: &Asked, coin: &Coin) -> bool {
    match (asked.list("ids"), asked.list("symbols")) {
        (Some(ids), _) => ids.contains(&coin.id),
        (None, Some(symbols)) => symbols
            .iter()
            .any(|symbol| symbol.eq_ignore_ascii_case(coin.symbol)),
        (None, None) => true,
    }
}

impl Row {
    fn of(asked: &Asked, coin: &'static Coin, quote: &Quote, rank: usize) -> Self {
        let venue = &asked.venue;
        let precision = Precision::of(asked);
        let price = venue.coin(coin) / quote.usd;
        let (low, high) = venue.range_24h(coin);
        let percent = venue.change_percent(coin, DAY);
        let change = price - price / (1.0 + percent / 100.0);
        let market_cap = (price * coin.supply).round();
        Self {
            id: coin.id,
            symbol: coin.symbol.to_ascii_lowercase(),
            name: coin.name,
            image: format!(
                "https://coin-images.coingecko.com/coins/images/{}.png",
                coin.id
            ),
            current_price: precision.write(venue, price),
            market_cap,
            market_cap_rank: rank,
            fully_diluted_valuation: Some(market_cap),
            total_volume: (venue.volume_24h(coin) / quote.usd).round(),
            high_24h: precision.write(venue, high / quote.usd),
            low_24h: precision.write(venue, low / quote.usd),
            price_change_24h: change,
            price_change_percentage_24h: (percent * 1e5).round() / 1e5,
            market_cap_change_24h: change * coin.supply,
            market_cap_change_percentage_24h: (percent * 1e5).round() / 1e5,
            circulating_supply: coin.supply,
            total_supply: Some(coin.supply),
            max_supply: None,
            ath: None,
            atl: None,
            roi: None,
            last_updated: format!("{:.3}", venue.updated_at()),
        }
    }
}
