//! `spin:key-value@3.0.0`: key-value stores by label. A component opens only the labels that
//! its manifest lists. The stores themselves are in `runtime-host-keyvalue`.

use std::sync::Arc;

use runtime_host_keyvalue::{StoreError, StoreLabel, Stores};
use runtime_host_wasi::InstanceState;
use wasmtime::component::{
    Accessor, FutureReader, HasData, Linker, Resource, ResourceTable, StreamReader,
};

use crate::capabilities::open_store::OpenStore;
use crate::telemetry::record::StoreRecord;
use bindings::spin::key_value::key_value::{
    Error, Host, HostStore, HostStoreWithStore, add_to_linker as add_interface,
};

mod bindings {
    wasmtime::component::bindgen!({
        path: "../wit/deps/spin-key-value@3.0.0",
        inline: "package runtime-host:key-value; world imports { import spin:key-value/key-value@3.0.0; }",
        imports: {
            "spin:key-value/key-value.[method]store.get-keys": async | trappable,
            default: async,
        },
        with: { "spin:key-value/key-value.store": crate::capabilities::open_store::OpenStore },
    });
}

/// The stores that one component may open.
pub(crate) struct GrantedStores {
    stores: Arc<Stores>,
    labels: Arc<[Arc<StoreLabel>]>,
}

impl GrantedStores {
    pub(crate) fn new(stores: Arc<Stores>, labels: &[StoreLabel]) -> Self {
        Self {
            stores,
            labels: labels.iter().cloned().map(Arc::new).collect(),
        }
    }

    /// The same for an instance on a core that keeps this record.
    pub(crate) fn recorded(&self, record: &Arc<StoreRecord>) -> InstanceStores {
        InstanceStores {
            stores: Arc::clone(&self.stores),
            labels: Arc::clone(&self.labels),
            record: Arc::clone(record),
        }
    }
}

/// The stores that one instance may open.
pub(crate) struct InstanceStores {
    stores: Arc<Stores>,
    labels: Arc<[Arc<StoreLabel>]>,
    record: Arc<StoreRecord>,
}

impl InstanceStores {
    /// The store of that label.
    fn open(&self, label: &str) -> Result<OpenStore, NotOpened> {
        let granted = |granted: &&Arc<StoreLabel>| granted.as_str() == label;
        let label = self.labels.iter().find(granted);
        let label = label.ok_or(NotOpened::Denied)?;
        OpenStore::new(&self.stores, label, &self.record).ok_or(NotOpened::Unknown)
    }
}

/// The same for an instance that may have been made without stores: then it may open none.
pub(crate) fn open(granted: Option<&InstanceStores>, label: &str) -> Result<OpenStore, NotOpened> {
    granted.ok_or(NotOpened::Denied)?.open(label)
}

/// Why a store was not opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotOpened {
    /// The component may not.
    Denied,
    /// There is none of that label.
    Unknown,
}

pub(super) fn add_to_linker(linker: &mut Linker<InstanceState>) -> wasmtime::Result<()> {
    add_interface::<_, KeyValue>(linker, |state| {
        let (parts, table) = state.parts();
        KeyValueView {
            granted: parts.get(),
            table,
        }
    })
}

struct KeyValue;

impl HasData for KeyValue {
    type Data<'a> = KeyValueView<'a>;
}

struct KeyValueView<'a> {
    granted: Option<&'a InstanceStores>,
    table: &'a mut ResourceTable,
}

impl Host for KeyValueView<'_> {}

impl HostStore for KeyValueView<'_> {
    async fn drop(&mut self, store: Resource<OpenStore>) -> wasmtime::Result<()> {
        self.table.delete(store)?;
        Ok(())
    }
}

/// The store behind a guest's handle.
fn opened<T>(
    accessor: &Accessor<T, KeyValue>,
    store: &Resource<OpenStore>,
) -> Result<OpenStore, Error> {
    accessor.with(|mut access| {
        let opened = access.get().table.get(store).cloned();
        opened.map_err(|_| Error::NoSuchStore)
    })
}

impl<T: Send> HostStoreWithStore<T> for KeyValue {
    async fn open(
        accessor: &Accessor<T, Self>,
        label: String,
    ) -> Result<Resource<OpenStore>, Error> {
        accessor.with(|mut access| {
            let view = access.get();
            let store = open(view.granted, &label)?;
            view.table.push(store).map_err(|_| Error::StoreTableFull)
        })
    }

    async fn get(
        accessor: &Accessor<T, Self>,
        store: Resource<OpenStore>,
        key: String,
    ) -> Result<Option<Vec<u8>>, Error> {
        Ok(opened(accessor, &store)?.get(&key).await?)
    }

    async fn set(
        accessor: &Accessor<T, Self>,
        store: Resource<OpenStore>,
        key: String,
        value: Vec<u8>,
    ) -> Result<(), Error> {
        Ok(opened(accessor, &store)?.set(key, value).await?)
    }

    async fn delete(
        accessor: &Accessor<T, Self>,
        store: Resource<OpenStore>,
        key: String,
    ) -> Result<(), Error> {
        Ok(opened(accessor, &store)?.delete(key).await?)
    }

    async fn exists(
        accessor: &Accessor<T, Self>,
        store: Resource<OpenStore>,
        key: String,
    ) -> Result<bool, Error> {
        Ok(opened(accessor, &store)?.exists(&key).await?)
    }

    async fn get_keys(
        accessor: &Accessor<T, Self>,
        store: Resource<OpenStore>,
    ) -> wasmtime::Result<(StreamReader<String>, FutureReader<Result<(), Error>>)> {
        let listed = match opened(accessor, &store) {
            Ok(store) => store.keys().await.map_err(Error::from),
            Err(error) => Err(error),
        };
        let (keys, outcome) = match listed {
            Ok(keys) => (keys, Ok(())),
            Err(error) => (Vec::new(), Err(error)),
        };
        accessor.with(|mut access| {
            let keys = StreamReader::new(&mut access, keys)?;
            let outcome =
                FutureReader::new(&mut access, async move { wasmtime::error::Ok(outcome) })?;
            Ok((keys, outcome))
        })
    }
}

impl From<NotOpened> for Error {
    fn from(reason: NotOpened) -> Self {
        match reason {
            NotOpened::Denied => Self::AccessDenied,
            NotOpened::Unknown => Self::NoSuchStore,
        }
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NoSuchStore(_) => Self::NoSuchStore,
            other => Self::Other(other.to_string()),
        }
    }
}
