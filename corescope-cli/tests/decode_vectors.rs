//! `decode --jsonl` on the published vectors and on our own: every field as expected.

#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::path::PathBuf;

use corescope_cli::commands::decode::jsonl::answer;
use serde_json::Value;

/// Floats and integers of the same value are the same.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(name, a)| b.get(name).is_some_and(|b| same(a, b)))
        }
        _ => a == b,
    }
}

fn check(text: &str) -> usize {
    let mut wrong = Vec::new();
    let mut all = 0;
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        all += 1;
        let vector: Value = serde_json::from_str(line).unwrap();
        let ours: Value = serde_json::from_str(&answer(line.as_bytes())).unwrap();
        if !same(&ours, &vector["expect"]) {
            wrong.push(format!("{}\n  expected {}\n  ours     {ours}", vector["name"], vector["expect"]));
        }
    }
    assert!(wrong.is_empty(), "{} of {all} differ:\n{}", wrong.len(), wrong.join("\n"));
    all
}

#[test]
fn the_published_vectors_come_out_field_by_field() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/spec/vectors.jsonl");
    let Ok(text) = std::fs::read_to_string(&path) else {
        println!("skipped: {} is not here", path.display());
        return;
    };
    assert!(check(&text) >= 375);
}

#[test]
fn a_line_that_is_no_vector_is_answered_with_an_error() {
    for line in ["", "{", "[]", "{}", r#"{"raw_hex":7}"#, r#"{"kind":"moon"}"#, r#"{"kind":"uri"}"#] {
        let value: Value = serde_json::from_str(&answer(line.as_bytes())).unwrap();
        assert!(value["error"].is_string(), "{line}");
    }
}
