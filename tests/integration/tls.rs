//! TLS with upstreams and with Redis: an operator's own authority is trusted once the host was told
//! of it, and nobody else is.

use crate::answer::Answer;
use crate::app::{client, root, until};
use crate::guest;
use crate::process::Process;
use certificates::{Authority, Identity};
use market_simulator::{Config, Market, Provider};
use redis_server::RedisServer;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use tempfile::TempDir;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// Where everything here is served.
const ADDRESS: &str = "127.0.0.1";

/// An authority that no browser knows, in a file as an operator has it.
struct Private {
    authority: Authority,
    folder: TempDir,
}

impl Private {
    fn new(name: &str) -> Private {
        let (authority, folder) = (Authority::new(name).unwrap(), TempDir::new().unwrap());
        let private = Private { authority, folder };
        std::fs::write(private.file(), private.authority.pem()).unwrap();
        private
    }

    /// The file that `SSL_CERT_FILE` names.
    fn file(&self) -> PathBuf {
        self.folder.path().join("authorities.pem")
    }

    /// A certificate for servers at this address, and its key, in files.
    fn identity_files(&self) -> (PathBuf, PathBuf) {
        let Identity { certificate, key } = self.authority.certify(&[ADDRESS]).unwrap();
        let files = ["server.pem", "server.key"].map(|name| self.folder.path().join(name));
        std::fs::write(&files[0], certificate).unwrap();
        std::fs::write(&files[1], key).unwrap();
        files.into()
    }

    /// TLS in front of what is served at `behind`, certified for `name`.
    async fn front(&self, name: &str, behind: SocketAddr) -> SocketAddr {
        let Identity { certificate, key } = self.authority.certify(&[name]).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()],
                PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap(),
            );
        let acceptor = TlsAcceptor::from(Arc::new(config.unwrap()));
        let listener = TcpListener::bind((ADDRESS, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((accepted, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    // A client that does not trust us says so and goes.
                    let Ok(mut outside) = acceptor.accept(accepted).await else {
                        return;
                    };
                    let mut inside = TcpStream::connect(behind).await.unwrap();
                    let _ended = copy_bidirectional(&mut outside, &mut inside).await;
                });
            }
        });
        address
    }
}

/// A host as a process, which trusts the authorities of a file beside the public ones.
struct Trusting {
    process: Process,
    client: reqwest::Client,
    state: TempDir,
}

impl Trusting {
    async fn start(manifest: PathBuf, authorities: PathBuf, arguments: &[&str]) -> Trusting {
        let state = TempDir::new().unwrap();
        let folder = state.path().to_str().unwrap();
        let arguments = [arguments, &["--state-dir", folder]].concat();
        let log = std::fs::File::create(state.path().join("host.txt")).unwrap();
        let mut command = Process::up(&manifest, &arguments);
        command.env("SSL_CERT_FILE", authorities).stderr(log);
        Trusting {
            process: Process::of(command).await,
            client: client(),
            state,
        }
    }

    async fn get(&self, path: &str) -> Answer {
        let url = format!("{}{path}", self.process.url);
        Answer::read(self.client.get(url).send().await.unwrap()).await
    }

    /// What the host has said so far.
    fn log(&self) -> String {
        std::fs::read_to_string(self.state.path().join("host.txt")).unwrap()
    }

    /// What a component has written to its log so far.
    fn log_of(&self, component: &str) -> String {
        let file = format!("logs/{component}_stderr.txt");
        std::fs::read_to_string(self.state.path().join(file)).unwrap_or_default()
    }
}

/// The app, whose only upstream is behind TLS at `front`.
async fn app(front: SocketAddr, authorities: PathBuf) -> Trusting {
    let coingecko = format!("coingecko_url=https://{front}/coingecko");
    let upstream = format!("other_upstream=https://{front}");
    let arguments = [
        "--variable",
        &coingecko,
        "--variable",
        &upstream,
        "--variable",
        "providers=coingecko",
    ];
    Trusting::start(root().join("spin.toml"), authorities, &arguments).await
}

async fn market() -> (Market, SocketAddr) {
    let market = Market::start(Config::default()).await.unwrap();
    let url = market.url();
    let address = url.strip_prefix("http://").unwrap().parse().unwrap();
    (market, address)
}

#[tokio::test]
async fn an_upstream_whose_authority_the_operator_named_is_asked() {
    let (market, address) = market().await;
    let private = Private::new("Ours");
    let front = private.front(ADDRESS, address).await;
    let app = app(front, private.file()).await;
    let rate = app.get("/v1/rates/BTC/USD").await.expect_status(200).json();
    assert_eq!(rate["source"], "coingecko", "{rate}");
    assert_eq!(market.calls(Provider::CoinGecko), 1);
}

#[tokio::test]
async fn an_upstream_that_nobody_trusted_has_certified_is_not_asked_and_told_of() {
    let (market, address) = market().await;
    let (private, other) = (Private::new("Ours"), Private::new("Another"));
    let unknown = private.front(ADDRESS, address).await;
    // Of a trusted authority, but for another host.
    let misnamed = other.front("prices.example", address).await;
    for (front, reason, advice) in [
        (unknown, "UnknownIssuer", "SSL_CERT_FILE"),
        (
            misnamed,
            "not valid for name",
            "a name that the certificate has",
        ),
    ] {
        let app = app(front, other.file()).await;
        app.get("/v1/rates/BTC/USD").await.expect_unavailable();
        let told = format!("no TLS with {front}: ");
        until("the host's log says why", async || {
            let log = app.log();
            [&told, reason, advice]
                .iter()
                .all(|part| log.contains(part))
        })
        .await;
        until("the component's log has the call", async || {
            app.log_of("rates").contains(r#""outcome":"tls""#)
        })
        .await;
        until("it is counted", async || {
            let metrics = app.get("/metrics").await.expect_status(200).text;
            metrics
                .contains(r#"rates_upstream_requests_total{provider="coingecko",outcome="tls"} 1"#)
        })
        .await;
    }
    assert_eq!(
        market.calls(Provider::CoinGecko),
        0,
        "no request came through"
    );
}

#[tokio::test]
async fn a_server_without_tls_is_told_from_one_that_is_not_trusted() {
    let (market, address) = market().await;
    let allowed = format!("https://{address}");
    let guests = guest::Guests::with(&[&allowed], |builder| builder).await;
    for caller in ["modern", "classic"] {
        let answer = guests.get(&format!("/{caller}/fetch?url={allowed}/")).await;
        let answer = answer.expect_status(502).text;
        assert!(answer.contains("TlsProtocolError"), "{answer}");
        until("the log says what is there", async || {
            let log = guests.stderr_of(caller);
            log.contains(&format!("no TLS with {address}: ")) && log.contains("write `http://`")
        })
        .await;
        assert!(!guests.stderr_of(caller).contains("SSL_CERT_FILE"));
    }
    assert_eq!(market.calls(Provider::CoinGecko), 0);
}

/// The guests, whose store is on a Redis with TLS.
async fn guests_on(redis: &RedisServer, authorities: PathBuf) -> (Trusting, TempDir) {
    let folder = TempDir::new().unwrap();
    let config = folder.path().join("runtime-config.toml");
    let store = "[key_value_store.default]\ntype = \"redis\"";
    std::fs::write(&config, format!("{store}\nurl = \"{}\"\n", redis.url())).unwrap();
    let arguments = ["--runtime-config-file", config.to_str().unwrap()];
    let manifest = guest::manifest(folder.path(), &[]);
    let guests = Trusting::start(manifest, authorities, &arguments).await;
    (guests, folder)
}

#[tokio::test]
async fn a_redis_whose_authority_the_operator_named_keeps_values() {
    let private = Private::new("Ours");
    let (certificate, key) = private.identity_files();
    let redis = RedisServer::start_with_tls(&certificate, &key).unwrap();
    assert!(redis.url().starts_with("rediss://"), "{}", redis.url());
    let (guests, _folder) = guests_on(&redis, private.file()).await;
    let set = guests.get("/modern/kv?op=set&key=a&value=1").await;
    set.expect_status(200);
    let read = guests.get("/modern/kv?op=get&key=a").await;
    assert_eq!(read.expect_status(200).text, "1");
    let sum = guests.get("/modern/increment?key=n&delta=5").await;
    assert_eq!(sum.expect_status(200).text, "5");
}

#[tokio::test]
async fn a_redis_of_an_unknown_authority_gets_no_values_and_no_password() {
    let (private, other) = (Private::new("Ours"), Private::new("Another"));
    let (certificate, key) = private.identity_files();
    let redis = RedisServer::start_with_tls(&certificate, &key).unwrap();
    let (guests, _folder) = guests_on(&redis, other.file()).await;
    let refused = guests.get("/modern/kv?op=set&key=a&value=1").await;
    let refused = refused.expect_status(500).text;
    assert!(refused.contains("UnknownIssuer"), "{refused}");
    until("the host's log says why", async || {
        let log = guests.log();
        log.contains("is not reachable") && log.contains("UnknownIssuer")
    })
    .await;
}
