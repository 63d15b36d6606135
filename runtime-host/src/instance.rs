//! One running instance of a component: what its store holds and how it is made. An instance
//! serves many requests, several at once, and is dropped when it has served enough, has been
//! idle, or has trapped. Which instance gets which request is `pool`'s business.

pub(crate) mod lifetime;
mod memory_cap;
pub(crate) mod pool;
mod runner;

use wasmtime::component::ResourceTable;
use wasmtime::{Engine, Store, UpdateDeadline};
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::app::LoadedComponent;
use crate::capabilities::key_value::InstanceStores;
use crate::capabilities::outbound_http::OutboundHttp;
use crate::capabilities::variables::GrantedVariables;
use crate::guest_output::Stream;
use crate::instance::memory_cap::MemoryCap;
use crate::settings::Limits;

/// The largest head of a request or response that a guest can build, in bytes. Includes what
/// the host needs to hold it.
pub(crate) const MAX_HEADERS: usize = 64 << 10;

/// What belongs to one instance: one field per capability, and what limits it.
pub(crate) struct InstanceState {
    wasi: WasiCtx,
    pub(crate) table: ResourceTable,
    http: WasiHttpCtx,
    outbound_http: OutboundHttp,
    pub(crate) stores: InstanceStores,
    pub(crate) variables: GrantedVariables,
    memory: MemoryCap,
}

impl InstanceState {
    pub(crate) fn outbound_http(&mut self) -> &mut OutboundHttp {
        &mut self.outbound_http
    }
}

impl WasiView for InstanceState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl WasiHttpView for InstanceState {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView {
            ctx: &mut self.http,
            table: &mut self.table,
            hooks: &mut self.outbound_http,
        }
    }
}

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
    let mut http = WasiHttpCtx::new();
    http.set_field_size_limit(MAX_HEADERS);

    let mut store = Store::new(
        engine,
        InstanceState {
            wasi: wasi.build(),
            table: ResourceTable::new(),
            http,
            outbound_http,
            stores,
            variables: component.variables.clone(),
            memory: MemoryCap::new(limits.max_instance_memory),
        },
    );
    if !limits.guests_are_bounded {
        return store;
    }
    store.limiter(|state| &mut state.memory);
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
