//! Counts what happens, in instance memory first, in the store a moment later.
//!
//! Guest memory is no counter: instances come and go. So whatever happened within a short window
//! is added up here and then flushed with atomic increments, after the answers were given. The
//! pending flush keeps the instance alive, so no count is lost while the store works, or says that
//! it doesn't. One that the store leaves unanswered is given up, and the log says so: it may have
//! been added, or is added when a store that hangs goes on, and whoever added it once more with
//! each attempt would count requests that nobody made. Too few is the lesser lie.

use crate::background::Background;
use crate::clock::Clock;
use crate::log;
use crate::series::{Cell, Family, bucket_of, cell_key, micros, replica_prefix};
use crate::store::{Store, StoreError};
use serde_json::json;
use std::cell::{Cell as Flag, RefCell};
use std::rc::Rc;
use std::time::Duration;

/// What happens within this window is flushed together.
const WINDOW: Duration = Duration::from_millis(200);

/// Rounds in which a flush is tried again while the store refuses it. After that the counts wait
/// in memory for the next request.
const ROUNDS: usize = 25;

/// Counters that are not in the store yet.
#[derive(Debug)]
pub struct Recorder {
    prefix: String,
    // Every request looks for three of some ten counters. Comparing what they are made of takes
    // a tenth of the instructions of making their keys and finding those in a map.
    counters: RefCell<Vec<Counter>>,
    is_flushing: Flag<bool>,
    is_off: bool,
    is_logging: Flag<bool>,
}

#[derive(Debug)]
struct Counter {
    family: &'static Family,
    labels: Vec<Box<str>>,
    cell: Cell,
    /// Its key in the store.
    key: String,
    /// What the store has not been told yet.
    pending: i64,
}

impl Counter {
    fn is(&self, family: &'static Family, labels: &[&str], cell: Cell) -> bool {
        std::ptr::eq(self.family, family)
            && self.cell == cell
            && self.labels.len() == labels.len()
            && self
                .labels
                .iter()
                .zip(labels)
                .all(|(known, label)| is_same(known, label))
    }
}

/// Whether texts are equal, eight bytes at a time: the comparison that the compiler puts in takes
/// one by one.
fn is_same(a: &str, b: &str) -> bool {
    let (a_words, a_rest) = a.as_bytes().as_chunks::<8>();
    let (b_words, b_rest) = b.as_bytes().as_chunks::<8>();
    let are_same = |(a, b): (&[u8; 8], &[u8; 8])| u64::from_ne_bytes(*a) == u64::from_ne_bytes(*b);
    a.len() == b.len()
        && a_words.iter().zip(b_words).all(are_same)
        && a_rest.iter().zip(b_rest).all(|(a, b)| a == b)
}

impl Recorder {
    /// A recorder for the counters of one replica of the application.
    pub fn new(replica: &str) -> Rc<Recorder> {
        Rc::new(Recorder {
            prefix: replica_prefix(replica),
            counters: RefCell::default(),
            is_flushing: Flag::new(false),
            is_off: false,
            is_logging: Flag::new(false),
        })
    }

    /// A recorder that counts nothing.
    pub fn off() -> Rc<Recorder> {
        Rc::new(Recorder {
            prefix: String::new(),
            counters: RefCell::default(),
            is_flushing: Flag::new(false),
            is_off: true,
            is_logging: Flag::new(false),
        })
    }

    /// Has every request written to the log, too.
    pub fn log_requests(&self) {
        self.is_logging.set(true);
    }

    /// Whether every request is written to the log.
    pub fn is_logging(&self) -> bool {
        self.is_logging.get()
    }

    /// Adds one to a counter.
    pub fn count(&self, family: &'static Family, labels: &[&str]) {
        self.add(family, labels, Cell::Count, 1);
    }

    /// Adds an observation to a histogram.
    pub fn observe(&self, family: &'static Family, labels: &[&str], duration: Duration) {
        let bucket = Cell::Bucket(bucket_of(family, duration));
        self.add(family, labels, bucket, 1);
        let sum = i64::try_from(micros(duration)).unwrap_or(i64::MAX);
        self.add(family, labels, Cell::SumMicros, sum);
    }

    fn add(&self, family: &'static Family, labels: &[&str], cell: Cell, delta: i64) {
        if self.is_off {
            return;
        }
        let mut counters = self.counters.borrow_mut();
        if let Some(counter) = counters
            .iter_mut()
            .find(|known| known.is(family, labels, cell))
        {
            counter.pending = counter.pending.saturating_add(delta);
            return;
        }
        counters.push(Counter {
            family,
            labels: labels.iter().map(|label| Box::from(*label)).collect(),
            cell,
            key: format!("{}{}", self.prefix, cell_key(family, labels, cell)),
            pending: delta,
        });
    }

    fn is_settled(&self) -> bool {
        self.counters
            .borrow()
            .iter()
            .all(|counter| counter.pending == 0)
    }

    /// Sees to it that everything counted so far reaches the store soon.
    pub fn flush_soon<W>(self: &Rc<Self>, world: &W)
    where
        W: Store + Clock + Background + Clone + 'static,
    {
        if self.is_off || self.is_flushing.replace(true) {
            return;
        }
        let (recorder, world_of_task) = (Rc::clone(self), world.clone());
        world.spawn(async move {
            for _ in 0..ROUNDS {
                world_of_task.sleep(WINDOW).await;
                recorder.flush(&world_of_task).await;
                if recorder.is_settled() {
                    break;
                }
            }
            recorder.is_flushing.set(false);
        });
    }

    /// Moves what was counted into the store; what the store refuses stays pending. After one that
    /// it leaves unanswered the rest waits for another flush, for each attempt may hold up this
    /// instance for as long.
    pub async fn flush<W: Store>(&self, world: &W) {
        // Counters are never removed, so places stay what they are, also while the store works.
        let count = self.counters.borrow().len();
        for place in 0..count {
            let Some((key, delta)) = self.take(place) else {
                continue;
            };
            match world.increment(&key, delta).await {
                Ok(_) => {}
                Err(StoreError::Unanswered(_)) => {
                    log::warning(json!({"event": "count given up", "key": key, "count": delta}));
                    return;
                }
                Err(StoreError::Closed(_) | StoreError::Failed(_)) => {
                    if let Some(counter) = self.counters.borrow_mut().get_mut(place) {
                        counter.pending = counter.pending.saturating_add(delta);
                    }
                }
            }
        }
    }

    /// The key of a counter and what the store has not been told of it, if anything.
    fn take(&self, place: usize) -> Option<(String, i64)> {
        let mut counters = self.counters.borrow_mut();
        let counter = counters
            .get_mut(place)
            .filter(|counter| counter.pending != 0)?;
        Some((counter.key.clone(), std::mem::take(&mut counter.pending)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::World;
    use crate::series::HTTP_REQUESTS;
    use futures::executor::block_on;

    const KEY: &str = "m/local/http_requests_total|GET|/healthz|200|n";

    #[test]
    fn counts_reach_the_store_once_the_window_closes() {
        let (world, recorder) = (World::new(), Recorder::new("local"));
        for _ in 0..3 {
            recorder.count(&HTTP_REQUESTS, &["GET", "/healthz", "200"]);
            recorder.flush_soon(&world);
        }
        assert_eq!(
            world.counter(KEY),
            None,
            "nothing is written before the answer"
        );
        block_on(world.run_background());
        assert_eq!(world.counter(KEY), Some(3));
    }

    #[test]
    fn a_recorder_that_is_off_writes_nothing() {
        let (world, recorder) = (World::new(), Recorder::off());
        recorder.count(&HTTP_REQUESTS, &["GET", "/healthz", "200"]);
        recorder.flush_soon(&world);
        block_on(world.run_background());
        assert_eq!(world.counter(KEY), None);
    }

    #[test]
    fn a_store_that_fails_for_a_while_loses_no_count() {
        let (world, recorder) = (World::new(), Recorder::new("local"));
        recorder.count(&HTTP_REQUESTS, &["GET", "/healthz", "200"]);
        world.break_store(true);
        block_on(recorder.flush(&world));
        recorder.count(&HTTP_REQUESTS, &["GET", "/healthz", "200"]);
        world.break_store(false);
        block_on(recorder.flush(&world));
        assert_eq!(world.counter(KEY), Some(2));
    }

    #[test]
    fn what_a_hanging_store_may_have_counted_is_not_counted_twice() {
        let (world, recorder) = (World::new(), Recorder::new("local"));
        let other = "m/local/http_requests_total|GET|/ready|200|n";
        for path in ["/healthz", "/ready"] {
            recorder.count(&HTTP_REQUESTS, &["GET", path, "200"]);
        }
        world.mute_counters(true);
        block_on(recorder.flush(&world));
        assert_eq!(world.counter(other), None, "nobody waits twice in a row");
        world.mute_counters(false);
        for _ in 0..3 {
            block_on(recorder.flush(&world));
        }
        assert_eq!(
            (world.counter(KEY), world.counter(other)),
            (Some(1), Some(1))
        );
    }

    #[test]
    fn what_is_counted_during_a_flush_is_flushed_too() {
        let (world, recorder) = (World::new(), Recorder::new("local"));
        recorder.count(&HTTP_REQUESTS, &["GET", "/healthz", "200"]);
        recorder.flush_soon(&world);
        let late = Rc::clone(&recorder);
        world.on_next_increment(move || late.count(&HTTP_REQUESTS, &["GET", "/healthz", "200"]));
        block_on(world.run_background());
        assert_eq!(world.counter(KEY), Some(2));
    }
}
