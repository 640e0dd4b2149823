//! Runs `testdata/filter.json`: expression, packet, verdict.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;

use corescope_core::filter::{self, Context, JsonFields};
use corescope_core::time::parse_rfc3339_millis;
use serde_json::Value;

fn suite() -> Value {
    serde_json::from_str(include_str!("../testdata/filter.json")).unwrap()
}

#[test]
fn every_case_has_its_verdict() {
    let suite = suite();
    let now_ms = parse_rfc3339_millis(suite["now"].as_str().unwrap()).unwrap();
    let mut wrong = Vec::new();
    for case in suite["cases"].as_array().unwrap() {
        let expression = case["expression"].as_str().unwrap();
        let parsed = filter::parse(expression);
        let came = match (&parsed, &case["error"]) {
            (Err(error), Value::Object(wanted)) => {
                let column = wanted["column"].as_u64() == Some(error.column as u64);
                let wanted = wanted.get("suggestion").map(|text| text.as_str().unwrap());
                let mended = wanted.is_none() || wanted == error.suggestion.as_deref();
                (!column || !mended).then(|| format!("{error:?}"))
            }
            (Ok(filter), Value::Null) => {
                let name = case["packet"].as_str().unwrap();
                let packet = suite["packets"].get(name).expect("a packet of that name");
                let verdict = filter.matches(&JsonFields::new(packet), &Context::at(now_ms));
                (Some(verdict) != case["matches"].as_bool()).then(|| format!("{verdict} on {name}"))
            }
            (Ok(_), _) => Some("no error".to_owned()),
            (Err(error), _) => Some(error.to_string()),
        };
        wrong.extend(came.map(|came| format!("{case}\n    came: {came}")));
    }
    assert!(wrong.is_empty(), "{} cases differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn the_suite_is_as_wide_as_it_claims() {
    let suite = suite();
    let cases = suite["cases"].as_array().unwrap();
    let errors = cases.iter().filter(|case| !case["error"].is_null()).count();
    assert!(cases.len() - errors >= 300, "{} verdicts", cases.len() - errors);
    assert!(errors >= 60, "{errors} errors");
    let mut rules: BTreeMap<&str, usize> = BTreeMap::new();
    for case in cases {
        *rules.entry(case["rule"].as_str().unwrap()).or_default() += 1;
    }
    for rule in 1..=16 {
        let name = format!("FLT-{rule:02}");
        assert!(rules.get(&*name).is_some_and(|count| *count >= 5), "{name}: {rules:?}");
    }
}

#[test]
fn what_is_suggested_in_place_of_a_mistake_leads_on() {
    // Writing the suggestion must not leave the same mistake at the same place.
    let suite = suite();
    for case in suite["cases"].as_array().unwrap() {
        let expression = case["expression"].as_str().unwrap();
        let Err(error) = filter::parse(expression) else { continue };
        let Some(suggestion) = &error.suggestion else { continue };
        let chars: Vec<char> = expression.chars().collect();
        let head: String = chars[..error.column - 1].iter().collect();
        let tail: String = chars[error.column - 1 + error.length..].iter().collect();
        let mended = format!("{head}{suggestion}{tail}");
        if let Err(next) = filter::parse(&mended) {
            assert!(next.column > error.column, "{expression} → {mended}: {next}");
        }
    }
}

#[test]
fn no_expression_panics_or_takes_long() {
    let deep = "(".repeat(4000);
    let nots = "!".repeat(4000);
    let many = vec!["snr > 5"; 700].join(" || ");
    let long = "x".repeat(filter::MAX_LEN + 1);
    for text in [&deep, &nots, &many, &long] {
        let error = filter::parse(text).unwrap_err();
        assert!(!error.message.is_empty());
    }
    let whole = vec!["snr > 5"; 500].join(" && ");
    assert!(filter::parse(&whole).is_ok());
}

mod random {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_text_parses_or_says_where(text in "[ -~ü]{0,60}") {
            match filter::parse(&text) {
                Ok(filter) => {
                    let _ = filter.matches(&JsonFields::new(&Value::Null), &Context::at(0));
                }
                Err(error) => prop_assert!(error.column >= 1 && error.column <= text.chars().count() + 1),
            }
        }

        #[test]
        fn words_of_the_language_in_any_order_never_panic(
            words in prop::collection::vec(prop::sample::select(vec![
                "snr", "type", "payload.name", "==", "!=", ">", "in", "(", ")", ",", "between", "\"a\"", "5", "-3", "2h",
                "&&", "||", "!", "after", "\"2026-01-01\"", "contains", "has", "only", "my", "near", "matches", "/x/", ":",
            ]), 0..14),
        ) {
            let text = words.join(" ");
            if let Ok(filter) = filter::parse(&text) {
                let suite = suite();
                let context = Context::at(1_780_315_200_000);
                let plan = filter.plan(&context);
                for packet in suite["packets"].as_object().unwrap().values() {
                    let fields = JsonFields::new(packet);
                    let verdict = filter.matches(&fields, &context);
                    // An exact plan is the whole truth; any plan is a necessary condition.
                    if plan.exact && plan.required.is_empty() {
                        prop_assert!(verdict, "{}", text);
                    }
                }
            }
        }
    }
}
