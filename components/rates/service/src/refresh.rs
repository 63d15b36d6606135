//! One refresh: asks the upstreams in their order, each for what those before it did not price.

use crate::adapters::{Adapters, Error, HttpRequest, HttpResponse, Pair, Scope};
use crate::believing;
use crate::service::Service;
use crate::settings::Upstream;
use edge_rates_kit::Capabilities;
use edge_rates_kit::log;
use edge_rates_kit::outbound::{Limits, OutboundError, OutboundRequest};
use edge_rates_kit::series::{UPSTREAM_DURATION, UPSTREAM_REQUESTS};
use edge_rates_quotes::quote::signed_decimal_text;
use edge_rates_quotes::stored::Failure;
use edge_rates_quotes::ticket::WINDOW_MS;
use edge_rates_quotes::{Board, Currency, Millis, Price, Quote, plausibility};
use futures::StreamExt;
use serde_json::json;
use std::pin::pin;
use std::time::Duration;

const LIMITS: Limits = Limits {
    connect: Duration::from_secs(1),
    first_byte: Duration::from_secs(3),
    total: Duration::from_secs(5),
    body: 4 * 1024 * 1024,
};

/// A whole refresh, over all upstreams: no longer than the window of an election.
const REFRESH: Duration = Duration::from_millis(WINDOW_MS);

/// Requests to one upstream that are under way at once, where it needs several.
const AT_ONCE: usize = 4;

/// How long nobody asks again after a failure that may pass by itself.
const HOLD_OFF: Duration = Duration::from_secs(10);
/// The same after a 429 that does not say how long.
const RATE_LIMITED: Duration = Duration::from_secs(60);
/// A 429's Retry-After is believed within these bounds.
const RETRY_AFTER_SECONDS: (u32, u32) = (5, 900);
/// The same after a refused key: somebody has to mend it.
const UNAUTHORISED: Duration = Duration::from_secs(900);

/// What one upstream told.
#[derive(Debug)]
pub(crate) struct Heard {
    pub(crate) upstream: Upstream,
    pub(crate) quotes: Vec<Quote>,
}

/// Everything that was told in one refresh.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// Prices of assets, in the order in which the upstreams were asked.
    pub(crate) market: Vec<Heard>,
    /// What currencies cost in each other: the assets of these quotes are currencies, in lower
    /// case.
    pub(crate) currencies: Vec<Heard>,
}

/// Why an upstream gave nothing.
#[derive(Debug)]
struct Refusal {
    outcome: &'static str,
    status: Option<u16>,
    hold_off: Duration,
    detail: String,
}

impl Refusal {
    /// The upstream is known to have none of the pairs and was not asked: nothing has failed.
    fn is_known_before(&self) -> bool {
        self.outcome == "unsupported" && self.status.is_none()
    }
}

/// Asks upstreams, each at most once. `last` is the board that is to be replaced.
///
/// # Errors
/// How it failed, if no upstream priced an asset.
pub(crate) async fn fetch<W: Capabilities, A: Adapters>(
    service: &Service<W, A>,
    last: Option<&Board>,
) -> Result<Told, Failure> {
    let end = service.world.elapsed() + REFRESH;
    let all = pairs(service);
    let (mut told, mut failure) = (Told::default(), None);
    for upstream in of_scope(service, Scope::Market) {
        let wanted = believing::wanted(&all, &told.market, last, service.world.now());
        if wanted.is_empty() {
            break;
        }
        match ask(service, upstream, &wanted, end).await {
            Ok(quotes) => told.market.push(Heard {
                upstream: upstream.clone(),
                quotes,
            }),
            Err(refusal) if refusal.is_known_before() => {}
            Err(refusal) => {
                warn(upstream, &refusal);
                failure = Some(later_of(service.world.now(), failure, upstream, refusal));
            }
        }
    }
    if told.market.is_empty() {
        return Err(failure.unwrap_or_else(|| no_price(service.world.now())));
    }
    for upstream in of_scope(service, Scope::Currencies) {
        let wanted = believing::wanted_currencies(&all, &told);
        if wanted.is_empty() {
            break;
        }
        match ask(service, upstream, &wanted, end).await {
            Ok(quotes) => told.currencies.push(Heard {
                upstream: upstream.clone(),
                quotes,
            }),
            Err(refusal) if refusal.is_known_before() => {}
            Err(refusal) => warn(upstream, &refusal),
        }
    }
    Ok(told)
}

fn of_scope<W, A>(service: &Service<W, A>, scope: Scope) -> impl Iterator<Item = &Upstream> {
    let upstreams = service.settings.upstreams.iter();
    upstreams.filter(move |upstream| upstream.scope == scope)
}

fn warn(upstream: &Upstream, refusal: &Refusal) {
    log::warning(json!({
        "event": "upstream failed",
        "provider": upstream.id,
        "outcome": refusal.outcome,
        "status": refusal.status,
        "detail": refusal.detail,
    }));
}

/// The failure of a refresh in which nothing was told that can be believed.
pub(crate) fn no_price(now: Millis) -> Failure {
    Failure {
        at: now,
        retry_from: after(now, HOLD_OFF),
        status: None,
        provider: String::new(),
        outcome: "no price".into(),
    }
}

/// The failure of the whole refresh: the last upstream's, to be tried again as soon as any
/// upstream may be asked.
fn later_of(now: Millis, earlier: Option<Failure>, upstream: &Upstream, new: Refusal) -> Failure {
    let mut retry_from = after(now, new.hold_off);
    let mut status = new.status;
    if let Some(earlier) = earlier {
        retry_from = retry_from.min(earlier.retry_from);
        status = status.or(earlier.status);
    }
    Failure {
        at: now,
        retry_from,
        status,
        provider: upstream.id.clone(),
        outcome: new.outcome.to_owned(),
    }
}

fn after(now: Millis, hold_off: Duration) -> Millis {
    now.saturating_add(u64::try_from(hold_off.as_millis()).unwrap_or(u64::MAX))
}

async fn ask<W: Capabilities, A: Adapters>(
    service: &Service<W, A>,
    upstream: &Upstream,
    pairs: &[Pair],
    end: Duration,
) -> Result<Vec<Quote>, Refusal> {
    // An upstream that needs many requests gets no more time than one that needs one.
    let until = end.min(service.world.elapsed() + LIMITS.total);
    let requests = service
        .adapters
        .request(&upstream.id, &upstream.endpoint, pairs)
        .map_err(|error| refused(error, None))?;
    let exchanges = requests
        .into_iter()
        .map(|request| exchange(service, upstream, pairs, request, until));
    let quotes = gather(futures::stream::iter(exchanges).buffer_unordered(AT_ONCE)).await?;
    if upstream.scope == Scope::Currencies {
        // Central banks tell them once a day.
        return Ok(quotes);
    }
    let (admitted, refused) = plausibility::admit(quotes, service.world.now());
    if admitted.is_empty() {
        let detail = match refused.first() {
            Some((quote, refusal)) => {
                format!("{} in {}: {refusal}", quote.asset, quote.quote)
            }
            None => "no quotes".to_owned(),
        };
        return Err(Refusal {
            outcome: "implausible",
            status: Some(200),
            hold_off: HOLD_OFF,
            detail,
        });
    }
    Ok(admitted)
}

/// All quotes of all answers. Where some requests failed and others did not, what was priced
/// counts; where all failed, the first failure.
async fn gather(
    exchanges: impl StreamExt<Item = Result<Vec<Quote>, Refusal>>,
) -> Result<Vec<Quote>, Refusal> {
    let mut exchanges = pin!(exchanges);
    let (mut quotes, mut first) = (Vec::new(), None);
    while let Some(result) = exchanges.next().await {
        match result {
            Ok(more) => quotes.extend(more),
            Err(refusal) => first = first.or(Some(refusal)),
        }
    }
    match first {
        Some(refusal) if quotes.is_empty() => Err(refusal),
        _ => Ok(quotes),
    }
}

fn pairs<W, A>(service: &Service<W, A>) -> Vec<Pair> {
    let pairs = service.settings.catalogue.pairs();
    pairs
        .map(|pair| Pair {
            asset: pair.asset.id().to_owned(),
            symbol: pair.asset.symbol().to_owned(),
            quote: pair.quote.as_str().to_owned(),
            code: None,
        })
        .collect()
}

/// Sends one request and reads its answer; counts and times it.
async fn exchange<W: Capabilities, A: Adapters>(
    service: &Service<W, A>,
    upstream: &Upstream,
    pairs: &[Pair],
    request: HttpRequest,
    until: Duration,
) -> Result<Vec<Quote>, Refusal> {
    let started = service.world.elapsed();
    let limits = Limits {
        total: until.saturating_sub(started),
        ..LIMITS
    };
    let request = OutboundRequest {
        url: request.url,
        headers: request.headers,
    };
    let sent = service.world.send(&request, &limits).await;
    let took = service.world.elapsed().saturating_sub(started);
    let result = match sent {
        Err(error) => Err(unreachable_upstream(error)),
        Ok(response) => {
            let status = response.status;
            let response = HttpResponse {
                status,
                headers: response.headers,
                body: response.body,
            };
            let parsed = service.adapters.parse(&upstream.id, pairs, &response);
            parsed.map_err(|error| refused(error, Some(status)))
        }
    };
    let outcome = result
        .as_ref()
        .map_or_else(|refusal| refusal.outcome, |_| "ok");
    let labels = [upstream.id.as_str(), outcome];
    service.recorder.count(&UPSTREAM_REQUESTS, &labels);
    service
        .recorder
        .observe(&UPSTREAM_DURATION, &[&upstream.id], took);
    Ok(result?
        .into_iter()
        .filter_map(|quote| known(service, upstream.scope, quote))
        .collect())
}

/// A quote of something that we asked for, with its text checked again: the adapters are
/// another component, and may be anybody's.
fn known<W, A>(
    service: &Service<W, A>,
    scope: Scope,
    quote: crate::adapters::Quote,
) -> Option<Quote> {
    let catalogue = &service.settings.catalogue;
    let asset = match scope {
        Scope::Market => catalogue.by_id(&quote.asset)?.id().to_owned(),
        Scope::Currencies => {
            let currency = Currency::parse(&quote.asset).ok()?;
            currency.as_str().to_ascii_lowercase()
        }
    };
    let currency: Currency = match scope {
        Scope::Market => catalogue.currency(&quote.quote)?.clone(),
        Scope::Currencies => Currency::parse(&quote.quote).ok()?,
    };
    let number = |text: Option<String>| text.as_deref().and_then(signed_decimal_text);
    Some(Quote {
        change_24h_pct: number(quote.change_24h_pct),
        market_cap: number(quote.market_cap),
        volume_24h: number(quote.volume_24h),
        updated: quote.updated_ms.map(Millis),
        ..Quote::new(asset, currency, Price::parse(&quote.price).ok()?)
    })
}

fn refused(error: Error, status: Option<u16>) -> Refusal {
    let (outcome, hold_off, detail) = match error {
        Error::RateLimited(seconds) => {
            let (least, most) = RETRY_AFTER_SECONDS;
            let hold_off = seconds.map_or(RATE_LIMITED, |seconds| {
                Duration::from_secs(seconds.clamp(least, most).into())
            });
            ("rate_limited", hold_off, String::from("too many calls"))
        }
        Error::Unauthorised(detail) => ("unauthorised", UNAUTHORISED, detail),
        Error::Unavailable(detail) => ("unavailable", HOLD_OFF, detail),
        Error::Malformed(detail) => ("malformed", HOLD_OFF, detail),
        Error::UnsupportedPair(detail) => ("unsupported", HOLD_OFF, detail),
        Error::Implausible(detail) => ("implausible", HOLD_OFF, detail),
    };
    Refusal {
        outcome,
        status,
        hold_off,
        detail,
    }
}

fn unreachable_upstream(error: OutboundError) -> Refusal {
    let outcome = match error {
        OutboundError::Timeout => "timeout",
        OutboundError::Connection(_) => "connection",
        OutboundError::Refused => "not_allowed",
        OutboundError::TooLarge(_) => "too_large",
        OutboundError::Invalid(_) => "invalid",
    };
    Refusal {
        outcome,
        status: None,
        hold_off: HOLD_OFF,
        detail: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::executor::block_on;
    use futures::stream;

    fn hold_off_seconds(error: Error) -> u64 {
        refused(error, None).hold_off.as_secs()
    }

    #[test]
    fn how_long_an_upstream_is_left_alone_depends_on_why_it_refused() {
        let text = || "why".to_owned();
        assert_eq!(hold_off_seconds(Error::RateLimited(Some(120))), 120);
        assert_eq!(hold_off_seconds(Error::RateLimited(Some(1))), 5);
        assert_eq!(hold_off_seconds(Error::RateLimited(Some(86_400))), 900);
        assert_eq!(hold_off_seconds(Error::RateLimited(None)), 60);
        assert_eq!(hold_off_seconds(Error::Unauthorised(text())), 900);
        assert_eq!(hold_off_seconds(Error::Unavailable(text())), 10);
        assert_eq!(hold_off_seconds(Error::Malformed(text())), 10);
    }

    #[test]
    fn what_some_requests_priced_counts_where_others_failed() {
        let dollar = || Currency::parse("USD").unwrap();
        let quote = || Quote::new("bitcoin", dollar(), Price::parse("1").unwrap());
        let failed = |reason: &str| Err(refused(Error::Unavailable(reason.to_owned()), None));
        let some = [failed("first"), Ok(vec![quote()]), failed("second")];
        assert_eq!(block_on(gather(stream::iter(some))).unwrap().len(), 1);
        let none = [failed("first"), failed("second")];
        let refusal = block_on(gather(stream::iter(none))).unwrap_err();
        assert_eq!(refusal.detail, "first");
    }
}
