//! What to say after "there is no such name": the nearest one that there is, or all of them.

use std::fmt;

/// How like each other two names have to be, from 0 to 1, to take one for a misspelt other.
const ALIKE: f64 = 0.8;

/// The end of a sentence about an unknown name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suggestion(Box<str>);

impl Suggestion {
    /// What to say about `unknown`, when these are the names that there are.
    pub(crate) fn new<'a>(unknown: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        let known: Vec<&str> = known.into_iter().collect();
        let nearest = known
            .iter()
            .map(|name| (strsim::jaro_winkler(&unknown.to_lowercase(), name), name))
            .filter(|(likeness, _)| *likeness >= ALIKE)
            .max_by(|(one, _), (other, _)| one.total_cmp(other));
        let text = match (nearest, known.as_slice()) {
            (Some((_, nearest)), _) => format!(": did you mean `{nearest}`?"),
            (None, []) => ": there are none".to_owned(),
            (None, [only]) => format!(": there is only `{only}`"),
            (None, all) => format!(": there are `{}`", all.join("`, `")),
        };
        Self(text.into())
    }
}

impl fmt::Display for Suggestion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn suggestion(unknown: &str, known: &[&str]) -> String {
        Suggestion::new(unknown, known.iter().copied()).to_string()
    }

    #[test]
    fn the_nearest_name_is_suggested() {
        let known = [
            "allowed_outbound_hosts",
            "ai_models",
            "source",
            "key_value_stores",
        ];
        for (unknown, nearest) in [
            ("allowed_outbound_host", "allowed_outbound_hosts"),
            ("allowed_http_hosts", "allowed_outbound_hosts"),
            ("key_values_stores", "key_value_stores"),
            ("sorce", "source"),
            ("SOURCE", "source"),
        ] {
            assert_eq!(
                suggestion(unknown, &known),
                format!(": did you mean `{nearest}`?")
            );
        }
    }

    #[test]
    fn all_names_are_listed_if_none_is_near() {
        assert_eq!(
            suggestion("wheels", &["id", "route"]),
            ": there are `id`, `route`"
        );
        assert_eq!(suggestion("wheels", &["id"]), ": there is only `id`");
        assert_eq!(suggestion("wheels", &[]), ": there are none");
    }
}
