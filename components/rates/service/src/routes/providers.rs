//! `GET /v1/providers`: the upstreams, and how each of them is doing. It reads the store each
//! second at most, whoever asks.

use crate::adapters::Scope;
use crate::service::Service;
use crate::settings::Upstream;
use bytes::Bytes;
use edge_rates_kit::Capabilities;
use edge_rates_kit::answer::{Answer, rfc3339};
use edge_rates_kit::problem::Problem;
use edge_rates_kit::request::Request;
use edge_rates_kit::store::StoreError;
use edge_rates_kit::stored;
use edge_rates_quotes::Millis;
use edge_rates_quotes::breaker::{Open, Reason, stage};
use edge_rates_quotes::budget::{Span, Window};
use edge_rates_quotes::standing::Standing;
use serde::Serialize;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

/// How long one look serves all who ask this instance.
const KEPT: Duration = Duration::from_secs(1);

/// What caches are told: states change within seconds.
const CACHE_CONTROL: &str = "public, max-age=5";

/// The last listing and when it was made, in elapsed time.
#[derive(Debug, Default)]
pub(crate) struct Listing(RefCell<Option<(Duration, Bytes)>>);

#[derive(Serialize)]
struct Body<'a> {
    mode: &'static str,
    providers: Vec<Provider<'a>>,
}

#[derive(Serialize)]
struct Provider<'a> {
    id: &'a str,
    scope: &'static str,
    attribution: &'a str,
    circuit: Circuit,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_asked: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_outcome: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_success: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    age_seconds: Option<u64>,
    /// By window; absent where the upstream has no limit.
    calls: BTreeMap<&'static str, Calls>,
}

#[derive(Serialize)]
struct Circuit {
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
}

#[derive(Serialize)]
struct Calls {
    made: u64,
    limit: u32,
    left: u64,
    resets_at: String,
}

/// Answers the route.
///
/// # Errors
/// A 422 problem for any parameter, a 503 one if the store can't be read.
pub(super) async fn answer<W: Capabilities, A>(
    service: &Service<W, A>,
    request: &Request,
) -> Result<Answer, Problem> {
    request.query().expect(&[])?;
    let kept = service.listing.0.borrow().clone();
    let recent = kept.filter(|(at, _)| request.arrived().saturating_sub(*at) < KEPT);
    let body = match recent {
        Some((_, body)) => body,
        None => {
            let body = listing(service).await.map_err(|_| {
                Problem::unavailable(
                    "The store that holds the state of the providers can't be read at the moment; try again in a few seconds.".into(),
                    5,
                )
            })?;
            let made = (request.arrived(), body.clone());
            service.listing.0.replace(Some(made));
            body
        }
    };
    let mut answer = Answer::json(body);
    answer.set("cache-control", CACHE_CONTROL);
    Ok(answer)
}

async fn listing<W: Capabilities, A>(service: &Service<W, A>) -> Result<Bytes, StoreError> {
    let mut providers = Vec::with_capacity(service.settings.upstreams.len());
    for upstream in &service.settings.upstreams {
        let open = stored::circuit(&service.world, &upstream.id).await?;
        let standing = stored::standing(&service.world, &upstream.id).await?;
        let now = service.world.now();
        let calls = calls(service, upstream, now).await?;
        providers.push(provider(upstream, open, standing, calls, now));
    }
    let body = Body {
        mode: service.settings.rules.consent.mode.as_str(),
        providers,
    };
    // Numbers and strings under fixed names always serialise.
    Ok(serde_json::to_vec(&body).unwrap_or_default().into())
}

async fn calls<W: Capabilities, A>(
    service: &Service<W, A>,
    upstream: &Upstream,
    now: Millis,
) -> Result<BTreeMap<&'static str, Calls>, StoreError> {
    let mut calls = BTreeMap::new();
    for span in Span::ALL {
        let Some(limit) = upstream.limits.within(span) else {
            continue;
        };
        let window = Window::of(span, now);
        let made = service
            .world
            .increment(&window.key(&upstream.id), 0)
            .await?;
        let made = u64::try_from(made).unwrap_or(0);
        let of_span = Calls {
            made,
            limit,
            left: u64::from(limit).saturating_sub(made),
            resets_at: rfc3339(window.end),
        };
        calls.insert(span.as_str(), of_span);
    }
    Ok(calls)
}

fn provider<'a>(
    upstream: &'a Upstream,
    open: Option<Open>,
    standing: Option<Standing>,
    calls: BTreeMap<&'static str, Calls>,
    now: Millis,
) -> Provider<'a> {
    let succeeded = standing.as_ref().and_then(|standing| standing.succeeded);
    Provider {
        id: &upstream.id,
        scope: match upstream.scope {
            Scope::Market => "market",
            Scope::Currencies => "currencies",
        },
        attribution: &upstream.attribution,
        circuit: Circuit {
            state: stage(open.as_ref(), Some(upstream.asked_with), now).as_str(),
            since: open.map(|open| rfc3339(open.since)),
            until: open.map(|open| rfc3339(open.until)),
            reason: open.map(|open| open.reason).map(Reason::as_str),
        },
        last_asked: standing.as_ref().map(|standing| rfc3339(standing.asked)),
        last_status: standing.as_ref().and_then(|standing| standing.status),
        last_outcome: standing.map(|standing| standing.outcome),
        last_success: succeeded.map(rfc3339),
        age_seconds: succeeded.map(|succeeded| now.since(succeeded) / 1000),
        calls,
    }
}
