//! Reading SenML JSON. The records are taken one by one from the stream, so that no list of them is ever held.

use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::lwm2m::content::Object;
use crate::lwm2m::error::DecodeError;
use crate::lwm2m::json::{Text, malformed};
use crate::lwm2m::path::Path;
use crate::lwm2m::senml::{Pack, Record, must_be_understood};
use crate::lwm2m::wire::{Wire, base64};

pub(in crate::lwm2m) fn decode(path: &Path, payload: &[u8]) -> Result<Vec<Object>, DecodeError> {
    let mut pack = Pack::new(path);
    let mut flaw = None;
    let mut reader = serde_json::Deserializer::from_slice(payload);
    let read = PackSeed { pack: &mut pack, flaw: &mut flaw }.deserialize(&mut reader).and_then(|()| reader.end());
    // A broken rule of ours also ends the stream, and says more than the error that ended it.
    match flaw {
        Some(flaw) => Err(flaw),
        None => read.map_err(malformed).and_then(|()| pack.finish()),
    }
}

/// Adds the records of a list to `pack`, up to the first that breaks a rule, which goes into `flaw`.
struct PackSeed<'s, 'de> {
    pack: &'s mut Pack<'de>,
    flaw: &'s mut Option<DecodeError>,
}

impl<'de> DeserializeSeed<'de> for PackSeed<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for PackSeed<'_, 'de> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list of SenML records")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<(), A::Error> {
        while let Some(RecordResult(record)) = sequence.next_element()? {
            if let Err(flaw) = record.and_then(|record| self.pack.add(record)) {
                *self.flaw = Some(flaw);
                return Err(A::Error::custom("a rule of the format is broken"));
            }
        }
        Ok(())
    }
}

/// A record, or the rule that it breaks although it is JSON.
struct RecordResult<'a>(Result<Record<'a>, DecodeError>);

impl<'de> Deserialize<'de> for RecordResult<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<RecordResult<'de>, D::Error> {
        deserializer.deserialize_map(RecordVisitor)
    }
}

struct RecordVisitor;

impl<'de> Visitor<'de> for RecordVisitor {
    type Value = RecordResult<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a SenML record")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<RecordResult<'de>, A::Error> {
        let mut record = Record::default();
        let mut rules = Ok(());
        while let Some(Text(label)) = fields.next_key()? {
            rules = rules.and(read_field(&label, &mut fields, &mut record)?);
        }
        Ok(RecordResult(rules.map(|()| record)))
    }
}

/// Reads the field that belongs to `label`. The outer error is one of JSON, the inner one of SenML.
fn read_field<'de, A: MapAccess<'de>>(
    label: &str,
    fields: &mut A,
    record: &mut Record<'de>,
) -> Result<Result<(), DecodeError>, A::Error> {
    let value = match label {
        "bn" | "n" => {
            let slot = if label == "n" { &mut record.name } else { &mut record.base_name };
            let before = slot.replace(fields.next_value::<Text<'de>>()?.0);
            return Ok(before.map_or(Ok(()), |_| Err(DecodeError::Malformed("a SenML record has two names"))));
        }
        "v" => fields.next_value::<Number>()?.0,
        "vs" => Wire::Text(fields.next_value::<Text<'de>>()?.0),
        "vb" => Wire::Boolean(fields.next_value()?),
        "vlo" => Wire::Link(fields.next_value::<Text<'de>>()?.0),
        "vd" => match base64(&fields.next_value::<Text<'de>>()?.0) {
            Some(bytes) => Wire::Bytes(bytes),
            None => return Ok(Err(DecodeError::Malformed("a SenML data value is not base64"))),
        },
        // Times, units and what else LwM2M has no use for.
        _ => {
            fields.next_value::<IgnoredAny>()?;
            return Ok(if must_be_understood(label) {
                Err(DecodeError::Malformed("a SenML field that must be understood and is not known"))
            } else {
                Ok(())
            });
        }
    };
    Ok(record.set_value(value))
}

/// A JSON number; one without fraction and exponent keeps all its 64 bits.
struct Number(Wire<'static>);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Number, D::Error> {
        deserializer.deserialize_any(NumberVisitor)
    }
}

struct NumberVisitor;

impl Visitor<'_> for NumberVisitor {
    type Value = Number;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a number")
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Number, E> {
        Ok(Number(Wire::Integer(number)))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Number, E> {
        Ok(Number(Wire::unsigned(number)))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Number, E> {
        Ok(Number(Wire::Float(number)))
    }
}
