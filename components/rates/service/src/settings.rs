//! The deployment's settings: Spin variables, parsed once per instance.

use crate::adapters::{Adapters, Endpoint, Provider, Quota, Scope};
use crate::admission::Terms;
use crate::rules;
use edge_rates_kit::caching::CacheTimes;
use edge_rates_kit::fingerprint::fingerprint;
use edge_rates_kit::variables::{VariableError, Variables};
use edge_rates_quotes::breaker::Fingerprint;
use edge_rates_quotes::budget::Limits;
use edge_rates_quotes::{Catalogue, Policy, Rules};
use std::rc::Rc;

/// One upstream to try.
#[derive(Debug, Clone, PartialEq)]
pub struct Upstream {
    /// Its name in the provider contract.
    pub(crate) id: String,
    /// Where and with which key.
    pub(crate) endpoint: Endpoint,
    /// The same, as it may be told.
    pub(crate) asked_with: Fingerprint,
    /// What it is asked for.
    pub(crate) scope: Scope,
    /// What its terms ask to be shown.
    pub(crate) attribution: String,
    /// How often it may be asked.
    pub(crate) limits: Limits,
}

/// Everything that can be set.
#[derive(Debug)]
pub struct Settings {
    /// What is priced, and in what.
    pub(crate) catalogue: Catalogue,
    /// How old a board may be.
    pub(crate) policy: Policy,
    /// What downstream caches are told.
    pub(crate) cache_times: CacheTimes,
    /// Which prices of upstreams are believed.
    pub(crate) rules: Rules,
    /// Upstreams in the order in which they are tried.
    pub(crate) upstreams: Vec<Upstream>,
    /// What they all are asked with.
    pub(crate) asked_with: Fingerprint,
    /// What is asked of clients.
    pub(crate) terms: Rc<Terms>,
    /// Shown as the source instead of the upstream's name.
    pub(crate) source_name: Option<String>,
}

impl Settings {
    /// Reads all settings; the upstreams that can be named are those of `adapters`.
    ///
    /// # Errors
    /// The variable at fault and what would be right.
    pub async fn read<W: Variables>(
        world: &W,
        adapters: &impl Adapters,
    ) -> Result<Settings, VariableError> {
        let assets = world.variable("assets").await?;
        let currencies = world.variable("currencies").await?;
        let catalogue = Catalogue::parse(&assets, &currencies)
            .map_err(|error| wrong("assets` or `currencies", &error))?;
        let policy = Policy::new(
            millis(world, "fresh_seconds").await?,
            millis(world, "jitter_seconds").await?,
            millis(world, "grace_seconds").await?,
            millis(world, "refuse_seconds").await?,
        )
        .map_err(|error| wrong("fresh_seconds", &error))?;
        let source_name = world.variable("source_name").await?;
        let seconds = |ms: u64| ms / 1000;
        let cache_times = CacheTimes::new(
            seconds(policy.fresh_ms),
            seconds(policy.grace_ms),
            seconds(policy.refuse_ms),
        );
        let terms = Rc::new(Terms::read(world).await?);
        let upstreams = upstreams(world, adapters).await?;
        Ok(Settings {
            catalogue,
            cache_times: match terms.are_private() {
                true => cache_times.private(),
                false => cache_times,
            },
            terms,
            policy,
            rules: rules::rules(world).await?,
            asked_with: of_all(&upstreams),
            upstreams,
            source_name: Some(source_name).filter(|name| !name.is_empty()),
        })
    }
}

fn wrong(name: &str, reason: &impl ToString) -> VariableError {
    VariableError {
        name: name.to_owned(),
        reason: reason.to_string(),
    }
}

async fn millis<W: Variables>(world: &W, name: &str) -> Result<u64, VariableError> {
    let text = world.variable(name).await?;
    let seconds: u64 = text
        .trim()
        .parse()
        .map_err(|_| wrong(name, &format!("`{text}` is no whole number of seconds")))?;
    Ok(seconds.saturating_mul(1000))
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

async fn upstreams<W: Variables>(
    world: &W,
    adapters: &impl Adapters,
) -> Result<Vec<Upstream>, VariableError> {
    let known = adapters.describe();
    let order = world.variable("providers").await?;
    let mut upstreams: Vec<Upstream> = Vec::new();
    for id in order.split(',').map(str::trim).filter(|id| !id.is_empty()) {
        let Some(provider) = known.iter().find(|provider| provider.id == id) else {
            let ids: Vec<&str> = known.iter().map(|known| known.id.as_str()).collect();
            return Err(wrong(
                "providers",
                &format!("there is no provider `{id}`; there are {}", ids.join(", ")),
            ));
        };
        if upstreams.iter().any(|upstream| upstream.id == id) {
            return Err(wrong("providers", &format!("`{id}` stands there twice")));
        }
        let endpoint = endpoint(world, provider).await?;
        upstreams.push(Upstream {
            id: id.to_owned(),
            limits: limits(world, provider, adapters.quota(id, &endpoint)).await?,
            asked_with: of_endpoint(&endpoint),
            endpoint,
            scope: provider.scope,
            attribution: provider.attribution.clone(),
        });
    }
    if !upstreams
        .iter()
        .any(|upstream| upstream.scope == Scope::Market)
    {
        return Err(wrong("providers", &"names no provider of prices to ask"));
    }
    Ok(upstreams)
}

fn of_all(upstreams: &[Upstream]) -> Fingerprint {
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
        other => {
            let reason = format!("`{other}` does not start with https:// or http://");
            return Err(wrong(&name, &reason));
        }
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
