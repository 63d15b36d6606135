//! The ratios to reach: what is divided by what, the first mark, the goal, and whether they are
//! met. A ratio compares what was measured side by side in one run, never numbers of two runs.

use std::fmt;

use serde::Serialize;

use crate::measurement::{Cell, Measured, Measurement, MemoryCourse};
use crate::names;
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
            Ok(figure) => figure.spread(),
            Err(_) => String::new(),
        }
    }
}

/// One of a measurement's columns.
type Column = fn(&Measurement) -> &[f64];

const PER_SECOND: Column = |measured| &measured.per_second;
const P50: Column = |measured| &measured.p50_us;
const P99: Column = |measured| &measured.p99_us;
const PROCESSOR: Column = |measured| &measured.processor_us;

const MIB: f64 = 1048576.0;

/// What was measured, and how to divide it.
struct Ratios<'a> {
    measured: &'a Measured,
}

impl<'a> Ratios<'a> {
    /// A column of a cell, or why there is none.
    fn samples(&self, column: Column, cell: Cell) -> Result<&'a [f64], String> {
        match self.measured.of(cell) {
            Some(found) => Ok(column(found)),
            None => Err(self.measured.why_absent(cell.server)),
        }
    }

    /// The quotient of one column of two cells, round by round.
    fn of(&self, column: Column, above: Cell, below: Cell) -> Result<Figure, String> {
        divided(self.samples(column, above)?, self.samples(column, below)?)
    }

    /// The host by a peer, in the stage where both serve the application.
    fn by(&self, column: Column, peer: &'static str, connections: u32) -> Result<Figure, String> {
        self.of(
            column,
            pair("serving", names::HOST, connections),
            pair("serving", peer, connections),
        )
    }

    /// The throughput of one server by that of another, at 64 connections.
    fn at_64(
        &self,
        stage: &'static str,
        above: &'static str,
        below: &'static str,
    ) -> Result<Figure, String> {
        self.of(PER_SECOND, pair(stage, above, 64), pair(stage, below, 64))
    }

    /// [`BY_PROCESSOR`] at 64 connections, as a remark.
    fn by_processor(
        &self,
        stage: &'static str,
        above: &'static str,
        below: &'static str,
    ) -> String {
        self.by_processor_of(pair(stage, above, 64), pair(stage, below, 64))
    }

    /// [`BY_PROCESSOR`], as a remark; empty if there is nothing to compare.
    fn by_processor_of(&self, above: Cell, below: Cell) -> String {
        let figure = self.of(PROCESSOR, below, above);
        figure.map_or_else(
            |_| String::new(),
            |figure| format!("{BY_PROCESSOR}: {figure}"),
        )
    }

    /// The host's time to its first 200 by Spin's.
    fn start(&self, cache: &str) -> Result<Figure, String> {
        let of = |server| {
            let found = self.measured.starts_of(server, cache, "seeded");
            found.ok_or_else(|| self.measured.why_absent(server))
        };
        divided(of(names::HOST)?, of(names::SPIN)?)
    }

    /// Two worker threads by one.
    fn workers(&self, is_apart: bool) -> Result<Figure, String> {
        let (one, two) = (
            pair("workers", names::ONE_WORKER, 64),
            pair("workers", names::TWO_WORKERS, 64),
        );
        if is_apart {
            return self.of(PER_SECOND, two, one);
        }
        let figure = self.of(PROCESSOR, one, two)?;
        Ok(Figure {
            median: 2.0 * figure.median,
            least: 2.0 * figure.least,
            most: 2.0 * figure.most,
        })
    }

    /// Resident memory in MiB, and what is to be said about it.
    fn memory(&self) -> (Result<Figure, String>, String) {
        let course = self.measured.memory.first();
        let Some((course, bytes)) = course.and_then(|course| Some((course, course.last_bytes()?)))
        else {
            return (Err("it was not measured".to_owned()), String::new());
        };
        let shape = match course.is_flat() {
            Some(true) => "flat",
            Some(false) => "growing",
            None => "too short to tell whether it is flat",
        };
        let requests = rounded(course.requests() as f64);
        let remark = format!("after {requests} requests of all routes; {shape}");
        let figure = Figure::of([bytes as f64 / MIB]);
        (figure.ok_or_else(|| "no samples".to_owned()), remark)
    }
}

/// What can be said of a ratio of throughputs beside it: the same by the processor time that one
/// request costs, which other programs on the machine disturb less.
const BY_PROCESSOR: &str = "by processor time per request";

fn divided(above: &[f64], below: &[f64]) -> Result<Figure, String> {
    Figure::of_ratios(above, below).ok_or_else(|| "there are no samples".to_owned())
}

const fn pair(stage: &'static str, server: &'static str, connections: u32) -> Cell {
    Cell {
        stage,
        server,
        route: "pair",
        connections,
    }
}

/// All rows, in the order of the project's performance goals. `is_apart` says that servers and
/// load generator had processors of their own.
pub fn rows(measured: &Measured, is_apart: bool) -> Vec<Row> {
    use Bound::{AtLeast, AtMost};
    let ratios = Ratios { measured };
    let (memory, course) = ratios.memory();
    let mut memory = Row::new(
        "resident memory at c=64, MiB",
        (AtMost(80.0), AtMost(40.0)),
        memory,
        &course,
    );
    let is_flat = measured.memory.first().and_then(MemoryCourse::is_flat);
    if memory.verdict == Verdict::Goal && is_flat != Some(true) {
        memory.verdict = Verdict::FirstMark;
    }
    let [at_64, at_1024] = [64, 1024].map(|connections| pair("serving", names::HOST, connections));
    vec![
        Row::new(
            "throughput at c=64, runtime-host ÷ `spin up`",
            (AtLeast(2.0), AtLeast(4.0)),
            ratios.by(PER_SECOND, names::SPIN, 64),
            &ratios.by_processor("serving", names::HOST, names::SPIN),
        ),
        Row::new(
            "throughput at c=64, runtime-host ÷ native twin",
            (AtLeast(0.45), AtLeast(0.7)),
            ratios.by(PER_SECOND, names::TWIN, 64),
            &ratios.by_processor("serving", names::HOST, names::TWIN),
        ),
        Row::new(
            "throughput at c=64, runtime-host ÷ nginx proxy_cache before the twin",
            (AtLeast(0.5), AtLeast(0.8)),
            ratios.by(PER_SECOND, names::NGINX, 64),
            &ratios.by_processor("serving", names::HOST, names::NGINX),
        ),
        Row::new(
            "throughput at c=64, runtime-host ÷ `wasmtime serve`, constant answer",
            (AtLeast(1.4), AtLeast(2.0)),
            ratios.at_64("constant", names::HOST, names::WASMTIME),
            &ratios.by_processor("constant", names::HOST, names::WASMTIME),
        ),
        Row::new(
            "p50 at c=1, runtime-host ÷ native twin",
            (AtMost(2.5), AtMost(1.5)),
            ratios.by(P50, names::TWIN, 1),
            "",
        ),
        Row::new(
            "p99 at c=64, runtime-host ÷ native twin",
            (AtMost(3.0), AtMost(1.5)),
            ratios.by(P99, names::TWIN, 64),
            "",
        ),
        Row::new(
            "request metrics, logs and limits: off ÷ on",
            (AtMost(1.10), AtMost(1.05)),
            ratios.at_64("limits", names::BARE_APP, names::HOST),
            &ratios.by_processor("limits", names::BARE_APP, names::HOST),
        ),
        Row::new(
            "timeouts and memory caps: off ÷ on",
            (AtMost(1.05), AtMost(1.02)),
            ratios.at_64("limits", names::NO_LIMITS, names::HOST),
            &ratios.by_processor("limits", names::NO_LIMITS, names::HOST),
        ),
        Row::new(
            "fresh instance per request at c=64, runtime-host ÷ `spin up`",
            (AtLeast(2.5), AtLeast(4.0)),
            ratios.at_64("fresh instances", names::HOST_FRESH, names::SPIN_FRESH),
            &ratios.by_processor("fresh instances", names::HOST_FRESH, names::SPIN_FRESH),
        ),
        Row::new(
            "start → first 200, warm compile cache, runtime-host ÷ `spin up`",
            (AtMost(1.0), AtMost(0.6)),
            ratios.start("warm"),
            "",
        ),
        Row::new(
            "start → first 200, cold compile cache, runtime-host ÷ `spin up`",
            (AtMost(1.0), AtMost(0.7)),
            ratios.start("cold"),
            "",
        ),
        memory,
        Row::new(
            "throughput at c=1024 ÷ at c=64",
            (AtLeast(0.8), AtLeast(0.95)),
            ratios.of(PER_SECOND, at_1024, at_64),
            &ratios.by_processor_of(at_1024, at_64),
        ),
        Row::new(
            "throughput at c=64, store on Redis ÷ in SQLite",
            (AtLeast(0.9), AtLeast(0.98)),
            ratios.at_64("serving", names::HOST_ON_REDIS, names::HOST),
            &ratios.by_processor("serving", names::HOST_ON_REDIS, names::HOST),
        ),
        Row::new(
            "throughput of one pair, board of 5,000 pairs ÷ of 50",
            (AtLeast(0.9), AtLeast(0.98)),
            ratios.at_64("boards", names::LARGE_BOARD, names::SMALL_BOARD),
            &ratios.by_processor("boards", names::LARGE_BOARD, names::SMALL_BOARD),
        ),
        Row::new(
            "two worker threads ÷ one",
            (AtLeast(1.6), AtLeast(1.9)),
            ratios.workers(is_apart),
            match is_apart {
                true => "",
                false => {
                    "2 × processor time per request with one ÷ with two: the load generator \
                     needs processors too"
                }
            },
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measurement::Sample;

    fn measured(host: f64, twin: f64) -> Measured {
        let mut measured = Measured::default();
        for (server, per_second) in [(names::HOST, host), (names::TWIN, twin)] {
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
        let rows = rows(&measured(host, 100.0), false);
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
        let rows = rows(&Measured::default(), false);
        assert!(!rows.is_empty());
        assert!(rows.iter().all(|row| row.verdict == Verdict::NotMeasured));
    }
}
