//! `allowed_outbound_hosts`: what a component may reach. Entries are `scheme://host[:port]`;
//! the forms are Spin's. Connecting is not done here.
//!
//! A name is checked before it is looked up, and each address it leads to is checked again
//! before it is connected: an address that leads inside (see [`crate::is_restricted_address`])
//! has to be allowed by address, or by the literal name `localhost`. So a name on the list
//! cannot be made to point at a private service.

mod entry;
mod refusal;

use std::fmt;
use std::net::IpAddr;

use crate::addresses::is_restricted_address;
use entry::{AllowedHost, HostPattern, parse_host};

pub use entry::AllowedHostError;
pub use refusal::{Refusal, RefusalReason};

/// Hosts under this suffix are components of the application.
const CHAINING_SUFFIX: &str = ".spin.internal";

/// The hosts that a component may reach. By default none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AllowedHosts {
    entries: Vec<AllowedHost>,
}

/// Whether a component may reach a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It may, for this reason. Each address has to pass [`AllowedHosts::permits_address`] too.
    Allowed(Grant),
    /// It may not.
    Refused,
}

/// Which kind of entry allows a host; if there are several, the most exact one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grant {
    /// The host is an address, and the address or its network is on the list.
    Address,
    /// The host is `localhost`, and that name is on the list.
    Localhost,
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
        self.entries.push(entry.parse()?);
        Ok(())
    }

    /// Whether a host may be reached. `host` is a name or an address, IPv6 with or without
    /// brackets; `port` is the one to connect to, given or usual.
    pub fn check(&self, scheme: &str, host: &str, port: u16) -> Verdict {
        if matches!(host, "self" | "self.alt") {
            return self.check_own_application(scheme);
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
    /// URL without a host.
    pub fn check_own_application(&self, scheme: &str) -> Verdict {
        let allowed = self.entries.iter().any(|entry| {
            entry.allows_scheme(scheme)
                && matches!(entry.host, HostPattern::OwnApplication | HostPattern::Any)
        });
        if allowed {
            Verdict::Allowed(Grant::OwnApplication)
        } else {
            Verdict::Refused
        }
    }

    /// Whether an address may be connected, to which an allowed host leads. Public addresses
    /// may. Others may only if the list has them by address, or if the host is the name
    /// `localhost`, the list has that name, and the address is this machine's own.
    pub fn permits_address(&self, scheme: &str, grant: Grant, address: IpAddr, port: u16) -> bool {
        let address = address.to_canonical();
        if !is_restricted_address(address) {
            return true;
        }
        if grant == Grant::Localhost && address.is_loopback() {
            return true;
        }
        self.entries.iter().any(|entry| {
            entry.covers(scheme, port)
                && matches!(&entry.host, HostPattern::Network(net) if net.contains(&address))
        })
    }
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
