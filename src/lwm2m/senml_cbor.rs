//! application/senml+cbor: an array of records, each a map from labels to fields.
//!
//! RFC 8428 section 6 (labels); LwM2M Core 1.2 section 7.5.7; spec sheet `formats.md`, section 5. The object link has
//! the text label `vlo`, because no number is registered for it.

use minicbor::data::Type;
use minicbor::{Decoder, Encoder};
use zeroize::Zeroizing;

use super::cbor::{Remaining, Sink, Written, at_end, read_text, read_value, well_formed, write_value, written};
use super::codec::size_bound;
use super::content::{ContentFormat, Object};
use super::error::{DecodeError, EncodeError};
use super::path::Path;
use super::senml::{Item, Pack, Record, count, for_each, must_be_understood};
use super::value::Value;
use super::wire::Wire;

const BASE_NAME: i64 = -2;
const NAME: i64 = 0;
const VALUE: i64 = 2;
const STRING_VALUE: i64 = 3;
const BOOLEAN_VALUE: i64 = 4;
const DATA_VALUE: i64 = 8;
const OBJECT_LINK_VALUE: &str = "vlo";

pub(super) fn encode(path: &Path, objects: &[Object]) -> Result<Zeroizing<Vec<u8>>, EncodeError> {
    let records = count(ContentFormat::SenmlCbor, path, objects)?;
    let mut out = Zeroizing::new(Vec::with_capacity(size_bound(objects)));
    let mut sink = Encoder::new(&mut *out);
    written(sink.array(records as u64).and_then(|sink| sink.ok()));
    written(for_each(path, objects, |item| write_record(&mut sink, &item)));
    Ok(out)
}

fn write_record(sink: &mut Sink<'_>, item: &Item<'_>) -> Written {
    sink.map(if item.base_name.is_some() { 3 } else { 2 })?;
    if let Some(base_name) = &item.base_name {
        sink.i64(BASE_NAME)?.str(base_name.as_str())?;
    }
    sink.i64(NAME)?.str(item.name.as_str())?;
    match item.value {
        Value::Integer(_) | Value::Unsigned(_) | Value::Float(_) | Value::Time(_) => sink.i64(VALUE)?,
        Value::String(_) | Value::CoreLink(_) => sink.i64(STRING_VALUE)?,
        Value::Boolean(_) => sink.i64(BOOLEAN_VALUE)?,
        Value::Opaque(_) => sink.i64(DATA_VALUE)?,
        Value::ObjectLink(..) => sink.str(OBJECT_LINK_VALUE)?,
    };
    write_value(sink, item.value)
}

pub(super) fn decode(path: &Path, payload: &[u8]) -> Result<Vec<Object>, DecodeError> {
    let mut decoder = Decoder::new(payload);
    let mut pack = Pack::new(path);
    let mut records = Remaining::of_array(&mut decoder)?;
    while records.more(&mut decoder)? {
        pack.add(read_record(&mut decoder)?)?;
    }
    at_end(&decoder)?;
    pack.finish()
}

fn read_record<'a>(decoder: &mut Decoder<'a>) -> Result<Record<'a>, DecodeError> {
    const TWO_NAMES: DecodeError = DecodeError::Malformed("a SenML record has two names");
    let mut record = Record::default();
    let mut fields = Remaining::of_map(decoder)?;
    while fields.more(decoder)? {
        match read_label(decoder)? {
            Label::BaseName if record.base_name.is_none() => record.base_name = Some(read_text(decoder)?),
            Label::Name if record.name.is_none() => record.name = Some(read_text(decoder)?),
            Label::BaseName | Label::Name => return Err(TWO_NAMES),
            Label::Value(label) => record.set_value(read_labelled(decoder, label)?)?,
            Label::Other => well_formed(decoder.skip())?,
        }
    }
    Ok(record)
}

enum Label {
    BaseName,
    Name,
    Value(ValueLabel),
    /// Times, units and what else LwM2M has no use for.
    Other,
}

#[derive(Clone, Copy)]
enum ValueLabel {
    Number,
    String,
    Boolean,
    Data,
    ObjectLink,
}

fn read_label(decoder: &mut Decoder<'_>) -> Result<Label, DecodeError> {
    Ok(match well_formed(decoder.datatype())? {
        Type::String | Type::StringIndef => match read_text(decoder)?.as_ref() {
            OBJECT_LINK_VALUE => Label::Value(ValueLabel::ObjectLink),
            label if must_be_understood(label) => {
                return Err(DecodeError::Malformed("a SenML field that must be understood and is not known"));
            }
            _ => Label::Other,
        },
        _ => match decoder.i64().map_err(|_| DecodeError::Malformed("a SenML label is neither number nor text"))? {
            BASE_NAME => Label::BaseName,
            NAME => Label::Name,
            VALUE => Label::Value(ValueLabel::Number),
            STRING_VALUE => Label::Value(ValueLabel::String),
            BOOLEAN_VALUE => Label::Value(ValueLabel::Boolean),
            DATA_VALUE => Label::Value(ValueLabel::Data),
            _ => Label::Other,
        },
    })
}

/// Reads a value of the kind that its label promises.
fn read_labelled<'a>(decoder: &mut Decoder<'a>, label: ValueLabel) -> Result<Wire<'a>, DecodeError> {
    Ok(match (label, read_value(decoder)?) {
        (ValueLabel::Number, number @ (Wire::Integer(_) | Wire::Large(_) | Wire::Float(_) | Wire::Time(_))) => number,
        (ValueLabel::String, text @ Wire::Text(_)) => text,
        (ValueLabel::Boolean, truth @ Wire::Boolean(_)) => truth,
        (ValueLabel::Data, bytes @ Wire::Bytes(_)) => bytes,
        (ValueLabel::ObjectLink, Wire::Text(link)) => Wire::Link(link),
        _ => return Err(DecodeError::Malformed("a SenML value is not of the kind its label says")),
    })
}
