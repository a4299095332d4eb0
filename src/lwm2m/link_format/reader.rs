//! Reading links: `link *("," link)`, link = `"<" URI ">" *(";" param)`, param = `name ["=" value]` (RFC 6690 section
//! 2), and what clients make of it.

use std::borrow::Cow;

use super::{DiscoverAnswer, DiscoveredInstance, DiscoveredObject, LinkFormatError, MAX_LENGTH, MAX_LINKS};
use crate::lwm2m::path::Path;

pub(super) fn read(payload: &[u8]) -> Result<DiscoverAnswer, LinkFormatError> {
    if payload.len() > MAX_LENGTH {
        return Err(LinkFormatError::TooLong);
    }
    let text = std::str::from_utf8(payload).map_err(|_| LinkFormatError::NotText)?;
    let mut answer = DiscoverAnswer::default();
    let mut cursor = Cursor { rest: text };
    for _ in 0..MAX_LINKS {
        read_element(&mut cursor, &mut answer)?;
        if !cursor.take(',') {
            return Ok(answer);
        }
    }
    Err(LinkFormatError::TooManyLinks)
}

/// Reads up to the comma after the element: a link, the bare parameters of a 1.0 client, or nothing at all.
fn read_element(cursor: &mut Cursor<'_>, answer: &mut DiscoverAnswer) -> Result<(), LinkFormatError> {
    // A bare element stands for the root: `lwm2m="1.0"` and `</>;lwm2m=1.0` mean the same.
    let mut path = Some(Path::Root);
    if cursor.take('<') {
        // Links that are no paths of the data model, such as `</.well-known/core>`, are none of our business.
        path = cursor.until('>').ok_or(LinkFormatError::UnclosedLink)?.trim().parse().ok();
    } else if !cursor.at_end_of_element() {
        read_parameter(cursor)?.note(path, answer)?;
    }
    note_link(path, answer);
    while cursor.take(';') {
        read_parameter(cursor)?.note(path, answer)?;
    }
    // Stray text could hide an ssid (`</0/1>ssid=101`), so it is no place for tolerance.
    if cursor.at_end_of_element() { Ok(()) } else { Err(LinkFormatError::StrayText) }
}

fn note_link(path: Option<Path>, answer: &mut DiscoverAnswer) {
    match path {
        Some(Path::Object(object)) if !answer.objects.iter().any(|known| known.object == object) => {
            answer.objects.push(DiscoveredObject { object, version: None });
        }
        Some(Path::ObjectInstance(object, instance)) if find(answer, object, instance).is_none() => {
            answer.instances.push(DiscoveredInstance { object, instance, short_server_id: None, uri: None });
        }
        _ => {}
    }
}

fn find(answer: &mut DiscoverAnswer, object: u16, instance: u16) -> Option<&mut DiscoveredInstance> {
    answer.instances.iter_mut().find(|known| (known.object, known.instance) == (object, instance))
}

struct Parameter<'a> {
    name: &'a str,
    value: Cow<'a, str>,
}

impl Parameter<'_> {
    /// Keeps what the parameter says about the link to `path`; unknown ones say nothing.
    fn note(self, path: Option<Path>, answer: &mut DiscoverAnswer) -> Result<(), LinkFormatError> {
        let value = self.value.trim();
        match (path, self.name) {
            // Versions are hints: one that cannot be read is as good as none.
            (Some(Path::Root), "lwm2m") => answer.version = answer.version.or(value.parse().ok()),
            (Some(Path::Object(object)), "ver") => {
                if let Some(known) = answer.objects.iter_mut().find(|known| known.object == object) {
                    known.version = known.version.or(value.parse().ok());
                }
            }
            (Some(Path::ObjectInstance(object, instance)), "ssid") => {
                let number = value.parse().map_err(|_| LinkFormatError::BadShortServerId)?;
                if let Some(known) = find(answer, object, instance)
                    && known.short_server_id.replace(number).is_some_and(|before| before != number)
                {
                    return Err(LinkFormatError::Contradiction);
                }
            }
            (Some(Path::ObjectInstance(object, instance)), "uri") => {
                if let Some(known) = find(answer, object, instance) {
                    known.uri.get_or_insert_with(|| value.to_owned());
                }
            }
            _ => {}
        }
        Ok(())
    }
}

fn read_parameter<'a>(cursor: &mut Cursor<'a>) -> Result<Parameter<'a>, LinkFormatError> {
    let name = cursor.while_not(&['=', ';', ',']).trim();
    if !cursor.take('=') {
        return Ok(Parameter { name, value: Cow::Borrowed("") });
    }
    let value = if cursor.take('"') { cursor.quoted()? } else { Cow::Borrowed(cursor.while_not(&[';', ','])) };
    Ok(Parameter { name, value })
}

struct Cursor<'a> {
    rest: &'a str,
}

impl<'a> Cursor<'a> {
    /// Consumes `wanted` and the blanks before it, if it comes next.
    fn take(&mut self, wanted: char) -> bool {
        let rest = self.rest.trim_start().strip_prefix(wanted);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn at_end_of_element(&self) -> bool {
        matches!(self.rest.trim_start().chars().next(), None | Some(',' | ';'))
    }

    /// The text up to `end`, which is consumed; nothing if it never comes.
    fn until(&mut self, end: char) -> Option<&'a str> {
        let (before, after) = self.rest.split_once(end)?;
        self.rest = after;
        Some(before)
    }

    fn while_not(&mut self, ends: &[char]) -> &'a str {
        let (before, after) = self.rest.split_at(self.rest.find(ends).unwrap_or(self.rest.len()));
        self.rest = after;
        before
    }

    /// The text up to the closing quote. A backslash makes the next character stand for itself (RFC 2616 section 2.2,
    /// which RFC 6690 takes its quoted-string from).
    fn quoted(&mut self) -> Result<Cow<'a, str>, LinkFormatError> {
        let mut unescaped = String::new();
        loop {
            let plain = self.while_not(&['"', '\\']);
            if self.rest.is_empty() {
                return Err(LinkFormatError::UnclosedQuote);
            }
            let closes = self.rest.starts_with('"');
            self.rest = &self.rest[1..];
            if closes && unescaped.is_empty() {
                return Ok(Cow::Borrowed(plain));
            }
            unescaped.push_str(plain);
            if closes {
                return Ok(Cow::Owned(unescaped));
            }
            let mut characters = self.rest.chars();
            unescaped.push(characters.next().ok_or(LinkFormatError::UnclosedQuote)?);
            self.rest = characters.as_str();
        }
    }
}
