//! Runs `testdata/filter.json`: expression, packet, verdict.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::{BTreeMap, BTreeSet, HashSet};

use corescope_core::filter::{self, Context, Fields, JsonFields};
use corescope_core::ids::NodeKey;
use corescope_core::time::parse_rfc3339_millis;
use serde_json::Value;

fn suite() -> Value {
    serde_json::from_str(include_str!("../testdata/filter.json")).unwrap()
}

/// What differs when packets are judged in the shape that `judge` gives them.
fn differences(judge: impl Fn(&Value, &dyn Fn(&dyn Fields) -> bool) -> bool) -> Vec<String> {
    let suite = suite();
    let now_ms = parse_rfc3339_millis(suite["now"].as_str().unwrap()).unwrap();
    let mine: Vec<NodeKey> =
        suite["mine"].as_array().unwrap().iter().map(|key| key.as_str().unwrap().parse().unwrap()).collect();
    let context = Context { now_ms, mine: &mine };
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
                let verdict = judge(packet, &|fields| filter.matches(fields, &context));
                (Some(verdict) != case["matches"].as_bool()).then(|| format!("{verdict} on {name}"))
            }
            (Ok(_), _) => Some("no error".to_owned()),
            (Err(error), _) => Some(error.to_string()),
        };
        wrong.extend(came.map(|came| format!("{case}\n    came: {came}")));
    }
    wrong
}

#[test]
fn every_case_has_its_verdict() {
    let wrong = differences(|packet, verdict| verdict(&JsonFields::new(packet)));
    assert!(wrong.is_empty(), "{} cases differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[cfg(feature = "report")]
mod heard {
    use corescope_core::report::{Heard, HeardFields, Hearing};
    use corescope_decode::crypto::KeyRing;

    use super::*;

    #[test]
    fn a_heard_packet_gets_the_same_verdict() {
        let wrong = differences(as_heard);
        assert!(wrong.is_empty(), "{} cases differ:\n{}", wrong.len(), wrong.join("\n"));
    }

    /// The packet as a row of a database, heard by an observer whose own copy came another way.
    fn as_heard(packet: &Value, verdict: &dyn Fn(&dyn Fields) -> bool) -> bool {
        let text = |name: &str| packet[name].as_str();
        let unfolded = |name: &str| match &packet[name] {
            Value::String(text) => serde_json::from_str(text).unwrap(),
            value => value.clone(),
        };
        let strings = |value: &Value| -> Vec<String> {
            value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
        };
        let frame = hex::decode(text("raw_hex").unwrap_or_default()).unwrap();
        let own = [&[0x12, 0x00], frame.get(2..).unwrap_or_default(), &[0xAB; 3]].concat();
        let decoded = unfolded("decoded_json").to_string();
        let number = |name: &str| packet[name].as_u64().map(|n| n as u8);
        let mut heard = Heard::frame(if frame.is_empty() { &[] } else { &own });
        heard.first_frame = (!frame.is_empty()).then_some(&*frame);
        (heard.stored, heard.in_full) = (true, true);
        heard.hash = text("hash");
        (heard.payload_type, heard.route_type) = (number("payload_type"), number("route_type"));
        heard.first_seen_ms = match &packet["timestamp"] {
            Value::String(text) => parse_rfc3339_millis(text),
            value => value.as_i64(),
        };
        heard.decoded_json = (decoded != "null").then_some(&*decoded);
        (heard.channel, heard.scope) = (text("channel_hash"), text("scope_name"));
        heard.observation_count = packet["observation_count"].as_u64().unwrap_or(0) as u32;
        heard.routed_through = strings(&unfolded("resolved_path"));
        let mut hearing = Hearing::default();
        hearing.observer = text("observer_id");
        (hearing.observer_name, hearing.iata) = (text("observer_name"), text("observer_iata"));
        // This copy came later than the first.
        hearing.time_ms = heard.first_seen_ms.map(|ms| ms + 3_600_000);
        (hearing.snr_db, hearing.rssi_dbm) = (packet["snr"].as_f64(), packet["rssi"].as_f64());
        hearing.stored_hops = strings(&unfolded("path_json"));
        heard.hearing = Some(hearing);
        verdict(&HeardFields::new(&heard, &KeyRing::with_public()))
    }
}

#[test]
fn the_suite_is_as_wide_as_it_claims() {
    let suite = suite();
    let cases = suite["cases"].as_array().unwrap();
    let errors = cases.iter().filter(|case| !case["error"].is_null()).count();
    assert!(cases.len() - errors >= 300, "{} verdicts", cases.len() - errors);
    assert!(errors >= 60, "{errors} errors");
    let mut rules: BTreeMap<&str, usize> = BTreeMap::new();
    let mut asked = HashSet::new();
    for case in cases {
        *rules.entry(case["rule"].as_str().unwrap()).or_default() += 1;
        assert!(asked.insert((&case["expression"], &case["packet"])), "asked twice: {case}");
    }
    for rule in 1..=16 {
        let name = format!("FLT-{rule:02}");
        assert!(rules.get(&*name).is_some_and(|count| *count >= 5), "{name}: {rules:?}");
    }
}

/// Expressions that must be found both true and false, beside each name of a type and a route: the examples of the
/// guide, and the one that asks for nodes of one's own.
const BOTH_WAYS: [&str; 21] = [
    "type == ACK",
    r#"type == "Channel Msg" && size >= 60"#,
    r#"payload.name contains "ridge""#,
    "payload.flags.room == true",
    "snr < -7.5 || rssi <= -118",
    "hops < 2",
    r#"observer != "Harbour East" && route == t_flood"#,
    "(type == PATH || type == TRACE) && !transport",
    "age < 90m",
    r#"time before "2026-03-01T12:00:00Z""#,
    r#"time between "2026-02-02" "2026-02-01""#,
    r#"hash starts_with "c0de""#,
    r#"iata in ("AMS", "bru")"#,
    r#"routed_through contains "4fd20a91""#,
    "payload.flags.hasLocation",
    "!payload.text",
    r#"code1 == "1f3c""#,
    "observations > 3 && age > 2d",
    "route == t_flood",
    "route == t_direct",
    "only my",
];

#[test]
fn every_name_and_every_example_is_found_true_and_false() {
    let suite = suite();
    let mut verdicts: BTreeMap<&str, BTreeSet<bool>> = BTreeMap::new();
    for case in suite["cases"].as_array().unwrap() {
        if let Some(verdict) = case["matches"].as_bool() {
            verdicts.entry(case["expression"].as_str().unwrap()).or_default().insert(verdict);
        }
    }
    let types = (0..16).map(filter::payload_type_name).filter(|name| *name != "UNKNOWN");
    let routes = (0..4).map(filter::route_type_name);
    let names =
        types.map(|name| format!("type == {name}")).chain(routes.map(|name| format!("route == {name}")));
    let missing: Vec<String> = names
        .chain(BOTH_WAYS.map(str::to_owned))
        .filter(|expression| verdicts.get(&**expression).is_none_or(|both| both.len() < 2))
        .collect();
    assert!(missing.is_empty(), "{missing:#?}");
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
