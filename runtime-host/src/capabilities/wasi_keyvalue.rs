//! `wasi:keyvalue@0.2.0-draft2`: store, atomics and batch, on the same stores and with the same
//! rights as `spin:key-value`.

use runtime_host_keyvalue::{StoreError, Swap};
use runtime_host_wasi::InstanceState;
use wasmtime::component::{HasData, Linker, Resource, ResourceTable};

use crate::capabilities::key_value::{self, InstanceStores, NotOpened};
use crate::capabilities::open_store::OpenStore;
use bindings::wasi::keyvalue::atomics::{self, CasError};
use bindings::wasi::keyvalue::batch;
use bindings::wasi::keyvalue::store::{self, Error, KeyResponse};

mod bindings {
    wasmtime::component::bindgen!({
        path: "../wit/deps/wasi-keyvalue@0.2.0-draft2",
        world: "imports",
        imports: { default: async },
        with: {
            "wasi:keyvalue/store.bucket": crate::capabilities::open_store::OpenStore,
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
    granted: Option<&'a InstanceStores>,
    table: &'a mut ResourceTable,
}

fn view(state: &mut InstanceState) -> KeyValueView<'_> {
    let (parts, table) = state.parts();
    KeyValueView {
        granted: parts.get(),
        table,
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
        let opened = key_value::open(self.granted, &identifier)?;
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
        Ok(self.opened(&bucket)?.get(&key).await?)
    }

    async fn set(
        &mut self,
        bucket: Resource<OpenStore>,
        key: String,
        value: Vec<u8>,
    ) -> Result<(), Error> {
        Ok(self.opened(&bucket)?.set(key, value).await?)
    }

    async fn delete(&mut self, bucket: Resource<OpenStore>, key: String) -> Result<(), Error> {
        Ok(self.opened(&bucket)?.delete(key).await?)
    }

    async fn exists(&mut self, bucket: Resource<OpenStore>, key: String) -> Result<bool, Error> {
        Ok(self.opened(&bucket)?.exists(&key).await?)
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
        Ok(KeyResponse {
            keys: self.opened(&bucket)?.keys().await?,
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
        let current = bucket.get(&key).await?;
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
        Ok(self.opened(&bucket)?.increment(key, delta).await?)
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
        let swapped = bucket.compare_and_swap(&key, current, value);
        match swapped.await.map_err(failed)? {
            Swap::Done => return Ok(()),
            Swap::Changed => {}
        }
        let current = bucket.get(&key).await.map_err(failed)?;
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
        Ok(self.opened(&bucket)?.get_many(keys).await?)
    }

    async fn set_many(
        &mut self,
        bucket: Resource<OpenStore>,
        key_values: Vec<(String, Vec<u8>)>,
    ) -> Result<(), Error> {
        Ok(self.opened(&bucket)?.set_many(key_values).await?)
    }

    async fn delete_many(
        &mut self,
        bucket: Resource<OpenStore>,
        keys: Vec<String>,
    ) -> Result<(), Error> {
        Ok(self.opened(&bucket)?.delete_many(keys).await?)
    }
}

fn gone() -> Error {
    Error::Other("this compare-and-swap has been used already: make a new one".to_owned())
}

fn too_many_cas() -> Error {
    Error::Other("too many compare-and-swaps are open: drop some".to_owned())
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
