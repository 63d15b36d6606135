//! The component's routes on axum, one service per thread.

use std::borrow::Cow;
use std::convert::Infallible;
use std::future::Future;
use std::rc::Rc;

use anyhow::Result;
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::any;
use axum::serve::ListenerExt as _;
use bytes::Bytes;
use edge_rates_kit::answer::{self, Answer};
use edge_rates_kit::problem::Problem;
use edge_rates_kit::recorder::Recorder;
use edge_rates_kit::request;
use edge_rates_kit::serving::{self, Routed, beside_reading};
use edge_rates_kit::variables::Variables as _;
use edge_rates_service::{Service, Settings, routes};
use futures::StreamExt as _;
use http::{HeaderName, HeaderValue};
use send_wrapper::SendWrapper;
use tokio::net::TcpListener;

use super::adapters::DescribedOnly;
use super::world::World;

/// What one thread answers with.
struct OfThread {
    world: World,
    recorder: Rc<Recorder>,
    service: Rc<Service<World, DescribedOnly>>,
}

/// axum wants what it hands around to be `Send`. It never leaves its thread: each has a runtime
/// of its own.
type Shared = SendWrapper<Rc<OfThread>>;

/// Serves the connections of one thread.
pub(super) async fn serve(world: World, listener: TcpListener) -> Result<()> {
    let settings = Settings::read(&world, &DescribedOnly).await?;
    let recorder = Recorder::new(&world.variable("replica").await?);
    let service = Service::new(world.clone(), DescribedOnly, settings, Rc::clone(&recorder));
    let shared: Shared = SendWrapper::new(Rc::new(OfThread {
        world,
        recorder,
        service: Rc::new(service),
    }));
    let router = Router::new()
        .route("/v1/{*path}", any(rates))
        .route("/api/v3/{*path}", any(rates))
        .fallback(health)
        .with_state(shared);
    let listener = listener.tap_io(|stream| {
        // A connection that is gone is noticed when it is read.
        let _gone = stream.set_nodelay(true);
    });
    Ok(axum::serve(listener, router).await?)
}

fn rates(state: State<Shared>, request: Request) -> impl Future<Output = Response> + Send {
    answered(state, request, async |of_thread, request| {
        routes::answer(Ok(&of_thread.service), request).await
    })
}

/// What the health component answers to a liveness probe; nothing else of it.
fn health(state: State<Shared>, request: Request) -> impl Future<Output = Response> + Send {
    answered(state, request, async |_, request| {
        if request.path() != "/healthz" {
            let unknown = Problem::unknown_path(request.path());
            return Routed::new("other", request, Err(unknown));
        }
        if let Some(answer) = beside_reading(request, Some(&[])) {
            return Routed::new("/healthz", request, answer);
        }
        let mut answer = Answer::json(r#"{"status":"ok"}"#);
        answer.set("cache-control", "no-store");
        Routed::new("/healthz", request, Ok(answer))
    })
}

fn answered(
    State(shared): State<Shared>,
    request: Request,
    handle: impl AsyncFnOnce(&OfThread, &request::Request) -> Routed,
) -> impl Future<Output = Response> + Send {
    SendWrapper::new(async move {
        let OfThread {
            world, recorder, ..
        } = &**shared;
        let (head, _) = request.into_parts();
        let request = request::Request::from_parts(head, world);
        let answer = serving::serve(world, recorder, request, async |request| {
            handle(&shared, request).await
        })
        .await;
        let (status, headers, body) = answer.into_parts();
        let mut response = Response::new(match body {
            answer::Body::Whole(bytes) => Body::from(bytes),
            answer::Body::Stream(pieces) => {
                let pieces = SendWrapper::new(pieces.map(Ok::<_, Infallible>));
                Body::from_stream(pieces)
            }
        });
        *response.status_mut() = status;
        response.headers_mut().reserve(headers.len());
        for (name, value) in headers {
            let value = match value {
                Cow::Borrowed(text) => Ok(HeaderValue::from_static(text)),
                Cow::Owned(text) => HeaderValue::from_maybe_shared(Bytes::from(text)),
            };
            // The service writes nothing that is not a header's text.
            if let Ok(value) = value {
                let name = HeaderName::from_static(name);
                response.headers_mut().insert(name, value);
            }
        }
        response
    })
}
