//! Text with variables in it: `https://{{ api_host }}/users`. A template is parsed once, when the
//! manifest is read, and filled in when the variables are known.
//!
//! The rules are Spin's: an expression runs from `{{` to the next `}}`, spaces around the name
//! don't count, there is no way to escape `{{`, and a lone `}}` is plain text.

use std::fmt;
use std::str::FromStr;

use crate::names::{InvalidName, VariableName};
use crate::variables::{VariableError, VariableValues};

/// Text in which `{{ name }}` stands for the value of an application variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Literal(String),
    Variable(VariableName),
}

/// Text that is not a template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// An expression is opened but not closed.
    #[error("`{{{{` is not closed: write `{{{{ name }}}}`")]
    Unclosed,
    /// What stands between the braces is not the name of a variable.
    #[error(transparent)]
    Name(#[from] InvalidName),
}

impl Template {
    /// The variables that the template uses, in order, repeated if used twice.
    pub fn variables(&self) -> impl Iterator<Item = &VariableName> {
        self.parts.iter().filter_map(|part| match part {
            Part::Variable(name) => Some(name),
            Part::Literal(_) => None,
        })
    }

    /// Whether the template uses no variable at all.
    pub fn is_literal(&self) -> bool {
        self.variables().next().is_none()
    }

    /// The text with every variable replaced by its value. Values are not templates: braces in
    /// them stay as they are.
    ///
    /// # Errors
    /// `VariableError::Undeclared` if `values` come from another application than the template.
    pub fn expand(&self, values: &VariableValues) -> Result<String, VariableError> {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Literal(literal) => text.push_str(literal),
                Part::Variable(name) => text.push_str(values.value(name)?),
            }
        }
        Ok(text)
    }
}

impl FromStr for Template {
    type Err = TemplateError;

    fn from_str(text: &str) -> Result<Self, TemplateError> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((literal, after)) = rest.split_once("{{") {
            if !literal.is_empty() {
                parts.push(Part::Literal(literal.to_owned()));
            }
            let (name, after) = after.split_once("}}").ok_or(TemplateError::Unclosed)?;
            parts.push(Part::Variable(name.trim().parse()?));
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(Part::Literal(rest.to_owned()));
        }
        Ok(Self { parts })
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.parts.iter().try_for_each(|part| match part {
            Part::Literal(literal) => f.write_str(literal),
            Part::Variable(name) => write!(f, "{{{{ {name} }}}}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn values() -> VariableValues {
        VariableValues::from_iter([("host", "example.com"), ("key", "{{ host }}"), ("none", "")])
    }

    fn expanded(text: &str) -> String {
        text.parse::<Template>().unwrap().expand(&values()).unwrap()
    }

    #[test]
    fn variables_are_replaced_and_the_rest_stays() {
        for (template, expected) in [
            ("", ""),
            ("plain", "plain"),
            ("{{ host }}", "example.com"),
            ("{{host}}", "example.com"),
            (
                "https://{{ host }}/{{ host }}",
                "https://example.com/example.com",
            ),
            ("a{{ none }}b", "ab"),
            ("{ host }", "{ host }"),
            ("{} }} {", "{} }} {"),
            ("{\"a\":{\"b\":1}}", "{\"a\":{\"b\":1}}"),
        ] {
            assert_eq!(expanded(template), expected, "{template}");
        }
    }

    #[test]
    fn a_value_is_not_a_template() {
        assert_eq!(expanded("{{ key }}"), "{{ host }}");
    }

    #[test]
    fn broken_expressions_are_refused() {
        assert_eq!("{{ a".parse::<Template>(), Err(TemplateError::Unclosed));
        for bad in ["{{}}", "{{ }}", "{{ A }}", "{{ a b }}", "{{{ a }}}"] {
            assert!(
                matches!(bad.parse::<Template>(), Err(TemplateError::Name(_))),
                "{bad} should be refused"
            );
        }
    }

    #[test]
    fn only_text_without_variables_is_literal() {
        assert!("a }}".parse::<Template>().unwrap().is_literal());
        assert!(!"{{ a }}".parse::<Template>().unwrap().is_literal());
    }

    proptest! {
        #[test]
        fn any_text_is_a_template_or_an_error(text in any::<String>()) {
            let _ = text.parse::<Template>();
        }

        #[test]
        fn a_printed_template_is_the_same_template(text in "([a-z}]|\\{\\{ ?[a-c] ?\\}\\}){0,8}") {
            if let Ok(template) = text.parse::<Template>() {
                prop_assert_eq!(template.to_string().parse::<Template>(), Ok(template));
            }
        }

        #[test]
        fn text_without_braces_expands_to_itself(text in "[^{]*") {
            let template = text.parse::<Template>().unwrap();
            prop_assert_eq!(template.expand(&VariableValues::default()).unwrap(), text);
        }
    }
}
