//! Clients that ask again and again and note how each request went.

use crate::world::client;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// Clients that keep their connection, and such that open one for each request.
const KEEPING: usize = 12;
const OPENING: usize = 4;

/// Of a client, after each answer. All together leave a machine of two processors time for pods
/// that start, and for whoever else is at work there.
const PAUSE: Duration = Duration::from_millis(15);

const PATHS: [&str; 4] = [
    "/v1/rates/BTC/USD",
    "/v1/convert?from=ETH&to=EUR&amount=0.25",
    "/api/v3/simple/price?ids=bitcoin,ethereum&vs_currencies=usd,eur",
    "/v1/rates",
];

/// How one request went.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    begun: Instant,
    took: Duration,
    failure: Option<String>,
}

pub(crate) struct Load {
    requests: Arc<Mutex<Vec<Request>>>,
    is_over: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Load {
    /// Starts all clients, on a thread of their own: what the test does meanwhile is not measured.
    pub(crate) fn on(url: &'static str) -> Load {
        let requests = Arc::new(Mutex::new(Vec::with_capacity(1 << 20)));
        let is_over = Arc::new(AtomicBool::new(false));
        let thread = {
            let (requests, is_over) = (Arc::clone(&requests), Arc::clone(&is_over));
            std::thread::spawn(move || clients(url, &requests, &is_over))
        };
        Load {
            requests,
            is_over,
            thread,
        }
    }

    /// How many requests were answered, or failed, so far.
    pub(crate) fn count(&self) -> usize {
        self.requests.lock().unwrap().len()
    }

    /// Lets all clients finish, and gives what they noted.
    pub(crate) fn stop(self) -> Requests {
        self.is_over.store(true, Ordering::Relaxed);
        self.thread.join().expect("the clients go on to the end");
        let requests = std::mem::take(&mut *self.requests.lock().unwrap());
        Requests(requests)
    }
}

fn clients(url: &'static str, requests: &Arc<Mutex<Vec<Request>>>, is_over: &Arc<AtomicBool>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let mut clients = JoinSet::new();
    for number in 0..KEEPING + OPENING {
        let (requests, is_over) = (Arc::clone(requests), Arc::clone(is_over));
        let client = if number < KEEPING {
            client()
        } else {
            opening_client()
        };
        let asking = async move {
            for path in PATHS.iter().cycle().skip(number) {
                if is_over.load(Ordering::Relaxed) {
                    return;
                }
                let begun = Instant::now();
                let failure = ask(&client, &format!("{url}{path}")).await.err();
                requests.lock().unwrap().push(Request {
                    begun,
                    took: begun.elapsed(),
                    failure,
                });
                tokio::time::sleep(PAUSE).await;
            }
        };
        clients.spawn_on(asking, runtime.handle());
    }
    runtime.block_on(clients.join_all());
}

fn opening_client() -> reqwest::Client {
    reqwest::Client::builder()
        .timeout(Duration::from_secs(30))
        .user_agent("edge-rates-tests")
        .no_proxy()
        .pool_max_idle_per_host(0)
        .build()
        .unwrap()
}

/// An answer counts if it is whole, 200, and JSON with something in it.
async fn ask(client: &reqwest::Client, url: &str) -> Result<(), String> {
    let answer = client.get(url).send().await.map_err(told)?;
    let status = answer.status();
    let body = answer.bytes().await.map_err(told)?;
    let is_json = serde_json::from_slice::<serde_json::Value>(&body)
        .is_ok_and(|body| body.as_object().is_some_and(|body| !body.is_empty()));
    if status != 200 || !is_json {
        let body = String::from_utf8_lossy(&body);
        return Err(format!(
            "{status}: {}",
            body.trim().chars().take(120).collect::<String>()
        ));
    }
    Ok(())
}

fn told(error: reqwest::Error) -> String {
    format!("{error:?}")
}

pub(crate) struct Requests(Vec<Request>);

/// What happened within a time.
pub(crate) struct Counted {
    pub(crate) requests: usize,
    pub(crate) failed: usize,
    pub(crate) p99: Duration,
    pub(crate) longest: Duration,
}

impl Requests {
    /// Of the requests that began within a time.
    pub(crate) fn between(&self, from: Instant, to: Instant) -> Counted {
        let within = |request: &&Request| request.begun >= from && request.begun < to;
        let within: Vec<_> = self.0.iter().filter(within).collect();
        let mut times: Vec<_> = within.iter().map(|request| request.took).collect();
        times.sort();
        let at = |share: usize| times.get(times.len() * share / 100).copied();
        Counted {
            requests: within.len(),
            failed: within
                .iter()
                .filter(|request| request.failure.is_some())
                .count(),
            p99: at(99).unwrap_or_default(),
            longest: times.last().copied().unwrap_or_default(),
        }
    }

    /// What failed, and how.
    pub(crate) fn failures(&self) -> Vec<&str> {
        let failures = self.0.iter();
        failures
            .filter_map(|request| request.failure.as_deref())
            .collect()
    }

    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }
}
