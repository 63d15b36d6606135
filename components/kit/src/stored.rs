//! What components keep in the store for each other. The board: a small head that is read often,
//! a body that is read once per version, and the failure of the last refresh. And what is known of
//! each upstream. Whatever can't be read is as good as absent: it is replaced by and by.

use crate::store::{Store, StoreError};
use edge_rates_quotes::absence::{Absences, absence_key};
use edge_rates_quotes::belief::Divergence;
use edge_rates_quotes::breaker::{CIRCUIT_PREFIX, Open, circuit_key};
use edge_rates_quotes::order;
use edge_rates_quotes::standing::{STANDING_PREFIX, Standing, standing_key};
use edge_rates_quotes::stored::{
    BODY_KEY, DIVERGENCE_KEY, FAILURE_KEY, Failure, HEAD_KEY, decode_divergences,
    encode_divergences,
};
use edge_rates_quotes::{Board, Head};

async fn read<W: Store, T>(
    world: &W,
    key: &str,
    decode: impl FnOnce(&[u8]) -> Option<T>,
) -> Result<Option<T>, StoreError> {
    let bytes = world.get(key).await?;
    Ok(bytes.and_then(|bytes| decode(&bytes)))
}

/// The head of the board.
///
/// # Errors
/// If the store fails; so of everything here.
pub async fn head<W: Store>(world: &W) -> Result<Option<Head>, StoreError> {
    read(world, HEAD_KEY, |bytes| Head::decode(bytes).ok()).await
}

/// The body of the board.
///
/// # Errors
/// If the store fails.
pub async fn body<W: Store>(world: &W) -> Result<Option<Board>, StoreError> {
    read(world, BODY_KEY, |bytes| Board::decode(bytes).ok()).await
}

/// How the last refresh failed, if it did. It may be from before the board.
///
/// # Errors
/// If the store fails.
pub async fn failure<W: Store>(world: &W) -> Result<Option<Failure>, StoreError> {
    read(world, FAILURE_KEY, Failure::decode).await
}

/// Stores a new board. The body goes first: a reader who sees the head finds its body.
///
/// # Errors
/// If the store fails.
pub async fn put<W: Store>(world: &W, head: &Head, board: &Board) -> Result<(), StoreError> {
    world.set(BODY_KEY, &board.encode()).await?;
    world.set(HEAD_KEY, &head.encode()).await?;
    world.delete(FAILURE_KEY).await
}

/// How far upstreams were from what was believed at the last refresh; nothing if that is not
/// known.
///
/// # Errors
/// If the store fails.
pub async fn divergences<W: Store>(world: &W) -> Result<Vec<Divergence>, StoreError> {
    let divergences = read(world, DIVERGENCE_KEY, decode_divergences).await?;
    Ok(divergences.unwrap_or_default())
}

/// Notes how far upstreams are from what is believed, for /metrics.
///
/// # Errors
/// If the store fails.
pub async fn put_divergences<W: Store>(
    world: &W,
    divergences: &[Divergence],
) -> Result<(), StoreError> {
    let divergences = encode_divergences(divergences);
    world.set(DIVERGENCE_KEY, &divergences).await
}

/// Notes that a refresh failed, so that nobody repeats it at once.
///
/// # Errors
/// If the store fails.
pub async fn put_failure<W: Store>(world: &W, failure: &Failure) -> Result<(), StoreError> {
    world.set(FAILURE_KEY, &failure.encode()).await
}

/// The state of an upstream's circuit; None is closed.
///
/// # Errors
/// If the store fails.
pub async fn circuit<W: Store>(world: &W, provider: &str) -> Result<Option<Open>, StoreError> {
    read(world, &circuit_key(provider), Open::decode).await
}

/// The circuits that are not closed, by their upstreams, in the order of their names.
///
/// # Errors
/// If the store fails.
pub async fn circuits<W: Store>(world: &W) -> Result<Vec<(String, Open)>, StoreError> {
    let mut circuits = Vec::new();
    for provider in named(world, CIRCUIT_PREFIX).await? {
        if let Some(open) = circuit(world, &provider).await? {
            circuits.push((provider, open));
        }
    }
    Ok(circuits)
}

/// What keys with this prefix go on with, in order.
async fn named<W: Store>(world: &W, prefix: &str) -> Result<Vec<String>, StoreError> {
    let keys = world.keys().await?;
    let names = keys.iter().filter_map(|key| key.strip_prefix(prefix));
    let mut names: Vec<String> = names.map(str::to_owned).collect();
    order::sort(&mut names);
    Ok(names)
}

/// Opens an upstream's circuit for everybody.
///
/// # Errors
/// If the store fails.
pub async fn open_circuit<W: Store>(
    world: &W,
    provider: &str,
    open: &Open,
) -> Result<(), StoreError> {
    world.set(&circuit_key(provider), &open.encode()).await
}

/// Closes an upstream's circuit for everybody.
///
/// # Errors
/// If the store fails.
pub async fn close_circuit<W: Store>(world: &W, provider: &str) -> Result<(), StoreError> {
    world.delete(&circuit_key(provider)).await
}

/// What an upstream is known not to price.
///
/// # Errors
/// If the store fails.
pub async fn absences<W: Store>(world: &W, provider: &str) -> Result<Absences, StoreError> {
    let absences = read(world, &absence_key(provider), Absences::decode).await?;
    Ok(absences.unwrap_or_default())
}

/// Notes what an upstream does not price.
///
/// # Errors
/// If the store fails.
pub async fn put_absences<W: Store>(
    world: &W,
    provider: &str,
    absences: &Absences,
) -> Result<(), StoreError> {
    world.set(&absence_key(provider), &absences.encode()).await
}

/// How an upstream did the last time.
///
/// # Errors
/// If the store fails.
pub async fn standing<W: Store>(world: &W, provider: &str) -> Result<Option<Standing>, StoreError> {
    read(world, &standing_key(provider), Standing::decode).await
}

/// How every upstream that was ever asked did, in the order of their names.
///
/// # Errors
/// If the store fails.
pub async fn standings<W: Store>(world: &W) -> Result<Vec<(String, Standing)>, StoreError> {
    let mut standings = Vec::new();
    for provider in named(world, STANDING_PREFIX).await? {
        if let Some(standing) = standing(world, &provider).await? {
            standings.push((provider, standing));
        }
    }
    Ok(standings)
}

/// Notes how an upstream did.
///
/// # Errors
/// If the store fails.
pub async fn put_standing<W: Store>(
    world: &W,
    provider: &str,
    standing: &Standing,
) -> Result<(), StoreError> {
    world.set(&standing_key(provider), &standing.encode()).await
}
