//! The filter language through its public face: every example of the guide, its rules, its mistakes.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use corescope_core::filter::{self, Context, JsonFields};
use serde_json::json;

const NOW_MS: i64 = 1_780_315_200_000; // 2026-06-01T12:00:00Z

fn verdict(expression: &str, packet: &serde_json::Value) -> bool {
    let filter = filter::parse(expression).unwrap_or_else(|error| panic!("{expression}: {error}"));
    filter.matches(&JsonFields::new(packet), &Context::at(NOW_MS))
}

#[test]
fn the_guide_s_examples_parse() {
    let examples = [
        r#"type == ACK"#,
        r#"type == "Channel Msg" && size >= 60"#,
        r#"payload.name contains "ridge""#,
        r#"payload.flags.room == true"#,
        r#"snr < -7.5 || rssi <= -118"#,
        r#"hops < 2"#,
        r#"observer != "Harbour East" && route == t_flood"#,
        r#"(type == PATH || type == TRACE) && !transport"#,
        r#"age < 90m"#,
        r#"time before "2026-03-01T12:00:00Z""#,
        r#"time between "2026-02-02" "2026-02-01""#,
        r#"hash starts_with "c0de""#,
        r#"iata in ("AMS", "bru")"#,
        r#"routed_through contains "4fd20a91""#,
        r#"payload.flags.hasLocation"#,
        r#"!payload.text"#,
        r#"code1 == "1f3c""#,
        r#"observations > 3 && age > 2d"#,
    ];
    for example in examples {
        let filter = filter::parse(example).unwrap_or_else(|error| panic!("{example}: {error}"));
        assert!(filter.warnings().is_empty(), "{example}: {:?}", filter.warnings());
    }
}

#[test]
fn negation_takes_the_whole_comparison() {
    let advert = json!({"payload_type": 4});
    assert!(!verdict("!type == ADVERT", &advert));
    assert!(verdict("!type == ACK", &advert));
    assert!(verdict("type == ACK || type == ADVERT && !snr", &advert));
}
