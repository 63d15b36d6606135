//! PromQL: what an expression asks for, and the same expression in a world that runs faster.

use rusty_promql_parser::lexer::duration::{Duration, duration};
use rusty_promql_parser::{Expr, LabelMatchOp, LabelMatcher, VectorSelector, expr};
use std::collections::BTreeSet;

/// What an expression asks for.
#[derive(Default)]
pub(super) struct Asked {
    /// Every series that it reads.
    pub(super) selectors: Vec<VectorSelector>,
    /// Labels by which something is grouped or matched, each with the names of the metrics below.
    pub(super) groupings: Vec<(Vec<String>, BTreeSet<String>)>,
}

impl Asked {
    /// Reads an expression, which has to be valid.
    pub(super) fn of(expression: &str) -> Asked {
        let mut asked = Asked::default();
        asked.visit(&parsed(expression));
        asked
    }

    /// The names of the metrics.
    pub(super) fn names(&self) -> BTreeSet<String> {
        self.selectors.iter().map(name).collect()
    }

    fn visit(&mut self, expression: &Expr) {
        let labels = match expression {
            Expr::VectorSelector(selector) => {
                self.selectors.push(selector.clone());
                None
            }
            Expr::MatrixSelector(matrix) => {
                self.selectors.push(matrix.selector.clone());
                None
            }
            Expr::Aggregation(aggregation) => {
                let grouping = aggregation.grouping.as_ref();
                grouping.map(|grouping| &grouping.labels)
            }
            Expr::Binary(binary) => {
                let modifier = binary.modifier.as_ref();
                let matching = modifier.and_then(|modifier| modifier.matching.as_ref());
                matching.map(|matching| &matching.labels)
            }
            _ => None,
        };
        let mut below = Asked::default();
        for part in parts(&mut expression.clone()) {
            below.visit(part);
        }
        if let Some(labels) = labels {
            self.groupings.push((labels.clone(), below.names()));
        }
        self.selectors.append(&mut below.selectors);
        self.groupings.append(&mut below.groupings);
    }
}

/// A selector's metric.
pub(super) fn name(selector: &VectorSelector) -> String {
    let name = selector.name.clone();
    name.unwrap_or_else(|| panic!("{selector} names its metric"))
}

/// Whether a matcher that wants a value wants this one. Of regular expressions only what is used
/// here is known: alternatives, and dots.
pub(super) fn wants(matcher: &LabelMatcher, value: &str) -> bool {
    let is_like = |pattern: &str| {
        assert!(
            !pattern.contains(['*', '+', '?', '[', '(', '\\']),
            "{matcher} can't be judged"
        );
        pattern.chars().count() == value.chars().count()
            && pattern
                .chars()
                .zip(value.chars())
                .all(|(wanted, is)| wanted == '.' || wanted == is)
    };
    match matcher.op {
        LabelMatchOp::Equal => matcher.value == value,
        LabelMatchOp::RegexMatch => matcher.value.split('|').any(is_like),
        LabelMatchOp::NotEqual | LabelMatchOp::RegexNotMatch => {
            panic!("{matcher} wants no value")
        }
    }
}

pub(super) fn parsed(expression: &str) -> Expr {
    let (rest, parsed) =
        expr(expression.trim()).unwrap_or_else(|error| panic!("{error} in\n{expression}"));
    assert_eq!(rest, "", "only so far it is PromQL:\n{expression}");
    parsed
}

/// What an expression is made of.
fn parts(expression: &mut Expr) -> Vec<&mut Expr> {
    match expression {
        Expr::Number(_) | Expr::String(_) | Expr::VectorSelector(_) | Expr::MatrixSelector(_) => {
            Vec::new()
        }
        Expr::Call(call) => call.args.iter_mut().collect(),
        Expr::Aggregation(aggregation) => {
            let mut parts = vec![&mut aggregation.expr];
            parts.extend(&mut aggregation.param);
            parts
        }
        Expr::Binary(binary) => vec![&mut binary.lhs, &mut binary.rhs],
        Expr::Unary(unary) => vec![&mut unary.expr],
        Expr::Paren(inside) => vec![inside],
        Expr::Subquery(subquery) => vec![&mut subquery.expr],
    }
}

/// The same expression where time runs so many times faster: all its windows are shorter.
pub(super) fn faster(expression: &str, times: u32) -> String {
    let mut is = parsed(expression);
    let again = parsed(&is.to_string());
    assert_eq!(is, again, "it is written as it is meant");
    shorten(&mut is, times);
    is.to_string()
}

fn shorten(expression: &mut Expr, times: u32) {
    match expression {
        Expr::MatrixSelector(matrix) => {
            assert!(matrix.selector.offset.is_none(), "{matrix} looks back");
            matrix.range = shorter(matrix.range, times);
        }
        Expr::VectorSelector(selector) => {
            assert!(selector.offset.is_none(), "{selector} looks back");
        }
        Expr::Subquery(_) => panic!("{expression} has a step"),
        _ => {}
    }
    for part in parts(expression) {
        shorten(part, times);
    }
}

/// The same for a duration as Prometheus writes it.
pub(super) fn sooner(text: &str, times: u32) -> String {
    let (rest, read) = duration(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    assert_eq!(rest, "", "{text}");
    shorter(read, times).to_string()
}

fn shorter(duration: Duration, times: u32) -> Duration {
    let milliseconds = duration.milliseconds;
    let times = i64::from(times);
    assert_eq!(
        milliseconds % times,
        0,
        "{duration} / {times} is a whole number of milliseconds"
    );
    Duration::from_millis(milliseconds / times)
}

#[test]
fn windows_get_shorter_and_nothing_else_changes() {
    let expression = r#"sum by (app) (rate(a_total{b=~"c|d",e!=""}[5m])) / on (app) f > 0.05"#;
    let meant = r#"sum by (app) (rate(a_total{b=~"c|d",e!=""}[5s])) / on (app) f > 0.05"#;
    assert_eq!(parsed(&faster(expression, 60)), parsed(meant));
    assert_eq!(sooner("1h30m", 60), "1m30s");
    assert_eq!(sooner("30s", 60), "500ms");
}

#[test]
fn what_an_expression_asks_for_is_found() {
    let asked = Asked::of(r#"sum by (a, b) (x) / on (a) topk(3, max by (c) (rate(y{d="e"}[1m])))"#);
    assert_eq!(asked.names(), BTreeSet::from(["x", "y"].map(String::from)));
    let labels: Vec<_> = asked
        .groupings
        .iter()
        .map(|(labels, _)| labels.join(","))
        .collect();
    assert_eq!(labels, ["a", "a,b", "c"]);
    assert_eq!(asked.groupings[1].1, BTreeSet::from(["x".to_owned()]));
    assert!(wants(&asked.selectors[1].matchers[0], "e"));
    assert!(!wants(&asked.selectors[1].matchers[0], "f"));
}
