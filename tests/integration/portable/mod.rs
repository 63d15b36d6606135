//! What a client can see of any deployment: these tests need nothing of our host. With
//! `EDGE_RATES_URL=http://127.0.0.1:3000` they ask what is served there, such as by `spin up`,
//! instead of an app of their own. They expect the assets and currencies that are the default.

mod served;

mod agreement;
mod batch;
mod cache_headers;
mod coingecko_routes;
mod conditions;
mod conversion;
mod long_lists;
mod methods;
mod openapi;
mod schemathesis;
mod selection;
