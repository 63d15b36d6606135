//! The server's threads: one that accepts, and the cores. They are started here, told to drain,
//! and stopped.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::watch;

use crate::app::App;
use crate::server::admission::{Admission, ConnectionLimit, default_max_connections};
use crate::server::client::Client;
use crate::server::connection;
use crate::server::core::{Core, OpenConnection, ServerState};
use crate::server::departure::Departure;
use crate::settings::Limits;
use crate::telemetry::cells::Counter;
use crate::telemetry::traces::Traces;

/// After an error of `accept`, such as too many open files, it is tried again this much later.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// While no connection can make room for a new one, it is tried again this much later.
const ROOM_PAUSE: Duration = Duration::from_millis(10);

/// So many connections may be on their way out, closed by the accepting thread but not yet by their
/// cores. In a flood it waits for them, or it would run out of file descriptors.
const ON_THEIR_WAY: usize = 8;

/// How often it looks whether they have gone.
const WAY_PAUSE: Duration = Duration::from_millis(1);

/// While the host drains, clients that reuse their connection are answered for this long, and
/// told with the answer that it was the last; then connections without a request are closed. A
/// request that is on its way when the drain begins is answered this way rather than cut off.
const LAST_REQUESTS: Duration = Duration::from_millis(200);

/// How many sockets that have something to read are taken up before their requests are answered.
/// With 1,024 busy connections, reading all of them first means that a request's memory is out of
/// the processor's cache when its guest's turn comes, and again when its answer is written: 73 to
/// 81 µs of processor time per request in place of 58 to 62, and a quarter more memory.
const SOCKETS_AT_ONCE: usize = 32;

/// After so many tasks the sockets are looked at again even if there is more to do: enough for
/// [`SOCKETS_AT_ONCE`] requests to be read, answered and written.
const TASKS_PER_LOOK: u32 = 256;

/// How often a drain looks whether all is done.
const DRAIN_STEP: Duration = Duration::from_millis(2);

/// A connection on its way from the accepting thread to a core.
struct Accepted {
    stream: TcpStream,
    client: Arc<Client>,
    /// Counts from the moment of choosing, so that a burst is spread too.
    open: OpenConnection,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Serving,
    /// No new connections.
    Draining,
    Stopped,
}

/// A server that runs until it is stopped or dropped.
pub(crate) struct Threads {
    address: SocketAddr,
    cores: Vec<Arc<Core>>,
    departure: Arc<Departure>,
    connections: Arc<ConnectionLimit>,
    phase: watch::Sender<Phase>,
    close: watch::Sender<bool>,
    threads: Vec<JoinHandle<()>>,
}

/// What was left when a drain ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DrainReport {
    /// Requests that had no complete answer when the time was up.
    pub abandoned_requests: usize,
    /// Whether everything was finished: requests, connections, and what guests still did after
    /// their answers.
    pub complete: bool,
}

impl Threads {
    /// Starts to serve `app` on `listener` with `workers` cores.
    pub(crate) fn start(
        app: &Arc<App>,
        limits: &Arc<Limits>,
        listener: TcpListener,
        workers: usize,
        readiness_path: Option<String>,
        traces: Option<Arc<Traces>>,
    ) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let departure = Arc::new(Departure::default());
        let state = Arc::new(ServerState {
            readiness_path,
            departure: Arc::clone(&departure),
            traces,
        });
        let (phase, _) = watch::channel(Phase::Serving);
        let (close, _) = watch::channel(false);
        let max = limits.max_connections;
        let connections = Arc::new(ConnectionLimit {
            max: max.unwrap_or_else(default_max_connections),
            closed: Counter::default(),
        });
        let mut server = Self {
            address,
            cores: Vec::new(),
            departure,
            connections,
            phase,
            close,
            threads: Vec::new(),
        };
        let mut queues = Vec::new();
        for number in 0..workers {
            let (queue, accepted) = unbounded_channel();
            let core = server.start_core(number, app, limits, &state, accepted)?;
            queues.push((core, queue));
        }
        server.start_accepting(listener, queues)?;
        Ok(server)
    }

    fn start_core(
        &mut self,
        number: usize,
        app: &Arc<App>,
        limits: &Arc<Limits>,
        state: &Arc<ServerState>,
        mut accepted: UnboundedReceiver<Accepted>,
    ) -> io::Result<Arc<Core>> {
        let core = Core::new(Arc::clone(app), Arc::clone(limits), Arc::clone(state));
        self.cores.push(Arc::clone(&core));
        let mut phase = self.phase.subscribe();
        let close = self.close.clone();
        self.run(format!("core-{number}"), async move {
            let stopped = phase.wait_for(|phase| *phase == Phase::Stopped);
            let serving = async {
                while let Some(accepted) = accepted.recv().await {
                    let Accepted {
                        stream,
                        client,
                        open,
                    } = accepted;
                    match tokio::net::TcpStream::from_std(stream) {
                        Ok(stream) => {
                            let (served, close) = (Arc::clone(&client), close.subscribe());
                            let task = connection::serve(open, stream, served, close);
                            client.is_served_by(tokio::spawn(task).abort_handle());
                        }
                        Err(error) => say_lost(client.address(), &error),
                    }
                }
                // No more connections come, but those that are here are served.
                std::future::pending::<()>().await;
            };
            tokio::select! {
                _ = stopped => {}
                () = serving => {}
            }
        })?;
        Ok(core)
    }

    fn start_accepting(
        &mut self,
        listener: TcpListener,
        queues: Vec<(Arc<Core>, UnboundedSender<Accepted>)>,
    ) -> io::Result<()> {
        let mut phase = self.phase.subscribe();
        let mut entrance = Entrance {
            queues,
            server: self.address,
            admission: Admission::new(Arc::clone(&self.connections)),
        };
        self.run("accept".to_owned(), async move {
            let listener = match tokio::net::TcpListener::from_std(listener) {
                Ok(listener) => listener,
                Err(error) => {
                    tracing::error!("cannot accept connections: {error}");
                    return;
                }
            };
            let mut accepted = None;
            let accepting = async {
                loop {
                    match listener.accept().await {
                        Ok(connection) => {
                            accepted = Some(connection);
                            entrance.make_room().await;
                            if let Some((stream, client)) = accepted.take() {
                                entrance.hand_over(stream, client);
                            }
                        }
                        Err(error) => {
                            tracing::warn!("a connection could not be accepted: {error}");
                            if is_of_too_many_files(&error) {
                                entrance.admission.make_room();
                            }
                            tokio::time::sleep(ACCEPT_PAUSE).await;
                        }
                    }
                }
            };
            tokio::select! {
                () = accepting => {}
                _ = phase.wait_for(|phase| *phase != Phase::Serving) => {}
            }
            if let Some((stream, client)) = accepted {
                entrance.hand_over(stream, client);
            }
            // The system has completed these already; closing the socket would cut them off.
            while let Some(Ok((stream, client))) =
                futures::FutureExt::now_or_never(listener.accept())
            {
                entrance.hand_over(stream, client);
            }
        })
    }

    fn run(
        &mut self,
        name: String,
        work: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<()> {
        let runtime: Runtime = Builder::new_current_thread()
            .enable_all()
            .max_io_events_per_tick(SOCKETS_AT_ONCE)
            .event_interval(TASKS_PER_LOOK)
            .build()?;
        let thread = thread::Builder::new().name(name).spawn(move || {
            runtime.block_on(work);
            // What runs on its blocking threads, such as a name lookup, is not waited for.
            runtime.shutdown_background();
        })?;
        self.threads.push(thread);
        Ok(())
    }

    /// Where the server listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// What serves requests, to look into.
    pub(crate) fn cores(&self) -> &[Arc<Core>] {
        &self.cores
    }

    /// How far the server is on its way out.
    pub(crate) fn departure(&self) -> &Arc<Departure> {
        &self.departure
    }

    /// How many connections may be open, and how many were closed for others.
    pub(crate) fn connections(&self) -> &Arc<ConnectionLimit> {
        &self.connections
    }

    /// Stops accepting and finishes what has begun, within `limit`.
    pub(crate) async fn drain(&self, limit: Duration) -> DrainReport {
        let end = Instant::now() + limit;
        self.departure.drain();
        self.phase.send_if_modified(|phase| {
            let serving = *phase == Phase::Serving;
            if serving {
                *phase = Phase::Draining;
            }
            serving
        });
        let last_requests = Instant::now() + LAST_REQUESTS.min(limit);
        loop {
            // The accepting thread was started last; until it ends, it may hand over more.
            let is_accepting = self
                .threads
                .last()
                .is_some_and(|accept| !accept.is_finished());
            let quiet = !is_accepting && self.cores.iter().all(|core| core.is_quiet());
            let now = Instant::now();
            if now >= last_requests {
                self.close.send_replace(true);
            }
            if quiet || now >= end {
                return DrainReport {
                    abandoned_requests: self.requests_in_flight(),
                    complete: quiet,
                };
            }
            tokio::time::sleep(DRAIN_STEP).await;
        }
    }

    fn requests_in_flight(&self) -> usize {
        self.cores
            .iter()
            .map(|core| core.requests_in_flight())
            .sum()
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        for core in &self.cores {
            core.stop();
        }
        self.phase.send_replace(Phase::Stopped);
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a thread of the server panicked");
            }
        }
    }
}

/// What the accepting thread has of the cores.
struct Entrance {
    queues: Vec<(Arc<Core>, UnboundedSender<Accepted>)>,
    server: SocketAddr,
    admission: Admission,
}

impl Entrance {
    fn open_connections(&self) -> usize {
        let cores = self.queues.iter();
        cores.map(|(core, _)| core.open_connections()).sum()
    }

    /// Waits until there is room for one more connection, and makes it if it can.
    async fn make_room(&mut self) {
        loop {
            let open = self.open_connections();
            if !self.admission.is_full(open) {
                return;
            }
            if self.admission.is_full(open.saturating_sub(ON_THEIR_WAY)) {
                tokio::time::sleep(WAY_PAUSE).await;
                continue;
            }
            if self.admission.make_room() {
                return;
            }
            self.admission.say_full();
            tokio::time::sleep(ROOM_PAUSE).await;
        }
    }

    /// Gives a connection to the core that has the fewest.
    fn hand_over(&mut self, stream: tokio::net::TcpStream, client: SocketAddr) {
        let least = self
            .queues
            .iter()
            .min_by_key(|(core, _)| core.open_connections());
        let Some((core, queue)) = least else {
            return;
        };
        let open = core.open_connection();
        match stream.into_std() {
            Ok(stream) => {
                let client = Arc::new(Client::new(client, self.server));
                self.admission.add(&client);
                let _stopping = queue.send(Accepted {
                    stream,
                    client,
                    open,
                });
            }
            Err(error) => say_lost(client, &error),
        }
    }
}

/// Whether the process, or the system, has no file descriptor left.
#[cfg(unix)]
fn is_of_too_many_files(error: &io::Error) -> bool {
    use rustix::io::Errno;

    matches!(
        Errno::from_io_error(error),
        Some(Errno::MFILE | Errno::NFILE)
    )
}

#[cfg(not(unix))]
fn is_of_too_many_files(_: &io::Error) -> bool {
    false
}

fn say_lost(client: SocketAddr, error: &io::Error) {
    tracing::warn!("the connection of {client} is lost: {error}");
}
