//! The two functions of `wasi:http` by which guests send: wasmtime's own, after what the host has
//! to know or to complete first. A request without a host is for the application itself, which
//! wasmtime would refuse before anybody is asked.

use http::uri::{Authority, PathAndQuery};
use wasmtime::component::{Accessor, HasData, Linker, Resource};
use wasmtime::{AsContextMut, StoreContextMut};
use wasmtime_wasi::TrappableError;
use wasmtime_wasi_http::p2::bindings::http::outgoing_handler;
use wasmtime_wasi_http::p2::bindings::http::types::ErrorCode as ClassicErrorCode;
use wasmtime_wasi_http::p2::types::{HostFutureIncomingResponse, HostOutgoingRequest};
use wasmtime_wasi_http::p3::bindings::http::client;
use wasmtime_wasi_http::p3::bindings::http::types::{
    ErrorCode, Request as GuestRequest, Response as GuestResponse,
};
use wasmtime_wasi_http::{RequestOptions, WasiHttp, WasiHttpCtxView, WasiHttpView};

use crate::state::InstanceState;

/// The host under which an application reaches itself.
pub const OWN_APPLICATION: &str = "self.alt";

/// The path of a request that names none (RFC 9112 §3.2.1).
const ROOT: &str = "/";

pub(crate) fn add_to_linker(linker: &mut Linker<InstanceState>) -> wasmtime::Result<()> {
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(linker)?;
    linker.allow_shadowing(true);
    linker
        .instance("wasi:http/outgoing-handler@0.2.12")?
        .func_wrap("handle", handle)?;
    linker.allow_shadowing(false);
    wasmtime_wasi_http::p3::bindings::http::types::add_to_linker::<_, WasiHttp>(
        linker,
        InstanceState::http,
    )?;
    client::add_to_linker::<_, Sending>(linker, InstanceState::http)
}

type Handled = Result<Resource<HostFutureIncomingResponse>, ClassicErrorCode>;

/// `outgoing-handler.handle` of WASI 0.2.
fn handle(
    mut store: StoreContextMut<'_, InstanceState>,
    (request, options): (
        Resource<HostOutgoingRequest>,
        Option<Resource<RequestOptions>>,
    ),
) -> wasmtime::Result<(Handled,)> {
    let mut view = store.data_mut().http();
    let asked = view.table.get_mut(&request)?;
    asked
        .authority
        .get_or_insert_with(|| OWN_APPLICATION.to_owned());
    asked.path_with_query.get_or_insert_with(|| ROOT.to_owned());
    match outgoing_handler::Host::handle(&mut view, request, options) {
        Ok(response) => Ok((Ok(response),)),
        Err(error) => Ok((Err(error.downcast()?),)),
    }
}

/// `client.send` of WASI 0.3, which notes which task of the guest sends.
struct Sending;

impl HasData for Sending {
    type Data<'a> = WasiHttpCtxView<'a>;
}

impl client::HostWithStore<InstanceState> for Sending {
    async fn send(
        accessor: &Accessor<InstanceState, Self>,
        request: Resource<GuestRequest>,
    ) -> Result<Resource<GuestResponse>, TrappableError<ErrorCode>> {
        accessor
            .with(|mut access| {
                let mut store = access.as_context_mut();
                let caller = store.async_call_stack()?.last();
                store.data_mut().outbound().sent_by(caller);
                let asked = store.data_mut().http().table.get_mut(&request)?;
                asked
                    .authority
                    .get_or_insert(Authority::from_static(OWN_APPLICATION));
                asked
                    .path_with_query
                    .get_or_insert(PathAndQuery::from_static(ROOT));
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
