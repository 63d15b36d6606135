//! What a component and its author are told about a request that is not sent.

use std::fmt;
use std::net::IpAddr;

use super::entry::usual_port;
use super::is_own_application;
use crate::names::ComponentId;

/// A request that is not sent, told with the line of the manifest that would allow it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The component that asked.
    pub component: ComponentId,
    /// The scheme of the request.
    pub scheme: String,
    /// The host of the request, as the component gave it.
    pub host: String,
    /// The port to connect to.
    pub port: u16,
    /// Why not.
    pub reason: RefusalReason,
}

/// Why a request is not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalReason {
    /// The host is not on the list.
    NotListed,
    /// The host leads to this address of a service that a machine offers only to itself, and the
    /// list does not have it by address.
    Restricted(IpAddr),
    /// The host leads to this address, which the runtime config blocks.
    Blocked(IpAddr),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            component,
            scheme,
            host,
            port,
            reason,
        } = self;
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let entry = |host: &str| {
            let host = if host.contains(':') {
                format!("[{host}]")
            } else {
                host.to_owned()
            };
            match usual_port(scheme) {
                Some(usual) if usual == *port => format!("{scheme}://{host}"),
                _ => format!("{scheme}://{host}:{port}"),
            }
        };
        write!(f, "component `{component}` may not reach {}", entry(bare))?;
        let needed = match reason {
            RefusalReason::NotListed if is_own_application(bare) => "http://self".to_owned(),
            RefusalReason::NotListed => entry(bare),
            RefusalReason::Restricted(address) => {
                let needed = entry(&address.to_canonical().to_string());
                f.write_str(", because it leads to a link-local or metadata address")?;
                needed
            }
            RefusalReason::Blocked(address) => {
                return write!(
                    f,
                    ", because it leads to {address}: see `block_networks` in the runtime config"
                );
            }
        };
        write!(
            f,
            ": add \"{needed}\" to allowed_outbound_hosts of [component.{component}] in spin.toml"
        )
    }
}
