//! The upstreams: which are asked, in which order, where, with which key, and how often.

use crate::adapters::{Adapters, Endpoint, Error, Pair, Provider, Quota, Scope};
use crate::text::wrong;
use edge_rates_kit::fingerprint::fingerprint;
use edge_rates_kit::problem::shortened;
use edge_rates_kit::variables::{VariableError, Variables};
use edge_rates_quotes::breaker::Fingerprint;
use edge_rates_quotes::budget::Limits;

/// One upstream to try.
#[derive(Debug, Clone, PartialEq)]
pub struct Upstream {
    /// Its name in the provider contract.
    pub id: String,
    /// Where and with which key.
    pub endpoint: Endpoint,
    /// The same, as it may be told.
    pub asked_with: Fingerprint,
    /// What it is asked for.
    pub scope: Scope,
    /// What its terms ask to be shown.
    pub attribution: String,
    /// How often it may be asked.
    pub limits: Limits,
}

/// `providers`, and the variables of each that it names.
///
/// # Errors
/// Every variable at fault.
pub(crate) async fn upstreams<W: Variables>(
    world: &W,
    adapters: &impl Adapters,
) -> Result<Vec<Upstream>, Vec<VariableError>> {
    let order = world.variable("providers").await;
    let order = order.map_err(|error| vec![error])?;
    let order = order.split(',').map(str::trim).filter(|id| !id.is_empty());
    let known = adapters.describe();
    let (mut upstreams, mut faults) = (Vec::new(), Vec::new());
    for provider in named(order, &known, &mut faults) {
        match upstream(world, adapters, provider).await {
            Ok(upstream) => upstreams.push(upstream),
            Err(fault) => faults.push(fault),
        }
    }
    match faults.is_empty() {
        true => Ok(upstreams),
        false => Err(faults),
    }
}

/// The providers of these ids. There is one of prices among them, or a fault says so.
fn named<'a>(
    ids: impl Iterator<Item = &'a str>,
    known: &'a [Provider],
    faults: &mut Vec<VariableError>,
) -> Vec<&'a Provider> {
    let mut named: Vec<&Provider> = Vec::new();
    let mut fault = |reason: String| faults.push(wrong("providers", &reason));
    let mut is_any_unknown = false;
    for id in ids {
        let Some(provider) = known.iter().find(|provider| provider.id == id) else {
            let ids: Vec<&str> = known.iter().map(|known| known.id.as_str()).collect();
            fault(format!(
                "there is no provider `{}`; there are {}",
                shortened(id),
                ids.join(", ")
            ));
            is_any_unknown = true;
            continue;
        };
        match named.iter().any(|named| named.id == id) {
            true => fault(format!("`{id}` stands there twice")),
            false => named.push(provider),
        }
    }
    let has_prices = |provider: &&Provider| provider.scope == Scope::Market;
    if !is_any_unknown && !named.iter().any(has_prices) {
        fault("names no provider of prices to ask".to_owned());
    }
    named
}

async fn upstream<W: Variables>(
    world: &W,
    adapters: &impl Adapters,
    provider: &Provider,
) -> Result<Upstream, VariableError> {
    let endpoint = endpoint(world, provider).await?;
    plan(adapters, provider, &endpoint)?;
    Ok(Upstream {
        id: provider.id.clone(),
        limits: limits(world, provider, adapters.quota(&provider.id, &endpoint)).await?,
        asked_with: of_endpoint(&endpoint),
        endpoint,
        scope: provider.scope,
        attribution: provider.attribution.clone(),
    })
}

/// Has a request planned that is never sent, for only the adapter knows what URL, key and plan
/// have to be.
fn plan(
    adapters: &impl Adapters,
    provider: &Provider,
    endpoint: &Endpoint,
) -> Result<(), VariableError> {
    // Of each kind of market one pair, so that every provider of prices has one to plan for.
    let (asset, symbol, quotes): (_, _, &[&str]) = match provider.scope {
        Scope::Market => ("bitcoin", "BTC", &["USD", "USDT", "IRT"]),
        Scope::Currencies => ("usd", "USD", &["EUR"]),
    };
    let pairs: Vec<Pair> = quotes
        .iter()
        .map(|quote| Pair {
            asset: asset.to_owned(),
            symbol: symbol.to_owned(),
            quote: (*quote).to_owned(),
            code: None,
        })
        .collect();
    let id = &provider.id;
    match adapters.request(id, endpoint, &pairs) {
        Err(Error::Unavailable(why)) => Err(wrong(&format!("{id}_url"), &why)),
        Err(Error::Unauthorised(why)) => Err(wrong(&format!("{id}_api_key, {id}_plan"), &why)),
        // That it does not price these pairs is no fault.
        Ok(_) | Err(_) => Ok(()),
    }
}

/// What all upstreams are asked with.
pub(crate) fn of_all(upstreams: &[Upstream]) -> Fingerprint {
    let each = upstreams
        .iter()
        .map(|upstream| format!("{} {}", upstream.id, upstream.asked_with));
    let each: Vec<String> = each.collect();
    let each: Vec<&str> = each.iter().map(String::as_str).collect();
    fingerprint(&each)
}

fn of_endpoint(endpoint: &Endpoint) -> Fingerprint {
    let Endpoint {
        base_url,
        api_key,
        plan,
    } = endpoint;
    let [api_key, plan] = [api_key, plan].map(|text| text.as_deref().unwrap_or_default());
    fingerprint(&[base_url, api_key, plan])
}

/// `<provider>_url` and, where the component has them, `<provider>_api_key` and
/// `<provider>_plan`.
async fn endpoint<W: Variables>(world: &W, provider: &Provider) -> Result<Endpoint, VariableError> {
    let name = format!("{}_url", provider.id);
    let url = world.variable(&name).await?;
    let base_url = match url.trim().trim_end_matches('/') {
        "" => provider.default_base_url.clone(),
        url if url.starts_with("https://") || url.starts_with("http://") => url.to_owned(),
        // It is not shown: there may be a password in it.
        _ => return Err(wrong(&name, "it does not start with https:// or http://")),
    };
    // Not every provider takes a key or has plans, so the variables may be missing.
    let optional = async |what: &str| {
        let value = world.variable(&format!("{}_{what}", provider.id)).await;
        value.ok().filter(|value| !value.trim().is_empty())
    };
    Ok(Endpoint {
        base_url,
        api_key: optional("api_key").await,
        plan: optional("plan").await,
    })
}

/// `<provider>_per_minute` and `<provider>_per_month`, or what the provider's terms allow.
async fn limits<W: Variables>(
    world: &W,
    provider: &Provider,
    quota: Quota,
) -> Result<Limits, VariableError> {
    let per_minute = limit(world, provider, "per_minute").await?;
    let per_month = limit(world, provider, "per_month").await?;
    Ok(Limits {
        per_minute: per_minute.or(quota.per_minute),
        per_month: per_month.or(quota.per_month),
    })
}

async fn limit<W: Variables>(
    world: &W,
    provider: &Provider,
    span: &str,
) -> Result<Option<u32>, VariableError> {
    let name = format!("{}_{span}", provider.id);
    // Not every provider has the variable: its adapter may be somebody else's.
    let text = world.variable(&name).await.unwrap_or_default();
    match text.trim() {
        "" => Ok(None),
        text => text.parse().map(Some).map_err(|_| {
            wrong(
                &name,
                &format!("`{text}` is no whole number of calls; leave it empty for the provider's own limit"),
            )
        }),
    }
}
