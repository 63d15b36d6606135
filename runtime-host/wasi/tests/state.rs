//! The parts of an instance's state, each by itself. They are tested from outside, because the crate
//! would be compiled a second time for tests inside of it.

use http::HeaderValue;
use runtime_host_wasi::{MemoryCap, Parts, is_content_length};
use wasmtime::ResourceLimiter;

#[test]
fn a_part_is_found_by_its_type() {
    let parts = Parts::default().with(7_u8).with("text").with(8_u8);
    assert_eq!(parts.get::<u8>(), Some(&8));
    assert_eq!(parts.get::<&str>(), Some(&"text"));
    assert_eq!(parts.get::<u16>(), None);
}

#[test]
fn memories_and_tables_count_together() {
    let mut cap = MemoryCap::new(100);
    assert!(cap.memory_growing(0, 60, None).unwrap());
    assert!(cap.table_growing(0, 5, None).unwrap());
    assert!(!cap.was_reached());
    assert!(!cap.memory_growing(0, 1, None).unwrap(), "a second memory");
    assert!(cap.was_reached());
}

#[test]
fn what_is_beyond_a_memorys_own_maximum_is_not_counted() {
    let mut cap = MemoryCap::new(100);
    assert!(!cap.memory_growing(0, 80, Some(60)).unwrap());
    assert!(!cap.table_growing(0, 9, Some(8)).unwrap());
    assert!(cap.memory_growing(0, 100, None).unwrap());
}

#[test]
fn growth_that_fails_gives_nothing_back() {
    let mut cap = MemoryCap::new(100);
    assert!(cap.memory_growing(0, 80, None).unwrap());
    cap.table_grow_failed(wasmtime::Error::msg(
        "an overflow that was never asked about",
    ))
    .unwrap();
    assert!(!cap.memory_growing(80, 160, None).unwrap());
}

#[test]
fn a_length_is_digits_only() {
    for text in ["0", "303", "18446744073709551615"] {
        assert!(is_content_length(&HeaderValue::from_static(text)), "{text}");
    }
    for text in ["", "+3", "-1", "3 ", "0x3", "18446744073709551616"] {
        assert!(
            !is_content_length(&HeaderValue::from_static(text)),
            "{text}"
        );
    }
}
