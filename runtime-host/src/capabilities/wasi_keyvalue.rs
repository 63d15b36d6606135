//! `wasi:keyvalue@0.2.0-draft2`: store, atomics and batch, on the same stores and with the same
//! rights as `spin:key-value`.

use runtime_host_keyvalue::{StoreError, Swap};
use wasmtime::component::{HasData, Linker, Resource, ResourceTable};

use crate::capabilities::key_value::{GrantedStores, OpenStore};
use crate::instance::InstanceState;
use bindings::wasi::keyvalue::atomics::{self, CasError};
use bindings::wasi::keyvalue::batch;
use bindings::wasi::keyvalue::store::{self, Error, KeyResponse};

mod bindings {
    wasmtime::component::bindgen!({
        path: "../wit/deps/wasi-keyvalue@0.2.0-draft2",
        world: "imports",
        imports: { default: async },
        with: {
            "wasi:keyvalue/store.bucket": crate::capabilities::key_value::OpenStore,
            "wasi:keyvalue/atomics.cas": crate::capabilities::wasi_keyvalue::Cas,
        },
    });
}

/// A value that was read in order to be replaced.
#[expect(unreachable_pub, reason = "the generated bindings pass it on")]
pub struct Cas {
    bucket: OpenStore,
    key: String,
    current: Option<Vec<u8>>,
}

pub(super) fn add_to_linker(linker: &mut Linker<InstanceState>) -> wasmtime::Result<()> {
    store::add_to_linker::<_, KeyValue>(linker, view)?;
    atomics::add_to_linker::<_, KeyValue>(linker, view)?;
    batch::add_to_linker::<_, KeyValue>(linker, view)
}

struct KeyValue;

impl HasData for KeyValue {
    type Data<'a> = KeyValueView<'a>;
}

struct KeyValueView<'a> {
    granted: &'a GrantedStores,
    table: &'a mut ResourceTable,
}

fn view(state: &mut InstanceState) -> KeyValueView<'_> {
    KeyValueView {
        granted: &state.stores,
        table: &mut state.table,
    }
}

impl KeyValueView<'_> {
    fn opened(&self, bucket: &Resource<OpenStore>) -> Result<OpenStore, Error> {
        self.table
            .get(bucket)
            .cloned()
            .map_err(|_| Error::NoSuchStore)
    }
}

impl store::Host for KeyValueView<'_> {
    async fn open(&mut self, identifier: String) -> Result<Resource<OpenStore>, Error> {
        let opened = self.granted.open(&identifier).ok_or(Error::AccessDenied)?;
        if !opened.stores.contains(&opened.label) {
            return Err(Error::NoSuchStore);
        }
        self.table
            .push(opened)
            .map_err(|_| Error::Other("too many stores are open: drop some".to_owned()))
    }
}

impl store::HostBucket for KeyValueView<'_> {
    async fn get(
        &mut self,
        bucket: Resource<OpenStore>,
        key: String,
    ) -> Result<Option<Vec<u8>>, Error> {
        let OpenStore { stores, label } = self.opened(&bucket)?;
        Ok(stores.get(&label, &key).await?)
    }

    async fn set(
        &mut self,
        bucket: Resource<OpenStore>,
        key: String,
        value: Vec<u8>,
    ) -> Result<(), Error> {
        let OpenStore { stores, label } = self.opened(&bucket)?;
        Ok(stores.set(&label, key, value).await?)
    }

    async fn delete(&mut self, bucket: Resource<OpenStore>, key: String) -> Result<(), Error> {
        let OpenStore { stores, label } = self.opened(&bucket)?;
        Ok(stores.delete(&label, key).await?)
    }

    async fn exists(&mut self, bucket: Resource<OpenStore>, key: String) -> Result<bool, Error> {
        let OpenStore { stores, label } = self.opened(&bucket)?;
        Ok(stores.exists(&label, &key).await?)
    }

    /// All keys at once, so that there is never a cursor to continue from.
    async fn list_keys(
        &mut self,
        bucket: Resource<OpenStore>,
        cursor: Option<String>,
    ) -> Result<KeyResponse, Error> {
        if cursor.is_some() {
            return Err(Error::Other(
                "this store gives all keys at once: ask without a cursor".to_owned(),
            ));
        }
        let OpenStore { stores, label } = self.opened(&bucket)?;
        Ok(KeyResponse {
            keys: stores.keys(&label).await?,
            cursor: None,
        })
    }

    async fn drop(&mut self, bucket: Resource<OpenStore>) -> wasmtime::Result<()> {
        self.table.delete(bucket)?;
        Ok(())
    }
}

impl atomics::HostCas for KeyValueView<'_> {
    async fn new(
        &mut self,
        bucket: Resource<OpenStore>,
        key: String,
    ) -> Result<Resource<Cas>, Error> {
        let bucket = self.opened(&bucket)?;
        let current = bucket.stores.get(&bucket.label, &key).await?;
        let cas = Cas {
            bucket,
            key,
            current,
        };
        self.table.push(cas).map_err(|_| too_many_cas())
    }

    async fn current(&mut self, cas: Resource<Cas>) -> Result<Option<Vec<u8>>, Error> {
        let cas = self.table.get(&cas).map_err(|_| gone())?;
        Ok(cas.current.clone())
    }

    async fn drop(&mut self, cas: Resource<Cas>) -> wasmtime::Result<()> {
        self.table.delete(cas)?;
        Ok(())
    }
}

impl atomics::Host for KeyValueView<'_> {
    async fn increment(
        &mut self,
        bucket: Resource<OpenStore>,
        key: String,
        delta: i64,
    ) -> Result<i64, Error> {
        let OpenStore { stores, label } = self.opened(&bucket)?;
        Ok(stores.increment(&label, key, delta).await?)
    }

    async fn swap(&mut self, cas: Resource<Cas>, value: Vec<u8>) -> Result<(), CasError> {
        let Cas {
            bucket,
            key,
            current,
        } = self
            .table
            .delete(cas)
            .map_err(|_| CasError::StoreError(gone()))?;
        let failed = |error: StoreError| CasError::StoreError(error.into());
        let OpenStore { stores, label } = &bucket;
        let swapped = stores.compare_and_swap(label, key.as_str(), current, value);
        match swapped.await.map_err(failed)? {
            Swap::Done => return Ok(()),
            Swap::Changed => {}
        }
        let current = stores.get(label, &key).await.map_err(failed)?;
        let retry = Cas {
            bucket,
            key,
            current,
        };
        Err(match self.table.push(retry) {
            Ok(retry) => CasError::CasFailed(retry),
            Err(_) => CasError::StoreError(too_many_cas()),
        })
    }
}

impl batch::Host for KeyValueView<'_> {
    async fn get_many(
        &mut self,
        bucket: Resource<OpenStore>,
        keys: Vec<String>,
    ) -> Result<Vec<(String, Option<Vec<u8>>)>, Error> {
        let OpenStore { stores, label } = self.opened(&bucket)?;
        Ok(stores.get_many(&label, keys).await?)
    }

    async fn set_many(
        &mut self,
        bucket: Resource<OpenStore>,
        key_values: Vec<(String, Vec<u8>)>,
    ) -> Result<(), Error> {
        let OpenStore { stores, label } = self.opened(&bucket)?;
        Ok(stores.set_many(&label, key_values).await?)
    }

    async fn delete_many(
        &mut self,
        bucket: Resource<OpenStore>,
        keys: Vec<String>,
    ) -> Result<(), Error> {
        let OpenStore { stores, label } = self.opened(&bucket)?;
        Ok(stores.delete_many(&label, keys).await?)
    }
}

fn gone() -> Error {
    Error::Other("this compare-and-swap has been used already: make a new one".to_owned())
}

fn too_many_cas() -> Error {
    Error::Other("too many compare-and-swaps are open: drop some".to_owned())
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NoSuchStore(_) => Self::NoSuchStore,
            other => Self::Other(other.to_string()),
        }
    }
}
