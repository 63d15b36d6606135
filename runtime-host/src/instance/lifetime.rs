//! How long an instance and the requests in it may go on: a deadline for each request, a limit
//! for what a guest still does after its answers, and the retirement of idle instances.
//!
//! One timer per instance serves all of it. It is only ever moved to an earlier time; when it
//! fires too early it is set again. So a busy instance touches the timer about once a second
//! rather than once a request.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use http::uri::Authority;
use tokio::time::Sleep;
use wasmtime::component::GuestTaskId;

use crate::telemetry::traces::SpanContext;

/// How long after a request's deadline its instance is ended by force, if the guest keeps the
/// request from being ended alone.
const SLACK: Duration = Duration::from_millis(10);

/// The timer is looked at this often where nothing else asks for it.
const LONGEST_SLEEP: Duration = Duration::from_secs(3600);

/// How long a guest may compute after its answers before it is stopped. Waiting is not counted.
/// A guest that computes keeps new requests out of its instance.
const COMPUTING_AFTER_ANSWERS: Duration = Duration::from_secs(1);

/// How many requests of an instance are remembered, after their answers too: a few times as many
/// as it serves at once.
const MAX_REMEMBERED: usize = 64;

/// Times that bound an instance's life.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
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
    failed: AtomicBool,
}

#[derive(Debug, Default)]
struct Requests {
    /// In the order of their deadlines, which is the order of arrival, because all requests of
    /// an instance have the same time.
    waiting: VecDeque<Option<Waiting>>,
    /// The ticket of the first in `waiting`; smaller ones are over.
    first_ticket: u64,
    /// Set when a deadline has come, until the request has noticed.
    overdue: Option<Instant>,
    /// When a piece of a response's body was last passed on.
    body_progressed: Option<Instant>,
    /// Requests that came from another component, with the length of their chain of calls.
    chained: Vec<(GuestTaskId, u8)>,
    /// The last requests that are traced, the newest at the end. They stay when they are answered:
    /// guests make calls for them afterwards.
    traced: VecDeque<(GuestTaskId, SpanContext)>,
    /// For which host the last requests were, likewise, where that is remembered.
    asked_hosts: VecDeque<(GuestTaskId, Authority)>,
}

/// What led to a request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Lineage {
    /// How many calls between components there were; none for a request from outside.
    pub(crate) chain_length: u8,
    /// What its own calls are traced under.
    pub(crate) span: Option<SpanContext>,
    /// For which host it is; only for components that may ask their own application.
    pub(crate) asked_host: Option<Authority>,
}

#[derive(Debug)]
struct Waiting {
    deadline: Instant,
    waker: Waker,
}

impl Watch {
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

    /// The span of the request of this task; without a task, of the last request.
    pub(crate) fn span(&self, task: Option<GuestTaskId>) -> Option<SpanContext> {
        remembered(&self.requests().traced, task)
    }

    /// For which host the request of this task is, if that is remembered; without a task, the last
    /// request.
    pub(crate) fn asked_host(&self, task: Option<GuestTaskId>) -> Option<Authority> {
        remembered(&self.requests().asked_hosts, task)
    }

    fn requests(&self) -> MutexGuard<'_, Requests> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the requests whose deadline has come.
    fn expire(&self, now: Instant) {
        let mut requests = self.requests();
        while let Some(first) = requests.waiting.front() {
            match first {
                Some(waiting) if waiting.deadline > now => break,
                Some(waiting) => {
                    waiting.waker.wake_by_ref();
                    requests.overdue = Some(now);
                }
                None => {}
            }
            requests.pop_first();
        }
    }
}

fn remembered<T: Clone>(
    requests: &VecDeque<(GuestTaskId, T)>,
    task: Option<GuestTaskId>,
) -> Option<T> {
    let mut newest_first = requests.iter().rev();
    let found = newest_first.find(|(asked, _)| task.is_none_or(|task| task == *asked));
    found.map(|(_, value)| value.clone())
}

fn remember<T>(requests: &mut VecDeque<(GuestTaskId, T)>, task: GuestTaskId, value: T) {
    if requests.len() == MAX_REMEMBERED {
        requests.pop_front();
    }
    requests.push_back((task, value));
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
    /// The deadline of the request that `task` answers.
    pub(crate) fn new(
        watch: Arc<Watch>,
        task: GuestTaskId,
        lineage: Lineage,
        deadline: Instant,
    ) -> Self {
        let Lineage {
            chain_length,
            span,
            asked_host,
        } = lineage;
        if let Some(span) = span {
            remember(&mut watch.requests().traced, task, span);
        }
        if let Some(host) = asked_host {
            remember(&mut watch.requests().asked_hosts, task, host);
        }
        let chained = chain_length > 0;
        if chained {
            watch.requests().chained.push((task, chain_length));
        }
        Self {
            watch,
            deadline,
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
            _ => {
                requests.overdue = None;
                Poll::Ready(())
            }
        }
    }
}

impl Drop for RequestDeadline {
    fn drop(&mut self) {
        let mut requests = self.watch.requests();
        if let Some(ticket) = self.ticket {
            if ticket < requests.first_ticket {
                // It answered in the very turn in which its time was up: the loop turns.
                requests.overdue = None;
            }
            if let Some(slot) = requests.slot(ticket) {
                *slot = None;
            }
        }
        while let Some(None) = requests.waiting.front() {
            requests.pop_first();
        }
        if self.chained {
            requests.chained.retain(|(task, _)| *task != self.task);
        }
    }
}

/// What an instance is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Activity {
    /// Nothing, and nothing is left to do.
    Idle,
    /// At least one request has no response yet.
    Requests,
    /// All responses have begun; the guest streams their bodies, or does something after them.
    AfterAnswers,
}

/// Decides when an instance has to go.
pub(crate) struct Expiration {
    times: Times,
    watch: Arc<Watch>,
    timer: Pin<Box<Sleep>>,
    armed: Instant,
    /// What the instance was last seen doing, and since when.
    period: (Activity, Instant),
    /// How long it has computed since then.
    computed: Duration,
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
            period: (Activity::Idle, now),
            computed: Duration::ZERO,
            busy,
            counted_as_busy: false,
        }
    }

    /// Ready when the instance has to go. Has to be polled after each turn of the instance that
    /// leaves it running; `turn` is how long that was.
    pub(crate) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        activity: Activity,
        since: Instant,
        turn: Duration,
    ) -> Poll<()> {
        self.count_as_busy(activity != Activity::Idle);
        if self.period != (activity, since) {
            self.period = (activity, since);
            self.computed = Duration::ZERO;
        }
        self.computed += turn;
        if activity != Activity::Requests && self.computed > COMPUTING_AFTER_ANSWERS {
            return Poll::Ready(());
        }
        loop {
            let next = self.next(activity, since);
            if next < self.armed {
                self.arm(next);
            }
            if self.timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            let now = Instant::now();
            if self.is_over(activity, since, now) {
                return Poll::Ready(());
            }
            self.watch.expire(now);
            let next = self.next(activity, since);
            self.arm(next);
        }
    }

    /// When the instance ends if nothing happens until then. None while it answers requests:
    /// these have deadlines of their own.
    fn end(&self, activity: Activity, since: Instant) -> Option<Instant> {
        match activity {
            Activity::Idle => Some(since + self.times.idle),
            Activity::Requests => None,
            Activity::AfterAnswers => {
                let progress = self.watch.requests().body_progressed;
                Some(progress.map_or(since, |at| at.max(since)) + self.times.after_answers)
            }
        }
    }

    fn is_over(&self, activity: Activity, since: Instant, now: Instant) -> bool {
        let stuck = self.watch.requests().overdue;
        stuck.is_some_and(|overdue| now >= overdue + SLACK)
            || self.end(activity, since).is_some_and(|end| now >= end)
    }

    /// The next time at which something may have to be done.
    fn next(&self, activity: Activity, since: Instant) -> Instant {
        let end = self.end(activity, since);
        let requests = self.watch.requests();
        let overdue = requests.overdue.map(|overdue| overdue + SLACK);
        let deadline = requests.waiting.iter().flatten().next();
        let deadline = deadline.map(|waiting| waiting.deadline);
        let next = [end, overdue, deadline].into_iter().flatten().min();
        next.unwrap_or(since + LONGEST_SLEEP)
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
}

impl Drop for Expiration {
    fn drop(&mut self) {
        self.count_as_busy(false);
    }
}
