//! A Redis server, as the threads of this process see it. Each thread has one connection, which
//! all its callers share: commands are sent as they come, without waiting for the replies to the
//! ones before. A task on the thread's own runtime keeps the connection and makes a new one when
//! it is lost, so that no call leaves its thread.
//!
//! Callers never wait long. While there is a connection they wait for a reply at most
//! [`PATIENCE`]; when it is lost, calls that wait for a reply fail at once, and new ones wait for
//! the first attempt at another; as long as attempts fail, calls fail at once.

use std::cell::RefCell;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{Cmd, ServerError, Value};
use runtime_host_manifest::RedisUrl;
use tokio::runtime::Handle;
use tokio::sync::{Notify, watch};
use tokio::time::sleep;

use super::connecting::{ConnectFailure, Driver, Entrance, PATIENCE};
use crate::error::{OpenError, StoreError};

/// How long after a failed attempt the next one is made.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// The pause doubles with each attempt, up to this.
const LONGEST_PAUSE: Duration = Duration::from_millis(250);

thread_local! {
    /// This thread's connections. Those to servers that nobody uses any more are closed when
    /// the next one is made, or when the thread ends.
    static LINKS: RefCell<Vec<Link>> = const { RefCell::new(Vec::new()) };
}

/// A thread's way to a server.
struct Link {
    server: Weak<Server>,
    state: watch::Receiver<State>,
}

#[derive(Clone)]
enum State {
    /// The first attempt, or the first after a connection was lost, is being made.
    Connecting,
    Connected(Connection),
    /// The last attempt failed for this reason; others follow.
    Unreachable(Arc<str>),
}

#[derive(Clone)]
struct Connection {
    commands: MultiplexedConnection,
    /// Told by callers who waited for a reply in vain.
    silent: Arc<Notify>,
}

/// A server, and the database on it.
pub(crate) struct Server {
    url: RedisUrl,
    entrance: Entrance,
    /// Whether the log has it that the server is not reachable.
    is_reported: AtomicBool,
}

impl Server {
    /// Connects to nothing yet.
    pub(crate) fn new(url: RedisUrl) -> Result<Arc<Self>, OpenError> {
        Ok(Arc::new(Self {
            entrance: Entrance::new(&url)?,
            url,
            is_reported: AtomicBool::new(false),
        }))
    }

    pub(crate) fn url(&self) -> &RedisUrl {
        &self.url
    }

    /// Looks whether the server answers. The log tells if it doesn't.
    pub(crate) async fn probe(&self) {
        match self.entrance.connect().await {
            Ok(_) => self.report_reachable(),
            Err(failure) => self.report_unreachable(&failure.to_string()),
        }
    }

    /// Sends a command and gives the reply, which can be an error of the server.
    pub(crate) async fn run(self: &Arc<Self>, command: &Cmd) -> Result<Value, StoreError> {
        let Connection {
            mut commands,
            silent,
        } = self.connection().await?;
        match commands.send_packed_command(command).await {
            Ok(reply) => Ok(reply),
            Err(error) if error.is_timeout() => {
                silent.notify_one();
                let failure = ConnectFailure::TimedOut;
                Err(self.unavailable(&failure))
            }
            Err(error) => Err(self.unavailable(&format_args!("the connection is lost: {error}"))),
        }
    }

    /// What the server says instead of doing what it was told to.
    pub(crate) fn refusal(&self, error: &ServerError) -> StoreError {
        let (code, details) = (error.code(), error.details().unwrap_or_default());
        StoreError::Refused(format!("{self}: {code} {details}"))
    }

    fn unavailable(&self, reason: &dyn fmt::Display) -> StoreError {
        StoreError::Unavailable(format!("{self}: {reason}"))
    }

    async fn connection(self: &Arc<Self>) -> Result<Connection, StoreError> {
        let mut state = match self.linked() {
            State::Connected(connection) => return Ok(connection),
            State::Unreachable(reason) => return Err(self.unavailable(&reason)),
            State::Connecting => self.link()?,
        };
        let settled = state
            .wait_for(|state| !matches!(state, State::Connecting))
            .await;
        match settled.as_deref() {
            Ok(State::Connected(connection)) => Ok(connection.clone()),
            Ok(State::Unreachable(reason)) => Err(self.unavailable(reason)),
            Ok(State::Connecting) | Err(_) => {
                Err(self.unavailable(&"the thread that keeps the connection ends"))
            }
        }
    }

    /// How this thread is connected just now.
    fn linked(self: &Arc<Self>) -> State {
        LINKS.with_borrow(|links| {
            let link = links.iter().find(|link| link.leads_to(self));
            link.map_or(State::Connecting, |link| link.state.borrow().clone())
        })
    }

    /// This thread's link, which is made if it isn't there.
    fn link(self: &Arc<Self>) -> Result<watch::Receiver<State>, StoreError> {
        let runtime = Handle::try_current().map_err(|error| self.unavailable(&error))?;
        LINKS.with_borrow_mut(|links| {
            if let Some(link) = links.iter().find(|link| link.leads_to(self)) {
                return Ok(link.state.clone());
            }
            links.retain(|link| link.server.strong_count() > 0 && link.is_kept());
            let (sender, state) = watch::channel(State::Connecting);
            runtime.spawn(keep_connected(Arc::downgrade(self), sender));
            links.push(Link {
                server: Arc::downgrade(self),
                state: state.clone(),
            });
            Ok(state)
        })
    }

    fn report_reachable(&self) {
        if self.is_reported.swap(false, Ordering::Relaxed) {
            tracing::info!("{self} is reachable again");
        }
    }

    fn report_unreachable(&self, reason: &str) {
        if !self.is_reported.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "{self} is not reachable, so its key-value stores fail until it is: {reason}"
            );
        }
    }
}

impl Link {
    fn leads_to(&self, server: &Arc<Server>) -> bool {
        self.server.as_ptr() == Arc::as_ptr(server) && self.is_kept()
    }

    /// Whether somebody still looks after the connection: its runtime may have ended before the
    /// thread.
    fn is_kept(&self) -> bool {
        self.state.has_changed().is_ok()
    }
}

/// Keeps this thread connected until nobody needs it any more.
async fn keep_connected(server: Weak<Server>, state: watch::Sender<State>) {
    let mut pause = FIRST_PAUSE;
    loop {
        let Some(server) = server.upgrade() else {
            return;
        };
        match server.entrance.connect().await {
            Ok((commands, driver)) => {
                server.report_reachable();
                drop(server);
                pause = FIRST_PAUSE;
                let silent = Arc::new(Notify::new());
                state.send_replace(State::Connected(Connection {
                    commands,
                    silent: Arc::clone(&silent),
                }));
                if !until_lost(driver, &silent, &state).await {
                    return;
                }
                state.send_replace(State::Connecting);
            }
            Err(failure) => {
                let reason = failure.to_string();
                server.report_unreachable(&reason);
                drop(server);
                state.send_replace(State::Unreachable(reason.into()));
                tokio::select! {
                    () = sleep(pause) => {}
                    () = state.closed() => return,
                }
                pause = LONGEST_PAUSE.min(2 * pause);
            }
        }
    }
}

/// Runs a connection until it is lost. Gives whether anybody still wants another.
async fn until_lost(driver: Driver, silent: &Notify, state: &watch::Sender<State>) -> bool {
    let mut driver = tokio::spawn(driver);
    tokio::select! {
        _ = &mut driver => true,
        () = silent.notified() => {
            // What has been sent just now may still be answered.
            tokio::spawn(async move {
                sleep(PATIENCE).await;
                driver.abort();
            });
            true
        }
        () = state.closed() => {
            driver.abort();
            false
        }
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redis at {}", self.url)
    }
}
