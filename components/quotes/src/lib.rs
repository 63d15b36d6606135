//! Prices, boards and how old they may be. Pure: no I/O, no clock, no randomness of its own.
//!
//! - What is served: [`Asset`], [`Currency`], [`Denomination`], [`Catalogue`].
//! - What is known: a [`Price`] keeps the digits it came with, a [`Quote`] is a price with its
//!   time, a [`Board`] is what one refresh yields, a [`Head`] is the board's short summary.
//! - What may be believed: [`plausibility`] by its time, [`consensus`](mod@consensus) among
//!   upstreams, [`jump`] from the price before; [`belief`] is all of it for a whole board. Pairs
//!   that nobody prices are a [`cross`], for which currencies have [`reference`](mod@reference)
//!   rates. Names of the same money are its [`parts`].
//! - For how long: [`freshness`](mod@freshness), and the [`ticket`] that elects who refreshes.
//! - How upstreams are treated: the circuit [`breaker`], their [`budget`] of calls, and the
//!   [`absence`] of what they do not price; their [`standing`] is what people are shown.
//! - What is answered: [`rate`] and [`convert`](fn@convert) on exact numbers, a [`Selection`] of
//!   the board, and the [`etag`](mod@etag) of an answer.
//!
//! Values that exist are valid: text is checked where it becomes a type, and what comes out of
//! the store is checked again. No binary fraction ever holds a price.

pub mod absence;
pub mod amount;
pub mod asset;
pub mod belief;
pub mod board;
pub mod breaker;
pub mod budget;
pub mod catalogue;
pub mod consensus;
pub mod convert;
pub mod cross;
pub mod date;
mod decimal_text;
pub mod denomination;
pub mod etag;
pub mod freshness;
pub mod head;
pub mod jump;
mod listed;
pub mod millis;
pub mod order;
pub mod parts;
pub mod percent;
pub mod plausibility;
pub mod price;
pub mod quote;
mod ratio;
pub mod reference;
pub mod rounding;
pub mod selection;
mod spelling;
pub mod standing;
pub mod stored;
pub mod ticket;
pub mod version;

pub use amount::{Amount, AmountError};
pub use asset::{Asset, Currency, Pair};
pub use belief::{Belief, Heard, Rules, believe};
pub use board::{Board, DecodeError};
pub use catalogue::{Catalogue, CatalogueError, Meaning};
pub use convert::{
    Conversion, ConvertError, Path, Rate, convert, figure_in, rate, rate_of, round_price,
};
pub use date::Date;
pub use denomination::{Denomination, Kind};
pub use freshness::{Freshness, Policy, PolicyError, freshness};
pub use head::Head;
pub use millis::Millis;
pub use percent::Percent;
pub use price::{ArithmeticError, Price, PriceError};
pub use quote::{Method, Quote, Told};
pub use reference::ReferenceRate;
pub use rounding::{Precision, PrecisionError, Rounding, RoundingError};
pub use selection::Selection;
pub use ticket::Tickets;
pub use version::Version;
