//! The deployment that is asked.

use crate::app::App;
use crate::client::Client;
use std::ops::Deref;

/// Where the app is served that is to be tested.
const URL: &str = "EDGE_RATES_URL";

pub(crate) struct Served {
    client: Client,
    /// It is served for as long as this is kept.
    _app: Option<App>,
}

impl Served {
    /// What the environment names, or else an app of our own with a simulated market.
    pub(crate) async fn start() -> Served {
        if let Ok(url) = std::env::var(URL) {
            return Served {
                client: Client::of(url.trim_end_matches('/')),
                _app: None,
            };
        }
        let app = App::start().await;
        Served {
            client: Client::of(app.url()),
            _app: Some(app),
        }
    }
}

impl Deref for Served {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}
