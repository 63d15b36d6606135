//! The routes under load, and what they answer.

use http::StatusCode;

use crate::load::Sent;

/// One kind of request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// Its name in tables.
    pub name: &'static str,
    /// Path and query.
    pub path: &'static str,
    /// What it is answered with.
    pub status: StatusCode,
}

/// The work that the ratios are about.
pub const PAIR: Route = route("pair", "/v1/rates/BTC/USD", StatusCode::OK);

/// A few assets in a few currencies.
pub const SELECTION: Route = route(
    "selection",
    "/v1/rates?ids=bitcoin,ethereum,litecoin&vs=usd,eur",
    StatusCode::OK,
);

/// Everything.
pub const BOARD: Route = route("board", "/v1/rates", StatusCode::OK);

/// An amount.
pub const CONVERT: Route = route(
    "convert",
    "/v1/convert?from=BTC&to=EUR&amount=0.1",
    StatusCode::OK,
);

/// What CoinGecko's clients ask most.
pub const SIMPLE_PRICE: Route = route(
    "simple price",
    "/api/v3/simple/price?ids=bitcoin,ethereum&vs_currencies=usd,eur",
    StatusCode::OK,
);

/// Liveness: another component, no store.
pub const HEALTHZ: Route = route("healthz", "/healthz", StatusCode::OK);

/// The pair, for a client that has it already.
pub const NOT_MODIFIED: Route = route("304", "/v1/rates/BTC/USD", StatusCode::NOT_MODIFIED);

/// A code that is not served.
pub const PROBLEM: Route = route("problem", "/v1/rates/XXL/USD", StatusCode::NOT_FOUND);

/// An answer in five pieces, of a component made for it.
pub const STREAM: Route = route("stream", "/stream", StatusCode::OK);

/// An amount that is none.
pub const INVALID: Route = route(
    "invalid",
    "/v1/convert?from=BTC&to=EUR&amount=much",
    StatusCode::UNPROCESSABLE_ENTITY,
);

/// All that are measured.
pub const ALL: [Route; 8] = [
    PAIR,
    SELECTION,
    BOARD,
    CONVERT,
    SIMPLE_PRICE,
    HEALTHZ,
    NOT_MODIFIED,
    PROBLEM,
];

const fn route(name: &'static str, path: &'static str, status: StatusCode) -> Route {
    Route { name, path, status }
}

impl Route {
    /// The request of a client that has nothing yet.
    pub fn without_condition(&self) -> Sent {
        Sent {
            path: self.path.to_owned(),
            header: None,
        }
    }

    /// The request. For a 304 it names the tag of the answer that the client has: `etag`, or
    /// any answer.
    pub fn sent(&self, etag: Option<&str>) -> Sent {
        let conditional = self.status == StatusCode::NOT_MODIFIED;
        let header = conditional.then(|| {
            let tag = etag.unwrap_or("*").to_owned();
            ("If-None-Match".to_owned(), tag)
        });
        Sent {
            path: self.path.to_owned(),
            header,
        }
    }
}
