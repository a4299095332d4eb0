//! One table of the file: read into its definition, with every key named that does not fit.
//!
//! serde stops at the first mistake. So where a table does not deserialize, each of its keys is tried alone; those that
//! fail are named and left out, and the rest is checked as if they had been right.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;

use serde::de::{Deserialize, Deserializer, Visitor};
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::report::Report;
use crate::provision::{Problem, nearest};

/// A table that was read, and where its keys stand.
pub(super) struct Table<'t, T> {
    /// What the table says, without the keys that do not fit.
    pub(super) definition: T,
    /// Where the header stands.
    pub(super) header: Range<usize>,
    entries: DeTable<'t>,
    faulty: BTreeSet<String>,
}

/// What a kind of table may hold.
pub(super) struct Schema {
    /// The key without which there is no definition, such as `name`.
    pub(super) required: Option<&'static str>,
    /// Keys that only the file knows, such as `psk_file`; they are not part of the definition.
    pub(super) file_keys: &'static [&'static str],
}

impl<'t, T: for<'de> Deserialize<'de>> Table<'t, T> {
    /// Reads a table and reports the keys that do not fit. None if nothing can be made of it, which is reported too.
    pub(super) fn read(
        header: Range<usize>,
        entries: DeTable<'t>,
        schema: &Schema,
        report: &mut Report<'_>,
    ) -> Option<Table<'t, T>> {
        let faulty = name_unknown_keys::<T>(&entries, header.start, schema, report);
        let mut fitting = entries.clone();
        for key in faulty.iter().map(String::as_str).chain(schema.file_keys.iter().copied()) {
            fitting.remove(key);
        }
        let mut table = Table { definition: None, header, entries, faulty };
        table.definition = match deserialize(fitting.clone(), &table.header, schema) {
            Ok(definition) => Some(definition),
            Err(_) => table.deserialize_fitting(fitting, schema, report),
        };
        let Table { definition, header, entries, faulty } = table;
        Some(Table { definition: definition?, header, entries, faulty })
    }
}

impl<'t, T: for<'de> Deserialize<'de>> Table<'t, Option<T>> {
    /// Tries each key alone, names those that fail, and deserializes the others.
    fn deserialize_fitting(&mut self, mut fitting: DeTable<'t>, schema: &Schema, report: &mut Report<'_>) -> Option<T> {
        for (key, value) in &self.entries {
            let name = key.get_ref().as_ref();
            if !fitting.contains_key(name) {
                continue;
            }
            let mut alone = DeTable::new();
            alone.insert(key.clone(), value.clone());
            if let Err(error) = deserialize::<T>(alone, &self.header, schema) {
                let span = error.span().filter(|span| *span != value.span());
                let span = span.or_else(|| self.faulty_member(key, value, schema)).unwrap_or(value.span());
                let elements = value.get_ref().as_array().filter(|_| span != value.span());
                let is_flat = elements.is_some_and(|elements| !elements.iter().any(holds_more));
                let what = if is_flat { format!("each element of `{name}`") } else { format!("`{name}`") };
                let mut message = explain(&what, &error);
                if holds_more(value) && !message.starts_with(&what) {
                    message = format!("{what}: {message}");
                }
                report.error(span, message);
                self.faulty.insert(name.to_owned());
                fitting.remove(name);
            }
        }
        deserialize(fitting, &self.header, schema)
            .map_err(|error| report.error(self.header.clone(), explain("this table", &error)))
            .ok()
    }

    /// Which member of a table makes it one that does not fit, where serde does not say: the first that fails alone.
    fn faulty_member(
        &self,
        key: &Spanned<DeString<'t>>,
        value: &Spanned<DeValue<'t>>,
        schema: &Schema,
    ) -> Option<Range<usize>> {
        let error_with = |members: DeTable<'t>| {
            let outer = DeTable::from_iter([(key.clone(), Spanned::new(value.span(), DeValue::Table(members)))]);
            deserialize::<T>(outer, &self.header, schema).err()
        };
        let members = value.get_ref().as_table().filter(|_| error_with(DeTable::new()).is_none())?;
        members.iter().find_map(|(member, inner)| {
            let error = error_with(DeTable::from_iter([(member.clone(), inner.clone())]))?;
            Some(error.span().filter(|span| *span != value.span()).unwrap_or(member.span()))
        })
    }
}

impl<T> Table<'_, T> {
    /// Whether the key is there, however its value is.
    pub(super) fn has(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    /// The value of a key, where it is text.
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        self.entries.get(key).and_then(|value| value.get_ref().as_str())
    }

    /// Whether a mistake of this key was named already.
    pub(super) fn is_faulty(&self, key: &str) -> bool {
        self.faulty.contains(key)
    }

    /// Says that a mistake of this key was named.
    pub(super) fn set_faulty(&mut self, key: &str) {
        self.faulty.insert(key.to_owned());
    }

    /// Where the value of a key stands, or one of its elements; the header where the key is missing.
    pub(super) fn place_of(&self, key: &str, element: Option<usize>) -> Range<usize> {
        let in_file = || self.entries.get(format!("{key}_file").as_str());
        let Some(value) = self.entries.get(key).or_else(in_file) else { return self.header.clone() };
        let element = element.and_then(|index| value.get_ref().as_array()?.get(index));
        element.unwrap_or(value).span()
    }

    /// Reports what a check has found, unless it only follows from a mistake that was named already.
    pub(super) fn report_problem(&self, problem: &Problem, report: &mut Report<'_>) {
        self.report_problem_as(problem, problem.message.clone(), report);
    }

    /// The same with another message.
    pub(super) fn report_problem_as(&self, problem: &Problem, message: String, report: &mut Report<'_>) {
        if let Some(place) = self.place_of_new(problem, report) {
            report.add(problem.severity, place, false, message);
        }
    }

    /// Where a problem stands; none where it only follows from a mistake that was named already.
    pub(super) fn place_of_new(&self, problem: &Problem, report: &Report<'_>) -> Option<Range<usize>> {
        let place = self.place_of(problem.field, problem.element);
        let missing = place == self.header;
        let known = self.is_faulty(problem.field)
            || (missing && report.is_torn(self.header.start))
            || problem.follows_from.iter().any(|field| self.is_faulty(field));
        (!known).then_some(place)
    }
}

/// Takes the tables of an array such as `[[server]]` out of the root.
pub(super) fn take_tables<'t>(
    root: &mut DeTable<'t>,
    name: &str,
    report: &mut Report<'_>,
) -> Vec<(Range<usize>, DeTable<'t>)> {
    let Some((key, value)) = root.remove_entry(name) else { return Vec::new() };
    let span = value.span();
    let two_brackets = format!("there may be several of these: write `[[{name}]]`, with two brackets");
    match value.into_inner() {
        DeValue::Array(elements) => elements
            .into_iter()
            .filter_map(|element| {
                let span = element.span();
                match element.into_inner() {
                    DeValue::Table(table) => Some((span, table)),
                    _ => {
                        report.error(span, two_brackets.clone());
                        None
                    }
                }
            })
            .collect(),
        DeValue::Table(table) => {
            report.error_at_key(key.span(), two_brackets);
            vec![(span, table)]
        }
        _ => {
            report.error_at_key(key.span(), two_brackets);
            Vec::new()
        }
    }
}

/// Takes a table such as `[admin]` out of the root.
pub(super) fn take_table<'t>(
    root: &mut DeTable<'t>,
    name: &str,
    report: &mut Report<'_>,
) -> Option<(Range<usize>, DeTable<'t>)> {
    let (key, value) = root.remove_entry(name)?;
    let span = value.span();
    match value.into_inner() {
        DeValue::Table(table) => Some((span, table)),
        _ => {
            report.error_at_key(key.span(), format!("there is only one of these, and it is a table: write `[{name}]`"));
            None
        }
    }
}

/// Reports the keys that `T` does not have; returns them, those probably meant that are not there, and those on broken
/// lines.
fn name_unknown_keys<T: for<'de> Deserialize<'de>>(
    entries: &DeTable<'_>,
    header: usize,
    schema: &Schema,
    report: &mut Report<'_>,
) -> BTreeSet<String> {
    let known: BTreeSet<&str> = fields_of::<T>().iter().chain(schema.file_keys).copied().collect();
    let mut faulty = report.broken_keys(header);
    faulty.retain(|key| !entries.contains_key(key.as_str())); // of a key that is there twice the first is sound
    for (key, _) in entries {
        let name = key.get_ref().as_ref();
        if !known.contains(name) {
            let hint = match nearest(name, known.iter().copied()) {
                Some(near) => {
                    // Where what was probably meant is there as well, it is read and checked as ever.
                    let given = |key: &str| entries.contains_key(key);
                    let field = near.strip_suffix("_file").filter(|_| schema.file_keys.contains(&near)).unwrap_or(near);
                    if !given(field) && !given(&format!("{field}_file")) {
                        faulty.insert(field.to_owned());
                    }
                    format!("did you mean `{near}`?")
                }
                None => format!("known here are {}", list_of(&known)),
            };
            report.error_at_key(key.span(), format!("unknown key `{}`: {hint}", name.escape_debug()));
            faulty.insert(name.to_owned());
        }
    }
    faulty
}

fn list_of(names: &BTreeSet<&str>) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// Deserializes a table, with an empty text where the required key is missing: the checks name that.
fn deserialize<T: for<'de> Deserialize<'de>>(
    mut entries: DeTable<'_>,
    header: &Range<usize>,
    schema: &Schema,
) -> Result<T, toml::de::Error> {
    if let Some(required) = schema.required
        && !entries.contains_key(required)
    {
        let empty = Spanned::new(header.clone(), DeValue::String("".into()));
        entries.insert(Spanned::new(header.clone(), required.into()), empty);
    }
    T::deserialize(toml::de::Deserializer::from(Spanned::new(header.clone(), entries)))
}

/// Says in the operator's words why a value does not fit, without the value: it may be a secret.
fn explain(what: &str, error: &toml::de::Error) -> String {
    let message = error.message();
    if message == "wanted string or table" {
        return format!("{what} must be text in quotes");
    }
    if let Some((key, known)) = message.strip_prefix("unknown field ").and_then(|rest| rest.split_once(", expected ")) {
        let known = known.trim_start_matches("one of ");
        return format!("unknown key {key}: known here are {known}");
    }
    if let Some(key) = message.strip_prefix("missing field ") {
        return format!("{key} is missing");
    }
    if let Some(expected) = message.strip_prefix("expected ") {
        return format!("{what} must be {expected}");
    }
    let generated = ["invalid type: ", "invalid value: ", "unknown variant "];
    let Some(rest) = generated.iter().find_map(|prefix| message.strip_prefix(prefix)) else {
        return message.to_owned(); // our own words (such as those of a key's text), which hold no value
    };
    // The value stands before the last "expected"; what it holds cannot get behind it.
    let expected = match rest.rsplit_once(", expected ").map_or("something else", |(_, expected)| expected) {
        "u32" => "a whole number from 0 to 4294967295",
        "f64" => "a number",
        "a string" => "text in quotes",
        "a boolean" => "`true` or `false`",
        "a sequence" => "a list in `[` and `]`",
        variants => variants,
    };
    let found = match rest.split([' ', '`']).next() {
        Some("string") if message.starts_with("invalid type") => ", not text",
        Some("floating") if expected.starts_with("a whole number") => ", not a fraction",
        Some("integer" | "floating") if message.starts_with("invalid type") => ", not a number",
        Some("boolean") => ", not `true` or `false`",
        Some("sequence") => ", not a list",
        Some("map") => ", not a table",
        _ => "",
    };
    format!("{what} must be {expected}{found}")
}

/// Whether a value is one with places of its own.
fn holds_more(value: &Spanned<DeValue<'_>>) -> bool {
    value.get_ref().is_array() || value.get_ref().is_table()
}

/// The names of a struct's fields, as serde knows them: the one list of the keys of a table.
pub(super) fn fields_of<T: for<'de> Deserialize<'de>>() -> &'static [&'static str] {
    match T::deserialize(FieldProbe) {
        Err(Fields(fields)) => fields,
        Ok(_) => &[],
    }
}

/// A deserializer that only asks a type for its fields.
struct FieldProbe;

/// The answer, which serde lets through as an error.
#[derive(Debug)]
struct Fields(&'static [&'static str]);

impl fmt::Display for Fields {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("asked for fields only")
    }
}

impl std::error::Error for Fields {}

impl serde::de::Error for Fields {
    fn custom<M: fmt::Display>(_message: M) -> Fields {
        Fields(&[])
    }
}

impl<'de> Deserializer<'de> for FieldProbe {
    type Error = Fields;

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Fields> {
        Err(Fields(&[]))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        _visitor: V,
    ) -> Result<V::Value, Fields> {
        Err(Fields(fields))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}
