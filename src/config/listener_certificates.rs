//! `certificate`, `key`, `trust_anchors`, `raw_public_keys` and `endpoint_name` of `[[listen]]`: what the server proves
//! itself by to clients that have no pre-shared key, and whom of them it believes.
//!
//! Spec sheet `transport.md`, sections 4.4 and 4.5. The files are read with the config, at start and at every reload, so
//! that a renewed certificate takes no restart. What the key file holds never gets into a message.

use std::path::Path;

use super::key_file::{MaterialFile, read_material_file};
use super::listener::ListenerSecurity;
use super::listener_dtls::DtlsEngine;
use crate::provision::Problem;
use crate::provision::material::{
    Certificate, CertificateName, KeyKind, PrivateKey, check_key_kind, check_pair, check_validity,
};
use crate::secret::Secret;

/// What either DTLS engine asks of an authority's key.
const RSA_BITS_MIN: usize = 2048;
const CURVE_BITS_MIN: usize = 224;

/// What a listener needs in order to serve clients without a pre-shared key.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ListenerCertificates {
    /// The server's certificate and those that lead to its root, which is left out; DER, its own first. Empty where
    /// clients are served raw public keys alone.
    pub chain: Vec<Vec<u8>>,
    /// The key of the first certificate, PKCS #8; none where only pre-shared keys are served.
    pub private_key: Option<Secret>,
    /// Certificates that clients' chains may lead to, in DER.
    pub trust_anchors: Vec<Vec<u8>>,
    /// Whether clients may use raw public keys (RFC 7250).
    pub raw_public_keys: bool,
    /// Which name of a verified certificate is the endpoint name, or one that is mapped to it.
    pub endpoint_name: CertificateName,
    /// The server's certificate as it was read, for whoever asks about its subject and dates.
    pub certificate: Option<Certificate>,
}

/// The keys of `[[listen]]` that this is about.
pub(super) struct Fields<'d> {
    pub(super) security: ListenerSecurity,
    pub(super) certificate: Option<&'d str>,
    pub(super) key: Option<&'d str>,
    pub(super) trust_anchors: Option<&'d [String]>,
    pub(super) raw_public_keys: bool,
    pub(super) endpoint_name: Option<CertificateName>,
    pub(super) engine: DtlsEngine,
}

/// Reads the files, relative to `base_dir`, and names what is wrong with them; `now` is in seconds since 1970.
pub(super) fn load(
    fields: &Fields<'_>,
    base_dir: &Path,
    now: Option<u64>,
    problems: &mut Vec<Problem>,
) -> ListenerCertificates {
    let before = problems.len();
    check_combination(fields, problems);
    if problems[before..].iter().any(Problem::is_error) {
        return ListenerCertificates::default();
    }
    let read_chain = |path| read_chain(path, base_dir, fields.engine, now, problems);
    let certificates = fields.certificate.map(read_chain).unwrap_or_default();
    let key = fields.key.and_then(|path| read_key(path, base_dir, problems));
    if let Some(key) = &key {
        problems.extend(check_key(fields, key, certificates.first()));
    }
    let anchors = fields.trust_anchors.unwrap_or_default().iter().enumerate();
    let trust_anchors = anchors.flat_map(|(at, path)| read_anchors(at, path, base_dir, now, problems)).collect();
    ListenerCertificates {
        chain: certificates.iter().map(|certificate| certificate.der().to_vec()).collect(),
        private_key: key.map(|key| key.pkcs8().clone()),
        trust_anchors,
        raw_public_keys: fields.raw_public_keys,
        endpoint_name: fields.endpoint_name.unwrap_or_default(),
        certificate: certificates.into_iter().next(),
    }
}

/// What goes together.
fn check_combination(fields: &Fields<'_>, problems: &mut Vec<Problem>) {
    let given = [
        ("certificate", fields.certificate.is_some()),
        ("key", fields.key.is_some()),
        ("trust_anchors", fields.trust_anchors.is_some()),
        ("raw_public_keys", fields.raw_public_keys),
        ("endpoint_name", fields.endpoint_name.is_some()),
    ];
    if fields.security == ListenerSecurity::NoSec {
        for (field, _) in given.into_iter().filter(|(_, is_given)| *is_given) {
            let message = format!("`{field}` belongs to listeners with `security = \"dtls\"`: remove it");
            problems.push(Problem::error(field, message).following_from(&["security"]));
        }
        return;
    }
    let mut add = |field, follows: &'static [&'static str], message: &str| {
        problems.push(Problem::error(field, message).following_from(follows));
    };
    if fields.certificate.is_some() && fields.key.is_none() {
        add("key", &["certificate"], "`key` is missing: name the file with the private key of `certificate`");
    }
    if fields.key.is_some() && fields.certificate.is_none() && !fields.raw_public_keys {
        let message = "`certificate` is missing: name the file with the certificate of `key`, or set \
                       `raw_public_keys = true`";
        add("certificate", &["key", "raw_public_keys"], message);
    }
    if fields.raw_public_keys && fields.key.is_none() && fields.certificate.is_none() {
        add("key", &["raw_public_keys"], "`key` is missing: name the file with the private key of this server");
    }
    match fields.trust_anchors {
        Some([]) => {
            add("trust_anchors", &[], "`trust_anchors` is empty: name files with certificates, or leave it out")
        }
        Some(_) if fields.certificate.is_none() => {
            let message = "`certificate` is missing: whoever proves itself by a certificate wants to see that of the \
                           server, so name its file, and that of its `key`";
            add("certificate", &["trust_anchors"], message);
        }
        None if fields.endpoint_name.is_some() => {
            let message = "`endpoint_name` says which name of a verified certificate counts, and without \
                           `trust_anchors` none is verified: add them, or remove it";
            add("endpoint_name", &["trust_anchors"], message);
        }
        _ => {}
    }
}

/// The server's chain without its root; empty where it cannot be used.
fn read_chain(
    path: &str,
    base_dir: &Path,
    engine: DtlsEngine,
    now: Option<u64>,
    problems: &mut Vec<Problem>,
) -> Vec<Certificate> {
    const FIELD: &str = "certificate";
    let Some(mut chain) = read_certificates(FIELD, None, path, base_dir, problems) else { return Vec::new() };
    if chain.len() > 1 && chain.last().is_some_and(Certificate::is_self_issued) {
        chain.pop();
        let message = format!("in {path}: the last certificate is the root, which clients have: it is left out");
        problems.push(Problem::warning(FIELD, message));
    }
    if let Some(at) = (1..chain.len()).find(|at| !chain[at - 1].names_as_issuer(&chain[*at])) {
        let message = format!(
            "in {path}: certificate {} does not name certificate {} as its issuer: put the server's own first, and each \
             issuer behind what it has signed",
            at,
            at + 1
        );
        problems.push(Problem::error(FIELD, message));
    }
    if let Some(own) = chain.first() {
        problems.extend(check_server_key(own.kind(), path, engine));
        problems.extend(now.and_then(|now| out_of_time(FIELD, own, path, now)));
    }
    chain
}

/// ECDHE_ECDSA takes a key on a curve, and LwM2M P-256 (spec sheet `transport.md`, section 4.1).
fn check_server_key(kind: KeyKind, path: &str, engine: DtlsEngine) -> Option<Problem> {
    const FIELD: &str = "certificate";
    let in_file = |problem: Problem| Problem { message: format!("in {path}: {}", problem.message), ..problem };
    match kind {
        KeyKind::P384 if engine == DtlsEngine::Native => {
            Some(in_file(Problem::error(FIELD, not_for_native(kind)).following_from(&["engine"])))
        }
        KeyKind::P256 | KeyKind::P384 => check_key_kind(FIELD, kind).map(in_file),
        kind => {
            let message =
                format!("the key is {kind}, and LwM2M clients take EC P-256: have one of that kind certified");
            Some(in_file(Problem::error(FIELD, message)))
        }
    }
}

/// Whether the key is the certificate's, and one that the engine takes. Of a key that is not the certificate's nothing
/// more is said: it has to be another one.
fn check_key(fields: &Fields<'_>, key: &PrivateKey, certificate: Option<&Certificate>) -> Vec<Problem> {
    const FIELD: &str = "key";
    let path = fields.key.unwrap_or_default();
    let mut problems = Vec::new();
    for problem in certificate.map(|certificate| check_pair(FIELD, key, certificate)).unwrap_or_default() {
        let remedy = match fields.certificate.filter(|_| problem.is_error()) {
            Some(partner) => {
                format!("; name the key of {partner} here, or the certificate of this key as `certificate`")
            }
            None => String::new(),
        };
        let message = format!("in {path}: {}{remedy}", problem.message);
        problems.push(Problem { message, ..problem });
    }
    if key.kind() == Some(KeyKind::P384)
        && fields.engine == DtlsEngine::Native
        && !problems.iter().any(Problem::is_error)
    {
        let message = format!("in {path}: {}", not_for_native(KeyKind::P384));
        problems.push(Problem::error(FIELD, message).following_from(&["engine"]));
    }
    problems
}

/// The native engine knows one curve.
fn not_for_native(kind: KeyKind) -> String {
    let other = if cfg!(feature = "openssl") { ", or write `engine = \"openssl\"`" } else { "" };
    format!("the key is {kind}, and the native DTLS engine takes EC P-256 alone: make one of that kind{other}")
}

/// A certificate that has expired refuses no file: a daemon that does not start again for it would leave the clients with
/// pre-shared keys alone as well.
fn expiry(field: &'static str, certificate: &Certificate, path: &str, now: u64) -> Option<Problem> {
    let found = check_validity(field, certificate, now)?;
    Some(Problem::warning(field, format!("in {path}: {}", found.message)))
}

/// The same for the server's own, which a reload looks at more closely than a start.
fn out_of_time(field: &'static str, own: &Certificate, path: &str, now: u64) -> Option<Problem> {
    let mut problem = expiry(field, own, path, now)?;
    if now > own.not_after() || now < own.not_before() {
        problem.message += "; a start serves it all the same, a reload that brings it is refused";
    }
    Some(problem)
}

fn read_key(path: &str, base_dir: &Path, problems: &mut Vec<Problem>) -> Option<PrivateKey> {
    const FIELD: &str = "key";
    let MaterialFile { text, is_world_readable } = match read_material_file(path, FIELD, base_dir) {
        Ok(file) => file,
        Err(message) => {
            problems.push(Problem::error(FIELD, message));
            return None;
        }
    };
    if is_world_readable {
        problems.push(Problem::warning(FIELD, "everyone can read this key file: `chmod o-r` it"));
    }
    match PrivateKey::parse(&text) {
        Ok(key) if key.kind().is_none_or(|kind| matches!(kind, KeyKind::P256 | KeyKind::P384)) => Some(key),
        Ok(key) => {
            let kind = key.kind().map(|kind| kind.to_string()).unwrap_or_default();
            let message =
                format!("in {path}: the key is {kind}, and LwM2M clients take EC P-256: make one of that kind");
            problems.push(Problem::error(FIELD, message));
            None
        }
        Err(error) => {
            problems.push(Problem::error(FIELD, format!("in {path}: {error}")));
            None
        }
    }
}

fn read_anchors(at: usize, path: &str, base_dir: &Path, now: Option<u64>, problems: &mut Vec<Problem>) -> Vec<Vec<u8>> {
    const FIELD: &str = "trust_anchors";
    let certificates = read_certificates(FIELD, Some(at), path, base_dir, problems).unwrap_or_default();
    for anchor in &certificates {
        if !anchor.is_certificate_authority() {
            let name = anchor.subject_common_name().unwrap_or("without a CN").escape_debug();
            let message = format!(
                "in {path}: the certificate `{name}` is none of an authority, and vouches for nobody but itself: to let \
                 one client in, store it as `certificate` of its device"
            );
            problems.push(Problem::warning(FIELD, message).of_element(at));
        }
        problems.extend(check_strength(anchor, path).map(|message| Problem::warning(FIELD, message).of_element(at)));
        let expired = now.and_then(|now| expiry(FIELD, anchor, path, now));
        problems.extend(expired.map(|problem| problem.of_element(at)));
    }
    certificates.into_iter().map(|anchor| anchor.der().to_vec()).collect()
}

/// Says so of an authority whose key is too weak for both engines: whatever it has signed is refused (spec sheet
/// `transport.md`, section 4.5; OpenSSL's security level 2).
fn check_strength(anchor: &Certificate, path: &str) -> Option<String> {
    let is_weak = match anchor.kind() {
        KeyKind::Rsa { bits } => bits < RSA_BITS_MIN,
        kind => kind.curve_bits().is_some_and(|bits| bits < CURVE_BITS_MIN),
    };
    is_weak.then(|| {
        let name = anchor.subject_common_name().unwrap_or("without a CN").escape_debug();
        let kind = anchor.kind();
        format!(
            "in {path}: the key of the authority `{name}` is {kind}, which is too weak: every client whose certificate leads \
             to it is refused; have an authority with EC P-256, or RSA from {RSA_BITS_MIN} bits on"
        )
    })
}

fn read_certificates(
    field: &'static str,
    element: Option<usize>,
    path: &str,
    base_dir: &Path,
    problems: &mut Vec<Problem>,
) -> Option<Vec<Certificate>> {
    let read = read_material_file(path, field, base_dir)
        .and_then(|file| Certificate::parse_all(&file.text).map_err(|error| format!("in {path}: {error}")));
    read.map_err(|message| {
        let problem = Problem::error(field, message);
        problems.push(element.map_or_else(|| problem.clone(), |element| problem.clone().of_element(element)));
    })
    .ok()
}
