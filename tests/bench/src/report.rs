//! What a run comes to: tables for the terminal, Markdown and JSON for keeping.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, Result};
use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;

use crate::ladder::{self, Step};
use crate::machine::Machine;
use crate::measurement::{Measured, Measurement, MemoryCourse};
use crate::ratios::Row;
use crate::replicas::Trial;
use crate::soak::{self, Judgement, Window};
use crate::statistics::{Figure, rounded};

/// A median latency from which on something waits instead of working, in microseconds.
const STALL_US: f64 = 30_000.0;

/// At most about so many lines show the course of memory.
const MEMORY_LINES: usize = 12;

/// A run that is over.
#[derive(Debug, Serialize)]
pub struct Report {
    /// `full`, `quick`.
    pub kind: &'static str,
    /// The machine.
    pub machine: Machine,
    /// What it came to.
    pub tables: Tables,
    /// What they were concluded from.
    pub measured: Measured,
    /// What did not run or answered wrongly.
    pub failures: Vec<String>,
    /// What a reader has to know.
    pub notes: Vec<String>,
}

/// What the kinds of runs come to.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tables {
    /// The ratios to reach.
    Ratios(Vec<Row>),
    /// What each layer costs.
    Ladder(Vec<Step>),
    /// A long run.
    Soak {
        /// What it comes to.
        judgement: Judgement,
        /// Its course.
        windows: Vec<Window>,
    },
    /// Two replicas on one Redis.
    Replicas(Trial),
}

impl Report {
    /// The report as Markdown, whose tables also read well on a terminal.
    pub fn markdown(&self) -> String {
        let mut text = format!("# bench {}, {}\n\n", self.kind, self.machine.began);
        self.machine_into(&mut text);
        match &self.tables {
            Tables::Ratios(rows) => {
                table_into(&mut text, "Ratios to reach", &ratio_table(rows));
                table_into(
                    &mut text,
                    "Median latency at one connection",
                    &self.latency_table(),
                );
                let _infallible = writeln!(text, "\n{}", self.stalls());
                table_into(&mut text, "Start to first 200", &self.start_table());
                for course in &self.measured.memory {
                    let heading = format!(
                        "Resident memory of {} at c={}",
                        course.server, course.connections
                    );
                    table_into(&mut text, &heading, &memory_table(course));
                }
            }
            Tables::Ladder(steps) => {
                table_into(
                    &mut text,
                    "The cost of each layer",
                    &ladder::as_table(steps),
                );
            }
            Tables::Soak { judgement, windows } => {
                table_into(&mut text, "Its course", &soak::as_table(windows));
                list_into(&mut text, "Judgement", &judgement.sentences());
            }
            Tables::Replicas(trial) => {
                table_into(&mut text, "Its course", &trial.as_table());
                list_into(&mut text, "Judgement", &trial.sentences());
            }
        }
        if !self.measured.cells.is_empty() {
            table_into(&mut text, "Everything", &self.cell_table());
        }
        list_into(&mut text, "Notes", &self.notes);
        list_into(&mut text, "Failures", &self.failures);
        text
    }

    fn machine_into(&self, text: &mut String) {
        let machine = &self.machine;
        let mut facts = vec![
            ("commit", machine.commit.clone()),
            (
                "machine",
                format!("{} processors, {}", machine.processors, machine.model),
            ),
            ("kernel", machine.kernel.clone()),
            ("layout", machine.layout.clone()),
            ("load average before", format!("{:.2}", machine.load_before)),
        ];
        let versions = machine.versions.iter();
        facts.extend(versions.map(|(name, version)| (name.as_str(), version.clone())));
        for (name, fact) in facts {
            let _infallible = writeln!(text, "- {name}: {fact}");
        }
    }

    /// Median latency at one connection, a line for each route and a column for each server.
    fn latency_table(&self) -> Table {
        let alone: Vec<&Measurement> = self.alone().collect();
        let mut servers: Vec<&str> = Vec::new();
        let mut routes: Vec<&str> = Vec::new();
        for measured in &alone {
            if !servers.contains(&measured.cell.server) {
                servers.push(measured.cell.server);
            }
            if !routes.contains(&measured.cell.route) {
                routes.push(measured.cell.route);
            }
        }
        let header = servers.iter().map(|server| format!("{server}, µs"));
        let mut table = table(std::iter::once("route".to_owned()).chain(header));
        for route in routes {
            let of = |server: &&str| {
                let found = alone.iter().find(|measured| {
                    measured.cell.server == *server && measured.cell.route == route
                });
                found.map_or_else(String::new, |found| median(&found.p50_us))
            };
            table.add_row(std::iter::once(route.to_owned()).chain(servers.iter().map(of)));
        }
        let columns = servers.len() + 1;
        aligned(table, 1..columns)
    }

    /// What was measured of the application at one connection.
    fn alone(&self) -> impl Iterator<Item = &Measurement> {
        let cells = self.measured.cells.iter();
        cells.filter(|measured| measured.cell.connections == 1 && measured.cell.stage == "serving")
    }

    /// Says who waits for delayed acknowledgements of its peer (RFC 1122 §4.2.3.2: up to 500 ms;
    /// Linux waits 40 ms), as a server does that writes head and body apart without TCP_NODELAY.
    fn stalls(&self) -> String {
        let stalled: Vec<String> = self
            .alone()
            .filter(|measured| {
                Figure::of(measured.p50_us.iter().copied())
                    .is_some_and(|figure| figure.median >= STALL_US)
            })
            .map(|measured| format!("{} on {}", measured.cell.server, measured.cell.route))
            .collect();
        match stalled.is_empty() {
            true => "No stall: every median is below 30 ms.".to_owned(),
            false => format!(
                "Stalls of 30 ms and more, as by delayed acknowledgements: {}.",
                stalled.join(", ")
            ),
        }
    }

    fn start_table(&self) -> Table {
        let mut table = table(["server", "compile cache", "store", "ms", "spread"]);
        for starts in &self.measured.starts {
            table.add_row([
                starts.server.to_owned(),
                starts.cache.to_owned(),
                starts.store.to_owned(),
                median(&starts.millis),
                spread(&starts.millis),
            ]);
        }
        aligned(table, 3..5)
    }

    fn cell_table(&self) -> Table {
        let mut table = table([
            "stage",
            "route",
            "c",
            "server",
            "req/s",
            "spread",
            "p50 µs",
            "p99 µs",
            "CPU µs/req",
        ]);
        for measured in &self.measured.cells {
            let cell = measured.cell;
            table.add_row([
                cell.stage.to_owned(),
                cell.route.to_owned(),
                cell.connections.to_string(),
                cell.server.to_owned(),
                median(&measured.per_second),
                spread(&measured.per_second),
                median(&measured.p50_us),
                median(&measured.p99_us),
                median(&measured.processor_us),
            ]);
        }
        let mut table = aligned(table, 4..9);
        if let Some(column) = table.column_mut(2) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        table
    }

    /// Writes the report as JSON and Markdown into a folder, in files of its kind.
    ///
    /// # Errors
    /// If they can't be written.
    pub fn write_to(&self, folder: &Path) -> Result<()> {
        std::fs::create_dir_all(folder)?;
        for (extension, text) in [
            ("md", self.markdown()),
            ("json", serde_json::to_string_pretty(self)?),
        ] {
            let path = folder.join(self.kind).with_extension(extension);
            std::fs::write(&path, text)
                .with_context(|| format!("{} can't be written", path.display()))?;
            eprintln!("Written: {}", path.display());
        }
        Ok(())
    }
}

fn median(samples: &[f64]) -> String {
    Figure::of(samples.iter().copied()).map_or_else(String::new, |figure| figure.to_string())
}

fn spread(samples: &[f64]) -> String {
    Figure::of(samples.iter().copied()).map_or_else(String::new, |figure| figure.spread())
}

fn ratio_table(rows: &[Row]) -> Table {
    let mut table = table([
        "figure",
        "median",
        "spread",
        "first mark",
        "goal",
        "",
        "remark",
    ]);
    for row in rows {
        let (median, remark) = match &row.figure {
            Ok(figure) => (figure.to_string(), row.remark.clone()),
            Err(why) => (String::new(), why.clone()),
        };
        table.add_row([
            row.what.clone(),
            median,
            row.spread(),
            row.mark.to_string(),
            row.goal.to_string(),
            row.verdict.to_string(),
            remark,
        ]);
    }
    aligned(table, 1..3)
}

/// A course in a few lines.
fn memory_table(course: &MemoryCourse) -> Table {
    let mut table = table(["requests", "MiB"]);
    let every = course.course.len().div_ceil(MEMORY_LINES).max(1);
    let last = course.course.len().saturating_sub(1);
    for (index, (requests, bytes)) in course.course.iter().enumerate() {
        if index.is_multiple_of(every) || index == last {
            let mib = *bytes as f64 / f64::from(1 << 20);
            table.add_row([rounded(*requests as f64), format!("{mib:.1}")]);
        }
    }
    aligned(table, 0..2)
}

fn table_into(text: &mut String, heading: &str, table: &Table) {
    let _infallible = write!(text, "\n## {heading}\n\n{table}\n");
}

/// A table in Markdown.
pub fn table(header: impl IntoIterator<Item = impl Into<String>>) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::ASCII_MARKDOWN)
        .set_header(header.into_iter().map(Into::into).collect::<Vec<String>>());
    table
}

/// The table with these columns to the right, as numbers are read.
pub fn aligned(mut table: Table, columns: std::ops::Range<usize>) -> Table {
    for index in columns {
        if let Some(column) = table.column_mut(index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

/// A list below a heading; nothing if there is nothing to list.
fn list_into(text: &mut String, heading: &str, entries: &[String]) {
    if entries.is_empty() {
        return;
    }
    let _infallible = write!(text, "\n## {heading}\n\n");
    for entry in entries {
        let _infallible = writeln!(text, "- {entry}");
    }
}
