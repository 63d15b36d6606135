//! Single flight: the names of the counters that elect who refreshes the board.
//!
//! Whoever increments a ticket's counter to 1 leads. Counting is the store's business; this is
//! only about which counter it is.

use crate::millis::Millis;
use crate::version::Version;
use std::fmt;

/// How long a leader has before another is elected, in milliseconds.
pub const WINDOW_MS: u64 = 10_000;

/// The counter for one attempt to replace one version of a board.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TicketKey {
    text: String,
    window_end: Millis,
}

impl TicketKey {
    /// The key in the store: `t/<board>/<version>/<window>`.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// When the next window begins, and with it the next election.
    pub fn window_end(&self) -> Millis {
        self.window_end
    }
}

impl fmt::Display for TicketKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// What the keys of all tickets of a board begin with, for the leader to delete old ones.
pub fn ticket_prefix(board: &str) -> String {
    format!("t/{board}/")
}

/// The ticket to take at `now` for replacing `version`, whose freshness ends at `expiry`.
///
/// Windows are ten seconds long and counted from `expiry`. All that is before it belongs to the
/// first window: a window that ended there would elect a second leader while the one that
/// started early is at work. Where no board is stored, the version is `0` and windows are those
/// of absolute time.
pub fn ticket_key(
    board: &str,
    version: Option<&Version>,
    expiry: Millis,
    now: Millis,
) -> TicketKey {
    let (version, start) = match version {
        Some(version) => (version.to_string(), expiry),
        None => ("0".to_owned(), Millis(0)),
    };
    let window = now.since(start) / WINDOW_MS;
    let prefix = ticket_prefix(board);
    TicketKey {
        text: format!("{prefix}{version}/{window}"),
        window_end: start.saturating_add((window + 1).saturating_mul(WINDOW_MS)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const EXPIRY: Millis = Millis(1_000_003);

    fn at(now: u64) -> TicketKey {
        let version: Version = "k3".parse().unwrap();
        ticket_key("main", Some(&version), EXPIRY, Millis(now))
    }

    #[test]
    fn windows_are_counted_from_the_end_of_freshness() {
        assert_eq!(at(1_000_003).as_str(), "t/main/k3/0");
        assert_eq!(at(1_010_002).as_str(), "t/main/k3/0");
        assert_eq!(at(1_010_003).as_str(), "t/main/k3/1");
        assert_eq!(at(1_010_003).window_end(), Millis(1_020_003));
    }

    #[test]
    fn a_leader_that_started_early_has_no_rival_when_freshness_ends() {
        assert_eq!(at(990_000), at(1_000_003));
        assert_eq!(at(0).window_end(), Millis(1_010_003));
    }

    #[test]
    fn without_a_board_windows_are_those_of_absolute_time() {
        let ticket = ticket_key("main", None, EXPIRY, Millis(25_000));
        assert_eq!(ticket.to_string(), "t/main/0/2");
        assert_eq!(ticket.window_end(), Millis(30_000));
    }

    #[test]
    fn all_tickets_of_a_board_have_its_prefix() {
        assert!(at(5).as_str().starts_with(&ticket_prefix("main")));
    }

    proptest! {
        #[test]
        fn a_window_lasts_until_its_end_and_no_longer(now in 0_u64..u64::MAX / 2) {
            let ticket = at(now);
            let end = ticket.window_end().0;
            prop_assert!(end > now);
            prop_assert_eq!(&at(end - 1), &ticket);
            prop_assert_ne!(at(end), ticket);
        }

        #[test]
        fn no_time_makes_it_panic(now: u64, expiry: u64, version: u64) {
            let version = Version::from(Millis(version));
            ticket_key("main", Some(&version), Millis(expiry), Millis(now));
            ticket_key("main", None, Millis(expiry), Millis(now));
        }
    }
}
