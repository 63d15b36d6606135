//! The query of a request: what each route is asked to do. Absent or malformed parameters
//! take the default the route names, because a test that misspells one sees it in the answer.

use spin_sdk::http::Uri;

/// The decoded `name=value` pairs of a request, in order.
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    pub(crate) fn of(uri: &Uri) -> Self {
        let query = uri.query().unwrap_or_default();
        Self(
            form_urlencoded::parse(query.as_bytes())
                .into_owned()
                .collect(),
        )
    }

    /// The first value of that name.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// The value as a number; `default` if it is absent or no number of that type.
    pub(crate) fn number<N: std::str::FromStr>(&self, name: &str, default: N) -> N {
        self.text(name)
            .and_then(|value| value.parse().ok())
            .unwrap_or(default)
    }
}
