//! `block_networks` of a runtime config: networks that no component reaches, whatever its
//! manifest allows. The operator's list, as opposed to the application's. With
//! `block_listed = false` what the manifest lists without a wildcard is reached all the same.

use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;

use crate::addresses::{is_restricted_address, judged};

/// Networks that nobody reaches. By default none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BlockedNetworks {
    networks: Vec<BlockedNetwork>,
    spare_listed: bool,
}

/// How a manifest allows a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listing {
    /// By its name, its address or its network.
    Literal,
    /// Only by a wildcard.
    Wildcard,
}

/// An entry of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlockedNetwork {
    /// `private`: all addresses that are not public (see [`crate::is_restricted_address`]).
    Private,
    /// Addresses with a common prefix.
    Network(IpNet),
}

/// Text that is no network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no network: write one as `10.0.0.0/8`, an address, or `private`")]
pub struct BlockedNetworkError(String);

impl BlockedNetworks {
    /// The same networks, but none of them is blocked for hosts that the manifest lists literally.
    #[must_use]
    pub fn sparing_listed(self) -> Self {
        Self {
            spare_listed: true,
            ..self
        }
    }

    /// Whether an address is blocked for a host that the manifest lists in this way. An IPv6
    /// address that stands for an IPv4 address is judged as that address.
    pub fn block(&self, address: IpAddr, listing: Listing) -> bool {
        if self.spare_listed && listing == Listing::Literal {
            return false;
        }
        self.networks.iter().any(|entry| match entry {
            BlockedNetwork::Private => is_restricted_address(address),
            BlockedNetwork::Network(network) => network.contains(&judged(address)),
        })
    }
}

impl FromIterator<BlockedNetwork> for BlockedNetworks {
    fn from_iter<T: IntoIterator<Item = BlockedNetwork>>(networks: T) -> Self {
        Self {
            networks: networks.into_iter().collect(),
            spare_listed: false,
        }
    }
}

impl FromStr for BlockedNetwork {
    type Err = BlockedNetworkError;

    fn from_str(text: &str) -> Result<Self, BlockedNetworkError> {
        if text == "private" {
            return Ok(Self::Private);
        }
        let address = || text.parse::<IpAddr>().map(IpNet::from);
        let network = text.parse::<IpNet>().or_else(|_| address());
        network
            .map(Self::Network)
            .map_err(|_| BlockedNetworkError(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocked(entries: &[&str]) -> BlockedNetworks {
        entries.iter().map(|entry| entry.parse().unwrap()).collect()
    }

    #[test]
    fn addresses_of_listed_networks_are_blocked_in_whatever_form() {
        let blocked = blocked(&["1.1.1.0/24", "8.8.8.8", "2606:4700::/32", "9.9.9.9/8"]);
        for inside in [
            "1.1.1.7",
            "::ffff:1.1.1.7",
            "64:ff9b::101:107",
            "8.8.8.8",
            "9.1.2.3",
            "2606:4700::1",
        ] {
            assert!(
                blocked.block(inside.parse().unwrap(), Listing::Literal),
                "{inside}"
            );
        }
        for outside in ["1.1.2.1", "8.8.8.9", "10.0.0.1", "2606:4701::1"] {
            assert!(
                !blocked.block(outside.parse().unwrap(), Listing::Wildcard),
                "{outside}"
            );
        }
    }

    #[test]
    fn private_stands_for_everything_that_is_not_public() {
        let blocked = blocked(&["private"]);
        for inside in ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "fd00::1"] {
            assert!(
                blocked.block(inside.parse().unwrap(), Listing::Literal),
                "{inside}"
            );
        }
        assert!(!blocked.block("1.1.1.1".parse().unwrap(), Listing::Wildcard));
    }

    #[test]
    fn what_is_listed_literally_can_be_spared() {
        let blocked = blocked(&["private", "1.1.1.1"]).sparing_listed();
        for address in ["10.0.0.1", "1.1.1.1"] {
            let address = address.parse().unwrap();
            assert!(!blocked.block(address, Listing::Literal));
            assert!(blocked.block(address, Listing::Wildcard));
        }
    }

    #[test]
    fn what_is_no_network_is_told_with_the_form() {
        for wrong in ["", "public", "1.1.1", "1.1.1.1/33", "example.com"] {
            let told = wrong.parse::<BlockedNetwork>().unwrap_err().to_string();
            assert!(told.contains("`10.0.0.0/8`"), "{told}");
        }
    }
}
