//! A host that is not allow-listed is refused, and the refusal says which line to add.

use crate::app::until;
use crate::guest::Guests;
use market_simulator::{Config, Market, Provider};

#[tokio::test]
async fn a_host_that_is_not_listed_is_refused_by_name() {
    let market = Market::start(Config::default()).await.unwrap();
    let guests = Guests::start().await;
    for caller in ["modern", "classic"] {
        let answer = guests
            .get(&format!("/{caller}/fetch?url={}/", market.url()))
            .await
            .expect_status(502);
        assert!(
            answer.text.to_lowercase().contains("denied"),
            "the guest learns that it was denied: {}",
            answer.text
        );
        let host = market.url();
        until("the log names the host and the line to add", async || {
            let log = guests.stderr_of(caller);
            log.contains(&host)
                && log.contains("allowed_outbound_hosts")
                && log.contains(&format!("[component.{caller}]"))
        })
        .await;
    }
    assert_eq!(market.connections(), 0);
}

#[tokio::test]
async fn a_listed_host_is_reached() {
    let market = Market::start(Config::default()).await.unwrap();
    let url = market.url();
    let guests = Guests::with(&[&url], |builder| builder).await;
    for caller in ["modern", "classic"] {
        let answer = guests
            .get(&format!("/{caller}/fetch?url={url}/coingecko/ping"))
            .await;
        // The simulated CoinGecko turns clients without a name away: it was reached.
        assert!(
            market.calls(Provider::CoinGecko) > 0,
            "{caller}: {}",
            answer.text
        );
        market.reset_calls();
    }
}

/// The market by its address and by a name.
fn addresses(market: &Market) -> [String; 2] {
    let url = market.url();
    [url.replace("127.0.0.1", "localhost"), url]
}

/// Whether guests of both generations reach `host`, where the manifest allows `allowed` and the
/// runtime config has these lines of `[outbound_networking]`.
async fn is_reached(host: &str, allowed: &str, networking: &str) -> bool {
    let config = format!("[outbound_networking]\n{networking}\n");
    let guests = guests_with(&config, allowed).await;
    let mut reached = Vec::new();
    for caller in ["modern", "classic"] {
        let answer = guests.get(&format!("/{caller}/fetch?url={host}/")).await;
        reached.push(answer.status != 502);
    }
    assert_eq!(reached[0], reached[1], "{host} by {allowed}, {networking}");
    reached[0]
}

#[tokio::test]
async fn this_machine_and_private_networks_are_reached_unless_the_operator_blocks_them() {
    let market = Market::start(Config::default()).await.unwrap();
    for host in addresses(&market) {
        for allowed in [host.as_str(), "http://*:*"] {
            assert!(is_reached(&host, allowed, "").await, "{host} by {allowed}");
        }
    }
}

#[tokio::test]
async fn private_networks_that_are_blocked_are_reached_in_no_way() {
    let market = Market::start(Config::default()).await.unwrap();
    for host in addresses(&market) {
        for allowed in [host.as_str(), "http://*:*", "http://127.0.0.0/8:*"] {
            for blocked in ["private", "127.0.0.0/8"] {
                let networking = format!("block_networks = [\"{blocked}\", \"::1\"]");
                let reached = is_reached(&host, allowed, &networking).await;
                assert!(!reached, "{host} by {allowed}, {blocked}");
            }
        }
    }
    assert_eq!(market.connections(), 0);
}

#[tokio::test]
async fn what_the_manifest_names_can_be_spared_while_wildcards_are_blocked() {
    let market = Market::start(Config::default()).await.unwrap();
    let networking = "block_networks = [\"private\"]\nblock_listed = false";
    for host in addresses(&market) {
        assert!(is_reached(&host, &host, networking).await, "{host}");
        assert!(!is_reached(&host, "http://*:*", networking).await, "{host}");
    }
}

/// Guests that may reach this host, with a runtime config of that text.
async fn guests_with(runtime_config: &str, url: &str) -> Guests {
    let folder = tempfile::TempDir::new().unwrap();
    let config = folder.path().join("runtime-config.toml");
    std::fs::write(&config, runtime_config).unwrap();
    Guests::with(&[url], |builder| builder.runtime_config_file(config)).await
}

#[tokio::test]
async fn a_network_that_the_operator_blocks_is_refused_although_it_is_listed() {
    let market = Market::start(Config::default()).await.unwrap();
    let url = market.url();
    for blocked in ["127.0.0.0/8", "private"] {
        let config = format!("[outbound_networking]\nblock_networks = [\"{blocked}\"]\n");
        let guests = guests_with(&config, &url).await;
        for caller in ["modern", "classic"] {
            let path = format!("/{caller}/fetch?url={url}/");
            guests.get(&path).await.expect_status(502);
            until("the log names the setting", async || {
                let log = guests.stderr_of(caller);
                log.contains(&url) && log.contains("`block_networks` in the runtime config")
            })
            .await;
        }
    }
    assert_eq!(market.connections(), 0);
}

#[tokio::test]
async fn connections_are_reused_unless_the_operator_forbids_it() {
    let config = "[outbound_http]\nconnection_pooling = false\n";
    for (config, kept) in [("", 1), (config, 0)] {
        let market = Market::start(Config::default()).await.unwrap();
        let url = market.url();
        let guests = guests_with(config, &url).await;
        for _ in 0..3 {
            let path = format!("/modern/fetch?url={url}/coingecko/ping");
            guests.get(&path).await;
        }
        assert_eq!(market.calls(Provider::CoinGecko), 3);
        until("connections are kept or not", async || {
            market.connections() == kept
        })
        .await;
    }
}
