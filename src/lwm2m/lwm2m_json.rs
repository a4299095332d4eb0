//! application/vnd.oma.lwm2m+json: read only, for LwM2M 1.0 clients that insist on it.
//!
//! LwM2M TS 1.0 section 6.4.4; spec sheet `formats.md`, section 7. There is no attribute for Opaque: it comes as base64
//! in `sv`, and only the object tables tell it from text.

use serde::Deserialize;
use serde_json::Number;

use super::assembly::Assembly;
use super::content::Object;
use super::error::DecodeError;
use super::json::{Bounded, Text, malformed};
use super::objects::DataType;
use super::path::Path;
use super::senml::path_of;
use super::wire::{Wire, base64, data_type};

/// The whole payload. The base time `bt` belongs to notifications and is passed over.
#[derive(Deserialize)]
struct Document<'a> {
    #[serde(borrow, default)]
    bn: Option<Text<'a>>,
    #[serde(borrow)]
    e: Bounded<Entry<'a>>,
}

#[derive(Deserialize)]
struct Entry<'a> {
    #[serde(borrow, default)]
    n: Option<Text<'a>>,
    #[serde(default)]
    v: Option<Number>,
    #[serde(default)]
    bv: Option<bool>,
    #[serde(borrow, default)]
    sv: Option<Text<'a>>,
    #[serde(borrow, default)]
    ov: Option<Text<'a>>,
}

pub(super) fn decode(path: &Path, payload: &[u8]) -> Result<Vec<Object>, DecodeError> {
    let document: Document<'_> = serde_json::from_slice(payload).map_err(malformed)?;
    let base_name = document.bn.map(|text| text.0).unwrap_or_default();
    let mut assembly = Assembly::new(path);
    for mut entry in document.e.0 {
        let name = entry.n.take().map(|text| text.0).unwrap_or_default();
        let place = path_of(&base_name, &name)?;
        let value = entry.value(data_type(&place))?;
        assembly.insert(&place, value.typed(&place)?)?;
    }
    assembly.finish()
}

impl<'a> Entry<'a> {
    fn value(self, expected: Option<DataType>) -> Result<Wire<'a>, DecodeError> {
        const NOT_BASE64: DecodeError = DecodeError::Malformed("an Opaque value is not base64");
        match (self.v, self.bv, self.sv, self.ov) {
            (Some(number), None, None, None) => Ok(wire(&number)),
            (None, Some(truth), None, None) => Ok(Wire::Boolean(truth)),
            (None, None, Some(text), None) if expected == Some(DataType::Opaque) => {
                base64(&text.0).map(Wire::Bytes).ok_or(NOT_BASE64)
            }
            (None, None, Some(text), None) => Ok(Wire::Text(text.0)),
            (None, None, None, Some(link)) => Ok(Wire::Link(link.0)),
            _ => Err(DecodeError::Malformed("an entry must have exactly one value")),
        }
    }
}

fn wire(number: &Number) -> Wire<'static> {
    if let Some(number) = number.as_u64() {
        return Wire::unsigned(number);
    }
    match number.as_i64() {
        Some(number) => Wire::Integer(number),
        // Every other JSON number is a float; one beyond all floats is refused by the reader already.
        None => Wire::Float(number.as_f64().unwrap_or(f64::NAN)),
    }
}
