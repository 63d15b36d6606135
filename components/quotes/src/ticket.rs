//! Single flight: the counters that elect who refreshes the board.
//!
//! Time is cut into short windows, each with a counter. Whoever increments the counter of the
//! present window to 1 leads, and goes on to hold the windows ahead for as long as it is at work;
//! everybody else finds them taken. Once a leader is dead its windows run out, and the next who
//! comes by finds one that is free. Who increments is the service's business.
//!
//! Windows are those of the wall clock. A leader holds them [`AHEAD_MS`] ahead and looks after that
//! each [`RENEW_MS`], so a replica whose clock is ahead by up to the difference finds no free window
//! while the leader lives; and after a leader's death the last of its windows ends within
//! [`AHEAD_MS`] and [`WINDOW_MS`], later by as much as a replica's clock is behind.

use crate::millis::Millis;
use crate::version::Version;

/// Length of a window, in milliseconds.
pub const WINDOW_MS: u64 = 1_000;

/// How far ahead a leader holds windows, in milliseconds.
pub const AHEAD_MS: u64 = 4_000;

/// How often a leader takes the windows that have come within [`AHEAD_MS`], in milliseconds.
pub const RENEW_MS: u64 = 1_000;

/// The counters for replacing one version of a board.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tickets {
    prefix: String,
    start: Millis,
}

/// What the keys of all tickets of a board begin with, for the leader to delete old ones.
pub fn ticket_prefix(board: &str) -> String {
    format!("t/{board}/")
}

impl Tickets {
    /// The tickets for replacing `version`, whose freshness ends at `expiry`.
    ///
    /// Windows are counted from `expiry`; all that is before it belongs to the first one. Where no
    /// board is stored, the version is `0` and windows are those of absolute time.
    pub fn new(board: &str, version: Option<&Version>, expiry: Millis) -> Tickets {
        let prefix = ticket_prefix(board);
        match version {
            Some(version) => Tickets {
                prefix: format!("{prefix}{version}/"),
                start: expiry,
            },
            None => Tickets {
                prefix: format!("{prefix}0/"),
                start: Millis(0),
            },
        }
    }

    /// The window that `now` is in.
    pub fn window(&self, now: Millis) -> u64 {
        now.since(self.start) / WINDOW_MS
    }

    /// The last window that whoever leads at `now` holds.
    pub fn last_held(&self, now: Millis) -> u64 {
        self.window(now.saturating_add(AHEAD_MS))
    }

    /// The counter of a window: `t/<board>/<version>/<window>`.
    pub fn key(&self, window: u64) -> String {
        format!("{}{window}", self.prefix)
    }

    /// Whether this is the key of one of these tickets for a window that has not ended at `now`.
    pub fn is_current(&self, key: &str, now: Millis) -> bool {
        let window = key.strip_prefix(&self.prefix).and_then(|w| w.parse().ok());
        window.is_some_and(|window: u64| window >= self.window(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const EXPIRY: Millis = Millis(1_000_003);

    fn tickets() -> Tickets {
        let version: Version = "k3".parse().unwrap();
        Tickets::new("main", Some(&version), EXPIRY)
    }

    fn at(now: u64) -> String {
        tickets().key(tickets().window(Millis(now)))
    }

    #[test]
    fn windows_are_counted_from_the_end_of_freshness() {
        assert_eq!(at(1_000_003), "t/main/k3/0");
        assert_eq!(at(1_001_002), "t/main/k3/0");
        assert_eq!(at(1_001_003), "t/main/k3/1");
    }

    #[test]
    fn a_leader_that_started_early_has_no_rival_when_freshness_ends() {
        assert_eq!(at(990_000), at(1_000_003));
    }

    #[test]
    fn without_a_board_windows_are_those_of_absolute_time() {
        let tickets = Tickets::new("main", None, EXPIRY);
        assert_eq!(tickets.key(tickets.window(Millis(25_000))), "t/main/0/25");
    }

    #[test]
    fn all_tickets_of_a_board_have_its_prefix() {
        assert!(at(5).starts_with(&ticket_prefix("main")));
    }

    #[test]
    fn a_ticket_is_current_until_its_window_ends() {
        assert!(tickets().is_current("t/main/k3/1", Millis(1_002_002)));
        assert!(!tickets().is_current("t/main/k3/1", Millis(1_002_003)));
        for other in ["t/main/k2/9", "t/main/k3/", "t/main/k3/x", "b/main/head"] {
            assert!(!tickets().is_current(other, EXPIRY), "{other}");
        }
    }

    proptest! {
        #[test]
        fn no_time_makes_it_panic(now: u64, expiry: u64, version: u64) {
            let version = Version::from(Millis(version));
            for version in [None, Some(&version)] {
                let tickets = Tickets::new("main", version, Millis(expiry));
                prop_assert!(tickets.last_held(Millis(now)) >= tickets.window(Millis(now)));
            }
        }
    }
}
