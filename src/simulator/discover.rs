//! What the simulated client says that it has: the text of a Discover answer, in the form of its behaviour.
//!
//! LwM2M Core 1.2 section 6.1.7.3; RFC 6690 section 2; spec sheet `bootstrap.md`, section 6. Written by hand, because
//! real clients print things that no writer of the format would.

use std::fmt::{self, Write};

use super::behaviour::{DiscoverForm, Head, ObjectLinks, UriAttribute};
use super::model::{
    BOOTSTRAP_SERVER, DataModel, SECURITY_SHORT_SERVER_ID, SERVER_SHORT_SERVER_ID, boolean, number, text,
};
use crate::lwm2m::objects::{OSCORE, SECURITY, SERVER};
use crate::lwm2m::path::{ObjectId, ObjectInstanceId};
use crate::lwm2m::{Resource, Version};

/// The answer to Discover of `object`, or of the root.
pub(super) fn links(model: &DataModel, object: Option<ObjectId>) -> String {
    let mut text = String::new();
    write_all(&mut text, model, object).expect("writing to a String cannot fail");
    text
}

fn write_all(text: &mut String, model: &DataModel, wanted: Option<ObjectId>) -> fmt::Result {
    let form = model.behaviour().discover;
    write_head(text, form, model.version())?;
    let objects = || model.supported_objects().filter(move |object| wanted.is_none_or(|wanted| wanted == *object));
    // Real clients print the links of each object together; in the simple form the objects without instances come first.
    if form.objects == ObjectLinks::Empty {
        for object in objects().filter(|&object| model.instances_of(object).next().is_none()) {
            write_object(text, form, object)?;
        }
    }
    for object in objects() {
        if form.objects == ObjectLinks::All {
            write_object(text, form, object)?;
        }
        for (instance, resources) in model.instances_of(object) {
            write_instance(text, model, object, instance, resources)?;
        }
    }
    Ok(())
}

fn write_head(text: &mut String, form: DiscoverForm, version: Version) -> fmt::Result {
    match if version < Version::V1_1 { form.old_head } else { form.head } {
        Head::BareQuoted => write!(text, "lwm2m=\"{version}\""),
        Head::Bare => write!(text, "lwm2m={version}"),
        Head::LinkQuoted => write!(text, "</>;lwm2m=\"{version}\""),
        Head::Link => write!(text, "</>;lwm2m={version}"),
        Head::LinkAlwaysOld => write!(text, "</>;lwm2m={}", Version::V1_0),
    }
}

fn separate(text: &mut String, form: DiscoverForm) {
    text.push_str(if form.blanks { ", " } else { "," });
}

fn write_object(text: &mut String, form: DiscoverForm, object: ObjectId) -> fmt::Result {
    separate(text, form);
    write!(text, "</{object}>")
}

fn write_instance(
    text: &mut String,
    model: &DataModel,
    object: ObjectId,
    instance: ObjectInstanceId,
    resources: &[Resource],
) -> fmt::Result {
    let form = model.behaviour().discover;
    separate(text, form);
    write!(text, "</{object}/{instance}{}>", if form.trailing_slashes { "/" } else { "" })?;
    let is_own = object == SECURITY && boolean(resources, BOOTSTRAP_SERVER) == Some(true);
    if let Some(ssid) = short_server_id(model, object, instance, resources).filter(|_| !is_own) {
        write!(text, ";ssid={ssid}")?;
    }
    let has_uri = match form.uri {
        UriAttribute::Never => false,
        UriAttribute::Servers => !is_own,
        UriAttribute::All => true,
    };
    // The attribute came with 1.1.
    let has_uri = has_uri && object == SECURITY && model.version() >= Version::V1_1;
    match self::text(resources, 0).filter(|_| has_uri) {
        Some(uri) => write_uri(text, uri),
        None => Ok(()),
    }
}

/// The Short Server ID that an instance belongs to. An OSCORE instance learns its own through the link to it.
fn short_server_id(
    model: &DataModel,
    object: ObjectId,
    instance: ObjectInstanceId,
    resources: &[Resource],
) -> Option<i64> {
    match object {
        SECURITY => number(resources, SECURITY_SHORT_SERVER_ID),
        SERVER => number(resources, SERVER_SHORT_SERVER_ID),
        OSCORE => model.accounts_linking_to(instance).find_map(|linking| number(linking, SECURITY_SHORT_SERVER_ID)),
        _ => None,
    }
}

fn write_uri(text: &mut String, uri: &str) -> fmt::Result {
    text.push_str(";uri=\"");
    for character in uri.chars() {
        if matches!(character, '"' | '\\') {
            text.push('\\');
        }
        text.write_char(character)?;
    }
    text.push('"');
    Ok(())
}
