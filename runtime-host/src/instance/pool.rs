//! The warm instances of one component on one core, and the one queue that they take requests
//! from. Of those that have room, the one that was used last is called; it takes what waits, one
//! request after the other, and only when it is full of requests that are not answered yet the
//! next one is called, or made. So there are as many instances as there are guests that wait for
//! something, not as many as connections: with 1,024 of those and a guest that answers at once
//! that is one or two per core in place of 32.
//!
//! Where instances only cannot take a request this very moment, it waits for whichever is ready
//! first, and for a new one if that takes too long. Everything here happens on one thread; the
//! locks are never waited for.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::task::Waker;
use std::time::{Duration, Instant};

use futures::channel::oneshot;
use futures::task::AtomicWaker;
use http::Request;
use tokio::time::sleep;
use wasmtime::Trap;
use wasmtime_wasi_http::WasiBody;
use wasmtime_wasi_http::handler::{ExpirationError, ProxyPre, Response};
use wasmtime_wasi_http::p2::bindings::http::types as p2;
use wasmtime_wasi_http::p3::bindings::http::types as p3;

use crate::app::LoadedComponent;
use crate::capabilities::outbound_http::{self, HttpClient};
use crate::instance::lifetime::{Lineage, Watch};
use crate::instance::runner;
use crate::server::core::{Core, Permit};
use crate::settings::Limits;
use crate::telemetry::record::ComponentRecord;

/// How long a request waits for an instance that is held up, before it gets a new one. Guests are
/// held up while they compute, and by calls that stop their whole instance, such as writing to a
/// store through `wasi:keyvalue`; most of it is over sooner.
const PATIENCE: Duration = Duration::from_millis(2);

/// A request that has waited for so long gets a new instance even while others are taken.
const LONG: Duration = Duration::from_millis(20);

/// Why an instance gave no response.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// There is no instance to serve the request; the host is full.
    #[error("no instance is free")]
    NoInstance,
    /// The component cannot be instantiated.
    #[error("the component cannot be instantiated: {0:#}")]
    Unstarted(Arc<wasmtime::Error>),
    /// The component's initialisation takes as long as a request may take.
    #[error("it did not start in time")]
    StartTimeout,
    /// The response did not come in time.
    #[error("its response did not come in time")]
    Expired,
    /// The instance ended, by a trap in this request or in another, or by force.
    #[error("its instance ended before it had a response{}", because(.0))]
    InstanceEnded(Option<String>),
    /// The guest gave an error in place of a response, or trapped in this very request.
    #[error("{}", of_guest(.0))]
    Guest(wasmtime::Error),
}

fn because(why: &Option<String>) -> String {
    why.as_ref().map_or(String::new(), |why| format!(": {why}"))
}

/// A guest's own error in one line: what it says in place of a response, or why it trapped.
fn of_guest(error: &wasmtime::Error) -> String {
    if let Some(trap) = error.downcast_ref::<Trap>() {
        return trap.to_string();
    }
    if let Some(code) = error.downcast_ref::<p3::ErrorCode>() {
        return format!("it gave the error {code:?} in place of a response");
    }
    if let Some(code) = error.downcast_ref::<p2::ErrorCode>() {
        return format!("it gave the error {code:?} in place of a response");
    }
    let text = format!("{error:#}");
    text.lines().next().unwrap_or_default().to_owned()
}

/// A request that waits for an instance.
pub(crate) struct Job {
    pub(super) request: Request<WasiBody>,
    pub(super) lineage: Lineage,
    pub(super) arrived: Instant,
    /// Filled in by the instance that serves the request.
    pub(super) served_by: Arc<OnceLock<Arc<Watch>>>,
    /// Keeps the request counted for as long as its guest works on it, even if its client has
    /// gone. None for a call from another component, whose own request is counted.
    pub(super) permit: Option<Arc<Permit>>,
    pub(super) answer: oneshot::Sender<wasmtime::Result<Response>>,
}

impl Job {
    pub(super) fn fail(self, failure: Failure) {
        let _client_gone = self.answer.send(Err(failure.into()));
    }
}

/// The instances of one component on one core.
pub(crate) struct Pool {
    pub(super) component: Arc<LoadedComponent>,
    pub(super) limits: Arc<Limits>,
    pub(super) core: Weak<Core>,
    pub(super) record: Arc<ComponentRecord>,
    /// Shared by the instances, so that they use the same connections.
    pub(super) client: Option<HttpClient>,
    /// Those that may have room, the one used last at the end.
    open: Mutex<Vec<Arc<Seat>>>,
    /// Requests that wait for any instance.
    waiting: Mutex<VecDeque<Job>>,
    /// How many they are, to be read without a lock.
    waiting_count: AtomicUsize,
    /// How many instances are held up.
    held_up: AtomicUsize,
    /// How many requests instances have taken so far.
    taken: AtomicUsize,
    /// Whether somebody sees to it that nothing waits for too long.
    is_growing: AtomicBool,
}

impl Pool {
    pub(crate) fn new(
        component: Arc<LoadedComponent>,
        limits: Arc<Limits>,
        core: Weak<Core>,
        record: Arc<ComponentRecord>,
    ) -> Arc<Self> {
        Arc::new(Self {
            client: outbound_http::client_for(&component),
            component,
            limits,
            core,
            record,
            open: Mutex::default(),
            waiting: Mutex::default(),
            waiting_count: AtomicUsize::new(0),
            held_up: AtomicUsize::new(0),
            taken: AtomicUsize::new(0),
            is_growing: AtomicBool::new(false),
        })
    }

    /// Whether the component is for WASI 0.2.
    pub(crate) fn is_classic(&self) -> bool {
        matches!(self.component.pre, ProxyPre::P2(_))
    }

    /// How many requests wait for an instance. To be asked from any thread.
    pub(crate) fn waiting_requests(&self) -> usize {
        self.waiting_count.load(Ordering::Relaxed)
    }

    /// Has an instance answer a request that has `arrived` then. Gives the response's head, and
    /// what is known of the instance that writes its body.
    pub(crate) async fn answer(
        self: &Arc<Self>,
        request: Request<WasiBody>,
        lineage: Lineage,
        arrived: Instant,
        permit: Option<Arc<Permit>>,
    ) -> Result<(Response, Arc<OnceLock<Arc<Watch>>>), Failure> {
        let (answer, response) = oneshot::channel();
        let served_by: Arc<OnceLock<Arc<Watch>>> = Arc::default();
        let upload = lineage.upload.clone();
        self.dispatch(Job {
            request,
            lineage,
            arrived,
            served_by: Arc::clone(&served_by),
            permit,
            answer,
        });
        let error = match response.await {
            Ok(Ok(response)) => {
                if self.is_classic()
                    && let Some(watch) = served_by.get()
                {
                    watch.head_given();
                }
                return Ok((response, served_by));
            }
            Ok(Err(error)) => Some(error),
            Err(oneshot::Canceled) => None,
        };
        // An instance that is stopped by force does not say why. Time in which its client was waited
        // for is not the guest's.
        let waited = upload.map_or(Duration::ZERO, |upload| upload.waited());
        let is_late = arrived.elapsed().saturating_sub(waited) >= self.limits.request_timeout;
        let Some(error) = error else {
            let why = served_by.get().and_then(|instance| instance.failure());
            return Err(if is_late {
                Failure::Expired
            } else {
                Failure::InstanceEnded(why.map(str::to_owned))
            });
        };
        if is_late || error.is::<ExpirationError>() {
            return Err(Failure::Expired);
        }
        Err(match error.downcast::<Failure>() {
            Ok(failure) => failure,
            Err(error) => Failure::Guest(error),
        })
    }

    /// Gives a request to an instance, or lets it wait for one.
    fn dispatch(self: &Arc<Self>, job: Job) {
        let mut waiting = self.waiting();
        waiting.push_back(job);
        self.note_length(&waiting);
        drop(waiting);
        self.call();
    }

    /// Sees to it that an instance takes what waits.
    fn call(self: &Arc<Self>) {
        while let Some(seat) = self.last_open() {
            if seat.state().has_room() {
                return seat.instance.wake();
            }
            self.close(&seat);
        }
        if self.held_up.load(Ordering::Relaxed) == 0 {
            return self.start();
        }
        if !self.is_growing.swap(true, Ordering::Relaxed) {
            tokio::spawn(grow(Arc::downgrade(self)));
        }
    }

    /// Starts an instance, which takes what waits. Requests that come while it is being made can
    /// wait for it.
    fn start(self: &Arc<Self>) {
        let seat = Arc::new(Seat::new(
            self.component.max_reuse(&self.limits),
            self.limits.max_instance_concurrent_reuse_count,
        ));
        self.list(&seat);
        tokio::spawn(runner::run(Occupied {
            pool: Arc::clone(self),
            seat,
        }));
    }

    /// Has to be called after every change of what waits.
    fn note_length(&self, waiting: &VecDeque<Job>) {
        self.waiting_count.store(waiting.len(), Ordering::Relaxed);
    }

    fn waiting(&self) -> MutexGuard<'_, VecDeque<Job>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The request that has waited longest, of those whose clients still wait too.
    fn next_waiting(&self) -> Option<Job> {
        let mut waiting = self.waiting();
        loop {
            let job = waiting.pop_front();
            self.note_length(&waiting);
            match job {
                Some(job) if job.answer.is_canceled() => {}
                job => return job,
            }
        }
    }

    /// Whether requests wait whose clients wait too.
    fn has_waiting(&self) -> bool {
        let mut waiting = self.waiting();
        while waiting.front().is_some_and(|job| job.answer.is_canceled()) {
            waiting.pop_front();
            self.note_length(&waiting);
        }
        !waiting.is_empty()
    }

    fn open(&self) -> MutexGuard<'_, Vec<Arc<Seat>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn last_open(&self) -> Option<Arc<Seat>> {
        self.open().last().cloned()
    }

    fn list(&self, seat: &Arc<Seat>) {
        let mut state = seat.state();
        if state.has_room() && !state.listed {
            state.listed = true;
            self.open().push(Arc::clone(seat));
        }
    }

    fn close(&self, seat: &Arc<Seat>) {
        let mut state = seat.state();
        if state.listed {
            state.listed = false;
            self.open().retain(|open| !Arc::ptr_eq(open, seat));
        }
    }
}

/// Starts an instance whenever requests wait and no instance takes one for too long, until none
/// waits. Where instances do take them, there is mostly just more work than the core can do, and
/// more instances would not help; but where they wait long all the same, the instances wait too.
async fn grow(pool: Weak<Pool>) {
    let mut taken_before = usize::MAX;
    loop {
        sleep(PATIENCE).await;
        let Some(pool) = pool.upgrade() else {
            return;
        };
        if !pool.has_waiting() {
            pool.is_growing.store(false, Ordering::Relaxed);
            return;
        }
        let taken_so_far = pool.taken.load(Ordering::Relaxed);
        let are_taken = std::mem::replace(&mut taken_before, taken_so_far) != taken_so_far;
        let first = pool.waiting().front().map(|job| job.arrived.elapsed());
        if are_taken && first.is_none_or(|waited| waited < LONG) {
            continue;
        }
        pool.start();
    }
}

/// The place of one instance in its pool.
struct Seat {
    state: Mutex<SeatState>,
    instance: AtomicWaker,
}

struct SeatState {
    /// Requests taken and not yet answered.
    in_flight: usize,
    /// Requests taken so far.
    taken: usize,
    max_taken: usize,
    max_in_flight: usize,
    /// The instance cannot take anything now: its guest computes, or waits in a way that stops
    /// the whole instance.
    held_up: bool,
    /// The instance takes nothing any more.
    retired: bool,
    /// Whether it is in the pool's list.
    listed: bool,
}

impl SeatState {
    fn has_room(&self) -> bool {
        !self.held_up && !self.is_retired() && self.in_flight < self.max_in_flight
    }

    fn is_retired(&self) -> bool {
        self.retired || self.taken >= self.max_taken
    }
}

impl Seat {
    fn new(max_taken: usize, max_in_flight: usize) -> Self {
        Self {
            state: Mutex::new(SeatState {
                in_flight: 0,
                taken: 0,
                max_taken,
                max_in_flight,
                held_up: false,
                retired: false,
                listed: false,
            }),
            instance: AtomicWaker::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, SeatState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A seat with its instance. When it is dropped, others are called to what still waits.
pub(super) struct Occupied {
    pool: Arc<Pool>,
    seat: Arc<Seat>,
}

impl Occupied {
    pub(super) fn pool(&self) -> &Arc<Pool> {
        &self.pool
    }

    /// The instance is woken by new requests from now on.
    pub(super) fn wake_by(&self, waker: &Waker) {
        self.seat.instance.register(waker);
    }

    /// The next request, if the instance has room.
    pub(super) fn take(&self) -> Option<Job> {
        let mut state = self.seat.state();
        self.set_held_up(&mut state, false);
        if state.is_retired() || state.in_flight >= state.max_in_flight {
            return None;
        }
        let job = self.pool.next_waiting()?;
        if state.taken > 0 {
            self.pool.record.reused.count();
        }
        state.in_flight += 1;
        state.taken += 1;
        self.pool.taken.fetch_add(1, Ordering::Relaxed);
        Some(job)
    }

    fn set_held_up(&self, state: &mut SeatState, held_up: bool) {
        if state.held_up != held_up {
            state.held_up = held_up;
            if held_up {
                self.pool.held_up.fetch_add(1, Ordering::Relaxed);
            } else {
                self.pool.held_up.fetch_sub(1, Ordering::Relaxed);
            }
        }
    }

    /// The instance has answered a request.
    pub(super) fn answered(&self) {
        let mut state = self.seat.state();
        state.in_flight = state.in_flight.saturating_sub(1);
    }

    /// The instance will take no more requests.
    pub(super) fn retire(&self) {
        self.seat.state().retired = true;
    }

    /// Whether the instance will take no more requests.
    pub(super) fn is_retired(&self) -> bool {
        self.seat.state().is_retired()
    }

    /// Whether the instance has taken as many requests as it may.
    pub(super) fn has_taken_all(&self) -> bool {
        let state = self.seat.state();
        state.taken >= state.max_taken
    }

    /// Whether requests wait, for whichever instance.
    pub(super) fn is_awaited(&self) -> bool {
        self.pool.has_waiting()
    }

    /// After a turn: whether the instance takes more of what waits in its next one. If it is held
    /// up, which shows by its having taken nothing in this turn, or if it is full, others are
    /// called.
    pub(super) fn goes_on(&self, has_taken: bool) -> bool {
        let is_awaited = self.pool.has_waiting();
        let mut state = self.seat.state();
        let could_take = is_awaited && state.has_room();
        if could_take && !has_taken {
            self.set_held_up(&mut state, true);
        }
        let has_room = state.has_room();
        drop(state);
        self.pool.list(&self.seat);
        if is_awaited && !has_room {
            self.pool.call();
        }
        could_take && has_taken
    }

    /// Fails the first of the requests that wait, as far as `concerned` says so of the times when
    /// they came, because there will be no instance for them.
    pub(super) fn fail_waiting(
        &self,
        concerned: impl Fn(Instant) -> bool,
        failure: impl Fn() -> Failure,
    ) {
        self.retire();
        loop {
            let mut waiting = self.pool.waiting();
            let first = waiting.pop_front_if(|job| concerned(job.arrived));
            self.pool.note_length(&waiting);
            drop(waiting);
            match first {
                Some(job) => job.fail(failure()),
                None => return,
            }
        }
    }

    /// When the request came that has waited longest.
    pub(super) fn first_arrived(&self) -> Option<Instant> {
        self.pool.waiting().front().map(|job| job.arrived)
    }
}

impl Drop for Occupied {
    fn drop(&mut self) {
        self.retire();
        self.pool.close(&self.seat);
        let mut state = self.seat.state();
        self.set_held_up(&mut state, false);
        drop(state);
        // On a core that has stopped there is nobody to call.
        let core = self.pool.core.upgrade();
        if self.pool.has_waiting() && core.is_some_and(|core| core.is_running()) {
            self.pool.call();
        }
    }
}
