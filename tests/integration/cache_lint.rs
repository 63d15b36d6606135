//! What is wrong with the headers of an answer, as far as caches are concerned: RFC 9110 (dates,
//! tags, Vary), RFC 9111 (Age, Cache-Control), RFC 9211 (Cache-Status) and RFC 9457 (problems).

use crate::answer::Answer;
use crate::client::Client;
use sfv::{BareItem, Item, List, ListEntry, Parser};
use std::collections::BTreeMap;
use std::time::SystemTime;

/// Asks with GET, conditionally and with HEAD, and checks all answers alone and beside each
/// other. Gives back the answer to GET.
pub(crate) async fn clean(client: &Client, path: &str) -> Answer {
    let full = client.get(path).await;
    check(path, &full);
    let etag = full.header("etag").to_owned();
    if full.status.as_u16() == 200 && !etag.is_empty() {
        let unchanged = client.get_with(path, &[("if-none-match", &etag)]).await;
        check(path, &unchanged);
        // A board that was refreshed in between is another answer.
        if unchanged.status.as_u16() == 304 {
            for name in ["etag", "last-modified", "vary", "cache-control"] {
                assert_eq!(
                    unchanged.header(name),
                    full.header(name),
                    "{path} 304: {name}"
                );
            }
        }
    }
    let head = client.request("HEAD", path, &[]).await;
    assert_eq!(head.text, "", "{path}: HEAD has a body");
    check(path, &head);
    if head.header("etag") == etag {
        assert_eq!(head.status, full.status, "{path}: HEAD");
        for name in ["content-type", "cache-control", "vary", "last-modified"] {
            assert_eq!(head.header(name), full.header(name), "{path} HEAD: {name}");
        }
    }
    full
}

/// Checks one answer.
#[track_caller]
pub(crate) fn check(path: &str, answer: &Answer) {
    let Answer {
        status, headers, ..
    } = answer;
    let place = format!("{path} ({status}): {headers:?}");
    for name in [
        "age",
        "cache-control",
        "cache-status",
        "content-length",
        "content-type",
        "date",
        "etag",
        "last-modified",
        "retry-after",
        "vary",
    ] {
        let count = headers.get_all(name).iter().count();
        assert!(count <= 1, "{name} is there {count} times: {place}");
    }
    let date = http_date(answer.header("date"));
    let date = date.unwrap_or_else(|| panic!("no Date: {place}"));

    let age = answer.header("age");
    if !age.is_empty() {
        assert!(is_number(age), "Age is no whole number: {place}");
    }
    let etag = answer.header("etag");
    if !etag.is_empty() {
        assert!(is_entity_tag(etag), "ETag: {place}");
    }
    let modified = answer.header("last-modified");
    if !modified.is_empty() {
        let modified = http_date(modified).unwrap_or_else(|| panic!("Last-Modified: {place}"));
        assert!(modified <= date, "Last-Modified is after Date: {place}");
    }
    let vary = answer.header("vary");
    assert!(
        vary.split(',')
            .all(|name| vary.is_empty() || is_token(name.trim())),
        "Vary: {place}"
    );

    let control = cache_control(answer.header("cache-control"));
    let control = control.unwrap_or_else(|| panic!("Cache-Control: {place}"));
    assert!(
        !control.is_empty() || status.as_u16() == 204,
        "no Cache-Control: {place}"
    );
    let has = |name: &str| control.contains_key(name);
    if has("no-store") {
        for name in ["public", "max-age", "s-maxage", "stale-while-revalidate"] {
            assert!(!has(name), "no-store beside {name}: {place}");
        }
        assert!(
            etag.is_empty() && age.is_empty(),
            "a validator or an Age of what is not kept: {place}"
        );
    }
    let is_problem = status.is_client_error() || status.is_server_error();
    if is_problem {
        assert!(has("no-store"), "an error that may be kept: {place}");
        let compatible = path.starts_with("/api/v3/");
        // What /health and /ready say is theirs, whether it is good or bad.
        let is_verdict =
            status.as_u16() == 503 && (path.starts_with("/health") || path.starts_with("/ready"));
        let kind = match compatible || is_verdict {
            true => "application/json",
            false => "application/problem+json",
        };
        assert_eq!(answer.header("content-type"), kind, "{place}");
        if matches!(status.as_u16(), 429 | 503) {
            let retry = answer.header("retry-after");
            assert!(is_number(retry) && retry != "0", "Retry-After: {place}");
        }
    }
    if status.as_u16() == 304 {
        assert!(answer.text.is_empty(), "304 has a body: {place}");
        assert!(
            answer.header("content-type").is_empty(),
            "304 has a type: {place}"
        );
        assert!(!etag.is_empty(), "304 without its tag: {place}");
    }
    if let Some(status) = cache_status(answer.header("cache-status"), &place) {
        // An answer from the board says how old it is, and how long it may be kept.
        if !has("no-store") {
            for (name, value) in [("Age", age), ("ETag", etag), ("Vary", vary)] {
                assert!(!value.is_empty(), "{name} is missing: {place}");
            }
            let is_stale = status.detail.as_deref() == Some("stale-if-error");
            if is_stale {
                assert_eq!(control.get("max-age"), Some(&Some(0)), "{place}");
                assert!(
                    modified.is_empty(),
                    "a stale answer has the time of a fresh one: {place}"
                );
            }
        }
    }
}

/// The directives of Cache-Control with their numbers; None where it is not well-formed.
fn cache_control(text: &str) -> Option<BTreeMap<String, Option<u64>>> {
    const WITH_SECONDS: [&str; 4] = [
        "max-age",
        "s-maxage",
        "stale-while-revalidate",
        "stale-if-error",
    ];
    const PLAIN: [&str; 2] = ["public", "no-store"];
    let mut directives = BTreeMap::new();
    for directive in text.split(',').map(str::trim).filter(|_| !text.is_empty()) {
        let (name, argument) = match directive.split_once('=') {
            Some((name, argument)) => (name, Some(argument)),
            None => (directive, None),
        };
        let seconds = match argument {
            Some(argument) if WITH_SECONDS.contains(&name) && is_number(argument) => {
                Some(argument.parse().ok()?)
            }
            None if PLAIN.contains(&name) => None,
            _ => return None,
        };
        if directives.insert(name.to_owned(), seconds).is_some() {
            return None;
        }
    }
    Some(directives)
}

struct CacheStatus {
    detail: Option<String>,
}

/// Cache-Status, which is a List of Items with Parameters (RFC 9211 §2, RFC 9651).
#[track_caller]
fn cache_status(text: &str, place: &str) -> Option<CacheStatus> {
    if text.is_empty() {
        return None;
    }
    let list: List = Parser::new(text)
        .parse()
        .unwrap_or_else(|error| panic!("Cache-Status ({error}): {place}"));
    let [
        ListEntry::Item(Item {
            bare_item: BareItem::Token(cache),
            params,
        }),
    ] = &list[..]
    else {
        panic!("Cache-Status is not one cache: {place}");
    };
    assert_eq!(cache.as_str(), "edge-rates", "{place}");
    let mut is_hit = false;
    let mut forwarded = false;
    let mut detail = None;
    for (name, value) in params {
        match (name.as_str(), value) {
            ("hit" | "stored" | "collapsed", BareItem::Boolean(_)) => {
                is_hit |= name.as_str() == "hit"
            }
            ("fwd", BareItem::Token(reason)) => {
                forwarded = true;
                let reasons = [
                    "bypass",
                    "method",
                    "uri-miss",
                    "vary-miss",
                    "miss",
                    "request",
                    "stale",
                    "partial",
                ];
                assert!(reasons.contains(&reason.as_str()), "fwd={reason}: {place}");
            }
            ("fwd-status", BareItem::Integer(status)) => {
                let status = i64::from(*status);
                assert!((100..600).contains(&status), "fwd-status={status}: {place}");
            }
            ("ttl", BareItem::Integer(_)) => {}
            ("key", BareItem::String(_)) => {}
            ("detail", BareItem::Token(token)) => detail = Some(token.as_str().to_owned()),
            ("detail", BareItem::String(text)) => detail = Some(text.as_str().to_owned()),
            other => panic!("Cache-Status has no {other:?}: {place}"),
        }
    }
    assert!(is_hit != forwarded, "either hit or fwd: {place}");
    let has = |name: &str| params.iter().any(|(known, _)| known.as_str() == name);
    for name in ["fwd-status", "stored", "collapsed"] {
        assert!(forwarded || !has(name), "{name} without fwd: {place}");
    }
    Some(CacheStatus { detail })
}

fn http_date(text: &str) -> Option<SystemTime> {
    let time = httpdate::parse_http_date(text).ok()?;
    // The one form that may be sent (RFC 9110 §5.6.7).
    (httpdate::fmt_http_date(time) == text).then_some(time)
}

/// RFC 9110 §8.8.3.
fn is_entity_tag(text: &str) -> bool {
    let opaque = text.strip_prefix("W/").unwrap_or(text);
    let inner = opaque
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    inner.is_some_and(|inner| {
        !inner.is_empty()
            && inner
                .bytes()
                .all(|byte| byte == 0x21 || (0x23..0x7f).contains(&byte))
    })
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// RFC 9110 §5.6.2.
fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}
