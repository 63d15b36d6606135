//! The data of an instance's store.

use wasmtime::component::{GuestTaskId, ResourceTable};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks, WasiHttpView};

use crate::memory_cap::MemoryCap;
use crate::parts::Parts;

/// The largest head of a request or response that a guest can build, in bytes. Includes what
/// the host needs to hold it.
pub const MAX_HEADERS: usize = 64 << 10;

/// How the host sends the requests of a guest.
pub trait OutboundHooks: WasiHttpHooks + Send {
    /// Tells which task of the guest sends the next request, just before it is sent; None where
    /// that is unknown.
    fn sent_by(&mut self, task: Option<GuestTaskId>);
}

/// What belongs to one instance, and what limits it.
pub struct InstanceState {
    wasi: WasiCtx,
    table: ResourceTable,
    http: WasiHttpCtx,
    outbound: Box<dyn OutboundHooks>,
    parts: Parts,
    memory: MemoryCap,
}

impl InstanceState {
    /// The state of an instance that may take `memory_limit` bytes.
    pub fn new(
        wasi: WasiCtx,
        outbound: Box<dyn OutboundHooks>,
        parts: Parts,
        memory_limit: usize,
    ) -> Self {
        let mut http = WasiHttpCtx::new();
        http.set_field_size_limit(MAX_HEADERS);
        Self {
            wasi,
            table: ResourceTable::new(),
            http,
            outbound,
            parts,
            memory: MemoryCap::new(memory_limit),
        }
    }

    /// What capabilities hold of this instance, and the resources that its guest has handles of.
    pub fn parts(&mut self) -> (&Parts, &mut ResourceTable) {
        (&self.parts, &mut self.table)
    }

    /// The limit on its memory, and what counts against it.
    pub fn memory(&self) -> &MemoryCap {
        &self.memory
    }

    /// The same, for wasmtime to ask before memory grows.
    pub fn memory_mut(&mut self) -> &mut MemoryCap {
        &mut self.memory
    }

    pub(crate) fn outbound(&mut self) -> &mut dyn OutboundHooks {
        self.outbound.as_mut()
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
            hooks: self.outbound.as_mut(),
        }
    }
}
