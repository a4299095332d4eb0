//! `Report`: what a command has to say, as a table, as JSON or as CSV.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::ValueEnum;
use comfy_table::ContentArrangement;
use serde::Serialize;
use serde_json::Value;

use super::failure::Failure;
use super::human::printable;

/// How a report is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Table,
    /// What the API says.
    Json,
    /// The table's cells, comma-separated (RFC 4180), with a header.
    Csv,
}

/// Rows under a header.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    header: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty table with these columns.
    pub fn new<S: ToString>(header: impl IntoIterator<Item = S>) -> Table {
        Table { header: header.into_iter().map(|column| column.to_string()).collect(), rows: Vec::new() }
    }

    /// The same table with one more row.
    pub fn row(mut self, cells: Vec<String>) -> Table {
        self.rows.push(cells);
        self
    }

    /// The same table with more rows.
    pub fn rows(mut self, rows: impl IntoIterator<Item = Vec<String>>) -> Table {
        self.rows.extend(rows);
        self
    }

    /// For people: columns aligned, the header in capitals; without a line end.
    pub fn to_text(&self) -> String {
        self.aligned(&self.header.iter().map(|column| column.to_uppercase()).collect::<Vec<_>>())
    }

    /// For people: the rows alone, as for what is one record.
    pub fn to_record_text(&self) -> String {
        self.aligned(&[])
    }

    fn aligned(&self, header: &[String]) -> String {
        let mut table = comfy_table::Table::new();
        table.load_style(comfy_table::presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
        if !header.is_empty() {
            table.set_header(header.to_vec());
        }
        for row in &self.rows {
            table.add_row(row.iter().map(|cell| printable(cell)).collect::<Vec<_>>());
        }
        for column in table.column_iter_mut() {
            column.set_padding((0, 2));
        }
        table.trim_fmt()
    }

    /// Comma-separated values (RFC 4180 section 2).
    pub fn to_csv(&self) -> String {
        let lines = std::iter::once(&self.header).chain(&self.rows);
        lines.map(|cells| cells.iter().map(|cell| csv_cell(cell)).collect::<Vec<_>>().join(",") + "\r\n").collect()
    }
}

/// Quotes where a comma, a quote or a line end would be misread.
fn csv_cell(cell: &str) -> String {
    if cell.contains([',', '"', '\r', '\n']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell.to_owned() }
}

/// What a command has to say.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// For people, without the last line end; empty where there is nothing to say.
    text: String,
    /// What the API said; null where it said nothing.
    json: Value,
    /// For spreadsheets.
    table: Table,
    /// Remarks for stderr, which belong to no format.
    remarks: Vec<String>,
    code: u8,
}

impl Report {
    /// Rows under a header.
    pub fn list(table: Table, json: &impl Serialize) -> Report {
        Report::text(table.to_text(), table, json)
    }

    /// A record: rows of name and value.
    pub fn record(table: Table, json: &impl Serialize) -> Report {
        Report::text(table.to_record_text(), table, json)
    }

    /// Words for people; the cells that matter in `table`.
    pub fn text(text: impl Into<String>, table: Table, json: &impl Serialize) -> Report {
        // What is printed here was made by derived implementations on types without maps of odd keys.
        let json = serde_json::to_value(json).unwrap_or(Value::Null);
        Report { text: text.into(), json, table, remarks: Vec::new(), code: 0 }
    }

    /// The same report with a remark on stderr.
    pub fn remark(mut self, remark: impl Into<String>) -> Report {
        self.remarks.push(remark.into());
        self
    }

    /// The same report with another exit code.
    pub fn with_code(self, code: u8) -> Report {
        Report { code, ..self }
    }

    /// Prints it and returns the exit code, which is that of a failure where stdout takes nothing.
    pub fn print(self, format: Format) -> ExitCode {
        let put = put(&self.render(format), &mut anstream::stdout());
        for remark in &self.remarks {
            let _ = writeln!(anstream::stderr(), "{}", printable(remark));
        }
        match put {
            Ok(()) => ExitCode::from(self.code),
            Err(failure) => failure.print(),
        }
    }

    /// What stdout gets.
    pub fn render(&self, format: Format) -> String {
        match format {
            Format::Csv if self.table.header.is_empty() => String::new(),
            Format::Csv => self.table.to_csv(),
            Format::Table if self.text.is_empty() => String::new(),
            Format::Table => format!("{}\n", self.text),
            Format::Json if self.json.is_null() => String::new(),
            Format::Json => format!("{:#}\n", self.json),
        }
    }
}

/// Writes `text` to the last byte. A closed pipe is nobody's concern: whoever read it had enough.
///
/// # Errors
/// [`Failure::Output`], as on a full disk.
pub fn put(text: &str, output: &mut impl Write) -> Result<(), Failure> {
    match output.write_all(text.as_bytes()).and_then(|()| output.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::Output(error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};

    use serde_json::json;

    use super::{Format, Report, Table, put};

    /// Takes everything and fails when it is to be kept.
    struct Fails(io::ErrorKind);

    impl Write for Fails {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Err(self.0.into())
        }
    }

    #[test]
    fn what_cannot_be_written_is_a_failure_and_a_closed_pipe_is_none() {
        assert_eq!(put("x", &mut Fails(io::ErrorKind::StorageFull)).unwrap_err().code(), 1);
        assert!(put("x", &mut Fails(io::ErrorKind::BrokenPipe)).is_ok());
        let mut taken = Vec::new();
        put("abc", &mut taken).unwrap();
        assert_eq!(taken, b"abc");
    }

    fn report() -> Report {
        let table = Table::new(["name", "note"])
            .row(vec!["a".to_owned(), "one, \"two\"".to_owned()])
            .row(vec!["longer".to_owned(), "\u{1b}[2J".to_owned()]);
        Report::list(table, &json!([1]))
    }

    #[test]
    fn a_table_is_aligned_and_holds_nothing_that_a_terminal_obeys() {
        assert_eq!(report().render(Format::Table), "NAME    NOTE\na       one, \"two\"\nlonger  \\u{1b}[2J\n");
    }

    #[test]
    fn csv_quotes_what_would_be_misread() {
        assert_eq!(report().render(Format::Csv), "name,note\r\na,\"one, \"\"two\"\"\"\r\nlonger,\u{1b}[2J\r\n");
    }

    #[test]
    fn json_is_what_was_answered_and_nothing_where_nothing_was() {
        assert_eq!(report().render(Format::Json), "[\n  1\n]\n");
        assert_eq!(Report::record(Table::default(), &()).render(Format::Json), "");
    }
}
