//! Values from several places, one above the other: flag over environment over file over default.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

use super::jsonc::{Node, Spanned};
use super::keys::{self, KEYS, Kind};
use super::nearest::nearest;

/// Where a value comes from; later ones win.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// Nobody set it.
    Default,
    /// A line of the file.
    File {
        /// Path as it was given.
        file: String,
        /// Line, counted from 1.
        line: u32,
    },
    /// An environment variable.
    Env(String),
    /// A command line flag.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { file, line } => write!(f, "{file}:{line}"),
            Self::Env(name) => write!(f, "environment {name}"),
            Self::Flag(name) => write!(f, "flag {name}"),
        }
    }
}

/// Something the operator should know about the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// Where: the origin of the value.
    pub origin: Origin,
    /// What, and what to do.
    pub message: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.origin {
            Origin::Default => f.write_str(&self.message),
            _ => write!(f, "{}: {}", self.origin, self.message),
        }
    }
}

/// The values that somebody set, by concrete path (`mqttSources[0].broker`), with their origin.
#[derive(Debug, Clone, Default)]
pub struct Layers {
    values: BTreeMap<String, (Value, Origin)>,
    /// What was wrong on the way.
    pub warnings: Vec<Warning>,
}

impl Layers {
    /// Lays a file's values over what is there.
    pub fn apply_file(&mut self, file: &str, document: &Spanned) {
        let origin = |line| Origin::File { file: file.to_owned(), line };
        match &document.node {
            Node::Object(members) => self.walk("", members, &origin),
            _ => self.warn(origin(document.line), "expected an object { … }: the file has no effect"),
        }
    }

    /// Sets one value, if its type is right; says so otherwise.
    pub fn set(&mut self, path: &str, value: Value, origin: Origin) {
        let Some(key) = keys::find(path) else {
            return self.warn(origin, format!("unknown key {path}"));
        };
        match fit(key.kind, value) {
            Ok(Value::Null) => {}
            Ok(value) => {
                self.values.insert(path.to_owned(), (value, origin));
            }
            Err(found) => {
                let expected = key.kind.expected();
                self.warn(origin, format!("{path}: expected {expected}, found {found}; it has no effect"));
            }
        }
    }

    /// Sets one value from text, as variables and flags carry it.
    pub fn set_text(&mut self, path: &str, text: &str, origin: Origin) {
        let kind = keys::find(path).map_or(Kind::Text, |key| key.kind);
        self.set(path, from_text(kind, text), origin);
    }

    /// The value that counts, if somebody set it.
    pub fn get(&self, path: &str) -> Option<&Value> {
        self.values.get(path).map(|(value, _)| value)
    }

    /// Where the value that counts comes from.
    pub fn origin(&self, path: &str) -> Origin {
        self.values.get(path).map_or(Origin::Default, |(_, origin)| origin.clone())
    }

    /// Every value that was set, by path.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value, &Origin)> {
        self.values.iter().map(|(path, (value, origin))| (path.as_str(), value, origin))
    }

    /// The indices of a list (`mqttSources`) of which something is set.
    pub fn indices(&self, list: &str) -> Vec<usize> {
        let mut found: Vec<usize> = self
            .values
            .keys()
            .filter_map(|path| path.strip_prefix(list)?.strip_prefix('[')?.split_once(']')?.0.parse().ok())
            .collect();
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Forgets everything below a list.
    pub fn remove_list(&mut self, list: &str) {
        let start = format!("{list}[");
        self.values.retain(|path, _| !path.starts_with(&start));
    }

    /// Adds a remark.
    pub fn warn(&mut self, origin: Origin, message: impl Into<String>) {
        self.warnings.push(Warning { origin, message: message.into() });
    }

    fn walk(&mut self, prefix: &str, members: &[(String, Spanned)], origin: &dyn Fn(u32) -> Origin) {
        for (name, value) in members.iter().filter(|(name, _)| !name.starts_with('_')) {
            let place = origin(value.line);
            let Some(segment) = self.spelling(prefix, name, &place) else { continue };
            let path = format!("{prefix}{}", segment.trim_end_matches("[]"));
            if keys::find(&path).is_some() {
                self.set(&path, value.to_value(), place);
            } else if segment.ends_with("[]") {
                self.walk_list(&path, value, origin);
            } else if let Node::Object(inner) = &value.node {
                self.walk(&format!("{path}."), inner, origin);
            } else if value.node != Node::Scalar(Value::Null) {
                self.warn(place, format!("{path}: expected an object {{ … }}; it has no effect"));
            }
        }
    }

    fn walk_list(&mut self, path: &str, value: &Spanned, origin: &dyn Fn(u32) -> Origin) {
        let Node::Array(items) = &value.node else {
            if value.node != Node::Scalar(Value::Null) {
                self.warn(origin(value.line), format!("{path}: expected a list [ … ]; it has no effect"));
            }
            return;
        };
        // The file of a reload may be shorter than an earlier one: nothing of a former list stays.
        self.remove_list(path);
        for (i, item) in items.iter().take(MAX_LIST).enumerate() {
            match &item.node {
                Node::Object(inner) => self.walk(&format!("{path}[{i}]."), inner, origin),
                _ => self.warn(
                    origin(item.line),
                    format!("{path}[{i}]: expected an object {{ … }}; it is skipped"),
                ),
            }
        }
        if items.len() > MAX_LIST {
            self.warn(origin(value.line), format!("{path}: only the first {MAX_LIST} entries are used"));
        }
    }

    /// The next path segment as the table spells it (`mqttSources[]`), found without regard to case.
    fn spelling(&mut self, prefix: &str, name: &str, place: &Origin) -> Option<&'static str> {
        let pattern = without_indices(prefix);
        let segments = || {
            KEYS.iter()
                .filter_map(|key| key.path.strip_prefix(pattern.as_str())?.split('.').next())
                .collect::<Vec<_>>()
        };
        let plain = |segment: &'static str| segment.trim_end_matches("[]");
        let known = segments();
        if let Some(exact) = known.iter().find(|s| plain(s) == name) {
            return Some(exact);
        }
        if let Some(other) = known.iter().find(|s| plain(s).eq_ignore_ascii_case(name)) {
            self.warn(place.clone(), format!("{prefix}{name} is read as {prefix}{}", plain(other)));
            return Some(other);
        }
        let shown = super::printable(name);
        let hint = nearest(name, known.iter().map(|s| plain(s)))
            .map_or(String::new(), |near| format!("; did you mean {prefix}{near}?"));
        self.warn(place.clone(), format!("unknown key {prefix}{shown}{hint}"));
        None
    }
}

const MAX_LIST: usize = 256;

/// `mqttSources[0].` → `mqttSources[].`
fn without_indices(path: &str) -> String {
    let mut out = String::new();
    let mut inside = false;
    for c in path.chars() {
        inside = (inside && c != ']') || c == '[';
        if !inside || c == '[' {
            out.push(c);
        }
    }
    out
}

/// The value if its type is right (whole floats are integers, one text is a list of one), else what it is.
fn fit(kind: Kind, value: Value) -> Result<Value, String> {
    let fits = match (kind, &value) {
        (_, Value::Null) | (Kind::Any, _) => true,
        (Kind::Bool, v) => v.is_boolean(),
        (Kind::Int, v) => {
            if let Some(whole) = v.as_f64().filter(|f| !v.is_i64() && f.fract() == 0.0 && f.abs() < 9e15) {
                return Ok(Value::from(whole as i64));
            }
            v.is_i64()
        }
        (Kind::Number, v) => v.is_number(),
        (Kind::Text, v) => v.is_string(),
        (Kind::TextList, Value::String(one)) => return Ok(Value::from(vec![one.clone()])),
        (Kind::TextList, Value::Array(items)) => items.iter().all(Value::is_string),
        (Kind::TextList, _) => false,
        (Kind::Map, v) => v.is_object(),
    };
    if fits { Ok(value) } else { Err(describe(&value)) }
}

fn describe(value: &Value) -> String {
    match value {
        Value::Null => "null".into(),
        Value::Bool(b) => b.to_string(),
        Value::Number(n) => n.to_string(),
        // Not the text itself: it may be a secret in the wrong place.
        Value::String(_) => "a text".into(),
        Value::Array(_) => "a list".into(),
        Value::Object(_) => "an object".into(),
    }
}

/// Text of a variable or flag as the value its key wants; what does not parse stays text and is refused by [`fit`].
fn from_text(kind: Kind, text: &str) -> Value {
    let text = text.trim();
    let parsed = || serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()));
    match kind {
        Kind::Text => Value::String(text.to_owned()),
        Kind::Bool => match text.to_ascii_lowercase().as_str() {
            "1" | "true" | "yes" | "on" => Value::Bool(true),
            "0" | "false" | "no" | "off" => Value::Bool(false),
            _ => Value::String(text.to_owned()),
        },
        Kind::TextList if !text.starts_with('[') => {
            text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(Value::from).collect()
        }
        _ => parsed(),
    }
}
