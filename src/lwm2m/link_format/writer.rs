//! Writing links: the inverse of reading, by which tests and fuzzing hold the reader to account.

use std::fmt::{self, Write};

use super::{DiscoverAnswer, DiscoveredInstance, DiscoveredObject};
use crate::lwm2m::version::Version;

pub(super) fn write(answer: &DiscoverAnswer) -> String {
    let mut text = String::new();
    write_all(&mut text, answer).expect("writing to a String cannot fail");
    text
}

fn write_all(text: &mut String, answer: &DiscoverAnswer) -> fmt::Result {
    let old_form = answer.version.is_some_and(|version| version <= Version::V1_0);
    if let Some(version) = answer.version {
        if old_form { write!(text, "lwm2m=\"{version}\"")? } else { write!(text, "</>;lwm2m={version}")? }
    }
    for object in &answer.objects {
        separate(text);
        write_object(text, object, old_form)?;
    }
    for instance in &answer.instances {
        separate(text);
        write_instance(text, instance, old_form)?;
    }
    Ok(())
}

fn separate(text: &mut String) {
    if !text.is_empty() {
        text.push(',');
    }
}

fn write_object(text: &mut String, object: &DiscoveredObject, old_form: bool) -> fmt::Result {
    write!(text, "</{}>", object.object)?;
    match object.version {
        Some(version) if old_form => write!(text, ";ver=\"{version}\""),
        Some(version) => write!(text, ";ver={version}"),
        None => Ok(()),
    }
}

fn write_instance(text: &mut String, instance: &DiscoveredInstance, old_form: bool) -> fmt::Result {
    write!(text, "</{}/{}>", instance.object, instance.instance)?;
    if let Some(short_server_id) = instance.short_server_id {
        write!(text, ";ssid={short_server_id}")?;
    }
    // The attribute came with 1.1.
    let Some(uri) = instance.uri.as_deref().filter(|_| !old_form) else { return Ok(()) };
    text.push_str(";uri=\"");
    for character in uri.chars() {
        if matches!(character, '"' | '\\') {
            text.push('\\');
        }
        text.push(character);
    }
    text.push('"');
    Ok(())
}
