//! What guests print: line by line to `<log dir>/<component>_{stdout,stderr}.txt` and, unless
//! the host is quiet, to the terminal, prefixed by the component's name. One thread writes, so
//! that a slow disk or terminal never holds up a request; when it cannot keep up, lines are
//! dropped and counted. The host's own log is not here: that is `tracing`.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{
    Receiver, Sender, SyncSender, TryRecvError, TrySendError, channel, sync_channel,
};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

/// Longer lines are cut into pieces of this many bytes.
const MAX_LINE: usize = 8 << 10;

/// Lines that wait for the writer thread. Together with [`MAX_LINE`] this bounds the memory
/// that chatty guests can take from the host.
const QUEUED_LINES: usize = 4096;

/// How often a flush looks whether there is room for it again.
const FLUSH_STEP: Duration = Duration::from_millis(1);

/// Which of a guest's two streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stream {
    Stdout,
    Stderr,
}

impl Stream {
    fn name(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        }
    }
}

enum Entry {
    Line {
        component: Arc<str>,
        stream: Stream,
        text: Vec<u8>,
    },
    /// Everything before it is on disk once this is answered.
    Flush(Sender<()>),
}

/// Where the guests of one host print to. Clones share the writer thread, which ends with the
/// last of them.
#[derive(Clone)]
pub(crate) struct GuestOutput {
    entries: SyncSender<Entry>,
    dropped: Arc<AtomicU64>,
}

impl GuestOutput {
    /// Starts the writer thread; files appear in `log_dir`, if there is one, with the first line of
    /// each stream.
    pub(crate) fn start(log_dir: Option<PathBuf>, to_terminal: bool) -> io::Result<Self> {
        let (entries, queue) = sync_channel(QUEUED_LINES);
        let dropped = Arc::new(AtomicU64::new(0));
        let writer = Writer {
            log_dir,
            to_terminal,
            files: BTreeMap::new(),
            dropped: Arc::clone(&dropped),
        };
        thread::Builder::new()
            .name("guest-output".into())
            .spawn(move || writer.run(&queue))?;
        Ok(Self { entries, dropped })
    }

    /// Says something in the place where the component's author looks: its own output.
    pub(crate) fn say(&self, component: &Arc<str>, stream: Stream, text: impl Into<Vec<u8>>) {
        let line = Entry::Line {
            component: Arc::clone(component),
            stream,
            text: text.into(),
        };
        if self.entries.try_send(line).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits until every line said so far has been written, for at most `limit`: a terminal that
    /// does not read must not keep the host from ending.
    pub(crate) fn flush(&self, limit: Duration) {
        let end = Instant::now() + limit;
        let (done, wait) = channel();
        let mut entry = Entry::Flush(done);
        while let Err(TrySendError::Full(back)) = self.entries.try_send(entry) {
            if Instant::now() >= end {
                return;
            }
            entry = back;
            thread::sleep(FLUSH_STEP);
        }
        let _written = wait.recv_timeout(end.saturating_duration_since(Instant::now()));
    }

    /// One instance's standard output or error.
    pub(crate) fn stream(&self, component: &Arc<str>, stream: Stream) -> GuestStream {
        GuestStream(Arc::new(Mutex::new(LineSplitter {
            output: self.clone(),
            component: Arc::clone(component),
            stream,
            partial: Vec::new(),
        })))
    }
}

struct Writer {
    log_dir: Option<PathBuf>,
    to_terminal: bool,
    /// None if the file could not be opened; said once.
    files: BTreeMap<(Arc<str>, Stream), Option<BufWriter<File>>>,
    dropped: Arc<AtomicU64>,
}

impl Writer {
    fn run(mut self, queue: &Receiver<Entry>) {
        loop {
            let entry = match queue.try_recv() {
                Ok(entry) => entry,
                Err(TryRecvError::Disconnected) => break,
                Err(TryRecvError::Empty) => {
                    self.flush_files();
                    match queue.recv() {
                        Ok(entry) => entry,
                        Err(_) => break,
                    }
                }
            };
            match entry {
                Entry::Line {
                    component,
                    stream,
                    text,
                } => self.write(component, stream, &text),
                Entry::Flush(done) => {
                    self.flush_files();
                    let _caller_gone = done.send(());
                }
            }
        }
        self.flush_files();
    }

    fn write(&mut self, component: Arc<str>, stream: Stream, text: &[u8]) {
        if self.to_terminal {
            // A closed terminal is no reason to stop serving.
            let _closed = match stream {
                Stream::Stdout => print_line(io::stdout().lock(), &component, text),
                Stream::Stderr => print_line(io::stderr().lock(), &component, text),
            };
        }
        let Some(log_dir) = &self.log_dir else {
            return;
        };
        let file = self
            .files
            .entry((component, stream))
            .or_insert_with_key(|(component, stream)| open_log(log_dir, component, *stream));
        if let Some(file) = file {
            let _disk_full = file.write_all(text).and_then(|()| file.write_all(b"\n"));
        }
    }

    fn flush_files(&mut self) {
        for file in self.files.values_mut().flatten() {
            let _disk_full = file.flush();
        }
        let dropped = self.dropped.swap(0, Ordering::Relaxed);
        if dropped > 0 {
            tracing::warn!(
                "{dropped} lines of guest output were dropped: guests print faster than they can be written"
            );
        }
    }
}

fn print_line(mut terminal: impl Write, component: &str, text: &[u8]) -> io::Result<()> {
    terminal.write_all(b"[")?;
    terminal.write_all(component.as_bytes())?;
    terminal.write_all(b"] ")?;
    terminal.write_all(text)?;
    terminal.write_all(b"\n")
}

fn open_log(log_dir: &Path, component: &str, stream: Stream) -> Option<BufWriter<File>> {
    let path = log_dir.join(format!("{component}_{}.txt", stream.name()));
    fs::create_dir_all(log_dir)
        .and_then(|()| OpenOptions::new().create(true).append(true).open(&path))
        .map(BufWriter::new)
        .inspect_err(|error| {
            tracing::warn!(
                "the output of {component} is not kept, {} cannot be written: {error}",
                path.display()
            );
        })
        .ok()
}

/// Collects what one instance prints until a line is complete.
struct LineSplitter {
    output: GuestOutput,
    component: Arc<str>,
    stream: Stream,
    partial: Vec<u8>,
}

impl LineSplitter {
    fn push(&mut self, mut bytes: &[u8]) {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            let (line, rest) = bytes.split_at(end);
            self.extend(line);
            self.end_line();
            bytes = rest.get(1..).unwrap_or_default();
        }
        self.extend(bytes);
    }

    fn extend(&mut self, mut bytes: &[u8]) {
        loop {
            let room = MAX_LINE.saturating_sub(self.partial.len());
            let (piece, rest) = bytes.split_at(room.min(bytes.len()));
            self.partial.extend_from_slice(piece);
            if rest.is_empty() {
                return;
            }
            self.end_line();
            bytes = rest;
        }
    }

    fn end_line(&mut self) {
        let line = std::mem::take(&mut self.partial);
        self.output.say(&self.component, self.stream, line);
    }
}

impl Drop for LineSplitter {
    fn drop(&mut self) {
        if !self.partial.is_empty() {
            self.end_line();
        }
    }
}

/// A guest's standard output or error as wasmtime wants it: always ready, because lines that
/// the writer cannot take are dropped.
#[derive(Clone)]
pub(crate) struct GuestStream(Arc<Mutex<LineSplitter>>);

impl GuestStream {
    fn push(&self, bytes: &[u8]) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(bytes);
    }
}

impl IsTerminal for GuestStream {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for GuestStream {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl AsyncWrite for GuestStream {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.push(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for GuestStream {
    async fn ready(&mut self) {}
}

impl OutputStream for GuestStream {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.push(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(MAX_LINE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(push: impl Fn(&GuestStream)) -> String {
        let dir = tempfile::tempdir().unwrap();
        let output = GuestOutput::start(Some(dir.path().to_owned()), false).unwrap();
        let stream = output.stream(&"rates".into(), Stream::Stdout);
        push(&stream);
        drop(stream);
        output.flush(Duration::from_secs(5));
        fs::read_to_string(dir.path().join("rates_stdout.txt")).unwrap()
    }

    #[test]
    fn lines_are_put_together_from_pieces() {
        let text = written(|stream| {
            stream.push(b"one\ntw");
            stream.push(b"o\n\nlast");
        });
        assert_eq!(text, "one\ntwo\n\nlast\n");
    }

    #[test]
    fn an_endless_line_is_cut() {
        let text = written(|stream| stream.push(&vec![b'x'; MAX_LINE + 1]));
        let lengths: Vec<_> = text.lines().map(str::len).collect();
        assert_eq!(lengths, [MAX_LINE, 1]);
    }
}
