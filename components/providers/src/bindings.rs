//! Rust for `wit/provider`, made by wit-bindgen when this crate is compiled.

#![allow(
    missing_docs,
    unreachable_pub,
    unsafe_code,
    clippy::allow_attributes_without_reason,
    reason = "generated code; its documentation is provider.wit"
)]

use crate::guest::Adapters;

wit_bindgen::generate!({
    path: "../../wit/provider",
    world: "adapters",
});

export!(Adapters with_types_in self);
