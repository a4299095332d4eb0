//! The closed list of consistency rules E1 to E20: what must hold of a configuration before it is written.
//!
//! Spec sheet `objects.md`, section 10. A rule says nothing of where it is judged: definitions are judged when they are
//! saved, a finished plan when the client and what it holds are known. Both name the rule they found broken.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One consistency rule. In text, and so in JSON, it is `E4`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Rule {
    /// At least one server account.
    E1,
    /// Mandatory parts of a Security Object instance.
    E2,
    /// Short Server IDs.
    E3,
    /// Pairs of Security and Server Object instances.
    E4,
    /// One bootstrap account.
    E5,
    /// The instance of the bootstrap account.
    E6,
    /// Credentials that fit the security mode.
    E7,
    /// Length of identity and key.
    E8,
    /// Scheme and security mode.
    E9,
    /// Form of the URI.
    E10,
    /// Values of the Server Object instance.
    E11,
    /// Targets of object links.
    E12,
    /// One account per OSCORE instance.
    E13,
    /// Identifiers of OSCORE.
    E14,
    /// Certificate usage and matching type.
    E15,
    /// Access Control for several servers.
    E16,
    /// Values of Access Control instances.
    E17,
    /// What is never written.
    E18,
    /// What the client or its version does not have.
    E19,
    /// A new bootstrap account that works.
    E20,
}

impl Rule {
    /// Every rule, in the order of the sheet.
    pub const ALL: [Rule; 20] = [
        Rule::E1,
        Rule::E2,
        Rule::E3,
        Rule::E4,
        Rule::E5,
        Rule::E6,
        Rule::E7,
        Rule::E8,
        Rule::E9,
        Rule::E10,
        Rule::E11,
        Rule::E12,
        Rule::E13,
        Rule::E14,
        Rule::E15,
        Rule::E16,
        Rule::E17,
        Rule::E18,
        Rule::E19,
        Rule::E20,
    ];

    /// The name that log, CLI and API use.
    pub fn name(self) -> &'static str {
        match self {
            Rule::E1 => "E1",
            Rule::E2 => "E2",
            Rule::E3 => "E3",
            Rule::E4 => "E4",
            Rule::E5 => "E5",
            Rule::E6 => "E6",
            Rule::E7 => "E7",
            Rule::E8 => "E8",
            Rule::E9 => "E9",
            Rule::E10 => "E10",
            Rule::E11 => "E11",
            Rule::E12 => "E12",
            Rule::E13 => "E13",
            Rule::E14 => "E14",
            Rule::E15 => "E15",
            Rule::E16 => "E16",
            Rule::E17 => "E17",
            Rule::E18 => "E18",
            Rule::E19 => "E19",
            Rule::E20 => "E20",
        }
    }

    /// What the rule asks, in one sentence.
    pub fn sentence(self) -> &'static str {
        match self {
            Rule::E1 => "The client ends up with at least one server account.",
            Rule::E2 => "Each server account has a Short Server ID, a URI, a security mode and no bootstrap flag.",
            Rule::E3 => "Short Server IDs are from 1 to 65534, and no two accounts of a client have the same.",
            Rule::E4 => {
                "Each Security Object instance of a server account pairs with exactly one Server Object instance."
            }
            Rule::E5 => "A client has at most one bootstrap account.",
            Rule::E6 => "Nothing else is written where the client keeps its bootstrap account.",
            Rule::E7 => "The credentials fit the security mode and each other, and can be read.",
            Rule::E8 => "A PSK identity is UTF-8 of 1 to 128 bytes, and its key has 1 to 64 bytes.",
            Rule::E9 => "The scheme of the server URI fits the security mode.",
            Rule::E10 => "The server URI has a host and at most 255 bytes.",
            Rule::E11 => "Lifetime, periods, counts and binding of the Server Object instance have values that exist.",
            Rule::E12 => "What an object link points at is written as well, or is in the client already.",
            Rule::E13 => "An OSCORE instance serves at most one account.",
            Rule::E14 => "Sender and recipient ID of an OSCORE instance differ and have at most 7 bytes.",
            Rule::E15 => {
                "Certificate usage and matching type are from 0 to 3, and a digest has the length of its kind."
            }
            Rule::E16 => "Several servers of a client need Access Control, unless each may do everything.",
            Rule::E17 => "Access Control names objects that exist, and Short Server IDs that the client knows.",
            Rule::E18 => "Executable resources, and what the client itself maintains, are never written.",
            Rule::E19 => "Nothing is written that the client, or its LwM2M version, does not have.",
            Rule::E20 => "A new bootstrap account works before the client is told to use it.",
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::Rule;

    #[test]
    fn the_rules_stand_in_order_and_each_has_its_own_words() {
        for (position, rule) in Rule::ALL.into_iter().enumerate() {
            assert_eq!(rule.name(), format!("E{}", position + 1));
            assert_eq!(serde_json::to_string(&rule).unwrap(), format!("\"{rule}\""));
            assert!(rule.sentence().ends_with('.'));
            let same = Rule::ALL.into_iter().filter(|other| other.sentence() == rule.sentence()).count();
            assert_eq!(same, 1, "{rule}");
        }
    }
}
