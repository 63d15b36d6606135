//! What is known of a client's connection while it is open: where it comes from, since when nothing
//! has been asked on it, and when bytes last moved. Its own core writes it; the thread that accepts
//! reads it, to find the connection that has been idle for longest when there are too many.
//!
//! A request that is asked and answered whole costs two writes here and no look at a clock.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering, fence};
use std::sync::{Arc, LazyLock, OnceLock};
use std::time::{Duration, Instant};

use tokio::task::AbortHandle;

use crate::server::request::Origin;

/// A request is being answered.
const BUSY: u64 = 0;

/// The connection has to make room and is asked nothing any more.
const GONE: u64 = u64::MAX;

/// Nobody needs to know when bytes move.
const UNWATCHED: u8 = 0;
/// The body of the request comes in pieces.
const UPLOAD: u8 = 1;
/// The body of the answer leaves in pieces.
const ANSWER: u8 = 2;
/// The client does not take what there is for it.
const FULL: u8 = 4;

/// What all moments are counted from.
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// A moment as one number, which is neither [`BUSY`] nor [`GONE`].
pub(super) fn stamp(at: Instant) -> u64 {
    let nanoseconds = at.saturating_duration_since(*START).as_nanos();
    u64::try_from(nanoseconds).map_or(GONE - 1, |stamp| stamp.clamp(1, GONE - 1))
}

pub(super) fn moment(stamp: u64) -> Instant {
    *START + Duration::from_nanos(stamp)
}

/// What the rest of an answer waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WaitsFor {
    /// To take what there is.
    Client,
    /// At this place, to write more.
    Component(usize),
}

/// The client of one connection.
pub(crate) struct Client {
    origin: Origin,
    address: SocketAddr,
    /// Since when nothing is asked, or [`BUSY`], or [`GONE`].
    idle_since: AtomicU64,
    /// Why it has to be known when bytes move, of [`UPLOAD`], [`ANSWER`] and [`FULL`].
    watched: AtomicU8,
    /// When bytes last moved, while that is watched.
    moved: AtomicU64,
    /// The component whose answer is on its way.
    component: AtomicUsize,
    task: OnceLock<AbortHandle>,
}

impl Client {
    /// A client that has just connected to `server`.
    pub(crate) fn new(client: SocketAddr, server: SocketAddr) -> Self {
        let now = stamp(Instant::now());
        Self {
            origin: Origin::client(client, server),
            address: client,
            idle_since: AtomicU64::new(now),
            watched: AtomicU8::new(UNWATCHED),
            moved: AtomicU64::new(now),
            component: AtomicUsize::new(0),
            task: OnceLock::new(),
        }
    }

    pub(crate) fn origin(&self) -> &Origin {
        &self.origin
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// A request has come. False if the connection has to make room: then it is too late for it.
    pub(crate) fn asks(&self) -> bool {
        if self.idle_since.swap(BUSY, Ordering::Relaxed) == GONE {
            self.idle_since.store(GONE, Ordering::Relaxed);
            return false;
        }
        self.watched.store(UNWATCHED, Ordering::Relaxed);
        true
    }

    fn is_idle_from(&self, at: Instant) {
        self.idle_since.store(stamp(at), Ordering::Relaxed);
    }

    /// Since when nothing is asked; None while a request is answered or its answer taken, or if
    /// the connection goes already.
    pub(crate) fn idle_since(&self) -> Option<u64> {
        let since = self.idle_since.load(Ordering::Relaxed);
        let is_idle = since != BUSY && since != GONE && !self.is_full();
        is_idle.then_some(since)
    }

    /// Closes the connection if it has been idle since then and no request came in between.
    pub(crate) fn make_room(&self, since: u64) -> bool {
        let idle = &self.idle_since;
        let (took, failed) = (Ordering::AcqRel, Ordering::Relaxed);
        if idle.compare_exchange(since, GONE, took, failed).is_err() {
            return false;
        }
        fence(Ordering::SeqCst);
        if let Some(task) = self.task.get() {
            task.abort();
        }
        true
    }

    /// Whether the connection has to make room.
    pub(crate) fn is_gone(&self) -> bool {
        self.idle_since.load(Ordering::Acquire) == GONE
    }

    /// This task serves the connection.
    pub(crate) fn is_served_by(&self, task: AbortHandle) {
        let task = self.task.get_or_init(|| task);
        fence(Ordering::SeqCst);
        // It may have had to go before there was a task.
        if self.is_gone() {
            task.abort();
        }
    }

    /// The body of a request comes in pieces.
    pub(crate) fn watch_upload(&self) {
        self.watch(UPLOAD);
    }

    /// The body of an answer of the component at this place leaves in pieces.
    pub(crate) fn watch_answer(&self, component: usize) {
        self.component.store(component, Ordering::Relaxed);
        self.watch(ANSWER);
    }

    fn watch(&self, why: u8) {
        self.moved.store(stamp(Instant::now()), Ordering::Relaxed);
        self.watched.fetch_or(why, Ordering::Relaxed);
    }

    /// Bytes have come, or have been taken.
    pub(crate) fn moves(&self) {
        if self.watched.load(Ordering::Relaxed) != UNWATCHED {
            self.moved.store(stamp(Instant::now()), Ordering::Relaxed);
            self.watched.fetch_and(!FULL, Ordering::Relaxed);
        }
    }

    /// Nothing more can be written to the client now.
    pub(crate) fn fills(&self) {
        if self.watched.fetch_or(FULL, Ordering::Relaxed) == UNWATCHED {
            self.moved.store(stamp(Instant::now()), Ordering::Relaxed);
        }
    }

    fn is_full(&self) -> bool {
        self.watched.load(Ordering::Relaxed) & FULL != 0
    }

    /// What an answer waits for that is on its way, if one is.
    pub(crate) fn answer_waits_for(&self) -> Option<WaitsFor> {
        let watched = self.watched.load(Ordering::Relaxed);
        if watched & FULL != 0 {
            return Some(WaitsFor::Client);
        }
        let component = self.component.load(Ordering::Relaxed);
        (watched & ANSWER != 0).then_some(WaitsFor::Component(component))
    }

    /// When bytes last moved, while that is watched.
    pub(crate) fn moved_at(&self) -> Instant {
        moment(self.moved.load(Ordering::Relaxed))
    }
}

/// A request of a client and its answer. The connection is idle again when this is dropped.
pub(crate) struct Exchange {
    client: Arc<Client>,
    answered: Instant,
}

impl Exchange {
    /// The head of the answer was ready then.
    pub(crate) fn new(client: &Arc<Client>, answered: Instant) -> Self {
        Self {
            client: Arc::clone(client),
            answered,
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        // An answer that was whole left with its head.
        let mut end = self.answered;
        if self.client.watched.load(Ordering::Relaxed) != UNWATCHED {
            self.client.watched.fetch_and(FULL, Ordering::Relaxed);
            end = Instant::now();
        }
        self.client.is_idle_from(end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client() -> Arc<Client> {
        let (client, server) = (([10, 0, 0, 1], 4000), ([127, 0, 0, 1], 3000));
        Arc::new(Client::new(client.into(), server.into()))
    }

    #[test]
    fn a_connection_is_idle_until_it_asks_and_again_when_it_is_answered() {
        let client = client();
        let connected = client.idle_since().unwrap();
        assert!(client.asks());
        assert_eq!(client.idle_since(), None);
        drop(Exchange::new(&client, Instant::now()));
        assert!(client.idle_since().unwrap() >= connected);
    }

    #[test]
    fn only_what_is_still_idle_makes_room_and_is_asked_nothing_afterwards() {
        let client = client();
        let since = client.idle_since().unwrap();
        assert!(client.asks());
        assert!(!client.make_room(since), "it is being answered");
        let later = Instant::now() + Duration::from_millis(1);
        drop(Exchange::new(&client, later));
        assert!(!client.make_room(since), "it was answered since");
        assert!(client.make_room(client.idle_since().unwrap()));
        assert!(client.is_gone() && !client.asks() && client.is_gone());
    }

    #[test]
    fn movement_is_noted_only_while_somebody_watches() {
        let client = client();
        let before = client.moved_at();
        client.moves();
        assert_eq!(client.moved_at(), before);
        client.watch_answer(3);
        assert_eq!(client.answer_waits_for(), Some(WaitsFor::Component(3)));
        let watched = client.moved_at();
        std::thread::sleep(Duration::from_millis(1));
        client.moves();
        assert!(client.moved_at() > watched);
    }

    #[test]
    fn a_client_that_takes_nothing_is_not_idle_until_it_does() {
        let client = client();
        assert!(client.asks());
        client.fills();
        drop(Exchange::new(&client, Instant::now()));
        assert_eq!(client.answer_waits_for(), Some(WaitsFor::Client));
        assert_eq!(client.idle_since(), None);
        client.moves();
        assert_eq!(client.answer_waits_for(), None);
        assert!(client.idle_since().is_some());
    }
}
