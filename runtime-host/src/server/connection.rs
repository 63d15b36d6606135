//! One connection of a client: HTTP/1.1 with keep-alive and pipelining, closed politely when the
//! host drains.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Sleep, sleep_until};

use crate::server::client::{Client, WaitsFor};
use crate::server::core::{Core, OpenConnection};
use crate::server::socket::Socket;
use crate::telemetry::record::Reason;

/// How long a client may take for the head of a request, and how long a connection may wait for
/// the next one. Longer than the 60 s for which proxies such as nginx keep theirs: whoever closes
/// a connection first may meet a request that is on its way, and only a proxy knows of those.
const HEAD_TIMEOUT: Duration = Duration::from_secs(75);

/// The longest head of a request, from its first byte to the empty line, in bytes; then the answer
/// is 431.
const MAX_HEAD: usize = 64 << 10;

/// The most header lines of a request; then the answer is 431.
const MAX_HEADERS: usize = 128;

/// Serves a connection to its end. When `close` becomes true, the request that is being answered
/// is the last.
pub(crate) async fn serve(
    open: OpenConnection,
    stream: TcpStream,
    client: Arc<Client>,
    mut close: watch::Receiver<bool>,
) {
    let socket = match Socket::new(stream, Arc::clone(&client)) {
        Ok(socket) => socket,
        Err(error) => return tracing::debug!("a connection is gone: {error}"),
    };
    let service = service_fn(|request| {
        let (core, client) = (open.core(), &client);
        async move { Ok::<_, Infallible>(core.answer(request, client).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(MAX_HEAD)
        .max_header_size(MAX_HEAD)
        .max_headers(MAX_HEADERS)
        .serve_connection(TokioIo::new(socket), service);
    let mut connection = pin!(connection);
    let mut closed = pin!(closed(&mut close));
    let mut is_closing = false;
    let mut standstill = Standstill::after(open.core().limits().response_body_timeout);
    let served = poll_fn(|cx| {
        // First what has come: a request that is there when connections are closed is answered.
        if let Poll::Ready(served) = connection.as_mut().poll(cx) {
            return Poll::Ready(Some(served));
        }
        if !is_closing && closed.as_mut().poll(cx).is_ready() {
            is_closing = true;
            connection.as_mut().graceful_shutdown();
            if let Poll::Ready(served) = connection.as_mut().poll(cx) {
                return Poll::Ready(Some(served));
            }
        }
        let Some(waits_for) = client.answer_waits_for() else {
            return Poll::Pending;
        };
        ready!(standstill.poll(cx, &client));
        report_standstill(open.core(), waits_for, &client);
        Poll::Ready(None)
    });
    if let Some(Err(error)) = served.await {
        // hyper answers what it cannot read as a request by itself.
        if error.is_parse_too_large() {
            open.core().record().refuse(Reason::HeadTooLarge);
        } else if error.is_parse() {
            open.core().record().refuse(Reason::BadRequest);
        }
        tracing::debug!("a connection broke: {error}");
    }
}

/// Watches answers that leave in pieces. There is one timer for all of a connection, made with the
/// first of them and set again only when it fires.
struct Standstill {
    limit: Duration,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Standstill {
    fn after(limit: Duration) -> Self {
        Self { limit, timer: None }
    }

    /// Ready when nothing has moved for too long.
    fn poll(&mut self, cx: &mut Context<'_>, client: &Client) -> Poll<()> {
        loop {
            let end = client.moved_at() + self.limit;
            let timer = self
                .timer
                .get_or_insert_with(|| Box::pin(sleep_until(end.into())));
            ready!(timer.as_mut().poll(cx));
            if Instant::now() >= end {
                return Poll::Ready(());
            }
            timer.as_mut().reset(end.into());
        }
    }
}

fn report_standstill(core: &Core, waits_for: WaitsFor, client: &Client) {
    core.record().cut_off.count();
    let (address, limit) = (client.address(), core.limits().response_body_timeout);
    let seconds = limit.as_secs_f64();
    match waits_for {
        WaitsFor::Client => tracing::info!(
            "an answer was cut off: its client {address} took nothing of it for {seconds} s \
             (--response-body-timeout)"
        ),
        WaitsFor::Component(component) => {
            let text = format!(
                "an answer to {address} was cut off: nothing was written to its body for \
                 {seconds} s (--response-body-timeout)"
            );
            tracing::warn!("component `{}`: {text}", core.name(component));
            core.tell(component, text);
        }
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
            Arc::new(Client::new(peer, address)),
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
