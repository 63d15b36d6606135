//! HTTP/1.1 as it is on the wire, for what no client library lets a test say or see.

use crate::app::SOON;
use std::io;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufStream};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::timeout;

/// One connection, as a client has it.
pub(crate) struct Wire(BufStream<TcpStream>);

/// The head of an answer.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) status: u16,
    lines: Vec<String>,
}

impl Head {
    /// The value of a header; None if it is not there.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let start = format!("{name}: ");
        self.lines.iter().find_map(|line| line.strip_prefix(&start))
    }
}

impl Wire {
    /// Connects to what is served at `url`, such as `http://127.0.0.1:3000`.
    pub(crate) async fn to(url: &str) -> Wire {
        let address = url.trim_start_matches("http://");
        Wire(BufStream::new(TcpStream::connect(address).await.unwrap()))
    }

    /// The same with a small buffer, so that what is not read is soon not taken either.
    pub(crate) async fn narrow(url: &str) -> Wire {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(8 << 10).unwrap();
        let address = url.trim_start_matches("http://").parse().unwrap();
        Wire(BufStream::with_capacity(
            4 << 10,
            4 << 10,
            socket.connect(address).await.unwrap(),
        ))
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.0.write_all(bytes.as_ref()).await?;
        self.0.flush().await
    }

    /// Asks for `path` without a body.
    pub(crate) async fn ask(&mut self, method: &str, path: &str) -> Head {
        let request = format!("{method} {path} HTTP/1.1\r\nhost: wire\r\n\r\n");
        self.send(request).await.unwrap();
        self.head().await.expect("an answer")
    }

    /// Reads the head of an answer.
    pub(crate) async fn head(&mut self) -> io::Result<Head> {
        timeout(SOON, self.read_head()).await.expect("a head soon")
    }

    async fn read_head(&mut self) -> io::Result<Head> {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            if self.0.read_line(&mut line).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let line = line.trim_end();
            if line.is_empty() {
                break;
            }
            lines.push(line.to_owned());
        }
        let status = lines.remove(0)[9..12].parse().expect("a status");
        Ok(Head { status, lines })
    }

    /// Reads so many bytes of a body.
    pub(crate) async fn read(&mut self, bytes: usize) -> io::Result<String> {
        let mut body = vec![0; bytes];
        self.0.read_exact(&mut body).await?;
        Ok(String::from_utf8(body).unwrap())
    }

    /// Reads the whole body of an answer: of a length, or in chunks.
    pub(crate) async fn body(&mut self, head: &Head) -> io::Result<String> {
        if let Some(length) = head.header("content-length") {
            return self.read(length.parse().unwrap()).await;
        }
        let mut body = String::new();
        loop {
            let mut size = String::new();
            self.0.read_line(&mut size).await?;
            let size = usize::from_str_radix(size.trim_end(), 16).expect("a chunk's size");
            body.push_str(&self.read(size).await?);
            self.read(2).await?;
            if size == 0 {
                return Ok(body);
            }
        }
    }

    /// Reads until the connection ends, which it has to do soon, and gives how many bytes came.
    /// A connection that is cut ends in an error of the system's just as well.
    pub(crate) async fn read_to_end(&mut self) -> usize {
        let mut rest = Vec::new();
        let read = timeout(SOON, self.0.read_to_end(&mut rest)).await;
        let _cut = read.expect("it ends soon");
        rest.len()
    }

    /// Reads until the last chunk of a body has come, and gives how many bytes that took.
    pub(crate) async fn read_to_end_of_chunks(&mut self) -> usize {
        const END: &[u8] = b"\r\n0\r\n\r\n";
        let mut read = Vec::new();
        while !read.ends_with(END) {
            let more = timeout(SOON, self.0.read_buf(&mut read)).await;
            let more = more.expect("more of it soon").unwrap();
            assert!(more > 0, "it was cut off after {} bytes", read.len());
        }
        read.len()
    }

    /// Whether an answer on this connection is still to be had.
    pub(crate) async fn is_usable(&mut self) -> bool {
        let request = "GET /.well-known/spin/health HTTP/1.1\r\nhost: wire\r\n\r\n";
        if self.send(request).await.is_err() {
            return false;
        }
        match self.head().await {
            Ok(head) => head.status == 200 && self.read(2).await.unwrap() == "OK",
            Err(_) => false,
        }
    }
}

/// A server that gives the same bytes to whatever it is asked, and closes.
pub(crate) async fn canned(answer: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let mut wire = Wire(BufStream::new(stream));
            let mut line = String::new();
            while line != "\r\n" {
                line.clear();
                if !matches!(wire.0.read_line(&mut line).await, Ok(1..)) {
                    return;
                }
            }
            let _gone = wire.send(answer).await;
        }
    });
    format!("http://{address}")
}
