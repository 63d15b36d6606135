//! Pairs, endpoints and answers as the adapters' tests have them.

use crate::upstream::{Endpoint, Pair, Response};

/// A pair of an asset that the caller knows no code of.
pub(crate) fn pair(asset: &str, symbol: &str, quote: &str) -> Pair {
    Pair {
        asset: asset.to_owned(),
        symbol: symbol.to_owned(),
        quote: quote.to_owned(),
        code: None,
    }
}

/// An upstream of one plan only.
pub(crate) fn endpoint(base_url: &str, api_key: Option<&str>) -> Endpoint {
    Endpoint {
        base_url: base_url.to_owned(),
        api_key: api_key.map(str::to_owned),
        plan: None,
    }
}

/// An answer without headers.
pub(crate) fn answer(status: u16, body: &str) -> Response {
    Response {
        status,
        headers: Vec::new(),
        body: body.as_bytes().to_vec(),
    }
}

/// An answer that says when to come back.
pub(crate) fn answer_until(seconds: &str, status: u16, body: &str) -> Response {
    Response {
        headers: vec![("Retry-After".to_owned(), seconds.to_owned())],
        ..answer(status, body)
    }
}
