//! Counts what happens, in instance memory first, in the store a moment later.
//!
//! Guest memory is no counter: instances come and go. So whatever happened within a short window
//! is added up here and then flushed with atomic increments, after the answers were given. The
//! pending flush keeps the instance alive, so no count is lost.

use crate::background::Background;
use crate::clock::Clock;
use crate::series::{Cell, Family, bucket_of, cell_key, micros, replica_prefix};
use crate::store::Store;
use std::cell::{Cell as Flag, RefCell};
use std::collections::BTreeMap;
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
    pending: RefCell<BTreeMap<String, i64>>,
    is_flushing: Flag<bool>,
}

impl Recorder {
    /// A recorder for the counters of one replica of the application.
    pub fn new(replica: &str) -> Rc<Recorder> {
        Rc::new(Recorder {
            prefix: replica_prefix(replica),
            pending: RefCell::default(),
            is_flushing: Flag::new(false),
        })
    }

    /// Adds one to a counter.
    pub fn count(&self, family: &Family, labels: &[&str]) {
        self.add(cell_key(family, labels, Cell::Count), 1);
    }

    /// Adds an observation to a histogram.
    pub fn observe(&self, family: &Family, labels: &[&str], duration: Duration) {
        let bucket = Cell::Bucket(bucket_of(family, duration));
        self.add(cell_key(family, labels, bucket), 1);
        let sum = i64::try_from(micros(duration)).unwrap_or(i64::MAX);
        self.add(cell_key(family, labels, Cell::SumMicros), sum);
    }

    fn add(&self, key: String, delta: i64) {
        let mut pending = self.pending.borrow_mut();
        let sum = pending.entry(key).or_insert(0);
        *sum = sum.saturating_add(delta);
    }

    /// Sees to it that everything counted so far reaches the store soon.
    pub fn flush_soon<W>(self: &Rc<Self>, world: &W)
    where
        W: Store + Clock + Background + Clone + 'static,
    {
        if self.is_flushing.replace(true) {
            return;
        }
        let (recorder, world_of_task) = (Rc::clone(self), world.clone());
        world.spawn(async move {
            for _ in 0..ROUNDS {
                world_of_task.sleep(WINDOW).await;
                recorder.flush(&world_of_task).await;
                if recorder.pending.borrow().is_empty() {
                    break;
                }
            }
            recorder.is_flushing.set(false);
        });
    }

    /// Moves what was counted into the store; what the store refuses stays pending.
    pub async fn flush<W: Store>(&self, world: &W) {
        let batch = self.pending.take();
        for (key, delta) in batch {
            // Some series stand still within a window, such as a sum of sub-microsecond times.
            if delta == 0 {
                continue;
            }
            let stored = format!("{}{key}", self.prefix);
            if world.increment(&stored, delta).await.is_err() {
                self.add(key, delta);
            }
        }
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
