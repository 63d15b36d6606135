//! The routes of an application: which trigger answers a path, and what a component is told
//! about the match. Calling the component is not done here.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use http::HeaderName;

use crate::application::{HttpTrigger, TriggerRoute};
use crate::route::{CHAINED, Captures, Route};

/// Paths under this prefix are answered by the host itself.
const RESERVED_PREFIX: &str = "/.well-known/spin";

/// All public routes of an application.
#[derive(Debug, Clone)]
pub struct RouteTable {
    /// The most specific route first: the first that matches is the one.
    by_rank: Vec<Entry>,
    /// Positions in `by_rank`, in the order of the manifest.
    in_order: Vec<usize>,
}

#[derive(Debug, Clone)]
struct Entry {
    trigger: usize,
    shown_as: String,
    route: Route,
}

/// A route that will never be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RouteWarning {
    /// Two triggers have the same route; the last one in the manifest wins.
    Duplicate {
        /// The route as written in the trigger that loses.
        route: String,
        /// What would have answered it.
        unused: String,
        /// What answers instead.
        used: String,
    },
    /// The host answers here itself.
    Reserved {
        /// The route as written.
        route: String,
        /// What would have answered it.
        unused: String,
    },
}

impl fmt::Display for RouteWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Duplicate {
                route,
                unused,
                used,
            } => write!(
                f,
                "the route {route} of `{unused}` is never used, because `{used}` has the same \
                 one further down: remove one of them or change its route"
            ),
            Self::Reserved { route, unused } => write!(
                f,
                "the route {route} of `{unused}` is never used, because the host answers paths \
                 under {RESERVED_PREFIX}/ itself: change the route"
            ),
        }
    }
}

impl RouteTable {
    /// The table of the triggers' public routes, and what is wrong with them.
    pub fn new(triggers: &[HttpTrigger]) -> (Self, Vec<RouteWarning>) {
        let mut warnings = Vec::new();
        let mut entries: Vec<Entry> = Vec::new();
        let mut positions: HashMap<String, usize> = HashMap::new();
        for (index, trigger) in triggers.iter().enumerate() {
            let TriggerRoute::Path(route) = &trigger.route else {
                continue;
            };
            let entry = Entry {
                trigger: index,
                shown_as: trigger.shown_as().to_owned(),
                route: route.clone(),
            };
            if is_reserved(route) {
                warnings.push(RouteWarning::Reserved {
                    route: route.to_string(),
                    unused: entry.shown_as.clone(),
                });
            }
            let position = *positions.entry(route.shape()).or_insert(entries.len());
            match entries.get_mut(position) {
                Some(same) => {
                    warnings.push(RouteWarning::Duplicate {
                        route: same.route.to_string(),
                        unused: same.shown_as.clone(),
                        used: entry.shown_as.clone(),
                    });
                    *same = entry;
                }
                None => entries.push(entry),
            }
        }

        let mut by_rank: Vec<(usize, Entry)> = entries.into_iter().enumerate().collect();
        by_rank.sort_by_cached_key(|(_, entry)| entry.route.rank());
        let mut in_order: Vec<(usize, usize)> = by_rank
            .iter()
            .enumerate()
            .map(|(rank, (order, _))| (*order, rank))
            .collect();
        in_order.sort_unstable();
        let table = Self {
            by_rank: by_rank.into_iter().map(|(_, entry)| entry).collect(),
            in_order: in_order.into_iter().map(|(_, rank)| rank).collect(),
        };
        (table, warnings)
    }

    /// The trigger for a path, by its index in the application, and the match. `path` is the
    /// path of the request, without its query.
    pub fn route<'t, 'p>(&'t self, path: &'p str) -> Option<(usize, Match<'t, 'p>)> {
        self.by_rank.iter().find_map(|entry| {
            let captures = entry.route.captures(path)?;
            Some((
                entry.trigger,
                Match {
                    route: &entry.route,
                    path,
                    captures,
                },
            ))
        })
    }

    /// The routes for the start-up text, in the order of the manifest.
    pub fn listing(&self) -> impl Iterator<Item = ListedRoute<'_>> {
        let entries = self.in_order.iter();
        let entries = entries.filter_map(|rank| self.by_rank.get(*rank));
        entries.map(|entry| ListedRoute {
            trigger: entry.trigger,
            shown_as: &entry.shown_as,
            prefix: entry.route.prefix(),
            is_wildcard: entry.route.is_wildcard(),
        })
    }
}

/// A route as the start-up text shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListedRoute<'t> {
    /// The trigger, by its index in the application.
    pub trigger: usize,
    /// The component that answers, or the trigger's own id if none does.
    pub shown_as: &'t str,
    /// The path without the wildcard and without a slash at its end; empty for the root.
    pub prefix: &'t str,
    /// Whether it covers what is below that path too.
    pub is_wildcard: bool,
}

fn is_reserved(route: &Route) -> bool {
    route
        .rooted()
        .strip_prefix(RESERVED_PREFIX)
        .is_some_and(|below| below.starts_with('/'))
}

/// How a path matches a route: what Spin tells a component about it in request headers.
#[derive(Debug)]
pub struct Match<'t, 'p> {
    route: &'t Route,
    path: &'p str,
    captures: Captures<'p>,
}

impl<'t, 'p> Match<'t, 'p> {
    /// The match for a request from another component: as if the component had the route `/...`.
    pub fn chained(path: &'p str) -> Match<'static, 'p> {
        Match {
            route: &CHAINED,
            path,
            captures: Captures {
                parameters: Vec::new(),
                rest: Some(path.trim_matches('/')),
            },
        }
    }

    /// `spin-path-info`: what the wildcard stands for, with a slash at its start, and at its end
    /// if the path has one there. Empty without a wildcard.
    pub fn path_info(&self) -> Cow<'p, str> {
        let Some(rest) = self.captures.rest else {
            return Cow::Borrowed("");
        };
        let ends_in_slash = self.path.ends_with('/');
        if rest.is_empty() {
            return Cow::Borrowed(if ends_in_slash { "/" } else { "" });
        }
        // What is asked for stands in the path itself, but for a path without a first slash.
        let end = self.path.trim_end_matches('/').len();
        let start = (end - rest.len()).checked_sub(1);
        let end = if ends_in_slash { end + 1 } else { end };
        match start.and_then(|start| self.path.get(start..end)) {
            Some(info) if info.starts_with('/') => Cow::Borrowed(info),
            _ => Cow::Owned(format!("/{rest}{}", if ends_in_slash { "/" } else { "" })),
        }
    }

    /// `spin-matched-route`: the route with a slash at its start and none at its end, with its
    /// wildcard; empty for `/`.
    pub fn matched_route(&self) -> &'t str {
        self.route.rooted()
    }

    /// `spin-raw-component-route`: the route as it is written in the manifest.
    pub fn raw_component_route(&self) -> &'t str {
        self.route.as_written()
    }

    /// `spin-component-route`: the route as it is written, without `/...` at its end.
    pub fn component_route(&self) -> &'t str {
        let written = self.route.as_written();
        written.strip_suffix("/...").unwrap_or(written)
    }

    /// The parameters of the route and what they stand for, as in the path: not
    /// percent-decoded.
    pub fn parameters(&self) -> impl Iterator<Item = (&'t str, &'p str)> {
        let values = self.captures.parameters.iter().copied();
        self.route
            .parameters()
            .iter()
            .map(|parameter| parameter.name.as_str())
            .zip(values)
    }

    /// `spin-path-match-<name>`: the same as headers.
    pub fn parameter_headers(&self) -> impl Iterator<Item = (&'t HeaderName, &'p str)> {
        let values = self.captures.parameters.iter().copied();
        self.route
            .parameters()
            .iter()
            .map(|parameter| &parameter.header)
            .zip(values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::application::{Executor, Target};
    use proptest::prelude::*;

    fn trigger(component: &str, route: &str) -> HttpTrigger {
        HttpTrigger {
            id: format!("{component}-http-trigger"),
            target: Target::Component(component.parse().unwrap()),
            route: TriggerRoute::Path(route.parse().unwrap()),
            executor: Executor::Http,
            extra_components: Vec::new(),
        }
    }

    fn table(routes: &[(&str, &str)]) -> RouteTable {
        let triggers: Vec<_> = routes
            .iter()
            .map(|(id, route)| trigger(id, route))
            .collect();
        let (table, warnings) = RouteTable::new(&triggers);
        assert_eq!(warnings, []);
        table
    }

    fn found(table: &RouteTable, path: &str) -> Option<usize> {
        table.route(path).map(|(trigger, _)| trigger)
    }

    #[test]
    fn exact_beats_parameter_beats_longest_prefix() {
        let table = table(&[
            ("root", "/..."),
            ("prefix", "/one/..."),
            ("longer", "/one/two/..."),
            ("parameter", "/one/:two"),
            ("exact", "/one/two"),
            ("json", "/one/:two.json"),
        ]);
        for (path, trigger) in [
            ("/", 0),
            ("/onetwo", 0),
            ("/one", 1),
            ("/one/x/y", 1),
            ("/one/two/three", 2),
            ("/one/x", 3),
            ("/one/two", 4),
            ("/one/two/", 4),
            ("/one/x.json", 5),
        ] {
            assert_eq!(found(&table, path), Some(trigger), "{path}");
        }
    }

    #[test]
    fn an_unknown_path_has_no_trigger() {
        let table = table(&[("a", "/a"), ("b", "/b/...")]);
        assert_eq!(found(&table, "/"), None);
        assert_eq!(found(&table, "/c"), None);
        assert_eq!(found(&table, ""), None);
    }

    #[test]
    fn private_triggers_have_no_route() {
        let mut private = trigger("private", "/");
        private.route = TriggerRoute::Private;
        let (table, warnings) = RouteTable::new(&[private]);
        assert_eq!(found(&table, "/"), None);
        assert_eq!(warnings, []);
        assert_eq!(table.listing().count(), 0);
    }

    #[test]
    fn of_the_same_route_the_last_wins_with_a_warning() {
        for (first, second) in [
            ("/a", "/a"),
            ("/a", "/a/"),
            ("/a/...", "/a/*"),
            ("/:x/b", "/:y/b"),
            ("a", "/a"),
        ] {
            let triggers = [trigger("one", first), trigger("two", second)];
            let (table, warnings) = RouteTable::new(&triggers);
            let path = first.replace(":x", "x").replace("...", "x");
            assert_eq!(found(&table, &path), Some(1), "{first} and {second}");
            assert_eq!(
                warnings,
                [RouteWarning::Duplicate {
                    route: first.to_owned(),
                    unused: "one".to_owned(),
                    used: "two".to_owned(),
                }],
                "{first} and {second}"
            );
        }
    }

    #[test]
    fn a_route_that_the_host_answers_itself_is_warned_of() {
        for (route, reserved) in [
            ("/.well-known/spin/health", true),
            ("/.well-known/spin/...", true),
            ("/.well-known/spindle", false),
            ("/.well-known/...", false),
        ] {
            let (_, warnings) = RouteTable::new(&[trigger("a", route)]);
            assert_eq!(!warnings.is_empty(), reserved, "{route}");
        }
    }

    #[test]
    fn the_listing_is_in_the_order_of_the_manifest() {
        let table = table(&[
            ("site", "/..."),
            ("root", "/"),
            ("v1", "/v1/..."),
            ("id", "/u/:id"),
        ]);
        let listed = table.listing().map(|route| {
            let ListedRoute {
                trigger,
                shown_as,
                prefix,
                is_wildcard,
            } = route;
            (trigger, shown_as, prefix, is_wildcard)
        });
        assert_eq!(
            listed.collect::<Vec<_>>(),
            [
                (0, "site", "", true),
                (1, "root", "", false),
                (2, "v1", "/v1", true),
                (3, "id", "/u/:id", false),
            ]
        );
    }

    #[test]
    fn a_component_is_told_how_its_route_matched() {
        // The values Spin 4.1 gives.
        for (route, path, path_info, matched, component_route) in [
            ("/", "/", "", "", "/"),
            ("/foo/", "/foo", "", "/foo", "/foo/"),
            ("/foo", "/foo/", "", "/foo", "/foo"),
            ("/...", "/", "/", "/...", ""),
            ("/...", "/a/b", "/a/b", "/...", ""),
            ("/foo/...", "/foo", "", "/foo/...", "/foo"),
            ("/foo/...", "/foo/", "/", "/foo/...", "/foo"),
            ("/foo/...", "/foo/bar", "/bar", "/foo/...", "/foo"),
            ("/foo/...", "/foo/bar/", "/bar/", "/foo/...", "/foo"),
            ("/foo/...", "/foo//bar", "/bar", "/foo/...", "/foo"),
            ("/foo/*", "/foo/bar", "/bar", "/foo/*", "/foo/*"),
            (
                "/foo/:id/...",
                "/foo/42/bar",
                "/bar",
                "/foo/:id/...",
                "/foo/:id",
            ),
            ("foo/...", "/foo/bar", "/bar", "/foo/...", "foo"),
        ] {
            let table = table(&[("a", route)]);
            let (_, found) = table.route(path).unwrap();
            assert_eq!(
                found.path_info(),
                path_info,
                "path info of {route} and {path}"
            );
            assert_eq!(found.matched_route(), matched, "matched route of {route}");
            assert_eq!(
                found.component_route(),
                component_route,
                "component route of {route}"
            );
            assert_eq!(found.raw_component_route(), route);
        }
    }

    #[test]
    fn parameters_are_told_by_name() {
        let table = table(&[("a", "/:base/:quote.json")]);
        let (_, found) = table.route("/BTC/USD.json").unwrap();
        assert_eq!(
            found.parameters().collect::<Vec<_>>(),
            [("base", "BTC"), ("quote", "USD")]
        );
        let headers: Vec<_> = found
            .parameter_headers()
            .map(|(name, value)| (name.as_str(), value))
            .collect();
        assert_eq!(
            headers,
            [
                ("spin-path-match-base", "BTC"),
                ("spin-path-match-quote", "USD")
            ]
        );
    }

    #[test]
    fn a_chained_request_has_the_whole_path_as_path_info() {
        let chained = Match::chained("/a/b/");
        assert_eq!(chained.path_info(), "/a/b/");
        assert_eq!(chained.matched_route(), "/...");
        assert_eq!(chained.component_route(), "");
        assert_eq!(Match::chained("/").path_info(), "/");
    }

    proptest! {
        #[test]
        fn any_path_has_a_path_info(path in any::<String>(), slashed in "(/|[ab]){0,8}") {
            let table = table(&[("a", "/..."), ("b", "/a/..."), ("c", "/:a/b")]);
            for path in [&path, &slashed] {
                if let Some((_, found)) = table.route(path) {
                    let info = found.path_info();
                    prop_assert!(info.is_empty() || info.starts_with('/'), "{path} {info}");
                }
            }
        }

        #[test]
        fn the_same_route_is_chosen_as_with_spin(
            routes in proptest::collection::hash_set("(/(ab|cd|:x)){0,3}(/\\.\\.\\.)?", 1..8),
            path in "(/(ab|cd|ef)){0,4}/?",
        ) {
            let mut spin = routefinder::Router::new();
            let mut triggers = Vec::new();
            for route in &routes {
                if route.parse::<Route>().is_ok() {
                    spin.add(route.replace("...", "*"), triggers.len()).unwrap();
                    triggers.push(trigger("a", if route.is_empty() { "/" } else { route }));
                }
            }
            let (table, _) = RouteTable::new(&triggers);
            let expected = spin.best_match(&path).map(|found| *found);
            prop_assert_eq!(found(&table, &path), expected, "{:?} {}", routes, path);
        }
    }
}
