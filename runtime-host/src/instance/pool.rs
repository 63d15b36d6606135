//! The warm instances of one component on one core, and which of them gets a request: the one
//! that was used last and has room. A request that finds none gets a new instance, unless there
//! are instances that only cannot take it this very moment: then it waits for whichever is ready
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
use wasmtime_wasi_http::WasiBody;
use wasmtime_wasi_http::handler::Response;

use crate::app::LoadedComponent;
use crate::capabilities::outbound_http::{self, HttpClient};
use crate::instance::lifetime::Watch;
use crate::instance::runner;
use crate::server::core::{Core, Permit};
use crate::settings::Limits;

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
    #[error("the component did not start in time")]
    StartTimeout,
    /// The response did not come in time.
    #[error("the component did not answer in time")]
    Expired,
    /// The instance ended, by a trap in this request or in another, or by force.
    #[error("the instance ended")]
    InstanceEnded,
    /// The guest gave an error in place of a response, or trapped in this very request.
    #[error("{0:#}")]
    Guest(wasmtime::Error),
}

/// A request that waits for an instance.
pub(crate) struct Job {
    pub(super) request: Request<WasiBody>,
    /// How many calls between components led to it; 0 for one from outside.
    pub(super) chain_length: u8,
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
    /// Shared by the instances, so that they use the same connections.
    pub(super) client: Option<HttpClient>,
    /// Those that may have room, the one used last at the end.
    open: Mutex<Vec<Arc<Seat>>>,
    /// Requests that wait for any instance.
    waiting: Mutex<VecDeque<Job>>,
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
    ) -> Arc<Self> {
        Arc::new(Self {
            client: outbound_http::client_for(&component),
            component,
            limits,
            core,
            open: Mutex::default(),
            waiting: Mutex::default(),
            held_up: AtomicUsize::new(0),
            taken: AtomicUsize::new(0),
            is_growing: AtomicBool::new(false),
        })
    }

    /// Has an instance answer a request. Gives the response's head, and what is known of the
    /// instance that writes its body.
    pub(crate) async fn answer(
        self: &Arc<Self>,
        request: Request<WasiBody>,
        chain_length: u8,
        permit: Option<Arc<Permit>>,
    ) -> Result<(Response, Arc<OnceLock<Arc<Watch>>>), Failure> {
        let (answer, response) = oneshot::channel();
        let served_by = Arc::new(OnceLock::new());
        let arrived = Instant::now();
        self.dispatch(Job {
            request,
            chain_length,
            arrived,
            served_by: Arc::clone(&served_by),
            permit,
            answer,
        });
        let error = match response.await {
            Ok(Ok(response)) => return Ok((response, served_by)),
            Ok(Err(error)) => Some(error),
            Err(oneshot::Canceled) => None,
        };
        // An instance that is stopped by force does not say why.
        if arrived.elapsed() >= self.limits.request_timeout {
            return Err(Failure::Expired);
        }
        let Some(error) = error else {
            return Err(Failure::InstanceEnded);
        };
        Err(match error.downcast::<Failure>() {
            Ok(failure) => failure,
            Err(error) => Failure::Guest(error),
        })
    }

    /// Gives a request to an instance, or lets it wait for one.
    fn dispatch(self: &Arc<Self>, job: Job) {
        while let Some(seat) = self.last_open() {
            if seat.state().has_room() {
                if !seat.leave(job) {
                    self.close(&seat);
                }
                return;
            }
            self.close(&seat);
        }
        if self.held_up.load(Ordering::Relaxed) == 0 {
            return self.start(job);
        }
        self.waiting().push_back(job);
        if !self.is_growing.swap(true, Ordering::Relaxed) {
            tokio::spawn(grow(Arc::downgrade(self)));
        }
    }

    /// Starts an instance with its first request. Requests that come while it is being made can
    /// wait for it.
    fn start(self: &Arc<Self>, job: Job) {
        let seat = Arc::new(Seat::new(
            self.component.max_reuse(&self.limits),
            self.limits.max_instance_concurrent_reuse_count,
        ));
        if seat.leave(job) {
            self.list(&seat);
        }
        tokio::spawn(runner::run(Occupied {
            pool: Arc::clone(self),
            seat,
        }));
    }

    fn waiting(&self) -> MutexGuard<'_, VecDeque<Job>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The request that has waited longest, if its client still waits too.
    fn next_waiting(&self) -> Option<Job> {
        first_awaited(&mut self.waiting())
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

/// The first request whose client still waits; those before it are dropped.
fn first_awaited(waiting: &mut VecDeque<Job>) -> Option<Job> {
    loop {
        let job = waiting.pop_front()?;
        if !job.answer.is_canceled() {
            return Some(job);
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
        if pool.waiting().is_empty() {
            pool.is_growing.store(false, Ordering::Relaxed);
            return;
        }
        let taken_so_far = pool.taken.load(Ordering::Relaxed);
        let are_taken = std::mem::replace(&mut taken_before, taken_so_far) != taken_so_far;
        let first = pool.waiting().front().map(|job| job.arrived.elapsed());
        if are_taken && first.is_none_or(|waited| waited < LONG) {
            continue;
        }
        if let Some(job) = pool.next_waiting() {
            pool.start(job);
        }
    }
}

/// The place of one instance in its pool: requests are left here for it.
struct Seat {
    state: Mutex<SeatState>,
    instance: AtomicWaker,
}

struct SeatState {
    /// Requests left for this very instance.
    waiting: VecDeque<Job>,
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
        let waiting = self.waiting.len();
        !self.held_up
            && !self.is_retired()
            && self.in_flight + waiting < self.max_in_flight
            && self.taken + waiting < self.max_taken
    }

    fn is_retired(&self) -> bool {
        self.retired || self.taken >= self.max_taken
    }
}

impl Seat {
    fn new(max_taken: usize, max_in_flight: usize) -> Self {
        Self {
            state: Mutex::new(SeatState {
                waiting: VecDeque::new(),
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

    /// Leaves a request for the instance. Gives whether there is room for another one.
    fn leave(&self, job: Job) -> bool {
        let mut state = self.state();
        state.waiting.push_back(job);
        let has_room = state.has_room();
        drop(state);
        self.instance.wake();
        has_room
    }
}

/// A seat with its instance. When it is dropped, requests that still wait go elsewhere.
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

    /// The next request for the instance, if it has room.
    pub(super) fn take(&self) -> Option<Job> {
        let mut state = self.seat.state();
        self.set_held_up(&mut state, false);
        if state.is_retired() || state.in_flight >= state.max_in_flight {
            return None;
        }
        let job = match first_awaited(&mut state.waiting) {
            Some(job) => job,
            None => self.pool.next_waiting()?,
        };
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

    /// Whether requests wait that the instance could take.
    pub(super) fn has_waiting(&self) -> bool {
        let state = self.seat.state();
        !state.waiting.is_empty() || (state.has_room() && !self.pool.waiting().is_empty())
    }

    /// After a turn in which the instance has taken nothing: if there was something to take, it
    /// is held up, and what was left for it waits for any other.
    pub(super) fn give_up_waiting(&self) {
        let mut state = self.seat.state();
        let could_take = state.has_room() && !self.pool.waiting().is_empty();
        if state.waiting.is_empty() && !could_take {
            return;
        }
        self.set_held_up(&mut state, true);
        let left = std::mem::take(&mut state.waiting);
        drop(state);
        self.move_elsewhere(left);
    }

    /// After a turn: if the instance has room, it is open to more.
    pub(super) fn open_if_room(&self) {
        self.pool.list(&self.seat);
    }

    /// Fails what waits because there will be no instance.
    pub(super) fn fail_waiting(&self, failure: impl Fn() -> Failure) {
        self.retire();
        let waiting = std::mem::take(&mut self.seat.state().waiting);
        for job in waiting {
            job.fail(failure());
        }
    }

    fn move_elsewhere(&self, jobs: VecDeque<Job>) {
        for job in jobs {
            self.pool.dispatch(job);
        }
    }
}

impl Drop for Occupied {
    fn drop(&mut self) {
        self.retire();
        self.pool.close(&self.seat);
        let mut state = self.seat.state();
        self.set_held_up(&mut state, false);
        let left = std::mem::take(&mut state.waiting);
        drop(state);
        // A core that has stopped has nowhere to move them to.
        if self
            .pool
            .core
            .upgrade()
            .is_some_and(|core| core.is_running())
        {
            self.move_elsewhere(left);
        }
    }
}
