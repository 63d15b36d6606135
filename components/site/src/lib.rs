//! Component: the landing page, /openapi.json, /api/info, and the answer for paths that nothing
//! serves.

mod info;

use edge_rates_kit::answer::{Answer, Validators};
use edge_rates_kit::http_component;
use edge_rates_kit::request::Request;
use edge_rates_kit::serving::{self, Routed};
use edge_rates_kit::spin::{self, World};
use http::StatusCode;
use spin_sdk::wasip3::http::types;

const PAGE: &str = include_str!("landing.html");

/// Made from openapi.yaml when this was built.
const DESCRIPTION: &str = include_str!(concat!(env!("OUT_DIR"), "/openapi.json"));

http_component!(handle);

async fn handle(request: types::Request) -> Result<types::Response, types::ErrorCode> {
    spin::serve(request, async |world, _, request| {
        route(world, request).await
    })
    .await
}

async fn route(world: &World, request: &Request) -> Routed {
    let segments = request.segments();
    let route = match segments.as_slice() {
        [] | [""] => Some("/"),
        ["openapi.json"] => Some("/openapi.json"),
        ["api", "info"] => Some("/api/info"),
        _ => None,
    };
    serving::read(request, route, &[], async |route| {
        Ok(match route {
            "/" => landing(),
            "/openapi.json" => description(),
            _ => info::info(world, request).await,
        })
    })
    .await
}

fn landing() -> Answer {
    let mut answer = fixed(PAGE, env!("PAGE_ETAG"));
    answer.set("content-type", "text/html; charset=utf-8");
    answer.set(
        "content-security-policy",
        "default-src 'none'; style-src 'unsafe-inline'",
    );
    answer
}

fn description() -> Answer {
    let mut answer = fixed(DESCRIPTION, env!("OPENAPI_ETAG"));
    answer.set("content-type", "application/json");
    answer
}

/// A document that only another build changes.
fn fixed(text: &'static str, etag: &str) -> Answer {
    let mut answer = Answer::new(StatusCode::OK).with_body(text);
    answer.set_validators(&Validators::new(etag.to_owned(), None));
    answer.set("cache-control", "public, max-age=300");
    answer
}
