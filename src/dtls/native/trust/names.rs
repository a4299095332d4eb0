//! Name constraints (RFC 5280, section 4.2.1.10) as far as webpki leaves them out: names in the subject.
//!
//! webpki compares alternative names only, and refuses every name of a kind that it does not compare. A device's name is
//! its CN: where an authority may give names below one domain only, that holds for a CN that is a domain name as well
//! (RFC 6125, section 6.4.4), unless there are domain names among the alternative names.

use spki::ObjectIdentifier;
use x509_cert::ext::pkix::constraints::name::{GeneralSubtree, NameConstraints};
use x509_cert::ext::pkix::name::{DirectoryString, GeneralName};
use x509_cert::name::Name;

use super::certificate::Certificate;

/// id-at-commonName (RFC 5280, appendix A.1).
const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");

/// pkcs-9-at-emailAddress (RFC 5280, section 4.1.2.6).
const EMAIL_ADDRESS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.1");

/// Whether the names in the subjects of a path, leaf first, are among those that its authorities may give.
pub(super) fn are_permitted(path: &[&Certificate]) -> bool {
    path.iter().enumerate().all(|(depth, certificate)| {
        constraints(&path[depth + 1..]).all(|constraints| {
            has_permitted_email(&certificate.subject, constraints)
                && (depth > 0 || has_permitted_common_names(certificate, constraints))
        })
    })
}

/// Whether a path has constraints of a kind that webpki does not compare, so that it refuses what may well be permitted.
pub(super) fn have_unknown_constraints(path: &[&Certificate]) -> bool {
    constraints(path).any(|constraints| {
        let mut all = permitted(constraints).iter().chain(excluded(constraints));
        all.any(|subtree| !matches!(subtree.base, GeneralName::DnsName(_) | GeneralName::IpAddress(_)))
    })
}

fn constraints<'a>(path: &'a [&Certificate]) -> impl Iterator<Item = &'a NameConstraints> {
    path.iter().filter_map(|certificate| certificate.extensions.as_ref()?.name_constraints.as_ref())
}

fn permitted(constraints: &NameConstraints) -> &[GeneralSubtree] {
    constraints.permitted_subtrees.as_deref().unwrap_or_default()
}

fn excluded(constraints: &NameConstraints) -> &[GeneralSubtree] {
    constraints.excluded_subtrees.as_deref().unwrap_or_default()
}

/// Addresses in subjects went out of use long ago: rather than compare them, none is permitted where they are limited.
fn has_permitted_email(subject: &Name, constraints: &NameConstraints) -> bool {
    let mut all = permitted(constraints).iter().chain(excluded(constraints));
    !all.any(|subtree| matches!(subtree.base, GeneralName::Rfc822Name(_)))
        || subject.iter().all(|part| part.oid != EMAIL_ADDRESS)
}

fn has_permitted_common_names(leaf: &Certificate, constraints: &NameConstraints) -> bool {
    let alternative = leaf.extensions.as_ref().and_then(|extensions| extensions.alternative_names.as_ref());
    if alternative.is_some_and(|names| names.0.iter().any(|name| matches!(name, GeneralName::DnsName(_)))) {
        return true;
    }
    leaf.subject.iter().filter(|part| part.oid == COMMON_NAME).all(|part| {
        let Ok(name) = part.value.decode_as::<DirectoryString>() else { return false };
        is_permitted(&name.value(), constraints)
    })
}

/// Whether a CN that is a domain name is permitted; anything else is none of the constraints' business.
fn is_permitted(name: &str, constraints: &NameConstraints) -> bool {
    let name = name.trim_end_matches('\0');
    if name.contains('\0') {
        return false;
    }
    if !is_domain_name(name) {
        return true;
    }
    let mut within = domains(permitted(constraints)).peekable();
    (within.peek().is_none() || within.any(|base| is_below(name, base)))
        && !domains(excluded(constraints)).any(|base| is_below(name, base))
}

fn domains(subtrees: &[GeneralSubtree]) -> impl Iterator<Item = &str> {
    subtrees.iter().filter_map(|subtree| match &subtree.base {
        GeneralName::DnsName(name) => Some(name.as_str()),
        _ => None,
    })
}

/// Two labels and more, each of letters, digits, underscores and, within, hyphens.
fn is_domain_name(name: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, b'-' | b'_'))
    };
    name.contains('.') && name.split('.').all(is_label)
}

/// Whether labels were added on the left of `base`, or none; with a dot at the beginning of `base` at least one.
fn is_below(name: &str, base: &str) -> bool {
    let Some(end) = name.len().checked_sub(base.len()).and_then(|start| name.get(start..)) else { return false };
    let added = &name[..name.len() - base.len()];
    let is_whole = base.is_empty() || base.starts_with('.') || added.is_empty() || added.ends_with('.');
    end.eq_ignore_ascii_case(base) && is_whole
}
