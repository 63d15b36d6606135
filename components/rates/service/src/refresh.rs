//! One refresh: which upstreams are asked for what, in which order, and for how long.

use crate::adapters::{Adapters, Pair, Scope};
use crate::asking::{Asked, ask};
use crate::believing;
use crate::service::Service;
use crate::settings::Upstream;
use edge_rates_kit::Capabilities;
use edge_rates_quotes::consensus::Mode;
use edge_rates_quotes::stored::Failure;
use edge_rates_quotes::{Board, Heard};
use futures::future::join_all;
use std::time::Duration;

/// A whole refresh, over all upstreams and with what it reads and writes in the store.
pub(crate) const REFRESH: Duration = Duration::from_secs(10);

/// How much of it upstreams get.
const ASKING: Duration = Duration::from_millis(9_500);

/// How long nobody refreshes again after a failure that may pass by itself.
const HOLD_OFF_MS: u64 = 10_000;

/// The longest time for which nobody refreshes, however long upstreams are to be left alone:
/// meanwhile somebody may have mended the settings. An attempt that asks nobody costs little.
const MOST_HOLD_OFF_MS: u64 = 15 * 60_000;

/// Everything that was told in one refresh.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// Prices of assets, in the order of the settings.
    pub(crate) market: Vec<Heard>,
    /// What currencies cost in each other: the assets of these quotes are currencies, in lower
    /// case.
    pub(crate) currencies: Vec<Heard>,
}

/// Asks upstreams, each at most once. `last` is the board that is to be replaced.
///
/// # Errors
/// How it failed, if no upstream priced an asset.
pub(crate) async fn fetch<W: Capabilities, A: Adapters>(
    service: &Service<W, A>,
    last: Option<&Board>,
) -> Result<Told, Failure> {
    let end = service.world.elapsed() + ASKING;
    let all = pairs(service);
    let mut told = Told::default();
    let mut failure = None;
    let settings = &service.settings;
    match settings.rules.consent.mode {
        Mode::Fallback => {
            for upstream in of_scope(service, Scope::Market) {
                let wanted =
                    believing::wanted(settings, &all, &told.market, last, service.world.now());
                if wanted.is_empty() {
                    break;
                }
                let asked = ask(service, upstream, &wanted, end).await;
                let heard = heard(service, upstream, asked, &mut failure);
                told.market.extend(heard);
            }
        }
        Mode::Quorum => {
            let upstreams = of_scope(service, Scope::Market);
            let asking = upstreams.map(async |upstream| {
                let asked = ask(service, upstream, &all, end).await;
                (upstream, asked)
            });
            for (upstream, asked) in join_all(asking).await {
                let heard = heard(service, upstream, asked, &mut failure);
                told.market.extend(heard);
            }
        }
    }
    if told.market.is_empty() {
        return Err(failure.unwrap_or_else(|| failed(service, "no price")));
    }
    for upstream in of_scope(service, Scope::Currencies) {
        let wanted = believing::wanted_currencies(settings, &told, last, service.world.now());
        if wanted.is_empty() {
            break;
        }
        let asked = ask(service, upstream, &wanted, end).await;
        let heard = heard(service, upstream, asked, &mut failure);
        told.currencies.extend(heard);
    }
    Ok(told)
}

fn of_scope<W, A>(service: &Service<W, A>, scope: Scope) -> impl Iterator<Item = &Upstream> {
    let upstreams = service.settings.upstreams.iter();
    upstreams.filter(move |upstream| upstream.scope == scope)
}

/// What an upstream told. If that is nothing, `failure` becomes that of the whole refresh: the
/// last upstream's, to be tried again as soon as any upstream may be asked.
fn heard<W: Capabilities, A>(
    service: &Service<W, A>,
    upstream: &Upstream,
    asked: Asked,
    failure: &mut Option<Failure>,
) -> Option<Heard> {
    let now = service.world.now();
    let (outcome, status, retry_from) = match asked {
        Asked::Heard(heard) => return Some(heard),
        Asked::Nothing => return None,
        Asked::InVain(refusal, retry_from) => (refusal.outcome, refusal.status, retry_from),
        Asked::Shut(shut) => (shut.why, shut.status, Some(shut.until)),
    };
    let retry_from = retry_from.unwrap_or(now.saturating_add(HOLD_OFF_MS));
    let retry_from = retry_from.min(now.saturating_add(MOST_HOLD_OFF_MS));
    let earlier = failure.take();
    *failure = Some(Failure {
        at: now,
        retry_from: earlier
            .as_ref()
            .map_or(retry_from, |earlier| retry_from.min(earlier.retry_from)),
        status: status.or(earlier.and_then(|earlier| earlier.status)),
        provider: upstream.id.clone(),
        outcome: outcome.to_owned(),
        asked_with: service.settings.asked_with,
    });
    None
}

/// The failure of a refresh that no upstream is to blame for.
pub(crate) fn failed<W: Capabilities, A>(service: &Service<W, A>, outcome: &str) -> Failure {
    let now = service.world.now();
    Failure {
        at: now,
        retry_from: now.saturating_add(HOLD_OFF_MS),
        status: None,
        provider: String::new(),
        outcome: outcome.to_owned(),
        asked_with: service.settings.asked_with,
    }
}

fn pairs<W, A>(service: &Service<W, A>) -> Vec<Pair> {
    let pairs = service.settings.catalogue.pairs();
    pairs
        .map(|pair| Pair {
            asset: pair.asset.id().to_owned(),
            symbol: pair.asset.ticker().to_owned(),
            quote: pair.quote.as_str().to_owned(),
            code: None,
        })
        .collect()
}
