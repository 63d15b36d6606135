//! Opens a connection to a Redis server, with TLS where its URL says so, and sees to it that the
//! server answers. Everything together has to be done within [`PATIENCE`].

use std::io;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, ConnectionAddr, IntoConnectionInfo, RedisConnectionInfo, cmd};
use runtime_host_manifest::RedisUrl;
use rustls::pki_types::ServerName;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::error::OpenError;

/// How long a server has to accept a connection, and to answer a command.
pub(super) const PATIENCE: Duration = Duration::from_millis(500);

/// How often the system looks whether a connection that is not used is still there.
const KEEPALIVE: Duration = Duration::from_secs(15);

/// How many commands may wait to be sent before those who bring more have to wait too.
const QUEUE_LENGTH: usize = 256;

/// Where a server is and how to log in there.
pub(super) struct Entrance {
    address: ConnectionAddr,
    login: RedisConnectionInfo,
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

/// What reads from and writes to a connection; the connection is over when it ends.
pub(super) type Driver = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;

/// Why there is no connection. Never tells the password.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectFailure {
    #[error("no connection: {0}")]
    Unconnected(io::Error),
    #[error("{0}")]
    Refused(redis::RedisError),
    #[error("no answer within {} ms", PATIENCE.as_millis())]
    TimedOut,
}

// Not by `#[from]`, which would make it the cause as well as a part of the text.
impl From<io::Error> for ConnectFailure {
    fn from(error: io::Error) -> Self {
        Self::Unconnected(error)
    }
}

impl Entrance {
    pub(super) fn new(url: &RedisUrl) -> Result<Self, OpenError> {
        let unusable = |reason: String| OpenError::Redis {
            url: url.clone(),
            reason,
        };
        let mut plain = url.secret().clone();
        let tls = match plain.scheme() {
            "rediss" | "valkeys" => {
                let host = plain.host_str().unwrap_or_default();
                let host = host.trim_start_matches('[').trim_end_matches(']');
                let name = ServerName::try_from(host.to_owned())
                    .map_err(|error| unusable(error.to_string()))?;
                let config = runtime_host_trust::client_config();
                let config = config.map_err(|error| unusable(error.to_string()))?;
                // The library is built without TLS; it gets a connection that has it.
                plain
                    .set_scheme("redis")
                    .map_err(|()| unusable("it cannot be used with TLS".to_owned()))?;
                Some((TlsConnector::from(config), name))
            }
            _ => None,
        };
        let info = plain
            .into_connection_info()
            .map_err(|error| unusable(error.to_string()))?;
        Ok(Self {
            address: info.addr().clone(),
            // Servers before version 7.2 would refuse it, and nobody asks for it.
            login: info.redis_settings().clone().set_skip_set_lib_name(),
            tls,
        })
    }

    pub(super) async fn connect(&self) -> Result<(MultiplexedConnection, Driver), ConnectFailure> {
        match timeout(PATIENCE, self.connect_at_leisure()).await {
            Ok(connected) => connected,
            Err(_) => Err(ConnectFailure::TimedOut),
        }
    }

    async fn connect_at_leisure(&self) -> Result<(MultiplexedConnection, Driver), ConnectFailure> {
        match &self.address {
            ConnectionAddr::Tcp(host, port) => {
                let stream = TcpStream::connect((host.as_str(), *port)).await?;
                // Commands are small and written at once: waiting for more only delays them.
                stream.set_nodelay(true)?;
                // A connection that a router on the way has forgotten is found out before a call
                // has to wait for it in vain.
                let keepalive = TcpKeepalive::new()
                    .with_time(KEEPALIVE)
                    .with_interval(KEEPALIVE);
                SockRef::from(&stream).set_tcp_keepalive(&keepalive)?;
                match &self.tls {
                    Some((connector, name)) => {
                        let stream = connector.connect(name.clone(), stream).await?;
                        self.log_in(stream).await
                    }
                    None => self.log_in(stream).await,
                }
            }
            ConnectionAddr::Unix(path) => self.log_in(UnixStream::connect(path).await?).await,
            _ => Err(io::Error::from(io::ErrorKind::Unsupported).into()),
        }
    }

    async fn log_in(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    ) -> Result<(MultiplexedConnection, Driver), ConnectFailure> {
        let config = AsyncConnectionConfig::new()
            .set_response_timeout(Some(PATIENCE))
            .set_pipeline_buffer_size(QUEUE_LENGTH);
        let logged_in = MultiplexedConnection::new_with_config(&self.login, stream, config);
        let (connection, driver) = logged_in.await.map_err(ConnectFailure::Refused)?;
        let mut driver: Driver = Box::pin(driver);
        // A server that has been stopped is still connected by its system; one that is loading
        // its data accepts commands and refuses them.
        let ping = cmd("PING");
        let mut first = connection.clone();
        let answered = tokio::select! {
            answered = ping.exec_async(&mut first) => answered,
            () = &mut driver => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
        };
        answered.map_err(ConnectFailure::Refused)?;
        Ok((connection, driver))
    }
}
