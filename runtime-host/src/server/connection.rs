//! One connection of a client: HTTP/1.1 with keep-alive and pipelining, closed politely when the
//! host drains.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::sync::watch;

use crate::server::core::OpenConnection;
use crate::server::request::Origin;

/// How long a client may take for the head of a request, and how long a connection may wait for
/// the next one.
const HEAD_TIMEOUT: Duration = Duration::from_secs(60);

/// The longest head of a request, in bytes; then the answer is 431.
const MAX_HEAD: usize = 64 << 10;

/// The most header lines of a request; then the answer is 431.
const MAX_HEADERS: usize = 128;

/// Serves a connection to its end. When `close` becomes true, the request that is being answered
/// is the last.
pub(crate) async fn serve(
    open: OpenConnection,
    stream: TcpStream,
    origin: Origin,
    mut close: watch::Receiver<bool>,
) {
    // Answers are written whole; waiting for more to send only delays them.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!("a connection is gone: {error}");
        return;
    }
    let service = service_fn(|request| {
        let core = Arc::clone(open.core());
        let origin = &origin;
        async move { Ok::<_, Infallible>(core.answer(request, origin).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(MAX_HEAD)
        .max_headers(MAX_HEADERS)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let served = tokio::select! {
        served = connection.as_mut() => served,
        () = closed(&mut close) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = served {
        tracing::debug!("a connection broke: {error}");
    }
}

/// Waits until connections are to be closed.
async fn closed(close: &mut watch::Receiver<bool>) {
    let _server_gone = close.wait_for(|close| *close).await.is_err();
}
