//! The HTTP client that takes spans to a collector. The SDK asks for it from a thread without a
//! runtime, so the sending itself happens on one that is only for this.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use opentelemetry_http::{HttpClient, HttpError};
use tokio::runtime::Handle;
use tokio::time::timeout;

use crate::causes::causes;

/// A collector that takes longer has had its chance.
const SENDING_TIME: Duration = Duration::from_secs(10);

/// How long a connection is kept for the next batch; one comes every five seconds.
const POOL_IDLE: Duration = Duration::from_secs(30);

/// The longest answer that is read. Collectors say nothing, or what is wrong.
const MAX_ANSWER: usize = 1 << 20;

/// A collector, and the way to it.
pub(super) struct Collector {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    runtime: Handle,
    /// Whether the last batch arrived, so that the log tells of changes only.
    is_reached: AtomicBool,
}

impl Collector {
    /// A collector that is not met yet.
    ///
    /// # Errors
    /// TLS cannot be set up.
    pub(super) fn new(runtime: Handle) -> Result<Self, rustls::Error> {
        let mut connector = HttpConnector::new();
        connector.enforce_http(false);
        connector.set_nodelay(true);
        let connector = HttpsConnector::from((connector, runtime_host_trust::client_config()?));
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(POOL_IDLE)
            .build(connector);
        Ok(Self {
            client,
            runtime,
            is_reached: AtomicBool::new(true),
        })
    }

    /// Says once that the collector is away, and once that it is back.
    fn note(&self, url: &http::Uri, result: &Result<Response<Bytes>, HttpError>) {
        let failure = match result {
            Ok(response) if response.status().is_success() => None,
            Ok(response) => Some(format!("it answers {}", response.status())),
            // The client's errors only say what they were about; why is in their sources.
            Err(error) => Some(causes(error.as_ref())),
        };
        let was_reached = self.is_reached.swap(failure.is_none(), Ordering::Relaxed);
        match failure {
            Some(failure) if was_reached => tracing::warn!(
                "traces do not reach {url} ({failure}); what is not sent in time is dropped"
            ),
            None if !was_reached => tracing::info!("traces reach {url} again"),
            _ => {}
        }
    }
}

#[async_trait]
impl HttpClient for Collector {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let url = request.uri().clone();
        let answered = self.client.request(request.map(Full::new));
        let exchanged = async move {
            let (head, body) = answered.await?.into_parts();
            let body = Limited::new(body, MAX_ANSWER).collect().await?;
            Ok::<_, HttpError>(Response::from_parts(head, body.to_bytes()))
        };
        // The timer is made in there too: it needs the runtime.
        let sent = self
            .runtime
            .spawn(async move { timeout(SENDING_TIME, exchanged).await });
        let result = match sent.await {
            Ok(Ok(exchanged)) => exchanged,
            Ok(Err(late)) => Err(late.into()),
            // The host ends.
            Err(cancelled) => return Err(cancelled.into()),
        };
        self.note(&url, &result);
        result
    }
}

impl fmt::Debug for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Collector").finish_non_exhaustive()
    }
}
