//! One running instance of a component: how it is made, out of what the component was granted. An
//! instance serves many requests, several at once, and is dropped when it has served enough, has
//! been idle, or has trapped. Which instance gets which request is the business of `pool`.

pub(crate) mod lifetime;
pub(crate) mod pool;
mod runner;

use runtime_host_wasi::{InstanceState, Parts};
use wasmtime::{Engine, Store, UpdateDeadline};
use wasmtime_wasi::WasiCtxBuilder;

use crate::app::LoadedComponent;
use crate::capabilities::key_value::InstanceStores;
use crate::capabilities::outbound_http::OutboundHttp;
use crate::guest_output::Stream;
use crate::settings::Limits;

/// An empty store for an instance of `component`, with all limits set.
fn new_store(
    engine: &Engine,
    component: &LoadedComponent,
    outbound_http: OutboundHttp,
    stores: InstanceStores,
    limits: &Limits,
) -> Store<InstanceState> {
    let output = &component.output;
    let mut wasi = WasiCtxBuilder::new();
    wasi.stdout(output.stream(&component.id, Stream::Stdout))
        .stderr(output.stream(&component.id, Stream::Stderr))
        .envs(&component.environment)
        .wall_clock(component.clock.clone());
    let parts = Parts::default()
        .with(stores)
        .with(component.variables.clone());
    let state = InstanceState::new(
        wasi.build(),
        Box::new(outbound_http),
        parts,
        limits.max_instance_memory,
    );
    let mut store = Store::new(engine, state);
    if !limits.guests_are_bounded {
        return store;
    }
    store.limiter(|state| state.memory_mut());
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(|_| {
        // tokio's own yield, so that the core looks at its sockets before the guest goes on.
        Ok(UpdateDeadline::YieldCustom(
            1,
            Box::pin(tokio::task::yield_now()),
        ))
    });
    store
}
