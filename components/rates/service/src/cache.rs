//! The serving order: fresh boards at once; a due one at once too, while one elected instance
//! refreshes it; a stale one while upstreams fail; and only without any board does a client wait.

use crate::adapters::Adapters;
use crate::believing::{self, Believed};
use crate::lease::{self, Draw, Lease, Superseded};
use crate::memo::{Held, Seen};
use crate::refresh;
use crate::rendered::{JSON, Rendered, State};
use crate::service::Service;
use bytes::Bytes;
use edge_rates_kit::Capabilities;
use edge_rates_kit::answer::{Answer, Validators, Value};
use edge_rates_kit::caching::{CacheStatus, CacheTimes};
use edge_rates_kit::coding::Forms;
use edge_rates_kit::log;
use edge_rates_kit::problem::Problem;
use edge_rates_kit::request::Request;
use edge_rates_kit::series::CACHE_REQUESTS;
use edge_rates_kit::stored;
use edge_rates_quotes::stored::{BOARD, Failure};
use edge_rates_quotes::ticket::{Tickets, ticket_prefix};
use edge_rates_quotes::{
    Board, Freshness, Head, Millis, Version, breaker, budget, etag, freshness,
};
use futures::TryFutureExt;
use futures::channel::oneshot;
use futures::future::{Either, select};
use http::StatusCode;
use serde_json::json;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

/// How long the leader of a refresh keeps its own client waiting when the stored board is past
/// its grace. After that the client gets the stored one, and the refresh goes on by itself.
const PATIENCE: Duration = Duration::from_secs(2);

/// The same where nothing is stored, so that there is nothing else to give: long enough for one
/// upstream to time out and the next one to answer.
const FIRST_PATIENCE: Duration = Duration::from_secs(5);

/// Pauses between looks at the store while another instance fetches the first board: 2 s in all.
const PAUSES_MS: [u64; 6] = [50, 100, 200, 400, 800, 450];

/// A board to answer from, and how it came to be served.
#[derive(Debug, Clone)]
pub(crate) struct Served {
    pub(crate) board: Rc<Board>,
    /// The board is past its time and could not be renewed.
    pub(crate) is_stale: bool,
    status: CacheStatus,
    at: Millis,
}

impl Served {
    /// A JSON body made from this board. `canonical` identifies the question, so that equal
    /// questions have equal ETags; `is_stale` says whether the body says so.
    pub(crate) fn render(
        &self,
        canonical: &str,
        is_stale: bool,
        body: impl Into<Bytes>,
    ) -> Rendered {
        let tag = etag::etag(&self.board.version, canonical, is_stale);
        // A board that turned stale has the time of the fresh one: only the tag tells them apart.
        let modified = (!is_stale).then_some(self.board.fetched);
        Rendered {
            media_type: JSON,
            body: Forms::new(body),
            validators: Validators::new(tag, modified),
            is_stale,
            of: self.state(),
        }
    }

    /// What an answer has to be made from to be the current one.
    pub(crate) fn state(&self) -> State {
        State {
            version: self.board.version,
            is_stale: self.is_stale,
        }
    }

    /// The value of Cache-Status.
    pub(crate) fn cache_status(&self) -> Value {
        self.status.header()
    }

    /// An answer that was made from this board, in the coding that `request` wants, with what
    /// caches need to know.
    ///
    /// # Errors
    /// A 406 problem if the client accepts no form of it.
    pub(crate) fn answer(
        &self,
        rendered: &Rendered,
        request: &Request,
        times: &CacheTimes,
    ) -> Result<Answer, Problem> {
        let (coding, body) = rendered.body.wanted(request)?;
        let mut answer = Answer::new(StatusCode::OK).with_body(body);
        answer.add("content-type", rendered.media_type);
        answer.set_validators(&rendered.validators);
        if let Some(coding) = coding {
            answer.set_coding(coding);
        }
        let control = match rendered.is_stale {
            true => times.stale(),
            false => times.fresh(),
        };
        answer.add("cache-control", control);
        let age = self.at.since(self.board.fetched) / 1000;
        answer.add("age", age.to_string());
        answer.add("vary", "Accept, Accept-Encoding");
        answer.add("cache-status", self.cache_status());
        Ok(answer)
    }
}

/// The board to answer from, for a request that came at `arrived` in elapsed time.
///
/// # Errors
/// A 503 problem that says when to come back, if there is no board that may be served.
pub(crate) async fn current<W: Capabilities, A: Adapters + 'static>(
    service: &Rc<Service<W, A>>,
    arrived: Duration,
) -> Result<Served, Problem> {
    let result = obtain(service, arrived).await;
    let label = match &result {
        Ok(served) if served.is_stale => "stale",
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

/// The same for whoever looks on his own account: no client's request is counted. None if there
/// is no board.
pub(crate) async fn watched<W: Capabilities, A: Adapters + 'static>(
    service: &Rc<Service<W, A>>,
    now: Duration,
) -> Option<Served> {
    obtain(service, now).await.ok()
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
    arrived: Duration,
) -> Result<Served, Unserved> {
    let world = &service.world;
    let now = world.now();
    let Ok(seen) = service.memo.recent(world, arrived).await else {
        return Err(Unserved::StoreFails);
    };
    let Some(held) = &seen.held else {
        return first_board(service, &seen).await;
    };
    let bits = low_bits(world.bits());
    match freshness::freshness(&held.head, &service.settings.policy, now, bits) {
        Freshness::Fresh => Ok(hit(held, now)),
        Freshness::Due => renew(service, &seen, held, false).await,
        Freshness::Stale => renew(service, &seen, held, true).await,
        Freshness::Refused => first_board(service, &seen).await,
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
        at: now,
    }
}

/// Seconds of freshness left; negative once it is over.
fn ttl(head: &Head, now: Millis) -> i64 {
    let left = i128::from(head.fresh_until.0) - i128::from(now.0);
    i64::try_from(left.div_euclid(1000)).unwrap_or(0)
}

fn stale_on_error(held: &Held, failure: &Failure, now: Millis) -> Served {
    Served {
        board: Rc::clone(&held.board),
        is_stale: true,
        status: CacheStatus::StaleOnError {
            status: failure.status,
        },
        at: now,
    }
}

/// Serves the stored board, and sees to it that somebody refreshes it.
async fn renew<W: Capabilities, A: Adapters + 'static>(
    service: &Rc<Service<W, A>>,
    seen: &Seen,
    held: &Held,
    is_past_grace: bool,
) -> Result<Served, Unserved> {
    let now = service.world.now();
    let failure = seen.failure(now);
    if failure.is_some() && now < held.head.fresh_until {
        // An early refresh failed; the board is still good.
        return Ok(hit(held, now));
    }
    if let Some(failure) = seen.hold_off(now) {
        return Ok(stale_on_error(held, failure, now));
    }
    if let Some(lease) = elect(service, Some(&held.head), now).await {
        let refreshed = start(service, Some(held.head.clone()), lease);
        // Within the grace nobody waits. Where the last refresh failed, the next one is
        // likely to be slow, so nobody waits either.
        if is_past_grace && failure.is_none() {
            match within(service, PATIENCE, refreshed).await {
                Some(Ok(held)) => return Ok(refreshed_just_now(&held, service.world.now())),
                Some(Err(failure)) => {
                    return Ok(stale_on_error(held, &failure, service.world.now()));
                }
                None => {}
            }
        }
    }
    Ok(match failure {
        Some(failure) => stale_on_error(held, failure, now),
        None => Served {
            is_stale: is_past_grace,
            status: CacheStatus::Revalidating {
                ttl: ttl(&held.head, now),
            },
            board: Rc::clone(&held.board),
            at: now,
        },
    })
}

/// What a refresh comes to, if that is known soon enough.
async fn within<W: Capabilities, A>(
    service: &Service<W, A>,
    patience: Duration,
    refreshed: oneshot::Receiver<Result<Held, Failure>>,
) -> Option<Result<Held, Failure>> {
    match select(refreshed, pin!(service.world.sleep(patience))).await {
        Either::Left((result, _)) => result.ok(),
        Either::Right(((), _)) => None,
    }
}

fn refreshed_just_now(held: &Held, now: Millis) -> Served {
    Served {
        board: Rc::clone(&held.board),
        is_stale: false,
        status: CacheStatus::Refreshed,
        at: now,
    }
}

/// Nothing that may be served is stored: the leader fetches it, everybody else waits for that.
async fn first_board<W: Capabilities, A: Adapters + 'static>(
    service: &Rc<Service<W, A>>,
    seen: &Seen,
) -> Result<Served, Unserved> {
    let now = service.world.now();
    if let Some(failure) = seen.hold_off(now) {
        return Err(Unserved::HeldOff(failure.clone()));
    }
    let refused = seen.held.as_ref().map(|held| held.head.clone());
    if let Some(lease) = elect(service, refused.as_ref(), now).await {
        let refreshed = start(service, refused, lease);
        return match within(service, FIRST_PATIENCE, refreshed).await {
            Some(Ok(held)) => Ok(Served {
                board: held.board,
                is_stale: false,
                status: CacheStatus::Filled,
                at: service.world.now(),
            }),
            Some(Err(failure)) => Err(Unserved::Failed(failure)),
            None => Err(Unserved::StillFetching),
        };
    }
    for pause in PAUSES_MS {
        service.world.sleep(Duration::from_millis(pause)).await;
        let Ok(seen) = service.memo.look(&service.world).await else {
            continue;
        };
        let now = service.world.now();
        let held = seen.held.as_ref();
        if let Some(held) = held.filter(|held| now < held.head.refused_from) {
            return Ok(Served {
                board: Rc::clone(&held.board),
                is_stale: false,
                status: CacheStatus::Collapsed,
                at: now,
            });
        }
        if let Some(failure) = seen.hold_off(now) {
            return Err(Unserved::HeldOff(failure.clone()));
        }
    }
    Err(Unserved::StillFetching)
}

/// The lease under which this request refreshes, if it is the one that does.
async fn elect<W: Capabilities, A>(
    service: &Rc<Service<W, A>>,
    head: Option<&Head>,
    now: Millis,
) -> Option<Lease> {
    if service.memo.is_leading() {
        return None;
    }
    let tickets = tickets(head, now);
    if service.memo.has_lost(&tickets.key(tickets.window(now))) {
        return None;
    }
    match lease::draw(&service.world, &tickets).await {
        Draw::Won(lease) => Some(lease),
        Draw::Lost(ticket) => {
            service.memo.lose(ticket);
            None
        }
        Draw::Unknown => None,
    }
}

/// The tickets for replacing the board that has this head.
fn tickets(head: Option<&Head>, now: Millis) -> Tickets {
    // A board from the future was stored by a clock that has gone back since; windows that
    // begin when it expires would not pass.
    let expiry = head
        .filter(|head| head.fetched <= now)
        .map_or(Millis(0), |head| head.fresh_until);
    Tickets::new(BOARD, head.map(|head| &head.version), expiry)
}

/// Starts the refresh of the board that has this head, in the background: it goes on even if
/// the client that caused it gives up. Nothing is told if another leader took over.
fn start<W: Capabilities, A: Adapters + 'static>(
    service: &Rc<Service<W, A>>,
    replaced: Option<Head>,
    lease: Lease,
) -> oneshot::Receiver<Result<Held, Failure>> {
    let (told, outcome) = oneshot::channel();
    let leader = Rc::clone(service);
    leader.memo.set_leading(true);
    service.world.spawn(async move {
        let result = lead(&leader, replaced.as_ref(), lease).await;
        leader.memo.set_leading(false);
        leader.recorder.flush_soon(&leader.world);
        if let Some(result) = result {
            // Nobody may be listening any more; the store has the result.
            let _ = told.send(result);
        }
    });
    outcome
}

/// Refreshes within the time that a refresh may take, and for as long as the lease is held.
async fn lead<W: Capabilities, A: Adapters>(
    service: &Service<W, A>,
    replaced: Option<&Head>,
    mut lease: Lease,
) -> Option<Result<Held, Failure>> {
    let world = &service.world;
    let work = pin!(refresh(service, replaced));
    let superseded = pin!(lease.keep(world));
    let late = pin!(world.sleep(refresh::REFRESH));
    match select(work, select(superseded, late)).await {
        Either::Left((result, _)) => Some(result),
        Either::Right((Either::Left((Superseded, _)), _)) => {
            log::warning(
                json!({"event": "refresh given up", "detail": "another replica took over"}),
            );
            None
        }
        Either::Right((Either::Right(((), _)), _)) => {
            let failure = refresh::failed(service, "timeout");
            service.memo.remember_failure(failure.clone());
            Some(Err(failure))
        }
    }
}

async fn refresh<W: Capabilities, A: Adapters>(
    service: &Service<W, A>,
    replaced: Option<&Head>,
) -> Result<Held, Failure> {
    let world = &service.world;
    // The election may have been won by an old view of the store: the board was replaced
    // meanwhile, or somebody tried in vain. The tickets are left alone then: among them are
    // those of whoever refreshes the present board.
    let seen = service.memo.look_closely(world).await.unwrap_or_default();
    if let Some(held) = replacement(&seen, replaced) {
        return Ok(held);
    }
    if let Some(failure) = seen.hold_off(world.now()) {
        return Err(failure.clone());
    }
    let started = world.elapsed();
    let last = seen.held.as_ref().map(|held| &*held.board);
    let told = refresh::fetch(service, last).await;
    let now = world.now();
    let believed = told.and_then(|told| {
        believing::believe(&service.settings, &told, last, now)
            .ok_or_else(|| refresh::failed(service, "no price"))
    });
    let believed = match believed {
        Ok(believed) => believed,
        Err(failure) => {
            service.memo.remember_failure(failure.clone());
            if let Err(error) = stored::put_failure(world, &failure).await {
                log::warning(json!({"event": "store failed", "detail": error.to_string()}));
            }
            sweep(world, replaced).await;
            return Err(failure);
        }
    };
    let cost = world.elapsed().saturating_sub(started);
    // This leader may have been asleep for longer than its lease. A board that was stored
    // meanwhile stays.
    let present = service.memo.look(world).await.unwrap_or_default();
    if let Some(held) = replacement(&present, replaced) {
        return Ok(held);
    }
    let divergences = believed.divergences.clone();
    let held = board_of(service, believed, seen.held.as_ref(), cost);
    service.memo.remember(world, held.clone());
    let put = stored::put(world, &held.head, &held.board);
    let put = put.and_then(|()| stored::put_divergences(world, &divergences));
    if let Err(error) = put.await {
        // This instance can still answer from its memory.
        log::warning(json!({"event": "store failed", "detail": error.to_string()}));
    }
    sweep(world, replaced).await;
    Ok(held)
}

/// What another leader has stored since the board that has the head `replaced`.
fn replacement(seen: &Seen, replaced: Option<&Head>) -> Option<Held> {
    let replaced = replaced.map(|head| head.version);
    let held = seen.held.as_ref();
    held.filter(|held| Some(held.head.version) != replaced)
        .cloned()
}

fn board_of<W: Capabilities, A>(
    service: &Service<W, A>,
    believed: Believed,
    replaced: Option<&Held>,
    cost: Duration,
) -> Held {
    let now = service.world.now();
    let version = Version::next(now, replaced.map(|held| &held.head.version));
    let last = replaced.map(|held| &*held.board);
    let board = believing::board(&service.settings, believed, last, version, now);
    let cost_ms = u64::try_from(cost.as_millis()).unwrap_or(u64::MAX);
    let bits = low_bits(service.world.bits());
    let policy = &service.settings.policy;
    let head = policy.head(version, now, cost_ms, &board.source, bits);
    Held {
        head,
        board: Rc::new(board),
    }
}

/// Removes counters that elect and count nothing more: tickets of earlier boards and windows, and
/// those ahead, which the leader held while it was at work; of upstreams what their windows have
/// passed by. The present ticket stays drawn.
async fn sweep<W: Capabilities>(world: &W, replaced: Option<&Head>) {
    let now = world.now();
    let tickets = tickets(replaced, now);
    let present = tickets.key(tickets.window(now));
    let prefix = ticket_prefix(BOARD);
    let Ok(keys) = world.keys().await else {
        return;
    };
    for key in keys {
        let is_past = match key.starts_with(&prefix) {
            true => key != present,
            false => breaker::is_past(&key, now) || budget::is_past(&key, now),
        };
        if is_past {
            // One that can't be deleted now goes with the next refresh.
            let _ = world.delete(&key).await;
        }
    }
}
