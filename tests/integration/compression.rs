//! Long answers are compressed as the client asks, and each form is an answer of its own for
//! caches.

use crate::app::App;
use std::io::Read;

/// Longer than a kilobyte.
const BOARD: &str = "/v1/rates";
/// Shorter.
const PAIR: &str = "/v1/rates/BTC/USD";

struct Got {
    status: u16,
    headers: reqwest::header::HeaderMap,
    body: Vec<u8>,
}

impl Got {
    fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    fn plain(&self) -> Vec<u8> {
        let mut plain = Vec::new();
        match self.header("content-encoding") {
            "gzip" => flate2::read::GzDecoder::new(&*self.body).read_to_end(&mut plain),
            "zstd" => ruzstd::decoding::StreamingDecoder::new(&*self.body)
                .unwrap()
                .read_to_end(&mut plain),
            "" => return self.body.clone(),
            other => panic!("coding {other}"),
        }
        .unwrap();
        plain
    }
}

async fn get(app: &App, path: &str, accept: Option<&str>) -> Got {
    let headers: Vec<_> = accept
        .map(|accept| ("accept-encoding", accept))
        .into_iter()
        .collect();
    let response = app.send("GET", path, &headers, None).await;
    Got {
        status: response.status().as_u16(),
        headers: response.headers().clone(),
        body: response.bytes().await.unwrap().to_vec(),
    }
}

#[tokio::test]
async fn a_long_answer_comes_in_the_coding_that_is_liked_best() {
    let app = App::start().await;
    let plain = get(&app, BOARD, None).await;
    assert_eq!(plain.status, 200);
    assert_eq!(plain.header("content-encoding"), "");
    assert!(plain.body.len() > 1024);
    for (accept, coding) in [
        ("gzip", "gzip"),
        ("gzip, deflate, br, zstd", "gzip"),
        ("zstd", "zstd"),
        ("gzip;q=0.5, zstd;q=0.6", "zstd"),
        ("br", ""),
        ("identity;q=1, *;q=0", ""),
        ("gzip;q=0", ""),
    ] {
        // Made by the first, and kept for the second.
        for _ in 0..2 {
            let got = get(&app, BOARD, Some(accept)).await;
            assert_eq!(got.status, 200);
            assert_eq!(got.header("content-encoding"), coding, "{accept}");
            assert_eq!(got.header("vary"), "Accept, Accept-Encoding");
            assert_eq!(got.header("content-type"), "application/json");
            assert_eq!(got.header("content-length"), got.body.len().to_string());
            assert_eq!(got.plain(), plain.body, "{accept}");
            if !coding.is_empty() {
                assert!(got.body.len() * 2 < plain.body.len(), "{}", got.body.len());
            }
        }
    }
    let excluded = get(&app, BOARD, Some("identity;q=0, br")).await;
    assert_eq!(excluded.status, 406);
    assert_eq!(excluded.header("content-type"), "application/problem+json");
}

#[tokio::test]
async fn a_short_answer_goes_as_it_is() {
    let app = App::start().await;
    let got = get(&app, PAIR, Some("gzip, zstd")).await;
    assert_eq!(got.status, 200);
    assert_eq!(got.header("content-encoding"), "");
    assert!(got.body.starts_with(b"{"));
}

#[tokio::test]
async fn each_form_has_a_tag_of_its_own_and_all_of_them_are_known() {
    let app = App::start().await;
    let mut tags = Vec::new();
    for accept in ["identity", "gzip", "zstd"] {
        let got = get(&app, BOARD, Some(accept)).await;
        tags.push(got.header("etag").to_owned());
    }
    assert!(
        tags[1].ends_with("-gzip\"") && tags[2].ends_with("-zstd\""),
        "{tags:?}"
    );
    assert!(
        tags.iter()
            .all(|tag| tag.starts_with('"') && tag.ends_with('"'))
    );
    for tag in &tags {
        for accept in ["identity", "gzip", "zstd"] {
            let headers = [("accept-encoding", accept), ("if-none-match", tag)];
            let got = app.get_with(BOARD, &headers).await.expect_status(304);
            assert_eq!(got.header("etag"), tag, "the one that the client has");
            assert_eq!(got.header("content-encoding"), "");
            assert_eq!(got.header("vary"), "Accept, Accept-Encoding");
        }
    }
}

#[tokio::test]
async fn head_tells_the_length_of_the_form_that_get_would_give() {
    let app = App::start().await;
    for path in [
        BOARD,
        "/api/v3/simple/price?ids=bitcoin,ethereum,tether,ripple,solana,cardano,tron&vs_currencies=usd,eur,gbp,jpy,chf,cad,aud&include_24hr_change=true",
    ] {
        let got = get(&app, path, Some("gzip")).await;
        assert_eq!(got.header("content-encoding"), "gzip", "{path}");
        let head = app
            .request("HEAD", path, &[("accept-encoding", "gzip")])
            .await;
        let head = head.expect_status(200);
        assert_eq!(head.text, "");
        for name in ["content-length", "content-encoding", "etag", "vary"] {
            assert_eq!(head.header(name), got.header(name), "{path} {name}");
        }
    }
}
