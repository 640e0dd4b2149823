//! Writes JSON as Go's `encoding/json` does, byte for byte.

use alloc::string::String;
use core::fmt::{Display, Write};

use crate::hex::Hex;

/// An object under construction. Fields come out in the order they are written.
pub(crate) struct Object {
    out: String,
}

impl Object {
    /// `{` so far.
    pub(crate) fn new() -> Self {
        let mut out = String::with_capacity(256);
        out.push('{');
        Self { out }
    }

    /// `}` at last.
    pub(crate) fn end(mut self) -> String {
        self.out.push('}');
        self.out
    }

    fn key(&mut self, name: &str) {
        if self.out.len() > 1 {
            self.out.push(',');
        }
        self.out.push('"');
        self.out.push_str(name);
        self.out.push_str("\":");
    }

    /// A value that writes itself: a number, `true`, an array.
    pub(crate) fn raw(&mut self, name: &str, value: impl Display) {
        self.key(name);
        // Writing to a String cannot fail.
        let _ = write!(self.out, "{value}");
    }

    /// A string that needs no escapes: hex, names of ours.
    pub(crate) fn plain(&mut self, name: &str, value: impl Display) {
        self.key(name);
        let _ = write!(self.out, "\"{value}\"");
    }

    /// Hex, absent when there are no bytes.
    pub(crate) fn hex(&mut self, name: &str, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.plain(name, Hex(bytes));
        }
    }

    /// Text of others, absent when empty.
    pub(crate) fn text(&mut self, name: &str, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.key(name);
            string(&mut self.out, bytes);
        }
    }

    /// A number, absent when zero.
    pub(crate) fn number(&mut self, name: &str, value: u32) {
        if value != 0 {
            self.raw(name, value);
        }
    }
}

/// A JSON array of values that write themselves.
pub(crate) fn list<T: Display>(values: impl IntoIterator<Item = T>) -> String {
    joined(values, "")
}

/// A JSON array of strings that need no escapes.
pub(crate) fn strings<T: Display>(values: impl IntoIterator<Item = T>) -> String {
    joined(values, "\"")
}

fn joined<T: Display>(values: impl IntoIterator<Item = T>, quote: &str) -> String {
    let mut out = String::from("[");
    for value in values {
        if out.len() > 1 {
            out.push(',');
        }
        let _ = write!(out, "{quote}{value}{quote}");
    }
    out.push(']');
    out
}

/// Text as a JSON string, with one U+FFFD for each maximal part that is not UTF-8.
#[cfg(feature = "crypto")]
pub(crate) fn text(text: crate::text::Text<'_>) -> String {
    let mut out = String::new();
    match text.as_str() {
        Some(valid) => string(&mut out, valid.as_bytes()),
        None => string(&mut out, alloc::string::ToString::to_string(&text).as_bytes()),
    }
    out
}

/// Appends a JSON string of bytes that are meant to be UTF-8, escaped as Go does: `<`, `>`, `&`,
/// U+2028 and U+2029 too, and `\ufffd` for each byte that is not UTF-8.
pub(crate) fn string(out: &mut String, bytes: &[u8]) {
    out.push('"');
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                '\u{8}' => out.push_str("\\b"),
                '\u{c}' => out.push_str("\\f"),
                '<' | '>' | '&' | '\u{0}'..='\u{1f}' | '\u{2028}' | '\u{2029}' => {
                    let _ = write!(out, "\\u{:04x}", c as u32);
                }
                c => out.push(c),
            }
        }
        for _ in chunk.invalid() {
            out.push_str("\\ufffd");
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_those_of_go() {
        let mut out = String::new();
        string(&mut out, "a\"\\<b>&\n\u{1}\u{8}\u{2028}é\u{7f}".as_bytes());
        assert_eq!(out, "\"a\\\"\\\\\\u003cb\\u003e\\u0026\\n\\u0001\\b\\u2028é\u{7f}\"");
        out.clear();
        string(&mut out, b"x\xe2\x82");
        assert_eq!(out, "\"x\\ufffd\\ufffd\"");
    }
}
