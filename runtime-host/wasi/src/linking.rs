//! WASI of both generations at once: components for 0.3 still import parts of 0.2.

use wasmtime::AsContextMut;
use wasmtime::component::{Accessor, HasData, Linker, Resource};
use wasmtime_wasi::TrappableError;
use wasmtime_wasi_http::p3::bindings::http::client;
use wasmtime_wasi_http::p3::bindings::http::types::{ErrorCode, Request, Response};
use wasmtime_wasi_http::{WasiHttp, WasiHttpCtxView, WasiHttpView};

use crate::http_fields;
use crate::state::InstanceState;

/// Adds WASI and `wasi:http` to a linker.
///
/// # Errors
/// If the linker has one of their interfaces already.
pub fn add_to_linker(linker: &mut Linker<InstanceState>) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_async(linker)?;
    wasmtime_wasi::p3::add_to_linker(linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(linker)?;
    wasmtime_wasi_http::p3::bindings::http::types::add_to_linker::<_, WasiHttp>(
        linker,
        InstanceState::http,
    )?;
    client::add_to_linker::<_, Sending>(linker, InstanceState::http)?;
    http_fields::replace_in(linker)
}

/// wasmtime's own sending, after telling which task of the guest sends.
struct Sending;

impl HasData for Sending {
    type Data<'a> = WasiHttpCtxView<'a>;
}

impl client::HostWithStore<InstanceState> for Sending {
    async fn send(
        accessor: &Accessor<InstanceState, Self>,
        request: Resource<Request>,
    ) -> Result<Resource<Response>, TrappableError<ErrorCode>> {
        accessor
            .with(|mut access| {
                let mut store = access.as_context_mut();
                let caller = store.async_call_stack()?.last();
                store.data_mut().outbound().sent_by(caller);
                wasmtime::error::Ok(())
            })
            .map_err(TrappableError::trap)?;
        WasiHttp::send(
            &accessor.with_getter::<WasiHttp>(InstanceState::http),
            request,
        )
        .await
    }
}
