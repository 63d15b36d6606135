//! The warm instances of one component on one core, and which of them gets a request: the one
//! that was used last and has room. A request that finds none gets a new instance. Everything
//! here happens on one thread; the locks are never waited for.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::task::Waker;
use std::time::Instant;

use futures::channel::oneshot;
use futures::task::AtomicWaker;
use http::Request;
use wasmtime_wasi_http::WasiBody;
use wasmtime_wasi_http::handler::Response;

use crate::app::LoadedComponent;
use crate::capabilities::outbound_http::{self, HttpClient};
use crate::instance::lifetime::Watch;
use crate::instance::runner;
use crate::server::core::Core;
use crate::settings::Limits;

/// How often a request is handed to another instance because the one it was given to does not
/// take it.
const MAX_MOVES: u8 = 8;

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
    pub(super) answer: oneshot::Sender<wasmtime::Result<Response>>,
    moves: u8,
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
        })
    }

    /// Has an instance answer a request. Gives the response's head, and what is known of the
    /// instance that writes its body.
    pub(crate) async fn answer(
        self: &Arc<Self>,
        request: Request<WasiBody>,
        chain_length: u8,
    ) -> Result<(Response, Arc<OnceLock<Arc<Watch>>>), Failure> {
        let (answer, response) = oneshot::channel();
        let served_by = Arc::new(OnceLock::new());
        let arrived = Instant::now();
        self.dispatch(Job {
            request,
            chain_length,
            arrived,
            served_by: Arc::clone(&served_by),
            answer,
            moves: 0,
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

    /// Gives a request to the instance that was used last and has room, or to a new one.
    fn dispatch(self: &Arc<Self>, mut job: Job) {
        loop {
            let Some(seat) = self.open().last().cloned() else {
                break;
            };
            match seat.offer(job) {
                Ok(has_room) => {
                    if !has_room {
                        self.close(&seat);
                    }
                    return;
                }
                Err(refused) => {
                    self.close(&seat);
                    job = refused;
                }
            }
        }
        let seat = Arc::new(Seat::new(
            self.component.max_reuse(&self.limits),
            self.limits.max_instance_concurrent_reuse_count,
        ));
        // Requests that come while the instance is being made wait for it.
        if matches!(seat.offer(job), Ok(true)) {
            self.list(&seat);
        }
        tokio::spawn(runner::run(Occupied {
            pool: Arc::clone(self),
            seat,
        }));
    }

    fn open(&self) -> MutexGuard<'_, Vec<Arc<Seat>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
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

/// The place of one instance in its pool: requests are left here for it.
struct Seat {
    state: Mutex<SeatState>,
    instance: AtomicWaker,
}

struct SeatState {
    waiting: VecDeque<Job>,
    /// Requests taken and not yet answered.
    in_flight: usize,
    /// Requests taken so far.
    taken: usize,
    max_taken: usize,
    max_in_flight: usize,
    /// The instance cannot take anything now: its guest computes, or waits in a way that stops
    /// the whole instance.
    stuck: bool,
    /// The instance takes nothing any more.
    retired: bool,
    /// Whether it is in the pool's list.
    listed: bool,
}

impl SeatState {
    fn has_room(&self) -> bool {
        let waiting = self.waiting.len();
        !self.stuck
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
                stuck: false,
                retired: false,
                listed: false,
            }),
            instance: AtomicWaker::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, SeatState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Leaves a request for the instance and says whether there is room for another one, or
    /// gives it back.
    fn offer(&self, job: Job) -> Result<bool, Job> {
        let mut state = self.state();
        if !state.has_room() {
            return Err(job);
        }
        state.waiting.push_back(job);
        let has_room = state.has_room();
        drop(state);
        self.instance.wake();
        Ok(has_room)
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

    /// The next request for the instance, and whether there are more.
    pub(super) fn take(&self) -> Option<(Job, bool)> {
        let mut state = self.seat.state();
        if state.retired {
            return None;
        }
        let job = state.waiting.pop_front()?;
        state.in_flight += 1;
        state.taken += 1;
        Some((job, !state.waiting.is_empty()))
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

    /// After a turn of the instance: if it did not take what waited for it, that goes elsewhere;
    /// if it has room, it is open to more.
    pub(super) fn after_turn(&self) {
        let mut state = self.seat.state();
        state.stuck = !state.waiting.is_empty();
        let left = std::mem::take(&mut state.waiting);
        drop(state);
        self.move_elsewhere(left);
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
        for mut job in jobs {
            job.moves += 1;
            if job.moves > MAX_MOVES {
                job.fail(Failure::NoInstance);
            } else {
                self.pool.dispatch(job);
            }
        }
    }
}

impl Drop for Occupied {
    fn drop(&mut self) {
        self.retire();
        self.pool.close(&self.seat);
        let left = std::mem::take(&mut self.seat.state().waiting);
        // A core that is being torn down has nowhere to move them to.
        if self.pool.core.upgrade().is_some() && tokio::runtime::Handle::try_current().is_ok() {
            self.move_elsewhere(left);
        }
    }
}
