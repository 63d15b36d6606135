//! Addresses to listen on, as the command line takes them: also by name.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs};

const FORM: &str = "write a host and a port, as in `127.0.0.1:3000` or `localhost:0`";

/// An address, or a name that leads to one of this machine. Of several the IPv4 loopback is taken
/// if it is among them, as in Spin, and otherwise the first.
///
/// # Errors
/// What is wrong, and how to write it.
pub(super) fn listen_address(argument: &str) -> Result<SocketAddr, String> {
    if let Ok(address) = argument.parse() {
        return Ok(address);
    }
    let (host, port) = argument
        .rsplit_once(':')
        .filter(|(host, _)| !host.is_empty())
        .ok_or_else(|| FORM.to_owned())?;
    let port: u16 = port
        .parse()
        .map_err(|_| format!("`{port}` is no port: {FORM}"))?;
    let found = (host, port).to_socket_addrs();
    let found: Vec<_> = found
        .map_err(|error| format!("the name `{host}` leads nowhere ({error}): {FORM}"))?
        .collect();
    let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let preferred = found.iter().find(|address| address.ip() == loopback);
    preferred
        .or(found.first())
        .copied()
        .ok_or_else(|| format!("the name `{host}` leads nowhere: {FORM}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_be_a_name() {
        for (written, expected) in [
            ("127.0.0.1:3000", "127.0.0.1:3000"),
            ("0.0.0.0:80", "0.0.0.0:80"),
            ("[::1]:0", "[::1]:0"),
            ("localhost:0", "127.0.0.1:0"),
            ("localhost:3000", "127.0.0.1:3000"),
        ] {
            let address = listen_address(written).unwrap();
            assert_eq!(address, expected.parse().unwrap(), "{written}");
        }
    }

    #[test]
    fn what_is_no_address_is_told_with_the_form() {
        for wrong in [
            "",
            "3000",
            ":3000",
            "localhost",
            "localhost:x",
            "localhost:65536",
        ] {
            let told = listen_address(wrong).unwrap_err();
            assert!(told.contains("`localhost:0`"), "{wrong}: {told}");
        }
    }
}
