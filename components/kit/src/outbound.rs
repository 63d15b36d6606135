//! Requests to upstream services: GET only, with deadlines and a bounded body.

use std::future::Future;
use std::time::Duration;

/// How long an upstream may take and how much it may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Until the connection stands.
    pub connect: Duration,
    /// Until the first byte of the answer.
    pub first_byte: Duration,
    /// Until the last byte of the answer.
    pub total: Duration,
    /// Bytes of body; a longer one is not read to its end.
    pub body: usize,
}

/// One GET request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboundRequest {
    /// Absolute http or https URL.
    pub url: String,
    /// Header names and values.
    pub headers: Vec<(String, String)>,
}

/// What came back, read to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboundResponse {
    /// HTTP status code.
    pub status: u16,
    /// Header names, lower case, and values that are text.
    pub headers: Vec<(String, String)>,
    /// The whole body.
    pub body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OutboundError {
    /// The URL or a header can't be sent.
    #[error("the request can't be sent: {0}")]
    Invalid(String),
    /// The host's allow-list does not have this address.
    #[error("the host refuses this address: add it to allowed_outbound_hosts in spin.toml")]
    Refused,
    /// The other side does not prove by a certificate that it is who it should be, or speaks no
    /// TLS that is good enough. The host's log says more.
    #[error("no TLS that can be trusted: {0}")]
    Untrusted(String),
    /// No connection, or it broke.
    #[error("no connection: {0}")]
    Connection(String),
    /// One of the [`Limits`] in time was reached.
    #[error("no answer in time")]
    Timeout,
    /// The body is longer than [`Limits::body`].
    #[error("the answer is larger than {0} bytes")]
    TooLarge(usize),
}

/// Sends requests.
pub trait Outbound {
    /// Sends `request` and reads its answer within `limits`.
    fn send(
        &self,
        request: &OutboundRequest,
        limits: &Limits,
    ) -> impl Future<Output = Result<OutboundResponse, OutboundError>>;
}
