//! Component: /metrics and /api/metrics in Prometheus' text format, or as OpenMetrics where the
//! Accept header prefers that.
//!
//! The numbers were counted by all components into the store; nothing is counted here but this
//! component's own requests.

mod exposition;
mod openmetrics;
mod reading;

use edge_rates_kit::accept;
use edge_rates_kit::answer::Answer;
use edge_rates_kit::clock::Clock;
use edge_rates_kit::http_component;
use edge_rates_kit::problem::Problem;
use edge_rates_kit::recorder::Recorder;
use edge_rates_kit::request::Request;
use edge_rates_kit::serving::{self, Routed};
use edge_rates_kit::spin::{self, World};
use edge_rates_kit::store::Store;
use edge_rates_kit::stored;
use edge_rates_kit::variables::Variables;
use http::StatusCode;
use reading::Scope;
use spin_sdk::wasip3::http::types;

http_component!(handle);

async fn handle(request: types::Request) -> Result<types::Response, types::ErrorCode> {
    spin::serve(request, async |world, recorder, request| {
        route(world, recorder, request).await
    })
    .await
}

async fn route(world: &World, recorder: &Recorder, request: &Request) -> Routed {
    let segments = request.segments();
    let route = match segments.as_slice() {
        ["metrics"] => Some("/metrics"),
        ["api", "metrics"] => Some("/api/metrics"),
        _ => None,
    };
    serving::read(request, route, &["scope"], async |_| {
        // What this instance has counted is exact in its own answer.
        recorder.flush(world).await;
        metrics(world, request).await
    })
    .await
}

/// The whole exposition.
async fn metrics<W: Store + Clock + Variables>(
    world: &W,
    request: &Request,
) -> Result<Answer, Problem> {
    let scope = scope(world, request).await?;
    let cells = reading::cells(world, &scope).await;
    let head = stored::head(world).await;
    let upstreams = reading::upstreams(world).await;
    let divergences = stored::divergences(world).await;
    let (Ok(cells), Ok(head), Ok(upstreams), Ok(divergences)) =
        (cells, head, upstreams, divergences)
    else {
        return Err(Problem::unavailable(
            "The store that holds the counters can't be read at the moment; try again.".into(),
            5,
        ));
    };
    let commit = world.variable("commit").await;
    let commit = commit.as_deref().unwrap_or("unknown");
    let mut families = exposition::counted(&cells);
    families.push(exposition::build_info(env!("CARGO_PKG_VERSION"), commit));
    families.extend(head.map(|head| exposition::board_age(&head, world.now())));
    families.extend(exposition::circuits(&upstreams));
    families.extend(exposition::budgets(&upstreams));
    families.extend(exposition::divergences(&divergences));
    let format = format(request);
    let text = match format {
        OPENMETRICS => openmetrics::encode(&families),
        _ => exposition::encode(&families),
    };
    let text = text.map_err(Problem::misconfigured)?;
    let mut answer = Answer::new(StatusCode::OK).with_body(text);
    answer.set("content-type", format);
    answer.set("cache-control", "no-store");
    answer.set("vary", "Accept");
    Ok(answer)
}

/// Media type of Prometheus' own text format.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Media type of OpenMetrics.
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The one that the client would rather have.
fn format(request: &Request) -> &'static str {
    let accept = request.list("accept").unwrap_or_default();
    accept::preferred(&accept, &[TEXT, OPENMETRICS]).unwrap_or(TEXT)
}

async fn scope<W: Variables>(world: &W, request: &Request) -> Result<Scope, Problem> {
    match request.query().first("scope") {
        None | Some("replica") => {
            let replica = world.variable("replica").await;
            Ok(Scope::Replica(
                replica.unwrap_or_else(|_| String::from("local")),
            ))
        }
        Some("app") => Ok(Scope::App),
        Some(_) => Err(Problem::parameter(
            "scope",
            "`scope` is `replica` (this replica's counters, the default) or `app` (their sum over all replicas).".into(),
        )),
    }
}
