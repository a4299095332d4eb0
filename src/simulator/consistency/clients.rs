//! What the clients that exist check at Finish: less than LwM2M demands.
//!
//! Spec sheets `clients.md`, section 1, "Finish refused", and `bootstrap.md`, section 16, "Finish check".

use super::super::model::{
    BOOTSTRAP_SERVER, DataModel, SECURITY_SHORT_SERVER_ID, SERVER_SHORT_SERVER_ID, boolean, number, single, text,
};
use super::{check_scheme, missing};
use crate::lwm2m::objects::{DEVICE, SECURITY, SERVER};
use crate::lwm2m::{Resource, Value};

/// Security mode 1.
const RAW_PUBLIC_KEY: i64 = 1;
/// Security mode 2.
const CERTIFICATE: i64 = 2;

/// Mandatory resources, the scheme of the URI, raw public keys, the reserved Short Server ID and a second bootstrap
/// account. That the halves of an account find each other is not looked at.
pub(super) fn check_as_anjay(model: &DataModel) -> Result<(), String> {
    let mut bootstrap_accounts = 0;
    for (instance, resources) in model.instances_of(SECURITY) {
        if is_bootstrap_account(resources) {
            bootstrap_accounts += 1;
            if model.has_factory_account() && instance == model.bootstrap_account() {
                continue;
            }
        }
        let uri = text(resources, 0).ok_or_else(|| missing(SECURITY, instance, 0))?;
        let mode = number(resources, 2).ok_or_else(|| missing(SECURITY, instance, 2))?;
        if !is_bootstrap_account(resources) {
            let ssid = number(resources, SECURITY_SHORT_SERVER_ID);
            check_ssid(ssid.ok_or_else(|| missing(SECURITY, instance, SECURITY_SHORT_SERVER_ID))?)?;
        }
        if mode == RAW_PUBLIC_KEY {
            return Err(format!("/0/{instance}/2 asks for raw public keys, which this client does not know"));
        }
        check_scheme(instance, uri, mode)?;
    }
    if bootstrap_accounts > 1 {
        return Err("there are two bootstrap accounts".to_owned());
    }
    for (instance, resources) in model.instances_of(SERVER) {
        number(resources, SERVER_SHORT_SERVER_ID).map_or(Ok(()), check_ssid)?;
        number(resources, 1).ok_or_else(|| missing(SERVER, instance, 1))?;
        boolean(resources, 6).ok_or_else(|| missing(SERVER, instance, 6))?;
        text(resources, 7).ok_or_else(|| missing(SERVER, instance, 7))?;
    }
    Ok(())
}

/// Short Server ID of Security instances and binding of Server instances.
pub(super) fn check_as_wakaama(model: &DataModel) -> Result<(), String> {
    for (instance, resources) in model.instances_of(SECURITY).filter(|(_, it)| !is_bootstrap_account(it)) {
        let ssid = number(resources, SECURITY_SHORT_SERVER_ID);
        ssid.ok_or_else(|| missing(SECURITY, instance, SECURITY_SHORT_SERVER_ID))?;
    }
    for (instance, resources) in model.instances_of(SERVER) {
        text(resources, 7).ok_or_else(|| missing(SERVER, instance, 7))?;
    }
    Ok(())
}

/// That there are accounts and a Device Object with its supported bindings, and that a certificate has its key.
pub(super) fn check_as_leshan(model: &DataModel) -> Result<(), String> {
    let mut accounts = model.instances_of(SECURITY).filter(|(_, it)| !is_bootstrap_account(it)).peekable();
    if accounts.peek().is_none() || model.instances_of(SERVER).next().is_none() {
        return Err("there is no server account".to_owned());
    }
    for (instance, resources) in accounts.filter(|(_, it)| number(it, 2) == Some(CERTIFICATE)) {
        for resource in [3, 5] {
            let filled = matches!(single(resources, resource), Some(Value::Opaque(bytes)) if !bytes.is_empty());
            filled.then_some(()).ok_or_else(|| missing(SECURITY, instance, resource))?;
        }
    }
    let bindings = model.instances_of(DEVICE).any(|(_, resources)| text(resources, 16).is_some());
    bindings.then_some(()).ok_or_else(|| missing(DEVICE, 0, 16))
}

fn is_bootstrap_account(resources: &[Resource]) -> bool {
    boolean(resources, BOOTSTRAP_SERVER) == Some(true)
}

fn check_ssid(ssid: i64) -> Result<(), String> {
    if ssid == i64::from(u16::MAX) { Err(format!("Short Server ID {ssid} is reserved")) } else { Ok(()) }
}
