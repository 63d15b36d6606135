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

#[tokio::test]
async fn a_name_that_leads_to_a_private_address_is_refused() {
    // `localhost` may be listed by that name only; a wildcard does not open this machine.
    let market = Market::start(Config::default()).await.unwrap();
    let guests = Guests::with(&["http://*:*"], |builder| builder).await;
    for host in [market.url(), market.url().replace("127.0.0.1", "localhost")] {
        guests
            .get(&format!("/modern/fetch?url={host}/"))
            .await
            .expect_status(502);
    }
    assert_eq!(market.connections(), 0);
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
