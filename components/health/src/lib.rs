//! Component: /health, /healthz and /ready.
//!
//! Liveness touches nothing; readiness checks the settings and reads the store once; health tells
//! a person what works.

mod checks;
mod settings;

use bytes::Bytes;
use edge_rates_kit::answer::Answer;
use edge_rates_kit::http_component;
use edge_rates_kit::request::Request;
use edge_rates_kit::serving::{self, Routed};
use edge_rates_kit::spin::{self, World};
use http::StatusCode;
use spin_sdk::wasip3::http::types;

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
        ["healthz"] => Some("/healthz"),
        ["ready"] => Some("/ready"),
        ["health"] => Some("/health"),
        _ => None,
    };
    serving::read(request, route, &[], async |route| {
        let mut answer = match route {
            "/healthz" => Answer::json(r#"{"status":"ok"}"#),
            "/ready" => checks::ready(world, settings::check(world).await).await,
            _ => checks::health(world, settings::check(world).await).await,
        };
        answer.set("cache-control", "no-store");
        Ok(answer)
    })
    .await
}

/// 200 or 503 with a JSON body.
fn verdict(is_good: bool, body: impl Into<Bytes>) -> Answer {
    let mut answer = Answer::json(body);
    if !is_good {
        answer = answer.with_status(StatusCode::SERVICE_UNAVAILABLE);
    }
    answer
}
