//! The operator's forms: PEM text, or DER as `base64:...` or `hex:...`.
//!
//! PEM (RFC 7468) is read laxly, because it comes out of TOML and JSON strings: indented lines, any line length and text
//! around the blocks are fine. Every copy of the bytes is wiped, since nobody knows yet whether they are secret.

use data_encoding::{BASE64, BASE64_NOPAD, HEXLOWER_PERMISSIVE};
use zeroize::Zeroizing;

use super::MaterialError;

/// What a text holds, not yet parsed as DER.
pub(super) enum Form {
    /// The blocks of a PEM text in their order, at least one.
    Pem(Vec<Block>),
    /// The bytes behind `base64:` or `hex:`.
    Der(Zeroizing<Vec<u8>>),
}

/// One PEM block.
pub(super) struct Block {
    pub(super) label: Label,
    pub(super) der: Zeroizing<Vec<u8>>,
}

/// What the BEGIN line of a PEM block announces.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Label {
    Certificate,
    PublicKey,
    PrivateKey,
    EcParameters,
    Other,
}

impl Label {
    /// What the block holds, as an error names it.
    pub(super) fn content(self) -> &'static str {
        match self {
            Label::Certificate => "a certificate",
            Label::PublicKey => "a public key",
            Label::PrivateKey => "a private key",
            Label::EcParameters => "the parameters of a curve",
            Label::Other => "PEM of another kind",
        }
    }
}

/// Takes the operator's form apart.
pub(super) fn read(text: &str) -> Result<Form, MaterialError> {
    if let Some(digits) = text.strip_prefix("hex:") {
        let der = HEXLOWER_PERMISSIVE.decode(compact(digits).as_bytes()).map_err(|_| MaterialError::NotHex)?;
        Ok(Form::Der(Zeroizing::new(der)))
    } else if let Some(digits) = text.strip_prefix("base64:") {
        Ok(Form::Der(base64(digits).ok_or(MaterialError::NotBase64)?))
    } else {
        let blocks = blocks(text)?;
        if blocks.is_empty() { Err(MaterialError::NoForm) } else { Ok(Form::Pem(blocks)) }
    }
}

fn blocks(text: &str) -> Result<Vec<Block>, MaterialError> {
    let mut blocks = Vec::new();
    let mut rest = text;
    while let Some((_, from_label)) = rest.split_once("-----BEGIN ") {
        let (name, body) = from_label.split_once("-----").ok_or(MaterialError::PemCutOff)?;
        let (body, from_end) = body.split_once("-----END ").ok_or(MaterialError::PemCutOff)?;
        rest =
            from_end.strip_prefix(name).and_then(|rest| rest.strip_prefix("-----")).ok_or(MaterialError::PemCutOff)?;
        if name == "ENCRYPTED PRIVATE KEY" || (body.contains("Proc-Type:") && body.contains("ENCRYPTED")) {
            return Err(MaterialError::Encrypted);
        }
        let label = match name {
            "CERTIFICATE" | "X509 CERTIFICATE" => Label::Certificate,
            "PUBLIC KEY" => Label::PublicKey,
            "PRIVATE KEY" | "EC PRIVATE KEY" | "RSA PRIVATE KEY" => Label::PrivateKey,
            "EC PARAMETERS" => Label::EcParameters,
            _ => Label::Other,
        };
        blocks.push(Block { label, der: base64(body).ok_or(MaterialError::PemNotBase64)? });
    }
    Ok(blocks)
}

fn base64(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let digits = compact(text);
    let encoding = if digits.contains('=') { BASE64 } else { BASE64_NOPAD };
    encoding.decode(digits.as_bytes()).ok().map(Zeroizing::new)
}

/// The text without its white space, in one allocation so that no part of it stays behind.
fn compact(text: &str) -> Zeroizing<String> {
    let mut digits = Zeroizing::new(String::with_capacity(text.len()));
    digits.extend(text.chars().filter(|character| !character.is_whitespace()));
    digits
}
