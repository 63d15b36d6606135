//! A guest that does nothing but answer, for measuring what an instance costs by itself. It
//! imports nothing of Spin, so that other WASI hosts run it too.

use bytes::Bytes;
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use spin_sdk::http::{FullBody, Request};

/// 92 bytes, as the bench's native server answers.
const BODY: &str = r#"{"symbol":"BTC","quote":"USD","price":"76975.0431","stale":false,"source":"nobody","n":1234}"#;

#[spin_sdk::http_service]
async fn handle(_request: Request) -> http::Response<FullBody<Bytes>> {
    let mut response = http::Response::new(FullBody::new(Bytes::from_static(BODY.as_bytes())));
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}
