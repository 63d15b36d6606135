//! Component: the landing page, /api/info, and the answer for paths that nothing serves.

mod info;

use bytes::Bytes;
use edge_rates_kit::answer::Answer;
use edge_rates_kit::problem::Problem;
use edge_rates_kit::request::Request;
use edge_rates_kit::serving::{Routed, beside_reading};
use edge_rates_kit::spin::{self, World};
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use spin_sdk::http::FullBody;
use spin_sdk::http_service;

const PAGE: &str = include_str!("landing.html");

#[http_service]
async fn handle(request: spin_sdk::http::Request) -> http::Response<FullBody<Bytes>> {
    spin::serve(request, async |world, _, request| {
        route(world, request).await
    })
    .await
}

async fn route(world: &World, request: &Request) -> Routed {
    let segments = request.segments();
    let route = match segments.as_slice() {
        [] | [""] => "/",
        ["api", "info"] => "/api/info",
        _ => {
            let unknown = Problem::unknown_path(request.path());
            return Routed::new("other", request, Err(unknown));
        }
    };
    if let Some(answer) = beside_reading(request, Some(&[])) {
        return Routed::new(route, request, answer);
    }
    let answer = match route {
        "/" => landing(),
        _ => info::info(world, request).await,
    };
    Routed::new(route, request, Ok(answer))
}

fn landing() -> Answer {
    let mut answer = Answer::new(StatusCode::OK).with_body(PAGE);
    answer.set(
        CONTENT_TYPE,
        HeaderValue::from_static("text/html; charset=utf-8"),
    );
    answer.set(
        CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'"),
    );
    answer.set(
        CACHE_CONTROL,
        HeaderValue::from_static("public, max-age=300"),
    );
    answer
}
