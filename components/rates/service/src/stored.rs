//! The board in the store: a small head that is read often, a body that is read once per
//! version, and the failure of the last refresh. And what is known of each upstream.

use edge_rates_kit::store::{Store, StoreError};
use edge_rates_quotes::absence::{Absences, absence_key};
use edge_rates_quotes::belief::Divergence;
use edge_rates_quotes::breaker::{Open, circuit_key};
use edge_rates_quotes::standing::{Standing, standing_key};
use edge_rates_quotes::stored::{
    BODY_KEY, DIVERGENCE_KEY, FAILURE_KEY, Failure, HEAD_KEY, encode_divergences,
};
use edge_rates_quotes::{Board, Head};

/// The head, if a readable one is stored.
pub(crate) async fn head<W: Store>(world: &W) -> Result<Option<Head>, StoreError> {
    let bytes = world.get(HEAD_KEY).await?;
    // A head that can't be read is as good as none: the next refresh replaces it.
    Ok(bytes.and_then(|bytes| Head::decode(&bytes).ok()))
}

/// The body, if a readable one is stored.
pub(crate) async fn body<W: Store>(world: &W) -> Result<Option<Board>, StoreError> {
    let bytes = world.get(BODY_KEY).await?;
    Ok(bytes.and_then(|bytes| Board::decode(&bytes).ok()))
}

/// How the last refresh failed, if it did.
pub(crate) async fn failure<W: Store>(world: &W) -> Result<Option<Failure>, StoreError> {
    let bytes = world.get(FAILURE_KEY).await?;
    Ok(bytes.and_then(|bytes| Failure::decode(&bytes)))
}

/// Stores a new board. The body goes first: a reader who sees the head finds its body.
pub(crate) async fn put<W: Store>(world: &W, head: &Head, board: &Board) -> Result<(), StoreError> {
    world.set(BODY_KEY, &board.encode()).await?;
    world.set(HEAD_KEY, &head.encode()).await?;
    world.delete(FAILURE_KEY).await
}

/// Notes how far upstreams are from what is believed, for /metrics.
pub(crate) async fn put_divergences<W: Store>(
    world: &W,
    divergences: &[Divergence],
) -> Result<(), StoreError> {
    let divergences = encode_divergences(divergences);
    world.set(DIVERGENCE_KEY, &divergences).await
}

/// Notes that a refresh failed, so that nobody repeats it at once.
pub(crate) async fn put_failure<W: Store>(world: &W, failure: &Failure) -> Result<(), StoreError> {
    world.set(FAILURE_KEY, &failure.encode()).await
}

/// The state of an upstream's circuit; None is closed.
pub(crate) async fn circuit<W: Store>(
    world: &W,
    provider: &str,
) -> Result<Option<Open>, StoreError> {
    let bytes = world.get(&circuit_key(provider)).await?;
    Ok(bytes.and_then(|bytes| Open::decode(&bytes)))
}

/// Opens an upstream's circuit for everybody.
pub(crate) async fn open_circuit<W: Store>(
    world: &W,
    provider: &str,
    open: &Open,
) -> Result<(), StoreError> {
    world.set(&circuit_key(provider), &open.encode()).await
}

/// Closes an upstream's circuit for everybody.
pub(crate) async fn close_circuit<W: Store>(world: &W, provider: &str) -> Result<(), StoreError> {
    world.delete(&circuit_key(provider)).await
}

/// What an upstream is known not to price.
pub(crate) async fn absences<W: Store>(world: &W, provider: &str) -> Result<Absences, StoreError> {
    let bytes = world.get(&absence_key(provider)).await?;
    let absences = bytes.and_then(|bytes| Absences::decode(&bytes));
    Ok(absences.unwrap_or_default())
}

/// Notes what an upstream does not price.
pub(crate) async fn put_absences<W: Store>(
    world: &W,
    provider: &str,
    absences: &Absences,
) -> Result<(), StoreError> {
    world.set(&absence_key(provider), &absences.encode()).await
}

/// How an upstream did the last time.
pub(crate) async fn standing<W: Store>(
    world: &W,
    provider: &str,
) -> Result<Option<Standing>, StoreError> {
    let bytes = world.get(&standing_key(provider)).await?;
    Ok(bytes.and_then(|bytes| Standing::decode(&bytes)))
}

/// Notes how an upstream did.
pub(crate) async fn put_standing<W: Store>(
    world: &W,
    provider: &str,
    standing: &Standing,
) -> Result<(), StoreError> {
    world.set(&standing_key(provider), &standing.encode()).await
}
