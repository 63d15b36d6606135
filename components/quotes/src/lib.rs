//! Prices, boards and how old they may be. Pure: no I/O, no clock, no randomness.

pub mod asset;
pub mod board;
pub mod catalogue;
mod decimal_text;
pub mod etag;
pub mod freshness;
pub mod head;
pub mod millis;
pub mod plausibility;
pub mod price;
pub mod quote;
pub mod stored;
pub mod ticket;
pub mod version;

pub use asset::{Asset, Currency, Pair};
pub use board::{Board, DecodeError};
pub use catalogue::{Catalogue, CatalogueError};
pub use freshness::{Freshness, Policy, PolicyError, freshness};
pub use head::Head;
pub use millis::Millis;
pub use price::{ArithmeticError, Price, PriceError};
pub use quote::Quote;
pub use ticket::TicketKey;
pub use version::Version;
