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
use crate::telemetry::record::Reason;

/// How long a client may take for the head of a request, and how long a connection may wait for
/// the next one. Longer than the 60 s for which proxies such as nginx keep theirs: whoever closes
/// a connection first may meet a request that is on its way, and only a proxy knows of those.
const HEAD_TIMEOUT: Duration = Duration::from_secs(75);

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
        // hyper answers what it cannot read as a request by itself.
        if error.is_parse_too_large() {
            open.core().record().refuse(Reason::HeadTooLarge);
        } else if error.is_parse() {
            open.core().record().refuse(Reason::BadRequest);
        }
        tracing::debug!("a connection broke: {error}");
    }
}

/// Waits until connections are to be closed.
async fn closed(close: &mut watch::Receiver<bool>) {
    let _server_gone = close.wait_for(|close| *close).await.is_err();
}

#[cfg(test)]
mod tests {
    use super::*;
    use runtime_host_keyvalue::Stores;
    use runtime_host_manifest::VariableValues;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use crate::app::{App, Surroundings};
    use crate::capabilities::outbound_http::OutboundSettings;
    use crate::clock::{GuestClock, SystemClock};
    use crate::compiled::CompiledCode;
    use crate::guest_output::GuestOutput;
    use crate::server::core::{Core, ServerState};
    use crate::settings::Limits;

    /// A core that answers `hello` by itself.
    fn core() -> Arc<Core> {
        let folder = tempfile::tempdir().unwrap();
        let manifest = r#"spin_manifest_version = 2
[application]
name = "hello"
[[trigger.http]]
route = "/"
static_response = { body = "hello" }
"#;
        std::fs::write(folder.path().join("spin.toml"), manifest).unwrap();
        let application = runtime_host_manifest::load(folder.path()).unwrap();
        let values = VariableValues::resolve(&application, &[], |_| None).unwrap();
        let surroundings = Surroundings {
            engine: crate::engine::shared(true).unwrap(),
            compiled: CompiledCode::open(None),
            stores: Arc::new(Stores::temporary([]).unwrap()),
            output: GuestOutput::start(Some(folder.path().to_owned()), false).unwrap(),
            clock: GuestClock(Arc::new(SystemClock)),
            outbound: OutboundSettings::default(),
            environment: Vec::new(),
            contents: None,
        };
        let app = App::load(&application, &values, &surroundings).unwrap();
        let state = Arc::new(ServerState {
            readiness_path: None,
            departure: Arc::default(),
            traces: None,
        });
        Core::new(Arc::new(app), Arc::new(Limits::default()), state)
    }

    #[tokio::test]
    async fn the_system_does_not_hold_small_answers_back() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut client = TcpStream::connect(address).await.unwrap();
        let (stream, peer) = listener.accept().await.unwrap();
        let stream = stream.into_std().unwrap();
        let same_socket = stream.try_clone().unwrap();
        let (_serving_on, close) = watch::channel(false);
        tokio::spawn(serve(
            core().open_connection(),
            TcpStream::from_std(stream).unwrap(),
            Origin::client(peer, address),
            close,
        ));
        let request = b"GET / HTTP/1.1\r\nhost: hello\r\n\r\n";
        client.write_all(request).await.unwrap();
        let mut answer = String::new();
        while !answer.ends_with("hello") {
            answer.push(client.read_u8().await.unwrap().into());
        }
        assert!(same_socket.nodelay().unwrap());
    }
}
