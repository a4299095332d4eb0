//! Names of server accounts and profiles, and the nearest of them to a misspelled one.

use super::refuse_expression;
use crate::provision::problem::Problem;

/// Longest name in bytes; names stand in URLs, table columns and log lines.
const MAX_NAME_BYTES: usize = 64;

/// Names differ by at most this many edits when one is suggested for the other.
const MAX_SUGGESTED_EDITS: usize = 3;

/// Checks a name: `[A-Za-z0-9._-]+`, not all digits, so that an id and a name never collide.
pub fn check_name(field: &'static str, name: &str) -> Vec<Problem> {
    if name.is_empty() {
        return vec![Problem::error(field, format!("`{field}` is missing or empty: give a name"))];
    }
    if let Some(problem) = refuse_expression(field, name) {
        return vec![problem];
    }
    let mut problems = Vec::new();
    if let Some(stranger) =
        name.chars().find(|letter| !(letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_' | '-')))
    {
        problems.push(Problem::error(
            field,
            format!("a name must not contain {stranger:?}: use letters of A-Z, digits, `.`, `_` and `-`"),
        ));
    } else if name.bytes().all(|byte| byte.is_ascii_digit()) {
        problems.push(Problem::error(field, "a name must not be all digits, it would look like an id: add a letter"));
    }
    if name.len() > MAX_NAME_BYTES {
        problems.push(Problem::error(
            field,
            format!("a name must have at most {MAX_NAME_BYTES} bytes, and this one has {}", name.len()),
        ));
    }
    problems
}

/// The candidate that `word` was most probably meant to be, if one is near enough.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let letters: Vec<char> = word.chars().take(2 * MAX_NAME_BYTES).collect();
    let allowed = (letters.len() / 3).clamp(1, MAX_SUGGESTED_EDITS);
    candidates
        .into_iter()
        .map(|candidate| (edits(&letters, candidate), candidate))
        .filter(|(edits, _)| *edits <= allowed)
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, candidate)| candidate)
}

/// Levenshtein distance with neighbouring letters swapped counted as one edit; capitals make no difference.
fn edits(word: &[char], candidate: &str) -> usize {
    let word: Vec<char> = word.iter().map(char::to_ascii_lowercase).collect();
    let candidate: Vec<char> = candidate.chars().map(|letter| letter.to_ascii_lowercase()).collect();
    let mut before_previous = Vec::new();
    let mut previous: Vec<usize> = (0..=candidate.len()).collect();
    for row in 1..=word.len() {
        let mut current = vec![row];
        for column in 1..=candidate.len() {
            let differs = usize::from(word[row - 1] != candidate[column - 1]);
            let mut cost = (previous[column - 1] + differs).min(previous[column] + 1).min(current[column - 1] + 1);
            if row > 1 && column > 1 && word[row - 1] == candidate[column - 2] && word[row - 2] == candidate[column - 1]
            {
                let swapped: &Vec<usize> = &before_previous;
                cost = cost.min(swapped[column - 2] + 1);
            }
            current.push(cost);
        }
        before_previous = std::mem::replace(&mut previous, current);
    }
    previous[candidate.len()]
}

#[cfg(test)]
mod tests {
    use super::{check_name, nearest};

    #[test]
    fn a_name_is_letters_digits_dots_and_dashes_and_not_all_digits() {
        for good in ["fleet-eu", "a", "4.x", "1_", &"n".repeat(64)] {
            assert_eq!(check_name("name", good), vec![], "{good}");
        }
        for (bad, part) in [
            ("", "missing or empty"),
            ("fleet eu", "' '"),
            ("flotte-süd", "'ü'"),
            ("a/b", "'/'"),
            ("101", "all digits"),
            ("${x}", "starts an expression"),
            (&"n".repeat(65), "at most 64 bytes"),
        ] {
            let problems = check_name("name", bad);
            assert_eq!(problems.len(), 1, "{bad}");
            assert!(problems[0].message.contains(part), "{bad}: {}", problems[0].message);
        }
    }

    #[test]
    fn both_mistakes_of_one_name_are_named() {
        assert_eq!(check_name("name", &" ".repeat(65)).len(), 2);
    }

    #[test]
    fn the_nearest_name_is_found_and_a_stranger_is_not() {
        let keys = ["lifetime", "binding", "psk", "psk_identity", "uri"];
        assert_eq!(nearest("lifetme", keys), Some("lifetime"));
        assert_eq!(nearest("pks", keys), Some("psk"));
        assert_eq!(nearest("URI", keys), Some("uri"));
        assert_eq!(nearest("psk-identity", keys), Some("psk_identity"));
        assert_eq!(nearest("coap", keys), None);
        assert_eq!(nearest("", keys), None);
    }
}
