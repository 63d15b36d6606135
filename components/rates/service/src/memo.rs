//! What this instance remembers of the store: the parsed board, and when it last looked.
//!
//! Instance memory is a cache, never the truth: the head is read again at most every
//! [`RECHECK`], the body only when the version changed. What the store did not take, because it
//! can't be written at the moment, is remembered all the same.

use edge_rates_kit::clock::Clock;
use edge_rates_kit::store::{Store, StoreError};
use edge_rates_kit::stored;
use edge_rates_quotes::breaker::Fingerprint;
use edge_rates_quotes::stored::Failure;
use edge_rates_quotes::{Board, Head, Millis};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

/// How long what was seen of the store is taken for its present state.
const RECHECK: Duration = Duration::from_millis(250);

/// A time that is farther ahead was written by a clock that has gone back since.
const FARTHEST_AHEAD_MS: u64 = 2 * 60_000;

/// A board with its head.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    pub(crate) head: Head,
    pub(crate) board: Rc<Board>,
}

/// What the store holds, as far as this instance knows.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    /// The board, if there is one.
    pub(crate) held: Option<Held>,
    /// How the last refresh failed, if it did.
    failure: Option<Failure>,
    /// What upstreams are asked with here.
    asked_with: Fingerprint,
}

impl Seen {
    /// The failure of the last refresh, if that was the last thing that happened.
    pub(crate) fn failure(&self, now: Millis) -> Option<&Failure> {
        let head = self.held.as_ref().map(|held| &held.head);
        self.failure
            .as_ref()
            .filter(|failure| failure.at.since(now) <= FARTHEST_AHEAD_MS && failure.is_last(head))
    }

    /// The failure that forbids another attempt for now. One of somebody who asks with other keys
    /// or elsewhere says nothing about what this instance would be told.
    pub(crate) fn hold_off(&self, now: Millis) -> Option<&Failure> {
        self.failure(now)
            .filter(|failure| now < failure.retry_from && failure.asked_with == self.asked_with)
    }
}

/// The instance's memory of the store.
#[derive(Debug)]
pub(crate) struct Memo {
    asked_with: Fingerprint,
    seen: RefCell<Rc<Seen>>,
    looked_at: Cell<Option<Duration>>,
    lost_ticket: RefCell<String>,
    is_leading: Cell<bool>,
}

impl Memo {
    /// The memory of an instance that asks upstreams with this: it remembers nothing yet.
    pub(crate) fn new(asked_with: Fingerprint) -> Memo {
        Memo {
            asked_with,
            seen: RefCell::default(),
            looked_at: Cell::default(),
            lost_ticket: RefCell::default(),
            is_leading: Cell::default(),
        }
    }

    /// What the store holds, looked up at most [`RECHECK`] before `now`, which is elapsed time:
    /// the clock on the wall may stand still.
    ///
    /// # Errors
    /// If the store fails while nothing is remembered. Otherwise the memory serves.
    pub(crate) async fn recent<W: Store + Clock>(
        &self,
        world: &W,
        now: Duration,
    ) -> Result<Rc<Seen>, StoreError> {
        let seen = Rc::clone(&self.seen.borrow());
        let looked_at = self.looked_at.get();
        if looked_at.is_some_and(|at| now.saturating_sub(at) < RECHECK) {
            return Ok(seen);
        }
        if seen.held.is_some() {
            // Others that come while this one looks are served from memory.
            self.looked_at.set(Some(now));
        }
        match self.look(world).await {
            Err(_) if seen.held.is_some() => Ok(seen),
            looked => looked,
        }
    }

    /// What the store holds now, or what this instance knows better. While the board is fresh
    /// nobody asks how the last refresh went.
    pub(crate) async fn look<W: Store + Clock>(&self, world: &W) -> Result<Rc<Seen>, StoreError> {
        let head = stored::head(world).await?;
        let is_fresh = head
            .as_ref()
            .is_some_and(|head| world.now() < head.fresh_until);
        let failure = match is_fresh {
            true => None,
            false => stored::failure(world).await?,
        };
        self.see(world, head, failure).await
    }

    /// The same, with how the last refresh went in any case.
    pub(crate) async fn look_closely<W: Store + Clock>(
        &self,
        world: &W,
    ) -> Result<Rc<Seen>, StoreError> {
        let head = stored::head(world).await?;
        let failure = stored::failure(world).await?;
        self.see(world, head, failure).await
    }

    async fn see<W: Store + Clock>(
        &self,
        world: &W,
        head: Option<Head>,
        failure: Option<Failure>,
    ) -> Result<Rc<Seen>, StoreError> {
        let known = Rc::clone(&self.seen.borrow());
        let held = match (head, &known.held) {
            (Some(head), Some(held)) if held.head.version == head.version => Some(Held {
                head,
                board: Rc::clone(&held.board),
            }),
            (Some(head), Some(held)) if held.head.version > head.version => Some(held.clone()),
            (None, Some(held)) => Some(held.clone()),
            (Some(head), _) => stored::body(world).await?.map(|board| Held {
                head,
                board: Rc::new(board),
            }),
            (None, None) => None,
        };
        let unstored = self.seen.borrow().hold_off(world.now()).cloned();
        let seen = Rc::new(Seen {
            held,
            failure: failure.or(unstored),
            asked_with: self.asked_with,
        });
        self.seen.replace(Rc::clone(&seen));
        self.looked_at.set(Some(world.elapsed()));
        Ok(seen)
    }

    /// Remembers a board that was just fetched, whether or not the store takes it.
    pub(crate) fn remember<W: Clock>(&self, world: &W, held: Held) {
        self.seen.replace(Rc::new(Seen {
            held: Some(held),
            failure: None,
            asked_with: self.asked_with,
        }));
        self.looked_at.set(Some(world.elapsed()));
    }

    /// Remembers that a refresh failed just now.
    pub(crate) fn remember_failure(&self, failure: Failure) {
        let held = self.seen.borrow().held.clone();
        self.seen.replace(Rc::new(Seen {
            held,
            failure: Some(failure),
            asked_with: self.asked_with,
        }));
    }

    /// Whether the election by `ticket` is known to be lost, so that drawing again, which is a
    /// write, is spared.
    pub(crate) fn has_lost(&self, ticket: &str) -> bool {
        *self.lost_ticket.borrow() == ticket
    }

    /// Notes that somebody else drew `ticket` first.
    pub(crate) fn lose(&self, ticket: String) {
        self.lost_ticket.replace(ticket);
    }

    /// Whether a refresh is under way in this very instance.
    pub(crate) fn is_leading(&self) -> bool {
        self.is_leading.get()
    }

    /// Notes that this instance begins or ends a refresh.
    pub(crate) fn set_leading(&self, is_leading: bool) {
        self.is_leading.set(is_leading);
    }
}
