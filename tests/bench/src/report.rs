//! What a run comes to: tables for the terminal, Markdown and JSON for keeping.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, Result};
use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;

use crate::machine::Machine;
use crate::measurement::Measured;
use crate::ratios::Row;
use crate::statistics::{Figure, rounded};

/// A run that is over.
#[derive(Debug, Serialize)]
pub struct Report {
    /// `full`, `quick`.
    pub kind: &'static str,
    /// When it began, in RFC 3339.
    pub began: String,
    /// The machine.
    pub machine: Machine,
    /// The ratios to reach.
    pub ratios: Vec<Row>,
    /// What they were concluded from.
    pub measured: Measured,
    /// What did not run or answered wrongly.
    pub failures: Vec<String>,
    /// What a reader has to know.
    pub notes: Vec<String>,
}

impl Report {
    /// The report as Markdown, whose tables also read well on a terminal.
    pub fn markdown(&self) -> String {
        let mut text = format!("# {} bench of {}\n\n", self.kind, self.began);
        self.machine_into(&mut text);
        let _infallible = write!(text, "\n## Ratios to reach\n\n{}\n", self.ratio_table());
        let _infallible = write!(text, "\n## Measured\n\n{}\n", self.cell_table());
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

    fn ratio_table(&self) -> Table {
        let mut table = table([
            "figure",
            "median",
            "spread",
            "first mark",
            "goal",
            "",
            "remark",
        ]);
        for row in &self.ratios {
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
            let figure = |samples: &[f64]| Figure::of(samples.iter().copied());
            let median = |samples: &[f64]| {
                figure(samples).map_or_else(String::new, |figure| figure.to_string())
            };
            let spread = figure(&measured.per_second).map_or_else(String::new, |figure| {
                format!("{} – {}", rounded(figure.least), rounded(figure.most))
            });
            table.add_row([
                cell.stage.to_owned(),
                cell.route.to_owned(),
                cell.connections.to_string(),
                cell.server.to_owned(),
                median(&measured.per_second),
                spread,
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
        write_report(folder, self.kind, &self.markdown(), self)
    }
}

/// Writes `<name>.md` and `<name>.json`.
///
/// # Errors
/// If they can't be written.
pub fn write_report(
    folder: &Path,
    name: &str,
    markdown: &str,
    data: &impl Serialize,
) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    let path = folder.join(name);
    let write = |extension: &str, text: String| {
        let path = path.with_extension(extension);
        std::fs::write(&path, text).with_context(|| format!("{} can't be written", path.display()))
    };
    write("md", markdown.to_owned())?;
    write("json", serde_json::to_string_pretty(data)?)
}

/// A table in Markdown.
pub fn table<const N: usize>(header: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN).set_header(header);
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
pub fn list_into(text: &mut String, heading: &str, entries: &[String]) {
    if entries.is_empty() {
        return;
    }
    let _infallible = write!(text, "\n## {heading}\n\n");
    for entry in entries {
        let _infallible = writeln!(text, "- {entry}");
    }
}
