//! Definitions as TOML: the way back, which reads as a fleet file and gives the same definitions.

use serde::Serialize;
use zeroize::Zeroizing;

use crate::provision::{DeviceDefinition, HoldsSecrets, ProfileDefinition, ServerDefinition};

/// A definition to print, with its secrets or without.
#[derive(Clone, Debug, PartialEq)]
pub struct Printed<D> {
    /// The definition.
    pub definition: D,
    /// The fields whose secrets are set and are not in `definition`; a comment says so in their place.
    pub withheld: Vec<String>,
}

impl<D: HoldsSecrets> Printed<D> {
    /// Prints the definition with what secrets it holds.
    pub fn whole(definition: D) -> Printed<D> {
        Printed { definition, withheld: Vec::new() }
    }

    /// Prints the definition without its secrets.
    pub fn without_secrets(mut definition: D) -> Printed<D> {
        let withheld = definition.take_secrets().fields();
        Printed { definition, withheld }
    }
}

/// The definitions as a fleet file, in their order, fields in the order of the reference. What holds all its secrets
/// reads back equal, and the text is as secret as they are.
///
/// # Errors
/// A sentence where a definition cannot be written as TOML, which none that was read from TOML or JSON is.
pub fn print_fleet(
    servers: &[Printed<ServerDefinition>],
    profiles: &[Printed<ProfileDefinition>],
    devices: &[Printed<DeviceDefinition>],
) -> Result<Zeroizing<String>, String> {
    let mut text = Zeroizing::new(String::new());
    for server in servers {
        print_one(&mut text, "server", server)?;
    }
    for profile in profiles {
        print_one(&mut text, "profile", profile)?;
    }
    for device in devices {
        print_one(&mut text, "device", device)?;
    }
    Ok(text)
}

fn print_one<D: Serialize>(text: &mut Zeroizing<String>, kind: &str, printed: &Printed<D>) -> Result<(), String> {
    let table = std::collections::BTreeMap::from([(kind, [&printed.definition])]);
    let body = toml::to_string(&table).map(Zeroizing::new).map_err(|error| error.to_string())?;
    let (header, fields) = body.split_once('\n').unwrap_or((&body, ""));
    if !text.is_empty() {
        text.push('\n');
    }
    text.push_str(header);
    text.push('\n');
    for field in &printed.withheld {
        let remark =
            if field.ends_with("_resources") || field == "writes" { "holds secrets that are" } else { "is set and" };
        text.push_str(&format!("# {field} {remark} not shown\n"));
    }
    text.push_str(fields);
    Ok(())
}
