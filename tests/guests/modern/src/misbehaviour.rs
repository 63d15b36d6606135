//! The ways a guest can take a host down that does not guard itself, and its way to give up.

use std::hint::black_box;

use spin_sdk::wasip3::http::types::ErrorCode;

use crate::answer::Answer;

/// Never gives the processor back.
pub(crate) fn spin() -> Answer {
    let mut turns = 0_u64;
    loop {
        turns = black_box(turns.wrapping_add(1));
    }
}

/// Takes memory, a mebibyte at a time, and touches every page, until the host refuses.
pub(crate) fn allocate() -> Answer {
    const CHUNK_BYTES: usize = 1 << 20;
    let mut hoard = Vec::new();
    loop {
        hoard.push(vec![1_u8; CHUNK_BYTES]);
        black_box(&hoard);
    }
}

/// Traps: on wasm32 a panic ends in `unreachable`.
#[allow(clippy::panic, reason = "trapping is what this route is for")]
pub(crate) fn trap() -> Answer {
    panic!("this route traps on purpose")
}

/// What the guest gives the host instead of an answer.
pub(crate) fn error() -> ErrorCode {
    ErrorCode::InternalError(Some("this route fails on purpose".to_owned()))
}
