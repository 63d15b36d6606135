//! The names a manifest gives to things, each checked once when it is read: component ids,
//! variable names and store labels. What a name stands for is not known here.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;

/// A name that does not follow the rules for its kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is not {rule}")]
pub struct InvalidName {
    name: String,
    rule: &'static str,
}

/// Gives a checked name the traits that every such name has.
macro_rules! checked_name {
    ($(#[$doc:meta])* $name:ident, $is_valid:path, $rule:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// The name as it is written in the manifest.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidName;

            fn from_str(name: &str) -> Result<Self, InvalidName> {
                if $is_valid(name) {
                    Ok(Self(name.to_owned()))
                } else {
                    Err(InvalidName { name: name.to_owned(), rule: $rule })
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        // Maps keyed by the name can be asked with plain text.
        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

checked_name!(
    /// Id of a component: words joined by `-`, such as `shopping-cart`.
    ComponentId,
    is_kebab_case,
    "a component id: use words of letters and digits joined by `-`, such as `shopping-cart`"
);

checked_name!(
    /// Name of a variable: `lower_snake_case`.
    VariableName,
    is_variable_name,
    "a variable name: use lower-case letters, digits and single underscores, such as `api_key`"
);

checked_name!(
    /// Label of a key-value store, such as `default`: words joined by `-`, or by `_`.
    StoreLabel,
    is_label,
    "a store label: use words of letters and digits joined by `-` or by `_`, such as `default`"
);

impl VariableName {
    /// The environment variable that sets this variable: a prefix, `SPIN_VARIABLE` unless a
    /// provider has its own, and the name in upper case.
    pub(crate) fn environment_name(&self, prefix: &str) -> String {
        format!("{prefix}_{}", self.0.to_ascii_uppercase())
    }
}

fn is_kebab_case(name: &str) -> bool {
    name.split('-').all(is_word)
}

fn is_label(name: &str) -> bool {
    is_kebab_case(name) || name.split('_').all(is_word)
}

/// A word of the component model: a letter, then letters and digits, all letters of one case.
fn is_word(word: &str) -> bool {
    word.starts_with(|first: char| first.is_ascii_alphabetic())
        && word.chars().all(|c| c.is_ascii_alphanumeric())
        && !(word.contains(|c: char| c.is_ascii_lowercase())
            && word.contains(|c: char| c.is_ascii_uppercase()))
}

fn is_variable_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_lowercase())
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        && !name.ends_with('_')
        && !name.contains("__")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn component_ids_are_kebab_case() {
        for good in ["rates", "shopping-cart", "v2", "a1-b2", "HTTP-api"] {
            assert!(
                good.parse::<ComponentId>().is_ok(),
                "{good} should be accepted"
            );
        }
        for bad in [
            "",
            "-",
            "a-",
            "-a",
            "a--b",
            "snake_case",
            "2nd",
            "a-2",
            "Mixed",
            "a b",
            "é",
        ] {
            assert!(
                bad.parse::<ComponentId>().is_err(),
                "{bad} should be refused"
            );
        }
    }

    #[test]
    fn variable_names_are_lower_snake_case() {
        for good in ["a", "api_key", "x1", "a_1"] {
            assert!(
                good.parse::<VariableName>().is_ok(),
                "{good} should be accepted"
            );
        }
        for bad in ["", "_a", "a_", "a__b", "Api", "kebab-case", "1a", "a b"] {
            assert!(
                bad.parse::<VariableName>().is_err(),
                "{bad} should be refused"
            );
        }
    }

    #[test]
    fn store_labels_are_kebab_or_snake_case_but_not_both() {
        for good in ["default", "my-store", "my_store"] {
            assert!(
                good.parse::<StoreLabel>().is_ok(),
                "{good} should be accepted"
            );
        }
        for bad in ["", "my-store_2", "a/b", "a b"] {
            assert!(
                bad.parse::<StoreLabel>().is_err(),
                "{bad} should be refused"
            );
        }
    }

    #[test]
    fn a_refused_name_is_shown_with_the_rule() {
        let refused = "my_component"
            .parse::<ComponentId>()
            .unwrap_err()
            .to_string();
        assert_eq!(
            refused,
            "`my_component` is not a component id: use words of letters and digits joined by `-`, \
             such as `shopping-cart`"
        );
    }

    #[test]
    fn a_variable_is_set_by_its_name_in_upper_case() {
        let name: VariableName = "api_key".parse().unwrap();
        assert_eq!(
            name.environment_name("SPIN_VARIABLE"),
            "SPIN_VARIABLE_API_KEY"
        );
    }
}
