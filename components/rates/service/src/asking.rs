//! Asks one upstream: plans the requests with its adapter, sends as many as its circuit and its
//! budget allow, reads the answers, and notes how it went.

use crate::adapters::{Adapters, Error, HttpRequest, HttpResponse, Pair, Scope};
use crate::gate::{self, Shut};
use crate::service::Service;
use crate::settings::Upstream;
use edge_rates_kit::Capabilities;
use edge_rates_kit::log;
use edge_rates_kit::outbound::{Limits, OutboundError, OutboundRequest};
use edge_rates_kit::series::{UPSTREAM_DURATION, UPSTREAM_REQUESTS};
use edge_rates_kit::stored;
use edge_rates_quotes::absence::Absences;
use edge_rates_quotes::breaker::Outcome;
use edge_rates_quotes::quote::signed_decimal_text;
use edge_rates_quotes::standing::Standing;
use edge_rates_quotes::{Currency, Heard, Millis, Price, Quote, plausibility, reference};
use futures::StreamExt;
use serde_json::json;
use std::collections::{BTreeMap, HashSet};
use std::pin::pin;
use std::time::Duration;

const LIMITS: Limits = Limits {
    connect: Duration::from_secs(1),
    first_byte: Duration::from_secs(3),
    total: Duration::from_secs(5),
    body: 4 * 1024 * 1024,
};

/// Requests to one upstream that are under way at once, where it needs several.
const AT_ONCE: usize = 4;

/// What came of asking an upstream.
#[derive(Debug)]
pub(crate) enum Asked {
    /// What it told, one quote at least.
    Heard(Heard),
    /// It was asked in vain. It may be asked again from then on, if its circuit is open now.
    InVain(Refusal, Option<Millis>),
    /// It was not asked.
    Shut(Shut),
    /// It prices nothing of what was wanted.
    Nothing,
}

/// Why an upstream gave nothing.
#[derive(Debug, Clone)]
pub(crate) struct Refusal {
    /// In a word, for metrics.
    pub(crate) outcome: &'static str,
    /// HTTP status of the answer, where there was one.
    pub(crate) status: Option<u16>,
    detail: String,
    /// What it means for the circuit.
    meaning: Outcome,
}

/// Asks `upstream` for those of the `wanted` pairs that it is not known to lack, until `end` in
/// elapsed time.
pub(crate) async fn ask<W: Capabilities, A: Adapters>(
    service: &Service<W, A>,
    upstream: &Upstream,
    wanted: &[Pair],
    end: Duration,
) -> Asked {
    let world = &service.world;
    let state = match gate::circuit(service, upstream).await {
        Ok(state) => state,
        Err(shut) => return Asked::Shut(shut),
    };
    let absences = stored::absences(world, &upstream.id).await;
    let absences = absences.unwrap_or_default();
    let asked_at = world.now();
    let pairs: Vec<Pair> = wanted
        .iter()
        .filter(|pair| !absences.has(&pair.asset, &pair.quote, asked_at))
        .map(|pair| Pair {
            code: code(service, upstream, &pair.asset),
            ..pair.clone()
        })
        .collect();
    if pairs.is_empty() {
        return Asked::Nothing;
    }
    let planned = service
        .adapters
        .request(&upstream.id, &upstream.endpoint, &pairs);
    let mut requests = match planned {
        Ok(requests) => requests,
        Err(Error::UnsupportedPair(_)) => return Asked::Nothing,
        Err(error) => {
            // It was not even asked; the log says what is wrong with the settings.
            let refusal = refused(error, None);
            warn(upstream, &refusal);
            return Asked::InVain(refusal, None);
        }
    };
    let count = u32::try_from(requests.len()).unwrap_or(u32::MAX);
    let allowed = match gate::spend(service, upstream, count).await {
        Ok(allowed) => allowed,
        Err(shut) => return Asked::Shut(shut),
    };
    if let Some(open) = &state
        && let Err(shut) = gate::probe(service, upstream, open).await
    {
        gate::unspend(service, upstream, allowed, asked_at).await;
        return Asked::Shut(shut);
    }
    requests.truncate(usize::try_from(allowed).unwrap_or(usize::MAX));

    // An upstream that needs many requests gets no more time than one that needs one.
    let until = end.min(world.elapsed() + LIMITS.total);
    let exchanges = requests
        .into_iter()
        .map(|request| exchange(service, upstream, &pairs, request, until));
    let gathered = gather(futures::stream::iter(exchanges).buffer_unordered(AT_ONCE)).await;
    if allowed == count && !gathered.is_partial {
        learn(service, upstream, &pairs, &gathered.quotes, absences).await;
    }
    let result = judge(upstream, gathered, world.now());
    let (outcome, status, meaning) = match &result {
        Ok((_, None)) => ("ok", Some(200), Outcome::Success),
        Ok((_, Some(refusal))) | Err(refusal) => {
            warn(upstream, refusal);
            (refusal.outcome, refusal.status, refusal.meaning)
        }
    };
    let retry_from = gate::settle(service, upstream, state.as_ref(), meaning, status).await;
    note(service, upstream, asked_at, outcome, status, result.is_ok()).await;
    match result {
        Ok((heard, _)) => Asked::Heard(heard),
        Err(refusal) => Asked::InVain(refusal, retry_from),
    }
}

/// What this upstream calls an asset, where that is not its symbol.
fn code<W, A>(service: &Service<W, A>, upstream: &Upstream, asset: &str) -> Option<String> {
    let asset = service.settings.catalogue.by_id(asset)?;
    asset.code(&upstream.id).map(str::to_owned)
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

/// All that the answers of one upstream came to.
#[derive(Debug, Default)]
struct Gathered {
    quotes: Vec<Quote>,
    /// The first refusal, or the one that forbids to ask on.
    refusal: Option<Refusal>,
    /// An answer is missing, so that what was not priced may be priced there.
    is_partial: bool,
}

/// Reads all answers; but none after one that forbids to ask on.
async fn gather(exchanges: impl StreamExt<Item = Result<Vec<Quote>, Refusal>>) -> Gathered {
    let mut exchanges = pin!(exchanges);
    let mut gathered = Gathered::default();
    while let Some(result) = exchanges.next().await {
        match result {
            Ok(quotes) => gathered.quotes.extend(quotes),
            Err(refusal) => {
                gathered.is_partial |= refusal.outcome != UNSUPPORTED;
                if refusal.forbids() {
                    gathered.refusal = Some(refusal);
                    break;
                }
                gathered.refusal.get_or_insert(refusal);
            }
        }
    }
    gathered
}

/// What can be taken of the answers, and a refusal beside it that the circuit has to know of.
fn judge(
    upstream: &Upstream,
    gathered: Gathered,
    now: Millis,
) -> Result<(Heard, Option<Refusal>), Refusal> {
    let Gathered {
        quotes, refusal, ..
    } = gathered;
    if quotes.is_empty() {
        return Err(refusal.unwrap_or_else(|| Refusal::implausible("no quotes".to_owned())));
    }
    let refusal = refusal.filter(Refusal::forbids);
    let max_age_ms = match upstream.scope {
        Scope::Market => plausibility::MAX_AGE_MS,
        // Central banks tell them once a day, and not every day.
        Scope::Currencies => reference::MAX_AGE_MS,
    };
    let (admitted, refused) = plausibility::admit(quotes, max_age_ms, now);
    match refused.first() {
        Some((quote, why)) if admitted.is_empty() => Err(Refusal::implausible(format!(
            "{} in {}: {why}",
            quote.asset, quote.quote
        ))),
        _ => {
            let heard = Heard {
                provider: upstream.id.clone(),
                quotes: admitted,
                refused,
            };
            Ok((heard, refusal))
        }
    }
}

/// Remembers which of the pairs asked for the upstream does not price.
async fn learn<W: Capabilities, A>(
    service: &Service<W, A>,
    upstream: &Upstream,
    asked: &[Pair],
    quotes: &[Quote],
    mut known: Absences,
) {
    let priced: HashSet<(&str, &str)> = quotes
        .iter()
        .map(|quote| (quote.asset.as_str(), quote.quote.as_str()))
        .collect();
    let mut absent: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for pair in asked {
        if !priced.contains(&(pair.asset.as_str(), pair.quote.as_str())) {
            absent.entry(&pair.asset).or_default().push(&pair.quote);
        }
    }
    if absent.is_empty() {
        return;
    }
    let now = service.world.now();
    let all = service.settings.catalogue.currencies().len();
    known.forget_past(now);
    for (asset, currencies) in absent {
        let is_unknown = currencies.len() >= all;
        known.learn(asset, currencies, is_unknown, now);
    }
    if let Err(error) = stored::put_absences(&service.world, &upstream.id, &known).await {
        log::warning(json!({"event": "store failed", "detail": error.to_string()}));
    }
}

/// Writes down how it went, for people.
async fn note<W: Capabilities, A>(
    service: &Service<W, A>,
    upstream: &Upstream,
    asked: Millis,
    outcome: &str,
    status: Option<u16>,
    is_success: bool,
) {
    let world = &service.world;
    let succeeded = match is_success {
        true => Some(asked),
        false => {
            let before = stored::standing(world, &upstream.id).await;
            before.ok().flatten().and_then(|before| before.succeeded)
        }
    };
    let standing = Standing {
        asked,
        outcome: outcome.to_owned(),
        status,
        succeeded,
        per_minute: upstream.limits.per_minute,
        per_month: upstream.limits.per_month,
    };
    if let Err(error) = stored::put_standing(world, &upstream.id, &standing).await {
        log::warning(json!({"event": "store failed", "detail": error.to_string()}));
    }
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
    let status = sent.as_ref().ok().map(|response| response.status);
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
    log::info(json!({
        "event": "upstream call",
        "provider": upstream.id,
        "status": status,
        "outcome": outcome,
        "ms": u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
    }));
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

const UNSUPPORTED: &str = "unsupported";

impl Refusal {
    fn implausible(detail: String) -> Refusal {
        Refusal {
            outcome: "implausible",
            status: Some(200),
            detail,
            meaning: Outcome::Failure,
        }
    }

    /// Whether the upstream does not want to be asked on.
    fn forbids(&self) -> bool {
        matches!(
            self.meaning,
            Outcome::RateLimited(_) | Outcome::Unauthorised | Outcome::Legal
        )
    }
}

fn refused(error: Error, status: Option<u16>) -> Refusal {
    let (outcome, meaning, detail) = match error {
        Error::RateLimited(seconds) => (
            "rate_limited",
            Outcome::RateLimited(seconds),
            String::from("too many calls"),
        ),
        Error::Unauthorised(detail) => ("unauthorised", Outcome::Unauthorised, detail),
        Error::Unavailable(detail) => ("unavailable", Outcome::Failure, detail),
        Error::Malformed(detail) => ("malformed", Outcome::Failure, detail),
        Error::UnsupportedPair(detail) => (UNSUPPORTED, Outcome::Answered, detail),
        Error::Implausible(detail) => ("implausible", Outcome::Failure, detail),
    };
    let meaning = match (meaning, status) {
        (Outcome::Failure, Some(451)) => Outcome::Legal,
        (Outcome::Failure, Some(400 | 404 | 422)) => Outcome::Answered,
        (meaning, _) => meaning,
    };
    Refusal {
        outcome,
        status,
        detail,
        meaning,
    }
}

fn unreachable_upstream(error: OutboundError) -> Refusal {
    let outcome = match error {
        OutboundError::Timeout => "timeout",
        OutboundError::Untrusted(_) => "tls",
        OutboundError::Connection(_) => "connection",
        OutboundError::Refused => "not_allowed",
        OutboundError::TooLarge(_) => "too_large",
        OutboundError::Invalid(_) => "invalid",
    };
    Refusal {
        outcome,
        status: None,
        detail: error.to_string(),
        meaning: Outcome::Failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::Endpoint;
    use edge_rates_quotes::breaker::Fingerprint;
    use futures::executor::block_on;
    use futures::stream;

    fn meaning(error: Error, status: u16) -> Outcome {
        refused(error, Some(status)).meaning
    }

    #[test]
    fn what_a_refusal_means_for_the_circuit() {
        let text = || "why".to_owned();
        for status in [500, 502, 503] {
            assert_eq!(
                meaning(Error::Unavailable(text()), status),
                Outcome::Failure
            );
        }
        assert_eq!(meaning(Error::Unavailable(text()), 451), Outcome::Legal);
        assert_eq!(meaning(Error::Malformed(text()), 200), Outcome::Failure);
        assert_eq!(meaning(Error::Implausible(text()), 200), Outcome::Failure);
        for status in [400, 404, 422] {
            assert_eq!(meaning(Error::Malformed(text()), status), Outcome::Answered);
        }
        assert_eq!(
            meaning(Error::UnsupportedPair(text()), 200),
            Outcome::Answered
        );
        assert_eq!(
            meaning(Error::RateLimited(Some(7)), 200),
            Outcome::RateLimited(Some(7))
        );
        for status in [401, 403, 418] {
            assert_eq!(
                meaning(Error::Unauthorised(text()), status),
                Outcome::Unauthorised
            );
        }
    }

    fn quote() -> Quote {
        let dollar = Currency::parse("USD").unwrap();
        Quote::new("bitcoin", dollar, Price::parse("1").unwrap())
    }

    fn failed(reason: &str) -> Result<Vec<Quote>, Refusal> {
        Err(refused(Error::Unavailable(reason.to_owned()), None))
    }

    #[test]
    fn a_market_is_believed_for_minutes_and_a_bank_for_days() {
        let now = Millis(1_795_225_200_000);
        let heard = |scope, age_ms: u64| {
            let upstream = Upstream {
                id: "bank".to_owned(),
                endpoint: Endpoint {
                    base_url: "https://bank.example".to_owned(),
                    api_key: None,
                    plan: None,
                },
                asked_with: Fingerprint::default(),
                scope,
                attribution: String::new(),
                limits: Default::default(),
            };
            let quotes = vec![Quote {
                updated: Some(now.saturating_sub(age_ms)),
                ..quote()
            }];
            let gathered = Gathered {
                quotes,
                ..Gathered::default()
            };
            judge(&upstream, gathered, now).map_err(|refusal| refusal.outcome)
        };
        let days = 24 * 3_600_000;
        assert!(heard(Scope::Market, 900_000).is_ok());
        assert_eq!(heard(Scope::Market, days).unwrap_err(), "implausible");
        assert!(heard(Scope::Currencies, 5 * days).is_ok());
        assert_eq!(
            heard(Scope::Currencies, 7 * days).unwrap_err(),
            "implausible"
        );
    }

    #[test]
    fn what_some_requests_priced_counts_where_others_failed() {
        let some = [failed("first"), Ok(vec![quote()]), failed("second")];
        let gathered = block_on(gather(stream::iter(some)));
        assert_eq!(gathered.quotes.len(), 1);
        assert!(gathered.is_partial);
        let none = [failed("first"), failed("second")];
        let gathered = block_on(gather(stream::iter(none)));
        assert_eq!(gathered.refusal.unwrap().detail, "first");
    }

    #[test]
    fn nothing_is_known_to_be_lacking_while_an_answer_is_missing() {
        let unsupported = || {
            Err(refused(
                Error::UnsupportedPair("none".to_owned()),
                Some(404),
            ))
        };
        let complete = [unsupported(), Ok(vec![quote()]), unsupported()];
        assert!(!block_on(gather(stream::iter(complete))).is_partial);
        let partial = [unsupported(), Ok(vec![quote()]), failed("late")];
        assert!(block_on(gather(stream::iter(partial))).is_partial);
    }

    #[test]
    fn after_a_429_nothing_more_is_asked() {
        let limited = || Err(refused(Error::RateLimited(None), Some(429)));
        let mut rest = 0;
        let answers = [Ok(vec![quote()]), limited(), limited(), limited()];
        let answers = stream::iter(answers).inspect(|_| rest += 1);
        let gathered = block_on(gather(answers));
        assert_eq!(rest, 2);
        assert!(gathered.refusal.unwrap().forbids());
        assert_eq!(gathered.quotes.len(), 1);
    }
}
