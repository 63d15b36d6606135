//! Which addresses are not out on the public internet. Who may reach them nevertheless is
//! decided in `allowed_hosts`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::Ipv4Net;

/// IPv4 networks that are not reached over the public internet (RFC 6890 and the IANA special
/// purpose registry), and one public address that stands for the inside of a cloud.
const RESTRICTED_V4: &[Ipv4Net] = &[
    net([0, 0, 0, 0], 8),
    net([10, 0, 0, 0], 8),
    net([100, 64, 0, 0], 10),
    net([127, 0, 0, 0], 8),
    // Link-local, and with it the metadata services of most clouds.
    net([169, 254, 0, 0], 16),
    net([172, 16, 0, 0], 12),
    net([192, 0, 0, 0], 24),
    net([192, 0, 2, 0], 24),
    net([192, 168, 0, 0], 16),
    net([198, 18, 0, 0], 15),
    net([198, 51, 100, 0], 24),
    net([203, 0, 113, 0], 24),
    net([224, 0, 0, 0], 4),
    net([240, 0, 0, 0], 4),
    // Azure's platform services, on every virtual machine.
    net([168, 63, 129, 16], 32),
];

/// Metadata services of clouds that are not link-local: of Azure, Alibaba and Oracle.
const METADATA_V4: &[Ipv4Addr] = &[
    Ipv4Addr::new(168, 63, 129, 16),
    Ipv4Addr::new(100, 100, 100, 200),
    Ipv4Addr::new(192, 0, 0, 192),
];

/// The same for IPv6: of AWS, Google and Scaleway.
const METADATA_V6: &[Ipv6Addr] = &[
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42),
];

const fn net(address: [u8; 4], prefix: u8) -> Ipv4Net {
    let [a, b, c, d] = address;
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

/// Whether an address leads to this machine, to a private or shared network, to link-local
/// services such as a cloud's metadata, to many receivers, or to nobody. An IPv6 address that
/// stands for an IPv4 address is judged as that address.
pub fn is_restricted_address(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => is_restricted_v4(v4),
        IpAddr::V6(v6) => is_restricted_v6(v6),
    }
}

/// Whether an address leads to the services that a machine offers only to itself: link-local ones,
/// and those from which clouds hand out a machine's own credentials (metadata services), wherever
/// they are. An IPv6 address that stands for an IPv4 address is judged as that address.
pub fn is_metadata_address(address: IpAddr) -> bool {
    match judged(address) {
        IpAddr::V4(v4) => v4.is_link_local() || METADATA_V4.contains(&v4),
        IpAddr::V6(v6) => {
            let [first, ..] = v6.segments();
            first & 0xffc0 == 0xfe80 || METADATA_V6.contains(&v6)
        }
    }
}

/// The address that is judged: the IPv4 address for which an IPv6 address stands, if it does.
pub(crate) fn judged(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => embedded_v4(v6.segments()).map_or(IpAddr::V6(v6), IpAddr::V4),
        v4 => v4,
    }
}

fn is_restricted_v4(address: Ipv4Addr) -> bool {
    RESTRICTED_V4.iter().any(|net| net.contains(&address))
}

fn is_restricted_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    if let Some(v4) = embedded_v4(segments) {
        return is_restricted_v4(v4);
    }
    match segments {
        // Teredo, benchmarking and other protocol assignments; documentation.
        [0x2001, 0x0000..=0x01ff | 0x0db8, ..] => true,
        // Only 2000::/3 is handed out for public use.
        [first, ..] => first & 0xe000 != 0x2000,
    }
}

/// The IPv4 address to which a packet for this address goes in the end: by NAT64 (RFC 6052) or
/// by 6to4 (RFC 3056).
fn embedded_v4(segments: [u16; 8]) -> Option<Ipv4Addr> {
    let (high, low) = match segments {
        [0x0064, 0xff9b, 0, 0, 0, 0, high, low] => (high, low),
        [0x2002, high, low, ..] => (high, low),
        _ => return None,
    };
    Some(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn public_addresses_are_free() {
        for public in [
            "1.1.1.1",
            "8.8.8.8",
            "100.63.255.255",
            "100.128.0.0",
            "172.15.0.1",
            "172.32.0.1",
            "2606:4700::1111",
            "::ffff:1.1.1.1",
            "64:ff9b::101:101",
            "2002:101:101::1",
        ] {
            assert!(!is_restricted_address(public.parse().unwrap()), "{public}");
        }
    }

    #[test]
    fn addresses_that_lead_inside_are_restricted() {
        for inside in [
            "0.0.0.0",
            "10.0.0.1",
            "100.64.0.1",
            "100.100.100.200",
            "127.0.0.1",
            "127.255.255.255",
            "169.254.169.254",
            "168.63.129.16",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.192",
            "192.168.1.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::7f00:1",
            "fe80::1",
            "fec0::1",
            "fd00:ec2::254",
            "ff02::1",
            "2001:db8::1",
            "2001::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "2002:7f00:1::",
        ] {
            assert!(is_restricted_address(inside.parse().unwrap()), "{inside}");
        }
    }

    #[test]
    fn metadata_services_are_told_from_private_services() {
        for metadata in [
            "169.254.169.254",
            "169.254.170.2",
            "168.63.129.16",
            "100.100.100.200",
            "192.0.0.192",
            "fe80::1",
            "fd00:ec2::254",
            "fd20:ce::254",
            "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
        ] {
            let address = metadata.parse().unwrap();
            assert!(is_metadata_address(address), "{metadata}");
            assert!(is_restricted_address(address), "{metadata}");
        }
        for other in [
            "127.0.0.1",
            "10.0.0.1",
            "100.64.0.1",
            "192.168.1.1",
            "::1",
            "fd00::1",
            "1.1.1.1",
        ] {
            assert!(!is_metadata_address(other.parse().unwrap()), "{other}");
        }
    }

    proptest! {
        #[test]
        fn an_ipv4_address_is_judged_the_same_in_ipv6_clothes(bits in any::<u32>()) {
            let v4 = Ipv4Addr::from(bits);
            let plain = is_restricted_address(IpAddr::V4(v4));
            let mapped = is_restricted_address(IpAddr::V6(v4.to_ipv6_mapped()));
            let [a, b, c, d] = v4.octets().map(u16::from);
            let nat64 = Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, a << 8 | b, c << 8 | d);
            prop_assert_eq!(plain, mapped);
            prop_assert_eq!(plain, is_restricted_address(IpAddr::V6(nat64)));
        }

        #[test]
        fn whatever_the_standard_library_calls_inside_is_restricted(bits in any::<u32>()) {
            let v4 = Ipv4Addr::from(bits);
            if v4.is_private() || v4.is_loopback() || v4.is_link_local() || v4.is_multicast() {
                prop_assert!(is_restricted_address(IpAddr::V4(v4)));
            }
        }
    }
}
