//! LwM2M CBOR as Anjay writes it: maps of indefinite length, and the path of the instance as an array for a key.
//!
//! LwM2M Core 1.2 section 7.5.4; spec sheets `formats.md`, section 6, and `clients.md`, section 3, item 13. Only answers
//! to Bootstrap-Read are written so; they hold no secrets.

use std::convert::Infallible;

use minicbor::Encoder;
use minicbor::encode::Error;

use crate::lwm2m::{Object, ResourceValue, Value};

type Sink<'a> = Encoder<&'a mut Vec<u8>>;
type Written = Result<(), Error<Infallible>>;

/// `{_ [object, instance]: {_ resource: value, ...}, ...}`
pub(super) fn encode(object: &Object) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut Encoder::new(&mut out), object)
        .expect("a vector takes all bytes, and the encoder cannot fail otherwise");
    out
}

fn write(sink: &mut Sink<'_>, object: &Object) -> Written {
    sink.begin_map()?;
    for instance in &object.instances {
        sink.array(2)?.u16(object.id)?.u16(instance.id)?.begin_map()?;
        for resource in &instance.resources {
            sink.u16(resource.id)?;
            match &resource.value {
                ResourceValue::Single(value) => write_value(sink, value)?,
                ResourceValue::Multiple(values) => {
                    sink.begin_map()?;
                    for (id, value) in values {
                        sink.u16(*id)?;
                        write_value(sink, value)?;
                    }
                    sink.end()?;
                }
            }
        }
        sink.end()?;
    }
    sink.end()?.ok()
}

fn write_value(sink: &mut Sink<'_>, value: &Value) -> Written {
    match value {
        Value::String(text) | Value::CoreLink(text) => sink.str(text)?,
        Value::Integer(number) | Value::Time(number) => sink.i64(*number)?,
        Value::Unsigned(number) => sink.u64(*number)?,
        Value::Float(number) => sink.f64(*number)?,
        Value::Boolean(truth) => sink.bool(*truth)?,
        Value::Opaque(bytes) => sink.bytes(bytes.expose())?,
        Value::ObjectLink(object, instance) => sink.str(&format!("{object}:{instance}"))?,
    }
    .ok()
}
