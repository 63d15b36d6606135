//! What one core notes of its requests, instances, stores and outbound calls. Everything that a
//! request touches was laid out when the core was made: its route's place in the manifest is its
//! place here.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use http::StatusCode;
use runtime_host_keyvalue::{Backend, StoreError};
use wasmtime_wasi_http::Error as OutboundError;

use crate::server::problem::Problem;
use crate::telemetry::cells::{Counter, Histogram};
use crate::telemetry::traces::{CallSpan, RequestSpan, SpanContext};

/// The status under which a request is counted whose client left before the answer. No answer
/// ever has it; nginx counts by the same number.
const CLIENT_LEFT: u16 = 499;

/// What one core has noted so far.
#[derive(Debug)]
pub(crate) struct CoreRecord {
    /// By the place of their triggers in the manifest.
    pub(crate) routes: Box<[RouteRecord]>,
    /// Requests that the host answers itself, on no route.
    pub(crate) own: RouteRecord,
    pub(crate) refused: [Counter; Reason::ALL.len()],
    /// Connections that were closed because an answer stood still.
    pub(crate) cut_off: Counter,
    /// By their place in the application.
    pub(crate) components: Box<[Arc<ComponentRecord>]>,
    pub(crate) stores: Arc<StoreRecord>,
}

impl CoreRecord {
    pub(crate) fn new(routes: usize, components: usize) -> Self {
        Self {
            routes: (0..routes).map(|_| RouteRecord::default()).collect(),
            own: RouteRecord::default(),
            refused: Default::default(),
            cut_off: Counter::default(),
            components: (0..components).map(|_| Arc::default()).collect(),
            stores: Arc::default(),
        }
    }

    /// Notes a request that was not given to a component.
    pub(crate) fn refuse(&self, reason: Reason) {
        if let Some(counter) = self.refused.get(reason as usize) {
            counter.count();
        }
    }
}

/// Why a request was not given to a component, or not as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    /// As many requests or instances as allowed are there.
    Overload,
    /// No route has its path.
    NoRoute,
    /// It is no proper HTTP.
    BadRequest,
    /// CONNECT.
    MethodNotAllowed,
    /// Its body is too long.
    BodyTooLarge,
    /// Nothing came of its body any more.
    BodyStalled,
    /// Its URL or its headers are too long.
    HeadTooLarge,
}

impl Reason {
    pub(crate) const ALL: [Self; 7] = [
        Self::Overload,
        Self::NoRoute,
        Self::BadRequest,
        Self::MethodNotAllowed,
        Self::BodyTooLarge,
        Self::BodyStalled,
        Self::HeadTooLarge,
    ];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Overload => "overload",
            Self::NoRoute => "no_route",
            Self::BadRequest => "bad_request",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::BodyTooLarge => "body_too_large",
            Self::BodyStalled => "body_stalled",
            Self::HeadTooLarge => "head_too_large",
        }
    }

    /// None if it was given to a component, or is the host's own answer to a probe.
    fn of(problem: &Problem) -> Option<Self> {
        match problem {
            Problem::Overloaded(_) => Some(Self::Overload),
            Problem::NoRoute => Some(Self::NoRoute),
            Problem::BadRequest(_) => Some(Self::BadRequest),
            Problem::MethodNotAllowed => Some(Self::MethodNotAllowed),
            Problem::BodyTooLarge(_) => Some(Self::BodyTooLarge),
            Problem::UploadStalled(_) => Some(Self::BodyStalled),
            Problem::ComponentFailed { .. } | Problem::TimedOut { .. } | Problem::Leaving => None,
        }
    }
}

/// The requests of one route. Each has cache lines of its own.
#[derive(Debug, Default)]
#[repr(align(64))]
pub(crate) struct RouteRecord {
    /// By status, a hundred at a time from 100 on, made when the first comes.
    statuses: [OnceLock<Box<[Counter; 100]>>; 5],
    /// Statuses from 600 on, which nobody has defined.
    other: Counter,
    pub(crate) durations: Histogram,
}

impl RouteRecord {
    fn answered(&self, status: u16, took: Duration) {
        let status = usize::from(status);
        let hundred = self.statuses.get((status / 100).wrapping_sub(1));
        let counter = match hundred {
            Some(hundred) => hundred
                .get_or_init(|| Box::new(std::array::from_fn(|_| Counter::default())))
                .get(status % 100),
            None => None,
        };
        counter.unwrap_or(&self.other).count();
        self.durations.record(took);
    }

    /// The statuses that were given so far, and how often; None for those that nobody has
    /// defined.
    pub(crate) fn statuses(&self) -> impl Iterator<Item = (Option<usize>, u64)> {
        let hundreds = self.statuses.iter().enumerate();
        let defined = hundreds.flat_map(|(hundred, counters)| {
            let counters = counters
                .get()
                .into_iter()
                .flat_map(|counters| counters.iter());
            counters
                .enumerate()
                .map(move |(rest, counter)| (Some((hundred + 1) * 100 + rest), counter.value()))
        });
        defined
            .chain([(None, self.other.value())])
            .filter(|(_, count)| *count > 0)
    }
}

/// A request from outside, from its arrival to its answer. Dropped before that, its client has
/// left.
pub(crate) struct Asked<'a> {
    record: &'a CoreRecord,
    route: &'a RouteRecord,
    pub(crate) at: Instant,
    answered: bool,
    /// Where traces are kept.
    span: Option<Box<RequestSpan>>,
}

impl<'a> Asked<'a> {
    /// A request that has just come and is on no route yet.
    pub(crate) fn now(record: &'a CoreRecord) -> Self {
        Self {
            record,
            route: &record.own,
            at: Instant::now(),
            answered: false,
            span: None,
        }
    }

    /// It is for the trigger at this place in the manifest.
    pub(crate) fn for_trigger(&mut self, trigger: usize) {
        if let Some(route) = self.record.routes.get(trigger) {
            self.route = route;
        }
    }

    /// From here on it has a span in a trace.
    pub(crate) fn trace(&mut self, span: RequestSpan) {
        self.span = Some(Box::new(span));
    }

    /// What calls that are made for it are traced under.
    pub(crate) fn span(&self) -> Option<SpanContext> {
        let span = self.span.as_ref()?;
        Some(Arc::clone(span.context()))
    }

    /// The host answers in place of a component.
    pub(crate) fn refused(&self, problem: &Problem) {
        if let Some(reason) = Reason::of(problem) {
            self.record.refuse(reason);
        }
    }

    /// Its answer's head is ready. Gives the time.
    pub(crate) fn answered(mut self, status: StatusCode) -> Instant {
        self.answered = true;
        let now = Instant::now();
        let took = now.saturating_duration_since(self.at);
        self.route.answered(status.as_u16(), took);
        if let Some(span) = &mut self.span {
            span.answered(Some(status));
        }
        now
    }
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        if !self.answered {
            self.route.answered(CLIENT_LEFT, self.at.elapsed());
            if let Some(span) = &mut self.span {
                span.answered(None);
            }
        }
    }
}

/// The instances of one component on one core, and the calls that it makes.
#[derive(Debug, Default)]
#[repr(align(64))]
pub(crate) struct ComponentRecord {
    /// Requests taken by an instance that had taken others before.
    pub(crate) reused: Counter,
    pub(crate) created: Counter,
    pub(crate) ended: [Counter; End::ALL.len()],
    pub(crate) starts: Histogram,
    outbound: OnceLock<Box<[Histogram; Outcome::ALL.len()]>>,
}

impl ComponentRecord {
    /// An instance is there, so long after it was called for.
    pub(crate) fn started(&self, took: Duration) {
        self.created.count();
        self.starts.record(took);
    }

    pub(crate) fn ended(&self, end: End) {
        if let Some(counter) = self.ended.get(end as usize) {
            counter.count();
        }
    }

    /// How many instances are alive.
    pub(crate) fn alive(&self) -> u64 {
        let ended: u64 = self.ended.iter().map(Counter::value).sum();
        self.created.value().saturating_sub(ended)
    }

    /// The calls made so far, by how they ended.
    pub(crate) fn outbound(&self) -> impl Iterator<Item = (Outcome, &Histogram)> {
        let histograms = self.outbound.get().into_iter().flat_map(|all| all.iter());
        Outcome::ALL.into_iter().zip(histograms)
    }

    fn sent(&self, outcome: Outcome, took: Duration) {
        let all = self.outbound.get_or_init(Box::default);
        if let Some(histogram) = all.get(outcome as usize) {
            histogram.record(took);
        }
    }
}

/// Why an instance has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// It has served as many requests as it may.
    Retired,
    /// There was nothing to do.
    Idle,
    /// It trapped, or broke the rules in another way.
    Trapped,
    /// It took too long.
    TimedOut,
    /// It trapped after it was refused memory.
    Memory,
}

impl End {
    pub(crate) const ALL: [Self; 5] = [
        Self::Retired,
        Self::Idle,
        Self::Trapped,
        Self::TimedOut,
        Self::Memory,
    ];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Retired => "retired",
            Self::Idle => "idle",
            Self::Trapped => "trapped",
            Self::TimedOut => "timed_out",
            Self::Memory => "memory",
        }
    }
}

/// How a call to another host, or to another component, has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Informational,
    Success,
    Redirection,
    ClientError,
    ServerError,
    /// There was no answer in time.
    Timeout,
    /// The host did not send it.
    Refused,
    /// No connection, a broken one, or no proper HTTP.
    Error,
    /// The guest stopped waiting.
    Abandoned,
}

impl Outcome {
    pub(crate) const ALL: [Self; 9] = [
        Self::Informational,
        Self::Success,
        Self::Redirection,
        Self::ClientError,
        Self::ServerError,
        Self::Timeout,
        Self::Refused,
        Self::Error,
        Self::Abandoned,
    ];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Informational => "1xx",
            Self::Success => "2xx",
            Self::Redirection => "3xx",
            Self::ClientError => "4xx",
            Self::ServerError => "5xx",
            Self::Timeout => "timeout",
            Self::Refused => "refused",
            Self::Error => "error",
            Self::Abandoned => "abandoned",
        }
    }

    fn of_status(status: StatusCode) -> Self {
        match status.as_u16() {
            ..200 => Self::Informational,
            200..300 => Self::Success,
            300..400 => Self::Redirection,
            400..500 => Self::ClientError,
            500.. => Self::ServerError,
        }
    }

    fn of_error(error: &OutboundError) -> Self {
        match error {
            OutboundError::DnsTimeout
            | OutboundError::ConnectionTimeout
            | OutboundError::ConnectionReadTimeout
            | OutboundError::ConnectionWriteTimeout
            | OutboundError::HttpResponseTimeout => Self::Timeout,
            OutboundError::HttpRequestDenied
            | OutboundError::DestinationIpProhibited
            | OutboundError::ConnectionLimitReached
            | OutboundError::LoopDetected => Self::Refused,
            _ => Self::Error,
        }
    }
}

/// A call of a component, from its beginning to the head of its answer.
pub(crate) struct Sending {
    record: Arc<ComponentRecord>,
    at: Instant,
    outcome: Outcome,
    /// Where traces are kept.
    span: Option<CallSpan>,
}

impl Sending {
    pub(crate) fn now(record: &Arc<ComponentRecord>, span: Option<CallSpan>) -> Self {
        Self {
            record: Arc::clone(record),
            at: Instant::now(),
            outcome: Outcome::Abandoned,
            span,
        }
    }

    /// It has ended this way.
    pub(crate) fn ended<B>(mut self, result: Result<&http::Response<B>, &OutboundError>) {
        self.outcome = match result {
            Ok(response) => Outcome::of_status(response.status()),
            Err(error) => Outcome::of_error(error),
        };
        if let Some(span) = &mut self.span {
            span.ended(result.map(http::Response::status));
        }
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        self.record.sent(self.outcome, self.at.elapsed());
    }
}

/// What guests of one core do with key-value stores.
#[derive(Debug, Default)]
pub(crate) struct StoreRecord {
    pub(crate) sqlite: BackendRecord,
    pub(crate) redis: BackendRecord,
}

impl StoreRecord {
    pub(crate) fn of(&self, backend: Backend) -> &BackendRecord {
        match backend {
            Backend::Sqlite => &self.sqlite,
            Backend::Redis => &self.redis,
        }
    }
}

/// The same for one kind of store.
#[derive(Debug, Default)]
pub(crate) struct BackendRecord {
    operations: [Histogram; Operation::ALL.len()],
    pub(crate) errors: Counter,
}

impl BackendRecord {
    /// An operation that began then has ended.
    pub(crate) fn done<T>(
        &self,
        operation: Operation,
        began: Instant,
        result: &Result<T, StoreError>,
    ) {
        if let Some(histogram) = self.operations.get(operation as usize) {
            histogram.record(began.elapsed());
        }
        if let Err(
            StoreError::StoreFull { .. } | StoreError::Unavailable(_) | StoreError::Refused(_),
        ) = result
        {
            self.errors.count();
        }
    }

    pub(crate) fn operations(&self) -> impl Iterator<Item = (Operation, &Histogram)> {
        Operation::ALL.into_iter().zip(&self.operations)
    }
}

/// What can be done with a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    Get,
    Set,
    Delete,
    Exists,
    GetKeys,
    GetMany,
    SetMany,
    DeleteMany,
    Increment,
    CompareAndSwap,
}

impl Operation {
    pub(crate) const ALL: [Self; 10] = [
        Self::Get,
        Self::Set,
        Self::Delete,
        Self::Exists,
        Self::GetKeys,
        Self::GetMany,
        Self::SetMany,
        Self::DeleteMany,
        Self::Increment,
        Self::CompareAndSwap,
    ];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Set => "set",
            Self::Delete => "delete",
            Self::Exists => "exists",
            Self::GetKeys => "get_keys",
            Self::GetMany => "get_many",
            Self::SetMany => "set_many",
            Self::DeleteMany => "delete_many",
            Self::Increment => "increment",
            Self::CompareAndSwap => "compare_and_swap",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(record: &RouteRecord) -> Vec<(Option<usize>, u64)> {
        record.statuses().collect()
    }

    #[test]
    fn a_request_counts_on_its_route_by_its_status() {
        let record = CoreRecord::new(2, 0);
        for status in [200, 200, 599, 100] {
            let mut asked = Asked::now(&record);
            asked.for_trigger(1);
            asked.answered(StatusCode::from_u16(status).unwrap());
        }
        assert_eq!(
            counted(&record.routes[1]),
            [(Some(100), 1), (Some(200), 2), (Some(599), 1)]
        );
        assert_eq!(counted(&record.routes[0]), []);
        assert_eq!(counted(&record.own), []);
    }

    #[test]
    fn statuses_that_nobody_has_defined_count_together() {
        let record = CoreRecord::new(0, 0);
        for status in [600, 999] {
            Asked::now(&record).answered(StatusCode::from_u16(status).unwrap());
        }
        assert_eq!(counted(&record.own), [(None, 2)]);
    }

    #[test]
    fn a_client_that_leaves_before_its_answer_is_counted() {
        let record = CoreRecord::new(1, 0);
        let mut asked = Asked::now(&record);
        asked.for_trigger(0);
        drop(asked);
        assert_eq!(counted(&record.routes[0]), [(Some(499), 1)]);
    }

    #[test]
    fn every_reason_has_a_counter_of_its_own() {
        let record = CoreRecord::new(0, 0);
        for reason in Reason::ALL {
            record.refuse(reason);
        }
        assert!(record.refused.iter().all(|counter| counter.value() == 1));
        let component = ComponentRecord::default();
        for end in End::ALL {
            component.started(Duration::ZERO);
            component.ended(end);
        }
        assert!(component.ended.iter().all(|counter| counter.value() == 1));
        assert_eq!(component.alive(), 0);
        for outcome in Outcome::ALL {
            component.sent(outcome, Duration::ZERO);
        }
        assert_eq!(component.outbound().count(), Outcome::ALL.len());
        let store = BackendRecord::default();
        for operation in Operation::ALL {
            store.done(operation, Instant::now(), &Ok(()));
        }
        assert_eq!(store.operations().count(), Operation::ALL.len());
        assert_eq!(store.errors.value(), 0);
    }

    #[test]
    fn a_guests_own_mistake_is_no_error_of_the_store() {
        let store = BackendRecord::default();
        let mistake = StoreError::KeyTooLong {
            length: 2,
            limit: 1,
        };
        store.done(Operation::Get, Instant::now(), &Err::<(), _>(mistake));
        assert_eq!(store.errors.value(), 0);
        let away = StoreError::Unavailable("it is away".to_owned());
        store.done(Operation::Get, Instant::now(), &Err::<(), _>(away));
        assert_eq!(store.errors.value(), 1);
    }

    #[test]
    fn a_call_that_nobody_waits_for_is_abandoned() {
        let record = Arc::new(ComponentRecord::default());
        drop(Sending::now(&record, None));
        let refused = OutboundError::HttpRequestDenied;
        Sending::now(&record, None).ended::<()>(Err(&refused));
        let counts = record.outbound().filter_map(|(outcome, histogram)| {
            let mut times = crate::telemetry::cells::Times::default();
            times.add(histogram);
            (times.count() > 0).then(|| outcome.as_str())
        });
        assert_eq!(counts.collect::<Vec<_>>(), ["refused", "abandoned"]);
    }
}
