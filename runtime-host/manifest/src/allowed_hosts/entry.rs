//! One entry of `allowed_outbound_hosts`: how it is written, and what it covers.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use url::Host;

use super::{Grant, is_own_application};
use crate::names::ComponentId;
use crate::variables::VariableError;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AllowedHost {
    /// `None` is any.
    scheme: Option<String>,
    pub(super) host: HostPattern,
    ports: Ports,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum HostPattern {
    Any,
    /// All names under this one, which is kept without `*.`.
    Below(String),
    /// `self`: the application.
    OwnApplication,
    Name(String),
    /// One address is the network of just itself.
    Network(IpNet),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Ports {
    Any,
    One(u16),
    /// As in Spin, `end` is not part of it.
    Range {
        start: u16,
        end: u16,
    },
}

/// An entry that is not an allowed host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AllowedHostError {
    /// It does not say which protocol.
    #[error("`{entry}` in allowed_outbound_hosts has no scheme: write `{fix}`")]
    NoScheme {
        /// The entry as written.
        entry: String,
        /// What is probably meant.
        fix: String,
    },
    /// The part before `://` is not a scheme.
    #[error(
        "`{entry}` in allowed_outbound_hosts has an invalid scheme: write a single one such as \
         `https`, or `*` for any"
    )]
    Scheme {
        /// The entry as written.
        entry: String,
    },
    /// It has a path; only whole hosts can be allowed.
    #[error(
        "`{entry}` in allowed_outbound_hosts has a path, but hosts are allowed as a whole: write \
         `{fix}`"
    )]
    Path {
        /// The entry as written.
        entry: String,
        /// The entry without the path.
        fix: String,
    },
    /// The host is not a name, an address, a network or a wildcard.
    #[error(
        "`{entry}` in allowed_outbound_hosts has an invalid host: write a name, `*` for any, \
         `*.example.com` for all names under one, an address such as `127.0.0.1` or `[::1]`, a \
         network such as `10.0.0.0/8`, or `self` for the application itself"
    )]
    Host {
        /// The entry as written.
        entry: String,
    },
    /// The port is not one.
    #[error(
        "`{entry}` in allowed_outbound_hosts has an invalid port: write a number, a range such as \
         `8000..9000`, or `*` for any"
    )]
    Port {
        /// The entry as written.
        entry: String,
    },
    /// There is no port, and the scheme has no usual one.
    #[error(
        "`{entry}` in allowed_outbound_hosts needs a port, because its scheme has no usual one: \
         write `{entry}:*` for any"
    )]
    NoPort {
        /// The entry as written.
        entry: String,
    },
    /// It has variables in it, and is not an allowed host once they are filled in.
    #[error("{problem}; it comes from `{template}` in [component.{component}]")]
    Expanded {
        /// The component.
        component: ComponentId,
        /// The entry as it stands in the manifest.
        template: String,
        /// What is wrong with the entry.
        problem: Box<AllowedHostError>,
    },
    /// A variable in the entry has no value.
    #[error(transparent)]
    Variable(#[from] VariableError),
}

impl AllowedHost {
    pub(super) fn covers(&self, scheme: &str, port: u16) -> bool {
        let covers_port = match self.ports {
            Ports::Any => true,
            Ports::One(one) => one == port,
            Ports::Range { start, end } => (start..end).contains(&port),
        };
        covers_port && self.allows_scheme(scheme)
    }

    pub(super) fn allows_scheme(&self, scheme: &str) -> bool {
        self.scheme
            .as_ref()
            .is_none_or(|own| own.eq_ignore_ascii_case(scheme))
    }
}

impl HostPattern {
    pub(super) fn grants(&self, host: &Host) -> Option<Grant> {
        match (self, host) {
            (Self::Any, _) => Some(Grant::Wildcard),
            (Self::Below(suffix), Host::Domain(name)) => name
                .strip_suffix(suffix.as_str())
                .is_some_and(|below| below.ends_with('.'))
                .then_some(Grant::Wildcard),
            (Self::Name(own), Host::Domain(name)) => (own == name).then_some(Grant::Name),
            (Self::Network(net), Host::Ipv4(address)) => net
                .contains(&IpAddr::V4(*address))
                .then_some(Grant::Address),
            (Self::Network(net), Host::Ipv6(address)) => net
                .contains(&IpAddr::V6(*address))
                .then_some(Grant::Address),
            (Self::OwnApplication | Self::Below(_) | Self::Name(_) | Self::Network(_), _) => None,
        }
    }
}

impl fmt::Display for AllowedHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://", self.scheme.as_deref().unwrap_or("*"))?;
        match &self.host {
            HostPattern::Any => f.write_str("*")?,
            HostPattern::Below(name) => write!(f, "*.{name}")?,
            HostPattern::OwnApplication => f.write_str("self")?,
            HostPattern::Name(name) => f.write_str(name)?,
            HostPattern::Network(IpNet::V4(net)) if net.prefix_len() == 32 => {
                write!(f, "{}", net.addr())?;
            }
            HostPattern::Network(IpNet::V6(net)) if net.prefix_len() == 128 => {
                write!(f, "[{}]", net.addr())?;
            }
            HostPattern::Network(IpNet::V4(net)) => write!(f, "{net}")?,
            HostPattern::Network(IpNet::V6(net)) => {
                write!(f, "[{}]/{}", net.addr(), net.prefix_len())?;
            }
        }
        match self.ports {
            Ports::Any => f.write_str(":*"),
            Ports::One(port) => write!(f, ":{port}"),
            Ports::Range { start, end } => write!(f, ":{start}..{end}"),
        }
    }
}

impl FromStr for AllowedHost {
    type Err = AllowedHostError;
    fn from_str(written: &str) -> Result<Self, AllowedHostError> {
        let entry = written.trim();
        let owned = || written.to_owned();
        if is_own_application(entry) {
            return Ok(Self {
                scheme: None,
                host: HostPattern::OwnApplication,
                ports: Ports::Any,
            });
        }
        let Some((scheme, rest)) = entry.split_once("://") else {
            let fix = match entry {
                "" | "*" | ":" | "?" | "insecure:allow-all" => "*://*:*".to_owned(),
                other => format!("https://{other}"),
            };
            return Err(AllowedHostError::NoScheme {
                entry: owned(),
                fix,
            });
        };
        let scheme = match scheme {
            "*" => None,
            name if !name.is_empty() && name.chars().all(|c| c.is_ascii_alphabetic()) => {
                Some(name.to_ascii_lowercase())
            }
            _ => return Err(AllowedHostError::Scheme { entry: owned() }),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = split_port(rest);
        let host = match parse_pattern(host) {
            Some(host) => host,
            None => return Err(path_or_host(written, entry)),
        };
        let ports = match port {
            None => Ports::One(
                scheme
                    .as_deref()
                    .and_then(usual_port)
                    .ok_or_else(|| AllowedHostError::NoPort { entry: owned() })?,
            ),
            Some(port) => match (parse_ports(port), port.split_once('/')) {
                (Some(ports), _) => ports,
                (None, Some(_)) => return Err(path_or_host(written, entry)),
                (None, None) => return Err(AllowedHostError::Port { entry: owned() }),
            },
        };
        Ok(Self {
            scheme,
            host,
            ports,
        })
    }
}

/// What is wrong with an entry whose host is none: there is a path, or it really is none.
fn path_or_host(written: &str, entry: &str) -> AllowedHostError {
    let without_path = entry.split_once("://").and_then(|(scheme, rest)| {
        let (host, path) = rest.split_once('/')?;
        // The mask of a network is not a path, even if it is too long.
        let is_mask =
            parse_network(host).is_some() && path.starts_with(|c: char| c.is_ascii_digit());
        (!is_mask).then(|| format!("{scheme}://{host}"))
    });
    match without_path {
        Some(fix) if fix.parse::<AllowedHost>().is_ok() => AllowedHostError::Path {
            entry: written.to_owned(),
            fix,
        },
        _ => AllowedHostError::Host {
            entry: written.to_owned(),
        },
    }
}

/// Splits the port off, if there is one. The colons of an IPv6 address are not taken for one.
fn split_port(rest: &str) -> (&str, Option<&str>) {
    if parse_network(rest).is_some() {
        return (rest, None);
    }
    match rest.rsplit_once(':') {
        Some((host, "")) => (host, None),
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (rest, None),
    }
}

fn parse_pattern(host: &str) -> Option<HostPattern> {
    match host {
        "*" => return Some(HostPattern::Any),
        own if is_own_application(own) => return Some(HostPattern::OwnApplication),
        _ => {}
    }
    if let Some(network) = parse_network(host) {
        return Some(HostPattern::Network(network));
    }
    if let Some(below) = host.strip_prefix("*.") {
        return match parse_host(below)? {
            Host::Domain(name) => Some(HostPattern::Below(name)),
            Host::Ipv4(_) | Host::Ipv6(_) => None,
        };
    }
    Some(match parse_host(host)? {
        Host::Domain(name) => HostPattern::Name(name),
        Host::Ipv4(address) => HostPattern::Network(IpNet::from(IpAddr::V4(address))),
        Host::Ipv6(address) => HostPattern::Network(IpNet::from(IpAddr::V6(address))),
    })
}

/// A network or an address, IPv6 with or without brackets around the address.
fn parse_network(host: &str) -> Option<IpNet> {
    let host = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, prefix)) if prefix.is_empty() || prefix.starts_with('/') => {
            Cow::Owned(format!("{address}{prefix}"))
        }
        _ => Cow::Borrowed(host),
    };
    let network = match host.parse::<IpAddr>() {
        Ok(address) => IpNet::from(address),
        Err(_) => host.parse::<IpNet>().ok()?.trunc(),
    };
    // Addresses are compared in their IPv4 form if they have one, so networks have to be too.
    match (
        network.addr().to_canonical(),
        network.prefix_len().checked_sub(96),
    ) {
        (address @ IpAddr::V4(_), Some(prefix)) => IpNet::new(address, prefix).ok(),
        _ => Some(network),
    }
}

/// A name in its normal form, or an address however it is written (as in the URL standard).
pub(super) fn parse_host(host: &str) -> Option<Host> {
    let parsed = match host.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => Host::Ipv4(address),
        Ok(IpAddr::V6(address)) => Host::Ipv6(address),
        Err(_) => Host::parse(host).ok()?,
    };
    match parsed {
        // The URL standard lets more through than names are made of.
        Host::Domain(name) if name.is_empty() || !name.chars().all(is_name_char) => None,
        Host::Ipv6(address) => Some(match IpAddr::V6(address).to_canonical() {
            IpAddr::V4(v4) => Host::Ipv4(v4),
            IpAddr::V6(v6) => Host::Ipv6(v6),
        }),
        other => Some(other),
    }
}

fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')
}

fn parse_ports(written: &str) -> Option<Ports> {
    if written == "*" {
        return Some(Ports::Any);
    }
    match written.split_once("..") {
        Some((start, end)) => {
            let (start, end) = (start.parse().ok()?, end.parse().ok()?);
            (start < end).then_some(Ports::Range { start, end })
        }
        None => written.parse().ok().map(Ports::One),
    }
}

/// The port that a scheme uses if none is given.
pub(super) fn usual_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" => Some(80),
        "https" => Some(443),
        "postgres" => Some(5432),
        "mysql" => Some(3306),
        "redis" => Some(6379),
        "mqtt" => Some(1883),
        _ => None,
    }
}
