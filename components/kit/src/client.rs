//! Who sent a request, by address: what the host saw, or what proxies that are trusted say they
//! saw (X-Forwarded-For, and Forwarded of RFC 7239).

use crate::request::Request;
use ipnet::{IpNet, Ipv6Net};
use std::net::{IpAddr, SocketAddr};

/// The header in which a Spin host gives the address of the connection's other end. What clients
/// send by this name never arrives.
const PEER: &str = "spin-client-addr";

/// The networks whose word on forwarded addresses is taken.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    /// Reads a comma-separated list of addresses and CIDR blocks; empty for none.
    ///
    /// # Errors
    /// The entry that is neither.
    pub fn parse(text: &str) -> Result<TrustedProxies, String> {
        let entries = text.split(',').map(str::trim);
        let networks = entries.filter(|entry| !entry.is_empty()).map(|entry| {
            let network = entry.parse::<IpNet>();
            let network = network.or_else(|_| entry.parse::<IpAddr>().map(IpNet::from));
            network.map_err(|_| {
                format!("`{entry}` is no address and no CIDR block such as 10.0.0.0/8")
            })
        });
        Ok(TrustedProxies(networks.collect::<Result<_, _>>()?))
    }

    fn has(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }

    /// The address that a request came from, if the host tells it: the right-most one that is no
    /// trusted proxy's, because anything left of it may have been made up by the client.
    pub fn client(&self, request: &Request) -> Option<IpAddr> {
        let peer = address(&request.header(PEER)?)?;
        if !self.has(peer) {
            return Some(peer);
        }
        let forwarded_for = request.list("x-forwarded-for");
        let forwarded = request.list("forwarded");
        let by_list = forwarded_for.map(|list| self.rightmost(list.split(',').map(address)));
        let by_standard = forwarded.map(|list| self.rightmost(hops(&list).map(for_of)));
        let told = match (by_list, by_standard) {
            // A proxy writes one of them and may hand on the other as the client made it up.
            (Some(one), Some(other)) if one != other => None,
            (one, other) => one.or(other).flatten(),
        };
        Some(told.unwrap_or(peer))
    }

    /// None where a proxy does not tell an address: what is left of that can't be trusted.
    fn rightmost(
        &self,
        addresses: impl DoubleEndedIterator<Item = Option<IpAddr>>,
    ) -> Option<IpAddr> {
        let mut farthest = None;
        for address in addresses.rev() {
            let Some(address) = address else {
                return farthest;
            };
            farthest = Some(address);
            if !self.has(address) {
                break;
            }
        }
        farthest
    }
}

/// An address as it is written in these headers: with or without a port, IPv6 with or without
/// brackets. One of IPv4 that is mapped into IPv6 is the IPv4 one.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'));
    let address = bare.unwrap_or(text).parse::<IpAddr>();
    let address = address.or_else(|_| text.parse::<SocketAddr>().map(|socket| socket.ip()));
    address.ok().map(|address| address.to_canonical())
}

/// The elements of a Forwarded header. Commas within quotes don't part them.
fn hops(list: &str) -> impl DoubleEndedIterator<Item = &str> {
    split_unquoted(list, ',').into_iter()
}

fn split_unquoted(text: &str, separator: char) -> Vec<&str> {
    let (mut parts, mut start, mut is_quoted, mut is_escaped) = (Vec::new(), 0, false, false);
    for (place, character) in text.char_indices() {
        match character {
            _ if is_escaped => is_escaped = false,
            '\\' if is_quoted => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            _ if character == separator && !is_quoted => {
                parts.extend(text.get(start..place));
                start = place + character.len_utf8();
            }
            _ => {}
        }
    }
    parts.extend(text.get(start..));
    parts
}

/// The address in the `for` parameter of one element, unless it is hidden or unknown.
fn for_of(hop: &str) -> Option<IpAddr> {
    let value = split_unquoted(hop, ';').into_iter().find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim()
            .eq_ignore_ascii_case("for")
            .then(|| value.trim())
    })?;
    let unquoted = value
        .strip_prefix('"')
        .and_then(|value| value.strip_suffix('"'));
    address(unquoted.unwrap_or(value))
}

/// The name of a client, by which it is counted: its address, and for IPv6 its network of 64
/// bits, in which every subscriber can take addresses as he likes.
pub fn name_of(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => match Ipv6Net::new(address, 64) {
            Ok(network) => network.trunc().to_string(),
            Err(_) => address.to_string(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::incoming;
    use proptest::prelude::*;

    fn client_with(headers: &[(&str, &str)]) -> Option<String> {
        let trusted = TrustedProxies::parse("10.0.0.0/8, 192.0.2.1,fd00::/8").unwrap();
        let request = incoming("GET", "/", headers, &[]);
        trusted.client(&request).map(name_of)
    }

    fn client(peer: &str, others: &[(&str, &str)]) -> String {
        let headers = [&[(PEER, peer)], others].concat();
        client_with(&headers).unwrap()
    }

    #[test]
    fn the_peer_is_the_client_unless_it_is_a_trusted_proxy() {
        let made_up = [("x-forwarded-for", "1.1.1.1"), ("forwarded", "for=1.1.1.1")];
        assert_eq!(client("203.0.113.7:4711", &made_up), "203.0.113.7");
        assert_eq!(client("203.0.113.7", &[]), "203.0.113.7");
        assert_eq!(client("10.1.2.3:80", &[]), "10.1.2.3");
        assert_eq!(client_with(&made_up), None);
    }

    #[test]
    fn the_rightmost_address_that_is_no_proxys_counts() {
        let by = |list| client("10.0.0.1:80", &[("x-forwarded-for", list)]);
        assert_eq!(by("203.0.113.7"), "203.0.113.7");
        assert_eq!(by("1.1.1.1, 203.0.113.7"), "203.0.113.7");
        assert_eq!(
            by("1.1.1.1, 203.0.113.7:99, 10.9.9.9,192.0.2.1"),
            "203.0.113.7"
        );
        assert_eq!(by("10.9.9.9"), "10.9.9.9", "only proxies: the farthest");
        assert_eq!(by("1.1.1.1, unknown, 10.9.9.9"), "10.9.9.9");
        assert_eq!(by("nonsense"), "10.0.0.1");
        assert_eq!(by("::ffff:203.0.113.7"), "203.0.113.7");
    }

    #[test]
    fn forwarded_is_read_as_its_standard_says() {
        let by = |list| client("10.0.0.1:80", &[("forwarded", list)]);
        assert_eq!(by("for=203.0.113.7;proto=https"), "203.0.113.7");
        assert_eq!(
            by("for=1.1.1.1, proto=http;For=\"203.0.113.7:99\""),
            "203.0.113.7"
        );
        assert_eq!(by("for=\"[2001:db8:1:2:3::4]:99\""), "2001:db8:1:2::/64");
        assert_eq!(by("for=1.1.1.1, for=_hidden, for=10.2.2.2"), "10.2.2.2");
        assert_eq!(by("for=203.0.113.7;by=\"a, for=9.9.9.9\""), "203.0.113.7");
        assert_eq!(by("by=1.1.1.1"), "10.0.0.1");
    }

    #[test]
    fn headers_that_contradict_each_other_are_not_believed() {
        let made_up = [
            ("x-forwarded-for", "203.0.113.7"),
            ("forwarded", "for=1.1.1.1"),
        ];
        assert_eq!(client("10.0.0.1:80", &made_up), "10.0.0.1");
        let agreed = [
            ("x-forwarded-for", "203.0.113.7"),
            ("forwarded", "for=203.0.113.7"),
        ];
        assert_eq!(client("10.0.0.1:80", &agreed), "203.0.113.7");
    }

    #[test]
    fn a_header_in_several_parts_is_one_list() {
        let parts = [
            ("x-forwarded-for", "1.1.1.1"),
            ("x-forwarded-for", "203.0.113.7"),
        ];
        assert_eq!(client("10.0.0.1:80", &parts), "203.0.113.7");
    }

    #[test]
    fn clients_of_ipv6_are_told_apart_by_their_network() {
        assert_eq!(
            client("[2001:db8:1:2:3:4:5:6]:80", &[]),
            "2001:db8:1:2::/64"
        );
        assert_eq!(
            client("[fd00::1]:80", &[("x-forwarded-for", "2001:db8::1")]),
            "2001:db8::/64"
        );
    }

    #[test]
    fn a_wrong_network_is_named() {
        assert!(TrustedProxies::parse("").unwrap().0.is_empty());
        let error = TrustedProxies::parse("10.0.0.0/8, 10.0.0.0/33").unwrap_err();
        assert!(error.contains("`10.0.0.0/33`"), "{error}");
    }

    proptest! {
        #[test]
        fn whatever_a_client_sends_it_is_not_taken_for_another(
            made_up in "[0-9a-f.:,;=\"\\\\ for]{0,60}|\\PC{0,60}",
        ) {
            // The proxy adds what it saw to what the client made up.
            let list = format!("{made_up}, 203.0.113.7");
            prop_assert_eq!(client("10.0.0.1:80", &[("x-forwarded-for", &list)]), "203.0.113.7");
            prop_assert_eq!(client("203.0.113.9:80", &[("forwarded", &made_up)]), "203.0.113.9");
            let _any = client("10.0.0.1:80", &[("forwarded", &made_up)]);
        }
    }
}
