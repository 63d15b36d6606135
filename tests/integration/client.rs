//! Whoever asks: an HTTP client and the address that it asks.

use crate::answer::Answer;
use std::time::Duration;

pub(crate) struct Client {
    base_url: String,
    client: reqwest::Client,
}

impl Client {
    /// A client of what is served at `base_url`, such as `http://127.0.0.1:3000`.
    pub(crate) fn of(base_url: impl Into<String>) -> Client {
        Client {
            base_url: base_url.into(),
            client: client(),
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.request("GET", path, &[]).await
    }

    pub(crate) async fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.request("GET", path, headers).await
    }

    pub(crate) async fn get_absolute(&self, url: &str) -> Answer {
        Answer::read(self.client.get(url).send().await.expect("an answer")).await
    }

    pub(crate) async fn request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Answer {
        let response = self.send(method, path, headers, None).await;
        Answer::read(response).await
    }

    pub(crate) async fn post(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<reqwest::Body>,
    ) -> Answer {
        let response = self.send("POST", path, headers, Some(body.into())).await;
        Answer::read(response).await
    }

    /// Sends a request and gives the answer as it comes, its body unread.
    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<reqwest::Body>,
    ) -> reqwest::Response {
        let url = format!("{}{path}", self.url());
        let mut request = self.client.request(method.parse().unwrap(), url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.body(body);
        }
        let sent = request.send().await;
        sent.unwrap_or_else(|error| panic!("{method} {path}: {error:?}"))
    }

    /// `http://127.0.0.1:<port>`
    pub(crate) fn url(&self) -> String {
        self.base_url.clone()
    }
}

pub(crate) fn client() -> reqwest::Client {
    reqwest::Client::builder()
        .timeout(Duration::from_secs(60))
        // CoinGecko, and so the simulator, turns clients without a name away.
        .user_agent("edge-rates-tests")
        // Answers of tests are for us, not for whoever set a proxy on this machine.
        .no_proxy()
        .build()
        .unwrap()
}
