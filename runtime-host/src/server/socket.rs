//! A client's socket, which notes when bytes move while somebody wants to know.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::server::client::Client;

/// How much may wait in the system for a client that takes it slowly, beside what is under way. It
/// has to be little, or a write tells nothing of what the client takes: the system would keep some
/// megabytes, and ask for more only when a third of them has gone.
#[cfg(target_os = "linux")]
const UNSENT: u32 = 64 << 10;

/// The socket of one connection.
pub(crate) struct Socket {
    stream: TcpStream,
    client: Arc<Client>,
}

impl Socket {
    /// A socket that is written to without delay.
    pub(crate) fn new(stream: TcpStream, client: Arc<Client>) -> io::Result<Self> {
        // Answers are written whole; waiting for more to send only delays them.
        stream.set_nodelay(true)?;
        #[cfg(target_os = "linux")]
        socket2::SockRef::from(&stream).set_tcp_notsent_lowat(UNSENT)?;
        Ok(Self { stream, client })
    }

    fn note<T>(&self, moved: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        match &moved {
            Poll::Ready(Ok(_)) => self.client.moves(),
            Poll::Ready(Err(_)) => {}
            Poll::Pending => self.client.fills(),
        }
        moved
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if read.is_ready() {
            self.client.moves();
        }
        read
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.note(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, pieces);
        self.note(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
