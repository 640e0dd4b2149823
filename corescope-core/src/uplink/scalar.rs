//! A JSON value as publishers use it: numbers are mostly strings.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// A JSON value without its inside, if it has one.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Scalar<'a> {
    /// Missing, or `null`.
    #[default]
    Absent,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number that fits.
    Int(i64),
    /// Any other number.
    Float(f64),
    /// Text.
    Text(Cow<'a, str>),
    /// An array or an object.
    Nested,
}

impl<'a> Scalar<'a> {
    /// The number it is or spells: blanks and a trailing unit (`dBm`, `dB`, `mW`, `km`, `mi`, `m`, any case) are
    /// dropped. "Unknown", "", NaN and infinities are none.
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Int(value) => Some(*value as f64),
            Self::Float(value) => Some(*value),
            Self::Text(text) => spelled(text),
            _ => None,
        }
        .filter(|value| value.is_finite())
    }

    /// The number, rounded.
    pub fn integer(&self) -> Option<i64> {
        if let Self::Int(value) = self {
            return Some(*value);
        }
        self.number().filter(|value| value.abs() < 9e15).map(|value| value.round() as i64)
    }

    /// The text, if it is one.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The text, if it is one.
    pub fn into_text(self) -> Option<Cow<'a, str>> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A switch: a boolean, a number ≠ 0, or on/true/1/yes – off/false/0/no in any case.
    pub fn switch(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            Self::Int(value) => Some(*value != 0),
            Self::Float(value) => Some(*value != 0.0),
            Self::Text(text) => match text.trim().to_ascii_lowercase().as_str() {
                "on" | "true" | "1" | "yes" => Some(true),
                "off" | "false" | "0" | "no" => Some(false),
                _ => None,
            },
            _ => None,
        }
    }

    /// The same, borrowing nothing.
    pub fn into_owned(self) -> Scalar<'static> {
        match self {
            Self::Absent => Scalar::Absent,
            Self::Bool(value) => Scalar::Bool(value),
            Self::Int(value) => Scalar::Int(value),
            Self::Float(value) => Scalar::Float(value),
            Self::Text(text) => Scalar::Text(Cow::Owned(text.into_owned())),
            Self::Nested => Scalar::Nested,
        }
    }
}

fn spelled(text: &str) -> Option<f64> {
    let text = text.trim();
    if let Ok(value) = text.parse() {
        return Some(value);
    }
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = text.get(digits.len()..)?.to_ascii_lowercase();
    if !matches!(unit.as_str(), "dbm" | "db" | "mw" | "km" | "mi" | "m") {
        return None;
    }
    digits.trim_end().parse().ok()
}

impl<'de> Deserialize<'de> for Scalar<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ScalarVisitor)
    }
}

struct ScalarVisitor;

impl<'de> Visitor<'de> for ScalarVisitor {
    type Value = Scalar<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Scalar::Absent)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Scalar::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Scalar::Int(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        Ok(i64::try_from(value).map_or(Scalar::Float(value as f64), Scalar::Int))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Scalar::Float(value))
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Self::Value, E> {
        Ok(Scalar::Text(Cow::Borrowed(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
        Ok(Scalar::Text(Cow::Owned(value.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Scalar::Nested)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Scalar::Nested)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_publishers_spell_them() {
        for (json, value) in [
            ("7", Some(7.0)),
            ("-3.5", Some(-3.5)),
            ("\"-97\"", Some(-97.0)),
            ("\" -97 dBm \"", Some(-97.0)),
            ("\"12.5dB\"", Some(12.5)),
            ("\"3 KM\"", Some(3.0)),
            ("\"Unknown\"", None),
            ("\"\"", None),
            ("\"NaN\"", None),
            ("\"inf\"", None),
            ("\"-Infinity\"", None),
            ("1e999", None),
            ("\"12 volts\"", None),
            ("true", None),
            ("[1]", None),
            ("null", None),
        ] {
            let scalar = serde_json::from_str::<Scalar<'_>>(json).unwrap_or_default();
            assert_eq!(scalar.number(), value, "{json}");
        }
        assert_eq!(Scalar::Text("819.6".into()).integer(), Some(820));
        assert_eq!(Scalar::Float(1e300).integer(), None);
    }

    #[test]
    fn switches_are_read_as_firmware_spells_them() {
        for (json, value) in [
            ("true", Some(true)),
            ("0", Some(false)),
            ("2.5", Some(true)),
            ("\"ON\"", Some(true)),
            ("\"no\"", Some(false)),
            ("\"maybe\"", None),
            ("null", None),
        ] {
            assert_eq!(serde_json::from_str::<Scalar<'_>>(json).unwrap().switch(), value, "{json}");
        }
    }
}
