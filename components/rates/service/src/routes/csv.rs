//! Tables of comma-separated values (RFC 4180).

/// The media type, which says that the first line names the columns (RFC 4180 §3).
pub(super) const CSV: &str = "text/csv; charset=utf-8; header=present";

/// A table, line by line.
#[derive(Debug, Default)]
pub(super) struct Table(String);

impl Table {
    /// A table with these columns.
    pub(super) fn new<'a>(columns: impl IntoIterator<Item = &'a str>) -> Table {
        let mut table = Table::default();
        table.row(columns);
        table
    }

    /// Adds a line.
    pub(super) fn row<'a>(&mut self, fields: impl IntoIterator<Item = &'a str>) {
        for (index, field) in fields.into_iter().enumerate() {
            if index > 0 {
                self.0.push(',');
            }
            if field.contains(['"', ',', '\r', '\n']) {
                self.0.push('"');
                self.0.push_str(&field.replace('"', "\"\""));
                self.0.push('"');
            } else {
                self.0.push_str(field);
            }
        }
        self.0.push_str("\r\n");
    }

    /// Its text.
    pub(super) fn into_text(self) -> String {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_break_a_line_is_quoted() {
        let mut table = Table::new(["id", "source"]);
        table.row(["bitcoin", "a,b"]);
        table.row(["", "say \"so\"\nnow"]);
        assert_eq!(
            table.into_text(),
            "id,source\r\nbitcoin,\"a,b\"\r\n,\"say \"\"so\"\"\nnow\"\r\n"
        );
    }
}
