//! Devices as a table: CSV (RFC 4180) whose header names the columns.
//!
//! `endpoint, psk_identity, psk, certificate, certificate_name, public_key, profile, state, tags` and `property.NAME`. A
//! column that is not there, and an empty cell under `psk` or `state`, leave a device that exists as it is in this; any
//! other empty cell says that there is nothing.

use std::collections::BTreeSet;
use std::io::{Read, Write};

use zeroize::Zeroize;

use crate::admin::api::FieldProblem;
use crate::provision::{DeviceDefinition, DeviceState, KeyText, nearest};
use crate::store::{DeviceRow, Kept};

/// Columns in the order in which they are written.
const COLUMNS: [&str; 9] =
    ["endpoint", "psk_identity", "psk", "certificate", "certificate_name", "public_key", "profile", "state", "tags"];
/// Of columns of properties.
const PROPERTY: &str = "property.";
/// Problems that are kept in words.
const PROBLEMS: usize = 1000;

/// Rows, and the line of the file on which each begins.
#[derive(Debug, Default)]
pub struct Rows {
    /// The rows.
    pub rows: Vec<DeviceRow>,
    /// A line for each.
    pub lines: Vec<u64>,
}

/// Why a table cannot be read.
#[derive(Debug)]
pub enum TableError {
    /// It ended early, or could not be received.
    Interrupted,
    /// It has more rows than are taken at once.
    TooLong,
    /// Mistakes, the first thousand of them, and how many there are; and the rows in which there are none.
    Mistakes(Vec<FieldProblem>, u64, Rows),
}

/// A mistake on a line.
pub fn mistake(line: u64, column: &str, message: impl Into<String>) -> FieldProblem {
    let field = if column.is_empty() { format!("line {line}") } else { format!("line {line}, {column}") };
    FieldProblem { field, message: message.into() }
}

/// Reads a table of at most `limit` rows; every mistake is named by line and column.
///
/// # Errors
/// [`TableError`].
pub fn read(source: impl Read, limit: usize) -> Result<Rows, TableError> {
    // A row ends at its line feed and nowhere else, the last one too, so that lines can be counted back from there. With
    // the terminator of `csv` a row begins in the middle of the CRLF before it, and is named a line too high.
    let source = source.chain(&b"\n"[..]);
    let terminator = csv::Terminator::Any(b'\n');
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).terminator(terminator).from_reader(source);
    let mut record = csv::StringRecord::new();
    let mut mistakes = Mistakes::default();
    if next(&mut reader, &mut record, &mut mistakes)?.is_none() && mistakes.total == 0 {
        mistakes.add(mistake(1, "", "the file is empty: its first line must name the columns, such as `endpoint,psk`"));
    }
    let columns = read_header(&record, &mut mistakes);
    if mistakes.total > 0 {
        return Err(mistakes.beside(Rows::default()));
    }
    let kept = kept(&columns);
    let mut read = Rows::default();
    for number in 0.. {
        let before = mistakes.total;
        let Some(line) = next(&mut reader, &mut record, &mut mistakes)? else {
            if mistakes.total == before {
                break;
            }
            continue;
        };
        if number >= limit {
            return Err(TableError::TooLong);
        }
        if let Some(row) = read_row(&record, line, &columns, kept, &mut mistakes) {
            read.rows.push(row);
            read.lines.push(line);
        }
    }
    if mistakes.total > 0 { Err(mistakes.beside(read)) } else { Ok(read) }
}

/// What a table with these columns says nothing of.
fn kept(columns: &[String]) -> Kept {
    let misses = |name: &str| !columns.iter().any(|column| column == name);
    Kept {
        psk_identity: misses("psk_identity"),
        psk: misses("psk"),
        certificate: misses("certificate"),
        certificate_name: misses("certificate_name"),
        public_key: misses("public_key"),
        profile: misses("profile"),
        state: misses("state"),
        tags: misses("tags"),
        properties: !columns.iter().any(|column| column.starts_with(PROPERTY)),
    }
}

#[derive(Default)]
struct Mistakes {
    first: Vec<FieldProblem>,
    total: u64,
}

impl Mistakes {
    fn add(&mut self, mistake: FieldProblem) {
        self.total += 1;
        if self.first.len() < PROBLEMS {
            self.first.push(mistake);
        }
    }

    fn beside(self, rows: Rows) -> TableError {
        TableError::Mistakes(self.first, self.total, rows)
    }
}

/// The next record and the line on which it begins, or nothing: at the end, or for one that is no text, which is a
/// mistake. Empty lines are no records.
fn next<R: Read>(
    reader: &mut csv::Reader<R>,
    record: &mut csv::StringRecord,
    mistakes: &mut Mistakes,
) -> Result<Option<u64>, TableError> {
    let mut bytes = std::mem::take(record).into_byte_record();
    loop {
        // The source is of bytes, and so it alone can fail.
        if !reader.read_byte_record(&mut bytes).map_err(|_| TableError::Interrupted)? {
            return Ok(None);
        }
        if bytes.len() > 1 || bytes.get(0) != Some(b"\r") {
            break;
        }
    }
    let within = bytes.iter().flatten().filter(|byte| **byte == b'\n').count() as u64;
    // A quote that is never closed takes the last line feed with it.
    let least = bytes.position().map_or(0, csv::Position::line);
    let line = reader.position().line().saturating_sub(1 + within).max(least);
    match csv::StringRecord::from_byte_record(bytes) {
        Ok(text) => {
            *record = text;
            Ok(Some(line))
        }
        Err(_) => {
            mistakes.add(mistake(line, "", "the row is not UTF-8 text: save the file as UTF-8"));
            Ok(None)
        }
    }
}

fn read_header(record: &csv::StringRecord, mistakes: &mut Mistakes) -> Vec<String> {
    let names: Vec<String> = record.iter().map(|name| name.trim_start_matches('\u{feff}').trim().to_owned()).collect();
    if let [only] = names.as_slice()
        && only.contains([';', '\t'])
    {
        mistakes.add(mistake(1, "", "the columns must be separated by commas"));
        return names;
    }
    let mut seen = BTreeSet::new();
    for name in &names {
        let known =
            COLUMNS.contains(&name.as_str()) || name.strip_prefix(PROPERTY).is_some_and(|name| !name.is_empty());
        if !known {
            let hint = match nearest(name, COLUMNS) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("the columns are {}, and property.NAME", COLUMNS.join(", ")),
            };
            mistakes.add(mistake(1, "", format!("there is no column `{name}`: {hint}")));
        } else if !seen.insert(name) {
            mistakes.add(mistake(1, "", format!("the column `{name}` stands here twice: remove one")));
        }
    }
    if mistakes.total == 0 && !names.iter().any(|name| name == "endpoint") {
        mistakes.add(mistake(1, "", "the column `endpoint` is missing"));
    }
    names
}

fn read_row(
    record: &csv::StringRecord,
    line: u64,
    columns: &[String],
    kept: Kept,
    mistakes: &mut Mistakes,
) -> Option<DeviceRow> {
    if record.len() != columns.len() {
        let message = format!("the row has {} cells, and the header names {} columns", record.len(), columns.len());
        mistakes.add(mistake(line, "", message));
        return None;
    }
    let mut row = DeviceRow { definition: DeviceDefinition::default(), kept };
    let before = mistakes.total;
    for (at, (column, cell)) in columns.iter().zip(record.iter()).enumerate() {
        let is_last = at + 1 == columns.len();
        let cell = cell.strip_suffix('\r').filter(|_| is_last).unwrap_or(cell);
        if let Err(message) = put(&mut row, column, cell) {
            mistakes.add(mistake(line, column, message));
        }
    }
    (mistakes.total == before).then_some(row)
}

/// Puts a cell into its field. No message repeats a key.
fn put(row: &mut DeviceRow, column: &str, cell: &str) -> Result<(), String> {
    let device = &mut row.definition;
    let trimmed = cell.trim();
    match column {
        "endpoint" => device.endpoint = cell.to_owned(),
        "psk_identity" => device.psk_identity = (!cell.is_empty()).then(|| cell.to_owned()),
        "psk" if trimmed.is_empty() => row.kept.psk = true,
        "psk" => device.psk = Some(KeyText::parse(trimmed).map_err(|error| error.to_string())?),
        "certificate" => device.certificate = (!trimmed.is_empty()).then(|| trimmed.to_owned()),
        "certificate_name" => device.certificate_name = (!cell.is_empty()).then(|| cell.to_owned()),
        "public_key" => device.public_key = (!trimmed.is_empty()).then(|| trimmed.to_owned()),
        "profile" => device.profile = (!trimmed.is_empty()).then(|| trimmed.to_owned()),
        "state" if trimmed.is_empty() => row.kept.state = true,
        "state" => {
            device.state = match trimmed {
                "enabled" => DeviceState::Enabled,
                "blocked" => DeviceState::Blocked,
                other => return Err(format!("a device is `enabled` or `blocked`, and not `{other}`")),
            }
        }
        "tags" => {
            let tags = trimmed.split(|letter: char| letter == ';' || letter.is_whitespace());
            device.tags = tags.filter(|tag| !tag.is_empty()).map(str::to_owned).collect();
        }
        property => {
            if let Some(name) = property.strip_prefix(PROPERTY).filter(|_| !cell.is_empty()) {
                device.properties.insert(name.to_owned(), cell.to_owned());
            }
        }
    }
    Ok(())
}

/// Writes a table that [`read`] takes back.
pub struct Writer<W: Write> {
    writer: csv::Writer<W>,
    properties: Vec<String>,
    keys: bool,
}

impl<W: Write> Writer<W> {
    /// Writes the header, with columns for these properties, and for keys where these are to be written.
    ///
    /// # Errors
    /// What `sink` answers.
    pub fn new(sink: W, properties: BTreeSet<String>, keys: bool) -> csv::Result<Writer<W>> {
        let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(sink);
        let properties: Vec<String> = properties.into_iter().collect();
        for column in COLUMNS.into_iter().filter(|column| keys || *column != "psk") {
            writer.write_field(column)?;
        }
        for name in &properties {
            writer.write_field(format!("{PROPERTY}{name}"))?;
        }
        writer.write_record(None::<&[u8]>)?;
        Ok(Writer { writer, properties, keys })
    }

    /// Writes a device.
    ///
    /// # Errors
    /// What the sink answers.
    pub fn write(&mut self, device: &DeviceDefinition) -> csv::Result<()> {
        self.writer.write_field(&device.endpoint)?;
        self.writer.write_field(device.psk_identity.as_deref().unwrap_or_default())?;
        if self.keys {
            self.writer.write_field(device.psk.as_ref().map_or("", KeyText::expose_text))?;
        }
        for text in [&device.certificate, &device.certificate_name, &device.public_key, &device.profile] {
            self.writer.write_field(text.as_deref().unwrap_or_default())?;
        }
        self.writer.write_field(device.state.name())?;
        self.writer.write_field(device.tags.iter().map(String::as_str).collect::<Vec<_>>().join(";"))?;
        for name in &self.properties {
            self.writer.write_field(device.properties.get(name).map_or("", String::as_str))?;
        }
        self.writer.write_record(None::<&[u8]>)
    }

    /// Hands what is buffered to the sink.
    ///
    /// # Errors
    /// What the sink answers.
    pub fn flush(&mut self) -> std::io::Result<()> {
        self.writer.flush()
    }
}

/// Chunks that are wiped once they have been read, as far as they are ours.
pub struct Chunks<I> {
    chunks: I,
    current: Vec<u8>,
    read: usize,
}

impl<I: Iterator<Item = std::io::Result<Vec<u8>>>> Chunks<I> {
    /// Reads `chunks` one after the other.
    pub fn new(chunks: I) -> Chunks<I> {
        Chunks { chunks, current: Vec::new(), read: 0 }
    }
}

impl<I: Iterator<Item = std::io::Result<Vec<u8>>>> Read for Chunks<I> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        while self.read == self.current.len() {
            self.current.zeroize();
            self.read = 0;
            match self.chunks.next() {
                None => return Ok(0),
                Some(chunk) => self.current = chunk?,
            }
        }
        let count = buffer.len().min(self.current.len() - self.read);
        buffer[..count].copy_from_slice(&self.current[self.read..self.read + count]);
        self.read += count;
        Ok(count)
    }
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
