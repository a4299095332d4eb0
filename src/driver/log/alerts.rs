//! What a client may mean that gives up with an alert (RFC 5246, section 7.2.2), and what can be done about it.
//!
//! Makes sentences and remembers nothing.

use super::handshakes::Place;
use crate::driver::listener::Claimed;
use crate::dtls::AlertDescription;

/// Whether the client was shown the certificate or the key of the listener, as far as is known.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shown {
    Yes,
    /// It has claimed nothing that would tell whether it was to have a pre-shared key.
    Perhaps,
    /// The handshake was one with a pre-shared key, or the listener has nothing to show.
    No,
}

/// The client said that it gives up, or somebody in its name: until a handshake is over, nobody can tell.
pub(super) fn gave_up(place: &Place, by: Option<&Claimed>, alert: AlertDescription) -> String {
    let shown = match by {
        _ if !place.has_identity() => Shown::No,
        Some(Claimed::PskIdentity(_)) => Shown::No,
        Some(Claimed::Certificate(_) | Claimed::RawPublicKey(_)) => Shown::Yes,
        None => Shown::Perhaps,
    };
    let meaning = match shown {
        Shown::No => None,
        Shown::Yes => of_what_was_shown(place, alert, ""),
        Shown::Perhaps => of_what_was_shown(place, alert, ", if it was shown one"),
    };
    let meaning = meaning.unwrap_or_else(|| of_the_rest(alert, shown).to_owned());
    format!("the client, or somebody in its name, sent the alert {alert}: {meaning}")
}

/// What an alert says of the certificate or key of the listener; none where it says nothing of that.
fn of_what_was_shown(place: &Place, alert: AlertDescription, if_it_was: &str) -> Option<String> {
    let key = place.shown_key();
    Some(match alert.0 {
        48 => format!(
            "it does not trust the {key} of this listener{if_it_was}: compare `certificate` of the listener with the \
             authority that the device knows"
        ),
        // GnuTLS says access_denied of a server's key that it does not expect.
        42 | 44 | 46 | 49 => format!(
            "it does not accept the {key} of this listener{if_it_was}: compare `certificate` and `key` of the listener, its \
             names and its use, with what the device expects"
        ),
        43 => format!(
            "it cannot do with the {key} of this listener{if_it_was}: see `certificate` and `raw_public_keys` of the \
             listener"
        ),
        45 => format!(
            "to it the {key} of this listener{if_it_was}, or one above it, has expired or is not valid yet: look at its \
             dates and at the clock of the device"
        ),
        51 if if_it_was.is_empty() => {
            "to it a signature of this listener is wrong: compare the key that the device expects with `key` of the listener"
                .to_owned()
        }
        51 => "it and this server use different keys: compare the device's key with its record, or, if it was shown a \
               certificate or key of this listener, what it expects of that with `key` of the listener"
            .to_owned(),
        40 => format!(
            "it takes nothing of what this listener answered: compare the {key} of this listener{if_it_was} with what the \
             device expects"
        ),
        _ => return None,
    })
}

fn of_the_rest(alert: AlertDescription, shown: Shown) -> &'static str {
    match alert.0 {
        42..=46 | 48 | 49 if shown == Shown::No => {
            "it was shown no certificate and no key in this handshake: the client's own log may tell why"
        }
        20 | 21 | 51 => "it and this server use different keys",
        40 => "it takes nothing of what this listener answered",
        70 => "it wants another version of DTLS than 1.2",
        71 => "what this listener chose is too weak for it",
        10 | 47 | 50 => "it does not understand what this listener sent",
        115 => "it has no key for this server",
        0 | 90 => "it gave up",
        _ => "the client's own log may tell why",
    }
}
