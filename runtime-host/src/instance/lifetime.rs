//! How long an instance and the requests in it may go on: a deadline for each request, a limit
//! for what a guest still does after its answers, and the retirement of idle instances.
//!
//! One timer per instance serves all of it. It is only ever moved to an earlier time; when it
//! fires too early it is set again. So a busy instance touches the timer about once a second
//! rather than once a request.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use tokio::time::Sleep;
use wasmtime::component::GuestTaskId;
use wasmtime_wasi_http::handler::{WorkerExpiration, WorkerStatus};

/// How far behind its deadline a request may be answered when its guest never yields to the
/// instance's other tasks and so has to be stopped from outside.
const SLACK: Duration = Duration::from_millis(20);

/// How many epoch ticks of computing a guest may spend after its answers before it is stopped.
/// Waiting is not counted. A guest that computes keeps new requests out of its instance.
const TICKS_AFTER_ANSWERS: u32 = 200;

/// Times that bound an instance's life.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    /// From the arrival of a request to its response's head.
    pub(crate) request: Duration,
    /// For what a guest does after its last response began: streaming the body, and tasks that
    /// outlive the response.
    pub(crate) after_answers: Duration,
    /// Without any work, until the instance is dropped.
    pub(crate) idle: Duration,
}

/// What the parts that watch over one instance share.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    requests: Mutex<Requests>,
    ticks: AtomicU32,
    failed: AtomicBool,
}

#[derive(Debug, Default)]
struct Requests {
    /// In the order of their deadlines, which is the order of arrival, because all requests of
    /// an instance have the same time.
    waiting: VecDeque<Option<Waiting>>,
    /// The ticket of the first in `waiting`; smaller ones are over.
    first_ticket: u64,
    /// When a piece of a response's body was last passed on.
    body_progressed: Option<Instant>,
    /// Requests that came from another component, with the length of their chain of calls.
    chained: Vec<(GuestTaskId, u8)>,
}

#[derive(Debug)]
struct Waiting {
    deadline: Instant,
    waker: Waker,
}

impl Watch {
    /// Counts one epoch tick that the guest spent computing.
    pub(crate) fn tick(&self) {
        self.ticks.fetch_add(1, Ordering::Relaxed);
    }

    /// Marks the instance as ended by a trap or by force: what it has not sent will not come.
    pub(crate) fn fail(&self) {
        self.failed.store(true, Ordering::Relaxed);
    }

    /// Whether the instance has ended before its work was done.
    pub(crate) fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }

    /// A piece of a response's body was passed on: a stream may go on as long as it moves.
    pub(crate) fn body_progressed(&self) {
        self.requests().body_progressed = Some(Instant::now());
    }

    /// How many calls between components led to the request of this task; 0 for one that came
    /// from outside.
    pub(crate) fn chain_length(&self, task: GuestTaskId) -> u8 {
        self.requests()
            .chained
            .iter()
            .find(|(chained, _)| *chained == task)
            .map_or(0, |(_, length)| *length)
    }

    /// The longest chain of calls that led to any request of this instance.
    pub(crate) fn longest_chain(&self) -> u8 {
        let requests = self.requests();
        let lengths = requests.chained.iter().map(|(_, length)| *length);
        lengths.max().unwrap_or(0)
    }

    fn requests(&self) -> MutexGuard<'_, Requests> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next_deadline(&self) -> Option<Instant> {
        let requests = self.requests();
        let next = requests.waiting.iter().flatten().next();
        next.map(|waiting| waiting.deadline)
    }

    /// Ends the requests whose deadline has come.
    fn expire(&self, now: Instant) {
        let mut requests = self.requests();
        while let Some(first) = requests.waiting.front() {
            match first {
                Some(waiting) if waiting.deadline > now => break,
                Some(waiting) => waiting.waker.wake_by_ref(),
                None => {}
            }
            requests.pop_first();
        }
    }
}

impl Requests {
    fn pop_first(&mut self) {
        self.waiting.pop_front();
        self.first_ticket += 1;
    }

    fn slot(&mut self, ticket: u64) -> Option<&mut Option<Waiting>> {
        let index = ticket.checked_sub(self.first_ticket)?;
        self.waiting.get_mut(usize::try_from(index).ok()?)
    }
}

/// Resolves when a request has had its time.
pub(crate) struct RequestDeadline {
    watch: Arc<Watch>,
    deadline: Instant,
    task: GuestTaskId,
    chained: bool,
    ticket: Option<u64>,
}

impl RequestDeadline {
    /// The deadline of the request that `task` answers. `chain_length` is the number of calls
    /// between components that led to it.
    pub(crate) fn new(
        watch: Arc<Watch>,
        task: GuestTaskId,
        chain_length: u8,
        time: Duration,
    ) -> Self {
        let chained = chain_length > 0;
        if chained {
            watch.requests().chained.push((task, chain_length));
        }
        Self {
            watch,
            deadline: Instant::now() + time,
            task,
            chained,
            ticket: None,
        }
    }
}

impl Future for RequestDeadline {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let mut requests = this.watch.requests();
        let Some(ticket) = this.ticket else {
            this.ticket = Some(requests.first_ticket + requests.waiting.len() as u64);
            requests.waiting.push_back(Some(Waiting {
                deadline: this.deadline,
                waker: cx.waker().clone(),
            }));
            return Poll::Pending;
        };
        match requests.slot(ticket) {
            Some(Some(waiting)) => {
                waiting.waker.clone_from(cx.waker());
                Poll::Pending
            }
            _ => Poll::Ready(()),
        }
    }
}

impl Drop for RequestDeadline {
    fn drop(&mut self) {
        let mut requests = self.watch.requests();
        if let Some(slot) = self.ticket.and_then(|ticket| requests.slot(ticket)) {
            *slot = None;
        }
        while let Some(None) = requests.waiting.front() {
            requests.pop_first();
        }
        if self.chained {
            requests.chained.retain(|(task, _)| *task != self.task);
        }
    }
}

/// Decides when an instance has to go.
pub(crate) struct Expiration {
    times: Times,
    watch: Arc<Watch>,
    timer: Pin<Box<Sleep>>,
    armed: Instant,
    /// The state the instance was last seen in, since when, and the ticks counted until then.
    period: (WorkerStatus, Instant),
    ticks_before: u32,
    /// How many instances of this core have work to do.
    busy: Arc<AtomicUsize>,
    counted_as_busy: bool,
}

impl Expiration {
    /// `busy` counts the instances of a core that a drain has to wait for.
    pub(crate) fn new(times: Times, watch: Arc<Watch>, busy: Arc<AtomicUsize>) -> Self {
        let now = Instant::now();
        let armed = now + times.idle;
        Self {
            times,
            watch,
            timer: Box::pin(tokio::time::sleep_until(armed.into())),
            armed,
            period: (WorkerStatus::Idle, now),
            ticks_before: 0,
            busy,
            counted_as_busy: false,
        }
    }

    fn count_as_busy(&mut self, busy: bool) {
        if busy != self.counted_as_busy {
            self.counted_as_busy = busy;
            if busy {
                self.busy.fetch_add(1, Ordering::Relaxed);
            } else {
                self.busy.fetch_sub(1, Ordering::Relaxed);
            }
        }
    }

    fn arm(&mut self, at: Instant) {
        self.armed = at;
        self.timer.as_mut().reset(at.into());
    }

    fn computes_too_long(&self, status: WorkerStatus) -> bool {
        let ticks = self.watch.ticks.load(Ordering::Relaxed);
        status != WorkerStatus::Requests
            && ticks.wrapping_sub(self.ticks_before) > TICKS_AFTER_ANSWERS
    }
}

impl WorkerExpiration for Expiration {
    fn poll(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        status: WorkerStatus,
        start: Instant,
    ) -> Poll<()> {
        let this = &mut *self;
        this.count_as_busy(status != WorkerStatus::Idle);
        if this.period != (status, start) {
            this.period = (status, start);
            this.ticks_before = this.watch.ticks.load(Ordering::Relaxed);
        }
        if this.computes_too_long(status) {
            return Poll::Ready(());
        }
        let end = start
            + match status {
                WorkerStatus::Idle => this.times.idle,
                WorkerStatus::Requests => this.times.request + SLACK,
                WorkerStatus::PostReturn => this.times.after_answers,
            };
        let end = match this.watch.requests().body_progressed {
            Some(at) if status == WorkerStatus::PostReturn => end.max(at + this.times.after_answers),
            _ => end,
        };
        loop {
            let next = this.watch.next_deadline().map_or(end, |next| next.min(end));
            if next < this.armed {
                this.arm(next);
            }
            if this.timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            let now = Instant::now();
            if now >= end {
                return Poll::Ready(());
            }
            this.watch.expire(now);
            let next = this.watch.next_deadline().map_or(end, |next| next.min(end));
            this.arm(next);
        }
    }
}

impl Drop for Expiration {
    fn drop(&mut self) {
        self.count_as_busy(false);
    }
}
