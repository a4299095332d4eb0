//! SMS beside the account's own transport. Spec sheet `objects.md`, sections 2 (resources 6 to 9) and 7.

use super::binding;
use crate::provision::definition::{AccountType, ServerDefinition, SmsSecurity};
use crate::provision::key_text::KeyText;
use crate::provision::problem::Problem;

/// Most digits of an MSISDN (ITU-T E.164).
const MAX_NUMBER_DIGITS: usize = 15;

/// KIc, KID, SPI and TAR, in bytes.
const KEY_PARAMETERS_BYTES: usize = 6;

/// One, two or three keys, in bytes.
const SECRET_KEYS_BYTES: [usize; 3] = [16, 32, 48];

pub(super) fn check(server: &ServerDefinition, problems: &mut Vec<Problem>) {
    if server.sms == Some(true) {
        check_reachability(server, problems);
        check_security(server, problems);
    } else {
        for (field, is_given) in given(server) {
            if is_given {
                let message = format!("`{field}` is of use only where the server is reached by SMS: set `sms = true`");
                problems.push(Problem::error(field, message).following_from(&["sms"]));
            }
        }
        if server.trigger == Some(true) && server.account_type == AccountType::Management {
            let message = "the trigger reaches the client by SMS, of which the account says nothing: set `sms = true`";
            problems.push(Problem::warning("trigger", message).following_from(&["sms"]));
        }
    }
    check_values(server, problems);
}

fn given(server: &ServerDefinition) -> [(&'static str, bool); 4] {
    [
        ("sms_number", server.sms_number.is_some()),
        ("sms_security", server.sms_security.is_some()),
        ("sms_binding_key_parameters", server.sms_binding_key_parameters.is_some()),
        ("sms_binding_secret_keys", server.sms_binding_secret_keys.is_some()),
    ]
}

fn check_reachability(server: &ServerDefinition, problems: &mut Vec<Problem>) {
    if server.account_type == AccountType::Management && !binding::effective(server).contains('S') {
        let message = "SMS needs a binding with `S`: set `binding` to US, UQS, S or SQ (LwM2M 1.0), or add `S` to it";
        problems.push(Problem::error("sms", message).following_from(&["binding", "type"]));
    }
    if server.sms_number.is_none() {
        let message = "the client is not told to which number it sends: give `sms_number`";
        problems.push(Problem::warning("sms_number", message));
    }
}

/// The Secured Packet Structure needs its keys, and nothing else takes them.
fn check_security(server: &ServerDefinition, problems: &mut Vec<Problem>) {
    for (field, is_given) in given(server).into_iter().skip(2) {
        let message = match (server.sms_security, is_given) {
            (Some(SmsSecurity::SecuredPacket), false) => {
                format!("`sms_security` is secured-packet, and `{field}` is missing: give it as `hex:...`")
            }
            (None, true) => format!("nothing says what `{field}` is for: set `sms_security = \"secured-packet\"`"),
            (Some(SmsSecurity::NoSec), true) => {
                format!("`sms_security` is nosec, which uses no `{field}`: remove it")
            }
            _ => continue,
        };
        problems.push(Problem::error(field, message).following_from(&["sms_security"]));
    }
    if server.sms_security == Some(SmsSecurity::NoSec) {
        let message = "clients will take SMS from anybody who knows their number";
        problems.push(Problem::warning("sms_security", message));
    }
}

/// What is wrong with a value, be it of use or not.
fn check_values(server: &ServerDefinition, problems: &mut Vec<Problem>) {
    if let Some(number) = &server.sms_number {
        let digits = number.bytes().all(|byte| byte.is_ascii_digit());
        if !digits || !(1..=MAX_NUMBER_DIGITS).contains(&number.len()) {
            let message = "`sms_number` is the whole international number in 1 to 15 digits, without `+` and blanks";
            problems.push(Problem::error("sms_number", message));
        }
    }
    if let Some(parameters) = &server.sms_binding_key_parameters {
        let length = KeyText::parse(parameters).ok().map(|bytes| bytes.key().len());
        if length != Some(KEY_PARAMETERS_BYTES) {
            let message = "`sms_binding_key_parameters` are 6 bytes (KIc, KID, SPI and TAR): write `hex:` or `base64:` \
                           and the bytes";
            problems.push(Problem::error("sms_binding_key_parameters", message));
        }
    }
    if let Some(keys) = &server.sms_binding_secret_keys
        && !SECRET_KEYS_BYTES.contains(&keys.key().len())
    {
        let message = format!("`sms_binding_secret_keys` are 16, 32 or 48 bytes, and these are {}", keys.key().len());
        problems.push(Problem::error("sms_binding_secret_keys", format!("{message}: write all of them")));
    }
}
