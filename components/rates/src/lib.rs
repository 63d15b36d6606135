//! Component: rates, conversion, and the routes of CoinGecko's API that need no history.
//!
//! A request is parsed by its route in [`routes`], asks [`cache`] for the current board, and is
//! answered from it. The cache refreshes the board when it is due ([`refresh`]), by way of the
//! provider adapters that are composed into this component ([`adapters`]).

mod adapters;
mod cache;
#[cfg(test)]
mod cache_tests;
mod memo;
mod refresh;
mod routes;
mod service;
mod settings;
mod stored;

use bytes::Bytes;
use edge_rates_kit::spin;
use service::Service;
use spin_sdk::http::FullBody;
use spin_sdk::http_service;

#[http_service]
async fn handle(request: spin_sdk::http::Request) -> http::Response<FullBody<Bytes>> {
    spin::serve(request, async |world, recorder, request| {
        let service = Service::of_instance(world, recorder).await;
        routes::answer(service.as_ref(), request).await
    })
    .await
}
