//! The port for operators: `/metrics`, `/livez` and `/readyz`, on a thread of its own, apart from
//! the application. So it answers while every core is busy, and nobody from outside has to be
//! able to reach it.

use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::pin::pin;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::runtime::Builder;
use tokio::sync::watch;

use crate::telemetry::Observed;

/// How long a scraper may take to ask, and to ask again.
const HEAD_TIMEOUT: Duration = Duration::from_secs(120);

/// After an error of `accept` it is tried again this much later.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// Prometheus' text format.
const METRICS: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

/// The port, served until it is dropped.
pub(crate) struct Endpoint {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl Endpoint {
    /// Serves what is `observed` on `listener`, which must not block.
    pub(crate) fn start(listener: TcpListener, observed: Observed) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let (stop, stopped) = watch::channel(false);
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let thread = thread::Builder::new()
            .name("metrics".to_owned())
            .spawn(move || runtime.block_on(serve(listener, Arc::new(observed), stopped)))?;
        Ok(Self {
            address,
            stop,
            thread: Some(thread),
        })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        if self
            .thread
            .take()
            .is_some_and(|thread| thread.join().is_err())
        {
            tracing::error!("the thread that serves metrics panicked");
        }
    }
}

async fn serve(listener: TcpListener, observed: Arc<Observed>, mut stopped: watch::Receiver<bool>) {
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!("metrics cannot be served: {error}"),
    };
    let mut stopped = pin!(stopped.wait_for(|stopped| *stopped));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = &mut stopped => return,
        };
        match accepted {
            Ok((stream, _)) => {
                tokio::spawn(serve_connection(stream, Arc::clone(&observed)));
            }
            Err(error) => {
                tracing::warn!("a connection for metrics could not be accepted: {error}");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn serve_connection(stream: TcpStream, observed: Arc<Observed>) {
    let service = service_fn(|request: Request<hyper::body::Incoming>| {
        let response = answer(&observed, request.method(), request.uri().path());
        async move { Ok::<_, Infallible>(response) }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = served {
        tracing::debug!("a connection for metrics broke: {error}");
    }
}

fn answer(observed: &Observed, method: &Method, path: &str) -> Response<Full<Bytes>> {
    if !matches!(*method, Method::GET | Method::HEAD) {
        let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "Ask with GET.\n");
        let allowed = HeaderValue::from_static("GET, HEAD");
        response.headers_mut().insert(header::ALLOW, allowed);
        return response;
    }
    match path {
        "/metrics" => match observed.text() {
            Ok(metrics) => of_kind(METRICS, metrics),
            Err(error) => {
                tracing::error!("the metrics cannot be written: {error}");
                text(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "The host's log says why.\n",
                )
            }
        },
        "/livez" => text(StatusCode::OK, "ok\n"),
        "/readyz" if observed.departure.has_begun() => text(
            StatusCode::SERVICE_UNAVAILABLE,
            "The host is shutting down.\n",
        ),
        "/readyz" => text(StatusCode::OK, "ok\n"),
        _ => text(
            StatusCode::NOT_FOUND,
            "There are /metrics, /livez and /readyz.\n",
        ),
    }
}

fn text(status: StatusCode, body: &'static str) -> Response<Full<Bytes>> {
    let mut response = of_kind(TEXT, body);
    *response.status_mut() = status;
    response
}

fn of_kind(kind: HeaderValue, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, kind);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
