//! An HTTP answer, read to its end.

use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde_json::Value;

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) async fn read(response: reqwest::Response) -> Answer {
        let (status, headers) = (response.status(), response.headers().clone());
        let text = response.text().await.expect("the body arrives whole");
        Answer {
            status,
            headers,
            text,
        }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text)
            .unwrap_or_else(|error| panic!("no JSON ({error}) in {}: {}", self.status, self.text))
    }

    /// A header's text, empty if there is none.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().expect("header text"))
    }

    #[track_caller]
    pub(crate) fn expect_status(self, status: u16) -> Answer {
        assert_eq!(self.status.as_u16(), status, "body: {}", self.text);
        self
    }

    /// A 503 that says when to come back, as a problem.
    #[track_caller]
    pub(crate) fn expect_unavailable(self) -> Answer {
        let answer = self.expect_status(503);
        let retry: u64 = answer
            .header("retry-after")
            .parse()
            .unwrap_or_else(|_| panic!("no Retry-After: {:?}", answer.headers));
        assert!(retry >= 1);
        assert_eq!(answer.header("content-type"), "application/problem+json");
        assert_eq!(answer.header("cache-control"), "no-store");
        answer
    }

    /// 200 with a stale board that says so, in its body and in its headers.
    #[track_caller]
    pub(crate) fn expect_stale(self) -> Answer {
        let answer = self.expect_status(200);
        assert_eq!(answer.json()["stale"], true, "{}", answer.text);
        let status = answer.header("cache-status");
        assert!(status.contains("stale-if-error"), "Cache-Status: {status}");
        assert_eq!(
            answer.header("cache-control"),
            "public, max-age=0, s-maxage=15"
        );
        answer
    }

    /// 200 from the stored board while it is fresh.
    #[track_caller]
    pub(crate) fn expect_hit(self) -> Answer {
        let answer = self.expect_status(200);
        let status = answer.header("cache-status");
        assert!(
            status.starts_with("edge-rates; hit; ttl="),
            "Cache-Status: {status}"
        );
        answer
    }
}
