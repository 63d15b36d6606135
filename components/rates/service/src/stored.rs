//! The board in the store: a small head that is read often, a body that is read once per
//! version, and the failure of the last refresh.

use edge_rates_kit::store::{Store, StoreError};
use edge_rates_quotes::stored::{BODY_KEY, FAILURE_KEY, Failure, HEAD_KEY};
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

/// Notes that a refresh failed, so that nobody repeats it at once.
pub(crate) async fn put_failure<W: Store>(world: &W, failure: &Failure) -> Result<(), StoreError> {
    world.set(FAILURE_KEY, &failure.encode()).await
}
