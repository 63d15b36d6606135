//! Connections: accepting them, serving HTTP/1.1 on each, and resetting one where a fault asks
//! for it. What is answered is not decided here.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::answering::{self, Body, Reset};
use crate::simulation::Simulation;

/// How long to wait after the system refused to hand over a connection, most likely because it
/// is out of file descriptors.
const ACCEPT_AGAIN: Duration = Duration::from_millis(50);

/// Serves until it is dropped, which also ends every connection.
pub(crate) async fn serve(listener: TcpListener, simulation: Arc<Simulation>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(converse(stream, Arc::clone(&simulation)));
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_AGAIN).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

type Answering = Pin<Box<dyn Future<Output = Result<Response<Body>, Reset>> + Send>>;

/// Serves one connection until either side ends it.
async fn converse(stream: TcpStream, simulation: Arc<Simulation>) {
    let _open = simulation.connected();
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY could not be set");
    }
    let service = service_fn(move |request: Request<Incoming>| -> Answering {
        let simulation = Arc::clone(&simulation);
        Box::pin(async move { answering::answer(&simulation, request).await })
    });
    let mut connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    let ended = std::future::poll_fn(|context| connection.poll_without_shutdown(context)).await;
    let Err(error) = ended else {
        return;
    };
    // The service fails only where a reset is wanted.
    if error.is_user() {
        let stream = connection.into_parts().io.into_inner();
        // Closing a socket that lingers for no time sends RST instead of FIN.
        if let Err(error) = stream.set_zero_linger() {
            tracing::warn!(%error, "the connection could not be reset and is closed instead");
        }
    } else {
        tracing::debug!(%error, "a connection ended early");
    }
}
