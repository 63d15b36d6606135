//! Single flight: who refreshes the board, and for how long it is the only one.
//!
//! A lease is the tickets of the present window and of those ahead ([`Tickets`]), drawn by
//! increments of the store's counters. A leader draws on while it is at work; one that died does
//! not, so that the next who comes by finds a free window a few seconds later.

use edge_rates_kit::clock::Clock;
use edge_rates_kit::random::Random;
use edge_rates_kit::store::Store;
use edge_rates_quotes::ticket::{RENEW_MS, Tickets};
use std::time::Duration;

/// How the election for the present window went.
#[derive(Debug)]
pub(crate) enum Draw {
    /// This one leads.
    Won(Lease),
    /// Somebody else does: the key of the ticket that they drew first.
    Lost(String),
    /// The counters can't be incremented, and chance did not choose this one to lead.
    Unknown,
}

/// What makes a leader the only one.
#[derive(Debug)]
pub(crate) struct Lease {
    tickets: Tickets,
    /// The last window whose ticket was drawn.
    held_to: u64,
}

/// Somebody else leads: their clock is ahead by more than a lease is held ahead, or this leader
/// was asleep for longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Superseded;

/// Draws the ticket of the present window. Where the store's counters fail, some must lead, but
/// not everybody at once: one in eight does.
pub(crate) async fn draw<W: Store + Clock + Random>(world: &W, tickets: &Tickets) -> Draw {
    let window = tickets.window(world.now());
    let present = tickets.key(window);
    let mut lease = Lease {
        tickets: tickets.clone(),
        held_to: window,
    };
    match world.increment(&present, 1).await {
        Ok(1) => match lease.extend(world).await {
            Ok(()) => Draw::Won(lease),
            Err(Superseded) => Draw::Lost(present),
        },
        Ok(_) => Draw::Lost(present),
        Err(_) if world.bits().is_multiple_of(8) => Draw::Won(lease),
        Err(_) => Draw::Unknown,
    }
}

impl Lease {
    /// Holds the lease for as long as nobody supersedes it.
    pub(crate) async fn keep<W: Store + Clock>(&mut self, world: &W) -> Superseded {
        loop {
            world.sleep(Duration::from_millis(RENEW_MS)).await;
            if let Err(superseded) = self.extend(world).await {
                return superseded;
            }
        }
    }

    /// Draws the tickets of the windows that have come within reach.
    async fn extend<W: Store + Clock>(&mut self, world: &W) -> Result<(), Superseded> {
        let now = world.now();
        let last = self.tickets.last_held(now);
        // After a jump of the clock the windows between are left out.
        let first = self.tickets.window(now).max(self.held_to.saturating_add(1));
        for window in first..=last {
            match world.increment(&self.tickets.key(window), 1).await {
                Ok(1) => {}
                Ok(_) => return Err(Superseded),
                // A store that counts nothing elects nobody else either.
                Err(_) => {}
            }
            self.held_to = window;
        }
        Ok(())
    }
}
