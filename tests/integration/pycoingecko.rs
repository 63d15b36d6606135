//! A CoinGecko client that no one here wrote gets prices when its base URL is ours.

use crate::app::{App, root};
use serde_json::Value;
use tokio::process::Command;

const SCRIPT: &str = r"
import json, sys
from pycoingecko import CoinGeckoAPI
client = CoinGeckoAPI()
client.api_base_url = sys.argv[1] + '/api/v3/'
print(json.dumps({
    'ping': client.ping(),
    'price': client.get_price(ids=['bitcoin', 'ethereum'], vs_currencies=['usd', 'eur'], include_24hr_change=True),
}))
";

#[tokio::test]
async fn pycoingecko_gets_prices_from_us() {
    let app = App::start().await;
    let python = root().join("target/python/bin/python");
    assert!(
        python.exists(),
        "pycoingecko is missing: run `make packages`"
    );
    let output = Command::new(python)
        .args(["-c", SCRIPT, &app.url()])
        .env("NO_PROXY", "127.0.0.1")
        .output()
        .await
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let got: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(got["ping"]["gecko_says"], "(V3) To the Moon!");
    let ours = app
        .get("/api/v3/simple/price?ids=bitcoin&vs_currencies=usd")
        .await
        .json();
    assert_eq!(got["price"]["bitcoin"]["usd"], ours["bitcoin"]["usd"]);
    assert!(
        got["price"]["ethereum"]["eur_24h_change"].is_number(),
        "{got}"
    );
}
