//! `Template`: text with `${...}` expressions, as operators write it in an identity, a key or a URI.
//!
//! The words are a fixed table (design section 4): `device.endpointName`, `device.id`, `device.property.NAME`,
//! `string.random(n)`, `string.secureRandom(n)` and `server.ssid`. Nothing loops and nothing nests, so that a template is
//! evaluated in one pass. The room takes the values and the random generator as arguments; it does not know where a
//! random value is kept, nor which field a template stands in.

mod parse;

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use rand::CryptoRng;
use rand::distr::{Alphanumeric, SampleString};
use zeroize::Zeroizing;

pub use parse::{ExpressionError, Mistake};

/// A text whose expressions have been read: literal parts and expressions in their order.
///
/// Literals of a key are secret: they are wiped when the template is dropped, and `Debug` shows the expressions alone.
#[derive(Clone)]
pub struct Template {
    /// All literal parts one after another, in a buffer that was never reallocated.
    literals: Zeroizing<String>,
    parts: Vec<Part>,
}

/// A piece of a template.
#[derive(Clone)]
enum Part {
    /// Bytes of [`Template::literals`].
    Literal(Range<usize>),
    Expression(Expression),
}

/// One line of the table of expressions.
#[derive(Clone, PartialEq, Eq)]
enum Expression {
    EndpointName,
    DeviceId,
    Property(String),
    Random(u16),
    SecureRandom(u16),
    ServerSsid,
}

/// What the expressions of one device and one server account stand for.
#[derive(Clone, Copy, Debug)]
pub struct Values<'a> {
    /// `device.endpointName`.
    pub endpoint_name: &'a str,
    /// `device.id`; none for a device that is not stored.
    pub device_id: Option<i64>,
    /// `device.property.NAME`, by name.
    pub properties: &'a BTreeMap<String, String>,
    /// `server.ssid`; none for a bootstrap account.
    pub ssid: Option<u16>,
}

/// A value that a template asks for and that is not there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EvaluationError {
    /// The device has no such property.
    #[error("the device has no property `{0}`, which `${{device.property.{0}}}` asks for: set it")]
    NoProperty(String),
    /// The device has no id.
    #[error("the device has no id, which `${{device.id}}` asks for: add the device, or use `${{device.endpointName}}`")]
    NoDeviceId,
    /// The server account has no SSID.
    #[error("the server account has no SSID, which `${{server.ssid}}` asks for: give it an `ssid`")]
    NoSsid,
    /// A random expression where nothing may be drawn.
    #[error("a random expression draws once for each device, and there is nothing to draw for here")]
    Random,
}

impl Template {
    /// Reads a template: literal text with `${...}`; `$${` is a literal `${`, and any other `$` is itself. Takes time
    /// linear in the text's length.
    ///
    /// # Errors
    /// [`ExpressionError`]: the first mistake and its column.
    pub fn parse(text: &str) -> Result<Template, ExpressionError> {
        parse::template(text)
    }

    /// Evaluates the template once. Every `string.random` and `string.secureRandom` draws anew from `random`, so whoever
    /// wants the same value again keeps the result.
    ///
    /// # Errors
    /// [`EvaluationError`] for a property, id or SSID that is asked for and missing; nothing has been drawn then.
    pub fn evaluate(&self, values: &Values, random: &mut impl CryptoRng) -> Result<Zeroizing<String>, EvaluationError> {
        self.render(values, |characters, text| {
            Alphanumeric.append_string(random, text, characters);
            Ok(())
        })
    }

    /// Evaluates a template that draws nothing.
    ///
    /// # Errors
    /// As [`Template::evaluate`], and [`EvaluationError::Random`] for a template that does draw.
    pub fn evaluate_fixed(&self, values: &Values) -> Result<Zeroizing<String>, EvaluationError> {
        self.render(values, |_, _| Err(EvaluationError::Random))
    }

    fn render(
        &self,
        values: &Values,
        mut draw: impl FnMut(usize, &mut String) -> Result<(), EvaluationError>,
    ) -> Result<Zeroizing<String>, EvaluationError> {
        // The whole length is reserved at once: a string that grows would leave unwiped copies behind.
        let mut length = 0;
        for part in &self.parts {
            length += match part {
                Part::Literal(range) => range.len(),
                Part::Expression(expression) => match expression.random_characters() {
                    0 => expression.value(values)?.len(),
                    characters => characters,
                },
            };
        }
        let mut text = Zeroizing::new(String::with_capacity(length));
        for part in &self.parts {
            match part {
                Part::Literal(range) => text.push_str(&self.literals[range.clone()]),
                Part::Expression(expression) => match expression.random_characters() {
                    0 => text.push_str(&expression.value(values)?),
                    characters => draw(characters, &mut text)?,
                },
            }
        }
        Ok(text)
    }

    /// The template evaluated for display, without randomness: a random expression stands there as it is written,
    /// `${string.secureRandom(32)}`. Literals are shown, so this is not for a key that has any.
    ///
    /// # Errors
    /// As [`Template::evaluate`].
    pub fn preview(&self, values: &Values) -> Result<String, EvaluationError> {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Literal(range) => text.push_str(&self.literals[range.clone()]),
                Part::Expression(expression) if expression.random_characters() > 0 => {
                    text.push_str(&format!("${{{expression}}}"));
                }
                Part::Expression(expression) => text.push_str(&expression.value(values)?),
            }
        }
        Ok(text)
    }

    /// Whether there is no expression at all.
    pub fn is_literal(&self) -> bool {
        self.expressions().next().is_none()
    }

    /// The text with `$${` resolved, if it is literal; as secret as what was parsed.
    pub fn literal(&self) -> Option<&str> {
        self.is_literal().then_some(&*self.literals)
    }

    /// Whether each evaluation gives another value.
    pub fn has_random(&self) -> bool {
        self.random_characters() > 0
    }

    /// How many characters of `[A-Za-z0-9]` are drawn in all; each holds 5.95 bits.
    pub fn random_characters(&self) -> usize {
        self.expressions().map(Expression::random_characters).sum()
    }

    /// The properties asked for, in their order and as often as they stand there.
    pub fn properties(&self) -> impl Iterator<Item = &str> {
        self.expressions().filter_map(|expression| match expression {
            Expression::Property(name) => Some(name.as_str()),
            _ => None,
        })
    }

    /// Whether the value differs between server accounts of one device by their SSID.
    pub fn uses_server_ssid(&self) -> bool {
        self.expressions().any(|expression| *expression == Expression::ServerSsid)
    }

    /// Fewest bytes that any evaluation can give: an endpoint name, an id and an SSID count as one, a property as none.
    pub fn minimum_length(&self) -> usize {
        let expressions = self.expressions().map(|expression| match expression {
            Expression::EndpointName | Expression::DeviceId | Expression::ServerSsid => 1,
            Expression::Property(_) => 0,
            Expression::Random(_) | Expression::SecureRandom(_) => expression.random_characters(),
        });
        self.literals.len() + expressions.sum::<usize>()
    }

    fn expressions(&self) -> impl Iterator<Item = &Expression> {
        self.parts.iter().filter_map(|part| match part {
            Part::Expression(expression) => Some(expression),
            Part::Literal(_) => None,
        })
    }
}

impl fmt::Debug for Template {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Template")?;
        formatter.debug_list().entries(&self.parts).finish()
    }
}

impl fmt::Debug for Part {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Part::Literal(_) => formatter.write_str("literal"),
            Part::Expression(expression) => fmt::Display::fmt(expression, formatter),
        }
    }
}

impl Expression {
    /// Characters that are drawn; 0 for an expression that is not random.
    fn random_characters(&self) -> usize {
        match self {
            Expression::Random(characters) | Expression::SecureRandom(characters) => usize::from(*characters),
            _ => 0,
        }
    }

    /// What an expression that is not random stands for; a random one stands for nothing here.
    fn value(&self, values: &Values) -> Result<Zeroizing<String>, EvaluationError> {
        let value = match self {
            Expression::EndpointName => values.endpoint_name.to_owned(),
            Expression::DeviceId => values.device_id.ok_or(EvaluationError::NoDeviceId)?.to_string(),
            Expression::Property(name) => {
                values.properties.get(name).ok_or_else(|| EvaluationError::NoProperty(name.clone()))?.clone()
            }
            Expression::ServerSsid => values.ssid.ok_or(EvaluationError::NoSsid)?.to_string(),
            Expression::Random(_) | Expression::SecureRandom(_) => String::new(),
        };
        Ok(Zeroizing::new(value))
    }
}

/// As it is written between the braces.
impl fmt::Display for Expression {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Expression::EndpointName => formatter.write_str(parse::ENDPOINT_NAME),
            Expression::DeviceId => formatter.write_str(parse::DEVICE_ID),
            Expression::Property(name) => write!(formatter, "{}{name}", parse::PROPERTY),
            Expression::Random(characters) => write!(formatter, "{}({characters})", parse::RANDOM),
            Expression::SecureRandom(characters) => write!(formatter, "{}({characters})", parse::SECURE_RANDOM),
            Expression::ServerSsid => formatter.write_str(parse::SERVER_SSID),
        }
    }
}

#[cfg(test)]
mod tests;
