//! The listening socket. It is bound without SO_REUSEPORT, so that a port that somebody else
//! serves is noticed instead of shared.

use std::io;
use std::net::{SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};

/// Connections that the system keeps until they are accepted.
const BACKLOG: i32 = 4096;

/// How many ports are tried in the search for a free one.
const PORTS_TRIED: u16 = 100;

/// Why nothing listens.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Somebody else has the port.
    #[error(
        "{0} is already in use: stop what listens there, or choose another port with \
         `--listen 127.0.0.1:0` or `--find-free-port`"
    )]
    InUse(SocketAddr),
    /// None of the ports that were tried is free.
    #[error("no port from {first} to {last} is free on {}: name one with `--listen`", address.ip())]
    NoneFree {
        /// Where the search began.
        address: SocketAddr,
        /// The first port.
        first: u16,
        /// The last port.
        last: u16,
    },
    /// Anything else.
    #[error("cannot listen on {address}: {error}")]
    Other {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        error: io::Error,
    },
}

/// Listens on `address`; with `find_free_port` on the first free port from there.
pub(crate) fn listen(
    address: SocketAddr,
    find_free_port: bool,
) -> Result<TcpListener, ListenError> {
    if !find_free_port {
        return bind(address);
    }
    let first = address.port();
    let last = first.saturating_add(PORTS_TRIED);
    for port in first..=last {
        match bind(SocketAddr::new(address.ip(), port)) {
            Err(ListenError::InUse(_)) => {}
            bound => return bound,
        }
    }
    Err(ListenError::NoneFree {
        address,
        first,
        last,
    })
}

fn bind(address: SocketAddr) -> Result<TcpListener, ListenError> {
    let bound = || -> io::Result<TcpListener> {
        let socket = Socket::new(
            Domain::for_address(address),
            Type::STREAM,
            Some(Protocol::TCP),
        )?;
        // A restart need not wait until the connections of the process before are forgotten.
        #[cfg(unix)]
        socket.set_reuse_address(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        socket.set_nonblocking(true)?;
        Ok(socket.into())
    };
    bound().map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => ListenError::InUse(address),
        _ => ListenError::Other { address, error },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_port_is_named_with_the_way_out() {
        let first = listen(([127, 0, 0, 1], 0).into(), false).unwrap();
        let address = first.local_addr().unwrap();
        let error = listen(address, false).unwrap_err().to_string();
        assert!(error.contains(&address.to_string()), "{error}");
        assert!(error.contains("--find-free-port"), "{error}");
    }

    #[test]
    fn the_next_free_port_is_found() {
        let first = listen(([127, 0, 0, 1], 0).into(), false).unwrap();
        let taken = first.local_addr().unwrap();
        let second = listen(taken, true).unwrap().local_addr().unwrap();
        assert!(second.port() > taken.port());
    }
}
