//! What caches are told in every state that the board can be in.

use crate::app::App;
use crate::cache_lint;
use market_simulator::{Fault, Provider};
use std::time::Duration;

const ROUTES: [&str; 5] = [
    "/v1/rates",
    "/v1/rates?format=csv&vs=usd",
    "/v1/rates/BTC/USD",
    "/v1/convert?from=BTC&to=EUR&amount=1",
    "/api/v3/simple/price?ids=bitcoin&vs_currencies=usd",
];

/// The state that Cache-Status tells, without its numbers.
async fn state(app: &App, path: &str) -> String {
    let answer = app.get(path).await;
    cache_lint::check(path, &answer);
    let status = answer.header("cache-status");
    let parts = status.split("; ").filter(|part| !part.starts_with("ttl="));
    parts.skip(1).collect::<Vec<_>>().join("; ")
}

#[tokio::test]
async fn headers_are_clean_in_every_state_of_the_board() {
    for route in ROUTES {
        let app = App::with(&[("providers", "coingecko"), ("jitter_seconds", "0")]).await;
        assert_eq!(
            state(&app, route).await,
            "fwd=uri-miss; fwd-status=200; stored"
        );
        assert_eq!(state(&app, route).await, "hit");
        cache_lint::clean(&app, route).await;

        // Due: served while it is refreshed.
        app.advance(Duration::from_secs(310));
        assert_eq!(state(&app, route).await, "hit; detail=revalidating");
        app.until("the refreshed board is served", async || {
            state(&app, route).await == "hit"
        })
        .await;

        // Past its grace: fetched before the answer, unless another instance is at it.
        app.advance(Duration::from_secs(600));
        let late = state(&app, route).await;
        assert!(
            [
                "fwd=stale; fwd-status=200; stored",
                "hit; detail=revalidating"
            ]
            .contains(&late.as_str()),
            "{late}"
        );
        app.until("the refreshed board is served again", async || {
            state(&app, route).await == "hit"
        })
        .await;

        // The upstream fails: first for the request that finds out, then for all.
        app.market.fail(
            Provider::CoinGecko,
            Fault::RateLimited { retry_after_s: 30 },
        );
        app.advance(Duration::from_secs(600));
        app.until("the board is stale", async || {
            let stale = state(&app, route).await;
            stale.starts_with("fwd=stale") && stale.ends_with("detail=stale-if-error")
        })
        .await;
        let stale = cache_lint::clean(&app, route).await;
        assert_eq!(
            stale.header("cache-control"),
            "public, max-age=0, s-maxage=15"
        );

        // Too old to be served.
        app.advance(Duration::from_secs(2 * 86_400));
        let refused = cache_lint::clean(&app, route).await;
        assert_eq!(refused.status.as_u16(), 503, "{route}");
    }
}

#[tokio::test]
async fn headers_are_clean_where_nothing_was_ever_fetched() {
    let app = App::with(&[("providers", "coingecko")]).await;
    app.market.fail(Provider::CoinGecko, Fault::ServerError);
    for route in ROUTES {
        let unserved = cache_lint::clean(&app, route).await;
        assert_eq!(unserved.status.as_u16(), 503, "{route}");
    }
}
