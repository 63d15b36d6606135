//! How long an instance and the requests in it may go on: a deadline for the head of each response,
//! a limit for what a guest still does afterwards, and the retirement of idle instances. Time in
//! which a guest waits for its client does not count: the client has a limit of its own. Nor does
//! time in which a body leaves for a client, as the connection has one too.
//!
//! One timer per instance serves all of it. It is only ever moved to an earlier time; when it
//! fires too early it is set again. So a busy instance touches the timer about once a second
//! rather than once a request.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use http::uri::Authority;
use tokio::time::Sleep;
use wasmtime::component::GuestTaskId;

use crate::server::upload::Upload;
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
    /// For what a guest does after its last response began, beside bodies that leave for clients.
    pub(crate) after_answers: Duration,
    /// For a body that another component reads, from piece to piece, if that is longer.
    pub(crate) response_body: Duration,
    /// For a client of whose request's body nothing comes.
    pub(crate) request_body: Duration,
    /// Without any work, until the instance is dropped.
    pub(crate) idle: Duration,
}

/// What the parts that watch over one instance share.
#[derive(Default)]
pub(crate) struct Watch {
    requests: Mutex<Requests>,
    failed: AtomicBool,
    why: OnceLock<String>,
}

#[derive(Default)]
struct Requests {
    /// In the order of their arrival, which is that of their deadlines where none of them waits for
    /// its client.
    waiting: VecDeque<Option<Waiting>>,
    /// How many of these have a body on its way, so that their order may be another.
    uploads: usize,
    /// The ticket of the first in `waiting`; smaller ones are over.
    first_ticket: u64,
    /// Set when a deadline has come, until the request has noticed.
    overdue: Option<Instant>,
    /// When a piece of a response's body was last passed on.
    body_progressed: Option<Instant>,
    /// How many bodies leave for clients, piece by piece.
    open_bodies: usize,
    /// How many bodies other components read.
    inner_bodies: usize,
    /// Whether it was the client of an overdue request who held it up.
    has_stalled: bool,
    /// When the response of a guest for WASI 0.2 began. It has one request, and writes the body
    /// before it returns.
    head_given: Option<Instant>,
    /// Requests that came from another component, with the length of their chain of calls.
    chained: Vec<(GuestTaskId, u8)>,
    /// The last requests that are traced, the newest at the end. They stay when they are answered:
    /// guests make calls for them afterwards.
    traced: VecDeque<(GuestTaskId, SpanContext)>,
    /// For which host the last requests were, likewise, where that is remembered.
    asked_hosts: VecDeque<(GuestTaskId, Authority)>,
}

/// Who reads a response's body piece by piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reader {
    /// A client, whose connection watches that the body moves.
    Client,
    /// Another component.
    Component,
}

/// What led to a request.
#[derive(Clone, Default)]
pub(crate) struct Lineage {
    /// How many calls between components there were; none for a request from outside.
    pub(crate) chain_length: u8,
    /// What its own calls are traced under.
    pub(crate) span: Option<SpanContext>,
    /// For which host it is; only for components that may ask their own application.
    pub(crate) asked_host: Option<Authority>,
    /// How its body comes in, if it has one.
    pub(crate) upload: Option<Arc<Upload>>,
}

struct Waiting {
    deadline: Instant,
    upload: Option<Arc<Upload>>,
    waker: Waker,
}

impl Waiting {
    /// When the request has to be looked at: when its time is up, or its client's.
    fn due(&self, times: &Times) -> Instant {
        let Some(upload) = &self.upload else {
            return self.deadline;
        };
        match upload.awaited_since() {
            Some(since) => since + times.request_body,
            None => self.deadline + upload.waited(),
        }
    }

    /// Its time is up. Gives whether that is its client's doing.
    fn expire(&self) -> bool {
        self.waker.wake_by_ref();
        let upload = self.upload.as_ref();
        let stalled = upload.filter(|upload| upload.awaited_since().is_some());
        stalled.inspect(|upload| upload.stall()).is_some()
    }
}

/// What is known of the requests at one moment.
#[derive(Debug, Clone, Copy)]
struct Look {
    /// When the first of them has to be looked at.
    due: Option<Instant>,
    overdue: Option<Instant>,
    has_stalled: bool,
    body_progressed: Option<Instant>,
    has_open_bodies: bool,
    has_inner_bodies: bool,
    head_given: Option<Instant>,
}

impl Watch {
    /// Marks the instance as ended by a trap or by force: what it has not sent will not come.
    pub(crate) fn fail(&self, why: String) {
        self.why.get_or_init(|| why);
        self.failed.store(true, Ordering::Relaxed);
    }

    /// Whether the instance has ended before its work was done.
    pub(crate) fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }

    /// Why it has ended, if it has failed.
    pub(crate) fn failure(&self) -> Option<&str> {
        self.why.get().map(String::as_str)
    }

    /// A piece of a response's body was passed on: a stream may go on as long as it moves.
    pub(crate) fn body_progressed(&self) {
        self.requests().body_progressed = Some(Instant::now());
    }

    /// A body is read piece by piece: by a client, for as long as its connection says, or by
    /// another component.
    pub(crate) fn body_opened(&self, reader: Reader) {
        *self.requests().bodies_of(reader) += 1;
    }

    /// One of those is read no more.
    pub(crate) fn body_closed(&self, reader: Reader) {
        let mut requests = self.requests();
        let bodies = requests.bodies_of(reader);
        *bodies = bodies.saturating_sub(1);
        requests.body_progressed = Some(Instant::now());
    }

    /// The one request of a guest for WASI 0.2 has its response. The guest writes the body now.
    pub(crate) fn head_given(&self) {
        let mut requests = self.requests();
        requests.head_given = Some(Instant::now());
        requests.overdue = None;
        for waiting in &mut requests.waiting {
            *waiting = None;
        }
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

    fn look(&self, times: &Times) -> Look {
        let requests = self.requests();
        let mut waiting = requests.waiting.iter().flatten();
        Look {
            due: if requests.uploads == 0 {
                waiting.next().map(|first| first.deadline)
            } else {
                waiting.map(|waiting| waiting.due(times)).min()
            },
            overdue: requests.overdue,
            has_stalled: requests.has_stalled,
            body_progressed: requests.body_progressed,
            has_open_bodies: requests.open_bodies > 0,
            has_inner_bodies: requests.inner_bodies > 0,
            head_given: requests.head_given,
        }
    }

    /// Ends the requests whose time is up.
    fn expire(&self, now: Instant, times: &Times) {
        let mut requests = self.requests();
        let requests = &mut *requests;
        for slot in &mut requests.waiting {
            if let Some(waiting) = slot.take_if(|waiting| waiting.due(times) <= now) {
                requests.has_stalled = waiting.expire();
                requests.overdue = Some(now);
            }
        }
        requests.pop_done();
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
    fn bodies_of(&mut self, reader: Reader) -> &mut usize {
        match reader {
            Reader::Client => &mut self.open_bodies,
            Reader::Component => &mut self.inner_bodies,
        }
    }

    /// Forgets the first requests as far as they are over.
    fn pop_done(&mut self) {
        while let Some(None) = self.waiting.front() {
            self.waiting.pop_front();
            self.first_ticket += 1;
        }
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
    upload: Option<Arc<Upload>>,
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
            upload,
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
            upload,
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
            requests.uploads += usize::from(this.upload.is_some());
            requests.waiting.push_back(Some(Waiting {
                deadline: this.deadline,
                upload: this.upload.clone(),
                waker: cx.waker().clone(),
            }));
            return Poll::Pending;
        };
        if requests.head_given.is_some() {
            // The response was in time.
            return Poll::Pending;
        }
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
            match requests.slot(ticket) {
                Some(slot @ Some(_)) => *slot = None,
                // It answered in the very turn in which its time was up: the loop turns.
                Some(None) | None => requests.overdue = None,
            }
            requests.uploads -= usize::from(self.upload.is_some());
        }
        requests.pop_done();
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
    /// The response has begun, and its guest, which is for WASI 0.2, has not returned.
    Writing,
    /// All responses have begun; the guest streams their bodies, or does something after them.
    AfterAnswers,
}

/// Why an instance has to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Over {
    /// Nothing was asked of it.
    Idle,
    /// A request had no response in time, and the guest let it not be ended alone.
    Overdue,
    /// The same because nothing came of the request's body.
    Stalled,
    /// The guest took too long for what it did after its answers.
    AfterAnswers,
    /// The guest computed for too long after its answers.
    Computing,
}

/// Decides when an instance has to go.
pub(crate) struct Expiration {
    times: Times,
    watch: Arc<Watch>,
    timer: Pin<Box<Sleep>>,
    armed: Instant,
    /// What the instance was last seen doing, and since when.
    period: (Activity, Instant),
    /// When a body last moved, as far as was seen.
    body_progressed: Option<Instant>,
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
            body_progressed: None,
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
    ) -> Poll<Over> {
        self.count_as_busy(activity != Activity::Idle);
        let mut look = self.watch.look(&self.times);
        let period = match (activity, look.head_given) {
            (Activity::Requests, Some(given)) => (Activity::Writing, given),
            _ => (activity, since),
        };
        if self.period != period || self.body_progressed != look.body_progressed {
            self.period = period;
            self.body_progressed = look.body_progressed;
            self.computed = Duration::ZERO;
        }
        self.computed += turn;
        if self.computed > self.longest_computing() {
            return Poll::Ready(Over::Computing);
        }
        loop {
            let next = self.next(&look);
            if next < self.armed {
                self.arm(next);
            }
            if self.timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            let now = Instant::now();
            if let Some(over) = self.over(&look, now) {
                return Poll::Ready(over);
            }
            self.watch.expire(now, &self.times);
            look = self.watch.look(&self.times);
            let next = self.next(&look);
            self.arm(next);
        }
    }

    /// How long the guest may compute without a pause in which a body moves.
    fn longest_computing(&self) -> Duration {
        match self.period.0 {
            // Its deadline ends it.
            Activity::Requests => Duration::MAX,
            // There is no other request that it keeps waiting.
            Activity::Writing => self.times.after_answers,
            Activity::AfterAnswers | Activity::Idle => COMPUTING_AFTER_ANSWERS,
        }
    }

    /// When the instance ends if nothing happens until then. None while it answers requests:
    /// these have deadlines of their own.
    fn end(&self, look: &Look) -> Option<Instant> {
        let (activity, since) = self.period;
        match activity {
            Activity::Idle => Some(since + self.times.idle),
            Activity::Requests => None,
            // Not as long as the body is open. It is seen later that it is not any more.
            _ if look.has_open_bodies => Some(Instant::now() + self.times.after_answers),
            Activity::Writing | Activity::AfterAnswers => {
                let last = look.body_progressed.map_or(since, |at| at.max(since));
                let longest = if look.has_inner_bodies {
                    self.times.response_body.max(self.times.after_answers)
                } else {
                    self.times.after_answers
                };
                Some(last + longest)
            }
        }
    }

    fn over(&self, look: &Look, now: Instant) -> Option<Over> {
        if look.overdue.is_some_and(|overdue| now >= overdue + SLACK) {
            return Some(if look.has_stalled {
                Over::Stalled
            } else {
                Over::Overdue
            });
        }
        let is_over = self.end(look).is_some_and(|end| now >= end);
        is_over.then_some(match self.period.0 {
            Activity::Idle => Over::Idle,
            _ => Over::AfterAnswers,
        })
    }

    /// The next time at which something may have to be done.
    fn next(&self, look: &Look) -> Instant {
        let end = self.end(look);
        let overdue = look.overdue.map(|overdue| overdue + SLACK);
        let next = [end, overdue, look.due].into_iter().flatten().min();
        next.unwrap_or(self.period.1 + LONGEST_SLEEP)
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
