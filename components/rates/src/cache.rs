//! The serving order: fresh boards at once; a due one at once too, while one elected instance
//! refreshes it; a stale one while upstreams fail; and only without any board does a client wait.

use crate::adapters::Adapters;
use crate::memo::{Held, Seen};
use crate::refresh::{self, Fetched};
use crate::service::Service;
use crate::stored;
use edge_rates_kit::Capabilities;
use edge_rates_kit::answer::Answer;
use edge_rates_kit::caching::{CacheStatus, FRESH, STALE};
use edge_rates_kit::log;
use edge_rates_kit::problem::Problem;
use edge_rates_kit::series::CACHE_REQUESTS;
use edge_rates_quotes::stored::{BOARD, Failure};
use edge_rates_quotes::ticket::{ticket_key, ticket_prefix};
use edge_rates_quotes::{Board, Freshness, Head, Millis, Version, etag, freshness};
use futures::channel::oneshot;
use futures::future::{Either, select};
use http::HeaderValue;
use http::header::{AGE, CACHE_CONTROL, HeaderName, VARY};
use serde_json::json;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

/// How long the leader of a refresh keeps its own client waiting when the stored board is past
/// its grace. After that the client gets the stored one, and the refresh goes on by itself.
const PATIENCE: Duration = Duration::from_secs(2);

/// Pauses between looks at the store while another instance fetches the first board: 2 s in all.
const PAUSES_MS: [u64; 6] = [50, 100, 200, 400, 800, 450];

/// A board to answer from, and how it came to be served.
#[derive(Debug, Clone)]
pub(crate) struct Served {
    pub(crate) board: Rc<Board>,
    /// The board is past its time and could not be renewed.
    pub(crate) is_stale: bool,
    status: CacheStatus,
}

impl Served {
    /// Completes an answer made from this board with what caches need to know. `canonical`
    /// identifies the question, so that equal questions have equal ETags.
    pub(crate) fn finish(&self, mut answer: Answer, canonical: &str, now: Millis) -> Answer {
        let tag = etag::etag(&self.board.version, canonical, self.is_stale);
        answer.set_validators(&tag, self.board.fetched);
        let control = if self.is_stale { STALE } else { FRESH };
        answer.set(CACHE_CONTROL, HeaderValue::from_static(control));
        let age = now.since(self.board.fetched) / 1000;
        answer.set(AGE, HeaderValue::from(age));
        answer.set(VARY, HeaderValue::from_static("Accept, Accept-Encoding"));
        if let Some(status) = self.status.header() {
            answer.set(HeaderName::from_static("cache-status"), status);
        }
        answer
    }
}

/// The board to answer from.
///
/// # Errors
/// A 503 problem that says when to come back, if there is no board that may be served.
pub(crate) async fn current<W: Capabilities, A: Adapters + 'static>(
    service: &Rc<Service<W, A>>,
) -> Result<Served, Problem> {
    let result = obtain(service).await;
    let label = match &result {
        Ok(served) => match served.status {
            CacheStatus::Hit { .. } | CacheStatus::Revalidating { .. } => "hit",
            CacheStatus::StaleOnError { .. } => "stale",
            CacheStatus::Filled | CacheStatus::Collapsed | CacheStatus::Refreshed => "miss",
        },
        Err(Unserved::HeldOff(_)) => "negative",
        Err(Unserved::StoreFails | Unserved::Failed(_) | Unserved::StillFetching) => "miss",
    };
    service.recorder.count(&CACHE_REQUESTS, &[label]);
    result.map_err(|unserved| unserved.problem(service.world.now()))
}

/// Why no board can be served.
enum Unserved {
    StoreFails,
    /// This request's own refresh failed.
    Failed(Failure),
    /// A refresh failed a moment ago, so none is tried.
    HeldOff(Failure),
    StillFetching,
}

impl Unserved {
    fn problem(self, now: Millis) -> Problem {
        match self {
            Unserved::StoreFails => Problem::unavailable(
                "The store of rates can't be read at the moment; try again in a few seconds."
                    .into(),
                5,
            ),
            Unserved::Failed(failure) | Unserved::HeldOff(failure) => {
                let seconds = failure.retry_from.since(now).div_ceil(1000);
                Problem::unavailable(
                    "No upstream gives prices at the moment and none that may still be served are stored; try again after the time in Retry-After.".into(),
                    seconds,
                )
            }
            Unserved::StillFetching => Problem::unavailable(
                "The first prices are being fetched right now; try again in a moment.".into(),
                1,
            ),
        }
    }
}

async fn obtain<W: Capabilities, A: Adapters + 'static>(
    service: &Rc<Service<W, A>>,
) -> Result<Served, Unserved> {
    let world = &service.world;
    let Ok(seen) = service.memo.recent(world).await else {
        return Err(Unserved::StoreFails);
    };
    let Some(held) = seen.held.clone() else {
        return first_board(service, seen).await;
    };
    let (now, bits) = (world.now(), low_bits(world.bits()));
    match freshness::freshness(&held.head, &service.settings.policy, now, bits) {
        Freshness::Fresh => Ok(hit(&held, now)),
        Freshness::Due => renew(service, held, seen.failure, false).await,
        Freshness::Stale => renew(service, held, seen.failure, true).await,
        Freshness::Refused => first_board(service, seen).await,
    }
}

fn low_bits(bits: u64) -> u32 {
    (bits & u64::from(u32::MAX)) as u32
}

fn hit(held: &Held, now: Millis) -> Served {
    Served {
        board: Rc::clone(&held.board),
        is_stale: false,
        status: CacheStatus::Hit {
            ttl: ttl(&held.head, now),
        },
    }
}

/// Seconds of freshness left; negative once it is over.
fn ttl(head: &Head, now: Millis) -> i64 {
    let left = i128::from(head.fresh_until.0) - i128::from(now.0);
    i64::try_from(left.div_euclid(1000)).unwrap_or(0)
}

fn stale_on_error(held: &Held, failure: &Failure) -> Served {
    Served {
        board: Rc::clone(&held.board),
        is_stale: true,
        status: CacheStatus::StaleOnError {
            status: failure.status,
        },
    }
}

/// Serves the stored board, and sees to it that somebody refreshes it.
async fn renew<W: Capabilities, A: Adapters + 'static>(
    service: &Rc<Service<W, A>>,
    held: Held,
    failure: Option<Failure>,
    is_past_grace: bool,
) -> Result<Served, Unserved> {
    let now = service.world.now();
    if let Some(failure) = failure.as_ref().filter(|failure| now < failure.retry_from) {
        return Ok(stale_on_error(&held, failure));
    }
    if elect(service, Some(&held.head), now).await {
        let refreshed = start(service, Some(held.head.version));
        // Within the grace nobody waits. Where the last refresh failed, the next one is
        // likely to be slow, so nobody waits either.
        if is_past_grace && failure.is_none() {
            let patience = pin!(service.world.sleep(PATIENCE));
            match select(refreshed, patience).await {
                Either::Left((Ok(Ok(held)), _)) => return Ok(refreshed_just_now(&held)),
                Either::Left((Ok(Err(failure)), _)) => return Ok(stale_on_error(&held, &failure)),
                Either::Left((Err(oneshot::Canceled), _)) | Either::Right(_) => {}
            }
        }
    }
    Ok(match &failure {
        Some(failure) => stale_on_error(&held, failure),
        None => Served {
            is_stale: is_past_grace,
            status: CacheStatus::Revalidating {
                ttl: ttl(&held.head, now),
            },
            board: held.board,
        },
    })
}

fn refreshed_just_now(held: &Held) -> Served {
    Served {
        board: Rc::clone(&held.board),
        is_stale: false,
        status: CacheStatus::Refreshed,
    }
}

/// Nothing that may be served is stored: the leader fetches it, everybody else waits for that.
async fn first_board<W: Capabilities, A: Adapters + 'static>(
    service: &Rc<Service<W, A>>,
    seen: Seen,
) -> Result<Served, Unserved> {
    let now = service.world.now();
    if let Some(failure) = seen.failure.filter(|failure| now < failure.retry_from) {
        return Err(Unserved::HeldOff(failure));
    }
    let refused = seen.held.map(|held| held.head);
    if elect(service, refused.as_ref(), now).await {
        let version = refused.map(|head| head.version);
        return match start(service, version).await {
            Ok(Ok(held)) => Ok(Served {
                board: held.board,
                is_stale: false,
                status: CacheStatus::Filled,
            }),
            Ok(Err(failure)) => Err(Unserved::Failed(failure)),
            Err(oneshot::Canceled) => Err(Unserved::StillFetching),
        };
    }
    for pause in PAUSES_MS {
        service.world.sleep(Duration::from_millis(pause)).await;
        let Ok(seen) = service.memo.look(&service.world).await else {
            continue;
        };
        let now = service.world.now();
        if let Some(held) = seen.held.filter(|held| now < held.head.refused_from) {
            return Ok(Served {
                board: held.board,
                is_stale: false,
                status: CacheStatus::Collapsed,
            });
        }
        if let Some(failure) = seen.failure.filter(|failure| now < failure.retry_from) {
            return Err(Unserved::HeldOff(failure));
        }
    }
    Err(Unserved::StillFetching)
}

/// Whether this request is the one that refreshes. One ticket is drawn per window of ten
/// seconds, so that a leader that died is replaced in the next window.
async fn elect<W: Capabilities, A>(
    service: &Rc<Service<W, A>>,
    head: Option<&Head>,
    now: Millis,
) -> bool {
    let expiry = head.map_or(Millis(0), |head| head.fresh_until);
    let ticket = ticket_key(BOARD, head.map(|head| &head.version), expiry, now).to_string();
    if service.memo.has_lost(&ticket) {
        return false;
    }
    match service.world.increment(&ticket, 1).await {
        Ok(1) => true,
        Ok(_) => {
            service.memo.lose(ticket);
            false
        }
        // Without a working counter some must try, but not everybody at once.
        Err(_) => service.world.bits().is_multiple_of(8),
    }
}

/// Starts the refresh of the board that has `version`, in the background: it goes on even if
/// the client that caused it gives up.
fn start<W: Capabilities, A: Adapters + 'static>(
    service: &Rc<Service<W, A>>,
    version: Option<Version>,
) -> oneshot::Receiver<Result<Held, Failure>> {
    let (told, outcome) = oneshot::channel();
    let leader = Rc::clone(service);
    service.world.spawn(async move {
        let result = lead(&leader, version).await;
        leader.recorder.flush_soon(&leader.world);
        // Nobody may be listening any more; the store has the result.
        let _ = told.send(result);
    });
    outcome
}

async fn lead<W: Capabilities, A: Adapters>(
    service: &Service<W, A>,
    replaced: Option<Version>,
) -> Result<Held, Failure> {
    let world = &service.world;
    // The election may have been won by an old view of the store.
    if let Ok(Seen {
        held: Some(held), ..
    }) = service.memo.look(world).await
        && Some(&held.head.version) != replaced.as_ref()
    {
        return Ok(held);
    }
    let started = world.elapsed();
    let fetched = match refresh::fetch(service).await {
        Ok(fetched) => fetched,
        Err(failure) => {
            service.memo.remember_failure(failure.clone());
            if let Err(error) = stored::put_failure(world, &failure).await {
                log::warning(json!({"event": "store failed", "detail": error.to_string()}));
            }
            return Err(failure);
        }
    };
    let cost = world.elapsed().saturating_sub(started);
    let held = board_of(service, fetched, replaced.as_ref(), cost);
    service.memo.remember(world, held.clone());
    if let Err(error) = stored::put(world, &held.head, &held.board).await {
        // This instance can still answer from its memory.
        log::warning(json!({"event": "store failed", "detail": error.to_string()}));
    }
    drop_old_tickets(service, replaced.as_ref()).await;
    Ok(held)
}

fn board_of<W: Capabilities, A>(
    service: &Service<W, A>,
    fetched: Fetched,
    replaced: Option<&Version>,
    cost: Duration,
) -> Held {
    let now = service.world.now();
    let version = Version::next(now, replaced);
    let (source, attribution) = match &service.settings.source_name {
        Some(name) => (name.clone(), format!("Data provided by {name}")),
        None => (fetched.upstream.id, fetched.upstream.attribution),
    };
    let cost_ms = u64::try_from(cost.as_millis()).unwrap_or(u64::MAX);
    let bits = low_bits(service.world.bits());
    let policy = &service.settings.policy;
    let head = policy.head(version, now, cost_ms, &source, bits);
    let board = Board::new(version, now, &source, &attribution, fetched.quotes);
    Held {
        head,
        board: Rc::new(board),
    }
}

/// Removes tickets of earlier versions. Those of the version that was just replaced stay: an
/// instance that has not looked for a moment may still draw one.
async fn drop_old_tickets<W: Capabilities, A>(service: &Service<W, A>, replaced: Option<&Version>) {
    let prefix = ticket_prefix(BOARD);
    let kept = format!(
        "{prefix}{}/",
        replaced.map_or_else(|| "0".to_owned(), Version::to_string)
    );
    let Ok(keys) = service.world.keys().await else {
        return;
    };
    for key in keys {
        if key.starts_with(&prefix) && !key.starts_with(&kept) {
            // One that can't be deleted now goes with the next refresh.
            let _ = service.world.delete(&key).await;
        }
    }
}
