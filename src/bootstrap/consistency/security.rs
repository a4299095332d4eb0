//! Written Security Object instances: E2, E9, E10 and E15 (spec sheet `objects.md`, sections 2, 3, 4 and 6).

use super::Finding;
use super::resulting::{BOOTSTRAP_SERVER, Resulting, integer, is_bootstrap_account, text};
use crate::lwm2m::objects::SECURITY;
use crate::lwm2m::{ObjectInstance, ResourceValue, Value};
use crate::provision::rules::Rule;

/// Longest URI in bytes.
const MAX_URI_BYTES: usize = 255;
/// `/0/x/2` of a client that proves nothing.
const NOSEC: i64 = 3;
/// Schemes that stand for (D)TLS (spec sheet `objects.md`, section 6).
const SECURE_SCHEMES: [&str; 5] = ["coaps", "coaps+tcp", "coaps+ws", "https", "mqtts"];
/// Schemes that stand for none.
const PLAIN_SCHEMES: [&str; 7] = ["coap", "coap+tcp", "coap+ws", "http", "mqtt", "lorawan", "tel"];
/// Bytes of the digest that each matching type from 1 makes.
const DIGEST_BYTES: [usize; 3] = [32, 48, 64];

pub(super) fn judge(resulting: &Resulting<'_>, findings: &mut Vec<Finding>) {
    for instance in resulting.written(SECURITY) {
        let place = resulting.place(SECURITY, instance);
        judge_mandatory(&place, instance, findings);
        judge_uri(&place, instance, findings);
        judge_certificate(&place, instance, findings);
    }
}

/// E2.
fn judge_mandatory(place: &str, instance: &ObjectInstance, findings: &mut Vec<Finding>) {
    let mut error = |message: String| findings.push(Finding::error(Rule::E2, message));
    if !matches!(instance.single(BOOTSTRAP_SERVER), Some(Value::Boolean(_))) {
        error(format!("{place}/1 does not say whether it is a bootstrap account: write `false` or `true`"));
    }
    if text(instance, 0).is_none_or(str::is_empty) {
        error(format!("{place}/0 holds no server URI: write it"));
    }
    match integer(instance, 2) {
        Some(0..=4) => {}
        Some(mode) => error(format!("{place}/2 says {mode}, which is no security mode: 0 to 4 are")),
        None => error(format!("{place}/2 holds no security mode: write 0 to 4")),
    }
    if !is_bootstrap_account(instance) && integer(instance, 10).is_none() {
        error(format!("{place}/10 holds no Short Server ID: write that of its Server Object instance"));
    }
}

/// E9 and E10.
fn judge_uri(place: &str, instance: &ObjectInstance, findings: &mut Vec<Finding>) {
    let Some(uri) = text(instance, 0).filter(|uri| !uri.is_empty()) else { return };
    if uri.len() > MAX_URI_BYTES {
        let message = format!("{place}/0 has {} bytes, and a client takes {MAX_URI_BYTES}: shorten the URI", uri.len());
        findings.push(Finding::error(Rule::E10, message));
    }
    let (scheme, rest) = match uri.split_once(':') {
        Some((scheme, rest)) => (scheme, rest.strip_prefix("//").unwrap_or(if scheme == "tel" { rest } else { "" })),
        None => ("", ""),
    };
    if rest.split(['/', ':']).next().is_none_or(|host| host.is_empty()) && !rest.starts_with('[') {
        let message = format!("{place}/0 names no host: write a full URI, such as coaps://eu.example.com:5684");
        findings.push(Finding::error(Rule::E10, message));
        return;
    }
    let is_secure = SECURE_SCHEMES.contains(&scheme);
    if !is_secure && !PLAIN_SCHEMES.contains(&scheme) {
        findings.push(Finding::error(Rule::E10, format!("{place}/0 has a scheme that LwM2M does not know: use coaps")));
        return;
    }
    let Some(mode @ 0..=4) = integer(instance, 2) else { return };
    if is_secure == (mode == NOSEC) {
        let remedy = if is_secure { "use a scheme without `s`, or give it keys" } else { "use a scheme with `s`" };
        let message = format!("{place}: the scheme `{scheme}` does not fit security mode {mode}: {remedy}");
        findings.push(Finding::error(Rule::E9, message));
    }
}

/// E15.
fn judge_certificate(place: &str, instance: &ObjectInstance, findings: &mut Vec<Finding>) {
    let has = |id| instance.resources.iter().any(|resource| resource.id == id);
    let mut judge = |id: u16, name: &str| {
        let number = integer(instance, id);
        if has(id) && !number.is_some_and(|number| (0..=3).contains(&number)) {
            let message = format!("{place}/{id} is no {name}: 0 to 3 are");
            findings.push(Finding::error(Rule::E15, message));
            return None;
        }
        number
    };
    judge(15, "certificate usage");
    let matching = judge(13, "matching type");
    let Some(expected) = matching.and_then(|it| usize::try_from(it - 1).ok()).and_then(|it| DIGEST_BYTES.get(it))
    else {
        return;
    };
    let length = instance.resources.iter().find(|resource| resource.id == 4).map_or(0, |it| match &it.value {
        ResourceValue::Single(Value::Opaque(bytes)) => bytes.len(),
        _ => 0,
    });
    // Without certificate or key of the server there is nothing to match, whatever the matching type says.
    if length != *expected && matches!(integer(instance, 2), Some(1 | 2 | 4)) {
        let message = format!(
            "{place}/4 has {length} bytes, and matching type {} makes a digest of {expected}: give the digest, or \
             matching type 0",
            matching.unwrap_or_default()
        );
        findings.push(Finding::error(Rule::E15, message));
    }
}
