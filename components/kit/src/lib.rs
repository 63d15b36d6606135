//! How a component talks to the world, and how it answers.
//!
//! Every capability is one small trait: [`store::Store`], [`clock::Clock`], [`outbound::Outbound`],
//! [`random::Random`], [`background::Background`], [`variables::Variables`]. Logic is written
//! against the traits, so that it can be tested natively with a [`fake::World`]; [`spin::World`]
//! implements them with what Spin offers.
//!
//! The other half is HTTP: [`request`] and [`body`] read what came in, [`answer`], [`problem`], [`caching`] and
//! [`coding`] shape what goes out, [`recorder`] counts it.
//!
//! [`client`], [`api_keys`] and [`quota`] say who asks and how much of it is too much.
//!
//! Nothing here knows about rates, but for where they lie in the store: [`stored`] is how
//! components find what others of them left there.

pub mod accept;
#[cfg(any(test, all(target_family = "wasm", not(target_feature = "atomics"))))]
mod allocator;
pub mod answer;
pub mod api_keys;
pub mod background;
pub mod body;
pub mod caching;
pub mod client;
pub mod clock;
pub mod coding;
#[cfg(any(test, feature = "fake"))]
pub mod fake;
pub mod fingerprint;
pub mod log;
pub mod outbound;
pub mod problem;
pub mod quota;
pub mod random;
pub mod recorder;
pub mod request;
pub mod request_id;
pub mod series;
pub mod serving;
pub mod spin;
pub mod store;
pub mod stored;
pub mod variables;

use background::Background;
use clock::Clock;
use outbound::Outbound;
use random::Random;
use store::Store;
use variables::Variables;

/// Everything a component may be given.
pub trait Capabilities:
    Store + Clock + Outbound + Random + Background + Variables + Clone + 'static
{
}

impl<W> Capabilities for W where
    W: Store + Clock + Outbound + Random + Background + Variables + Clone + 'static
{
}
