//! What shows how the host keeps instances: memory that outlives a request, and waiting while
//! other requests run.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::answer::{self, Answer};
use crate::query::Query;

static REQUESTS: AtomicU64 = AtomicU64::new(0);

/// How many times this instance has been asked here, this time included.
pub(crate) fn count() -> Answer {
    let asked = REQUESTS.fetch_add(1, Ordering::Relaxed) + 1;
    answer::text(asked.to_string())
}

/// Waits `ms` (1000 unless told) without holding up the instance, then answers.
pub(crate) async fn sleep(query: &Query) -> Answer {
    let ms = query.number("ms", 1000);
    spin_sdk::time::sleep(Duration::from_millis(ms)).await;
    answer::text(format!("slept {ms} ms\n"))
}
