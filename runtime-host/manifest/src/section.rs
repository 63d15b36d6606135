//! A table of a manifest or a runtime config while it is read. It hands out its keys, and at the
//! end refuses the ones that nobody asked for, so that no key is ever ignored. What the keys mean
//! is not known here.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::error::{Place, Problem};
use crate::suggestion::Suggestion;

/// A table with its place in the manifest.
pub(crate) struct Section<'a> {
    text: &'a str,
    /// The dotted path from the top; empty at the top.
    path: String,
    /// How many brackets are around the path where it is shown: two for `[[trigger.http]]`.
    array: bool,
    line: usize,
    table: &'a DeTable<'a>,
    asked: Vec<&'static str>,
}

/// The value of a key with its place in the manifest.
#[derive(Clone)]
pub(crate) struct Entry<'a> {
    pub(crate) key: String,
    pub(crate) place: Place,
    text: &'a str,
    path: String,
    value: &'a DeValue<'a>,
}

impl<'a> Section<'a> {
    /// The whole file.
    pub(crate) fn top(text: &'a str, table: &'a DeTable<'a>) -> Self {
        Self {
            text,
            path: String::new(),
            array: false,
            line: 1,
            table,
            asked: Vec::new(),
        }
    }

    pub(crate) fn place(&self) -> Place {
        place(&self.path, self.array, self.line)
    }

    /// The value of a key, if it is there. The key counts as known from now on.
    pub(crate) fn get(&mut self, key: &'static str) -> Option<Entry<'a>> {
        self.asked.push(key);
        let (written, value) = self.table.iter().find(|(k, _)| k.get_ref() == key)?;
        Some(self.entry(written, value))
    }

    /// The value of a key that has to be there.
    pub(crate) fn require(
        &mut self,
        key: &'static str,
        example: &'static str,
    ) -> Result<Entry<'a>, Problem> {
        self.get(key).ok_or_else(|| Problem::MissingKey {
            key,
            place: self.place(),
            example,
        })
    }

    /// All keys, whatever they are called, in the order of the manifest.
    pub(crate) fn entries(&self) -> impl Iterator<Item = Entry<'a>> {
        self.table.iter().map(|(key, value)| self.entry(key, value))
    }

    /// A text; empty if it is not there.
    pub(crate) fn text_or_empty(&mut self, key: &'static str) -> Result<String, Problem> {
        self.get(key)
            .map_or(Ok(String::new()), |entry| entry.text().map(str::to_owned))
    }

    /// A list of texts; empty if it is not there.
    pub(crate) fn texts(&mut self, key: &'static str) -> Result<Vec<String>, Problem> {
        self.parsed_items(key, |item| item.text().map(str::to_owned))
    }

    /// A list of which each item is parsed; empty if it is not there.
    pub(crate) fn parsed_items<T>(
        &mut self,
        key: &'static str,
        parse: impl Fn(&Entry<'a>) -> Result<T, Problem>,
    ) -> Result<Vec<T>, Problem> {
        let Some(entry) = self.get(key) else {
            return Ok(Vec::new());
        };
        entry
            .items("a list, as in `[\"…\", \"…\"]`")?
            .iter()
            .map(parse)
            .collect()
    }

    /// `true` or `false`; `false` if it is not there.
    pub(crate) fn flag(&mut self, key: &'static str) -> Result<bool, Problem> {
        self.get(key).map_or(Ok(false), |entry| entry.flag())
    }

    /// The tables under a key by their names: `[key.<name>]`. None if it is not there.
    pub(crate) fn named(&mut self, key: &'static str) -> Result<Vec<Entry<'a>>, Problem> {
        match self.get(key) {
            Some(entry) => Ok(entry.section()?.entries().collect()),
            None => Ok(Vec::new()),
        }
    }

    /// Accepts whatever stands in the tables under a key: settings for other tools.
    pub(crate) fn skip_tables(&mut self, key: &'static str) -> Result<(), Problem> {
        self.named(key)?
            .iter()
            .try_for_each(|entry| entry.section().map(drop))
    }

    /// Refuses the keys that nobody has asked for.
    pub(crate) fn finish(self) -> Result<(), Problem> {
        let unknown = self
            .entries()
            .find(|entry| !self.asked.contains(&entry.key.as_str()));
        unknown.map_or(Ok(()), |Entry { key, place, .. }| {
            let suggestion = Suggestion::new(&key, self.asked.iter().copied());
            Err(Problem::UnknownKey {
                key,
                place,
                suggestion,
            })
        })
    }

    fn entry(
        &self,
        key: &Spanned<std::borrow::Cow<'a, str>>,
        value: &'a Spanned<DeValue<'a>>,
    ) -> Entry<'a> {
        let name = key.get_ref();
        let is_bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        let step = match !name.is_empty() && name.chars().all(is_bare) {
            true => name.to_string(),
            false => format!("{name:?}"),
        };
        let path = match self.path.as_str() {
            "" => step,
            path => format!("{path}.{step}"),
        };
        Entry {
            key: name.to_string(),
            place: place(&self.path, self.array, line_of(self.text, key.span().start)),
            text: self.text,
            path,
            value: value.get_ref(),
        }
    }
}

impl<'a> Entry<'a> {
    pub(crate) fn text(&self) -> Result<&'a str, Problem> {
        match self.value {
            DeValue::String(text) => Ok(text),
            _ => Err(self.wrong_type("text in quotes")),
        }
    }

    pub(crate) fn flag(&self) -> Result<bool, Problem> {
        match self.value {
            DeValue::Boolean(flag) => Ok(*flag),
            _ => Err(self.wrong_type("`true` or `false`")),
        }
    }

    /// A whole number as it is written, if it is one.
    pub(crate) fn number(&self) -> Option<&'a str> {
        self.value.as_integer().map(|number| number.as_str())
    }

    /// The table, with keys of its own.
    pub(crate) fn section(&self) -> Result<Section<'a>, Problem> {
        self.section_or("a table")
    }

    /// The table. `expected` says what else would do, in the words of the error.
    pub(crate) fn section_or(&self, expected: &'static str) -> Result<Section<'a>, Problem> {
        match self.value {
            DeValue::Table(table) => Ok(Section {
                text: self.text,
                path: self.path.clone(),
                array: false,
                line: self.place.line,
                table,
                asked: Vec::new(),
            }),
            _ => Err(self.wrong_type(expected)),
        }
    }

    /// The tables that are each written as `[[key]]`.
    pub(crate) fn sections(&self) -> Result<Vec<Section<'a>>, Problem> {
        let items = self.items("tables, each under `[[…]]`")?;
        let section = |item: &Entry<'a>| {
            let mut section = item.section_or("tables, each under `[[…]]`")?;
            section.array = true;
            Ok(section)
        };
        items.iter().map(section).collect()
    }

    /// The items of the list, each with its own line.
    pub(crate) fn items(&self, expected: &'static str) -> Result<Vec<Entry<'a>>, Problem> {
        let DeValue::Array(items) = self.value else {
            return Err(self.wrong_type(expected));
        };
        Ok(items
            .iter()
            .map(|item| {
                let line = line_of(self.text, item.span().start);
                let place = Place {
                    line,
                    ..self.place.clone()
                };
                Entry {
                    place,
                    value: item.get_ref(),
                    ..self.clone()
                }
            })
            .collect())
    }

    pub(crate) fn is_text(&self) -> bool {
        self.value.is_str()
    }

    pub(crate) fn is_flag(&self) -> bool {
        self.value.is_bool()
    }

    /// The text parsed into something more, with the reason if it is none.
    pub(crate) fn parse<T: std::str::FromStr<Err: ToString>>(&self) -> Result<T, Problem> {
        self.text()?.parse().map_err(|e: T::Err| self.invalid(e))
    }

    /// The key itself parsed into a checked name.
    pub(crate) fn parse_key<T: std::str::FromStr<Err: ToString>>(&self) -> Result<T, Problem> {
        self.key.parse().map_err(|e: T::Err| self.invalid_text(e))
    }

    pub(crate) fn invalid_text(&self, reason: impl ToString) -> Problem {
        Problem::InvalidText {
            place: self.place.clone(),
            reason: reason.to_string(),
        }
    }

    pub(crate) fn invalid(&self, reason: impl ToString) -> Problem {
        Problem::InvalidValue {
            key: self.key.clone(),
            place: self.place.clone(),
            reason: reason.to_string(),
        }
    }

    pub(crate) fn wrong_type(&self, expected: &'static str) -> Problem {
        let found = match self.value {
            DeValue::String(_) => "text",
            DeValue::Integer(_) | DeValue::Float(_) => "a number",
            DeValue::Boolean(_) => "`true` or `false`",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        Problem::WrongType {
            key: self.key.clone(),
            place: self.place.clone(),
            found,
            expected,
        }
    }
}

fn place(path: &str, array: bool, line: usize) -> Place {
    let table = match (path, array) {
        ("", _) => String::new(),
        (path, false) => format!("[{path}]"),
        (path, true) => format!("[[{path}]]"),
    };
    Place { table, line }
}

/// The line of an offset, from 1.
pub(crate) fn line_of(text: &str, offset: usize) -> usize {
    text.bytes()
        .take(offset)
        .filter(|byte| *byte == b'\n')
        .count()
        + 1
}
