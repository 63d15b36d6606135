//! A guest on WASI 0.3 that does on purpose what real guests do by mistake: one route for
//! each behaviour, chosen by the last segment of the request's path.
//! It is what the host is tested with; it knows nothing about rates.

mod answer;
mod instance;
mod misbehaviour;
mod query;
mod store;

use answer::Answer;
use query::Query;
use spin_sdk::http::{IntoResponse, Request};

#[spin_sdk::http_service]
async fn handle(request: Request) -> impl IntoResponse {
    route(request).await
}

async fn route(request: Request) -> Answer {
    let query = Query::of(request.uri());
    let path = request.uri().path().to_owned();
    match path.rsplit('/').next().unwrap_or_default() {
        "hello" => answer::text("hello\n"),
        "echo" => answer::echo(&request),
        "count" => instance::count(),
        "loop" => misbehaviour::spin(),
        "allocate" => misbehaviour::allocate(),
        "trap" => misbehaviour::trap(),
        "sleep" => instance::sleep(&query).await,
        "kv" => store::operate(&query).await,
        unknown => answer::not_found(unknown),
    }
}
