//! Opens connections to other hosts: looks the name up, refuses every address that the
//! component may not reach, and connects to one of the rest. Because the very address that was
//! checked is connected, a name cannot be rebound to a private service in between.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::rt::TokioIo;
use runtime_host_manifest::{AllowedHosts, BlockedNetworks, ComponentId, Refusal, RefusalReason};
use tokio::net::{TcpStream, lookup_host};
use tokio::task_local;
use tokio::time::timeout;
use tower_service::Service;

use super::tls_failure::TlsFailure;

type Connecting<S> = Pin<Box<dyn Future<Output = Result<S, ConnectFailure>> + Send>>;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectFailure {
    #[error("{0}")]
    Refused(Refusal),
    #[error("`{host}` cannot be resolved: {error}")]
    Unresolved { host: String, error: io::Error },
    #[error("the connection failed: {0}")]
    Unconnected(io::Error),
    #[error("no TLS: {0}")]
    Tls(TlsFailure),
    #[error("no connection within the time given")]
    TimedOut,
    #[error("the URL names no host")]
    NoHost,
}

/// The port of `http`.
pub(super) const USUAL_PORT: u16 = 80;

task_local! {
    /// How long the request that is being sent will wait for a connection.
    pub(super) static CONNECT_TIMEOUT: Duration;
}

/// Connections without a time of their own are given up after this.
const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Connects to what one component may reach, with TLS for `https`, within the time that the
/// request gives.
#[derive(Clone)]
pub(crate) struct Connector(HttpsConnector<CheckedTcp>);

impl Connector {
    pub(super) fn new(
        component: ComponentId,
        allowed: Arc<AllowedHosts>,
        blocked: Arc<BlockedNetworks>,
    ) -> Option<Self> {
        let tcp = CheckedTcp {
            component,
            allowed,
            blocked,
        };
        let config = runtime_host_trust::client_config()
            .inspect_err(|error| tracing::error!("no TLS for outbound requests: {error}"))
            .ok()?;
        Some(Self(HttpsConnector::from((tcp, config))))
    }
}

impl Service<Uri> for Connector {
    type Response = MaybeHttpsStream<TokioIo<TcpStream>>;
    type Error = ConnectFailure;
    type Future = Connecting<Self::Response>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ConnectFailure>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let within = CONNECT_TIMEOUT
            .try_with(|timeout| *timeout)
            .unwrap_or(DEFAULT_CONNECT_TIMEOUT);
        let connecting = self.0.call(uri);
        Box::pin(async move {
            match timeout(within, connecting).await {
                Err(_) => Err(ConnectFailure::TimedOut),
                Ok(Ok(stream)) => Ok(stream),
                Ok(Err(error)) => Err(match error.downcast::<ConnectFailure>() {
                    Ok(failure) => *failure,
                    Err(other) => ConnectFailure::Tls(TlsFailure::of(&*other)),
                }),
            }
        })
    }
}

/// Plain connections to the addresses that a component may reach.
#[derive(Clone)]
struct CheckedTcp {
    component: ComponentId,
    allowed: Arc<AllowedHosts>,
    blocked: Arc<BlockedNetworks>,
}

impl Service<Uri> for CheckedTcp {
    type Response = TokioIo<TcpStream>;
    type Error = ConnectFailure;
    type Future = Connecting<Self::Response>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ConnectFailure>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let this = self.clone();
        Box::pin(async move { this.connect(&uri).await.map(TokioIo::new) })
    }
}

impl CheckedTcp {
    async fn connect(&self, uri: &Uri) -> Result<TcpStream, ConnectFailure> {
        let target = Target::of(uri).ok_or(ConnectFailure::NoHost)?;
        let found = lookup_host((target.name(), target.port))
            .await
            .map_err(|error| ConnectFailure::Unresolved {
                host: target.host.to_owned(),
                error,
            })?;
        let mut failure = None;
        for address in found {
            let attempt = match self.check(&target, address) {
                Ok(()) => TcpStream::connect(address)
                    .await
                    .map_err(ConnectFailure::Unconnected),
                Err(refusal) => Err(ConnectFailure::Refused(refusal)),
            };
            match attempt {
                Ok(stream) => {
                    // Requests are small and written at once: waiting for more only delays them.
                    stream
                        .set_nodelay(true)
                        .map_err(ConnectFailure::Unconnected)?;
                    return Ok(stream);
                }
                Err(attempt) => failure = Some(attempt),
            }
        }
        Err(failure.unwrap_or_else(|| ConnectFailure::Unresolved {
            host: target.host.to_owned(),
            error: io::Error::from(io::ErrorKind::NotFound),
        }))
    }

    fn check(&self, target: &Target<'_>, address: SocketAddr) -> Result<(), Refusal> {
        let Target { scheme, host, port } = *target;
        let checked = self
            .allowed
            .check_address((scheme, host, port), address.ip(), &self.blocked);
        checked.map_err(|reason| target.refusal(&self.component, reason))
    }
}

/// Where a request goes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Target<'a> {
    pub(super) scheme: &'a str,
    pub(super) host: &'a str,
    pub(super) port: u16,
}

impl<'a> Target<'a> {
    pub(super) fn of(uri: &'a Uri) -> Option<Self> {
        let scheme = uri.scheme_str()?;
        let host = uri.host().filter(|host| !host.is_empty())?;
        let usual = if scheme == "https" { 443 } else { USUAL_PORT };
        Some(Self {
            scheme,
            host,
            port: uri.port_u16().unwrap_or(usual),
        })
    }

    /// The host as the resolver wants it: an IPv6 address without brackets.
    fn name(&self) -> &'a str {
        self.host.trim_start_matches('[').trim_end_matches(']')
    }

    pub(super) fn refusal(&self, component: &ComponentId, reason: RefusalReason) -> Refusal {
        Refusal {
            component: component.clone(),
            scheme: self.scheme.to_owned(),
            host: self.host.to_owned(),
            port: self.port,
            reason,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use socket2::{Domain, Socket, Type};
    use std::net::TcpListener;

    fn url_of(listener: &TcpListener) -> String {
        format!("http://{}", listener.local_addr().unwrap())
    }

    fn allowed(url: &str) -> Arc<AllowedHosts> {
        Arc::new(AllowedHosts::parse(&[url]).unwrap())
    }

    #[tokio::test]
    async fn the_system_does_not_hold_small_requests_back() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = url_of(&listener);
        let tcp = CheckedTcp {
            component: "rates".parse().unwrap(),
            allowed: allowed(&url),
            blocked: Arc::default(),
        };
        let stream = tcp.connect(&url.parse().unwrap()).await.unwrap();
        assert!(stream.nodelay().unwrap());
    }

    #[tokio::test]
    async fn a_connection_is_given_up_when_the_time_for_it_is_over() {
        // A listener that accepts nothing, with connections until the system completes no more.
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        socket.bind(&any.into()).unwrap();
        socket.listen(0).unwrap();
        let listener = TcpListener::from(socket);
        let address = listener.local_addr().unwrap();
        let patience = Duration::from_millis(500);
        let mut waiting = Vec::new();
        while let Ok(stream) = std::net::TcpStream::connect_timeout(&address, patience) {
            waiting.push(stream);
        }
        let url = url_of(&listener);
        let component: ComponentId = "rates".parse().unwrap();
        let mut connector = Connector::new(component, allowed(&url), Arc::default()).unwrap();
        let connecting = CONNECT_TIMEOUT.scope(Duration::from_millis(10), async {
            connector.call(url.parse().unwrap()).await
        });
        let ended = timeout(Duration::from_secs(20), connecting).await;
        let failure = ended.expect("it does not wait any longer").err();
        assert!(matches!(failure, Some(ConnectFailure::TimedOut)));
    }
}
