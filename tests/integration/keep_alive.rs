//! A client that keeps its connection, tries nothing twice, and closes when it is told to: what
//! the most trusting of proxies is.

use std::io;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufStream};
use tokio::net::TcpStream;

pub(crate) struct KeepAlive {
    /// `127.0.0.1:<port>`
    host: String,
    connection: Option<BufStream<TcpStream>>,
    /// How many connections there have been.
    pub(crate) connections: usize,
}

impl KeepAlive {
    /// A client of what is served at `url`, such as `http://127.0.0.1:3000`.
    pub(crate) fn of(url: &str) -> KeepAlive {
        KeepAlive {
            host: url.trim_start_matches("http://").to_owned(),
            connection: None,
            connections: 0,
        }
    }

    /// Asks once and gives the status. Every error is the server's: the connection was not told
    /// to end.
    pub(crate) async fn get(&mut self, path: &str) -> io::Result<u16> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => {
                self.connections += 1;
                BufStream::new(TcpStream::connect(&self.host).await?)
            }
        };
        let request = format!("GET {path} HTTP/1.1\r\nhost: {}\r\n\r\n", self.host);
        connection.write_all(request.as_bytes()).await?;
        connection.flush().await?;
        let (mut status, mut length, mut closes) = (0, Some(0), false);
        loop {
            let mut line = String::new();
            if connection.read_line(&mut line).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let line = line.trim_end().to_ascii_lowercase();
            if let Some(answer) = line.strip_prefix("http/1.1 ") {
                status = answer[..3].parse().expect("a status");
            } else if let Some(bytes) = line.strip_prefix("content-length: ") {
                length = Some(bytes.parse().expect("a length"));
            } else if line == "transfer-encoding: chunked" {
                length = None;
            } else if line == "connection: close" {
                closes = true;
            } else if line.is_empty() {
                break;
            }
        }
        read_body(&mut connection, length).await?;
        if !closes {
            self.connection = Some(connection);
        }
        Ok(status)
    }

    /// Whether the last answer left the connection open.
    pub(crate) fn is_connected(&self) -> bool {
        self.connection.is_some()
    }

    /// Waits, without asking, until the server ends the connection.
    pub(crate) async fn closed(&mut self) -> io::Result<()> {
        let mut connection = self.connection.take().expect("a connection");
        match connection.read(&mut [0; 1]).await? {
            0 => Ok(()),
            _ => panic!("an answer that nobody asked for"),
        }
    }
}

/// Reads a body to its end: of a length, or in chunks.
async fn read_body(connection: &mut BufStream<TcpStream>, length: Option<usize>) -> io::Result<()> {
    if let Some(length) = length {
        connection.read_exact(&mut vec![0; length]).await?;
        return Ok(());
    }
    loop {
        let mut line = String::new();
        connection.read_line(&mut line).await?;
        let size = usize::from_str_radix(line.trim_end(), 16);
        let size = size.map_err(|_| io::Error::from(io::ErrorKind::UnexpectedEof))?;
        // The chunk, and the line end after it.
        connection.read_exact(&mut vec![0; size + 2]).await?;
        if size == 0 {
            return Ok(());
        }
    }
}
