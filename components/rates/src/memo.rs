//! What this instance remembers of the store: the parsed board, and when it last looked.
//!
//! Instance memory is a cache, never the truth: the head is read again at most every
//! [`RECHECK`], the body only when the version changed.

use crate::stored;
use edge_rates_kit::clock::Clock;
use edge_rates_kit::store::{Store, StoreError};
use edge_rates_quotes::stored::Failure;
use edge_rates_quotes::{Board, Head};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

/// How long what was seen of the store is taken for its present state.
const RECHECK: Duration = Duration::from_millis(250);

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
    pub(crate) failure: Option<Failure>,
    at: Option<Duration>,
}

/// The instance's memory of the store.
#[derive(Debug, Default)]
pub(crate) struct Memo {
    seen: RefCell<Seen>,
    lost_ticket: RefCell<String>,
}

impl Memo {
    /// Whether the election by `ticket` is known to be lost, so that drawing again, which is a
    /// write, is spared.
    pub(crate) fn has_lost(&self, ticket: &str) -> bool {
        *self.lost_ticket.borrow() == ticket
    }

    /// Notes that somebody else drew `ticket` first.
    pub(crate) fn lose(&self, ticket: String) {
        self.lost_ticket.replace(ticket);
    }

    /// What the store holds, looked up at most [`RECHECK`] ago.
    ///
    /// # Errors
    /// If the store fails while nothing is remembered. Otherwise the memory serves.
    pub(crate) async fn recent<W: Store + Clock>(&self, world: &W) -> Result<Seen, StoreError> {
        let now = world.elapsed();
        let seen = self.seen.borrow().clone();
        let is_recent = seen.at.is_some_and(|at| now.saturating_sub(at) < RECHECK);
        if is_recent {
            return Ok(seen);
        }
        match self.look(world).await {
            Err(_) if seen.held.is_some() => Ok(seen),
            looked => looked,
        }
    }

    /// What the store holds now.
    pub(crate) async fn look<W: Store + Clock>(&self, world: &W) -> Result<Seen, StoreError> {
        let head = stored::head(world).await?;
        let failure = stored::failure(world).await?;
        let remembered = self.seen.borrow().held.clone();
        let held = match (head, remembered) {
            (None, _) => None,
            (Some(head), Some(held)) if held.head.version == head.version => {
                Some(Held { head, ..held })
            }
            (Some(head), _) => stored::body(world).await?.map(|board| Held {
                head,
                board: Rc::new(board),
            }),
        };
        let seen = Seen {
            held,
            failure,
            at: Some(world.elapsed()),
        };
        self.seen.replace(seen.clone());
        Ok(seen)
    }

    /// Remembers a board that was just fetched, whether or not the store took it.
    pub(crate) fn remember<W: Clock>(&self, world: &W, held: Held) {
        self.seen.replace(Seen {
            held: Some(held),
            failure: None,
            at: Some(world.elapsed()),
        });
    }

    /// Remembers that a refresh failed just now.
    pub(crate) fn remember_failure(&self, failure: Failure) {
        self.seen.borrow_mut().failure = Some(failure);
    }
}
