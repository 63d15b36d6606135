//! Variables of the environment that `spin up` reads and this host does nothing with. Who sets one
//! is told so: silence would look like success.

/// The names, and what counts here instead.
const IGNORED: [(&str, &str); 3] = [
    (
        "SPIN_HTTP1_MAX_BUF_SIZE",
        "how long the head of a request may be is fixed",
    ),
    (
        "SPIN_OUTBOUND_H2C_PRIOR_KNOWLEDGE",
        "other hosts are asked by HTTP/1.1",
    ),
    (
        "WASMTIME_CACHE_FILE",
        "compiled code is kept in the folder that --cache-dir names",
    ),
];

/// A sentence for each such variable that is set.
pub(super) fn warnings(variable: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let set = IGNORED.iter().filter(|(name, _)| {
        let value = variable(name);
        value.is_some_and(|value| !value.is_empty())
    });
    set.map(|(name, instead)| format!("{name} does nothing here: {instead}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_set_is_told() {
        let set = |name: &str| match name {
            "WASMTIME_CACHE_FILE" => Some("cache.toml".to_owned()),
            "SPIN_HTTP1_MAX_BUF_SIZE" => Some(String::new()),
            _ => None,
        };
        let told = warnings(set);
        assert_eq!(told.len(), 1);
        assert!(
            told[0].starts_with("WASMTIME_CACHE_FILE does nothing here"),
            "{told:?}"
        );
    }
}
