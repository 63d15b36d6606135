//! What a scrape brings: Prometheus' text format, read.

use std::collections::{BTreeMap, BTreeSet};

/// Series by the name of their metric; each is its labels.
#[derive(Default)]
pub(super) struct Scrape(BTreeMap<String, Vec<BTreeMap<String, String>>>);

impl Scrape {
    /// Adds what an exposition holds.
    pub(super) fn add(&mut self, text: &str) {
        for line in text.lines() {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (name, labels) = series(line);
            self.0.entry(name).or_default().push(labels);
        }
    }

    /// The series of a metric.
    pub(super) fn series(&self, name: &str) -> Option<&[BTreeMap<String, String>]> {
        self.0.get(name).map(Vec::as_slice)
    }

    /// The labels of a metric.
    pub(super) fn labels(&self, name: &str) -> Option<BTreeSet<&str>> {
        let names = self.series(name)?.iter().flat_map(BTreeMap::keys);
        Some(names.map(String::as_str).collect())
    }
}

/// The name and the labels of a line such as `a_total{b="c"} 1`.
fn series(line: &str) -> (String, BTreeMap<String, String>) {
    let end = line.find(['{', ' ']).expect("a value follows the name");
    let (name, mut rest) = line.split_at(end);
    let mut labels = BTreeMap::new();
    rest = rest.strip_prefix('{').unwrap_or(rest);
    while let Some((label, after)) = rest.split_once("=\"") {
        let mut value = String::new();
        let mut characters = after.char_indices();
        let mut ends = None;
        while let Some((at, character)) = characters.next() {
            match character {
                '\\' => match characters.next().expect("something is escaped").1 {
                    'n' => value.push('\n'),
                    other => value.push(other),
                },
                '"' => {
                    ends = Some(at + 1);
                    break;
                }
                other => value.push(other),
            }
        }
        labels.insert(label.trim_start_matches(',').to_owned(), value);
        rest = &after[ends.expect("the value ends")..];
    }
    (name.to_owned(), labels)
}

#[test]
fn names_labels_and_values_are_read() {
    let mut scrape = Scrape::default();
    scrape.add(
        "# TYPE a_total counter\na_total{b=\"c, d=\\\"e\\\"\",f=\"\"} 1\na_total 2\n\ng 3.5\n",
    );
    assert_eq!(scrape.series("a_total").unwrap().len(), 2);
    assert_eq!(scrape.series("a_total").unwrap()[0]["b"], "c, d=\"e\"");
    assert_eq!(
        scrape.labels("a_total").unwrap(),
        BTreeSet::from(["b", "f"])
    );
    assert!(scrape.labels("g").unwrap().is_empty());
    assert!(scrape.series("h").is_none());
}
