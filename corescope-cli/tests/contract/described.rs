//! Real answers against the API's own description.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::schema::Schemas;
use super::server::{Answer, KEY, NODE, Server};
use super::table::requests;

/// The committed description.
fn description() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../corescope-web/ui/openapi.json");
    let text = std::fs::read_to_string(path).expect("the description is committed");
    serde_json::from_str(&text).expect("the description is JSON")
}

/// Operations that are built: method in lower case and path.
fn built(description: &Value) -> BTreeSet<(String, String)> {
    let paths = description["paths"].as_object().expect("paths");
    let operations = paths.iter().flat_map(|(path, item)| {
        item.as_object().expect("operations").iter().map(move |(method, operation)| (method, path, operation))
    });
    let built = operations.filter(|(.., operation)| operation["x-planned"] != true);
    built.map(|(method, path, _)| (method.clone(), path.clone())).collect()
}

/// The operation that a request belongs to: fixed segments go before parameters.
fn operation_of(built: &BTreeSet<(String, String)>, method: &str, target: &str) -> (String, String) {
    let path = target.split('?').next().unwrap_or_default();
    let fits = |pattern: &str| {
        let (a, b): (Vec<_>, Vec<_>) = (pattern.split('/').collect(), path.split('/').collect());
        a.len() == b.len() && a.iter().zip(&b).all(|(a, b)| a == b || a.starts_with('{'))
    };
    built
        .iter()
        .filter(|(m, pattern)| m == method && fits(pattern))
        .min_by_key(|(_, pattern)| pattern.matches('{').count())
        .unwrap_or_else(|| panic!("{method} {path} is not described"))
        .clone()
}

/// What of an answer is not as described.
fn undescribed(description: &Value, (method, path): &(String, String), answer: &Answer) -> Vec<String> {
    let responses = &description["paths"][path][method]["responses"];
    let response = responses.get(answer.status.to_string()).or_else(|| responses.get("default"));
    let Some(response) = response else { return vec![format!("status {} is not described", answer.status)] };
    let kind = answer.header("content-type").unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default();
    match response["content"].get(kind) {
        None => vec![format!("{} as {kind} is not described", answer.status)],
        Some(content) if kind == "application/json" => {
            Schemas(description).misfits(&content["schema"], &answer.json())
        }
        Some(_) => Vec::new(),
    }
}

/// Requests that are no GET with JSON, one of each kind of answer: method, target, key, body.
fn others() -> Vec<(&'static str, String, bool, Value)> {
    let frame = "06001f5d97f8ed9eec25bdb2c1dfdb0250be49517647";
    vec![
        ("get", "/livez".into(), false, Value::Null),
        ("get", "/readyz".into(), false, Value::Null),
        ("get", "/api/backup".into(), true, Value::Null),
        ("get", "/api/backup".into(), false, Value::Null),
        ("post", "/api/decode".into(), false, json!({"hex": frame})),
        ("post", "/api/decode".into(), false, json!({"hex": "zz"})),
        (
            "post",
            "/api/v2/decode".into(),
            false,
            json!({"packets": [frame, "BgAfXZf47Z7sJb2ywd/bAlC+SVF2Rw==", "?"]}),
        ),
        ("post", "/api/v2/decode".into(), false, json!({"hex": 7})),
        ("post", "/api/packets/observations".into(), false, json!({"hashes": ["00000000000000a1", "x"]})),
        ("post", "/api/packets/observations".into(), false, json!({})),
        ("post", "/api/packets".into(), true, json!({"hex": frame})),
        ("post", "/api/packets".into(), true, json!({"hex": frame, "path": ["zz"]})),
        ("post", "/api/packets".into(), false, json!({"hex": frame})),
        ("post", "/api/perf/reset".into(), true, Value::Null),
        ("post", "/api/perf/reset".into(), false, Value::Null),
        ("post", "/api/admin/prune-geo-filter".into(), true, json!({})),
        ("post", "/api/admin/prune-geo-filter".into(), true, json!({"confirm": true})),
        (
            "put",
            "/api/config/geo-filter".into(),
            true,
            json!({"polygon": [[40, 0], [60, 0], [60, 30]], "bufferKm": 5}),
        ),
        ("put", "/api/config/geo-filter".into(), true, json!({"polygon": "none"})),
        ("put", "/api/config/geo-filter".into(), false, json!({})),
        ("get", "/api/nodes/11".into(), false, Value::Null),
        ("get", format!("/api/nodes/{}", NODE.to_uppercase()), false, Value::Null),
    ]
}

#[test]
fn every_answer_is_as_the_description_says_and_every_operation_is_asked() {
    let server = Server::start();
    let description = description();
    let built = built(&description);
    let gets = requests().map(|(target, key, _)| ("get", target, key, Value::Null));
    let mut asked = BTreeSet::new();
    let mut wrong = Vec::new();
    for (method, target, key, body) in gets.chain(others()) {
        let headers: &[(&str, &str)] = if key { &[("X-API-Key", KEY)] } else { &[] };
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let answer = server.ask(&method.to_uppercase(), &target, headers, &body);
        let operation = operation_of(&built, method, &target);
        let shown: String = target.chars().take(100).collect();
        let misfits = undescribed(&description, &operation, &answer);
        wrong.extend(misfits.into_iter().map(|misfit| format!("{method} {shown}: {misfit}")));
        asked.insert(operation);
    }
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
    let missing: Vec<_> = built.difference(&asked).collect();
    assert!(missing.is_empty(), "described, but not asked: {missing:?}");
}
