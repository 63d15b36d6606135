//! What the simulator can be told and asked over HTTP, below `/_control/`.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::reply::Reply;
use crate::simulation::Simulation;
use crate::{COINGECKO_PRO, Fault, Provider};

/// Enough for any order.
const LONGEST_BODY_BYTES: usize = 64 * 1024;

/// An order that cannot be carried out; the answer's status and a sentence on what is valid.
#[derive(Debug)]
struct Rejected(StatusCode, String);

/// Carries out one order.
pub(crate) async fn answer(simulation: &Simulation, request: Request<Incoming>) -> Reply {
    let (head, body) = request.into_parts();
    let body = match Limited::new(body, LONGEST_BODY_BYTES).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) => {
            let complaint = format!("the body could not be read: {error}\n");
            return Reply::text(StatusCode::BAD_REQUEST, complaint);
        }
    };
    let segments: Vec<&str> = head.uri.path().split('/').skip(2).collect();
    carry_out(simulation, &head.method, &segments, &body)
        .unwrap_or_else(|Rejected(status, why)| Reply::text(status, format!("{why}\n")))
}

fn carry_out(
    simulation: &Simulation,
    method: &Method,
    segments: &[&str],
    body: &Bytes,
) -> Result<Reply, Rejected> {
    match (method.as_str(), segments) {
        ("GET", ["faults"]) => Ok(faults(simulation)),
        ("DELETE", ["faults"]) => {
            heal(simulation, &Provider::ALL);
            Ok(faults(simulation))
        }
        ("PUT", ["faults", whom]) => {
            let whom = providers(whom)?;
            let fault = parse::<FaultOrder>(body, FAULT_EXAMPLE)?.fault()?;
            for provider in whom {
                simulation.set_fault(provider, fault);
            }
            Ok(faults(simulation))
        }
        ("DELETE", ["faults", whom]) => {
            heal(simulation, &providers(whom)?);
            Ok(faults(simulation))
        }
        ("GET", ["skews"]) => Ok(skews(simulation)),
        ("PUT", ["skews", whom]) => {
            let whom = providers(whom)?;
            let factor = parse::<SkewOrder>(body, SKEW_EXAMPLE)?.factor;
            if !(factor.is_finite() && factor > 0.0) {
                return Err(unprocessable("`factor` is a number above zero"));
            }
            for provider in whom {
                simulation.set_skew(provider, factor);
            }
            Ok(skews(simulation))
        }
        ("DELETE", ["skews"]) => {
            for provider in Provider::ALL {
                simulation.set_skew(provider, 1.0);
            }
            Ok(skews(simulation))
        }
        ("GET", ["calls"]) => Ok(calls(simulation)),
        ("DELETE", ["calls"]) => {
            simulation.calls.reset();
            Ok(calls(simulation))
        }
        ("GET", ["clock"]) => Ok(clock(simulation)),
        ("PUT", ["clock"]) => {
            let order = parse::<ClockOrder>(body, CLOCK_EXAMPLE)?;
            simulation.clock.set_now_ms(order.now_ms);
            Ok(clock(simulation))
        }
        ("DELETE", ["clock"]) => {
            simulation.clock.follow_real_time();
            Ok(clock(simulation))
        }
        (_, ["faults" | "skews" | "calls" | "clock", ..]) => Err(Rejected(
            StatusCode::METHOD_NOT_ALLOWED,
            format!("{method} is not possible here; GET / lists what is"),
        )),
        _ => Err(Rejected(
            StatusCode::NOT_FOUND,
            "there is faults, skews, calls and clock below /_control/; GET / explains them"
                .to_owned(),
        )),
    }
}

const FAULT_EXAMPLE: &str = r#"{"fault":"delay","ms":500}"#;
const SKEW_EXAMPLE: &str = r#"{"factor":1.5}"#;
const CLOCK_EXAMPLE: &str = r#"{"now_ms":1780000000000}"#;

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct ClockOrder {
    now_ms: i64,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct SkewOrder {
    factor: f64,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct FaultOrder {
    fault: String,
    /// Of `delay`: milliseconds.
    ms: Option<u64>,
    /// Of `rate-limited`: seconds.
    retry_after: Option<u64>,
}

impl FaultOrder {
    /// The fault it names; none for `none`.
    fn fault(&self) -> Result<Option<Fault>, Rejected> {
        let named = match self.fault.as_str() {
            "none" => None,
            name => Some(name.parse::<Fault>().map_err(unprocessable)?),
        };
        match (named, self.ms, self.retry_after) {
            (Some(Fault::Delay(_)), Some(ms), None) => {
                Ok(Some(Fault::Delay(Duration::from_millis(ms))))
            }
            (Some(Fault::RateLimited { .. }), None, Some(retry_after_s)) => {
                Ok(Some(Fault::RateLimited { retry_after_s }))
            }
            (named, None, None) => Ok(named),
            _ => Err(unprocessable(
                "`ms` goes with the fault `delay` only, and `retry_after` with `rate-limited` only",
            )),
        }
    }
}

fn unprocessable(why: impl ToString) -> Rejected {
    Rejected(StatusCode::UNPROCESSABLE_ENTITY, why.to_string())
}

/// The one provider of that name, or all for `*`.
fn providers(name: &str) -> Result<Vec<Provider>, Rejected> {
    match name {
        "*" => Ok(Provider::ALL.to_vec()),
        name => name
            .parse()
            .map(|provider| vec![provider])
            .map_err(|unknown| unprocessable(format!("{unknown}; * stands for all of them"))),
    }
}

/// 400 for what is no JSON, 422 for JSON of another shape.
fn parse<T: DeserializeOwned>(body: &Bytes, example: &str) -> Result<T, Rejected> {
    let value: Value = serde_json::from_slice(body).map_err(|error| {
        let why = format!("the body is no JSON ({error}); send for example {example}");
        Rejected(StatusCode::BAD_REQUEST, why)
    })?;
    T::deserialize(value)
        .map_err(|error| unprocessable(format!("{error}; send for example {example}")))
}

fn heal(simulation: &Simulation, providers: &[Provider]) {
    for provider in providers {
        simulation.set_fault(*provider, None);
    }
}

fn faults(simulation: &Simulation) -> Reply {
    let faults: BTreeMap<&str, Value> = Provider::ALL
        .into_iter()
        .map(|provider| {
            let described = match simulation.fault(provider) {
                None => json!({"fault": "none"}),
                Some(fault @ Fault::Delay(delay)) => {
                    json!({"fault": fault.name(), "ms": delay.as_millis() as u64})
                }
                Some(fault @ Fault::RateLimited { retry_after_s }) => {
                    json!({"fault": fault.name(), "retry_after": retry_after_s})
                }
                Some(fault) => json!({"fault": fault.name()}),
            };
            (provider.name(), described)
        })
        .collect();
    Reply::ok(&faults)
}

fn skews(simulation: &Simulation) -> Reply {
    let skews: BTreeMap<&str, f64> = Provider::ALL
        .into_iter()
        .map(|provider| (provider.name(), simulation.skew(provider)))
        .collect();
    Reply::ok(&skews)
}

fn calls(simulation: &Simulation) -> Reply {
    let calls: BTreeMap<&str, Map<String, Value>> = Provider::ALL
        .into_iter()
        .map(|provider| {
            let by_endpoint = simulation.calls.by_endpoint(provider);
            let total: u64 = by_endpoint.values().sum();
            let counts = [("total", total)]
                .into_iter()
                .chain(by_endpoint)
                .map(|(name, count)| (name.to_owned(), json!(count)))
                .collect();
            (provider.name(), counts)
        })
        .collect();
    Reply::ok(&calls)
}

fn clock(simulation: &Simulation) -> Reply {
    Reply::ok(&json!({"now_ms": simulation.clock.now().as_millisecond()}))
}

/// What `GET /` says, with commands that can be copied.
pub(crate) fn explanation(host: Option<&str>) -> Reply {
    let url = format!("http://{}", host.unwrap_or("127.0.0.1"));
    let base_urls: String = Provider::ALL
        .into_iter()
        .map(|provider| format!("  {provider:<12} {url}/{provider}\n"))
        .collect();
    let faults = Fault::ALL.map(Fault::name).join(", ");
    Reply::text(
        StatusCode::OK,
        format!(
            "A simulated market: the price APIs below, with made-up prices, and ways to break \
             them.\n\n\
             Base URLs\n{base_urls}\
             \x20 {COINGECKO_PRO:<12} {url}/{COINGECKO_PRO}   (takes pro keys; fails as coingecko does)\n\n\
             Prices\n\
             \x20 curl '{url}/coingecko/simple/price?ids=bitcoin&vs_currencies=usd,eur'\n\
             \x20 curl '{url}/coinbase/v2/exchange-rates?currency=BTC'\n\
             \x20 curl '{url}/coinbase/v2/prices/BTC-USD/spot'\n\
             \x20 curl '{url}/kraken/0/public/Ticker?pair=XBTUSD,ETHUSD'\n\
             \x20 curl '{url}/binance/api/v3/ticker/price?symbol=BTCUSDT'\n\
             \x20 curl '{url}/bitpin/api/v1/mkt/tickers/'\n\
             \x20 curl '{url}/frankfurter/v1/latest?base=EUR&symbols=USD,GBP'\n\n\
             Faults, for one provider or for all (*)\n\
             \x20 curl {url}/_control/faults\n\
             \x20 curl -X PUT {url}/_control/faults/coingecko -d '{FAULT_EXAMPLE}'\n\
             \x20 curl -X PUT {url}/_control/faults/kraken -d \
             '{{\"fault\":\"rate-limited\",\"retry_after\":30}}'\n\
             \x20 curl -X PUT '{url}/_control/faults/*' -d '{{\"fault\":\"hang\"}}'\n\
             \x20 curl -X DELETE {url}/_control/faults/coingecko\n\
             \x20 curl -X DELETE {url}/_control/faults\n\
             There are: none, {faults}.\n\n\
             Lies: all prices of a provider, or of all (*), so many times as high\n\
             \x20 curl {url}/_control/skews\n\
             \x20 curl -X PUT {url}/_control/skews/kraken -d '{SKEW_EXAMPLE}'\n\
             \x20 curl -X DELETE {url}/_control/skews\n\n\
             Calls\n\
             \x20 curl {url}/_control/calls\n\
             \x20 curl -X DELETE {url}/_control/calls\n\n\
             Time: held still, or the real one again\n\
             \x20 curl -X PUT {url}/_control/clock -d '{CLOCK_EXAMPLE}'\n\
             \x20 curl -X DELETE {url}/_control/clock\n"
        ),
    )
}
