//! What shows how the host keeps and feeds instances: memory that outlives a request, waiting
//! while other requests run, work after the answer, the clock, the output and the variables.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use spin_sdk::key_value::Store;
use spin_sdk::wasip3::clocks::system_clock;

use crate::answer::{self, Answer};
use crate::atomics;
use crate::query::Query;

static REQUESTS: AtomicU64 = AtomicU64::new(0);

/// How many times this instance has been asked here, this time included.
pub(crate) fn count() -> Answer {
    let asked = REQUESTS.fetch_add(1, Ordering::Relaxed) + 1;
    answer::text(asked.to_string())
}

/// Waits `ms` (1000 by default) without holding up the instance, then answers. If told a
/// counter's key by `count`, it adds one to it first, so that others see who is waiting.
pub(crate) async fn sleep(query: &Query) -> Answer {
    let ms = query.number("ms", 1000);
    if let Some(key) = query.text("count")
        && let Err(error) = atomics::add(key, 1)
    {
        return answer::failed(&error);
    }
    spin_sdk::time::sleep(Duration::from_millis(ms)).await;
    answer::text(format!("slept {ms} ms\n"))
}

/// Answers at once, and `ms` (200 by default) after that sets `key` of the store `default` to
/// `done`. What goes wrong by then is seen in the log.
pub(crate) fn after(query: &Query) -> Answer {
    let Some(key) = query.text("key").map(str::to_owned) else {
        return answer::missing("key");
    };
    let wait = Duration::from_millis(query.number("ms", 200));
    spin_sdk::wasip3::spawn(async move {
        spin_sdk::time::sleep(wait).await;
        let written = match Store::open_default().await {
            Ok(store) => store.set(&key, "done").await,
            Err(error) => Err(error),
        };
        if let Err(error) = written {
            eprintln!("`{key}` was not set after the answer: {error:?}");
        }
    });
    answer::text("answered\n")
}

/// The time in milliseconds since the Unix epoch, by the clocks of WASI 0.2 (which the standard
/// library reads) and of WASI 0.3: `{"p2": …, "p3": …}`.
pub(crate) fn now() -> Answer {
    let p2 = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_millis();
    let now = system_clock::now();
    let p3 = i128::from(now.seconds) * 1_000 + i128::from(now.nanoseconds / 1_000_000);
    answer::json(format!(r#"{{"p2":{p2},"p3":{p3}}}"#))
}

/// The environment: a line of `NAME=value` for each variable, in the order of the host.
pub(crate) fn environment() -> Answer {
    let variables = std::env::vars().map(|(name, value)| format!("{name}={value}\n"));
    answer::text(variables.collect::<String>())
}

/// Writes `text` to standard output and to standard error.
pub(crate) fn log(query: &Query) -> Answer {
    let text = query.text("text").unwrap_or("logged");
    println!("{text}");
    eprintln!("{text}");
    answer::text("logged\n")
}

/// The variable `name`. An error is a 500 with its `Debug` text.
pub(crate) async fn variable(query: &Query) -> Answer {
    let Some(name) = query.text("name") else {
        return answer::missing("name");
    };
    match spin_sdk::variables::get(name).await {
        Ok(value) => answer::text(value),
        Err(error) => answer::failed(&error),
    }
}
