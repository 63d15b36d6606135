//! One core of the server: everything that the requests of one worker thread need, shared with
//! no other thread. A request is routed, run and answered on the core that accepted its
//! connection.

use std::fmt::Display;
use std::future::pending;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::request::Parts;
use http::uri::Authority;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use http_body::Body;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use runtime_host_manifest::Match;
use wasmtime::Engine;
use wasmtime_wasi_http::WasiBody;

use crate::app::{Answerer, App, LoadedComponent};
use crate::instance::lifetime::Lineage;
use crate::instance::pool::{Failure, Pool};
use crate::server::body::{self, AnswerBody, Gathered};
use crate::server::client::{Client, Exchange};
use crate::server::departure::Departure;
use crate::server::guest_body::{GuestBody, declared_length, is_without_body};
use crate::server::problem::{Overload, Problem};
use crate::server::request::{self, Origin};
use crate::server::rest::{Author, Rest};
use crate::server::throttle::Throttle;
use crate::server::upload::Upload;
use crate::settings::Limits;
use crate::telemetry::record::{Asked, CoreRecord};
use crate::telemetry::traces::Traces;

/// Paths under this one are answered by the host itself.
const WELL_KNOWN: &str = "/.well-known/spin/";

/// Where there is more than can be done, it is said this often: each line would cost what is
/// lacking.
const SAID_EVERY: Duration = Duration::from_secs(1);

/// What all cores of a server know of it.
pub(crate) struct ServerState {
    /// The path on which load balancers ask whether the host is ready, beside Spin's own. The
    /// application answers there until the host is on its way out.
    pub(crate) readiness_path: Option<String>,
    pub(crate) departure: Arc<Departure>,
    /// None unless the environment asks for them.
    pub(crate) traces: Option<Arc<Traces>>,
}

/// One core.
pub(crate) struct Core {
    app: Arc<App>,
    limits: Arc<Limits>,
    /// The warm instances, by the place of their component in the application.
    pools: Vec<Arc<Pool>>,
    in_flight: AtomicUsize,
    busy_instances: Arc<AtomicUsize>,
    connections: AtomicUsize,
    server: Arc<ServerState>,
    record: CoreRecord,
    /// What would be said with every request that is turned away.
    pub(super) turned_away: Throttle,
    stopped: AtomicBool,
}

/// Counts a request as in flight until it is dropped.
pub(crate) struct Permit(Arc<Core>);

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Counts a connection as open until it is dropped.
pub(crate) struct OpenConnection(Arc<Core>);

impl OpenConnection {
    /// The core that serves the connection.
    pub(crate) fn core(&self) -> &Arc<Core> {
        &self.0
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Core {
    /// A core that serves `app`. Once the server is on its way out, clients are told with every
    /// answer that their connection ends.
    pub(crate) fn new(app: Arc<App>, limits: Arc<Limits>, server: Arc<ServerState>) -> Arc<Self> {
        let record = CoreRecord::new(app.answerers.len(), app.components.len());
        Arc::new_cyclic(|core: &Weak<Self>| Self {
            pools: app
                .components
                .iter()
                .zip(&record.components)
                .map(|(component, record)| {
                    Pool::new(
                        Arc::clone(component),
                        Arc::clone(&limits),
                        Weak::clone(core),
                        Arc::clone(record),
                    )
                })
                .collect(),
            record,
            app,
            limits,
            in_flight: AtomicUsize::new(0),
            busy_instances: Arc::default(),
            connections: AtomicUsize::new(0),
            server,
            turned_away: Throttle::new(SAID_EVERY),
            stopped: AtomicBool::new(false),
        })
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.app.engine
    }

    /// Whether requests can still be answered.
    pub(crate) fn is_running(&self) -> bool {
        !self.stopped.load(Ordering::Relaxed)
    }

    /// Nothing new is begun any more.
    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// How many instances have work to do, also after their answers.
    pub(crate) fn busy_instances(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.busy_instances)
    }

    /// What makes traces, if anything does.
    pub(crate) fn traces(&self) -> Option<&Arc<Traces>> {
        self.server.traces.as_ref()
    }

    /// What the core has noted so far.
    pub(crate) fn record(&self) -> &CoreRecord {
        &self.record
    }

    /// How many requests wait for an instance of the component at this place.
    pub(crate) fn waiting_for(&self, component: usize) -> usize {
        let pool = self.pools.get(component);
        pool.map_or(0, |pool| pool.waiting_requests())
    }

    /// The component at this place.
    pub(super) fn component(&self, place: usize) -> Option<&LoadedComponent> {
        self.app.components.get(place).map(AsRef::as_ref)
    }

    /// The place of a component, for [`Core::call_chained`].
    pub(crate) fn component_named(&self, id: &str) -> Option<usize> {
        self.app.component_named(id)
    }

    /// How many connections are open.
    pub(crate) fn open_connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// Counts a connection that this core is going to serve.
    pub(crate) fn open_connection(self: &Arc<Self>) -> OpenConnection {
        self.connections.fetch_add(1, Ordering::Relaxed);
        OpenConnection(Arc::clone(self))
    }

    /// How many requests are being answered.
    pub(crate) fn requests_in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// Whether nothing is going on.
    pub(crate) fn is_quiet(&self) -> bool {
        self.open_connections() == 0
            && self.requests_in_flight() == 0
            && self.busy_instances.load(Ordering::Relaxed) == 0
    }

    fn permit(self: &Arc<Self>) -> Result<Permit, Problem> {
        let before = self.in_flight.fetch_add(1, Ordering::Relaxed);
        let permit = Permit(Arc::clone(self));
        if before < self.limits.max_concurrent_requests {
            Ok(permit)
        } else {
            Err(Problem::Overloaded(Overload::Requests))
        }
    }

    /// Answers a request from outside.
    pub(crate) async fn answer(
        self: &Arc<Self>,
        request: Request<Incoming>,
        client: &Arc<Client>,
    ) -> Response<AnswerBody> {
        if !client.asks() {
            // The connection had to make room at this very moment. Its task ends here.
            return pending().await;
        }
        let began = tracing::enabled!(tracing::Level::DEBUG).then(Instant::now);
        let (method, uri) = (request.method().clone(), request.uri().clone());
        let mut asked = Asked::now(&self.record);
        let mut response = match self.route(request, &method, &uri, client, &mut asked).await {
            Ok(response) => response,
            Err(problem) => {
                asked.refused(&problem);
                self.report(&method, uri.path(), &problem);
                problem.into_response().map(AnswerBody::whole)
            }
        };
        let answered = asked.answered(response.status());
        let exchange = Exchange::new(client, answered);
        response.body_mut().is_of(exchange);
        if self.server.departure.has_begun() {
            response
                .headers_mut()
                .insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        if let Some(began) = began {
            let path = uri.path();
            tracing::debug!(
                %method,
                path,
                component = self.answering(path),
                status = response.status().as_u16(),
                ms = began.elapsed().as_secs_f64() * 1e3,
                "answered"
            );
        }
        response
    }

    /// The component that answers on a path, for the log; empty if it is the host.
    fn answering(&self, path: &str) -> &str {
        let trigger = self.app.routes.route(path).map(|(trigger, _)| trigger);
        let answerer = trigger.and_then(|trigger| self.app.answerers.get(trigger));
        match answerer {
            Some(Answerer::Component(component)) => self.name(*component),
            Some(Answerer::Static(_)) | None => "",
        }
    }

    async fn route(
        self: &Arc<Self>,
        request: Request<Incoming>,
        method: &Method,
        uri: &Uri,
        client: &Arc<Client>,
        asked: &mut Asked<'_>,
    ) -> Result<Response<AnswerBody>, Problem> {
        let path = uri.path();
        if let Some(name) = path.strip_prefix(WELL_KNOWN) {
            return self.well_known(name);
        }
        if request.method() == Method::CONNECT {
            return Err(Problem::MethodNotAllowed);
        }
        if self.server.departure.has_begun() && self.is_readiness(path) {
            return Err(Problem::Leaving);
        }
        let Some((trigger, matched)) = self.app.routes.route(path) else {
            return self.unrouted(path);
        };
        asked.for_trigger(trigger);
        let permit = Arc::new(self.permit()?);
        let component = match self.app.answerers.get(trigger) {
            Some(Answerer::Component(component)) => *component,
            Some(Answerer::Static(fixed)) => {
                return Ok(fixed.as_ref().clone().map(AnswerBody::whole));
            }
            None => return Err(Problem::NoRoute),
        };
        let limit = self.limits.max_request_body;
        if request.body().size_hint().lower() > limit {
            return Err(Problem::BodyTooLarge(limit));
        }
        let (mut head, body) = request.into_parts();
        if let Some(traces) = self.traces() {
            let Parts {
                method, headers, ..
            } = &mut head;
            let route = Some(matched.raw_component_route());
            asked.trace(traces.request(method, path, headers, self.name(component), route));
        }
        request::complete(&mut head, &matched, client.origin())?;
        let (body, upload) = Upload::of(body, limit, client);
        let request = Request::from_parts(head, body);
        let lineage = Lineage {
            chain_length: 0,
            span: asked.span(),
            asked_host: self.asked_host(component, request.uri()),
            upload: upload.clone(),
        };
        let counted = Some(Arc::clone(&permit));
        let answered = match self
            .call(component, request, lineage, asked.at, counted)
            .await
        {
            Ok(response) => {
                let (head, body) = response.into_parts();
                if body.is_withheld() {
                    let body = AnswerBody::withheld(body.declared_length(), permit);
                    Ok(Response::from_parts(head, body))
                } else {
                    match Gathered::of(body).await {
                        Ok(mut gathered) => {
                            let rest = gathered.take_rest().map(|rest| {
                                client.watch_answer(component);
                                let author = self.author(component, method, uri);
                                self.rest(rest, author, &head.headers)
                            });
                            let body = AnswerBody::of_guest(gathered, rest, permit);
                            Ok(Response::from_parts(head, body))
                        }
                        Err(fault) => Err(self.failed(component, fault)),
                    }
                }
            }
            Err(problem) => Err(problem),
        };
        match (upload, answered) {
            (Some(upload), _) if upload.is_too_long() => Err(Problem::BodyTooLarge(limit)),
            // Whatever the component makes of it.
            (Some(upload), _) if upload.has_stalled() => {
                Err(Problem::UploadStalled(self.limits.request_body_timeout))
            }
            (_, answered) => answered,
        }
    }

    /// What is left of a body when the head has to be sent.
    fn rest(&self, body: GuestBody, author: Author, headers: &HeaderMap) -> Box<Rest> {
        let mut rest = Box::new(Rest::new(body, author));
        if is_of_events(headers) {
            rest.ends_after_event(&self.server.departure);
        }
        rest
    }

    fn is_readiness(&self, path: &str) -> bool {
        self.server.readiness_path.as_deref() == Some(path)
    }

    /// Where the application does not answer. It need not know of readiness.
    fn unrouted(&self, path: &str) -> Result<Response<AnswerBody>, Problem> {
        if self.is_readiness(path) {
            return Ok(Response::new(AnswerBody::whole(Bytes::from_static(b"OK"))));
        }
        Err(Problem::NoRoute)
    }

    /// What Spin answers by itself: whether it runs, and what it runs.
    fn well_known(&self, name: &str) -> Result<Response<AnswerBody>, Problem> {
        match name {
            "health" if self.server.departure.has_begun() => Err(Problem::Leaving),
            "health" => Ok(Response::new(AnswerBody::whole(Bytes::from_static(b"OK")))),
            "info" => {
                let info = serde_json::json!({
                    "name": self.app.name,
                    "version": self.app.version,
                });
                let mut response = Response::new(AnswerBody::whole(info.to_string().into()));
                response.headers_mut().insert(
                    header::CONTENT_TYPE,
                    HeaderValue::from_static("application/json"),
                );
                Ok(response)
            }
            _ => Err(Problem::NoRoute),
        }
    }

    fn author(self: &Arc<Self>, component: usize, method: &Method, uri: &Uri) -> Author {
        Author {
            core: Arc::clone(self),
            component,
            method: method.clone(),
            uri: uri.clone(),
        }
    }

    /// Gives a request to a component.
    async fn call(
        &self,
        component: usize,
        request: Request<WasiBody>,
        lineage: Lineage,
        arrived: Instant,
        permit: Option<Arc<Permit>>,
    ) -> Result<Response<GuestBody>, Problem> {
        let pool = self.pools.get(component).ok_or(Problem::NoRoute)?;
        let (is_head, is_classic) = (request.method() == Method::HEAD, pool.is_classic());
        match pool.answer(request, lineage, arrived, permit).await {
            Ok((mut response, instance)) => {
                let status = response.status();
                if status.is_informational() {
                    return Err(self.failed(
                        component,
                        format_args!("it answered with {status}, which only the host may send"),
                    ));
                }
                let declared = declared_length(&response, is_classic);
                let is_without_body = is_without_body(is_head, status);
                if status == StatusCode::NO_CONTENT {
                    // RFC 9110 §8.6.
                    response.headers_mut().remove(header::CONTENT_LENGTH);
                }
                Ok(response.map(|body| {
                    // Without a length, that of the body is one that HEAD may tell.
                    if is_without_body && (declared.is_some() || !is_head) {
                        GuestBody::withheld(instance, declared)
                    } else {
                        GuestBody::new(body, instance, declared)
                    }
                }))
            }
            Err(failure) => Err(self.problem(component, &failure)),
        }
    }

    fn problem(&self, component: usize, failure: &Failure) -> Problem {
        match failure {
            Failure::NoInstance => Problem::Overloaded(Overload::Instances),
            Failure::Expired | Failure::StartTimeout => Problem::TimedOut {
                component: self.name(component).to_owned(),
                why: format!(
                    "{failure}, which is within {} s (--request-timeout)",
                    self.limits.request_timeout.as_secs_f64()
                ),
            },
            Failure::Unstarted(_) | Failure::InstanceEnded(_) | Failure::Guest(_) => {
                self.failed(component, failure)
            }
        }
    }

    /// For which host a request is, where the component's own requests can be for it too.
    fn asked_host(&self, component: usize, url: &Uri) -> Option<Authority> {
        let component = self.app.components.get(component)?;
        let remembers = component.allowed_hosts.lists_own_application();
        remembers.then(|| url.authority().cloned()).flatten()
    }

    fn failed(&self, component: usize, why: impl Display) -> Problem {
        Problem::ComponentFailed {
            component: self.name(component).to_owned(),
            why: why.to_string(),
        }
    }

    pub(crate) fn name(&self, component: usize) -> &str {
        let component = self.component(component);
        component.map_or("", |component| &component.id)
    }

    /// A call from one component to another, at the place `component`.
    pub(crate) async fn call_chained(
        self: Arc<Self>,
        component: usize,
        request: Request<WasiBody>,
        chain_length: u8,
    ) -> Response<WasiBody> {
        let uri = request.uri().clone();
        let matched = Match::chained(uri.path());
        self.call_inside(component, request, &matched, chain_length)
            .await
    }

    /// A call from a component to its own application, on the application's public routes.
    pub(crate) async fn call_own_application(
        self: Arc<Self>,
        request: Request<WasiBody>,
        chain_length: u8,
    ) -> Response<WasiBody> {
        let uri = request.uri().clone();
        if let Some(name) = uri.path().strip_prefix(WELL_KNOWN) {
            return match self.well_known(name) {
                Ok(response) => response.map(BodyExt::boxed_unsync),
                Err(problem) => problem.into_response().map(body::whole),
            };
        }
        let Some((trigger, matched)) = self.app.routes.route(uri.path()) else {
            return Problem::NoRoute.into_response().map(body::whole);
        };
        match self.app.answerers.get(trigger) {
            Some(Answerer::Component(component)) => {
                self.call_inside(*component, request, &matched, chain_length)
                    .await
            }
            Some(Answerer::Static(fixed)) => fixed.as_ref().clone().map(body::whole),
            None => Problem::NoRoute.into_response().map(body::whole),
        }
    }

    async fn call_inside(
        self: &Arc<Self>,
        component: usize,
        request: Request<WasiBody>,
        matched: &Match<'_, '_>,
        chain_length: u8,
    ) -> Response<WasiBody> {
        let (mut head, body) = request.into_parts();
        let (method, uri) = (head.method.clone(), head.uri.clone());
        let mut span = self.traces().map(|traces| {
            let Parts {
                method,
                headers,
                uri,
                ..
            } = &mut head;
            traces.request(method, uri.path(), headers, self.name(component), None)
        });
        let answered = match request::complete(&mut head, matched, &Origin::another_component()) {
            Ok(()) => {
                let lineage = Lineage {
                    chain_length,
                    span: span.as_ref().map(|span| Arc::clone(span.context())),
                    asked_host: self.asked_host(component, &head.uri),
                    upload: None,
                };
                let request = Request::from_parts(head, body);
                self.call(component, request, lineage, Instant::now(), None)
                    .await
            }
            Err(problem) => Err(problem),
        };
        if let Some(span) = &mut span {
            let status = match &answered {
                Ok(response) => response.status(),
                Err(problem) => problem.status(),
            };
            span.answered(Some(status));
        }
        match answered {
            Ok(response) => {
                let author = self.author(component, &method, &uri);
                response.map(|body| author.watch_over(body).boxed_unsync())
            }
            Err(problem) => {
                self.report(&method, uri.path(), &problem);
                problem.into_response().map(body::whole)
            }
        }
    }
}

/// Whether the body is a stream of server-sent events.
fn is_of_events(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE);
    kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"))
}
