//! Requests that guests send, over `wasi:http` of either generation: to other hosts that the
//! manifest allows, to other components in process (`http://<component>.spin.internal`), and to
//! the application itself (`http://self.alt`, or a URL without a host).

mod connector;
mod credentials;
mod request_body;
mod tls_failure;
mod upstream;

use std::error::Error as StdError;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use http::uri::{Authority, Scheme};
use http::{HeaderName, Request, Response, Uri};
use http_body_util::BodyExt;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use runtime_host_manifest::{
    BlockedNetworks, Refusal, RefusalReason, Verdict, chained_component, is_own_application,
};
use runtime_host_wasi::{OWN_APPLICATION, OutboundHooks};
use tokio::time::timeout;
use wasmtime::component::GuestTaskId;
use wasmtime_wasi_http::{
    DEFAULT_FORBIDDEN_HEADERS, Error, ForbiddenHeaderFilter, RequestOptions, WasiBody,
    WasiHttpHooks,
};

use crate::app::LoadedComponent;
use crate::guest_output::Stream;
use crate::instance::lifetime::Watch;
use crate::server::core::Core;
use crate::telemetry::record::{self, ComponentRecord};
use crate::telemetry::traces::Traces;
use connector::{CONNECT_TIMEOUT, ConnectFailure, Connector, Target};
use tls_failure::TlsFailure;
use upstream::UpstreamBody;

/// For a request that sets no times itself.
const DEFAULT_TIMES: Times = Times {
    connect: Duration::from_secs(10),
    first_byte: Duration::from_secs(30),
    between_bytes: Duration::from_secs(30),
};

/// The longest that a request can ask for, each.
const MAX_TIME: Duration = Duration::from_secs(600);

/// How long a connection is kept for the next request to the same host.
const POOL_IDLE: Duration = Duration::from_secs(30);

/// How many requests one instance can wait for at once.
const MAX_CONCURRENT: usize = 128;

/// How many calls from component to component one request can lead to in a row.
const MAX_CHAIN: u8 = 16;

/// What the operator says of outbound requests, whatever the application asks for.
#[derive(Debug, Clone, Default)]
pub(crate) struct OutboundSettings {
    /// Whether each request gets a connection of its own.
    pub(crate) never_reuses_connections: bool,
    /// What no component reaches.
    pub(crate) blocked_networks: Arc<BlockedNetworks>,
}

/// The connections of one component on one core. Each component has its own: a connection
/// that one may use is not another's.
pub(crate) type HttpClient = Client<Connector, WasiBody>;

/// A client for `component`; None if TLS cannot be set up, which has been logged then.
pub(crate) fn client_for(component: &LoadedComponent) -> Option<HttpClient> {
    let connector = Connector::new(
        component.manifest_id.clone(),
        Arc::clone(&component.allowed_hosts),
        Arc::clone(&component.outbound.blocked_networks),
    )?;
    let mut builder = Client::builder(TokioExecutor::new());
    builder
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(POOL_IDLE);
    if component.outbound.never_reuses_connections {
        builder.pool_max_idle_per_host(0);
    }
    Some(builder.build(connector))
}

#[derive(Debug, Clone, Copy)]
struct Times {
    connect: Duration,
    first_byte: Duration,
    between_bytes: Duration,
}

impl Times {
    fn of(options: Option<RequestOptions>) -> Self {
        let options = options.unwrap_or_default();
        let bounded = |asked: Option<Duration>, default: Duration| {
            asked.map_or(default, |asked| asked.min(MAX_TIME))
        };
        Self {
            connect: bounded(options.connect_timeout, DEFAULT_TIMES.connect),
            first_byte: bounded(options.first_byte_timeout, DEFAULT_TIMES.first_byte),
            between_bytes: bounded(options.between_bytes_timeout, DEFAULT_TIMES.between_bytes),
        }
    }
}

/// What one instance needs to send requests.
pub(crate) struct OutboundHttp {
    component: Arc<LoadedComponent>,
    core: Weak<Core>,
    watch: Arc<Watch>,
    client: Option<HttpClient>,
    /// The guest task that is about to send; set just before wasmtime asks for the sending.
    caller: Option<GuestTaskId>,
    waiting: Arc<AtomicUsize>,
    record: Arc<ComponentRecord>,
    traces: Option<Arc<Traces>>,
}

impl OutboundHttp {
    pub(crate) fn new(
        component: &Arc<LoadedComponent>,
        client: Option<HttpClient>,
        core: &Weak<Core>,
        watch: &Arc<Watch>,
        record: &Arc<ComponentRecord>,
        traces: Option<&Arc<Traces>>,
    ) -> Self {
        Self {
            component: Arc::clone(component),
            core: Weak::clone(core),
            watch: Arc::clone(watch),
            client,
            caller: None,
            waiting: Arc::default(),
            record: Arc::clone(record),
            traces: traces.cloned(),
        }
    }

    /// How many calls between components led to the one that is being made now.
    fn chain_length(&self, caller: Option<GuestTaskId>) -> u8 {
        let so_far = match caller {
            Some(task) => self.watch.chain_length(task),
            // WASI 0.2 does not say which task calls, but an instance has just one request.
            None => self.watch.longest_chain(),
        };
        so_far.saturating_add(1)
    }

    /// Where a request goes. One to the application itself is changed to say so.
    fn destination(
        &self,
        request: &mut Request<WasiBody>,
        caller: Option<GuestTaskId>,
    ) -> Result<Destination, Error> {
        let permission = self.permission(request.uri(), caller)?;
        let own_application = matches!(permission, Permission::OwnApplication);
        let chained = request.uri().host().and_then(chained_component);
        let chained = chained.map(str::to_owned).filter(|_| !own_application);
        if chained.is_none() && !own_application {
            return match &self.client {
                Some(client) => Ok(Destination::Network(client.clone())),
                None => Err(Error::ConfigurationError),
            };
        }
        let core = self.core.upgrade().ok_or(Error::ConnectionTerminated)?;
        let chain_length = self.chain_length(caller);
        if chain_length > MAX_CHAIN {
            return Err(Error::LoopDetected);
        }
        match chained {
            Some(id) => match core.component_named(&id) {
                Some(index) => Ok(Destination::Component(core, index, chain_length)),
                None => Err(Error::DestinationNotFound),
            },
            None => {
                // Whatever scheme and host the guest wrote, or its SDK for it.
                let own = Authority::from_static(OWN_APPLICATION);
                credentials::readdress(request, Some(Scheme::HTTP), own)?;
                Ok(Destination::OwnApplication(core, chain_length))
            }
        }
    }

    /// Whether a request may be sent.
    fn permission(&self, url: &Uri, caller: Option<GuestTaskId>) -> Result<Permission, Error> {
        let target = Target::of(url).ok_or(Error::HttpRequestUriInvalid)?;
        let allowed = &self.component.allowed_hosts;
        match allowed.check(target.scheme, target.host, target.port) {
            Verdict::Allowed(_) if is_own_application(target.host) => {
                return Ok(Permission::OwnApplication);
            }
            Verdict::Allowed(_) => return Ok(Permission::Host),
            Verdict::Refused => {}
        }
        if allowed.lists_own_application() && self.is_where_it_was_asked(&target, caller) {
            return Ok(Permission::OwnApplication);
        }
        let refusal = target.refusal(&self.component.manifest_id, RefusalReason::NotListed);
        say_refused(&self.component, &refusal);
        Err(Error::HttpRequestDenied)
    }

    /// Whether a request goes to the very host for which the component is answering. JavaScript's
    /// `fetch("/path")` comes like that: it completes the path with the URL of the request.
    fn is_where_it_was_asked(&self, target: &Target<'_>, caller: Option<GuestTaskId>) -> bool {
        let Some(asked) = self.watch.asked_host(caller) else {
            return false;
        };
        let port = asked.port_u16().unwrap_or(connector::USUAL_PORT);
        target.scheme == Scheme::HTTP.as_str()
            && target.port == port
            && target.host.eq_ignore_ascii_case(asked.host())
    }
}

/// What lets a request through.
enum Permission {
    /// Its host is allowed.
    Host,
    /// It is for the application itself.
    OwnApplication,
}

/// Tells the component's author, and whoever runs the host, which line is missing.
fn say_refused(component: &LoadedComponent, refusal: &Refusal) {
    let text = refusal.to_string();
    tracing::warn!("outbound request refused: {text}");
    component.output.say(
        &component.id,
        Stream::Stderr,
        format!("outbound request refused: {text}"),
    );
}

/// Tells the same people why there is no TLS: the guest learns only that there is none.
fn say_no_tls(component: &LoadedComponent, asked: Option<&Authority>, failure: &TlsFailure) {
    let text = format!(
        "no TLS with {}: {failure}",
        asked.map_or("an unnamed host", Authority::as_str),
    );
    tracing::warn!("{text}");
    component.output.say(&component.id, Stream::Stderr, text);
}

enum Destination {
    Network(HttpClient),
    Component(Arc<Core>, usize, u8),
    OwnApplication(Arc<Core>, u8),
}

impl Destination {
    async fn send(
        self,
        component: &LoadedComponent,
        request: Request<WasiBody>,
        times: Times,
    ) -> Result<Response<WasiBody>, Error> {
        match self {
            Self::Network(client) => over_network(client, component, request, times).await,
            Self::Component(core, index, chain_length) => {
                in_process(core.call_chained(index, request, chain_length), times).await
            }
            Self::OwnApplication(core, chain_length) => {
                in_process(core.call_own_application(request, chain_length), times).await
            }
        }
    }
}

async fn over_network(
    client: HttpClient,
    component: &LoadedComponent,
    request: Request<WasiBody>,
    times: Times,
) -> Result<Response<WasiBody>, Error> {
    let asked = request.uri().authority().cloned();
    let request = request_body::with_length(request).await?;
    let sent = CONNECT_TIMEOUT.scope(times.connect, client.request(request));
    let response = match timeout(times.connect + times.first_byte, sent).await {
        Err(_) => return Err(Error::ConnectionReadTimeout),
        Ok(Ok(response)) => response,
        Ok(Err(error)) => {
            match connect_failure(&error) {
                Some(ConnectFailure::Refused(refusal)) => say_refused(component, refusal),
                Some(ConnectFailure::Tls(failure)) => {
                    say_no_tls(component, asked.as_ref(), failure);
                }
                _ => {}
            }
            return Err(upstream::of_client(&error));
        }
    };
    Ok(response.map(|body| UpstreamBody::new(body, times.between_bytes).boxed_unsync()))
}

fn connect_failure(error: &hyper_util::client::legacy::Error) -> Option<&ConnectFailure> {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(failure) = error.downcast_ref() {
            return Some(failure);
        }
        cause = error.source();
    }
    None
}

async fn in_process(
    call: impl Future<Output = Response<WasiBody>>,
    times: Times,
) -> Result<Response<WasiBody>, Error> {
    timeout(times.first_byte, call)
        .await
        .map_err(|_| Error::ConnectionReadTimeout)
}

/// Counts a request that an instance waits for.
struct Waiting(Arc<AtomicUsize>);

impl Waiting {
    fn begin(count: &Arc<AtomicUsize>) -> Option<Self> {
        let waiting = Self(Arc::clone(count));
        (count.fetch_add(1, Ordering::Relaxed) < MAX_CONCURRENT).then_some(waiting)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

type Sent = Result<
    (
        Response<WasiBody>,
        Box<dyn Future<Output = Result<(), Error>> + Send>,
    ),
    Error,
>;

impl OutboundHooks for OutboundHttp {
    fn sent_by(&mut self, task: Option<GuestTaskId>) {
        self.caller = task;
    }
}

impl WasiHttpHooks for OutboundHttp {
    // The default makes an `Arc` for every header name that it looks at.
    fn is_forbidden_header(&mut self, name: &HeaderName) -> bool {
        DEFAULT_FORBIDDEN_HEADERS.contains(name)
    }

    fn forbidden_header_filter(&mut self) -> ForbiddenHeaderFilter {
        Arc::new(|name| DEFAULT_FORBIDDEN_HEADERS.contains(name))
    }

    fn send_request(
        &mut self,
        mut request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _response_outcome: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Sent> + Send> {
        let times = Times::of(options);
        let caller = self.caller.take();
        let destination = credentials::take_out_of_url(&mut request)
            .and_then(|()| self.destination(&mut request, caller));
        let waiting = Waiting::begin(&self.waiting);
        let component = Arc::clone(&self.component);
        let span = self.traces.as_ref().map(|traces| {
            let (method, url) = (request.method().clone(), request.uri().clone());
            let made_for = self.watch.span(caller);
            traces.call(&method, &url, request.headers_mut(), made_for.as_ref())
        });
        let sending = record::Sending::now(&self.record, span);
        Box::new(async move {
            let sent = async {
                let _waiting = waiting.ok_or(Error::ConnectionLimitReached)?;
                destination?.send(&component, request, times).await
            };
            let sent = sent.await;
            sending.ended(sent.as_ref());
            let response = sent?;
            // The client drives its connections itself, so nothing is left to do with them.
            let driven: Box<dyn Future<Output = Result<(), Error>> + Send> =
                Box::new(std::future::ready(Ok(())));
            Ok((response, driven))
        })
    }
}
