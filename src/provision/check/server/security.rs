//! Which fields a security mode needs, may have, and does not use. Spec sheet `objects.md`, sections 3 and 10 (E7).

use crate::provision::definition::{SecurityMode, ServerDefinition};
use crate::provision::problem::Problem;
use crate::provision::rules::Rule;

use SecurityMode::{Certificate, Est, NoSec, Psk, Rpk};

/// A field, and what the modes make of it.
struct Field {
    name: &'static str,
    is_given: bool,
    /// The modes that cannot do without it, with what to write.
    needed_by: &'static [SecurityMode],
    remedy: &'static str,
    /// The modes that can.
    taken_by: &'static [SecurityMode],
}

pub(super) fn check(server: &ServerDefinition, problems: &mut Vec<Problem>) {
    let mode = server.security;
    for Field { name, is_given, needed_by, remedy, taken_by } in fields(server) {
        if is_given && !needed_by.contains(&mode) && !taken_by.contains(&mode) {
            let users: Vec<String> =
                needed_by.iter().chain(taken_by).map(|mode| format!("`security = \"{}\"`", word(*mode))).collect();
            let message = format!(
                "`security` is {}, which uses no `{name}`: remove it, or set {}",
                word(mode),
                users.join(" or ")
            );
            problems.push(Problem::error(name, message).following_from(&["security"]).of_rule(Rule::E7));
        } else if !is_given && needed_by.contains(&mode) {
            let message = match name {
                "psk" => format!("the key is missing: {remedy}"),
                _ => format!("`security` is {}, and `{name}` is missing: {remedy}", word(mode)),
            };
            problems.push(Problem::error(name, message).following_from(&["security"]).of_rule(Rule::E7));
        }
    }
    if mode == NoSec {
        let message = match server.security_resources.ids().any(|id| id == 17) {
            true => return, // OSCORE protects what DTLS does not
            false => "clients will talk to this server without any protection",
        };
        problems.push(Problem::warning("security", message));
    }
}

/// The word in TOML and JSON.
fn word(mode: SecurityMode) -> &'static str {
    match mode {
        NoSec => "nosec",
        Psk => "psk",
        Rpk => "rpk",
        Certificate => "certificate",
        Est => "est",
    }
}

fn fields(server: &ServerDefinition) -> [Field; 10] {
    let optional = |name, is_given, taken_by| Field { name, is_given, needed_by: &[], remedy: "", taken_by };
    let needed = |name, is_given, needed_by, remedy| Field { name, is_given, needed_by, remedy, taken_by: &[] };
    [
        optional("psk_identity", server.psk_identity.is_some(), &[Psk]),
        needed(
            "psk",
            server.psk.is_some(),
            &[Psk],
            "give `psk`, such as `psk = \"${string.secureRandom(32)}\"`, or set `security = \"nosec\"` if the server is \
             to go unprotected",
        ),
        needed(
            "server_public_key",
            server.server_public_key.is_some(),
            &[Rpk],
            "give the server's public key, PEM or `base64:...`",
        ),
        optional("client_public_key", server.client_public_key.is_some(), &[Rpk]),
        needed(
            "server_certificate",
            server.server_certificate.is_some(),
            &[Certificate, Est],
            "give the server's certificate or its authority's, PEM or `base64:...`",
        ),
        needed(
            "client_certificate",
            server.client_certificate.is_some(),
            &[Certificate],
            "give the client's certificate, PEM or `base64:...`",
        ),
        needed(
            "private_key",
            server.private_key.is_some(),
            &[Rpk, Certificate],
            "give the client's private key, PEM or `base64:...`",
        ),
        optional("certificate_usage", server.certificate_usage.is_some(), &[Certificate, Est]),
        optional("matching_type", server.matching_type.is_some(), &[Rpk, Certificate, Est]),
        optional("sni", server.sni.is_some(), &[Psk, Rpk, Certificate, Est]),
    ]
}
