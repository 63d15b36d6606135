//! `allowed_outbound_hosts`: what a component may reach. Entries are `scheme://host[:port]`;
//! the forms are Spin's. Connecting is not done here.
//!
//! A host is checked before it is looked up, and each address that it leads to is checked before
//! it is connected: networks that the operator blocks are not reached, and services that a machine
//! offers only to itself (see [`crate::is_metadata_address`]) only where the manifest lists the
//! address. So a name, whose owner can make it lead anywhere, never leads to the machine's own
//! credentials, and under `block_networks` not inside either.

mod entry;
mod refusal;

use std::fmt;
use std::net::IpAddr;

use crate::addresses::is_metadata_address;
use crate::blocked_networks::{BlockedNetworks, Listing};
use entry::{AllowedHost, HostPattern, parse_host};

pub use entry::AllowedHostError;
pub use refusal::{Refusal, RefusalReason};

/// Hosts under this suffix are components of the application.
const CHAINING_SUFFIX: &str = ".spin.internal";

/// The hosts that a component may reach. By default none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AllowedHosts {
    entries: Vec<AllowedHost>,
    lists_own_application: bool,
}

/// Whether a component may reach a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It may, for this reason. Each address has to pass [`AllowedHosts::check_address`] too.
    Allowed(Grant),
    /// It may not.
    Refused,
}

/// Which kind of entry allows a host; if there are several, the most exact one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grant {
    /// The host is an address, and the address or its network is on the list.
    Address,
    /// The name is on the list.
    Name,
    /// `self`: requests to the application itself.
    OwnApplication,
    /// A wildcard covers it.
    Wildcard,
}

impl AllowedHosts {
    /// The list with its entries, in which variables have been filled in.
    ///
    /// # Errors
    /// The first entry that is not an allowed host, with the form that it should have.
    pub fn parse<S: AsRef<str>>(entries: &[S]) -> Result<Self, AllowedHostError> {
        let mut hosts = Self::default();
        entries
            .iter()
            .try_for_each(|entry| hosts.add(entry.as_ref()))?;
        Ok(hosts)
    }

    /// Adds an entry to the list.
    pub(crate) fn add(&mut self, entry: &str) -> Result<(), AllowedHostError> {
        let entry: AllowedHost = entry.parse()?;
        self.lists_own_application |= entry.host == HostPattern::OwnApplication;
        self.entries.push(entry);
        Ok(())
    }

    /// Whether a host may be reached. `host` is a name or an address, IPv6 with or without
    /// brackets; `port` is the one to connect to, given or usual.
    pub fn check(&self, scheme: &str, host: &str, port: u16) -> Verdict {
        if is_own_application(host) {
            return self.check_own_application();
        }
        let Some(host) = parse_host(host) else {
            return Verdict::Refused;
        };
        self.entries
            .iter()
            .filter(|entry| entry.covers(scheme, port))
            .filter_map(|entry| entry.host.grants(&host))
            .min()
            .map_or(Verdict::Refused, Verdict::Allowed)
    }

    /// Whether the component may send requests to its own application: to `self.alt`, or to a
    /// URL without a host. `http` and `https` are the same for these, as in Spin.
    pub fn check_own_application(&self) -> Verdict {
        let allowed = self.entries.iter().any(|entry| {
            matches!(entry.host, HostPattern::OwnApplication | HostPattern::Any)
                && (entry.allows_scheme("http") || entry.allows_scheme("https"))
        });
        if allowed {
            Verdict::Allowed(Grant::OwnApplication)
        } else {
            Verdict::Refused
        }
    }

    /// Whether the application itself is on the list as such: `self`.
    pub fn lists_own_application(&self) -> bool {
        self.lists_own_application
    }

    /// Checks an address to which a host leads, before it is connected.
    ///
    /// # Errors
    /// Why it may not be connected.
    pub fn check_address(
        &self,
        (scheme, host, port): (&str, &str, u16),
        address: IpAddr,
        blocked: &BlockedNetworks,
    ) -> Result<(), RefusalReason> {
        let Verdict::Allowed(grant) = self.check(scheme, host, port) else {
            return Err(RefusalReason::NotListed);
        };
        let by_address = grant == Grant::Address || self.lists_address(scheme, address, port);
        let listing = if by_address || grant == Grant::Name {
            Listing::Literal
        } else {
            Listing::Wildcard
        };
        if blocked.block(address, listing) {
            return Err(RefusalReason::Blocked(address));
        }
        if is_metadata_address(address) && !by_address {
            return Err(RefusalReason::Restricted(address));
        }
        Ok(())
    }

    fn lists_address(&self, scheme: &str, address: IpAddr, port: u16) -> bool {
        let address = address.to_canonical();
        self.entries.iter().any(|entry| {
            entry.covers(scheme, port)
                && matches!(&entry.host, HostPattern::Network(net) if net.contains(&address))
        })
    }
}

/// Whether a host stands for the application that asks: `self.alt`, as in Spin, and `self`, which
/// Spin knows only in `allowed_outbound_hosts`.
pub fn is_own_application(host: &str) -> bool {
    matches!(host, "self" | "self.alt")
}

/// The component that a host stands for: `rates` of `rates.spin.internal`.
pub fn chained_component(host: &str) -> Option<&str> {
    let component = host.strip_suffix(CHAINING_SUFFIX)?;
    (!component.is_empty() && !component.contains('.')).then_some(component)
}

impl fmt::Display for AllowedHosts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, entry) in self.entries.iter().enumerate() {
            let separator = if position == 0 { "" } else { ", " };
            write!(f, "{separator}\"{entry}\"")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
