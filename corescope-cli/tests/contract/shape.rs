//! Shapes of JSON answers, written as JSON.
//!
//! A text names a type: `s` text, `i` whole number, `f` number, `b` true or false, `any`; with `?` at its end it may
//! be null; `=x` is exactly the text x. A list of one shape is a list of any length. In an object a key with `?` at
//! its end may be absent, and `*` stands for any key that is not named; keys that are neither are wrong.

use serde_json::{Map, Value};

/// What of a value does not fit a shape; empty when everything does.
pub fn misfits(shape: &Value, value: &Value) -> Vec<String> {
    let mut out = Vec::new();
    walk(shape, value, "$", &mut out);
    out
}

fn walk(shape: &Value, value: &Value, at: &str, out: &mut Vec<String>) {
    match (shape, value) {
        (Value::String(kind), _) => {
            if !fits(kind, value) {
                out.push(format!("{at}: expected {kind}, got {value}"));
            }
        }
        (Value::Array(items), Value::Array(values)) => {
            let Some(item) = items.first() else { return };
            for (n, value) in values.iter().enumerate() {
                walk(item, value, &format!("{at}[{n}]"), out);
            }
        }
        (Value::Object(keys), Value::Object(values)) => object(keys, values, at, out),
        _ => out.push(format!("{at}: expected {shape}, got {value}")),
    }
}

fn object(keys: &Map<String, Value>, values: &Map<String, Value>, at: &str, out: &mut Vec<String>) {
    let mut known = Vec::new();
    for (key, shape) in keys.iter().filter(|(key, _)| *key != "*") {
        let name = key.strip_suffix('?').unwrap_or(key);
        known.push(name);
        match values.get(name) {
            Some(value) => walk(shape, value, &format!("{at}.{name}"), out),
            None if key.ends_with('?') => {}
            None => out.push(format!("{at}.{name}: absent")),
        }
    }
    for (name, value) in values.iter().filter(|(name, _)| !known.contains(&name.as_str())) {
        match keys.get("*") {
            Some(shape) => walk(shape, value, &format!("{at}.{name}"), out),
            None => out.push(format!("{at}.{name}: not in the contract")),
        }
    }
}

fn fits(kind: &str, value: &Value) -> bool {
    if let Some(text) = kind.strip_prefix('=') {
        return value.as_str() == Some(text);
    }
    if let Some(kind) = kind.strip_suffix('?') {
        return value.is_null() || fits(kind, value);
    }
    match kind {
        "s" => value.is_string(),
        "i" => value.is_i64() || value.is_u64(),
        "f" => value.is_number(),
        "b" => value.is_boolean(),
        "any" => true,
        _ => panic!("{kind} is no type"),
    }
}

#[test]
fn misfits_are_found() {
    use serde_json::json;
    let shape = json!({"a": "i", "b?": "s?", "c": [{"*": "f"}]});
    assert!(misfits(&shape, &json!({"a": 1, "c": []})).is_empty());
    assert!(misfits(&shape, &json!({"a": 1, "b": null, "c": [{"x": 1.5}]})).is_empty());
    for wrong in [
        json!({"a": 1.5, "c": []}),
        json!({"c": []}),
        json!({"a": 1, "c": [{"x": "1"}]}),
        json!({"a": 1, "c": {}}),
        json!({"a": 1, "c": [], "d": 1}),
        json!({"a": 1, "b": 2, "c": []}),
    ] {
        assert_eq!(misfits(&shape, &wrong).len(), 1, "{wrong}");
    }
}
