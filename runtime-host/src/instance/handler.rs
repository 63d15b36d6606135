//! Hands requests to instances: when a new one is made, how many requests it serves, and what
//! is said when it fails. wasmtime's `ProxyHandler` does the driving; here are its decisions.

use std::pin::Pin;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use tokio::time::timeout;
use wasmtime::component::GuestTaskId;
use wasmtime::{Store, StoreContextMut, Trap};
use wasmtime_wasi_http::WasiHttpView;
use wasmtime_wasi_http::handler::{
    HandlerState, Instance, ShouldAccept, WorkerState,
};

use crate::app::LoadedComponent;
use crate::capabilities::outbound_http::{self, HttpClient, OutboundHttp};
use crate::guest_output::Stream;
use crate::instance::lifetime::{Expiration, RequestDeadline, Times, Watch};
use crate::instance::{InstanceState, new_store};
use crate::server::core::Core;
use crate::settings::Limits;

/// What an instance has to know about a request, and what is known of the instance afterwards.
#[derive(Debug)]
pub(crate) struct RequestFacts {
    chain_length: u8,
    instance: Arc<OnceLock<Arc<Watch>>>,
}

impl RequestFacts {
    /// Of a request from outside.
    pub(crate) fn from_outside() -> Self {
        Self::chained(0)
    }

    /// Of a request that `chain_length` calls from component to component led to.
    pub(crate) fn chained(chain_length: u8) -> Self {
        Self {
            chain_length,
            instance: Arc::default(),
        }
    }

    /// Holds the instance that serves the request, once it does.
    pub(crate) fn instance(&self) -> Arc<OnceLock<Arc<Watch>>> {
        Arc::clone(&self.instance)
    }
}

/// Makes the instances of one component on one core.
pub(crate) struct ComponentHandler {
    component: Arc<LoadedComponent>,
    limits: Arc<Limits>,
    core: Weak<Core>,
    /// Shared by the instances, so that they use the same connections.
    client: Option<HttpClient>,
}

impl ComponentHandler {
    pub(crate) fn new(
        component: Arc<LoadedComponent>,
        limits: Arc<Limits>,
        core: Weak<Core>,
    ) -> Self {
        Self {
            client: outbound_http::client_for(&component),
            component,
            limits,
            core,
        }
    }
}

/// The core is being torn down, and with it everything that waits for an answer.
#[derive(Debug, thiserror::Error)]
#[error("the host has stopped")]
struct Stopped;

/// Instantiating took as long as a request may take.
#[derive(Debug, thiserror::Error)]
#[error("the component did not start within {} ms", .0.as_millis())]
pub(crate) struct StartTimeout(Duration);

impl HandlerState for ComponentHandler {
    type StoreData = InstanceState;
    type WorkerExpiration = Expiration;
    type WorkerState = Retirement;

    async fn instantiate(&self) -> wasmtime::Result<Instance<InstanceState, Expiration, Retirement>> {
        let core = self.core.upgrade().ok_or(Stopped)?;
        let component = &self.component;
        let limits = &self.limits;
        let watch = Arc::new(Watch::default());
        let outbound = OutboundHttp::new(component, self.client.clone(), &self.core, &watch);
        let mut store = new_store(
            core.engine(),
            component,
            outbound,
            limits.max_instance_memory,
            &watch,
        );
        let started = component.pre.instantiate_async(&mut store);
        let proxy = match timeout(limits.request_timeout, started).await {
            Ok(proxy) => proxy?,
            Err(_) => return Err(StartTimeout(limits.request_timeout).into()),
        };
        let times = Times {
            request: limits.request_timeout,
            after_answers: limits.after_answers_timeout(),
            idle: limits.idle_instance_timeout,
        };
        Ok(Instance {
            store,
            proxy,
            view: InstanceState::http,
            expiration: Expiration::new(times, Arc::clone(&watch), core.busy_instances()),
            state: Retirement {
                component: Arc::clone(component),
                limits: Arc::clone(limits),
                watch,
            },
        })
    }
}

/// Decides how many requests one instance serves.
pub(crate) struct Retirement {
    component: Arc<LoadedComponent>,
    limits: Arc<Limits>,
    watch: Arc<Watch>,
}

impl WorkerState for Retirement {
    type StoreData = InstanceState;
    type RequestData = RequestFacts;

    fn should_accept_request(&self, concurrent_count: usize, total_count: usize) -> ShouldAccept {
        if total_count >= self.component.max_reuse(&self.limits) {
            ShouldAccept::Never
        } else if concurrent_count >= self.limits.max_instance_concurrent_reuse_count {
            ShouldAccept::No
        } else {
            ShouldAccept::Yes
        }
    }

    fn on_request_start(
        &self,
        mut store: StoreContextMut<'_, InstanceState>,
        request: RequestFacts,
        task: GuestTaskId,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + Sync>> {
        // Time has passed since the instance last ran; without this the first thing that a
        // request met would be an interruption.
        store.set_epoch_deadline(1);
        let _first = request.instance.set(Arc::clone(&self.watch));
        Box::pin(RequestDeadline::new(
            Arc::clone(&self.watch),
            task,
            request.chain_length,
            self.limits.request_timeout,
        ))
    }

    fn drop(&self, mut store: Store<InstanceState>, result: Result<(), wasmtime::Error>) {
        let Err(error) = result else {
            return;
        };
        self.watch.fail();
        let id = &self.component.id;
        let memory = store.data_mut().memory();
        let reason = if memory.was_reached() {
            format!(
                "it reached its memory limit of {} MiB (--max-instance-memory)",
                memory.limit() >> 20
            )
        } else if let Some(trap) = error.downcast_ref::<Trap>() {
            trap.to_string()
        } else {
            error.to_string()
        };
        tracing::warn!("an instance of component `{id}` ended: {reason}");
        let details = format!("the instance ended: {reason}\n{error:?}");
        for line in details.lines() {
            self.component.output.say(id, Stream::Stderr, line);
        }
    }
}
