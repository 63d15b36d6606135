//! Runs one instance for as long as it lives: takes requests from its pool's queue, has the
//! guest answer them, several at once, lets it finish what it does after its answers, and ends
//! it when its time is up.
//!
//! A guest that computes, or that waits in a way that stops its whole instance, keeps wasmtime's
//! event loop for the instance from turning. So everything that has to work in spite of the
//! guest is polled outside of that loop: deadlines, and moving waiting requests elsewhere.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant};

use futures::stream::{FuturesUnordered, StreamExt};
use runtime_host_wasi::InstanceState;
use tokio::time::{sleep, timeout};
use wasmtime::component::{Accessor, GuestTaskId};
use wasmtime::{AsContextMut, PoolConcurrencyLimitError, Store, Trap};
use wasmtime_wasi_http::WasiHttpView;
use wasmtime_wasi_http::handler::{Prepared, Proxy};

use crate::app::LoadedComponent;
use crate::capabilities::outbound_http::OutboundHttp;
use crate::guest_output::Stream;
use crate::instance::lifetime::{Activity, Expiration, Over, RequestDeadline, Times, Watch};
use crate::instance::new_store;
use crate::instance::pool::{Failure, Job, Occupied};
use crate::settings::Limits;
use crate::telemetry::record::End;

/// How many requests an instance takes before other tasks of its core get a turn.
const REQUESTS_PER_TURN: usize = 16;

/// How long a request waits for room for its instance where the host is full; then the answer is
/// 503.
const ROOM_WAIT: Duration = Duration::from_secs(1);

/// How often it looks for it.
const ROOM_STEP: Duration = Duration::from_millis(5);

/// The instance had work left when its time was up.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Stopped(String);

impl Stopped {
    fn because(over: Over, times: &Times, limits: &Limits) -> Self {
        let seconds = |time: Duration| time.as_secs_f64();
        Self(match over {
            Over::Idle => "nothing was asked of it".to_owned(),
            Over::Overdue => format!(
                "a request had no response within {} s (--request-timeout)",
                seconds(limits.request_timeout)
            ),
            Over::Stalled => format!(
                "nothing came of a request's body for {} s (--request-body-timeout)",
                seconds(times.request_body)
            ),
            Over::AfterAnswers => format!(
                "it was still busy {} s after its last response, or the last piece of its body \
                 (--request-timeout)",
                seconds(times.after_answers)
            ),
            Over::Computing => {
                "it computed for too long after its response, and wrote nothing".to_owned()
            }
        })
    }
}

/// Makes an instance and runs it to its end.
pub(super) async fn run(seat: Occupied) {
    let began = Instant::now();
    let watch = Arc::new(Watch::default());
    let (mut store, proxy) = match instantiate_in_turn(&seat, &watch).await {
        Ok(instance) => instance,
        Err(error) => {
            report_unstarted(&seat, began, error);
            return;
        }
    };
    seat.pool().record.started(began.elapsed());
    tracing::debug!(
        "an instance of component `{}` started",
        seat.pool().component.id
    );
    let ended = drive(&seat, &mut store, &proxy, &watch).await;
    let end = end(&seat, &store, &ended);
    seat.pool().record.ended(end);
    tracing::debug!(
        "an instance of component `{}` ended",
        seat.pool().component.id
    );
    if let Err(error) = ended {
        let reason = reason(&store, &error);
        report_end(&seat.pool().component, &reason, &error);
        watch.fail(reason);
    }
}

/// Why an instance has ended, in one word.
fn end(seat: &Occupied, store: &Store<InstanceState>, ended: &wasmtime::Result<()>) -> End {
    match ended {
        Ok(()) if seat.has_taken_all() => End::Retired,
        // A request took longer than it may, and its guest went on.
        Ok(()) if seat.is_retired() => End::TimedOut,
        Ok(()) => End::Idle,
        Err(_) if store.data().memory().was_reached() => End::Memory,
        Err(error) if error.is::<Stopped>() => End::TimedOut,
        Err(_) => End::Trapped,
    }
}

/// Makes an instance as soon as there is room for one, if requests still wait for it then.
/// Instances that still do something after their answers take room too, but mostly not for long.
async fn instantiate_in_turn(
    seat: &Occupied,
    watch: &Arc<Watch>,
) -> wasmtime::Result<(Store<InstanceState>, Proxy)> {
    loop {
        let made = instantiate(seat, watch).await;
        let is_full = matches!(&made, Err(error) if error.is::<PoolConcurrencyLimitError>());
        let first = seat.first_arrived();
        if is_full && first.is_some_and(|arrived| arrived.elapsed() < ROOM_WAIT) {
            sleep(ROOM_STEP).await;
            continue;
        }
        return made;
    }
}

async fn instantiate(
    seat: &Occupied,
    watch: &Arc<Watch>,
) -> wasmtime::Result<(Store<InstanceState>, Proxy)> {
    let pool = seat.pool();
    let core = pool.core.upgrade().ok_or(Failure::InstanceEnded(None))?;
    let outbound = OutboundHttp::new(
        &pool.component,
        pool.client.clone(),
        &pool.core,
        watch,
        &pool.record,
        core.traces(),
    );
    let stores = pool.component.stores.recorded(&core.record().stores);
    let mut store = new_store(
        core.engine(),
        &pool.component,
        outbound,
        stores,
        &pool.limits,
    );
    let started = pool.component.pre.instantiate_async(&mut store);
    let proxy = timeout(pool.limits.request_timeout, started)
        .await
        .map_err(|_| Failure::StartTimeout)??;
    Ok((store, proxy))
}

/// Fails the requests that this instance was to serve; those that came after it `began` get
/// another try.
fn report_unstarted(seat: &Occupied, began: Instant, error: wasmtime::Error) {
    if error.is::<PoolConcurrencyLimitError>() {
        return seat.fail_waiting(
            |arrived| arrived.elapsed() >= ROOM_WAIT,
            || Failure::NoInstance,
        );
    }
    let in_time = |arrived: Instant| arrived <= began;
    match error.downcast::<Failure>() {
        Ok(Failure::StartTimeout) => seat.fail_waiting(in_time, || Failure::StartTimeout),
        Ok(_) => seat.fail_waiting(in_time, || Failure::InstanceEnded(None)),
        Err(error) => {
            let id = &seat.pool().component.id;
            tracing::error!("component `{id}` cannot be instantiated: {error:#}");
            let error = Arc::new(error);
            seat.fail_waiting(in_time, || Failure::Unstarted(Arc::clone(&error)));
        }
    }
}

async fn drive(
    seat: &Occupied,
    store: &mut Store<InstanceState>,
    proxy: &Proxy,
    watch: &Arc<Watch>,
) -> wasmtime::Result<()> {
    let limits = &seat.pool().limits;
    let times = Times {
        after_answers: limits.after_answers_timeout(),
        response_body: limits.response_body_timeout,
        request_body: limits.request_body_timeout,
        idle: limits.idle_instance_timeout,
    };
    let busy = match seat.pool().core.upgrade() {
        Some(core) => core.busy_instances(),
        None => return Ok(()),
    };
    let mut expiration = Expiration::new(times, Arc::clone(watch), busy);
    let progress = Progress::new();
    let mut serving =
        pin!(store.run_concurrent(async |accessor| {
            serve(accessor, seat, proxy, watch, &progress).await
        }));
    poll_fn(|cx| {
        seat.wake_by(cx.waker());
        let start = Instant::now();
        let mut has_taken_last = false;
        for _ in 0..REQUESTS_PER_TURN {
            progress.may_take.store(true, Ordering::Relaxed);
            if let Poll::Ready(ended) = serving.as_mut().poll(cx) {
                return Poll::Ready(ended.flatten());
            }
            has_taken_last = !progress.may_take.load(Ordering::Relaxed);
            if !has_taken_last || !seat.is_awaited() {
                break;
            }
        }
        if seat.goes_on(has_taken_last) {
            cx.waker().wake_by_ref();
        }
        let turn = start.elapsed();
        let (activity, since) = progress.activity();
        match (expiration.poll(cx, activity, since, turn), activity) {
            (Poll::Pending, _) => Poll::Pending,
            (Poll::Ready(_), Activity::Idle) => Poll::Ready(Ok(())),
            (Poll::Ready(over), _) => {
                Poll::Ready(Err(Stopped::because(over, &times, limits).into()))
            }
        }
    })
    .await
}

/// What the inside of an instance's event loop and the outside tell each other.
struct Progress {
    activity: Mutex<(Activity, Instant)>,
    /// Cleared with the request that is taken.
    may_take: AtomicBool,
}

impl Progress {
    fn new() -> Self {
        Self {
            activity: Mutex::new((Activity::Idle, Instant::now())),
            may_take: AtomicBool::new(false),
        }
    }

    fn activity(&self) -> (Activity, Instant) {
        *self.activity.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes what the instance does; `anew` if it has done something else in between.
    fn now_doing(&self, doing: Activity, anew: bool) {
        let mut activity = self.activity.lock().unwrap_or_else(PoisonError::into_inner);
        if anew || activity.0 != doing {
            *activity = (doing, Instant::now());
        }
    }
}

/// The part that runs inside of the instance's event loop. Ends when the instance is retired and
/// has nothing left to do, or when it has trapped.
async fn serve(
    accessor: &Accessor<InstanceState>,
    seat: &Occupied,
    proxy: &Proxy,
    watch: &Arc<Watch>,
    progress: &Progress,
) -> wasmtime::Result<()> {
    let function = match proxy {
        Proxy::P3(guest) => *guest.wasi_http_handler().func_handle().func(),
        Proxy::P2(guest) => *guest.wasi_http_incoming_handler().func_handle().func(),
    };
    let mut calls = FuturesUnordered::new();
    poll_fn(|cx| {
        let mut has_answered = false;
        loop {
            while let Poll::Ready(Some(answered)) = calls.poll_next_unpin(cx) {
                seat.answered();
                has_answered = true;
                match answered {
                    Ok(true) => {}
                    // The request's time was up, but its guest goes on: no more for this one.
                    Ok(false) => seat.retire(),
                    Err(trap) => return Poll::Ready(Err(trap)),
                }
            }
            let is_ready = accessor
                .poll_ready_for_concurrent_call(function, cx)
                .is_ready();
            // One request is taken before the instance has come to rest again, so that a trap in
            // it leaves the next ones untouched, and so that what is left to do of the ones
            // before gets done.
            if is_ready
                && progress.may_take.load(Ordering::Relaxed)
                && let Some(job) = seat.take()
            {
                progress.may_take.store(false, Ordering::Relaxed);
                calls.push(call(accessor, seat, proxy, watch, job));
                continue;
            }
            if !calls.is_empty() {
                progress.now_doing(Activity::Requests, false);
                return Poll::Pending;
            }
            if accessor.poll_no_interesting_tasks(cx).is_pending() {
                progress.now_doing(Activity::AfterAnswers, has_answered);
                return Poll::Pending;
            }
            if seat.is_retired() {
                return Poll::Ready(Ok(()));
            }
            progress.now_doing(Activity::Idle, has_answered);
            return Poll::Pending;
        }
    })
    .await
}

/// Has the guest answer one request. Gives whether it did in time.
async fn call(
    accessor: &Accessor<InstanceState>,
    seat: &Occupied,
    proxy: &Proxy,
    watch: &Arc<Watch>,
    job: Job,
) -> wasmtime::Result<bool> {
    let Job {
        request,
        lineage,
        arrived,
        served_by,
        permit: _counted,
        answer,
    } = job;
    let _first = served_by.set(Arc::clone(watch));
    let limits = &seat.pool().limits;
    let deadline = arrived + limits.request_timeout;
    let (prepared, deadline) = accessor.with(|mut store| {
        let mut store = store.as_context_mut();
        // Time has passed since the instance last ran; without this the first thing that a
        // request met would be an interruption.
        store.set_epoch_deadline(1);
        let prepared = Prepared::new(store, proxy, request, InstanceState::http, answer)?;
        let task = task_of(&prepared);
        let deadline = RequestDeadline::new(Arc::clone(watch), task, lineage, deadline);
        wasmtime::error::Ok((prepared, deadline))
    })?;
    if !limits.guests_are_bounded {
        return prepared.run(accessor, std::future::pending()).await;
    }
    prepared.run(accessor, deadline).await
}

fn task_of(prepared: &Prepared<'_, InstanceState>) -> GuestTaskId {
    match prepared {
        Prepared::P2 { call, .. } => call.task(),
        Prepared::P3 { call, .. } => call.task(),
    }
}

/// Why an instance ended before its work was done.
fn reason(store: &Store<InstanceState>, error: &wasmtime::Error) -> String {
    let memory = store.data().memory();
    if memory.was_reached() {
        return format!(
            "it reached its memory limit of {} MiB (--max-instance-memory)",
            memory.limit() >> 20
        );
    }
    match error.downcast_ref::<Trap>() {
        Some(trap) => trap.to_string(),
        None => error.to_string(),
    }
}

/// Tells that to the component's author.
fn report_end(component: &LoadedComponent, reason: &str, error: &wasmtime::Error) {
    let id = &component.id;
    tracing::warn!("an instance of component `{id}` ended: {reason}");
    let output = &component.output;
    output.say(id, Stream::Stderr, format!("the instance ended: {reason}"));
    if !error.is::<Stopped>() {
        for line in format!("{error:?}").lines() {
            output.say(id, Stream::Stderr, line);
        }
    }
}
