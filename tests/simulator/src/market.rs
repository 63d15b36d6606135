//! The simulator as a test holds it: started on a free port, told what to do, stopped when it
//! is dropped.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::clock::Clock;
use crate::simulation::Simulation;
use crate::{COINGECKO_PRO, Fault, Provider, server};

/// How a market starts.
#[derive(Debug)]
pub struct Config {
    /// What the prices follow from: two markets of one seed answer alike at the same time.
    pub seed: u64,
    /// Where it listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Its time.
    pub clock: Clock,
}

impl Default for Config {
    /// Seed 7, a free port of 127.0.0.1, real time.
    fn default() -> Self {
        Self {
            seed: 7,
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            clock: Clock::real(),
        }
    }
}

/// Why a market could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Something else listens there.
    #[error(
        "{address} is taken by another program; stop that one, or listen elsewhere (port 0 takes a free one)"
    )]
    AddressInUse {
        /// Where the market was to listen.
        address: SocketAddr,
    },
    /// The system does not let it listen there.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Where the market was to listen.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
}

/// A running market. Dropping it closes its port and every connection.
#[derive(Debug)]
pub struct Market {
    address: SocketAddr,
    simulation: Arc<Simulation>,
    server: JoinHandle<()>,
}

impl Market {
    /// Starts a market on the present Tokio runtime. It accepts connections once this returns.
    ///
    /// # Errors
    ///
    /// If it cannot listen at the address wanted.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        let listening = TcpListener::bind(config.listen)
            .await
            .and_then(|listener| Ok((listener.local_addr()?, listener)));
        let (address, listener) = listening.map_err(|source| match source.kind() {
            std::io::ErrorKind::AddrInUse => StartError::AddressInUse {
                address: config.listen,
            },
            _ => StartError::Listen {
                address: config.listen,
                source,
            },
        })?;
        let simulation = Arc::new(Simulation::new(config.seed, config.clock));
        let server = tokio::spawn(server::serve(listener, Arc::clone(&simulation)));
        Ok(Self {
            address,
            simulation,
            server,
        })
    }

    /// Stops at once and returns when the port is closed, so that connecting is refused from
    /// then on. Dropping does the same a moment later.
    pub async fn stop(mut self) {
        self.server.abort();
        // The task has been told to end; how it ended does not matter.
        let _ = (&mut self.server).await;
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://` and the address.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What stands for the provider's own base URL, without a slash at the end.
    #[must_use]
    pub fn base_url(&self, provider: Provider) -> String {
        format!("{}/{provider}", self.url())
    }

    /// What stands for CoinGecko's base URL for paid plans, without a slash at the end. Its faults
    /// and calls are [`Provider::CoinGecko`]'s.
    #[must_use]
    pub fn coingecko_pro_url(&self) -> String {
        format!("{}/{COINGECKO_PRO}", self.url())
    }

    /// From now on `provider` fails in this way.
    pub fn fail(&self, provider: Provider, fault: Fault) {
        self.simulation.set_fault(provider, Some(fault));
    }

    /// From now on every provider fails in this way.
    pub fn fail_all(&self, fault: Fault) {
        for provider in Provider::ALL {
            self.fail(provider, fault);
        }
    }

    /// From now on `provider` answers truly. Requests that hang go on hanging.
    pub fn heal(&self, provider: Provider) {
        self.simulation.set_fault(provider, None);
    }

    /// From now on every provider answers truly.
    pub fn heal_all(&self) {
        for provider in Provider::ALL {
            self.heal(provider);
        }
    }

    /// From now on all prices of coins at `provider` are `factor` times as high as they should
    /// be, in answers that look well. 1.0 makes it honest again.
    pub fn skew(&self, provider: Provider, factor: f64) {
        self.simulation.set_skew(provider, factor);
    }

    /// How often `provider` has been asked anything, answered or not.
    #[must_use]
    pub fn calls(&self, provider: Provider) -> u64 {
        self.simulation.calls.total(provider)
    }

    /// How often one endpoint of `provider` has been asked: its path below the base URL, with
    /// `{…}` for what varies, such as `/simple/price` or `/v2/prices/{pair}/spot`.
    #[must_use]
    pub fn calls_to(&self, provider: Provider, endpoint: &str) -> u64 {
        self.simulation.calls.to(provider, endpoint)
    }

    /// Counts calls from 0 again.
    pub fn reset_calls(&self) {
        self.simulation.calls.reset();
    }

    /// How many connections are open.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.simulation.connections()
    }

    /// The market's time, in milliseconds since the Unix epoch.
    #[must_use]
    pub fn now_ms(&self) -> i64 {
        self.simulation.clock.now().as_millisecond()
    }

    /// Holds the market's time at `now_ms`, in milliseconds since the Unix epoch.
    pub fn set_now_ms(&self, now_ms: i64) {
        self.simulation.clock.set_now_ms(now_ms);
    }

    /// Lets the market's time follow the machine's.
    pub fn follow_real_time(&self) {
        self.simulation.clock.follow_real_time();
    }
}

impl Drop for Market {
    fn drop(&mut self) {
        self.server.abort();
    }
}
