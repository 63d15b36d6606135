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
    use Grant::{Address, Localhost, Name, OwnApplication, Wildcard};
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
        (
            "http://localhost:*",
            "http",
            "localhost",
            3000,
            Some(Localhost),
        ),
        ("http://localhost:*", "http", "127.0.0.1", 3000, None),
        ("http://self", "http", "self.alt", 80, Some(OwnApplication)),
        (
            "http://self.alt",
            "http",
            "self",
            3000,
            Some(OwnApplication),
        ),
        ("http://self", "https", "self", 80, None),
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
        AllowedHosts::default().check_own_application("http"),
        Verdict::Refused
    );
}

#[test]
fn the_most_exact_entry_is_the_reason() {
    let hosts = hosts(&["*://*:*", "http://localhost:*", "http://10.0.0.0/8:*"]);
    assert_eq!(
        hosts.check("http", "localhost", 80),
        Verdict::Allowed(Grant::Localhost)
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

#[test]
fn an_address_that_leads_inside_has_to_be_allowed_by_address() {
    for (entry, host, address, permitted) in [
        // A public address may be reached however it was found.
        ("http://example.com", "example.com", "1.1.1.1", true),
        ("http://*", "example.com", "1.1.1.1", true),
        // A name that was made to point inside.
        ("http://example.com", "example.com", "127.0.0.1", false),
        (
            "http://example.com",
            "example.com",
            "169.254.169.254",
            false,
        ),
        (
            "http://example.com",
            "example.com",
            "::ffff:10.0.0.1",
            false,
        ),
        ("http://*.example.com", "a.example.com", "10.0.0.1", false),
        ("http://*", "example.com", "10.0.0.1", false),
        ("http://*", "127.0.0.1", "127.0.0.1", false),
        ("http://*", "localhost", "127.0.0.1", false),
        // Allowed on purpose.
        ("http://127.0.0.1", "127.0.0.1", "127.0.0.1", true),
        ("http://localhost", "localhost", "127.0.0.1", true),
        ("http://localhost", "localhost", "::1", true),
        ("http://localhost", "localhost", "10.0.0.1", false),
        ("http://127.0.0.0/8", "127.0.0.9", "127.0.0.9", true),
        (
            "http://169.254.169.254",
            "169.254.169.254",
            "169.254.169.254",
            true,
        ),
    ] {
        let hosts = hosts(&[entry]);
        let Verdict::Allowed(grant) = hosts.check("http", host, 80) else {
            panic!("{entry} should allow {host}");
        };
        let address = address.parse().unwrap();
        assert_eq!(
            hosts.permits_address("http", grant, address, 80),
            permitted,
            "{entry}: {host} at {address}"
        );
    }
}

#[test]
fn a_name_may_lead_inside_if_the_network_is_allowed_too() {
    let hosts = hosts(&["http://db.example.com:8080", "http://10.0.0.0/8:8080"]);
    let inside: IpAddr = "10.1.2.3".parse().unwrap();
    assert!(hosts.permits_address("http", Grant::Name, inside, 8080));
    assert!(!hosts.permits_address("http", Grant::Name, inside, 80));
    assert!(!hosts.permits_address("https", Grant::Name, inside, 8080));
    assert!(!hosts.permits_address("http", Grant::Name, "192.168.0.1".parse().unwrap(), 8080));
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
            RefusalReason::Restricted("fd00::1".parse().unwrap())
        ),
        "component `rates` may not reach https://db.example.com, because it leads to an address \
         that is not public: add \"https://[fd00::1]\" to allowed_outbound_hosts of \
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
        prop_assert!(hosts.permits_address("http", Grant::Name, address, port));
    }
}
