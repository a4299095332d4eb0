//! Runs cases on both engines and holds what differs against a table.

use std::collections::BTreeMap;

use bootstrapd::dtls::EngineKind;

use crate::case::Case;
use crate::client::run;
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

/// Most names of cases that a failure shows for each kind of difference.
const SHOWN: usize = 6;

/// What the two engines made of a case, in words, and whether that is a difference of verdicts.
type Pair = (bool, String, String);

/// Both engines do alike in all `cases`, but for what the table says, and everything that it says.
pub fn hold(area: &str, cases: &[Case], table: &Table) {
    let mut openssl = World::new(EngineKind::OpenSsl);
    let mut native = World::new(EngineKind::Native);
    let entries: Vec<&Difference> = table.verdicts.iter().chain(table.details).collect();
    let mut uses = vec![0; entries.len()];
    let (mut accepted, mut refused) = (0, 0);
    let mut unexplained: BTreeMap<Pair, Vec<&str>> = BTreeMap::new();
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
        let is_verdict = theirs.verdict() != ours.verdict();
        let permitted = if is_verdict { table.verdicts.len() } else { entries.len() };
        let (theirs, ours) = (theirs.to_string(), ours.to_string());
        match entries[..permitted].iter().position(|entry| entry.explains(case, &theirs, &ours)) {
            Some(index) => uses[index] += 1,
            None => unexplained.entry((!is_verdict, theirs, ours)).or_default().push(&case.name),
        }
    }
    println!(
        "{area}: {} cases on either engine: {accepted} accepted by both, {refused} refused by both; {} differences \
         explained, {} not",
        cases.len(),
        uses.iter().sum::<usize>(),
        unexplained.values().map(Vec::len).sum::<usize>()
    );
    for (entry, uses) in entries.iter().zip(&uses) {
        println!("  {uses} times {}: {}", entry.cases, entry.because);
    }
    assert!(accepted > 0 && refused > 0, "{area}: cases of one kind only prove nothing");
    let kinds: Vec<String> = unexplained.iter().map(|(pair, names)| described(pair, names)).collect();
    assert!(
        kinds.is_empty(),
        "{area}: {} kinds of differences that nobody explains:\n{}",
        kinds.len(),
        kinds.join("\n")
    );
    let unused: Vec<&str> =
        entries.iter().zip(uses).filter(|(_, uses)| *uses == 0).map(|(entry, _)| entry.cases).collect();
    assert!(unused.is_empty(), "{area}: explained, but there are no such differences: {unused:?}");
}

fn described((is_detail, openssl, native): &Pair, names: &[&str]) -> String {
    let weight = if *is_detail { "detail" } else { "VERDICT" };
    let step = names.len().div_ceil(SHOWN).max(1);
    let shown: Vec<&str> = names.iter().step_by(step).copied().collect();
    format!("{weight}, {} times\n  openssl: {openssl}\n  native:  {native}\n  {}", names.len(), shown.join("\n  "))
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
