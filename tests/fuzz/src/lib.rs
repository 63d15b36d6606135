//! What every adapter is held to, whatever it reads.
//!
//! An input is an answer: the status in the first line, and the body after it. So inputs can be
//! written and read by people; those in `corpus/` were.

use std::str;

use edge_rates_adapters::{Error, Pair, Response, parse};

/// Lets the adapter of `provider` read an answer.
///
/// # Panics
/// If what comes out is neither sound quotes of pairs that were asked for nor an error that is fit
/// to be logged.
pub fn read(provider: &str, input: &[u8]) {
    let asked = pairs();
    match parse(provider, &asked, &response(input)) {
        Ok(quotes) => {
            assert!(!quotes.is_empty(), "no quotes, and no error");
            for quote in quotes {
                let is_asked = asked
                    .iter()
                    .any(|pair| pair.asset == quote.asset && pair.quote == quote.quote);
                assert!(is_asked, "nobody asked for {quote:?}");
                let price = quote.price.as_str();
                assert!(is_plain_decimal(price) && is_above_zero(price), "{quote:?}");
                if let Some(change) = &quote.change_24h_pct {
                    let digits = change.strip_prefix('-').unwrap_or(change);
                    assert!(is_plain_decimal(digits), "{quote:?}");
                }
                let cap = quote.market_cap.as_deref();
                assert!(cap.is_none_or(is_above_zero), "{quote:?}");
                for amount in [cap, quote.volume_24h.as_deref()].into_iter().flatten() {
                    assert!(is_plain_decimal(amount), "{quote:?}");
                }
            }
        }
        Err(Error::RateLimited(_)) => {}
        Err(
            Error::Unauthorised(why)
            | Error::Unavailable(why)
            | Error::Malformed(why)
            | Error::UnsupportedPair(why)
            | Error::Implausible(why),
        ) => {
            assert!(why.contains(provider), "it does not say who: {why}");
            assert!(why.len() < 240, "too long for a log: {why}");
            let is_printable = |c: char| c == ' ' || c.is_ascii_graphic();
            assert!(why.chars().all(is_printable), "not fit for a log: {why:?}");
        }
    }
}

/// Something for every upstream, with and without a code of its own.
fn pairs() -> Vec<Pair> {
    let pair = |asset: &str, symbol: &str, quote: &str, code: Option<&str>| Pair {
        asset: asset.to_owned(),
        symbol: symbol.to_owned(),
        quote: quote.to_owned(),
        code: code.map(str::to_owned),
    };
    let mut pairs = Vec::new();
    for quote in ["USD", "EUR", "BTC", "USDT", "IRT", "IRR"] {
        pairs.push(pair("bitcoin", "BTC", quote, None));
        pairs.push(pair("ethereum", "ETH", quote, None));
        pairs.push(pair("own-coin", "OWN", quote, Some("OWN1")));
    }
    for quote in ["EUR", "JPY", "GBP"] {
        pairs.push(pair("usd", "USD", quote, None));
    }
    pairs
}

fn response(input: &[u8]) -> Response {
    let end = input.iter().position(|byte| *byte == b'\n');
    let (line, body) = match end.and_then(|end| input.split_at_checked(end)) {
        Some((line, rest)) => (line, rest.get(1..).unwrap_or_default()),
        None => (&b""[..], input),
    };
    let status = str::from_utf8(line)
        .ok()
        .and_then(|line| line.trim().parse().ok());
    Response {
        status: status.unwrap_or(200),
        headers: vec![("retry-after".to_owned(), "7".to_owned())],
        body: body.to_vec(),
    }
}

fn is_plain_decimal(text: &str) -> bool {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    digits(whole) && digits(fraction)
}

fn is_above_zero(text: &str) -> bool {
    text.contains(|c: char| ('1'..='9').contains(&c))
}
