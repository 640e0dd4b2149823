//! Values against schemas of the API's description: as much of JSON Schema as the description uses. A keyword that is
//! not known here is an error, so that nothing is left unchecked without a word.

use std::collections::BTreeSet;

use serde_json::Value;

/// Keywords that say nothing of a value's form.
const NOTES: [&str; 8] =
    ["default", "deprecated", "description", "example", "examples", "format", "title", "propertyNames"];

/// A description with its schemas.
pub struct Schemas<'a>(pub &'a Value);

/// Which keys of an object are described.
enum Known {
    All,
    These(BTreeSet<String>),
}

impl Known {
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::These(mut a), Self::These(b)) => {
                a.extend(b);
                Self::These(a)
            }
            _ => Self::All,
        }
    }
}

impl Schemas<'_> {
    /// What of a value is not as its schema says; keys that the schema does not name count.
    pub fn misfits(&self, schema: &Value, value: &Value) -> Vec<String> {
        let mut out = Vec::new();
        self.whole(schema, value, "$", &mut out);
        out
    }

    /// A value with all its keys.
    fn whole(&self, schema: &Value, value: &Value, at: &str, out: &mut Vec<String>) {
        let known = self.check(schema, value, at, out);
        if let (Known::These(known), Value::Object(map)) = (known, value) {
            out.extend(
                map.keys()
                    .filter(|key| !known.contains(*key))
                    .map(|key| format!("{at}.{key}: not described")),
            );
        }
    }

    fn check(&self, schema: &Value, value: &Value, at: &str, out: &mut Vec<String>) -> Known {
        let schema = match schema {
            Value::Object(schema) => schema,
            Value::Bool(true) => return Known::All,
            _ => panic!("{schema} is no schema"),
        };
        let free =
            !["properties", "allOf", "anyOf", "oneOf", "$ref"].iter().any(|key| schema.contains_key(*key));
        let mut known = if free { Known::All } else { Known::These(BTreeSet::new()) };
        for (keyword, rule) in schema {
            match keyword.as_str() {
                "$ref" => {
                    let name =
                        rule.as_str().and_then(|path| path.strip_prefix('#')).expect("a local reference");
                    let target = self.0.pointer(name).unwrap_or_else(|| panic!("{rule} leads nowhere"));
                    known = known.and(self.check(target, value, at, out));
                }
                "allOf" => {
                    for part in list(rule) {
                        known = known.and(self.check(part, value, at, out));
                    }
                }
                "anyOf" | "oneOf" => known = known.and(self.one_of(rule, keyword == "oneOf", value, at, out)),
                "type" => {
                    let named = |kind: &Value| kind.as_str().is_some_and(|kind| is(kind, value));
                    let fits = rule.as_array().map_or_else(|| named(rule), |kinds| kinds.iter().any(named));
                    if !fits {
                        out.push(format!("{at}: expected {rule}, got {value}"));
                    }
                }
                "enum" => {
                    if !list(rule).contains(value) {
                        out.push(format!("{at}: {value} is none of {rule}"));
                    }
                }
                "minimum" => {
                    if value.as_f64().is_some_and(|v| rule.as_f64().is_some_and(|least| v < least)) {
                        out.push(format!("{at}: {value} is less than {rule}"));
                    }
                }
                "required" => {
                    let absent = |key: &&Value| {
                        value.is_object() && value.get(key.as_str().unwrap_or_default()).is_none()
                    };
                    out.extend(list(rule).iter().filter(absent).map(|key| format!("{at}.{key}: absent")));
                }
                "properties" => {
                    for (key, schema) in rule.as_object().into_iter().flatten() {
                        if let Some(value) = value.get(key) {
                            self.whole(schema, value, &format!("{at}.{key}"), out);
                        }
                    }
                    let keys = rule.as_object().into_iter().flatten().map(|(key, _)| key.clone()).collect();
                    known = known.and(Known::These(keys));
                }
                "additionalProperties" => {
                    let named = schema.get("properties").and_then(Value::as_object);
                    for (key, value) in value.as_object().into_iter().flatten() {
                        if !named.is_some_and(|named| named.contains_key(key)) {
                            self.whole(rule, value, &format!("{at}.{key}"), out);
                        }
                    }
                    known = Known::All;
                }
                "items" => {
                    for (n, item) in value.as_array().into_iter().flatten().enumerate() {
                        self.whole(rule, item, &format!("{at}[{n}]"), out);
                    }
                }
                "minItems" | "maxItems" => {
                    let len = value.as_array().map_or(0, Vec::len) as u64;
                    let bound = rule.as_u64().expect("a bound");
                    if value.is_array() && if keyword == "minItems" { len < bound } else { len > bound } {
                        out.push(format!("{at}: {len} items, {keyword} {bound}"));
                    }
                }
                note if NOTES.contains(&note) || note.starts_with("x-") => {}
                other => panic!("{at}: the keyword {other} is not known here"),
            }
        }
        known
    }

    /// One of several forms; in `oneOf` only one.
    fn one_of(&self, forms: &Value, only: bool, value: &Value, at: &str, out: &mut Vec<String>) -> Known {
        let mut tried: Vec<Vec<String>> = Vec::new();
        let mut fitting: Vec<Known> = Vec::new();
        for form in list(forms) {
            let mut misfits = Vec::new();
            self.whole(form, value, at, &mut misfits);
            if misfits.is_empty() {
                fitting.push(self.check(form, value, at, &mut misfits));
            } else {
                tried.push(misfits);
            }
        }
        if only && fitting.len() > 1 {
            out.push(format!("{at}: fits {} forms, not one", fitting.len()));
        }
        match fitting.into_iter().reduce(Known::and) {
            Some(known) => known,
            None => {
                // The form that fits best tells most.
                out.extend(tried.into_iter().min_by_key(Vec::len).unwrap_or_default());
                Known::All
            }
        }
    }
}

fn list(rule: &Value) -> &[Value] {
    rule.as_array().unwrap_or_else(|| panic!("{rule} is no list"))
}

fn is(kind: &str, value: &Value) -> bool {
    match kind {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => panic!("{kind} is no type"),
    }
}

#[test]
fn misfits_are_found_in_every_keyword() {
    use serde_json::json;
    let description = json!({"s": {
        "point": {"type": "object", "required": ["x"], "properties": {"x": {"type": "integer", "minimum": 0}}},
        "named": {"allOf": [
            {"$ref": "#/s/point"},
            {"type": "object", "properties": {"name": {"type": ["string", "null"]}}}
        ]},
        "either": {"oneOf": [{"type": "null"}, {"$ref": "#/s/named"}]},
        "many": {"type": "array", "maxItems": 2, "items": {"enum": ["a", "b"]}},
        "map": {"type": "object", "additionalProperties": {"type": "number"}}
    }});
    let count =
        |name: &str, value: Value| Schemas(&description).misfits(&description["s"][name], &value).len();
    for (name, value) in [
        ("point", json!({"x": 1})),
        ("named", json!({"x": 1, "name": null})),
        ("either", json!(null)),
        ("either", json!({"x": 1})),
        ("many", json!(["a", "b"])),
        ("map", json!({"any": 1.5})),
    ] {
        assert_eq!(count(name, value.clone()), 0, "{name} {value}");
    }
    for (name, value) in [
        ("point", json!({"x": -1})),
        ("point", json!({"x": 1.5})),
        ("point", json!({})),
        ("point", json!({"x": 1, "y": 1})),
        ("point", json!([])),
        ("named", json!({"x": 1, "name": 2})),
        ("named", json!({"x": 1, "other": 2})),
        ("either", json!({"x": "1"})),
        ("many", json!(["c"])),
        ("many", json!(["a", "a", "a"])),
        ("map", json!({"any": "1"})),
    ] {
        assert_eq!(count(name, value.clone()), 1, "{name} {value}");
    }
}
