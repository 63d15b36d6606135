//! How often an upstream may be asked: calls per minute and per month, in UTC.
//!
//! The counters are in the store, so that replicas share them; which counter it is at a moment
//! and when the next one begins is computed here.

use crate::date::{DAY_MS, Date};
use crate::millis::Millis;
use std::fmt;

const MINUTE_MS: u64 = 60_000;

/// Keys of all counters of calls start with this.
pub const CALLS_PREFIX: &str = "u/";

/// Most calls; None is as many as one likes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    /// In one minute of the clock.
    pub per_minute: Option<u32>,
    /// In one month of the calendar.
    pub per_month: Option<u32>,
}

/// A span of time that calls are counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Span {
    /// A minute of the clock.
    Minute,
    /// A month of the calendar.
    Month,
}

impl Span {
    /// Both.
    pub const ALL: [Span; 2] = [Span::Minute, Span::Month];

    /// Its name in answers and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Span::Minute => "minute",
            Span::Month => "month",
        }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Limits {
    /// The limit within a span.
    pub fn within(&self, span: Span) -> Option<u32> {
        match span {
            Span::Minute => self.per_minute,
            Span::Month => self.per_month,
        }
    }
}

/// The minute or month that a moment is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// `202611`, or `202611210140` for a minute.
    name: u64,
    /// When the next one begins.
    pub end: Millis,
}

impl Window {
    /// The window of `span` that `now` is in.
    pub fn of(span: Span, now: Millis) -> Window {
        let days = now.0 / DAY_MS;
        let date = Date::of(days);
        match span {
            Span::Minute => {
                let minute = now.0 % DAY_MS / MINUTE_MS;
                let clock = minute / 60 * 100 + minute % 60;
                let day = (date.year * 100 + date.month) * 100 + date.day;
                Window {
                    name: day * 10_000 + clock,
                    end: Millis(now.0 - now.0 % MINUTE_MS).saturating_add(MINUTE_MS),
                }
            }
            Span::Month => {
                let next = days - (date.day - 1) + date.days_of_month();
                Window {
                    name: date.year * 100 + date.month,
                    end: Millis(next.saturating_mul(DAY_MS)),
                }
            }
        }
    }

    /// The counter of a provider's calls within it.
    pub fn key(&self, provider: &str) -> String {
        format!("{CALLS_PREFIX}{provider}/{}", self.name)
    }
}

/// Whether a counter of calls is of no use any more at `now`, or never was.
pub fn is_past(key: &str, now: Millis) -> bool {
    let Some(rest) = key.strip_prefix(CALLS_PREFIX) else {
        return false;
    };
    let Some((_, name)) = rest.split_once('/') else {
        return true;
    };
    // Replicas' clocks may be behind this one by a moment.
    let earlier = now.saturating_sub(MINUTE_MS);
    let span = match name.len() {
        6 => Span::Month,
        _ => Span::Minute,
    };
    name.parse::<u64>()
        .map_or(true, |name| name < Window::of(span, earlier).name)
}

/// Of `wanted` calls, how many may be made when counting them came to `counted`.
pub fn granted(wanted: u32, counted: i64, limit: u32) -> u32 {
    let before = counted.saturating_sub(i64::from(wanted)).max(0);
    let left = i64::from(limit).saturating_sub(before).max(0);
    u32::try_from(left).unwrap_or(u32::MAX).min(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// 2026-11-21T01:40:07Z
    const NOW: Millis = Millis(1_795_225_207_000);

    fn key(span: Span, seconds: u64) -> String {
        Window::of(span, Millis(seconds * 1000)).key("x")
    }

    #[test]
    fn windows_are_named_by_the_calendar() {
        assert_eq!(
            Window::of(Span::Minute, NOW).key("coingecko"),
            "u/coingecko/202611210140"
        );
        let month = Window::of(Span::Month, NOW);
        assert_eq!(month.key("coingecko"), "u/coingecko/202611");
        assert_eq!(month.end, Millis(1_796_083_200_000), "2026-12-01");
    }

    #[test]
    fn leap_days_and_ends_of_years_are_where_they_are() {
        for (seconds, expected) in [
            (0, "u/x/197001010000"),
            (951_782_399, "u/x/200002282359"),
            (951_782_400, "u/x/200002290000"),
            (951_868_800, "u/x/200003010000"),
            (4_107_542_399, "u/x/210002282359"),
            (4_107_542_400, "u/x/210003010000"),
            (1_798_761_599, "u/x/202612312359"),
            (1_798_761_600, "u/x/202701010000"),
        ] {
            assert_eq!(key(Span::Minute, seconds), expected);
        }
        assert_eq!(
            Window::of(Span::Month, Millis(951_782_400_000)).end,
            Millis(951_868_800_000)
        );
    }

    #[test]
    fn what_is_granted_is_what_is_left() {
        assert_eq!(granted(1, 1, 60), 1);
        assert_eq!(granted(1, 60, 60), 1);
        assert_eq!(granted(1, 61, 60), 0);
        assert_eq!(granted(15, 20, 12), 7);
        assert_eq!(granted(15, 15, 0), 0);
        assert_eq!(granted(1, i64::MAX, 60), 0);
        assert_eq!(granted(1, i64::MIN, 60), 1);
    }

    #[test]
    fn a_counter_is_past_when_its_window_is() {
        let month = Window::of(Span::Month, NOW);
        let minute = Window::of(Span::Minute, NOW);
        for window in [month, minute] {
            let key = window.key("x");
            assert!(!is_past(&key, NOW), "{key}");
            assert!(!is_past(&key, window.end), "{key}");
            assert!(is_past(&key, window.end.saturating_add(MINUTE_MS)), "{key}");
        }
        assert!(is_past("u/x", NOW));
        assert!(is_past("u/x/now", NOW));
        assert!(!is_past("c/x", NOW));
    }

    proptest! {
        #[test]
        fn a_window_lasts_until_its_end_and_no_longer(now in 0_u64..200_000_000_000_000) {
            for span in Span::ALL {
                let window = Window::of(span, Millis(now));
                let Millis(end) = window.end;
                prop_assert!(end > now);
                prop_assert_eq!(Window::of(span, Millis(end - 1)), window);
                let next = Window::of(span, Millis(end));
                prop_assert!(next.name > window.name);
            }
        }

        #[test]
        fn no_time_makes_it_panic(now: u64) {
            Window::of(Span::Minute, Millis(now));
            Window::of(Span::Month, Millis(now));
        }

        #[test]
        fn whoever_shares_a_budget_never_gets_more_than_it(
            limit in 0_u32..50, wanted in prop::collection::vec(1_u32..20, 1..20),
        ) {
            let (mut counted, mut made) = (0_i64, 0);
            for wanted in wanted {
                counted += i64::from(wanted);
                let granted = granted(wanted, counted, limit);
                counted -= i64::from(wanted - granted);
                made += granted;
            }
            prop_assert!(made <= limit);
            prop_assert_eq!(i64::from(made), counted);
        }
    }
}
