//! The capabilities, as Spin offers them to a component.

#[allow(
    missing_docs,
    unsafe_code,
    unreachable_pub,
    clippy::allow_attributes_without_reason,
    clippy::missing_safety_doc,
    reason = "generated from the WIT of wasi:keyvalue"
)]
mod keyvalue {
    wit_bindgen::generate!({
        path: "../../wit/deps/wasi-keyvalue@0.2.0-draft2",
        world: "imports",
        generate_all,
    });
}

use crate::answer::Answer;
use crate::background::Background;
use crate::clock::Clock;
use crate::outbound::{Limits, Outbound, OutboundError, OutboundRequest, OutboundResponse};
use crate::random::{Random, SplitMix};
use crate::recorder::Recorder;
use crate::request::Request;
use crate::serving::{self, Routed};
use crate::store::{Store, StoreError};
use crate::variables::{VariableError, Variables};
use bytes::Bytes;
use edge_rates_quotes::Millis;
use futures::future::{Either, select};
use http_body_util::BodyExt;
use keyvalue::wasi::keyvalue::{atomics, store as wasi_store};
use spin_sdk::http::{EmptyBody, FullBody};
use spin_sdk::key_value;
use spin_sdk::wasip3::clocks::{monotonic_clock, system_clock};
use spin_sdk::wasip3::http::types::{ErrorCode, RequestOptions};
use spin_sdk::wasip3::http_compat::RequestOptionsExtension;
use spin_sdk::wasip3::random::insecure;
use std::cell::{Cell, OnceCell};
use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

/// Label of the store that holds everything.
const STORE: &str = "default";

thread_local! {
    // An instance serves many requests; what it has opened stays open.
    static KEY_VALUE: OnceCell<Rc<key_value::Store>> = const { OnceCell::new() };
    static BUCKET: OnceCell<Rc<wasi_store::Bucket>> = const { OnceCell::new() };
    static RANDOM: Cell<Option<SplitMix>> = const { Cell::new(None) };
    static RECORDER: OnceCell<Rc<Recorder>> = const { OnceCell::new() };
}

/// The world outside of the component.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct World;

/// Answers a request by `handle`, and counts it; the whole of a component's entry point.
pub async fn serve(
    request: spin_sdk::http::Request,
    handle: impl AsyncFnOnce(&World, &Rc<Recorder>, &Request) -> Routed,
) -> http::Response<FullBody<Bytes>> {
    let recorder = recorder().await;
    let (head, _) = request.into_parts();
    let answer = serving::serve(&World, &recorder, head, async |request| {
        handle(&World, &recorder, request).await
    })
    .await;
    into_response(answer)
}

async fn recorder() -> Rc<Recorder> {
    if let Some(recorder) = RECORDER.with(|cell| cell.get().cloned()) {
        return recorder;
    }
    // Without the variable all replicas count as one, which is right for a single host.
    let replica = World.variable("replica").await;
    let made = Recorder::new(replica.as_deref().unwrap_or("local"));
    // Another request may have been faster meanwhile; then its recorder is the one.
    RECORDER.with(|cell| Rc::clone(cell.get_or_init(|| made)))
}

fn into_response(answer: Answer) -> http::Response<FullBody<Bytes>> {
    let (status, headers, body) = answer.into_parts();
    let mut response = http::Response::new(FullBody::new(body));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

impl From<key_value::Error> for StoreError {
    fn from(error: key_value::Error) -> StoreError {
        match error {
            key_value::Error::AccessDenied | key_value::Error::NoSuchStore => {
                StoreError::Closed(format!("add \"{STORE}\" to key_value_stores in spin.toml"))
            }
            other => StoreError::Failed(other.to_string()),
        }
    }
}

impl From<wasi_store::Error> for StoreError {
    fn from(error: wasi_store::Error) -> StoreError {
        match error {
            wasi_store::Error::AccessDenied | wasi_store::Error::NoSuchStore => {
                StoreError::Closed(format!("add \"{STORE}\" to key_value_stores in spin.toml"))
            }
            wasi_store::Error::Other(reason) => StoreError::Failed(reason),
        }
    }
}

async fn key_value() -> Result<Rc<key_value::Store>, StoreError> {
    if let Some(store) = KEY_VALUE.with(|cell| cell.get().cloned()) {
        return Ok(store);
    }
    let opened = Rc::new(key_value::Store::open(STORE).await?);
    Ok(KEY_VALUE.with(|cell| Rc::clone(cell.get_or_init(|| opened))))
}

fn bucket() -> Result<Rc<wasi_store::Bucket>, StoreError> {
    if let Some(bucket) = BUCKET.with(|cell| cell.get().cloned()) {
        return Ok(bucket);
    }
    let opened = Rc::new(wasi_store::open(STORE)?);
    Ok(BUCKET.with(|cell| Rc::clone(cell.get_or_init(|| opened))))
}

impl Store for World {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(key_value().await?.get(key).await?)
    }

    async fn set(&self, key: &str, value: &[u8]) -> Result<(), StoreError> {
        Ok(key_value().await?.set(key, value).await?)
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        Ok(key_value().await?.delete(key).await?)
    }

    async fn keys(&self) -> Result<Vec<String>, StoreError> {
        Ok(key_value().await?.get_keys().await.collect().await?)
    }

    async fn increment(&self, key: &str, delta: i64) -> Result<i64, StoreError> {
        Ok(atomics::increment(&*bucket()?, key, delta)?)
    }
}

impl Clock for World {
    fn now(&self) -> Millis {
        let now = system_clock::now();
        let seconds = u64::try_from(now.seconds).unwrap_or(0);
        Millis(seconds.saturating_mul(1000) + u64::from(now.nanoseconds / 1_000_000))
    }

    fn elapsed(&self) -> Duration {
        Duration::from_nanos(monotonic_clock::now())
    }

    async fn sleep(&self, duration: Duration) {
        spin_sdk::time::sleep(duration).await;
    }
}

impl Random for World {
    fn bits(&self) -> u64 {
        RANDOM.with(|cell| {
            let seeded = || SplitMix::new(insecure::get_insecure_random_u64());
            let mut random = cell.get().unwrap_or_else(seeded);
            let bits = random.draw();
            cell.set(Some(random));
            bits
        })
    }
}

impl Background for World {
    fn spawn(&self, work: impl Future<Output = ()> + 'static) {
        spin_sdk::wit_bindgen::spawn(work);
    }
}

impl Variables for World {
    async fn variable(&self, name: &str) -> Result<String, VariableError> {
        let value = spin_sdk::variables::get(name).await;
        value.map_err(|error| VariableError {
            name: name.to_owned(),
            reason: error.to_string(),
        })
    }
}

impl Outbound for World {
    async fn send(
        &self,
        request: &OutboundRequest,
        limits: &Limits,
    ) -> Result<OutboundResponse, OutboundError> {
        // The host watches the first two deadlines; the third spans the body too and is ours.
        let exchange = pin!(exchange(request, limits));
        let deadline = pin!(self.sleep(limits.total));
        match select(exchange, deadline).await {
            Either::Left((result, _)) => result,
            Either::Right(((), _)) => Err(OutboundError::Timeout),
        }
    }
}

async fn exchange(
    request: &OutboundRequest,
    limits: &Limits,
) -> Result<OutboundResponse, OutboundError> {
    let mut builder = http::Request::get(&request.url);
    for (name, value) in &request.headers {
        builder = builder.header(name, value);
    }
    let request = builder
        .extension(RequestOptionsExtension(options(limits)))
        .body(EmptyBody::new())
        .map_err(|error| OutboundError::Invalid(error.to_string()))?;
    let (head, mut body) = spin_sdk::http::send(request)
        .await
        .map_err(refusal)?
        .into_parts();
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame.map_err(refusal)?.into_data() {
            if bytes.len() + data.len() > limits.body {
                return Err(OutboundError::TooLarge(limits.body));
            }
            bytes.extend_from_slice(&data);
        }
    }
    let headers = head
        .headers
        .iter()
        .filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())))
        .collect();
    Ok(OutboundResponse {
        status: head.status.as_u16(),
        headers,
        body: bytes,
    })
}

fn options(limits: &Limits) -> RequestOptions {
    let options = RequestOptions::new();
    let nanos = |duration: Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    // A host that does not know one of these refuses it here; the total deadline still holds.
    let _ = options.set_connect_timeout(Some(nanos(limits.connect)));
    let _ = options.set_first_byte_timeout(Some(nanos(limits.first_byte)));
    options
}

fn refusal(code: ErrorCode) -> OutboundError {
    match code {
        ErrorCode::HttpRequestDenied | ErrorCode::DestinationIpProhibited => OutboundError::Refused,
        ErrorCode::ConnectionTimeout
        | ErrorCode::ConnectionReadTimeout
        | ErrorCode::ConnectionWriteTimeout
        | ErrorCode::HttpResponseTimeout => OutboundError::Timeout,
        ErrorCode::HttpRequestUriInvalid
        | ErrorCode::HttpRequestMethodInvalid
        | ErrorCode::HttpRequestHeaderSize(_) => OutboundError::Invalid(code.to_string()),
        other => OutboundError::Connection(other.to_string()),
    }
}
