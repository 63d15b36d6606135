//! `spin:variables@3.0.0`: the variables that the manifest gives to a component. They are fixed
//! when the application is loaded.

use std::collections::BTreeMap;
use std::sync::Arc;

use runtime_host_wasi::InstanceState;
use wasmtime::component::{Accessor, HasData, Linker};

use bindings::spin::variables::variables::{Error, Host, HostWithStore};

mod bindings {
    wasmtime::component::bindgen!({
        path: "../wit/deps/spin-variables@3.0.0",
        inline: "package runtime-host:variables; world imports { import spin:variables/variables@3.0.0; }",
        imports: { default: async },
    });
}

/// The variables of one component.
pub(crate) type GrantedVariables = Arc<BTreeMap<String, String>>;

pub(super) fn add_to_linker(linker: &mut Linker<InstanceState>) -> wasmtime::Result<()> {
    bindings::spin::variables::variables::add_to_linker::<_, Variables>(linker, |state| {
        state.parts().0.get()
    })
}

struct Variables;

impl HasData for Variables {
    type Data<'a> = Option<&'a GrantedVariables>;
}

impl Host for Option<&GrantedVariables> {}

impl<T: Send> HostWithStore<T> for Variables {
    async fn get(accessor: &Accessor<T, Self>, name: String) -> Result<String, Error> {
        accessor.with(|mut access| {
            let variables = access.get();
            match variables.and_then(|variables| variables.get(&name)) {
                Some(value) => Ok(value.clone()),
                None if !is_name(&name) => Err(Error::InvalidName(name)),
                None => Err(Error::Undefined(name)),
            }
        })
    }
}

/// Whether a variable can have this name: lower-case words joined by single underscores.
fn is_name(name: &str) -> bool {
    name.parse::<runtime_host_manifest::VariableName>().is_ok()
}
