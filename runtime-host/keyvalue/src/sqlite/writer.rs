//! Writes, by one thread per file. Whatever has queued up while it was busy goes into one
//! transaction (group commit), so that many small writes cost few commits.

use super::reader::bytes;
use super::{File, counter};
use crate::StoreError;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior};
use std::sync::Arc;
use std::thread;
use tokio::sync::{mpsc, oneshot};

/// Writes that may wait. Beyond it, whoever writes waits to be let in.
const QUEUE: usize = 4096;

/// Most writes in one transaction: an acknowledgement should not wait for too many others.
const GROUP: usize = 256;

/// A change of one store.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    Set(Vec<(String, Vec<u8>)>),
    Delete(Vec<String>),
    Increment {
        key: String,
        delta: i64,
    },
    Swap {
        key: String,
        expected: Option<Vec<u8>>,
        value: Vec<u8>,
    },
}

/// What a change came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    Done,
    /// A counter's new value.
    Sum(i64),
    /// A swap did not happen; the key holds this.
    Held(Option<Vec<u8>>),
}

struct Job {
    store: String,
    change: Change,
    acknowledge: oneshot::Sender<Result<Outcome, StoreError>>,
}

/// The way to the writing thread. Dropping it lets the thread finish what is queued, and end.
#[derive(Debug)]
pub(super) struct Writer {
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Writer {
    pub(super) fn start(file: Arc<File>, connection: Connection) -> Result<Writer, StoreError> {
        let (jobs, queue) = mpsc::channel(QUEUE);
        let thread = thread::Builder::new()
            .name("key-value-writer".to_owned())
            .spawn(move || write(&file, connection, queue))
            .map_err(|error| {
                StoreError::Unavailable(format!("its thread can't be started: {error}"))
            })?;
        Ok(Writer {
            jobs: Some(jobs),
            thread: Some(thread),
        })
    }

    /// Queues a change and waits until it is stored.
    pub(super) async fn change(&self, store: &str, change: Change) -> Result<Outcome, StoreError> {
        let (acknowledge, outcome) = oneshot::channel();
        let job = Job {
            store: store.to_owned(),
            change,
            acknowledge,
        };
        let ended = || StoreError::Unavailable("its writing thread has ended".to_owned());
        let jobs = self.jobs.as_ref().ok_or_else(ended)?;
        jobs.send(job).await.map_err(|_| ended())?;
        outcome.await.map_err(|_| ended())?
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take() {
            // What was queued is stored before the file counts as closed.
            let _ = thread.join();
        }
    }
}

fn write(file: &File, mut connection: Connection, mut queue: mpsc::Receiver<Job>) {
    while let Some(first) = queue.blocking_recv() {
        let mut group = vec![first];
        while group.len() < GROUP
            && let Ok(job) = queue.try_recv()
        {
            group.push(job);
        }
        match commit(file, &mut connection, &group) {
            Ok(outcomes) => acknowledge(group, outcomes),
            // One of them broke the transaction for all: each gets its own.
            Err(_) if group.len() > 1 => {
                for job in group {
                    let alone = std::slice::from_ref(&job);
                    let result = commit(file, &mut connection, alone);
                    settle(job, result);
                }
            }
            Err(error) => {
                for job in group {
                    settle(job, Err(error.clone()));
                }
            }
        }
    }
}

fn acknowledge(group: Vec<Job>, outcomes: Vec<Result<Outcome, StoreError>>) {
    for (job, outcome) in group.into_iter().zip(outcomes) {
        // Whoever asked may have given up.
        let _ = job.acknowledge.send(outcome);
    }
}

fn settle(job: Job, result: Result<Vec<Result<Outcome, StoreError>>, StoreError>) {
    let outcome = match result {
        Ok(outcomes) => outcomes.into_iter().next(),
        Err(error) => Some(Err(error)),
    };
    let nothing = || Err(StoreError::Unavailable("nothing was written".to_owned()));
    let _ = job.acknowledge.send(outcome.unwrap_or_else(nothing));
}

/// Applies all changes in one transaction. A change that is refused for what it is, such as
/// counting on what is no counter, fails alone; an error of the database fails all.
fn commit(
    file: &File,
    connection: &mut Connection,
    group: &[Job],
) -> Result<Vec<Result<Outcome, StoreError>>, StoreError> {
    let failure = |error: rusqlite::Error| file.failure(&error);
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(failure)?;
    let mut outcomes = Vec::with_capacity(group.len());
    for job in group {
        outcomes.push(match apply(&transaction, &job.store, &job.change) {
            Ok(outcome) => Ok(outcome),
            Err(Refusal::Change(error)) => Err(error),
            Err(Refusal::Database(error)) => return Err(failure(error)),
        });
    }
    transaction.commit().map_err(failure)?;
    Ok(outcomes)
}

enum Refusal {
    /// The change itself can't be made; nothing of it was written.
    Change(StoreError),
    Database(rusqlite::Error),
}

impl From<rusqlite::Error> for Refusal {
    fn from(error: rusqlite::Error) -> Refusal {
        Refusal::Database(error)
    }
}

fn apply(connection: &Connection, store: &str, change: &Change) -> Result<Outcome, Refusal> {
    match change {
        Change::Set(pairs) => {
            for (key, value) in pairs {
                set(connection, store, key, value)?;
            }
            Ok(Outcome::Done)
        }
        Change::Delete(keys) => {
            let mut statement = connection
                .prepare_cached("DELETE FROM spin_key_value WHERE store = ?1 AND key = ?2")?;
            for key in keys {
                statement.execute((store, key))?;
            }
            Ok(Outcome::Done)
        }
        Change::Increment { key, delta } => {
            let held = held(connection, store, key)?;
            let value = held.map_or(Ok(0), |held| counter(key, &held));
            let sum = value
                .map_err(Refusal::Change)?
                .checked_add(*delta)
                .ok_or_else(|| Refusal::Change(StoreError::Overflow(key.clone())))?;
            set(connection, store, key, &sum.to_le_bytes())?;
            Ok(Outcome::Sum(sum))
        }
        Change::Swap {
            key,
            expected,
            value,
        } => {
            let held = held(connection, store, key)?;
            if held != *expected {
                return Ok(Outcome::Held(held));
            }
            set(connection, store, key, value)?;
            Ok(Outcome::Done)
        }
    }
}

fn set(
    connection: &Connection,
    store: &str,
    key: &str,
    value: &[u8],
) -> Result<(), rusqlite::Error> {
    connection
        .prepare_cached(
            "INSERT INTO spin_key_value (store, key, value) VALUES (?1, ?2, ?3)
             ON CONFLICT (store, key) DO UPDATE SET value = ?3",
        )?
        .execute((store, key, value))?;
    Ok(())
}

fn held(
    connection: &Connection,
    store: &str,
    key: &str,
) -> Result<Option<Vec<u8>>, rusqlite::Error> {
    connection
        .prepare_cached("SELECT value FROM spin_key_value WHERE store = ?1 AND key = ?2")?
        .query_row((store, key), |row| bytes(row, 0))
        .optional()
}
