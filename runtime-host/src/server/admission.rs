//! How many connections are open at most, and which one goes when there is one more: the one on
//! which nothing has been asked for longest. A client that only holds connections open so never
//! keeps others out, and the process always has file descriptors left for what it does itself.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};
use std::time::Duration;

use crate::server::client::Client;
use crate::server::throttle::Throttle;
use crate::telemetry::cells::Counter;

/// Of the file descriptors that the process may have, so many are not for connections of clients
/// but for stores, logs, and what components call: a quarter, within these bounds.
const RESERVED: (usize, usize) = (64, 4_096);

/// How many connections may be open in any case.
const FEWEST: usize = 16;

/// How many connections that have been idle for long are remembered from one search. They go in
/// this order, and each only if it has been idle ever since; so a flood costs a search only every
/// so many connections.
const REMEMBERED: usize = 256;

/// How often it is said that connections make room.
const SAID_EVERY: Duration = Duration::from_secs(10);

/// How many connections may be open, as far as the process' own limit goes.
pub(crate) fn default_max_connections() -> usize {
    max_connections_of(open_files())
}

fn max_connections_of(open_files: Option<usize>) -> usize {
    let Some(files) = open_files else {
        // Where the system has no limit, memory is one.
        return 1 << 20;
    };
    let (least, most) = RESERVED;
    files
        .saturating_sub((files / 4).clamp(least, most))
        .max(FEWEST)
}

/// How many files the process may have open; None without a limit.
#[cfg(unix)]
fn open_files() -> Option<usize> {
    use rustix::process::{Resource, getrlimit};

    let limit = getrlimit(Resource::Nofile).current?;
    Some(usize::try_from(limit).unwrap_or(usize::MAX))
}

#[cfg(not(unix))]
fn open_files() -> Option<usize> {
    None
}

/// Lets the process have as many files open as the system allows it to ask for.
#[cfg(unix)]
pub(crate) fn raise_open_files() {
    use rustix::process::{Resource, getrlimit, setrlimit};

    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::debug!("the limit of open files stays as it is: {error}");
    }
}

#[cfg(not(unix))]
pub(crate) fn raise_open_files() {}

/// What is known of the limit outside of the thread that accepts.
#[derive(Debug)]
pub(crate) struct ConnectionLimit {
    /// How many connections may be open.
    pub(crate) max: usize,
    /// How many were closed to make room.
    pub(crate) closed: Counter,
}

/// The connections that have been accepted. Only the thread that accepts has it.
pub(crate) struct Admission {
    limit: Arc<ConnectionLimit>,
    clients: Vec<Weak<Client>>,
    /// Those that had been idle for longest at the last search, with the time since when.
    oldest: VecDeque<(u64, Weak<Client>)>,
    said: Throttle,
}

impl Admission {
    pub(crate) fn new(limit: Arc<ConnectionLimit>) -> Self {
        Self {
            limit,
            clients: Vec::new(),
            oldest: VecDeque::new(),
            said: Throttle::new(SAID_EVERY),
        }
    }

    /// Whether one more would be too many where so many are `open`.
    pub(crate) fn is_full(&self, open: usize) -> bool {
        open >= self.limit.max
    }

    /// Notes a connection.
    pub(crate) fn add(&mut self, client: &Arc<Client>) {
        if self.clients.len() == self.clients.capacity() {
            // Otherwise those that have gone would be kept for ever.
            self.forget_closed();
        }
        self.clients.push(Arc::downgrade(client));
    }

    /// Closes the connection that has been idle for longest. False if none is idle.
    pub(crate) fn make_room(&mut self) -> bool {
        if self.close_oldest() {
            return true;
        }
        self.search();
        self.close_oldest()
    }

    /// None is idle, so a new one has to wait. To be said now and then.
    pub(crate) fn say_full(&self) {
        if self.said.pass().is_some() {
            tracing::warn!(
                "{} connections are open and none is idle: new ones wait (--max-connections)",
                self.limit.max
            );
        }
    }

    fn close_oldest(&mut self) -> bool {
        while let Some((since, client)) = self.oldest.pop_front() {
            let Some(client) = client.upgrade() else {
                continue;
            };
            if client.make_room(since) {
                self.limit.closed.count();
                self.say_closed(&client);
                return true;
            }
        }
        false
    }

    fn say_closed(&self, client: &Client) {
        if let Some(before) = self.said.pass() {
            tracing::warn!(
                "{} connections are open, so the idle one of {} was closed for a new one, as \
                 {before} were before it (--max-connections)",
                self.limit.max,
                client.address()
            );
        }
    }

    fn search(&mut self) {
        self.forget_closed();
        let mut idle: Vec<_> = self
            .clients
            .iter()
            .filter_map(|client| Some((client.upgrade()?.idle_since()?, client)))
            .collect();
        if idle.len() > REMEMBERED {
            idle.select_nth_unstable_by_key(REMEMBERED, |(since, _)| *since);
            idle.truncate(REMEMBERED);
        }
        idle.sort_unstable_by_key(|(since, _)| *since);
        let oldest = idle.into_iter();
        self.oldest = oldest
            .map(|(since, client)| (since, Weak::clone(client)))
            .collect();
    }

    fn forget_closed(&mut self) {
        self.clients.retain(|client| client.strong_count() > 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::client::Exchange;
    use std::time::Instant;

    fn admission(max: usize) -> Admission {
        Admission::new(Arc::new(ConnectionLimit {
            max,
            closed: Counter::default(),
        }))
    }

    fn clients(admission: &mut Admission, count: u16) -> Vec<Arc<Client>> {
        let server = ([127, 0, 0, 1], 80).into();
        let began = Instant::now();
        let clients = (0..count).map(|port| {
            let client = Arc::new(Client::new(([127, 0, 0, 1], port).into(), server));
            assert!(client.asks());
            let asked = began + Duration::from_millis(port.into());
            drop(Exchange::new(&client, asked));
            admission.add(&client);
            client
        });
        clients.collect()
    }

    #[test]
    fn a_part_of_the_open_files_is_not_for_connections() {
        assert_eq!(max_connections_of(Some(20)), 16);
        assert_eq!(max_connections_of(Some(256)), 192);
        assert_eq!(max_connections_of(Some(1_024)), 768);
        assert_eq!(max_connections_of(Some(1_000_000)), 995_904);
    }

    #[test]
    fn the_oldest_idle_one_goes_first() {
        let mut admission = admission(3);
        let clients = clients(&mut admission, 3);
        assert!(admission.is_full(3) && !admission.is_full(2));
        assert!(clients[0].asks(), "the oldest is busy");
        for gone in [1, 2] {
            assert!(admission.make_room());
            assert!(clients[gone].is_gone(), "{gone}");
        }
        assert!(!admission.make_room(), "only the busy one is left");
        drop(Exchange::new(&clients[0], Instant::now()));
        assert!(admission.make_room());
        assert_eq!(admission.limit.closed.value(), 3);
    }

    #[test]
    fn one_that_was_asked_after_the_search_is_not_the_oldest_any_more() {
        let mut admission = admission(1);
        let clients = clients(&mut admission, 3);
        assert!(admission.make_room());
        assert!(clients[1].asks());
        drop(Exchange::new(
            &clients[1],
            Instant::now() + Duration::from_secs(1),
        ));
        assert!(admission.make_room());
        assert!(clients[2].is_gone() && !clients[1].is_gone());
    }

    #[test]
    fn closed_connections_are_forgotten() {
        let mut admission = admission(10);
        for _ in 0..100 {
            clients(&mut admission, 10);
        }
        assert!(admission.clients.capacity() < 100);
        assert!(!admission.make_room());
    }
}
