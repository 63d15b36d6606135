//! The circuit breaker of one upstream: when it is left alone, and when it is tried again.
//!
//! A state machine without a clock or a store. The state is kept in the store, so that all
//! replicas share it; nothing stored means closed, so an upstream that is well costs nothing.
//!
//! A circuit is about an upstream as it was asked: at an address, with a key. Whoever has another
//! key may try it at once.

use crate::millis::Millis;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Failures are counted in windows of this length.
pub const WINDOW_MS: u64 = 30_000;

/// So many failures within two windows open the circuit.
pub const THRESHOLD: u64 = 5;

/// A probe that was not heard of after so long is lost, and another may be sent.
pub const PROBE_MS: u64 = 10_000;

/// How long a circuit is open after failures: at first, and at most after doubling.
const FAILURES_MS: (u64, u64) = (30_000, 15 * 60_000);
/// The same after a 429: what Retry-After may say, and what counts if it says nothing.
const RATE_LIMITED_MS: (u64, u64) = (5_000, 15 * 60_000);
const RATE_LIMITED_DEFAULT_MS: u64 = 60_000;
/// After 401, 403 and 418: somebody has to mend the key, or a ban has to pass.
const UNAUTHORISED_MS: u64 = 15 * 60_000;
/// After 451: laws change slowly.
const LEGAL_MS: u64 = 24 * 60 * 60_000;

/// Clocks of replicas may differ by this much. A state from further ahead was written by a clock
/// that has gone back since, and is over.
const FARTHEST_AHEAD_MS: u64 = 2 * 60_000;

/// First word of the stored form. Another form gets another word.
const FORM: &str = "2";

/// What an upstream is asked with, such as address, plan and key, without telling any of it: equal
/// for equal ones, and most likely different for others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Fingerprint(pub u32);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

/// How asking an upstream ended, as far as the circuit goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It gave prices.
    Success,
    /// It answered that it did not like the question (400, 404, 422): it works.
    Answered,
    /// Timeout, no connection, 5xx, a page, junk, or prices that can't be true.
    Failure,
    /// 429, with the seconds of Retry-After.
    RateLimited(Option<u32>),
    /// 401, 403 or 418.
    Unauthorised,
    /// 451: not from this country.
    Legal,
}

/// Why a circuit is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Too many failures, or a probe that failed.
    Failures,
    /// It said that there were too many calls.
    RateLimited,
    /// It refuses the key, or the caller.
    Unauthorised,
    /// It may not serve this location.
    Legal,
}

impl Reason {
    const ALL: [Reason; 4] = [
        Reason::Failures,
        Reason::RateLimited,
        Reason::Unauthorised,
        Reason::Legal,
    ];

    /// Its name in answers, logs and the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Reason::Failures => "failures",
            Reason::RateLimited => "rate_limited",
            Reason::Unauthorised => "unauthorised",
            Reason::Legal => "legal",
        }
    }
}

/// A circuit that is not closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Open {
    /// When it was opened.
    pub since: Millis,
    /// When a probe may be sent.
    pub until: Millis,
    /// Why.
    pub reason: Reason,
    /// HTTP status of the answer that opened it, where there was one.
    pub status: Option<u16>,
    /// What the upstream was asked with.
    pub asked_with: Fingerprint,
}

/// What may be done with an upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Ask it.
    Closed,
    /// Leave it alone.
    Open,
    /// One may ask it, to see whether it is well again.
    HalfOpen,
}

impl Stage {
    /// Its name in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Stage::Closed => "closed",
            Stage::Open => "open",
            Stage::HalfOpen => "half_open",
        }
    }
}

/// What asking an upstream changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Nothing.
    Keep,
    /// The circuit is closed: what is stored of it is to be removed.
    Close,
    /// The circuit is open, for the first time or once more: this is to be stored.
    Open(Open),
}

/// What may be done at `now` with an upstream whose circuit is in this state; None is closed. It
/// would be asked `with` that; None is whoever does not know.
pub fn stage(state: Option<&Open>, with: Option<Fingerprint>, now: Millis) -> Stage {
    match state {
        None => Stage::Closed,
        Some(open) if with.is_some_and(|with| with != open.asked_with) => Stage::HalfOpen,
        Some(open) if now < open.until && !open.is_from_afar(now) => Stage::Open,
        Some(_) => Stage::HalfOpen,
    }
}

/// How asking an upstream ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ending {
    /// As far as the circuit goes.
    pub outcome: Outcome,
    /// How many failures there were in this window and the one before, this one included.
    pub failures: u64,
    /// HTTP status of the answer, where there was one.
    pub status: Option<u16>,
    /// What the upstream was asked with.
    pub asked_with: Fingerprint,
}

/// What becomes of a circuit in this state when asking ended so at `now`.
pub fn after(state: Option<&Open>, ending: &Ending, now: Millis) -> Change {
    let Ending {
        outcome,
        failures,
        status,
        asked_with,
    } = *ending;
    let open = |lasts_ms: u64, reason| {
        Change::Open(Open {
            since: now,
            until: now.saturating_add(lasts_ms),
            reason,
            status,
            asked_with,
        })
    };
    match (outcome, state) {
        (Outcome::Success | Outcome::Answered, None) => Change::Keep,
        (Outcome::Success | Outcome::Answered, Some(_)) => Change::Close,
        (Outcome::RateLimited(seconds), _) => {
            let (least, most) = RATE_LIMITED_MS;
            let lasts_ms = seconds.map_or(RATE_LIMITED_DEFAULT_MS, |seconds| {
                u64::from(seconds).saturating_mul(1000).clamp(least, most)
            });
            open(lasts_ms, Reason::RateLimited)
        }
        (Outcome::Unauthorised, _) => open(UNAUTHORISED_MS, Reason::Unauthorised),
        (Outcome::Legal, _) => open(LEGAL_MS, Reason::Legal),
        (Outcome::Failure, Some(before)) => {
            let (least, most) = FAILURES_MS;
            let lasted_ms = match before.asked_with == asked_with {
                true => before.lasts_ms(),
                // Another address or key is another story.
                false => 0,
            };
            open(
                lasted_ms.saturating_mul(2).clamp(least, most),
                Reason::Failures,
            )
        }
        (Outcome::Failure, None) if failures >= THRESHOLD => open(FAILURES_MS.0, Reason::Failures),
        (Outcome::Failure, None) => Change::Keep,
    }
}

impl Open {
    fn lasts_ms(&self) -> u64 {
        self.until.since(self.since)
    }

    fn is_from_afar(&self, now: Millis) -> bool {
        self.since.since(now) > FARTHEST_AHEAD_MS
    }

    /// The stored form: words in the order of the fields.
    pub fn encode(&self) -> Vec<u8> {
        let Open {
            since: Millis(since),
            until: Millis(until),
            reason,
            status,
            asked_with,
        } = self;
        let (reason, status) = (reason.as_str(), status.unwrap_or(0));
        format!("{FORM} {since} {until} {reason} {status} {asked_with}").into_bytes()
    }

    /// Reads the stored form; None for anything else, which is as good as closed.
    pub fn decode(bytes: &[u8]) -> Option<Open> {
        let mut words = str::from_utf8(bytes).ok()?.split(' ');
        words.next().filter(|form| *form == FORM)?;
        let since = words.next()?.parse().ok()?;
        let until = words.next()?.parse().ok()?;
        let reason = words.next()?;
        let status = words.next()?.parse().ok()?;
        let asked_with = u32::from_str_radix(words.next()?, 16).ok()?;
        let reason = Reason::ALL
            .into_iter()
            .find(|known| known.as_str() == reason)?;
        let open = Open {
            since: Millis(since),
            until: Millis(until),
            reason,
            status: Some(status).filter(|status| *status != 0),
            asked_with: Fingerprint(asked_with),
        };
        let is_possible = words.next().is_none() && since <= until && open.lasts_ms() <= LEGAL_MS;
        is_possible.then_some(open)
    }
}

/// Keys of all circuits start with this.
pub const CIRCUIT_PREFIX: &str = "c/";
/// Keys of all counters of failures start with this.
pub const FAILURES_PREFIX: &str = "f/";
/// Keys of all counters of probes start with this.
pub const PROBE_PREFIX: &str = "h/";

/// Key of a circuit's [`Open`]; absent while it is closed.
pub fn circuit_key(provider: &str) -> String {
    format!("{CIRCUIT_PREFIX}{provider}")
}

/// The counters of failures in the window of `now` and in the one before.
pub fn failure_keys(provider: &str, now: Millis) -> (String, String) {
    let window = now.0 / WINDOW_MS;
    let key = |window: u64| format!("{FAILURES_PREFIX}{provider}/{window}");
    (key(window), key(window.saturating_sub(1)))
}

/// The counter that elects who probes a half-open circuit: whoever increments it to 1. There is
/// one more each [`PROBE_MS`], in case that a prober died. They are counted from when the circuit
/// was opened, for whoever has another key need not wait until its time is over.
pub fn probe_key(provider: &str, open: &Open, now: Millis) -> String {
    let Millis(since) = open.since;
    let attempt = now.since(open.since) / PROBE_MS;
    format!("{PROBE_PREFIX}{provider}/{since}/{attempt}")
}

/// Whether a counter of failures or probes is of no use any more at `now`, or never was.
pub fn is_past(key: &str, now: Millis) -> bool {
    let number = |text: Option<&str>| text.and_then(|text| text.parse::<u64>().ok());
    if let Some(rest) = key.strip_prefix(FAILURES_PREFIX) {
        let window = number(rest.split('/').nth(1));
        let present = now.0 / WINDOW_MS;
        return window.is_none_or(|window| window.abs_diff(present) > 1);
    }
    if let Some(rest) = key.strip_prefix(PROBE_PREFIX) {
        let mut parts = rest.split('/').skip(1);
        let (since, attempt) = (number(parts.next()), number(parts.next()));
        return since.zip(attempt).is_none_or(|(since, attempt)| {
            let end = attempt.saturating_add(2).saturating_mul(PROBE_MS);
            now > Millis(since).saturating_add(end)
        });
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: Millis = Millis(1_795_225_200_000);

    const KEY: Fingerprint = Fingerprint(7);
    const OTHER_KEY: Fingerprint = Fingerprint(8);

    fn ended(outcome: Outcome, failures: u64) -> Ending {
        Ending {
            outcome,
            failures,
            status: Some(429),
            asked_with: KEY,
        }
    }

    fn opened(change: Change) -> Open {
        match change {
            Change::Open(open) => open,
            other => panic!("expected an open circuit, got {other:?}"),
        }
    }

    fn seconds_after(outcome: Outcome) -> u64 {
        opened(after(None, &ended(outcome, 1), NOW)).lasts_ms() / 1000
    }

    #[test]
    fn the_fifth_failure_opens_the_circuit() {
        for failures in 1..THRESHOLD {
            let change = after(None, &ended(Outcome::Failure, failures), NOW);
            assert_eq!(change, Change::Keep);
        }
        let open = opened(after(None, &ended(Outcome::Failure, THRESHOLD), NOW));
        assert_eq!(open.lasts_ms(), 30_000);
        assert_eq!(open.reason, Reason::Failures);
    }

    #[test]
    fn some_answers_open_it_at_once_for_a_time_of_their_own() {
        assert_eq!(seconds_after(Outcome::RateLimited(None)), 60);
        assert_eq!(seconds_after(Outcome::RateLimited(Some(1))), 5);
        assert_eq!(seconds_after(Outcome::RateLimited(Some(119))), 119);
        assert_eq!(seconds_after(Outcome::RateLimited(Some(86_400))), 900);
        assert_eq!(seconds_after(Outcome::Unauthorised), 900);
        assert_eq!(seconds_after(Outcome::Legal), 86_400);
    }

    #[test]
    fn an_answer_that_refuses_the_question_does_not_count() {
        let change = after(None, &ended(Outcome::Answered, 99), NOW);
        assert_eq!(change, Change::Keep);
    }

    #[test]
    fn it_is_open_then_half_open_and_a_good_probe_closes_it() {
        let open = opened(after(None, &ended(Outcome::Failure, THRESHOLD), NOW));
        let stage_after = |ms| stage(Some(&open), Some(KEY), NOW.saturating_add(ms));
        assert_eq!(stage_after(0), Stage::Open);
        assert_eq!(stage_after(29_999), Stage::Open);
        assert_eq!(stage_after(30_000), Stage::HalfOpen);
        let later = NOW.saturating_add(30_000);
        let change = after(Some(&open), &ended(Outcome::Success, 0), later);
        assert_eq!(change, Change::Close);
        assert_eq!(stage(None, Some(KEY), later), Stage::Closed);
    }

    #[test]
    fn whoever_asks_with_something_else_may_try_at_once() {
        let open = opened(after(None, &ended(Outcome::Unauthorised, 1), NOW));
        assert_eq!(stage(Some(&open), Some(KEY), NOW), Stage::Open);
        assert_eq!(stage(Some(&open), Some(OTHER_KEY), NOW), Stage::HalfOpen);
        // Who does not know what is asked with goes by the time alone.
        assert_eq!(stage(Some(&open), None, NOW), Stage::Open);
        // One of them, and another if that one is lost.
        let at = |ms: u64| probe_key("kraken", &open, NOW.saturating_add(ms));
        assert_eq!(at(0), at(9_999));
        assert_ne!(at(0), at(10_000));
        // What failed before with the old one does not make it worse for the new one.
        let failed = Ending {
            asked_with: OTHER_KEY,
            ..ended(Outcome::Failure, 1)
        };
        let open = opened(after(Some(&open), &failed, NOW));
        assert_eq!(open.lasts_ms(), 30_000);
        assert_eq!(stage(Some(&open), Some(OTHER_KEY), NOW), Stage::Open);
    }

    #[test]
    fn each_failed_probe_doubles_the_time_up_to_a_quarter_of_an_hour() {
        let mut open = opened(after(None, &ended(Outcome::Failure, THRESHOLD), NOW));
        let mut seconds = Vec::new();
        for _ in 0..7 {
            seconds.push(open.lasts_ms() / 1000);
            open = opened(after(Some(&open), &ended(Outcome::Failure, 1), open.until));
        }
        assert_eq!(seconds, [30, 60, 120, 240, 480, 900, 900]);
    }

    #[test]
    fn one_prober_is_elected_and_another_if_it_is_lost() {
        let open = opened(after(None, &ended(Outcome::Failure, THRESHOLD), NOW));
        let at = |ms: u64| probe_key("kraken", &open, open.until.saturating_add(ms));
        assert_eq!(at(0), format!("h/kraken/{}/3", open.since.0));
        assert_eq!(at(0), at(9_999));
        assert_ne!(at(0), at(10_000));
    }

    #[test]
    fn counters_are_past_once_they_elect_and_count_nothing_more() {
        let (present, before) = failure_keys("kraken", NOW);
        for key in [&present, &before] {
            assert!(!is_past(key, NOW), "{key}");
            assert!(is_past(key, NOW.saturating_add(61_000)), "{key}");
        }
        let open = opened(after(None, &ended(Outcome::Failure, THRESHOLD), NOW));
        let probe = probe_key("kraken", &open, open.until);
        assert!(!is_past(&probe, open.until.saturating_add(10_000)));
        assert!(is_past(&probe, open.until.saturating_add(20_001)));
        for junk in ["f/", "f/kraken", "h/kraken/x/1", "h/kraken/5"] {
            assert!(is_past(junk, NOW), "{junk}");
        }
        assert!(!is_past("c/kraken", NOW));
        assert!(!is_past("b/main/head", NOW));
    }

    fn outcomes() -> impl Strategy<Value = Outcome> {
        prop_oneof![
            Just(Outcome::Success),
            Just(Outcome::Answered),
            Just(Outcome::Failure),
            prop::option::of(any::<u32>()).prop_map(Outcome::RateLimited),
            Just(Outcome::Unauthorised),
            Just(Outcome::Legal),
        ]
    }

    fn opens() -> impl Strategy<Value = Open> {
        let times = (0_u64..u64::MAX / 2, 0..=LEGAL_MS);
        (times, 0_usize..4, 1_u16.., any::<u32>()).prop_map(
            |((since, lasts), reason, status, asked_with)| Open {
                since: Millis(since),
                until: Millis(since + lasts),
                reason: Reason::ALL[reason],
                status: Some(status),
                asked_with: Fingerprint(asked_with),
            },
        )
    }

    proptest! {
        #[test]
        fn a_state_reads_back(open in opens(), has_status: bool) {
            let open = Open { status: open.status.filter(|_| has_status), ..open };
            prop_assert_eq!(Open::decode(&open.encode()), Some(open));
        }

        #[test]
        fn junk_is_as_good_as_closed(bytes: Vec<u8>, text in "2( [0-9a-z_]{0,22}){0,7}") {
            prop_assert_eq!(Open::decode(&bytes), None);
            if let Some(open) = Open::decode(text.as_bytes()) {
                prop_assert!(open.lasts_ms() <= LEGAL_MS);
            }
        }

        /// Whatever happens in whatever order, on clocks that jump to anywhere.
        #[test]
        fn no_history_leaves_an_upstream_alone_for_longer_than_its_reason_allows(
            events in prop::collection::vec((outcomes(), 0_u64..10, 0_u64..200_000_000), 1..40),
            looked_at in 0_u64..400_000_000,
        ) {
            let mut state: Option<Open> = None;
            for (outcome, failures, at) in events {
                let now = Millis(at);
                match after(state.as_ref(), &ended(outcome, failures), now) {
                    Change::Keep => prop_assert!(
                        state.is_none(), "an open circuit is closed or opened anew by whatever it is told"
                    ),
                    Change::Close => {
                        prop_assert!(matches!(outcome, Outcome::Success | Outcome::Answered));
                        state = None;
                    }
                    Change::Open(open) => {
                        prop_assert!(!matches!(outcome, Outcome::Success | Outcome::Answered));
                        prop_assert_eq!(Open::decode(&open.encode()), Some(open));
                        let (least, most) = match open.reason {
                            Reason::Failures => FAILURES_MS,
                            Reason::RateLimited => RATE_LIMITED_MS,
                            Reason::Unauthorised => (UNAUTHORISED_MS, UNAUTHORISED_MS),
                            Reason::Legal => (LEGAL_MS, LEGAL_MS),
                        };
                        prop_assert!((least..=most).contains(&open.lasts_ms()));
                        prop_assert_eq!(stage(Some(&open), Some(KEY), now), Stage::Open);
                        prop_assert_eq!(stage(Some(&open), None, open.until), Stage::HalfOpen);
                        state = Some(open);
                    }
                }
                // Wherever the clock is now, an open circuit is half-open within its time and two
                // minutes.
                if let Some(open) = &state {
                    let looked_at = Millis(looked_at);
                    let later = looked_at.saturating_add(open.lasts_ms() + FARTHEST_AHEAD_MS);
                    if stage(Some(open), None, looked_at) == Stage::Open {
                        prop_assert_eq!(stage(Some(open), None, later), Stage::HalfOpen);
                    }
                }
            }
        }
    }
}
