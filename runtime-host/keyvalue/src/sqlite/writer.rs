//! The thread that does all writing to a database file. It commits what is queued as one
//! transaction and acknowledges each piece of work after that. What the work is, it doesn't know.

use std::path::Path;
use std::thread;

use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::{mpsc, oneshot};

use crate::error::StoreError;

/// How much work may wait before those who bring more have to wait too.
const QUEUE_LENGTH: usize = 256;

/// How much work is committed at once.
const GROUP_LENGTH: usize = 256;

/// Where work for the thread is handed in. The thread ends when this is dropped and the work
/// that was handed in before is done.
pub(crate) struct Writer {
    queue: mpsc::Sender<Box<dyn Job>>,
}

/// Why work is not done.
pub(crate) enum Failure {
    /// It may not be. Nothing has been written for it.
    Refused(StoreError),
    /// SQLite could not do it.
    Sqlite(rusqlite::Error),
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

/// A piece of work, and who waits for it.
trait Job: Send {
    /// Does the work within a transaction. After an error all of the transaction is rolled back,
    /// and the work may be asked for again.
    fn apply(&mut self, connection: &Connection) -> rusqlite::Result<()>;

    /// Tells the one who waits what became of the work, once it is committed.
    fn acknowledge(self: Box<Self>);

    /// Tells the one who waits that it could not be done.
    fn fail(self: Box<Self>, error: StoreError);
}

struct Work<T, F> {
    work: F,
    outcome: Option<Result<T, StoreError>>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Job for Work<T, F>
where
    T: Send,
    F: FnMut(&Connection) -> Result<T, Failure> + Send,
{
    fn apply(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        self.outcome = Some(match (self.work)(connection) {
            Ok(done) => Ok(done),
            Err(Failure::Refused(error)) => Err(error),
            Err(Failure::Sqlite(error)) => return Err(error),
        });
        Ok(())
    }

    fn acknowledge(self: Box<Self>) {
        if let Some(outcome) = self.outcome {
            // Whoever asked may have gone; the work is done all the same.
            let _ = self.reply.send(outcome);
        }
    }

    fn fail(self: Box<Self>, error: StoreError) {
        let _ = self.reply.send(Err(error));
    }
}

impl Writer {
    /// Starts the thread on a connection that is open for writing.
    pub(crate) fn start(connection: Connection, path: &Path) -> std::io::Result<Self> {
        let (queue, work) = mpsc::channel(QUEUE_LENGTH);
        let path = path.to_owned();
        thread::Builder::new()
            .name("keyvalue-writer".to_owned())
            .spawn(move || run(connection, work, &path))?;
        Ok(Self { queue })
    }

    /// Has work done by the thread, and waits until it is committed. Work is done in the order
    /// in which it is handed in. If the caller stops waiting, it may be done all the same.
    ///
    /// `work` may be called more than once, each time in a new transaction.
    pub(crate) async fn write<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&Connection) -> Result<T, Failure> + Send + 'static,
    {
        let ended = || StoreError::Unavailable("its writer has ended: restart the host".to_owned());
        let (reply, answer) = oneshot::channel();
        let job = Box::new(Work {
            work,
            outcome: None,
            reply,
        });
        self.queue.send(job).await.map_err(|_| ended())?;
        answer.await.map_err(|_| ended())?
    }
}

fn run(mut connection: Connection, mut queue: mpsc::Receiver<Box<dyn Job>>, path: &Path) {
    while let Some(first) = queue.blocking_recv() {
        let mut group = vec![first];
        while group.len() < GROUP_LENGTH
            && let Ok(next) = queue.try_recv()
        {
            group.push(next);
        }
        commit_group(&mut connection, group, path);
    }
}

/// Commits all of a group together. If that fails, because of the work of one, each is
/// committed alone, so that only that one fails.
fn commit_group(connection: &mut Connection, mut group: Vec<Box<dyn Job>>, path: &Path) {
    match commit(connection, &mut group) {
        Ok(()) => group.into_iter().for_each(|job| job.acknowledge()),
        // Without the lock on the file no one can write, and waiting for it took long enough.
        Err(error) if group.len() == 1 || is_locked(&error) => {
            let error = StoreError::from_sqlite(&error, path);
            group.into_iter().for_each(|job| job.fail(error.clone()));
        }
        Err(_) => group
            .into_iter()
            .for_each(|job| commit_group(connection, vec![job], path)),
    }
}

fn commit(connection: &mut Connection, group: &mut [Box<dyn Job>]) -> rusqlite::Result<()> {
    // Dropped without a commit, the transaction is rolled back.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    group
        .iter_mut()
        .try_for_each(|job| job.apply(&transaction))?;
    transaction.commit()
}

fn is_locked(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{DatabaseBusy, DatabaseLocked};
    matches!(
        error.sqlite_error_code(),
        Some(DatabaseBusy | DatabaseLocked)
    )
}
