//! The ratios to reach: what is divided by what, the first mark, the goal, and whether they are
//! met. A ratio compares what was measured side by side in one run, never numbers of two runs.

use std::fmt;

use serde::Serialize;

use crate::measurement::{Cell, Measured, Measurement};
use crate::statistics::{Figure, rounded};

/// What a figure should be.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub enum Bound {
    /// This or more.
    AtLeast(f64),
    /// This or less.
    AtMost(f64),
}

impl Bound {
    fn is_met_by(self, number: f64) -> bool {
        match self {
            Bound::AtLeast(bound) => number >= bound,
            Bound::AtMost(bound) => number <= bound,
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Bound::AtLeast(bound) => write!(f, "≥ {bound}"),
            Bound::AtMost(bound) => write!(f, "≤ {bound}"),
        }
    }
}

/// How a figure stands to its marks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The goal is met.
    Goal,
    /// The first mark is met, the goal is not.
    FirstMark,
    /// Neither.
    NotMet,
    /// There is nothing to judge.
    NotMeasured,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Verdict::Goal => "goal met",
            Verdict::FirstMark => "first mark met",
            Verdict::NotMet => "not met",
            Verdict::NotMeasured => "not measured",
        })
    }
}

/// A row of the table.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// What the figure is.
    pub what: String,
    /// The figure, or why there is none.
    pub figure: Result<Figure, String>,
    /// What has to be reached first.
    pub mark: Bound,
    /// What is to be reached.
    pub goal: Bound,
    /// How it stands.
    pub verdict: Verdict,
    /// How it was measured, where that is not obvious, and what else to know.
    pub remark: String,
}

impl Row {
    fn new(
        what: &str,
        (mark, goal): (Bound, Bound),
        figure: Result<Figure, String>,
        remark: &str,
    ) -> Row {
        let verdict = match &figure {
            Err(_) => Verdict::NotMeasured,
            Ok(figure) if goal.is_met_by(figure.median) => Verdict::Goal,
            Ok(figure) if mark.is_met_by(figure.median) => Verdict::FirstMark,
            Ok(_) => Verdict::NotMet,
        };
        Row {
            what: what.to_owned(),
            figure,
            mark,
            goal,
            verdict,
            remark: remark.to_owned(),
        }
    }

    /// The figure's spread as text.
    pub fn spread(&self) -> String {
        match &self.figure {
            Ok(figure) => format!("{} – {}", rounded(figure.least), rounded(figure.most)),
            Err(_) => String::new(),
        }
    }
}

/// One of a measurement's columns.
type Column = fn(&Measurement) -> &[f64];

const PER_SECOND: Column = |measured| &measured.per_second;
const P50: Column = |measured| &measured.p50_us;
const P99: Column = |measured| &measured.p99_us;

/// The quotient of one column of two cells, round by round.
fn quotient(
    measured: &Measured,
    column: Column,
    above: Cell,
    below: Cell,
) -> Result<Figure, String> {
    let find = |cell: Cell| {
        let found = measured.of(cell);
        found.ok_or_else(|| format!("{} was not measured", cell.server))
    };
    let (above, below) = (find(above)?, find(below)?);
    Figure::of_ratios(column(above), column(below)).ok_or_else(|| "no samples".to_owned())
}

const fn pair(stage: &'static str, server: &'static str, connections: u32) -> Cell {
    Cell {
        stage,
        server,
        route: "pair",
        connections,
    }
}

/// All rows, in the order of the project's performance goals.
pub fn rows(measured: &Measured) -> Vec<Row> {
    use Bound::{AtLeast, AtMost};
    let serving = |server, connections| pair("serving", server, connections);
    let by = |column, peer, connections| {
        quotient(
            measured,
            column,
            serving("runtime-host", connections),
            serving(peer, connections),
        )
    };
    vec![
        Row::new(
            "throughput at c=64, runtime-host ÷ native twin",
            (AtLeast(0.45), AtLeast(0.7)),
            by(PER_SECOND, "native-twin", 64),
            "",
        ),
        Row::new(
            "p50 at c=1, runtime-host ÷ native twin",
            (AtMost(2.5), AtMost(1.5)),
            by(P50, "native-twin", 1),
            "",
        ),
        Row::new(
            "p99 at c=64, runtime-host ÷ native twin",
            (AtMost(3.0), AtMost(1.5)),
            by(P99, "native-twin", 64),
            "",
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measurement::Sample;

    fn measured(host: f64, twin: f64) -> Measured {
        let mut measured = Measured::default();
        for (server, per_second) in [("runtime-host", host), ("native-twin", twin)] {
            let sample = Sample {
                per_second,
                p50_us: 1.0,
                p99_us: 1.0,
                processor_us: 1.0,
            };
            measured.add(pair("serving", server, 64), sample);
        }
        measured
    }

    fn verdict_of_twin(host: f64) -> Verdict {
        let rows = rows(&measured(host, 100.0));
        let row = rows
            .iter()
            .find(|row| row.what == "throughput at c=64, runtime-host ÷ native twin");
        row.unwrap().verdict
    }

    #[test]
    fn a_ratio_is_judged_by_its_mark_and_its_goal() {
        assert_eq!(verdict_of_twin(71.0), Verdict::Goal);
        assert_eq!(verdict_of_twin(50.0), Verdict::FirstMark);
        assert_eq!(verdict_of_twin(40.0), Verdict::NotMet);
    }

    #[test]
    fn what_was_not_measured_is_a_row_all_the_same() {
        let rows = rows(&Measured::default());
        assert!(!rows.is_empty());
        assert!(rows.iter().all(|row| row.verdict == Verdict::NotMeasured));
    }
}
