//! How a host runs an application: where it listens, where it keeps things, and its limits, all
//! with defaults that are safe to serve with.

use std::time::Duration;

/// Bounds on what requests and guests may take. The command line shows every one of them.
#[derive(Debug, Clone)]
pub struct Limits {
    /// From the arrival of a request to its response's head, without the time in which its client
    /// was waited for; then the answer is 504.
    pub request_timeout: Duration,
    /// How long nothing may come of a request's body that is waited for; then the answer is 408.
    pub request_body_timeout: Duration,
    /// How long a response's body may stand still, whether its component writes nothing or its
    /// client takes nothing; then the connection is cut.
    pub response_body_timeout: Duration,
    /// Bytes that one instance may hold in all its memories and tables.
    pub max_instance_memory: usize,
    /// Requests that one instance serves before it is replaced. What instances keep for each
    /// request they have served is freed only then.
    pub max_instance_reuse_count: usize,
    /// Requests that one instance serves at the same time.
    pub max_instance_concurrent_reuse_count: usize,
    /// How long an instance without work is kept.
    pub idle_instance_timeout: Duration,
    /// Requests in flight on one worker thread; more are answered 503 at once.
    pub max_concurrent_requests: usize,
    /// Bytes of a request's body; longer ones are answered 413.
    pub max_request_body: u64,
    /// Connections of clients that may be open. For one more, the one that has been idle for
    /// longest is closed. None for what the process' limit of open files leaves room for.
    pub max_connections: Option<usize>,
    /// Whether guests are bounded at all. Without it nothing interrupts a guest that computes,
    /// no request has a deadline, and memory has no cap: only to measure what these cost.
    pub guests_are_bounded: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            request_timeout: Duration::from_secs(30),
            request_body_timeout: Duration::from_secs(30),
            response_body_timeout: Duration::from_secs(60),
            max_instance_memory: 128 << 20,
            max_instance_reuse_count: 10_000,
            max_instance_concurrent_reuse_count: 16,
            idle_instance_timeout: Duration::from_secs(1),
            max_concurrent_requests: 1_024,
            max_request_body: 10 << 20,
            max_connections: None,
            guests_are_bounded: true,
        }
    }
}

impl Limits {
    /// How long a guest may go on after its last response began, or the last piece of its body
    /// left: for tasks that outlive the response.
    pub(crate) fn after_answers_timeout(&self) -> Duration {
        self.request_timeout.max(MIN_AFTER_ANSWERS)
    }
}

/// Even where requests have to be answered quickly, background work gets this long, and a stream
/// may be silent for it: the HTML Standard (§9.2.7) advises a sign of life every 15 s.
const MIN_AFTER_ANSWERS: Duration = Duration::from_secs(20);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_without_a_limit_by_default() {
        let limits = Limits::default();
        assert_eq!(limits.request_timeout, Duration::from_secs(30));
        assert_eq!(limits.request_body_timeout, Duration::from_secs(30));
        assert_eq!(limits.response_body_timeout, Duration::from_secs(60));
        assert_eq!(limits.max_instance_memory, 128 << 20);
        assert_eq!(limits.max_concurrent_requests, 1_024);
        assert_eq!(limits.max_request_body, 10 << 20);
    }
}
