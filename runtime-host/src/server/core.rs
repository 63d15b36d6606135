//! One core of the server: everything that the requests of one worker thread need, shared with
//! no other thread. A request is routed, run and answered on the core that accepted its
//! connection.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Instant;

use bytes::Bytes;
use http::request::Parts;
use http::uri::Authority;
use http::{HeaderMap, HeaderValue, Method, Request, Response, Uri, header};
use http_body::Body;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use runtime_host_manifest::Match;
use wasmtime::Engine;
use wasmtime_wasi_http::WasiBody;

use crate::app::{Answerer, App};
use crate::instance::lifetime::Lineage;
use crate::instance::pool::{Failure, Pool};
use crate::server::body::{self, AnswerBody, GuestBody};
use crate::server::departure::Departure;
use crate::server::problem::Problem;
use crate::server::request::{self, Origin};
use crate::settings::Limits;
use crate::telemetry::record::{Asked, CoreRecord};
use crate::telemetry::traces::Traces;

/// Paths under this one are answered by the host itself.
const WELL_KNOWN: &str = "/.well-known/spin/";

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
            stopped: AtomicBool::new(false),
        })
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
            Err(Problem::Overloaded)
        }
    }

    /// Answers a request from outside.
    pub(crate) async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
        client: &Origin,
    ) -> Response<AnswerBody> {
        let seen = tracing::enabled!(tracing::Level::DEBUG).then(|| {
            (
                Instant::now(),
                request.method().clone(),
                request.uri().path().to_owned(),
            )
        });
        let mut asked = Asked::now(&self.record);
        let mut response = match self.route(request, client, &mut asked).await {
            Ok(response) => response,
            Err(problem) => {
                asked.refused(&problem);
                problem.into_response().map(AnswerBody::whole)
            }
        };
        asked.answered(response.status());
        if self.server.departure.has_begun() {
            response
                .headers_mut()
                .insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        if let Some((start, method, path)) = seen {
            tracing::debug!(
                %method,
                path,
                component = self.answering(&path),
                status = response.status().as_u16(),
                ms = start.elapsed().as_secs_f64() * 1e3,
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
        client: &Origin,
        asked: &mut Asked<'_>,
    ) -> Result<Response<AnswerBody>, Problem> {
        let uri = request.uri().clone();
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
        request::complete(&mut head, &matched, client)?;
        let (body, exceeded) = body::bounded(body, limit);
        let request = Request::from_parts(head, body);
        let lineage = Lineage {
            chain_length: 0,
            span: asked.span(),
            asked_host: self.asked_host(component, request.uri()),
        };
        let answered = match self
            .call(
                component,
                request,
                lineage,
                asked.at,
                Some(Arc::clone(&permit)),
            )
            .await
        {
            Ok(response) => {
                let (head, body) = response.into_parts();
                match AnswerBody::of_guest(body, permit).await {
                    Ok(mut body) => {
                        if body.is_streaming() && is_of_events(&head.headers) {
                            body.end_after_event(&self.server.departure);
                        }
                        Ok(Response::from_parts(head, body))
                    }
                    Err(_) => Err(self.failed(component)),
                }
            }
            Err(problem) => Err(problem),
        };
        if exceeded.is_some_and(|exceeded| exceeded.load(Ordering::Relaxed)) {
            return Err(Problem::BodyTooLarge(limit));
        }
        answered
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
        match pool.answer(request, lineage, arrived, permit).await {
            Ok((response, instance)) => Ok(response.map(|body| GuestBody::new(body, instance))),
            Err(failure) => {
                tracing::debug!("component `{}`: {failure}", self.name(component));
                Err(match failure {
                    Failure::NoInstance => Problem::Overloaded,
                    Failure::Expired | Failure::StartTimeout => {
                        Problem::TimedOut(self.name(component).to_owned())
                    }
                    Failure::Unstarted(_) | Failure::InstanceEnded | Failure::Guest(_) => {
                        self.failed(component)
                    }
                })
            }
        }
    }

    /// For which host a request is, where the component's own requests can be for it too.
    fn asked_host(&self, component: usize, url: &Uri) -> Option<Authority> {
        let component = self.app.components.get(component)?;
        let remembers = component.allowed_hosts.lists_own_application();
        remembers.then(|| url.authority().cloned()).flatten()
    }

    fn failed(&self, component: usize) -> Problem {
        Problem::ComponentFailed(self.name(component).to_owned())
    }

    fn name(&self, component: usize) -> &str {
        let component = self.app.components.get(component);
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
        for_guest(
            self.call_inside(component, request, &matched, chain_length)
                .await,
        )
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
                Err(problem) => for_guest(Err(problem)),
            };
        }
        let Some((trigger, matched)) = self.app.routes.route(uri.path()) else {
            return for_guest(Err(Problem::NoRoute));
        };
        for_guest(match self.app.answerers.get(trigger) {
            Some(Answerer::Component(component)) => {
                self.call_inside(*component, request, &matched, chain_length)
                    .await
            }
            Some(Answerer::Static(fixed)) => return fixed.as_ref().clone().map(body::whole),
            None => Err(Problem::NoRoute),
        })
    }

    async fn call_inside(
        &self,
        component: usize,
        request: Request<WasiBody>,
        matched: &Match<'_, '_>,
        chain_length: u8,
    ) -> Result<Response<GuestBody>, Problem> {
        let (mut head, body) = request.into_parts();
        let mut span = self.traces().map(|traces| {
            let Parts {
                method,
                headers,
                uri,
                ..
            } = &mut head;
            traces.request(method, uri.path(), headers, self.name(component), None)
        });
        request::complete(&mut head, matched, &Origin::another_component())?;
        let lineage = Lineage {
            chain_length,
            span: span.as_ref().map(|span| Arc::clone(span.context())),
            asked_host: self.asked_host(component, &head.uri),
        };
        let request = Request::from_parts(head, body);
        let answered = self
            .call(component, request, lineage, Instant::now(), None)
            .await;
        if let Some(span) = &mut span {
            let status = match &answered {
                Ok(response) => response.status(),
                Err(problem) => problem.status(),
            };
            span.answered(Some(status));
        }
        answered
    }
}

/// Whether the body is a stream of server-sent events.
fn is_of_events(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE);
    kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"))
}

fn for_guest(answered: Result<Response<GuestBody>, Problem>) -> Response<WasiBody> {
    match answered {
        Ok(response) => response.map(BodyExt::boxed_unsync),
        Err(problem) => problem.into_response().map(body::whole),
    }
}
