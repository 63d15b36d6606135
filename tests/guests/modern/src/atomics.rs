//! The atomic operations of `wasi:keyvalue@0.2.0-draft2`, on the store `default`.

use spin_sdk::http::StatusCode;

use crate::answer::{self, Answer};
use crate::query::Query;

mod bindings {
    #![allow(
        missing_docs,
        unsafe_code,
        unreachable_pub,
        clippy::all,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::unwrap_used,
        reason = "generated"
    )]

    spin_sdk::wit_bindgen::generate!({
        path: "../../../wit/deps/wasi-keyvalue@0.2.0-draft2",
        world: "imports",
        runtime_path: "::spin_sdk::wit_bindgen::rt",
    });
}

use bindings::wasi::keyvalue::atomics::{self, Cas, CasError};
use bindings::wasi::keyvalue::store::{self, Bucket, Error};

/// Adds `delta` (1 by default; 0 only reads) to the counter `key` and answers with the sum.
pub(crate) fn increment(query: &Query) -> Answer {
    let Some(key) = query.text("key") else {
        return answer::missing("key");
    };
    let delta = query.number("delta", 1);
    match add(key, delta) {
        Ok(sum) => answer::text(sum.to_string()),
        Err(error) => answer::failed(&error),
    }
}

/// Adds to a counter and gives the sum.
pub(crate) fn add(key: &str, delta: i64) -> Result<i64, Error> {
    open().and_then(|bucket| atomics::increment(&bucket, key, delta))
}

/// Reads `key` and swaps in `value` if nobody wrote in the meantime. `meanwhile` makes that
/// happen: it is set between the reading and the swapping. Answers with the value that was
/// read, or with 409 and the value that was in the way.
pub(crate) fn compare_and_swap(query: &Query) -> Answer {
    let Some(key) = query.text("key") else {
        return answer::missing("key");
    };
    let Some(value) = query.text("value") else {
        return answer::missing("value");
    };
    match swap(key, value, query.text("meanwhile")) {
        Ok(answer) => answer,
        Err(error) => answer::failed(&error),
    }
}

fn swap(key: &str, value: &str, meanwhile: Option<&str>) -> Result<Answer, Error> {
    let bucket = open()?;
    let cas = Cas::new(&bucket, key)?;
    let read = cas.current()?.unwrap_or_default();
    if let Some(other) = meanwhile {
        bucket.set(key, other.as_bytes())?;
    }
    match atomics::swap(cas, value.as_bytes()) {
        Ok(()) => Ok(answer::text(read)),
        Err(CasError::StoreError(error)) => Err(error),
        Err(CasError::CasFailed(present)) => {
            let present = present.current()?.unwrap_or_default();
            Ok(answer::with_status(StatusCode::CONFLICT, present))
        }
    }
}

fn open() -> Result<Bucket, Error> {
    store::open("default")
}
