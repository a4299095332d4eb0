//! Templates: what is read, what is refused and where, what is drawn, and what is never shown.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::{EvaluationError, Mistake, Template, Values};

const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

fn properties() -> BTreeMap<String, String> {
    BTreeMap::from([("site".into(), "graz".into()), ("a.b_c-1".into(), "${device.id}".into())])
}

fn values(properties: &BTreeMap<String, String>) -> Values<'_> {
    Values { endpoint_name: "urn:dev:ü1", device_id: Some(42), properties, ssid: Some(101) }
}

fn evaluate(text: &str) -> String {
    let template = Template::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    template.evaluate(&values(&properties()), &mut StdRng::seed_from_u64(1)).unwrap().to_string()
}

#[test]
fn expressions_stand_for_their_values() {
    for (text, value) in [
        ("", ""),
        ("plain", "plain"),
        ("${device.endpointName}", "urn:dev:ü1"),
        ("${ \tdevice.endpointName  }", "urn:dev:ü1"),
        ("a-${device.id}-z", "a-42-z"),
        ("${device.property.site}${server.ssid}", "graz101"),
        ("coaps://${device.property.site}.example.com:5684", "coaps://graz.example.com:5684"),
        ("${device.property.a.b_c-1}", "${device.id}"),
        ("$", "$"),
        ("$$", "$$"),
        ("$x{}$", "$x{}$"),
        ("5$ {a}", "5$ {a}"),
        ("$${", "${"),
        ("$${device.id}", "${device.id}"),
        ("$$${device.id}", "$${device.id}"),
        ("$${$${${device.id}$${", "${${42${"),
        ("${device.id}$", "42$"),
        ("${device.id}}", "42}"),
    ] {
        assert_eq!(evaluate(text), value, "{text}");
    }
}

#[test]
fn mistakes_are_named_with_their_column() {
    for (text, column, part) in [
        ("${", 1, "nothing closes: add `}`"),
        ("üö${device.id", 3, "nothing closes"),
        ("${device.id-${server.ssid}", 13, "do not nest"),
        ("${}", 3, "is empty"),
        ("ab${  }", 7, "is empty"),
        ("${device.endpointname}", 3, "`device.endpointname`: did you mean `device.endpointName`?"),
        ("ü${ device.ip }", 5, "did you mean `device.id`?"),
        ("${server.sid}", 3, "did you mean `server.ssid`?"),
        ("${ssid}", 3, "`ssid`: did you mean `server.ssid`?"),
        ("${endpointName}", 3, "did you mean `device.endpointName`?"),
        ("${device.propery.site}", 3, "`device.propery`: did you mean `device.property`?"),
        ("${string.secureRandm(8)}", 3, "did you mean `string.secureRandom`?"),
        ("${random(8)}", 3, "did you mean `string.random`?"),
        ("${string.random (8)}", 3, "did you mean `string.random`?"),
        ("${profile.colour}", 3, "device.property.NAME"),
        ("${base64(8)}", 3, "no expression of this name"),
        ("${(8)}", 3, "no expression of this name"),
        ("${device.id()}", 12, "`device.id` is no function"),
        ("${server.ssid(1)}", 14, "`server.ssid` is no function"),
        ("${device.property}", 18, "needs the name of a property"),
        ("${device.property.}", 19, "needs the name of a property"),
        ("${device.property.a b}", 20, "a property's name has only"),
        ("${device.property.süd}", 20, "a property's name has only"),
        ("${string.random}", 16, "`string.random` needs the number of characters"),
        ("${string.random()}", 17, "needs the number of characters"),
        ("${string.secureRandom( )}", 24, "write for example `${string.secureRandom(32)}`"),
        ("${string.random(1, 2)}", 18, "takes the number of characters and nothing else"),
        ("${string.random(8}", 18, "add `)`"),
        ("${string.random(8) x}", 19, "nothing may follow the `)`"),
        ("${string.random(abc)}", 17, "digits only"),
        ("${string.random( 3x)}", 19, "digits only"),
        ("${string.random(-1)}", 17, "digits only"),
        ("${string.random(+1)}", 17, "digits only"),
        ("${string.random(0)}", 17, "1 to 256"),
        ("${string.random( 257)}", 18, "1 to 256"),
        ("${string.random(99999999999999999999)}", 17, "1 to 256"),
        ("${device.id}${device.id}${x.y.z}", 27, "no expression of this name"),
    ] {
        let error = Template::parse(text).expect_err(text);
        assert_eq!(error.column, column, "{text}: {error}");
        assert!(error.to_string().contains(part), "{text}: {error}");
        assert!(error.to_string().starts_with(&format!("column {column}: ")), "{text}: {error}");
    }
}

#[test]
fn a_missing_value_is_named_with_the_remedy() {
    let properties = properties();
    let values = Values { device_id: None, ssid: None, ..values(&properties) };
    for (text, message) in [
        (
            "${string.random(8)}${device.property.stie}",
            "the device has no property `stie`, which `${device.property.stie}` asks for: set it",
        ),
        (
            "${device.id}",
            "the device has no id, which `${device.id}` asks for: add the device, or use `${device.endpointName}`",
        ),
        ("x${server.ssid}", "the server account has no SSID, which `${server.ssid}` asks for: give it an `ssid`"),
    ] {
        let template = Template::parse(text).unwrap();
        let mut random = StdRng::seed_from_u64(1);
        let error: EvaluationError = template.evaluate(&values, &mut random).unwrap_err();
        assert_eq!(error.to_string(), message);
        assert_eq!(template.preview(&values), Err(error));
        assert_eq!(random, StdRng::seed_from_u64(1), "nothing is drawn");
    }
}

#[test]
fn random_characters_are_the_whole_alphabet_in_equal_shares_and_nothing_else() {
    for function in ["random", "secureRandom"] {
        let template = Template::parse(&format!("${{string.{function}( 256 )}}")).unwrap();
        let mut random = StdRng::seed_from_u64(7);
        let mut counts: BTreeMap<char, f64> = BTreeMap::new();
        for _ in 0..500 {
            let value = template.evaluate(&values(&BTreeMap::new()), &mut random).unwrap();
            assert_eq!(value.len(), 256);
            value.chars().for_each(|letter| *counts.entry(letter).or_default() += 1.0);
        }
        assert_eq!(counts.keys().copied().collect::<BTreeSet<_>>(), ALPHABET.chars().collect());
        // Chi-square with 61 degrees of freedom: more than 110 by chance once in ten thousand times. A byte reduced
        // modulo 62 gives some 2,000.
        let expected = 500.0 * 256.0 / 62.0;
        let deviation: f64 = counts.values().map(|count| (count - expected).powi(2) / expected).sum();
        assert!(deviation < 110.0, "{deviation}");
    }
}

#[test]
fn each_random_expression_and_each_evaluation_draws_anew() {
    let template = Template::parse("${string.random(20)}-${string.secureRandom(20)}").unwrap();
    let mut random = StdRng::seed_from_u64(3);
    let values: BTreeSet<String> = (0..2)
        .flat_map(|_| {
            let value = template.evaluate(&values(&BTreeMap::new()), &mut random).unwrap();
            value.split('-').map(str::to_owned).collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(values.len(), 4);
}

#[test]
fn a_template_tells_what_it_is_made_of() {
    let literal = Template::parse("a$${b}$").unwrap();
    assert_eq!((literal.is_literal(), literal.has_random(), literal.uses_server_ssid()), (true, false, false));
    assert_eq!((literal.literal(), literal.minimum_length()), (Some("a${b}$"), 6));
    assert_eq!(Template::parse("").unwrap().literal(), Some(""));

    let text = "ü${device.property.a}${string.random(8)}${device.property.b}${server.ssid}${string.secureRandom(256)}";
    let template = Template::parse(text).unwrap();
    assert_eq!((template.is_literal(), template.has_random(), template.uses_server_ssid()), (false, true, true));
    assert_eq!((template.literal(), template.random_characters(), template.minimum_length()), (None, 264, 267));
    assert_eq!(template.properties().collect::<Vec<_>>(), ["a", "b"]);
    let template = Template::parse("${device.endpointName}${device.id}").unwrap();
    assert_eq!((template.has_random(), template.uses_server_ssid(), template.minimum_length()), (false, false, 2));
}

#[test]
fn a_preview_leaves_random_expressions_as_they_are_written() {
    let template = Template::parse("${device.id}-${ string.secureRandom( 032 ) }-${string.random(8)}-$${").unwrap();
    let preview = template.preview(&values(&BTreeMap::new()));
    assert_eq!(preview.as_deref(), Ok("42-${string.secureRandom(32)}-${string.random(8)}-${"));
}

#[test]
fn neither_debug_output_nor_an_error_shows_a_literal() {
    let template = Template::parse("hunter2${device.id}${device.property.site}hunter3${string.random(8)}").unwrap();
    assert_eq!(
        format!("{template:?}"),
        "Template[literal, device.id, device.property.site, literal, string.random(8)]"
    );
    for text in [
        "hunter2${hunter2}hunter2",
        "hunter2${hunter2",
        "hunter2${hunter2(hunter2)}",
        "hunter2${string.random(hunter2)}",
        "hunter2${string.random(1,hunter2)}",
        "hunter2${string.random(1)hunter2}",
        "hunter2${device.property.hunter2!}",
        "hunter2${device.propery.hunter2}",
        "hunter2${hunter2${device.id}}",
    ] {
        let error = Template::parse(text).expect_err(text);
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{text}: {error:?}");
    }
}

#[test]
fn long_input_is_read_in_one_pass() {
    // Quadratic work on a mebibyte would be some 10^11 steps, minutes instead of milliseconds.
    let unclosed = "${".repeat(1 << 19);
    assert_eq!(Template::parse(&unclosed).unwrap_err().mistake, Mistake::Unclosed);
    let error = Template::parse(&format!("{unclosed}}}")).unwrap_err();
    assert_eq!((error.column, error.mistake), (3, Mistake::Nested));
    let escaped = "$${".repeat(1 << 19);
    assert_eq!(Template::parse(&escaped).unwrap().literal(), Some(&*"${".repeat(1 << 19)));
    let template = Template::parse(&"x${device.id}".repeat(1 << 16)).unwrap();
    assert_eq!(template.minimum_length(), 2 << 16);
    let word = "a.".repeat(1 << 19);
    assert_eq!(Template::parse(&format!("${{{word}}}")).unwrap_err().mistake, Mistake::Unknown);
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused_at_a_column_of_its_own(text in any::<String>()) {
        check_column(&text)?;
    }

    #[test]
    fn text_made_of_the_grammars_own_pieces_too(
        pieces in prop::collection::vec(
            prop::sample::select(vec![
                "$", "${", "$${", "{", "}", "(", ")", ",", " ", "\t", "ü", "8", "257", ".", "device", "device.id",
                "device.property.", "device.property", "string.random", "string.secureRandom(", "server.ssid", "x",
            ]),
            0..12,
        )
    ) {
        check_column(&pieces.concat())?;
    }

    #[test]
    fn text_without_dollar_is_itself(text in "[^$]*") {
        prop_assert_eq!(&evaluate(&text), &text);
        let template = Template::parse(&text).unwrap();
        prop_assert_eq!(template.literal(), Some(&*text));
    }

    #[test]
    fn any_text_can_be_written_as_a_literal(text in "[${}a]*") {
        prop_assert_eq!(&evaluate(&text.replace("${", "$${")), &text);
    }
}

fn check_column(text: &str) -> Result<(), TestCaseError> {
    match Template::parse(text) {
        Ok(template) => {
            let properties = template.properties().map(|name| (name.to_owned(), String::new())).collect();
            let value = template.evaluate(&values(&properties), &mut StdRng::seed_from_u64(1)).unwrap();
            prop_assert!(value.len() >= template.minimum_length());
        }
        Err(error) => prop_assert!((1..=text.chars().count()).contains(&error.column), "{}", error),
    }
    Ok(())
}
