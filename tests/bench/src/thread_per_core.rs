//! The layout that the native servers share: every thread has a runtime, a listener and its
//! connections to itself, so that they cost what the machine asks for and no more. The system
//! spreads new connections over the listeners (SO_REUSEPORT).

use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::num::NonZeroUsize;
use std::thread;

use anyhow::{Context, Result, anyhow};
use socket2::{Domain, Protocol, Socket, Type};

/// Connections that the system keeps until they are accepted.
const BACKLOG: i32 = 4096;

/// Serves with `serve` on `workers` threads of `address`, until one of them ends. Port 0 takes a
/// free port. `listening` is told the address once all of them listen.
///
/// # Errors
/// If the address is taken, a thread does not start, or serving fails.
pub fn run<F>(
    address: SocketAddr,
    workers: NonZeroUsize,
    listening: impl FnOnce(SocketAddr),
    serve: impl Fn(tokio::net::TcpListener) -> F + Clone + Send + 'static,
) -> Result<()>
where
    F: Future<Output = Result<()>>,
{
    let first = listen(address).with_context(|| format!("cannot listen on {address}"))?;
    let address = first.local_addr()?;
    let mut listeners = vec![first];
    for _ in 1..workers.get() {
        listeners.push(listen(address).with_context(|| format!("cannot listen on {address}"))?);
    }
    let threads: Vec<_> = listeners
        .into_iter()
        .enumerate()
        .map(|(number, listener)| {
            let serve = serve.clone();
            thread::Builder::new()
                .name(format!("core-{number}"))
                .spawn(move || on_this_thread(listener, serve))
        })
        .collect::<io::Result<_>>()?;
    listening(address);
    for thread in threads {
        thread
            .join()
            .map_err(|_| anyhow!("a serving thread panicked"))??;
    }
    Ok(())
}

fn on_this_thread<F>(
    listener: TcpListener,
    serve: impl Fn(tokio::net::TcpListener) -> F,
) -> Result<()>
where
    F: Future<Output = Result<()>>,
{
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async move {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        serve(listener).await
    })
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}
