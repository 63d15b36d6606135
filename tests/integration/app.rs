//! The application, as a client meets it: the components of spin.toml in the host, a simulated
//! market as their upstream, and a clock that the test moves.

use crate::client::Client;
pub(crate) use crate::client::client;
use crate::clock::TestClock;
use market_simulator::{Clock, Config, Market, Provider};
use runtime_host::Host;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long a test waits for what should happen soon.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// How long a host gives a request by default.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

pub(crate) struct App {
    pub(crate) market: Arc<Market>,
    pub(crate) host: Host,
    clock: Arc<TestClock>,
    client: Client,
    state: TempDir,
    variables: Vec<(String, String)>,
    request_timeout: Duration,
}

/// The repository's folder.
pub(crate) fn root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests
        .parent()
        .expect("tests/ is in the repository")
        .to_owned()
}

impl App {
    pub(crate) async fn start() -> App {
        App::with(&[]).await
    }

    /// Starts with some variables other than their defaults.
    pub(crate) async fn with(variables: &[(&str, &str)]) -> App {
        App::on("", variables).await
    }

    /// Starts in a host that gives requests so much time.
    pub(crate) async fn with_request_timeout(request_timeout: Duration) -> App {
        App::in_time("", &[], request_timeout).await
    }

    /// Starts with this text as its runtime config.
    pub(crate) async fn on(runtime_config: &str, variables: &[(&str, &str)]) -> App {
        App::in_time(runtime_config, variables, REQUEST_TIMEOUT).await
    }

    async fn in_time(
        runtime_config: &str,
        variables: &[(&str, &str)],
        request_timeout: Duration,
    ) -> App {
        let clock = Arc::new(TestClock::new());
        let market = Market::start(Config {
            clock: Clock::manual(clock.now_ms()),
            ..Config::default()
        });
        let market = Arc::new(market.await.expect("the market starts"));
        App::of(market, clock, runtime_config, variables, request_timeout).await
    }

    /// Starts another replica: with a state folder of its own, in the same market at the same
    /// time.
    pub(crate) async fn beside(&self, variables: &[(&str, &str)]) -> App {
        let (market, clock) = (Arc::clone(&self.market), Arc::clone(&self.clock));
        let runtime_config = std::fs::read_to_string(runtime_config(&self.state)).unwrap();
        App::of(market, clock, &runtime_config, variables, REQUEST_TIMEOUT).await
    }

    async fn of(
        market: Arc<Market>,
        clock: Arc<TestClock>,
        runtime_config_text: &str,
        variables: &[(&str, &str)],
        request_timeout: Duration,
    ) -> App {
        let mut all = vec![("other_upstream".to_owned(), market.url())];
        for provider in Provider::ALL {
            all.push((format!("{provider}_url"), market.base_url(provider)));
        }
        all.extend(
            variables
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
        );
        let state = TempDir::new().unwrap();
        std::fs::write(runtime_config(&state), runtime_config_text).unwrap();
        let host = start_host(&all, &state, &clock, request_timeout).await;
        App {
            market,
            client: Client::of(host.url()),
            host,
            clock,
            state,
            variables: all,
            request_timeout,
        }
    }

    /// Ends the host as an operator would, and starts another one on the same state.
    pub(crate) async fn restart(&mut self) {
        self.host.drain(SOON).await;
        self.host = start_host(
            &self.variables,
            &self.state,
            &self.clock,
            self.request_timeout,
        )
        .await;
        self.client = Client::of(self.host.url());
    }

    /// Moves the wall clock of the components and of the market.
    pub(crate) fn advance(&self, by: Duration) {
        self.clock.advance(by);
        self.market.set_now_ms(self.clock.now_ms());
    }

    /// What a component has written to its log so far.
    pub(crate) fn log(&self, component: &str) -> String {
        let file = format!("logs/{component}_stderr.txt");
        std::fs::read_to_string(self.state.path().join(file)).unwrap_or_default()
    }

    /// Waits until something holds, and fails if it takes too long.
    pub(crate) async fn until(&self, what: &str, holds: impl AsyncFn() -> bool) {
        until(what, holds).await;
    }
}

impl Deref for App {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

pub(crate) async fn until(what: &str, holds: impl AsyncFn() -> bool) {
    let started = Instant::now();
    while !holds().await {
        assert!(started.elapsed() < SOON, "not within {SOON:?}: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn runtime_config(state: &TempDir) -> PathBuf {
    state.path().join("runtime-config.toml")
}

async fn start_host(
    variables: &[(String, String)],
    state: &TempDir,
    clock: &Arc<TestClock>,
    request_timeout: Duration,
) -> Host {
    let mut builder = Host::builder(root().join("spin.toml"))
        .listen("127.0.0.1:0".parse().unwrap())
        .metrics_listen("127.0.0.1:0".parse().unwrap())
        .runtime_config_file(runtime_config(state))
        .state_dir(state.path())
        .wall_clock(Arc::clone(clock) as Arc<dyn runtime_host::WallClock>)
        .request_timeout(request_timeout)
        .quiet(true);
    for (name, value) in variables {
        builder = builder.variable(name, value);
    }
    builder.start().await.expect("the host starts")
}
