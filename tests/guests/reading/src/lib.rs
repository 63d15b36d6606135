//! A guest that reads about a hundred bytes from its store for each request, and nothing more,
//! for measuring what a store costs.

use std::cell::OnceCell;
use std::rc::Rc;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use spin_sdk::http::{FullBody, Request};
use spin_sdk::key_value::{Error, Store};

/// What is read; the bench stores it.
const KEY: &str = "greeting";

thread_local! {
    // Opened by the first request of an instance, as real guests do.
    static STORE: OnceCell<Rc<Store>> = const { OnceCell::new() };
}

#[spin_sdk::http_service]
async fn handle(_request: Request) -> http::Response<FullBody<Bytes>> {
    let (status, body) = match read().await {
        Ok(Some(value)) => (StatusCode::OK, Bytes::from(value)),
        Ok(None) => (StatusCode::NOT_FOUND, Bytes::from_static(b"not stored")),
        Err(error) => (
            StatusCode::INTERNAL_SERVER_ERROR,
            Bytes::from(error.to_string()),
        ),
    };
    let mut response = http::Response::new(FullBody::new(body));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}

async fn read() -> Result<Option<Vec<u8>>, Error> {
    let store = match STORE.with(|cell| cell.get().cloned()) {
        Some(store) => store,
        None => {
            let opened = Rc::new(Store::open("default").await?);
            STORE.with(|cell| Rc::clone(cell.get_or_init(|| opened)))
        }
    };
    store.get(KEY).await
}
