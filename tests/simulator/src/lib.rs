//! A market that speaks the upstream price APIs over real HTTP, and fails on demand.
//!
//! CoinGecko, Coinbase, Kraken, Binance, Bitpin and Frankfurter on one port of loopback, each
//! below a path of its own name. Prices walk at random from a seed and agree across providers
//! within a fifth of a percent. Each provider can be told, while it runs, to fail in any of the
//! ways of [`Fault`], and calls are counted. The same is offered over HTTP below `/_control/`.
//!
//! ```no_run
//! # async fn run() -> Result<(), market_simulator::StartError> {
//! use market_simulator::{Config, Fault, Market, Provider};
//!
//! let market = Market::start(Config::default()).await?;
//! let base_url = market.base_url(Provider::CoinGecko);
//! market.fail(Provider::CoinGecko, Fault::Hang);
//! // … ask for prices at `base_url` …
//! assert_eq!(market.calls_to(Provider::CoinGecko, "/simple/price"), 1);
//! # Ok(())
//! # }
//! ```

mod answering;
mod assets;
mod calls;
mod clock;
mod control;
mod fault;
mod figure;
mod market;
mod provider;
mod providers;
mod reply;
mod server;
mod simulation;
mod venue;
mod walk;

pub use clock::Clock;
pub use fault::{Fault, UnknownFault};
pub use market::{Config, Market, StartError};
pub use provider::{COINGECKO_PRO, Provider, UnknownProvider};
