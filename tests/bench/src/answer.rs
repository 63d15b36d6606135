//! One answer, to be compared before a server is put under load.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};
use http::StatusCode;

use crate::load::Sent;

/// Headers that two servers of the same work must agree on.
const COMPARED: [&str; 4] = ["content-type", "etag", "cache-control", "vary"];

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: StatusCode,
    /// The headers that are compared.
    pub headers: BTreeMap<&'static str, String>,
    /// The whole body.
    pub body: String,
}

impl Answer {
    /// Asks once.
    ///
    /// # Errors
    /// If there is no complete answer.
    pub async fn to(client: &reqwest::Client, base_url: &str, sent: &Sent) -> Result<Answer> {
        let url = format!("{base_url}{}", sent.path);
        let mut request = client.get(&url);
        if let Some((name, value)) = &sent.header {
            request = request.header(name, value);
        }
        let response = request.send().await.with_context(|| url.clone())?;
        let status = response.status();
        let headers = COMPARED
            .into_iter()
            .filter_map(|name| {
                let value = response.headers().get(name)?.to_str().ok()?;
                Some((name, value.to_owned()))
            })
            .collect();
        let body = response.text().await.with_context(|| url)?;
        Ok(Answer {
            status,
            headers,
            body,
        })
    }

    /// Fails unless the status is the expected one.
    ///
    /// # Errors
    /// With the body of the unexpected answer.
    pub fn expect(&self, status: StatusCode) -> Result<()> {
        ensure!(
            self.status == status,
            "{} instead of {status}: {}",
            self.status,
            self.body
        );
        Ok(())
    }

    /// Fails unless both say the same.
    ///
    /// # Errors
    /// With the first difference.
    pub fn must_equal(&self, other: &Answer) -> Result<()> {
        if self.status != other.status {
            bail!("{} and {}", self.status, other.status);
        }
        if self.headers != other.headers {
            bail!("{:?} and {:?}", self.headers, other.headers);
        }
        if self.body != other.body {
            bail!("{} and {}", self.body, other.body);
        }
        Ok(())
    }
}
