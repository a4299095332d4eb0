//! Which accounts there are in the end: E1, E3, E4, E5 and E6 (LwM2M Core 1.2 section 6.1.2).

use std::collections::BTreeMap;

use super::Finding;
use super::resulting::{Resulting, is_bootstrap_account};
use crate::lwm2m::Path;
use crate::lwm2m::objects::{SECURITY, SERVER};
use crate::lwm2m::path::ObjectId;
use crate::provision::rules::Rule;

pub(super) fn judge(resulting: &Resulting<'_>, findings: &mut Vec<Finding>) {
    let securities = short_server_ids(resulting, SECURITY, findings);
    let servers = short_server_ids(resulting, SERVER, findings);
    if securities.is_empty() && resulting.knows_all(SECURITY) {
        let message = "the client would end up without any server account: name one in `servers` of the profile";
        findings.push(Finding::error(Rule::E1, message));
    }
    judge_pairs(resulting, (SECURITY, &securities), (SERVER, &servers), findings);
    judge_pairs(resulting, (SERVER, &servers), (SECURITY, &securities), findings);
    judge_bootstrap_account(resulting, findings);
}

/// The SSIDs of one object, each with the first place that has it; judges them by E3.
fn short_server_ids(resulting: &Resulting<'_>, object: ObjectId, findings: &mut Vec<Finding>) -> BTreeMap<i64, Path> {
    let mut places: BTreeMap<i64, Path> = BTreeMap::new();
    for (place, ssid) in resulting.short_server_ids(object) {
        // An instance without one is judged where the instance is.
        let Some(ssid) = ssid else { continue };
        if !(1..=65_534).contains(&ssid) {
            let message = format!("{place} has Short Server ID {ssid}, and only 1 to 65534 are possible: change it");
            findings.push(Finding::error(Rule::E3, message));
        }
        if let Some(other) = places.get(&ssid) {
            let message = format!(
                "{other} and {place} would both have Short Server ID {ssid}: change one, or let the profile empty \
                 /{object} (`delete`)"
            );
            findings.push(Finding::error(Rule::E3, message));
        } else {
            places.insert(ssid, place);
        }
    }
    places
}

/// E4: each half has its other half. Where the other object may hold more than is known, nothing can be said.
fn judge_pairs(
    resulting: &Resulting<'_>,
    (object, halves): (ObjectId, &BTreeMap<i64, Path>),
    (other, counterparts): (ObjectId, &BTreeMap<i64, Path>),
    findings: &mut Vec<Finding>,
) {
    let is_open =
        !resulting.knows_all(other) || resulting.short_server_ids(other).iter().any(|(_, ssid)| ssid.is_none());
    for (ssid, place) in halves.iter().filter(|(ssid, _)| !is_open && !counterparts.contains_key(ssid)) {
        findings.push(Finding::error(
            Rule::E4,
            format!(
                "{place} has Short Server ID {ssid}, and no instance of object {other} would: let the profile empty \
                 /{object} as well (`delete`), or write both halves"
            ),
        ));
    }
}

/// E5 and E6: one bootstrap account, where it was, and nothing else there.
fn judge_bootstrap_account(resulting: &Resulting<'_>, findings: &mut Vec<Finding>) {
    let mut flagged = 0;
    for instance in resulting.written(SECURITY) {
        let place = resulting.place(SECURITY, instance);
        let is_own = resulting.own.contains(&instance.id);
        if is_bootstrap_account(instance) {
            flagged += 1;
            if flagged > 1 || !is_own {
                let message = format!(
                    "{place} would be a second bootstrap account: a client has one, and a new one goes where it keeps \
                     the old one"
                );
                findings.push(Finding::error(Rule::E5, message));
            }
        } else if is_own {
            let message = format!("{place} would overwrite the client's bootstrap account: use another instance id");
            findings.push(Finding::error(Rule::E6, message));
        }
    }
}
