//! A server that does nothing but answer: the lowest step of the ladder.

use std::convert::Infallible;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::thread::available_parallelism;

use bytes::Bytes;
use clap::Parser;
use edge_rates_bench::CONSTANT;
use edge_rates_bench::thread_per_core;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use mimalloc::MiMalloc;
use tokio::net::{TcpListener, TcpStream};

/// The host's allocator, so that it makes no difference between the two.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// hyper, a thread per core, and a constant answer.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Where to listen; port 0 takes any free one
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Threads that serve requests; one per processor unless said otherwise
    #[arg(long)]
    workers: Option<NonZeroUsize>,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let workers = match arguments.workers {
        Some(workers) => workers,
        None => available_parallelism()?,
    };
    thread_per_core::run(
        arguments.listen,
        workers,
        |address| {
            let mut stdout = io::stdout().lock();
            // Nobody has to read it.
            let _closed =
                writeln!(stdout, "Serving http://{address}").and_then(|()| stdout.flush());
        },
        accept,
    )
}

async fn accept(listener: TcpListener) -> anyhow::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(serve(stream));
    }
}

async fn serve(stream: TcpStream) {
    if stream.set_nodelay(true).is_err() {
        return;
    }
    // A client may close its connection whenever it likes.
    let _closed = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service_fn(answer))
        .await;
}

async fn answer(_: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let mut response = Response::new(Full::new(Bytes::from_static(CONSTANT.as_bytes())));
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    Ok(response)
}
