//! A world for native tests: a store in memory, a clock that is set, an outbound side that
//! answers what the test scripted.

use crate::background::Background;
use crate::body::BodyStream;
use crate::clock::Clock;
use crate::log;
use crate::outbound::{Limits, Outbound, OutboundError, OutboundRequest, OutboundResponse};
use crate::random::{Random, SplitMix};
use crate::request::{Head, Request};
use crate::store::{Store, StoreError};
use crate::variables::{VariableError, Variables};
use bytes::Bytes;
use edge_rates_quotes::Millis;
use futures::StreamExt;
use futures::future::LocalBoxFuture;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::Future;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

/// A request as it comes in, its body in pieces.
pub fn incoming(method: &str, target: &str, headers: &[(&str, &str)], pieces: &[&str]) -> Request {
    incoming_to(&World::new(), method, target, headers, pieces)
}

/// The same in a certain world.
pub fn incoming_to(
    world: &World,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    pieces: &[&str],
) -> Request {
    let headers = headers
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let pieces = pieces.iter().map(|piece| Bytes::from((*piece).to_owned()));
    let head = Incoming {
        headers,
        body: RefCell::new(pieces.collect()),
    };
    let method = method.parse().unwrap_or(http::Method::GET);
    Request::new(method, target.to_owned(), Box::new(head), world)
}

#[derive(Debug)]
struct Incoming {
    headers: Vec<(String, String)>,
    body: RefCell<Vec<Bytes>>,
}

impl Incoming {
    fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        let named = self.headers.iter().filter(move |(known, _)| known == name);
        named.map(|(_, value)| value.as_str())
    }
}

impl Head for Incoming {
    fn header(&self, name: &str) -> Option<String> {
        self.values(name).next().map(str::to_owned)
    }

    fn list(&self, name: &str) -> Option<String> {
        let values: Vec<&str> = self.values(name).collect();
        (!values.is_empty()).then(|| values.join(", "))
    }

    fn authority(&self) -> Option<String> {
        self.header("host")
    }

    fn take_body(&self) -> BodyStream {
        let pieces = self.body.take().into_iter().map(Ok);
        futures::stream::iter(pieces).boxed_local()
    }
}

type Upstream = Box<dyn FnMut(&OutboundRequest) -> Result<OutboundResponse, OutboundError>>;

struct State {
    values: RefCell<BTreeMap<String, Vec<u8>>>,
    counters: RefCell<BTreeMap<String, i64>>,
    variables: RefCell<BTreeMap<String, String>>,
    is_broken: Cell<bool>,
    is_full: Cell<bool>,
    is_mute: Cell<bool>,
    on_increment: RefCell<Option<Box<dyn FnOnce()>>>,
    now: Cell<Millis>,
    elapsed: Cell<Duration>,
    random: Cell<SplitMix>,
    upstream: RefCell<Upstream>,
    sent: RefCell<Vec<OutboundRequest>>,
    limits: RefCell<Vec<Limits>>,
    background: RefCell<Vec<LocalBoxFuture<'static, ()>>>,
}

/// The fake; clones share their state.
#[derive(Clone)]
pub struct World(Rc<State>);

impl Default for World {
    fn default() -> World {
        World::new()
    }
}

impl World {
    /// An empty store, a clock at a fixed time, an upstream that can't be reached.
    pub fn new() -> World {
        World(Rc::new(State {
            values: RefCell::default(),
            counters: RefCell::default(),
            variables: RefCell::default(),
            is_broken: Cell::new(false),
            is_full: Cell::new(false),
            is_mute: Cell::new(false),
            on_increment: RefCell::default(),
            now: Cell::new(Millis(1_795_225_200_000)),
            elapsed: Cell::new(Duration::ZERO),
            random: Cell::new(SplitMix::new(7)),
            upstream: RefCell::new(Box::new(|_| {
                Err(OutboundError::Connection("no upstream was scripted".into()))
            })),
            sent: RefCell::default(),
            limits: RefCell::default(),
            background: RefCell::default(),
        }))
    }

    /// Lets time pass, on both clocks.
    pub fn advance(&self, by: Duration) {
        let ms = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        self.0.now.set(self.0.now.get().saturating_add(ms));
        self.0.elapsed.set(self.0.elapsed.get() + by);
    }

    /// Moves the wall clock back.
    pub fn go_back(&self, by: Duration) {
        let by = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        self.0.now.set(self.0.now.get().saturating_sub(by));
    }

    /// Scripts what upstreams answer.
    pub fn upstream(
        &self,
        answer: impl FnMut(&OutboundRequest) -> Result<OutboundResponse, OutboundError> + 'static,
    ) {
        *self.0.upstream.borrow_mut() = Box::new(answer);
    }

    /// Requests sent upstream so far.
    pub fn sent(&self) -> Vec<OutboundRequest> {
        self.0.sent.borrow().clone()
    }

    /// The limits that they were sent with.
    pub fn limits(&self) -> Vec<Limits> {
        self.0.limits.borrow().clone()
    }

    /// Makes the store refuse changes, as on a full disk, or take them again.
    pub fn fill_store(&self, is_full: bool) {
        self.0.is_full.set(is_full);
    }

    /// Makes every store operation fail, or work again.
    pub fn break_store(&self, is_broken: bool) {
        self.0.is_broken.set(is_broken);
    }

    /// Makes the store count without ever answering that it did, as one that hangs and goes on
    /// later; or answer again.
    pub fn mute_counters(&self, is_mute: bool) {
        self.0.is_mute.set(is_mute);
    }

    /// Runs `then` in the middle of the next increment.
    pub fn on_next_increment(&self, then: impl FnOnce() + 'static) {
        *self.0.on_increment.borrow_mut() = Some(Box::new(then));
    }

    /// Sets a variable.
    pub fn set_variable(&self, name: &str, value: &str) {
        self.0
            .variables
            .borrow_mut()
            .insert(name.to_owned(), value.to_owned());
    }

    /// A counter's value, if it was ever incremented.
    pub fn counter(&self, key: &str) -> Option<i64> {
        self.0.counters.borrow().get(key).copied()
    }

    /// A stored value.
    pub fn value(&self, key: &str) -> Option<Vec<u8>> {
        self.0.values.borrow().get(key).cloned()
    }

    /// Runs background work until none is left.
    pub async fn run_background(&self) {
        loop {
            let work = self.0.background.take();
            if work.is_empty() {
                return;
            }
            futures::future::join_all(work).await;
        }
    }

    fn check_writable(&self) -> Result<(), StoreError> {
        if self.0.is_full.get() {
            return Err(StoreError::Failed("full, by the test".into()));
        }
        self.check()
    }

    fn check(&self) -> Result<(), StoreError> {
        if self.0.is_broken.get() {
            return Err(StoreError::Failed("broken by the test".into()));
        }
        Ok(())
    }
}

impl Store for World {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.check()?;
        Ok(self.value(key))
    }

    async fn set(&self, key: &str, value: &[u8]) -> Result<(), StoreError> {
        self.check_writable()?;
        self.0
            .values
            .borrow_mut()
            .insert(key.to_owned(), value.to_owned());
        Ok(())
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.check_writable()?;
        self.0.values.borrow_mut().remove(key);
        self.0.counters.borrow_mut().remove(key);
        Ok(())
    }

    async fn keys(&self) -> Result<Vec<String>, StoreError> {
        self.check()?;
        let values = self.0.values.borrow();
        let counters = self.0.counters.borrow();
        Ok(values.keys().chain(counters.keys()).cloned().collect())
    }

    async fn increment(&self, key: &str, delta: i64) -> Result<i64, StoreError> {
        self.check_writable()?;
        let sum = {
            let mut counters = self.0.counters.borrow_mut();
            let sum = counters.entry(key.to_owned()).or_insert(0);
            *sum += delta;
            *sum
        };
        let then = self.0.on_increment.take();
        if let Some(then) = then {
            then();
        }
        if self.0.is_mute.get() {
            return Err(StoreError::Unanswered("mute by the test".into()));
        }
        Ok(sum)
    }
}

impl Clock for World {
    fn now(&self) -> Millis {
        self.0.now.get()
    }

    fn elapsed(&self) -> Duration {
        self.0.elapsed.get()
    }

    /// Sleeping takes no time, but moves both clocks, once other work had its turn.
    async fn sleep(&self, duration: Duration) {
        for _ in 0..3 {
            give_way().await;
        }
        self.advance(duration);
    }
}

/// Lets everything else that is ready go first.
async fn give_way() {
    let mut has_waited = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut has_waited, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

impl Random for World {
    fn bits(&self) -> u64 {
        let mut random = self.0.random.get();
        let bits = random.draw();
        self.0.random.set(random);
        bits
    }
}

impl Outbound for World {
    async fn send(
        &self,
        request: &OutboundRequest,
        limits: &Limits,
    ) -> Result<OutboundResponse, OutboundError> {
        self.0.sent.borrow_mut().push(request.clone());
        self.0.limits.borrow_mut().push(*limits);
        (self.0.upstream.borrow_mut())(request)
    }
}

impl Background for World {
    fn spawn(&self, work: impl Future<Output = ()> + 'static) {
        self.0
            .background
            .borrow_mut()
            .push(Box::pin(log::inherited(work)));
    }
}

impl Variables for World {
    async fn variable(&self, name: &str) -> Result<String, VariableError> {
        let value = self.0.variables.borrow().get(name).cloned();
        value.ok_or_else(|| VariableError {
            name: name.to_owned(),
            reason: "the test did not set it".into(),
        })
    }
}
