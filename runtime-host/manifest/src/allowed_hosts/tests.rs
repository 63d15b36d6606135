//! Tests of `allowed_hosts`: which entries are accepted, what they let through, and what a
//! refusal says.

use super::*;
use proptest::prelude::*;

fn hosts(entries: &[&str]) -> AllowedHosts {
    AllowedHosts::parse(entries).unwrap()
}

fn check(entry: &str, scheme: &str, host: &str, port: u16) -> Option<Grant> {
    match hosts(&[entry]).check(scheme, host, port) {
        Verdict::Allowed(grant) => Some(grant),
        Verdict::Refused => None,
    }
}

fn error(entry: &str) -> String {
    AllowedHosts::parse(&[entry]).unwrap_err().to_string()
}

#[test]
fn an_entry_allows_what_it_names() {
    use Grant::{Address, Name, OwnApplication, Wildcard};
    for (entry, scheme, host, port, grant) in [
        (
            "https://example.com",
            "https",
            "example.com",
            443,
            Some(Name),
        ),
        (
            "https://example.com/",
            "https",
            "example.com",
            443,
            Some(Name),
        ),
        (
            "https://Example.COM",
            "HTTPS",
            "EXAMPLE.com",
            443,
            Some(Name),
        ),
        ("https://example.com", "http", "example.com", 443, None),
        ("https://example.com", "https", "example.com", 8443, None),
        ("https://example.com", "https", "www.example.com", 443, None),
        (
            "https://example.com",
            "https",
            "example.com.evil.net",
            443,
            None,
        ),
        ("http://example.com", "http", "example.com", 80, Some(Name)),
        (
            "http://example.com:*",
            "http",
            "example.com",
            8080,
            Some(Name),
        ),
        (
            "*://example.com:8080",
            "anything",
            "example.com",
            8080,
            Some(Name),
        ),
        (
            "http://example.com:8000..9000",
            "http",
            "example.com",
            8000,
            Some(Name),
        ),
        (
            "http://example.com:8000..9000",
            "http",
            "example.com",
            8999,
            Some(Name),
        ),
        (
            "http://example.com:8000..9000",
            "http",
            "example.com",
            9000,
            None,
        ),
        ("redis://cache", "redis", "cache", 6379, Some(Name)),
        (
            "https://*.example.com",
            "https",
            "a.example.com",
            443,
            Some(Wildcard),
        ),
        (
            "https://*.example.com",
            "https",
            "a.b.example.com",
            443,
            Some(Wildcard),
        ),
        ("https://*.example.com", "https", "example.com", 443, None),
        (
            "https://*.example.com",
            "https",
            "badexample.com",
            443,
            None,
        ),
        ("http://*", "http", "example.com", 80, Some(Wildcard)),
        ("*://*:*", "http", "127.0.0.1", 1, Some(Wildcard)),
        (
            "http://127.0.0.1:9000",
            "http",
            "127.0.0.1",
            9000,
            Some(Address),
        ),
        (
            "http://127.0.0.1:9000",
            "http",
            "2130706433",
            9000,
            Some(Address),
        ),
        (
            "http://127.0.0.1:9000",
            "http",
            "127.1",
            9000,
            Some(Address),
        ),
        (
            "http://127.0.0.1:9000",
            "http",
            "[::ffff:127.0.0.1]",
            9000,
            Some(Address),
        ),
        ("http://127.0.0.1:9000", "http", "localhost", 9000, None),
        ("http://127.0.0.1:9000", "http", "127.0.0.2", 9000, None),
        ("http://[::1]:9000", "http", "[::1]", 9000, Some(Address)),
        ("http://[::1]:9000", "http", "::1", 9000, Some(Address)),
        ("http://::1", "http", "[0:0::1]", 80, Some(Address)),
        ("http://10.0.0.0/8", "http", "10.9.8.7", 80, Some(Address)),
        (
            "http://10.0.0.0/8:8080",
            "http",
            "10.9.8.7",
            8080,
            Some(Address),
        ),
        ("http://10.1.2.3/8", "http", "10.9.8.7", 80, Some(Address)),
        ("http://10.0.0.0/8", "http", "11.0.0.1", 80, None),
        (
            "http://[fd00::]/8:80",
            "http",
            "[fd12::1]",
            80,
            Some(Address),
        ),
        ("http://fd00::/8", "http", "[fd12::1]", 80, Some(Address)),
        (
            "http://[::ffff:10.0.0.0]/104",
            "http",
            "10.9.8.7",
            80,
            Some(Address),
        ),
        (
            "http://[::ffff:10.0.0.1]/128",
            "http",
            "10.0.0.1",
            80,
            Some(Address),
        ),
        (
            "http://[::ffff:10.0.0.1]",
            "http",
            "10.0.0.1",
            80,
            Some(Address),
        ),
        ("http://localhost:*", "http", "localhost", 3000, Some(Name)),
        ("http://localhost:*", "http", "127.0.0.1", 3000, None),
        ("http://self", "http", "self.alt", 80, Some(OwnApplication)),
        (
            "http://self.alt",
            "http",
            "self",
            3000,
            Some(OwnApplication),
        ),
        (
            "http://self",
            "https",
            "self.alt",
            443,
            Some(OwnApplication),
        ),
        ("self", "http", "self.alt", 80, Some(OwnApplication)),
        ("self.alt", "https", "self", 443, Some(OwnApplication)),
        ("*://*:*", "http", "self.alt", 80, Some(OwnApplication)),
        ("redis://self", "http", "self.alt", 80, None),
        ("http://self", "http", "itself", 80, None),
        (
            "http://rates.spin.internal",
            "http",
            "rates.spin.internal",
            80,
            Some(Name),
        ),
        (
            "http://rates.spin.internal",
            "http",
            "health.spin.internal",
            80,
            None,
        ),
        (
            "http://*.spin.internal",
            "http",
            "rates.spin.internal",
            80,
            Some(Wildcard),
        ),
        ("http://example.com", "http", "", 80, None),
        ("http://*", "http", "not a host", 80, None),
    ] {
        assert_eq!(
            check(entry, scheme, host, port),
            grant,
            "{entry}: {scheme}://{host}:{port}"
        );
    }
}

#[test]
fn nothing_is_allowed_by_default() {
    assert_eq!(
        AllowedHosts::default().check("https", "example.com", 443),
        Verdict::Refused
    );
    assert_eq!(
        AllowedHosts::default().check_own_application(),
        Verdict::Refused
    );
}

#[test]
fn the_most_exact_entry_is_the_reason() {
    let hosts = hosts(&["*://*:*", "http://localhost:*", "http://10.0.0.0/8:*"]);
    assert_eq!(
        hosts.check("http", "localhost", 80),
        Verdict::Allowed(Grant::Name)
    );
    assert_eq!(
        hosts.check("http", "10.0.0.1", 80),
        Verdict::Allowed(Grant::Address)
    );
    assert_eq!(
        hosts.check("http", "example.com", 80),
        Verdict::Allowed(Grant::Wildcard)
    );
}

/// What keeps an address from being connected, to which the host of an entry leads.
fn check_address(
    entries: &[&str],
    (scheme, host, port): (&str, &str, u16),
    address: &str,
    blocked: &BlockedNetworks,
) -> Option<RefusalReason> {
    let address = address.parse().unwrap();
    let checked = hosts(entries).check_address((scheme, host, port), address, blocked);
    checked.err()
}

fn blocked(networks: &[&str]) -> BlockedNetworks {
    let networks = networks.iter().map(|network| network.parse().unwrap());
    networks.collect::<BlockedNetworks>()
}

/// What may be reached of a public address, a private one, this machine's own, and one of a
/// metadata service.
fn reach(entry: &str, host: &str, blocked: &BlockedNetworks) -> [bool; 4] {
    ["1.1.1.1", "10.0.0.1", "127.0.0.1", "169.254.169.254"]
        .map(|address| check_address(&[entry], ("http", host, 80), address, blocked).is_none())
}

#[test]
fn what_a_host_may_lead_to_depends_on_how_it_is_listed_and_on_what_the_operator_blocks() {
    let open = BlockedNetworks::default();
    let strict = blocked(&["private"]);
    let sparing = blocked(&["private"]).sparing_listed();
    for (entry, host) in [
        ("http://*", "a.example.com"),
        ("http://*.example.com", "a.example.com"),
    ] {
        assert_eq!(reach(entry, host, &open), [true, true, true, false]);
        assert_eq!(reach(entry, host, &strict), [true, false, false, false]);
        assert_eq!(reach(entry, host, &sparing), [true, false, false, false]);
    }
    for name in ["simulator", "localhost", "a.example.com"] {
        let entry = format!("http://{name}");
        assert_eq!(reach(&entry, name, &open), [true, true, true, false]);
        assert_eq!(reach(&entry, name, &strict), [true, false, false, false]);
        assert_eq!(reach(&entry, name, &sparing), [true, true, true, false]);
    }
}

#[test]
fn an_address_that_is_listed_itself_is_reached_unless_it_is_blocked() {
    let open = BlockedNetworks::default();
    let strict = blocked(&["private"]);
    let sparing = blocked(&["private"]).sparing_listed();
    for (entry, address) in [
        ("http://127.0.0.1", "127.0.0.1"),
        ("http://127.0.0.0/8", "127.0.0.9"),
        ("http://10.0.0.0/8", "::ffff:10.0.0.1"),
        ("http://169.254.169.254", "169.254.169.254"),
    ] {
        let check = |blocked| check_address(&[entry], ("http", address, 80), address, blocked);
        assert_eq!(check(&open), None, "{entry}");
        assert_eq!(check(&sparing), None, "{entry}");
        assert!(
            matches!(check(&strict), Some(RefusalReason::Blocked(_))),
            "{entry}"
        );
    }
}

#[test]
fn a_metadata_service_in_whatever_clothes_is_reached_by_address_only() {
    let open = BlockedNetworks::default();
    for address in [
        "169.254.169.254",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "fe80::1",
        "fd00:ec2::254",
    ] {
        for (entry, host) in [
            ("http://example.com", "example.com"),
            ("http://*", "example.com"),
        ] {
            let reason = check_address(&[entry], ("http", host, 80), address, &open);
            assert_eq!(
                reason,
                Some(RefusalReason::Restricted(address.parse().unwrap())),
                "{entry} at {address}"
            );
        }
    }
}

#[test]
fn a_wildcard_may_lead_to_a_network_that_is_listed_too() {
    let spared = blocked(&["private"]).sparing_listed();
    let entries = ["http://*.example.com:8080", "http://10.0.0.0/8:8080"];
    let check = |scheme, address, port| {
        check_address(&entries, (scheme, "db.example.com", port), address, &spared)
    };
    assert_eq!(check("http", "10.1.2.3", 8080), None);
    assert_eq!(
        check("http", "10.1.2.3", 80),
        Some(RefusalReason::NotListed)
    );
    assert_eq!(
        check("https", "10.1.2.3", 8080),
        Some(RefusalReason::NotListed)
    );
    let other = "192.168.0.1";
    let reason = Some(RefusalReason::Blocked(other.parse().unwrap()));
    assert_eq!(check("http", other, 8080), reason);
}

#[test]
fn a_bad_entry_is_told_with_the_form_it_should_have() {
    for (entry, told) in [
        (
            "example.com",
            "`example.com` in allowed_outbound_hosts has no scheme: write `https://example.com`",
        ),
        (
            "*",
            "`*` in allowed_outbound_hosts has no scheme: write `*://*:*`",
        ),
        (
            "https://api.example.com/v3",
            "`https://api.example.com/v3` in allowed_outbound_hosts has a path, but hosts are \
             allowed as a whole: write `https://api.example.com`",
        ),
        (
            "http://127.0.0.1:9000/v3/x",
            "`http://127.0.0.1:9000/v3/x` in allowed_outbound_hosts has a path, but hosts are \
             allowed as a whole: write `http://127.0.0.1:9000`",
        ),
        (
            "*://example.com",
            "`*://example.com` in allowed_outbound_hosts needs a port, because its scheme has no \
             usual one: write `*://example.com:*` for any",
        ),
    ] {
        assert_eq!(error(entry), told);
    }
    for entry in ["h2c://a:1", "{http,https}://a", "://a", "1://a"] {
        assert!(
            error(entry).contains("invalid scheme"),
            "{entry}: {}",
            error(entry)
        );
    }
    for entry in [
        "http://",
        "http://a.*.com",
        "http://a*",
        "http://*.*.com",
        "http://*.1.2.3.4",
        "http://a b",
        "http://user@host",
        "http://{a,b}",
        "http://10.0.0.0/33",
        "http://[::1",
    ] {
        assert!(
            error(entry).contains("invalid host"),
            "{entry}: {}",
            error(entry)
        );
    }
    for entry in [
        "http://a:x",
        "http://a:65536",
        "http://a:-1",
        "http://a:9..8",
        "http://a:8..8",
    ] {
        assert!(
            error(entry).contains("invalid port"),
            "{entry}: {}",
            error(entry)
        );
    }
}

#[test]
fn a_refusal_says_which_line_to_add() {
    let refusal = |scheme: &str, host: &str, port, reason| {
        Refusal {
            component: "rates".parse().unwrap(),
            scheme: scheme.to_owned(),
            host: host.to_owned(),
            port,
            reason,
        }
        .to_string()
    };
    assert_eq!(
        refusal("http", "127.0.0.1", 9000, RefusalReason::NotListed),
        "component `rates` may not reach http://127.0.0.1:9000: add \"http://127.0.0.1:9000\" to \
         allowed_outbound_hosts of [component.rates] in spin.toml"
    );
    assert_eq!(
        refusal(
            "https",
            "db.example.com",
            443,
            RefusalReason::Restricted("fe80::1".parse().unwrap())
        ),
        "component `rates` may not reach https://db.example.com, because it leads to a link-local \
         or metadata address: add \"https://[fe80::1]\" to allowed_outbound_hosts of \
         [component.rates] in spin.toml"
    );
    assert!(
        refusal("http", "self.alt", 3000, RefusalReason::NotListed).contains("\"http://self\"")
    );
}

#[test]
fn a_component_is_called_by_its_own_name() {
    assert_eq!(chained_component("rates.spin.internal"), Some("rates"));
    for other in [
        ".spin.internal",
        "spin.internal",
        "a.b.spin.internal",
        "rates.spin.internal.x",
    ] {
        assert_eq!(chained_component(other), None, "{other}");
    }
}

fn host() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("*".to_owned()),
        Just("self".to_owned()),
        "(\\*\\.)?[a-z]{1,5}(\\.[a-z]{2,4}){0,2}",
        any::<std::net::Ipv4Addr>().prop_map(|address| address.to_string()),
        any::<std::net::Ipv6Addr>().prop_map(|address| format!("[{address}]")),
        (any::<std::net::Ipv4Addr>(), 0u8..=32).prop_map(|(address, n)| format!("{address}/{n}")),
        (any::<std::net::Ipv4Addr>(), 90u8..=128)
            .prop_map(|(address, n)| format!("[{}]/{n}", address.to_ipv6_mapped())),
        (any::<std::net::Ipv6Addr>(), 0u8..=128)
            .prop_map(|(address, n)| format!("[{address}]/{n}")),
    ]
}

proptest! {
    #[test]
    fn any_text_is_an_entry_or_an_error(entry in any::<String>(), tail in "[^/]{0,20}") {
        let _ = AllowedHosts::parse(&[&entry]);
        let _ = AllowedHosts::parse(&[&format!("http://{tail}")]);
    }

    #[test]
    fn any_host_is_allowed_or_refused(host in any::<String>(), port in any::<u16>()) {
        let _ = hosts(&["*://*:*", "http://*.a.b", "http://10.0.0.0/8"]).check("http", &host, port);
    }

    #[test]
    fn a_printed_entry_is_the_same_entry(
        scheme in "(http|https|\\*)",
        host in host(),
        port in "(\\*|[1-9][0-9]{0,3}|[1-9][0-9]\\.\\.[1-9][0-9]{2})",
    ) {
        let entry = format!("{scheme}://{host}:{port}").parse::<AllowedHost>().unwrap();
        prop_assert_eq!(entry.to_string().parse::<AllowedHost>(), Ok(entry));
    }

    #[test]
    fn what_a_refusal_asks_for_lets_the_request_through(
        name in "[a-z]{1,6}(\\.[a-z]{2,4})?",
        port in 1u16..,
        address in any::<IpAddr>(),
    ) {
        let grant_of = |entries: &[String], host: &str| {
            match AllowedHosts::parse(entries).unwrap().check("http", host, port) {
                Verdict::Allowed(grant) => Some(grant),
                Verdict::Refused => None,
            }
        };
        let entry_of = |reason| {
            let refusal = Refusal {
                component: "a".parse().unwrap(),
                scheme: "http".to_owned(),
                host: name.clone(),
                port,
                reason,
            };
            refusal.to_string().split('"').nth(1).unwrap().to_owned()
        };
        let mut entries = vec![entry_of(RefusalReason::NotListed)];
        prop_assert!(grant_of(&entries, &name).is_some());
        entries.push(entry_of(RefusalReason::Restricted(address)));
        let hosts = AllowedHosts::parse(&entries).unwrap();
        let open = BlockedNetworks::default();
        prop_assert_eq!(hosts.check_address(("http", &name, port), address, &open), Ok(()));
    }
}
