//! Typed access to the layers: the value somebody set, else the default of the key's row.

use serde_json::{Map, Value};

use super::keys;
use super::layers::Layers;

/// Reads keys by path. Remembers in tests which keys were asked for, so that a row nobody reads is noticed.
pub(super) struct Reading<'a> {
    layers: &'a mut Layers,
    #[cfg(test)]
    pub(super) asked: std::cell::RefCell<std::collections::BTreeSet<&'static str>>,
}

impl<'a> Reading<'a> {
    pub(super) fn new(layers: &'a mut Layers) -> Self {
        Self {
            layers,
            #[cfg(test)]
            asked: std::cell::RefCell::default(),
        }
    }

    pub(super) fn value(&self, path: &str) -> Value {
        let key = keys::find(path);
        #[cfg(test)]
        self.asked.borrow_mut().insert(key.expect("a row of the table").path);
        self.layers.get(path).cloned().unwrap_or_else(|| {
            key.and_then(|key| serde_json::from_str(key.default).ok()).unwrap_or(Value::Null)
        })
    }

    /// Whether somebody set it.
    pub(super) fn is_set(&self, path: &str) -> bool {
        self.layers.get(path).is_some()
    }

    pub(super) fn indices(&self, list: &str) -> Vec<usize> {
        self.layers.indices(list)
    }

    pub(super) fn warn(&mut self, path: &str, message: impl Into<String>) {
        let origin = self.layers.origin(path);
        self.layers.warn(origin, message);
    }

    pub(super) fn bool(&self, path: &str) -> bool {
        self.value(path).as_bool().unwrap_or_default()
    }

    pub(super) fn int(&self, path: &str) -> i64 {
        self.value(path).as_i64().unwrap_or_default()
    }

    /// A whole number where 0 and less mean the default.
    pub(super) fn positive(&self, path: &str) -> u64 {
        let set = self.int(path);
        let value = if set > 0 { set } else { default_int(path) };
        u64::try_from(value).unwrap_or_default()
    }

    /// A whole number where 0 and less mean "off".
    pub(super) fn optional(&self, path: &str) -> Option<u64> {
        u64::try_from(self.int(path)).ok().filter(|n| *n > 0)
    }

    pub(super) fn number(&self, path: &str) -> f64 {
        self.value(path).as_f64().unwrap_or_default()
    }

    /// A number where 0 and less mean the default.
    pub(super) fn positive_number(&self, path: &str) -> f64 {
        let set = self.number(path);
        if set > 0.0 { set } else { default_number(path) }
    }

    /// A text without blanks around it; empty is none.
    pub(super) fn text(&self, path: &str) -> Option<String> {
        match self.value(path) {
            Value::String(text) if !text.trim().is_empty() => Some(text.trim().to_owned()),
            _ => None,
        }
    }

    pub(super) fn list(&self, path: &str) -> Vec<String> {
        match self.value(path) {
            Value::Array(items) => items
                .into_iter()
                .filter_map(|item| item.as_str().map(|text| text.trim().to_owned()))
                .filter(|text| !text.is_empty())
                .collect(),
            _ => Vec::new(),
        }
    }

    pub(super) fn map(&self, path: &str) -> Map<String, Value> {
        match self.value(path) {
            Value::Object(map) => map,
            _ => Map::new(),
        }
    }
}

fn default_int(path: &str) -> i64 {
    default_number(path) as i64
}

fn default_number(path: &str) -> f64 {
    keys::find(path).and_then(|key| key.default.parse().ok()).unwrap_or_default()
}
