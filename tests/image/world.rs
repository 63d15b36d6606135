//! What a pod of the app needs around it: a registry that has the app, Redis, a market, and
//! somebody who asks.

use crate::containers::{permitted, tell};
use crate::image::Image;
use crate::node::{INTERNET, Node, REDIS, REGISTRY};
use crate::pod::{Pod, SpinApp};
use market_simulator::{Config, Market, Provider};
use redis_server::RedisServer;
use registry_server::{NAME, PASSWORD as PASSWORD_OF_USER, RegistryServer, USER};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long a test waits for what should happen soon.
const SOON: Duration = Duration::from_secs(20);

/// What the app is called in the registry.
const APP: &str = "edge-rates/app";

/// Of Redis (R76).
const PASSWORD: &str = "kept-in-a-secret";

/// Whose world there is: one of them keeps the processors of a small machine busy.
static ALONE: Mutex<()> = Mutex::new(());

pub(crate) struct World {
    pub(crate) market: Market,
    pub(crate) image: Image,
    pub(crate) app: SpinApp,
    pub(crate) client: reqwest::Client,
    redis: RedisServer,
    _registry: RegistryServer,
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
    // One that failed is no concern of the others.
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
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
        let (image, files) = (Image::built(), TempDir::new().unwrap());
        std::fs::set_permissions(files.path(), PermissionsExt::from_mode(0o755)).unwrap();
        let registry = RegistryServer::start_on(REGISTRY);
        let registry = registry.unwrap_or_else(|error| panic!("{error}"));
        let digest = push(&registry, &image, files.path());
        // By its name, which needs DNS, and by digest, as staging and production have it.
        let called = format!("{NAME}:{}", registry.address().port());
        let reference = format!("{called}/{APP}@{digest}");
        let credentials = pull_secret(&registry, &called, files.path());
        let mut variables = vec![("other_upstream".to_owned(), market.url())];
        for provider in Provider::ALL {
            variables.push((format!("{provider}_url"), market.base_url(provider)));
        }
        let app = SpinApp {
            image: reference,
            variables,
            // By its name, as short as the kubelet's search list allows.
            runtime_config: format!(
                "[key_value_store.default]\ntype = \"redis\"\n\
                 url = \"redis://:{PASSWORD}@redis:{}\"\n",
                redis.address().port()
            ),
            ca_certificates: registry.ca_file(),
            volumes: vec![(credentials, "/run/registry".to_owned())],
            environment: Vec::new(),
            processors: 0.5,
            cache: None,
        };
        World {
            market,
            image,
            app,
            client: client(),
            redis,
            _registry: registry,
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

/// Pushes the app as the README says, by the image's own program, and gives its digest.
fn push(registry: &RegistryServer, image: &Image, files: &Path) -> String {
    let (program, docker) = (files.join("image"), files.join("docker"));
    image.unpack(&program);
    std::fs::create_dir(&docker).unwrap();
    let config = registry.docker_config(USER, PASSWORD_OF_USER);
    std::fs::write(docker.join("config.json"), config).unwrap();
    let output = Command::new(program.join("runtime-host"))
        .args(["push", &registry.reference(&format!("{APP}:v0.1.0")), "-f"])
        .arg(root().join("spin.toml"))
        .env("DOCKER_CONFIG", docker)
        .env("SSL_CERT_FILE", registry.ca_file().unwrap())
        .output()
        .unwrap();
    let (said, failed) = (
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8_lossy(&output.stderr),
    );
    let digest = said.trim().strip_prefix("Pushed with digest ");
    digest
        .unwrap_or_else(|| panic!("`make components` first? {said}{failed}"))
        .to_owned()
}

/// What pods show to the registry, which they call by its name: a Secret, as a volume has it.
fn pull_secret(registry: &RegistryServer, called: &str, files: &Path) -> PathBuf {
    let folder = files.join("pull-secret");
    std::fs::create_dir(&folder).unwrap();
    let config = registry.docker_config(USER, PASSWORD_OF_USER);
    let config = config.replace(&registry.address().to_string(), called);
    std::fs::write(folder.join("config.json"), config).unwrap();
    folder
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
