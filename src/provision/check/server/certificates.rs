//! Certificates, raw keys and what names the server in them.
//!
//! Spec sheet `objects.md`, sections 3, 4, 6 and 10 (E7, E15, and the warnings). What is wrong with material that can be
//! read is judged by [`material`](crate::provision::material).

use crate::provision::definition::{CertificateUsage, MatchingType, SecurityMode, ServerDefinition};
use crate::provision::material::{
    Certificate, MaterialError, PrivateKey, PublicKey, ServerCertificate, check_certificate, check_key_pair,
    check_matching_type, check_pair, check_public_key, check_server_certificate,
};
use crate::provision::problem::Problem;
use crate::provision::rules::Rule;

/// What the dates of an account's certificates say at `now`, in seconds since 1970: expired, soon to expire, not valid
/// yet.
pub fn check_certificate_dates(server: &ServerDefinition, now: u64) -> Vec<Problem> {
    let (uses_client, uses_server) = match server.security {
        SecurityMode::Certificate => (true, true),
        SecurityMode::Est => (false, true),
        _ => (false, false),
    };
    let client = server.client_certificate.as_ref().filter(|_| uses_client);
    let client = client.and_then(|text| Certificate::parse(text).ok());
    let authority = server.server_certificate.as_ref().filter(|_| uses_server);
    let authority = authority.and_then(|text| ServerCertificate::parse(text).ok());
    let mut problems = Vec::new();
    for (field, certificate) in [
        ("client_certificate", client.as_ref()),
        ("server_certificate", authority.as_ref().and_then(ServerCertificate::certificate)),
    ] {
        let Some(certificate) = certificate else { continue };
        let without_dates = check_certificate(field, certificate, None);
        let all = check_certificate(field, certificate, Some(now)).into_iter();
        problems.extend(all.filter(|problem| !without_dates.contains(problem)).map(|it| it.of_rule(Rule::E7)));
    }
    problems
}

pub(super) fn check(server: &ServerDefinition, problems: &mut Vec<Problem>) {
    match server.security {
        SecurityMode::NoSec => return,
        SecurityMode::Psk => {}
        SecurityMode::Rpk => check_raw_public_keys(server, problems),
        SecurityMode::Certificate => {
            check_client_certificate(server, problems);
            check_server_certificate_of(server, problems);
        }
        SecurityMode::Est => check_server_certificate_of(server, problems),
    }
    check_server_name(server, problems);
}

/// What a text holds; what cannot be read is a problem of the field.
fn read<T>(
    field: &'static str,
    text: Option<&str>,
    parse: impl Fn(&str) -> Result<T, MaterialError>,
    problems: &mut Vec<Problem>,
) -> Option<T> {
    match parse(text?) {
        Ok(material) => Some(material),
        Err(error) => {
            let problem = Problem::error(field, format!("`{field}` cannot be used: {error}"));
            problems.push(problem.following_from(&["security"]).of_rule(Rule::E7));
            None
        }
    }
}

/// The client's private key, with which more than one client may be given the same.
fn read_private_key(server: &ServerDefinition, problems: &mut Vec<Problem>) -> Option<PrivateKey> {
    let text = server.private_key.as_ref().map(|text| text.expose());
    let key = read("private_key", text, PrivateKey::parse, problems)?;
    let message = "every client that gets this account has the same private key, so that one of them can pass for all: \
                   make an account for each, or use `security = \"psk\"` with a key that is drawn for each";
    problems.push(Problem::warning("private_key", message));
    Some(key)
}

fn check_raw_public_keys(server: &ServerDefinition, problems: &mut Vec<Problem>) {
    let of_material = |found: Vec<Problem>| found.into_iter().map(|problem| problem.of_rule(Rule::E7));
    let public = read("server_public_key", server.server_public_key.as_deref(), PublicKey::parse, problems);
    if let Some(public) = &public {
        problems.extend(of_material(check_public_key("server_public_key", public)));
    }
    let client = read("client_public_key", server.client_public_key.as_deref(), PublicKey::parse, problems);
    let key = read_private_key(server, problems);
    match (&client, &key) {
        (Some(client), Some(key)) => {
            problems.extend(of_material(check_public_key("client_public_key", client)));
            problems.extend(of_material(check_key_pair("private_key", key, client)));
        }
        (None, Some(key)) if server.client_public_key.is_none() && key.public_key_der().is_none() => {
            let message = "`client_public_key` is missing and cannot be computed from this private key: give it, or \
                           use a key of EC P-256";
            problems.push(Problem::error("client_public_key", message).of_rule(Rule::E7));
        }
        _ => {}
    }
    problems.extend(check_matching(server));
}

fn check_client_certificate(server: &ServerDefinition, problems: &mut Vec<Problem>) {
    let text = server.client_certificate.as_deref();
    let certificate = read("client_certificate", text, Certificate::parse, problems);
    let key = read_private_key(server, problems);
    let Some(certificate) = certificate else { return };
    let mut found = check_certificate("client_certificate", &certificate, None);
    if let Some(key) = &key {
        found.extend(check_pair("private_key", key, &certificate));
    }
    problems.extend(found.into_iter().map(|problem| problem.of_rule(Rule::E7)));
}

fn check_server_certificate_of(server: &ServerDefinition, problems: &mut Vec<Problem>) {
    const FIELD: &str = "server_certificate";
    problems.extend(check_matching(server));
    if let Some(CertificateUsage::CaConstraint | CertificateUsage::ServiceCertificateConstraint) =
        server.certificate_usage
    {
        let message = "with this usage clients trust only what their own trust store vouches for too, which no \
                       bootstrap writes: be sure that they have one";
        problems.push(Problem::warning("certificate_usage", message).of_rule(Rule::E15));
    }
    let Some(given) = read(FIELD, server.server_certificate.as_deref(), ServerCertificate::parse, problems) else {
        return;
    };
    let usage = server.certificate_usage.map_or(3, CertificateUsage::number);
    let matching_type = server.matching_type.map_or(0, MatchingType::number);
    let found = check_server_certificate(FIELD, usage, matching_type, &given);
    problems.extend(
        found.into_iter().map(|it| it.following_from(&["certificate_usage", "matching_type"]).of_rule(Rule::E15)),
    );
    if let Some(certificate) = given.certificate() {
        let found = check_certificate(FIELD, certificate, None).into_iter();
        problems.extend(found.map(|problem| problem.of_rule(Rule::E7)));
    }
}

fn check_matching(server: &ServerDefinition) -> impl Iterator<Item = Problem> {
    let found = server.matching_type.map(|matching_type| check_matching_type("matching_type", matching_type.number()));
    found.unwrap_or_default().into_iter().map(|problem| problem.of_rule(Rule::E15))
}

/// By which name the server proves itself: that of the URI, or `sni`.
fn check_server_name(server: &ServerDefinition, problems: &mut Vec<Problem>) {
    match &server.sni {
        Some(sni) if !is_domain_name(sni) => {
            let message = "`sni` is a domain name, such as `lwm2m.example.com`: letters, digits, `-` and dots, and \
                           no address";
            problems.push(Problem::error("sni", message));
        }
        None if matches!(server.security, SecurityMode::Certificate | SecurityMode::Est)
            && server.uri.as_deref().is_some_and(has_address) =>
        {
            let message = "the URI names an address, so that clients have no name to look for in the server's \
                           certificate: set `sni`";
            problems.push(Problem::warning("sni", message).following_from(&["uri"]));
        }
        _ => {}
    }
}

fn is_domain_name(name: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    name.len() <= 253 && name.split('.').all(is_label) && name.parse::<std::net::Ipv4Addr>().is_err()
}

/// Whether the host of a URI is an IPv4 or IPv6 address.
fn has_address(uri: &str) -> bool {
    let authority = uri.split_once("://").map_or(uri, |(_, rest)| rest);
    let authority = authority.split('/').next().unwrap_or_default();
    authority.starts_with('[')
        || authority.split(':').next().is_some_and(|host| host.parse::<std::net::Ipv4Addr>().is_ok())
}
