//! What a pod of the app needs around it: Redis, a market, and somebody who asks.

use crate::containers::{permitted, tell};
use crate::image::Image;
use crate::node::{INTERNET, Node, REDIS};
use crate::pod::{Pod, SpinApp};
use market_simulator::{Config, Market, Provider};
use redis_server::RedisServer;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long a test waits for what should happen soon.
const SOON: Duration = Duration::from_secs(20);

/// Of Redis (R76).
const PASSWORD: &str = "kept-in-a-secret";

pub(crate) struct World {
    pub(crate) market: Market,
    pub(crate) image: Image,
    pub(crate) app: SpinApp,
    pub(crate) client: reqwest::Client,
    redis: RedisServer,
    _files: TempDir,
    // The network is there to the end.
    pub(crate) node: Node,
}

/// The repository's folder.
pub(crate) fn root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    tests.parent().unwrap().to_owned()
}

/// Runs a test in a world of its own, or tells why this machine does not let it.
pub(crate) fn in_a_world(test: impl AsyncFnOnce(World) + Send + 'static) {
    if let Err(reason) = permitted() {
        let name = std::thread::current().name().unwrap_or_default().to_owned();
        tell(&format!(
            "NOT TESTED: {name}: this machine does not let us run containers: {reason}"
        ));
        return;
    }
    // The thread is in another network afterwards, so it is nobody else's.
    let thread = std::thread::spawn(|| {
        let node = Node::enter();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async { test(World::start(node).await).await });
    });
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

impl World {
    async fn start(node: Node) -> World {
        let market = Market::start(Config {
            listen: SocketAddr::from((INTERNET, 0)),
            ..Config::default()
        });
        let market = market.await.expect("the market starts");
        let address = REDIS.to_string();
        let redis =
            RedisServer::start_with(&["--bind", &address, "127.0.0.1", "--requirepass", PASSWORD]);
        let redis = redis.unwrap();
        let files = TempDir::new().unwrap();
        let mut variables = vec![("other_upstream".to_owned(), market.url())];
        for provider in Provider::ALL {
            variables.push((format!("{provider}_url"), market.base_url(provider)));
        }
        let app = SpinApp {
            image: "/app/spin.toml".to_owned(),
            variables,
            // By its name, as short as the kubelet's search list allows.
            runtime_config: format!(
                "state_dir = \"/state\"\n[key_value_store.default]\ntype = \"redis\"\n\
                 url = \"redis://:{PASSWORD}@redis:{}\"\n",
                redis.address().port()
            ),
            ca_certificates: None,
            volumes: vec![(app_folder(files.path()), "/app".to_owned())],
            environment: Vec::new(),
        };
        World {
            market,
            image: Image::built(),
            app,
            client: client(),
            redis,
            _files: files,
            node,
        }
    }

    pub(crate) fn pod(&self, name: &str) -> Pod {
        Pod::start(&self.node, &self.image, &self.app, name)
    }

    /// Empties the store behind the app's back.
    pub(crate) fn flush_redis(&self) {
        let mut redis = TcpStream::connect(self.redis.address()).unwrap();
        redis.set_read_timeout(Some(SOON)).unwrap();
        write!(redis, "AUTH {PASSWORD}\r\nFLUSHALL\r\n").unwrap();
        let mut replies = [0; 10];
        redis.read_exact(&mut replies).unwrap();
        assert_eq!(&replies, b"+OK\r\n+OK\r\n");
    }
}

/// The manifest and the components, as they lie in the repository.
fn app_folder(files: &Path) -> PathBuf {
    let app = files.join("app");
    let components = app.join("target/wasm32-wasip2/release");
    std::fs::create_dir_all(&components).unwrap();
    std::fs::copy(root().join("spin.toml"), app.join("spin.toml")).unwrap();
    for name in ["rates", "providers", "health", "metrics", "site"] {
        let file = format!("target/wasm32-wasip2/release/{name}.wasm");
        std::fs::copy(root().join(&file), app.join(&file))
            .unwrap_or_else(|error| panic!("{file}: {error}: run `make components`"));
    }
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(files, PermissionsExt::from_mode(0o755)).unwrap();
    app
}

pub(crate) fn client() -> reqwest::Client {
    reqwest::Client::builder()
        .timeout(Duration::from_secs(30))
        .user_agent("edge-rates-tests")
        .no_proxy()
        .build()
        .unwrap()
}

/// Waits until something holds, and fails if it takes too long.
pub(crate) async fn until(what: &str, holds: impl AsyncFn() -> bool) {
    let started = Instant::now();
    while !holds().await {
        assert!(started.elapsed() < SOON, "not within {SOON:?}: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
