//! Requests to other servers.

use http_body_util::BodyExt as _;
use spin_sdk::http::StatusCode;
use spin_sdk::wasip3::http::types::ErrorCode;

use crate::answer::{self, Answer};
use crate::query::Query;

/// Fetches `url` and answers with its status and body, or with 502 and the error's `Debug` text.
pub(crate) async fn fetch(query: &Query) -> Answer {
    let Some(url) = query.text("url") else {
        return answer::missing("url");
    };
    match get(url).await {
        Ok(answer) => answer,
        Err(error) => answer::with_status(StatusCode::BAD_GATEWAY, format!("{error:?}")),
    }
}

async fn get(url: &str) -> Result<Answer, ErrorCode> {
    let response = spin_sdk::http::get(url).await?;
    let status = response.status();
    let body = response.into_body().collect().await?.to_bytes();
    Ok(answer::with_status(status, body))
}
