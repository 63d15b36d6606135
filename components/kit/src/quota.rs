//! How many requests a client may send in a time (RateLimit header fields for HTTP,
//! draft-ietf-httpapi-ratelimit-headers).
//!
//! Time is cut into windows of equal length, and each client has so many requests in each. An
//! instance counts in its memory, so that no request waits for the store, and adds what it counted
//! to a counter that all instances share a moment later; that tells it the others' count, too.
//! So a client gets its quota exactly where one instance serves it. With several, each may let
//! through what comes until it first hears of the others, which is [`SHARE`] and the time that the
//! store takes, and never more than the quota itself.

use crate::answer::{Answer, Value};
use crate::background::Background;
use crate::clock::Clock;
use crate::store::{Store, StoreError};
use edge_rates_quotes::Millis;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::str::FromStr;
use std::time::Duration;

/// What was counted within this time is added to the shared counters together.
pub const SHARE: Duration = Duration::from_millis(200);

/// Rounds in which that is tried while the store refuses it. After that the count stays in memory
/// until the client's next request.
const ROUNDS: usize = 10;

/// Every counter's key starts with this; then come the second in which its window ends, and the
/// client.
const PREFIX: &str = "l/";

/// In which minute counters of ended windows were last removed: also a counter, which elects who
/// does it.
const SWEEP: &str = "l/sweep/";

/// How often counters of ended windows are removed, in seconds.
const SWEEP_SECONDS: u64 = 60;

/// The most clients that an instance counts for at once. More than that within one window is
/// an attack, and one that no quota per client can stop: the newest are let through uncounted.
const MOST_CLIENTS: usize = 10_000;

/// The name of the one policy there is.
const NAME: &str = "default";

/// So many requests per window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Requests.
    pub quota: u32,
    /// Seconds.
    pub window: u32,
}

impl FromStr for Policy {
    type Err = String;

    /// Reads `100;w=60`.
    fn from_str(text: &str) -> Result<Policy, String> {
        let wrong = || {
            format!(
                "`{text}` is no limit; write requests and seconds such as 100;w=60, or nothing for no limit"
            )
        };
        let (quota, window) = text.split_once(';').ok_or_else(wrong)?;
        let window = window.trim().strip_prefix("w=").ok_or_else(wrong)?;
        let number = |text: &str| text.trim().parse().ok().filter(|number| *number > 0);
        Ok(Policy {
            quota: number(quota).ok_or_else(wrong)?,
            window: number(window)
                .filter(|window| *window <= 86_400)
                .ok_or_else(wrong)?,
        })
    }
}

/// What came of a request's wish to be counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// There was room for it.
    pub is_allowed: bool,
    remaining: u32,
    /// Seconds until the window ends.
    pub reset: u64,
}

/// The quota of every client, as far as this instance knows.
#[derive(Debug)]
pub struct Quota {
    policy: Policy,
    /// Value of RateLimit-Policy.
    described: String,
    clients: RefCell<HashMap<Box<str>, Used>>,
    is_sharing: Cell<bool>,
    swept: Cell<u64>,
}

/// What one client has used.
#[derive(Debug, Clone, Copy, Default)]
struct Used {
    /// Of which window.
    window: u64,
    /// Of all instances, as the store last told, and what is on its way there.
    shared: i64,
    /// Of this instance, not in the store yet.
    pending: i64,
}

impl Quota {
    /// A quota of which nothing is used yet.
    pub fn new(policy: Policy) -> Rc<Quota> {
        Rc::new(Quota {
            described: format!("\"{NAME}\";q={};w={}", policy.quota, policy.window),
            policy,
            clients: RefCell::default(),
            is_sharing: Cell::new(false),
            swept: Cell::new(0),
        })
    }

    /// Counts a request of `client`, if there is room for it.
    pub fn take<W>(self: &Rc<Self>, world: &W, client: &str) -> Verdict
    where
        W: Store + Clock + Background + Clone + 'static,
    {
        let now = world.now();
        let window = self.window_of(now);
        let reset = self.end_of(window).saturating_sub(now.secs()).max(1);
        let verdict = |is_allowed, used: i64| Verdict {
            is_allowed,
            remaining: u32::try_from(i64::from(self.policy.quota) - used).unwrap_or(0),
            reset,
        };
        let mut clients = self.clients.borrow_mut();
        let used = match clients.get_mut(client) {
            Some(used) => used,
            None => {
                if clients.len() >= MOST_CLIENTS {
                    // What the store knows comes back with the client's next request.
                    clients.retain(|_, used| used.window == window && used.pending > 0);
                }
                if clients.len() >= MOST_CLIENTS {
                    return verdict(true, 1);
                }
                clients.entry(client.into()).or_default()
            }
        };
        if used.window != window {
            *used = Used {
                window,
                ..Used::default()
            };
        }
        let sum = used.shared.saturating_add(used.pending);
        if sum >= i64::from(self.policy.quota) {
            return verdict(false, sum);
        }
        used.pending += 1;
        drop(clients);
        self.share_soon(world);
        verdict(true, sum + 1)
    }

    /// Tells the client what it has left (RateLimit-Policy and RateLimit).
    pub fn tell(&self, verdict: Verdict, answer: &mut Answer) {
        for (name, value) in self.headers(verdict) {
            answer.set(name, value);
        }
    }

    /// The headers that tell it.
    pub fn headers(&self, verdict: Verdict) -> [(&'static str, Value); 2] {
        let Verdict {
            remaining, reset, ..
        } = verdict;
        let left = format!("\"{NAME}\";r={remaining};t={reset}");
        [
            ("ratelimit-policy", self.described.clone().into()),
            ("ratelimit", left.into()),
        ]
    }

    /// The names of the policies that a refused request violates.
    pub fn violated(&self) -> Vec<&'static str> {
        vec![NAME]
    }

    fn window_of(&self, now: Millis) -> u64 {
        now.secs() / u64::from(self.policy.window)
    }

    /// The second in which a window ends.
    fn end_of(&self, window: u64) -> u64 {
        (window + 1).saturating_mul(self.policy.window.into())
    }

    fn share_soon<W>(self: &Rc<Self>, world: &W)
    where
        W: Store + Clock + Background + Clone + 'static,
    {
        if self.is_sharing.replace(true) {
            return;
        }
        let (quota, world_of_task) = (Rc::clone(self), world.clone());
        world.spawn(async move {
            for _ in 0..ROUNDS {
                world_of_task.sleep(SHARE).await;
                quota.share(&world_of_task).await;
                if quota.pending().is_empty() {
                    break;
                }
            }
            quota.is_sharing.set(false);
        });
    }

    fn pending(&self) -> Vec<(Box<str>, Used)> {
        let clients = self.clients.borrow();
        let pending = clients.iter().filter(|(_, used)| used.pending > 0);
        pending
            .map(|(client, used)| (client.clone(), *used))
            .collect()
    }

    /// Adds what was counted to the shared counters, and learns what others counted.
    async fn share<W: Store + Clock>(&self, world: &W) {
        for (client, counted) in self.pending() {
            if counted.window != self.window_of(world.now()) {
                // Its time is over: nobody asks for it any more.
                self.update(&client, counted.window, |used| used.pending = 0);
                continue;
            }
            // Others may count while the store works. What is on its way counts as shared.
            let delta = counted.pending;
            self.update(&client, counted.window, |used| {
                used.pending -= delta;
                used.shared += delta;
            });
            let key = format!("{PREFIX}{}/{client}", self.end_of(counted.window));
            let sum = world.increment(&key, delta).await;
            match sum {
                Ok(sum) => self.update(&client, counted.window, |used| used.shared = sum),
                // It may have been counted, and nobody is to be refused for what was counted
                // twice. The others would wait in vain, too.
                Err(StoreError::Unanswered(_)) => return,
                Err(StoreError::Closed(_) | StoreError::Failed(_)) => {
                    self.update(&client, counted.window, |used| {
                        used.pending += delta;
                        used.shared -= delta;
                    });
                }
            }
        }
        self.sweep(world).await;
    }

    fn update(&self, client: &str, window: u64, change: impl FnOnce(&mut Used)) {
        let mut clients = self.clients.borrow_mut();
        if let Some(used) = clients.get_mut(client).filter(|used| used.window == window) {
            change(used);
        }
    }

    /// Removes the counters of ended windows: one instance does it for all, about once a minute.
    async fn sweep<W: Store + Clock>(&self, world: &W) {
        let minute = world.now().secs() / SWEEP_SECONDS;
        if self.swept.replace(minute) == minute {
            return;
        }
        let ticket = format!("{SWEEP}{minute}");
        if !matches!(world.increment(&ticket, 1).await, Ok(1)) {
            return;
        }
        let Ok(keys) = world.keys().await else {
            return;
        };
        let now = world.now().secs();
        for key in keys.iter().filter(|key| is_over(key, now)) {
            // One that can't be removed now goes next time.
            let _removed = world.delete(key).await;
        }
    }
}

/// Whether a key is one of ours, and not needed any more.
fn is_over(key: &str, now: u64) -> bool {
    let end = match key.strip_prefix(SWEEP) {
        // A ticket is drawn until its minute is over.
        Some(minute) => minute
            .parse::<u64>()
            .map(|minute| (minute + 1) * SWEEP_SECONDS),
        None => {
            let end = key
                .strip_prefix(PREFIX)
                .and_then(|rest| rest.split('/').next());
            end.unwrap_or_default().parse()
        }
    };
    end.is_ok_and(|end| end <= now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::World;
    use futures::executor::block_on;

    fn quota(text: &str) -> Rc<Quota> {
        Quota::new(text.parse().unwrap())
    }

    fn allowed(quota: &Rc<Quota>, world: &World, client: &str, requests: usize) -> usize {
        let verdicts = (0..requests).map(|_| quota.take(world, client));
        verdicts.filter(|verdict| verdict.is_allowed).count()
    }

    fn told(quota: &Quota, verdict: Verdict) -> [String; 2] {
        quota.headers(verdict).map(|(_, value)| value.into_owned())
    }

    #[test]
    fn a_policy_is_read_from_its_text() {
        assert_eq!(
            "100;w=60".parse(),
            Ok(Policy {
                quota: 100,
                window: 60
            })
        );
        assert_eq!(
            " 5 ; w=1".parse(),
            Ok(Policy {
                quota: 5,
                window: 1
            })
        );
        for wrong in [
            "",
            "100",
            "100;60",
            "0;w=60",
            "100;w=0",
            "-1;w=60",
            "100;w=86401",
            "many;w=60",
        ] {
            let error = wrong.parse::<Policy>().unwrap_err();
            assert!(error.contains("100;w=60"), "{wrong}: {error}");
        }
    }

    #[test]
    fn a_client_gets_its_quota_in_each_window_and_no_more() {
        // The fake clock begins in the first second of a minute.
        let (world, quota) = (World::new(), quota("3;w=60"));
        let first = quota.take(&world, "a");
        assert_eq!(
            told(&quota, first),
            ["\"default\";q=3;w=60", "\"default\";r=2;t=60"]
        );
        assert_eq!(allowed(&quota, &world, "a", 10), 2);
        world.advance(Duration::from_secs(43));
        let refused = quota.take(&world, "a");
        assert!(!refused.is_allowed);
        assert_eq!(told(&quota, refused)[1], "\"default\";r=0;t=17");
        assert_eq!(
            allowed(&quota, &world, "b", 10),
            3,
            "another client has its own"
        );
        world.advance(Duration::from_secs(17));
        assert_eq!(allowed(&quota, &world, "a", 10), 3);
    }

    #[test]
    fn no_request_waits_for_the_store() {
        let (world, quota) = (World::new(), quota("3;w=60"));
        world.break_store(true);
        assert_eq!(allowed(&quota, &world, "a", 10), 3);
        block_on(world.run_background());
        assert_eq!(
            allowed(&quota, &world, "a", 10),
            0,
            "and it is counted without one"
        );
    }

    #[test]
    fn instances_hear_of_each_other_through_the_store() {
        let world = World::new();
        let (one, other) = (quota("10;w=60"), quota("10;w=60"));
        assert_eq!(allowed(&one, &world, "a", 6), 6);
        block_on(world.run_background());
        assert_eq!(allowed(&other, &world, "a", 3), 3);
        block_on(world.run_background());
        assert_eq!(allowed(&other, &world, "a", 10), 1, "10 less 6 and 3");
        block_on(world.run_background());
        // The first one has not heard of that yet: it overshoots by what it has left itself,
        // until it has shared.
        assert_eq!(allowed(&one, &world, "a", 2), 2);
        block_on(world.run_background());
        assert_eq!(allowed(&one, &world, "a", 10), 0);
    }

    #[test]
    fn what_is_counted_while_the_store_works_is_not_lost() {
        let (world, quota) = (World::new(), quota("10;w=60"));
        quota.take(&world, "a");
        let (late, world_of_late) = (Rc::clone(&quota), world.clone());
        world.on_next_increment(move || {
            assert_eq!(allowed(&late, &world_of_late, "a", 4), 4);
        });
        block_on(world.run_background());
        assert_eq!(allowed(&quota, &world, "a", 10), 5);
    }

    #[test]
    fn counters_of_ended_windows_are_removed() {
        let (world, quota) = (World::new(), quota("10;w=60"));
        let keys = || {
            let mut keys = block_on(world.keys()).unwrap();
            keys.sort();
            keys
        };
        quota.take(&world, "2001:db8::/64");
        block_on(world.run_background());
        assert_eq!(keys().len(), 2, "{:?}", keys());
        world.advance(Duration::from_secs(120));
        quota.take(&world, "b");
        block_on(world.run_background());
        let left = keys();
        assert_eq!(left.len(), 2, "{left:?}");
        assert!(left.iter().any(|key| key.ends_with("/b")), "{left:?}");
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let (world, quota) = (World::new(), quota("1;w=60"));
        for number in 0..3 * MOST_CLIENTS {
            let verdict = quota.take(&world, &number.to_string());
            assert!(verdict.is_allowed);
        }
        assert!(quota.clients.borrow().len() <= MOST_CLIENTS);
        block_on(world.run_background());
        assert!(quota.take(&world, "another").is_allowed);
        assert!(quota.clients.borrow().len() <= 1 + MOST_CLIENTS);
        assert!(!quota.take(&world, "another").is_allowed);
    }
}
