//! Runs cases on both engines and holds what differs against a table.

use bootstrapd::dtls::EngineKind;

use crate::case::Case;
use crate::client::{Outcome, run};
use crate::world::World;

/// A difference that is right. Each of the first three is a pattern in which `*` stands for anything.
pub struct Difference {
    /// Names of cases.
    pub cases: &'static str,
    /// What comes of them with OpenSSL.
    pub openssl: &'static str,
    /// What comes of them with the native engine.
    pub native: &'static str,
    /// Why that is right, and by which section.
    pub because: &'static str,
}

/// What may differ in one test. A difference in whether a client is served at all needs an entry in `verdicts`; one in
/// how a refusal is told needs one in either.
pub struct Table {
    pub verdicts: &'static [Difference],
    pub details: &'static [Difference],
}

impl Difference {
    fn explains(&self, case: &Case, openssl: &str, native: &str) -> bool {
        matches(self.cases, &case.name) && matches(self.openssl, openssl) && matches(self.native, native)
    }
}

/// Most lines that a failure shows.
const SHOWN: usize = 60;

/// Both engines do alike in all `cases`, but for what the table says, and everything that it says.
pub fn hold(area: &str, cases: &[Case], table: &Table) {
    let mut openssl = World::new(EngineKind::OpenSsl);
    let mut native = World::new(EngineKind::Native);
    let entries: Vec<&Difference> = table.verdicts.iter().chain(table.details).collect();
    let mut uses = vec![0; entries.len()];
    let (mut accepted, mut refused) = (0, 0);
    let mut unexplained = Vec::new();
    for (number, case) in cases.iter().enumerate() {
        let seed = number as u64;
        let theirs = under_its_name(&case.name, || run(&mut openssl, case, seed));
        let ours = under_its_name(&case.name, || run(&mut native, case, seed));
        match (theirs.is_accepted, ours.is_accepted) {
            (true, true) => accepted += 1,
            (false, false) => refused += 1,
            _ => {}
        }
        if theirs == ours {
            continue;
        }
        let permitted = if theirs.verdict() == ours.verdict() { entries.len() } else { table.verdicts.len() };
        let (openssl, native) = (theirs.to_string(), ours.to_string());
        match entries[..permitted].iter().position(|entry| entry.explains(case, &openssl, &native)) {
            Some(index) => uses[index] += 1,
            None => unexplained.push(line(case, &theirs, &ours)),
        }
    }
    let explained: usize = uses.iter().sum();
    println!(
        "{area}: {} cases on either engine: {accepted} accepted by both, {refused} refused by both; {explained} \
         differences explained, {} not",
        cases.len(),
        unexplained.len()
    );
    for (entry, uses) in entries.iter().zip(&uses) {
        println!("  {uses} times {} - {}", entry.cases, entry.because);
    }
    assert!(accepted > 0 && refused > 0, "{area}: cases of one kind only prove nothing");
    let count = unexplained.len();
    unexplained.truncate(SHOWN);
    assert!(count == 0, "{count} differences that nobody explains:\n{}", unexplained.join("\n"));
    for (entry, uses) in entries.iter().zip(uses) {
        assert!(
            uses > 0,
            "explained, but there is no such difference: {} {} {}",
            entry.cases,
            entry.openssl,
            entry.native
        );
    }
}

fn line(case: &Case, openssl: &Outcome, native: &Outcome) -> String {
    let weight = if openssl.verdict() == native.verdict() { "detail " } else { "VERDICT" };
    format!("{weight} {}\n        openssl: {openssl}\n        native:  {native}", case.name)
}

/// Says which case it was, where something panics.
fn under_its_name<T>(name: &str, run: impl FnOnce() -> T) -> T {
    struct Name<'a>(&'a str);
    impl Drop for Name<'_> {
        fn drop(&mut self) {
            if std::thread::panicking() {
                eprintln!("in the case: {}", self.0);
            }
        }
    }
    let _name = Name(name);
    run()
}

/// Whether `text` is what `pattern` says.
fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        let Some(position) = rest.find(part) else { return false };
        rest = &rest[position + part.len()..];
    }
    rest.ends_with(last)
}

#[test]
fn a_star_stands_for_anything_and_nothing_else_does() {
    for (pattern, text, is_matched) in [
        ("a", "a", true),
        ("a", "ab", false),
        ("a*", "ab", true),
        ("*b", "ab", true),
        ("a*c*e", "abcde", true),
        ("a*c*e", "abde", false),
        ("*", "", true),
        ("a*a", "a", false),
    ] {
        assert_eq!(matches(pattern, text), is_matched, "{pattern} {text}");
    }
}
