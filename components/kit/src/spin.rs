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

use crate::answer::{Answer, Body, Value};
use crate::background::Background;
use crate::body::{self, BodyBroken, BodyStream};
use crate::clock::Clock;
use crate::log;
use crate::outbound::{Limits, Outbound, OutboundError, OutboundRequest, OutboundResponse};
use crate::random::{Random, SplitMix};
use crate::recorder::Recorder;
use crate::request::{Head, Request};
use crate::serving::{self, Routed};
use crate::store::{Store, StoreError};
use crate::variables::{VariableError, Variables};
use bytes::Bytes;
use edge_rates_quotes::Millis;
use futures::future::{Either, select};
use futures::{Stream, StreamExt};
use keyvalue::wasi::keyvalue::{atomics, store as wasi_store};
use serde_json::json;
use spin_sdk::key_value;
use spin_sdk::variables;
use spin_sdk::wasip3::clocks::{monotonic_clock, system_clock};
use spin_sdk::wasip3::http::client;
use spin_sdk::wasip3::http::types::{self as wasi_http, ErrorCode, RequestOptions};
use spin_sdk::wasip3::random::insecure;
use spin_sdk::wasip3::{wit_future, wit_stream};
use spin_sdk::wit_bindgen::StreamResult;
use std::cell::{Cell, OnceCell, RefCell};
use std::fmt::Display;
use std::future::Future;
use std::pin::pin;
use std::ptr;
use std::rc::Rc;
use std::time::Duration;

/// Label of the store that holds everything.
const STORE: &str = "default";

/// A store that can't be reached, or does not do what it is asked, says so at once. When an error
/// took longer, somebody waited for an answer in vain.
const AT_ONCE: Duration = Duration::from_millis(100);

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
///
/// It speaks `wasi:http` itself. The SDK's own types read and copy every header of the request
/// and build maps of typed names, which took half of all instructions of a cached answer.
///
/// # Errors
/// An error of the host's if the answer cannot be written as one.
pub async fn serve(
    request: wasi_http::Request,
    handle: impl AsyncFnOnce(&World, &Rc<Recorder>, &Request) -> Routed,
) -> Result<wasi_http::Response, ErrorCode> {
    let recorder = recorder().await;
    let method = method(request.get_method());
    let target = request.get_path_with_query();
    let target = target.unwrap_or_else(|| "/".to_owned());
    let head = Box::new(IncomingHead::new(request));
    let request = Request::new(method, target, head, &World);
    let answer = serving::serve(&World, &recorder, request, async |request| {
        handle(&World, &recorder, request).await
    })
    .await;
    respond(answer)
}

async fn recorder() -> Rc<Recorder> {
    if let Some(recorder) = RECORDER.with(|cell| cell.get().cloned()) {
        return recorder;
    }
    let is_off = World
        .variable("count_requests")
        .await
        .is_ok_and(|value| value == "false");
    let made = match is_off {
        true => Recorder::off(),
        false => {
            // Without the variable all replicas count as one, which is right for a single host.
            let replica = World.variable("replica").await;
            Recorder::new(replica.as_deref().unwrap_or("local"))
        }
    };
    let is_logging = World.variable("log_requests").await;
    if is_logging.is_ok_and(|value| value == "true") {
        made.log_requests();
    }
    // Another request may have been faster meanwhile; then its recorder is the one.
    RECORDER.with(|cell| Rc::clone(cell.get_or_init(|| made)))
}

fn method(method: wasi_http::Method) -> http::Method {
    match method {
        wasi_http::Method::Get => http::Method::GET,
        wasi_http::Method::Head => http::Method::HEAD,
        wasi_http::Method::Post => http::Method::POST,
        wasi_http::Method::Put => http::Method::PUT,
        wasi_http::Method::Delete => http::Method::DELETE,
        wasi_http::Method::Connect => http::Method::CONNECT,
        wasi_http::Method::Options => http::Method::OPTIONS,
        wasi_http::Method::Trace => http::Method::TRACE,
        wasi_http::Method::Patch => http::Method::PATCH,
        // What is no method at all is answered like one that no route has.
        wasi_http::Method::Other(name) => name.parse().unwrap_or(http::Method::CONNECT),
    }
}

/// A request, left with the host.
#[derive(Debug)]
struct IncomingHead {
    headers: wasi_http::Headers,
    // None once its body was taken.
    request: RefCell<Option<wasi_http::Request>>,
}

impl IncomingHead {
    fn new(request: wasi_http::Request) -> IncomingHead {
        IncomingHead {
            headers: request.get_headers(),
            request: RefCell::new(Some(request)),
        }
    }
}

impl Head for IncomingHead {
    fn header(&self, name: &str) -> Option<String> {
        let value = self.headers.get(name).into_iter().next()?;
        String::from_utf8(value).ok()
    }

    fn list(&self, name: &str) -> Option<String> {
        let values = self.headers.get(name).into_iter();
        let texts = values.filter_map(|value| String::from_utf8(value).ok());
        texts.reduce(|list, value| list + ", " + &value)
    }

    fn authority(&self) -> Option<String> {
        self.request.borrow().as_ref()?.get_authority()
    }

    fn take_body(&self) -> BodyStream {
        match self.request.borrow_mut().take() {
            Some(request) => Box::pin(incoming(request)),
            None => body::empty(),
        }
    }
}

/// How much of a body is asked of the host at once, in bytes.
const CHUNK: usize = 16 << 10;

fn incoming(request: wasi_http::Request) -> impl Stream<Item = Result<Bytes, BodyBroken>> {
    let (done, done_reader) = wit_future::new(|| Ok(()));
    // Nobody has to be told how it went.
    drop(done);
    let (content, trailers) = wasi_http::Request::consume_body(request, done_reader);
    let state = Some((content, trailers));
    futures::stream::unfold(state, async |state| {
        let (mut content, trailers) = state?;
        let (result, bytes) = content.read(Vec::with_capacity(CHUNK)).await;
        if !bytes.is_empty() {
            return Some((Ok(bytes.into()), Some((content, trailers))));
        }
        match result {
            StreamResult::Complete(_) => Some((Ok(Bytes::new()), Some((content, trailers)))),
            // The host says how it ended only once its stream is closed.
            StreamResult::Dropped | StreamResult::Cancelled => {
                drop(content);
                let broken = trailers.await.err();
                broken.map(|_| (Err(BodyBroken), None))
            }
        }
    })
}

thread_local! {
    static FIELDS: RefCell<Fields> = const { RefCell::new(Fields::new()) };
}

/// What the host is given as headers, kept for the room that it has, and for the constants among
/// it, which most of it are and which most answers have in the same places: texts of a dozen
/// headers would otherwise be allocated, copied and freed for each answer.
struct Fields {
    texts: Vec<(String, Vec<u8>)>,
    /// The constants that the texts are copies of: each name, and each value that is one.
    copied: Vec<(&'static str, Option<&'static str>)>,
}

impl Fields {
    const fn new() -> Fields {
        Fields {
            texts: Vec::new(),
            copied: Vec::new(),
        }
    }

    fn of(&mut self, headers: &[(&'static str, Value)]) -> &[(String, Vec<u8>)] {
        if self.texts.len() < headers.len() {
            self.texts.resize_with(headers.len(), Default::default);
            self.copied.resize(headers.len(), ("", None));
        }
        let places = self.texts.iter_mut().zip(&mut self.copied);
        for ((name, value), (texts, copied)) in headers.iter().zip(places) {
            if !ptr::eq(copied.0, *name) {
                texts.0.clear();
                texts.0.push_str(name);
                copied.0 = name;
            }
            let constant = match value {
                Value::Borrowed(constant) => Some(*constant),
                Value::Owned(_) => None,
            };
            let is_there = match (constant, copied.1) {
                (Some(constant), Some(copied)) => ptr::eq(constant, copied),
                _ => false,
            };
            if !is_there {
                texts.1.clear();
                texts.1.extend_from_slice(value.as_bytes());
                copied.1 = constant;
            }
        }
        self.texts.get(..headers.len()).unwrap_or_default()
    }
}

fn respond(answer: Answer) -> Result<wasi_http::Response, ErrorCode> {
    let (status, headers, body) = answer.into_parts();
    let headers =
        FIELDS.with_borrow_mut(|fields| wasi_http::Fields::from_list(fields.of(&headers)));
    let headers = headers.map_err(|error| ErrorCode::InternalError(Some(error.to_string())))?;
    let (trailers, trailers_reader) = wit_future::new(|| Ok(None));
    let (content, content_reader) = match &body {
        Body::Whole(bytes) if bytes.is_empty() => (None, None),
        Body::Whole(_) | Body::Stream(_) => {
            let (writer, reader) = wit_stream::new();
            (Some(writer), Some(reader))
        }
    };
    let (response, _sent) = wasi_http::Response::new(headers, content_reader, trailers_reader);
    if status != http::StatusCode::OK {
        // Every status that an answer can have is one.
        let _known = response.set_status_code(status.as_u16());
    }
    spin_sdk::wit_bindgen::spawn(async move {
        match (content, body) {
            (Some(mut writer), Body::Whole(bytes)) => {
                // A client that has gone does not need the rest.
                let _unread = writer.write_all(bytes.into()).await;
            }
            (Some(mut writer), Body::Stream(mut pieces)) => {
                while let Some(piece) = pieces.next().await {
                    if !writer.write_all(piece.into()).await.is_empty() {
                        break;
                    }
                }
            }
            (None, _) => {}
        }
        let _unread = trailers.write(Ok(None)).await;
    });
    Ok(response)
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
        // Not by spin:key-value: Spin 4.1 holds its SQLite file for as long as it streams keys, and
        // an increment for another request of this instance, which waits for that file, would
        // keep the stream from ever being read to its end.
        let bucket = bucket()?;
        let mut page = bucket.list_keys(None)?;
        let mut keys = page.keys;
        while let Some(cursor) = page.cursor {
            page = bucket.list_keys(Some(cursor.as_str()))?;
            keys.append(&mut page.keys);
        }
        Ok(keys)
    }

    async fn increment(&self, key: &str, delta: i64) -> Result<i64, StoreError> {
        let asked = self.elapsed();
        let sum = atomics::increment(&*bucket()?, key, delta);
        sum.map_err(
            |error| match (self.elapsed().saturating_sub(asked) < AT_ONCE, error) {
                (false, wasi_store::Error::Other(reason)) => StoreError::Unanswered(reason),
                (_, error) => error.into(),
            },
        )
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
        spin_sdk::wit_bindgen::spawn(log::inherited(work));
    }
}

impl Variables for World {
    async fn variable(&self, name: &str) -> Result<String, VariableError> {
        // Boxed: this is awaited in two dozen places, each of which would contain all of it.
        let value = Box::pin(variables::get(name)).await;
        value.map_err(|error| VariableError {
            name: name.to_owned(),
            reason: match error {
                variables::Error::Undefined(_) => {
                    "it is not there; add it to the component's variables in spin.toml".to_owned()
                }
                // What a provider of variables says may tell of its own insides.
                error => {
                    log::warning(json!({
                        "event": "variable unreadable",
                        "variable": name,
                        "detail": error.to_string(),
                    }));
                    "it can't be read; the log says why".to_owned()
                }
            },
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
    let request = outgoing(request, limits)?;
    let response = client::send(request).await.map_err(refusal)?;
    let status = response.get_status_code();
    let headers = response.get_headers().copy_all();
    let headers = headers.into_iter().filter_map(text).collect();
    let (done, done_reader) = wit_future::new(|| Ok(()));
    // Nobody has to be told how it went.
    drop(done);
    let (mut content, trailers) = wasi_http::Response::consume_body(response, done_reader);
    let (mut body, mut chunk) = (Vec::new(), Vec::with_capacity(CHUNK));
    loop {
        chunk.clear();
        let result;
        (result, chunk) = content.read(chunk).await;
        if body.len() + chunk.len() > limits.body {
            return Err(OutboundError::TooLarge(limits.body));
        }
        body.extend_from_slice(&chunk);
        if !matches!(result, StreamResult::Complete(_)) {
            break;
        }
    }
    // The host says how it ended only once its stream is closed.
    drop(content);
    trailers.await.map_err(refusal)?;
    Ok(OutboundResponse {
        status,
        headers,
        body,
    })
}

/// The request as the host takes it. The types of the `http` crate would do as well, and cost
/// 50 KB of code for their header names alone.
fn outgoing(
    request: &OutboundRequest,
    limits: &Limits,
) -> Result<wasi_http::Request, OutboundError> {
    let invalid = |reason: &dyn Display| OutboundError::Invalid(reason.to_string());
    let url: http::Uri = request.url.parse().map_err(|error| invalid(&error))?;
    let headers = request.headers.iter();
    let headers: Vec<_> = headers
        .map(|(name, value)| (name.clone(), value.clone().into_bytes()))
        .collect();
    let headers = wasi_http::Fields::from_list(&headers).map_err(|error| invalid(&error))?;
    let (trailers, trailers_reader) = wit_future::new(|| Ok(None));
    // There are none.
    drop(trailers);
    let (outgoing, _sent) =
        wasi_http::Request::new(headers, None, trailers_reader, Some(options(limits)));
    let scheme = url.scheme_str().map(|scheme| match scheme {
        "http" => wasi_http::Scheme::Http,
        "https" => wasi_http::Scheme::Https,
        other => wasi_http::Scheme::Other(other.to_owned()),
    });
    let authority = url.authority().map(http::uri::Authority::as_str);
    let target = url.path_and_query().map(http::uri::PathAndQuery::as_str);
    outgoing
        .set_scheme(scheme.as_ref())
        .and_then(|()| outgoing.set_authority(authority))
        .and_then(|()| outgoing.set_path_with_query(target))
        .map_err(|()| invalid(&"the host does not take its URL"))?;
    Ok(outgoing)
}

/// A header, if its value is text.
fn text((mut name, value): (String, Vec<u8>)) -> Option<(String, String)> {
    let is_text = |byte: &u8| *byte == b'\t' || matches!(*byte, b' '..=b'~');
    if !value.iter().all(is_text) {
        return None;
    }
    name.make_ascii_lowercase();
    Some((name, String::from_utf8(value).ok()?))
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
        ErrorCode::TlsCertificateError
        | ErrorCode::TlsProtocolError
        | ErrorCode::TlsAlertReceived(_) => OutboundError::Untrusted(code.to_string()),
        other => OutboundError::Connection(other.to_string()),
    }
}

/// Makes an async function the component's answer to every request: it takes a
/// `wasi:http` request and gives a response or an error, as [`serve`] does.
#[macro_export]
macro_rules! http_component {
    ($handle:path) => {
        struct HttpComponent;

        impl ::spin_sdk::wasip3::exports::http::handler::Guest for HttpComponent {
            async fn handle(
                request: ::spin_sdk::wasip3::http::types::Request,
            ) -> Result<
                ::spin_sdk::wasip3::http::types::Response,
                ::spin_sdk::wasip3::http::types::ErrorCode,
            > {
                $handle(request).await
            }
        }

        ::spin_sdk::wasip3::http::service::export!(HttpComponent);
    };
}
