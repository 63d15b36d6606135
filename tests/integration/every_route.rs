//! What holds for every route alike: methods, trailing slashes, letter case, unknown parameters,
//! and the headers that every answer has.

use crate::app::App;

/// A route that is read.
struct Read {
    path: &'static str,
    /// The same with other letters, where these don't matter.
    spelled: Option<&'static str>,
    /// Refuses parameters that it does not know.
    is_strict: bool,
}

const fn read(path: &'static str) -> Read {
    Read {
        path,
        spelled: None,
        is_strict: true,
    }
}

const fn spelled(path: &'static str, spelled: &'static str) -> Read {
    Read {
        spelled: Some(spelled),
        ..read(path)
    }
}

const fn coingecko(path: &'static str) -> Read {
    Read {
        is_strict: false,
        ..read(path)
    }
}

const ROUTES: &[Read] = &[
    spelled(
        "/v1/rates?symbols=BTC,ETH&vs=USD",
        "/v1/rates?symbols=btc,Eth&vs=uSd",
    ),
    spelled("/v1/rates?ids=bitcoin", "/v1/rates?ids=Bitcoin"),
    spelled("/v1/rates/BTC/USD", "/v1/rates/btc/Usd"),
    spelled(
        "/v1/convert?from=BTC&to=EUR&amount=1",
        "/v1/convert?from=btc&to=eur&amount=1",
    ),
    spelled("/v1/stream?vs=USD", "/v1/stream?vs=usd"),
    read("/v1/symbols"),
    read("/v1/currencies"),
    read("/v1/providers"),
    coingecko("/api/v3/ping"),
    coingecko("/api/v3/simple/price?ids=bitcoin&vs_currencies=usd"),
    coingecko("/api/v3/simple/supported_vs_currencies"),
    coingecko("/api/v3/exchange_rates"),
    coingecko("/api/v3/coins/list"),
    coingecko("/api/v3/coins/markets?vs_currency=usd"),
    read("/health"),
    read("/healthz"),
    read("/ready"),
    read("/metrics"),
    read("/api/metrics"),
    read("/openapi.json"),
    read("/api/info"),
    read("/"),
];

/// A path with a slash at its end, before the query.
fn slashed(path: &str) -> String {
    match path.split_once('?') {
        Some((path, query)) => format!("{path}/?{query}"),
        None => format!("{path}/"),
    }
}

fn with_parameter(path: &str, parameter: &str) -> String {
    let separator = if path.contains('?') { '&' } else { '?' };
    format!("{path}{separator}{parameter}")
}

/// Status and headers of a GET whose body is not waited for: it may be a stream.
async fn head_of_get(app: &App, path: &str) -> (u16, reqwest::header::HeaderMap) {
    let response = app.send("GET", path, &[], None).await;
    (response.status().as_u16(), response.headers().clone())
}

#[tokio::test]
async fn every_route_that_is_read_answers_get_and_head_and_says_so() {
    let app = App::start().await;
    app.get("/v1/rates/BTC/USD").await.expect_status(200);
    for Read {
        path, is_strict, ..
    } in ROUTES
    {
        let (status, headers) = head_of_get(&app, path).await;
        assert_eq!(status, 200, "{path}");
        for name in ["x-request-id", "traceparent", "access-control-allow-origin"] {
            assert!(headers.contains_key(name), "{path}: {name}");
        }
        let head = app.request("HEAD", path, &[]).await.expect_status(200);
        assert_eq!(head.text, "", "{path}");
        for name in ["content-type", "etag", "cache-control", "vary"] {
            let of_get = headers.get(name).map(|value| value.to_str().unwrap());
            assert_eq!(
                head.header(name),
                of_get.unwrap_or_default(),
                "{path}: {name}"
            );
        }
        let options = app.request("OPTIONS", path, &[]).await.expect_status(204);
        assert_eq!(options.header("allow"), "GET, HEAD, OPTIONS", "{path}");
        assert_eq!(options.text, "");
        for method in ["POST", "PUT", "PATCH", "DELETE", "BREW"] {
            let answer = app.request(method, path, &[]).await.expect_status(405);
            assert_eq!(answer.header("allow"), "GET, HEAD, OPTIONS", "{path}");
            let kind = match is_strict {
                true => "application/problem+json",
                false => "application/json",
            };
            assert_eq!(answer.header("content-type"), kind, "{path}");
            assert_eq!(answer.header("cache-control"), "no-store");
        }
    }
}

#[tokio::test]
async fn a_slash_at_the_end_and_the_case_of_codes_do_not_matter() {
    let app = App::start().await;
    app.get("/v1/rates/BTC/USD").await.expect_status(200);
    for Read { path, spelled, .. } in ROUTES {
        let (_, headers) = head_of_get(&app, path).await;
        let same = spelled.map(str::to_owned).into_iter();
        let slashed = (*path != "/").then(|| slashed(path));
        for other in same.chain(slashed) {
            let (status, others) = head_of_get(&app, &other).await;
            assert_eq!(status, 200, "{other}");
            assert_eq!(others.get("etag"), headers.get("etag"), "{other}");
            assert_eq!(
                others.get("content-type"),
                headers.get("content-type"),
                "{other}"
            );
        }
    }
}

#[tokio::test]
async fn an_unknown_parameter_is_named_except_where_coingecko_ignores_it() {
    let app = App::start().await;
    app.get("/v1/rates/BTC/USD").await.expect_status(200);
    for Read {
        path, is_strict, ..
    } in ROUTES
    {
        let path = with_parameter(path, "nonsense=1");
        let (status, _) = head_of_get(&app, &path).await;
        match is_strict {
            true => {
                let problem = app.get(&path).await.expect_status(422).json();
                assert_eq!(problem["parameter"], "nonsense", "{path}");
            }
            false => assert_eq!(status, 200, "{path}"),
        }
    }
}

#[tokio::test]
async fn a_path_that_is_nearly_one_is_none() {
    let app = App::start().await;
    for path in [
        "/v1",
        "/v1/",
        "/V1/rates",
        "/v1/rates/BTC",
        "/v1/rates/BTC/USD/EUR",
        "/v1/rates:batches",
        "/v1//rates",
        "/v1/stream/BTC",
        "/healthz/1",
        "/ready/now",
        "/api/infos",
    ] {
        let answer = app.get(path).await.expect_status(404);
        assert_eq!(
            answer.header("content-type"),
            "application/problem+json",
            "{path}"
        );
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
        assert_eq!(answer.json()["instance"], path);
    }
}

#[tokio::test]
async fn every_error_below_coingeckos_path_has_its_shape() {
    let app = App::start().await;
    for (path, beginning) in [
        ("/api/v3", "Incorrect path."),
        ("/api/v3/", "Incorrect path."),
        ("/api/v3//", "Incorrect path."),
        ("/api/v3//ping", "Incorrect path."),
        ("/api/v3/ping//1", "Incorrect path."),
        ("/api/v3/nonsense", "Incorrect path."),
        ("/api/v3/key", "this route"),
        ("/api/v3/asset_platforms", "this route"),
        ("/api/v3/derivatives", "this route"),
        ("/api/v3/nfts/list", "this route"),
        ("/api/v3/coins/bitcoin", "this route"),
        (
            "/api/v3/coins/bitcoin/ohlc?vs_currency=usd&days=1",
            "prices of the past",
        ),
    ] {
        for method in ["GET", "POST"] {
            let answer = app.request(method, path, &[]).await.expect_status(404);
            assert_eq!(answer.header("content-type"), "application/json", "{path}");
            assert_eq!(answer.header("cache-control"), "no-store");
            assert_eq!(answer.header("access-control-allow-origin"), "*");
            assert!(!answer.header("x-request-id").is_empty(), "{path}");
            let body = answer.json();
            assert_eq!(body.as_object().unwrap().len(), 1, "{body}");
            let message = body["error"].as_str().unwrap();
            assert!(message.starts_with(beginning), "{path}: {message}");
        }
        // A browser may read that, once it may ask.
        let options = app.request("OPTIONS", path, &[]).await.expect_status(204);
        assert_eq!(options.header("access-control-allow-origin"), "*");
    }
}

#[tokio::test]
async fn a_target_beyond_16_kib_is_refused() {
    let app = App::start().await;
    for path in ["/v1/rates", "/api/v3/ping", "/healthz", "/nonsense"] {
        let long = format!("{path}?ids={}", "x".repeat(16 << 10));
        let answer = app.get(&long).await.expect_status(414);
        let (kind, member) = match path.starts_with("/api/v3/") {
            true => ("application/json", "error"),
            false => ("application/problem+json", "detail"),
        };
        assert_eq!(answer.header("content-type"), kind);
        let detail = answer.json()[member].as_str().unwrap().to_owned();
        assert!(detail.contains("16384"), "{detail}");
    }
    let within = format!("/api/v3/ping?x={}", "x".repeat((16 << 10) - 15));
    assert_eq!(within.len(), 16 << 10);
    app.get(&within).await.expect_status(200);
}
