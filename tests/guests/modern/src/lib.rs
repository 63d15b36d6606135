//! A guest on WASI 0.3 that does on purpose what real guests do by mistake, and shows what the
//! host gives it: one route for each behaviour, chosen by the last segment of the path.
//! It is what the host is tested with; it knows nothing about rates.

mod answer;
mod atomics;
mod body;
mod instance;
mod misbehaviour;
mod outbound;
mod query;
mod relay;
mod respond;
mod store;

use answer::Answer;
use query::Query;
use spin_sdk::http::{Error, IntoResponse, Request};

#[spin_sdk::http_service]
async fn handle(request: Request) -> impl IntoResponse {
    route(request).await
}

async fn route(request: Request) -> Result<Answer, Error> {
    let query = Query::of(request.uri());
    let path = request.uri().path().to_owned();
    Ok(match path.rsplit('/').next().unwrap_or_default() {
        "hello" => answer::text("hello\n"),
        "echo" => answer::echo(&request),
        "headers" => answer::headers(&query),
        "body" => body::echo(request),
        "read" => body::read(request, &query).await,
        "stream" => body::stream(&query),
        "big" => body::big(&query),
        "count" => instance::count(),
        "sleep" => instance::sleep(&query).await,
        "after" => instance::after(&query),
        "environment" => instance::environment(),
        "now" => instance::now(),
        "log" => instance::log(&query),
        "variable" => instance::variable(&query).await,
        "kv" => store::operate(&query).await,
        "increment" => atomics::increment(&query),
        "cas" => atomics::compare_and_swap(&query),
        "fetch" => outbound::fetch(&query).await,
        "respond" => respond::respond(&query),
        "relay" => relay::relay(&request, &query).await?,
        "loop" => misbehaviour::spin(),
        "allocate" => misbehaviour::allocate(),
        "trap" => misbehaviour::trap(),
        "error" => return Err(misbehaviour::error().into()),
        unknown => answer::not_found(unknown),
    })
}
