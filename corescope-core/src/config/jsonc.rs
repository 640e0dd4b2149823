//! JSON as people write it by hand: comments, trailing commas and a byte order mark are accepted,
//! and every value remembers its line, so that a complaint can name it.

use serde_json::{Map, Number, Value};

/// A value with the place where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Spanned {
    /// Line of its first character, counted from 1.
    pub line: u32,
    /// Column of its first character, counted from 1, in characters.
    pub column: u32,
    /// What it is.
    pub node: Node,
}

/// A JSON value whose parts remember where they stand.
#[derive(Debug, Clone, PartialEq)]
pub enum Node {
    /// `null`, `true`, `false`, a number or a string.
    Scalar(Value),
    /// `[…]`
    Array(Vec<Spanned>),
    /// `{…}` in the order of the file; duplicates are kept (the last one counts).
    Object(Vec<(String, Spanned)>),
}

impl Spanned {
    /// The plain value; keys that start with `_` (the file's own documentation) are left out, and the
    /// last of duplicate keys counts.
    pub fn to_value(&self) -> Value {
        match &self.node {
            Node::Scalar(value) => value.clone(),
            Node::Array(items) => Value::Array(items.iter().map(Self::to_value).collect()),
            Node::Object(members) => {
                let mut map = Map::new();
                for (key, value) in members.iter().filter(|(key, _)| !key.starts_with('_')) {
                    map.insert(key.clone(), value.to_value());
                }
                Value::Object(map)
            }
        }
    }
}

/// Why a text is not JSON, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {what}")]
pub struct SyntaxError {
    /// Line, counted from 1.
    pub line: u32,
    /// Column, counted from 1.
    pub column: u32,
    /// What was expected and what came.
    pub what: String,
}

/// Reads one JSON value with comments (`//…`, `/*…*/`), trailing commas and an optional byte order mark.
///
/// # Errors
///
/// [`SyntaxError`] with the first place that is not JSON; nesting deeper than 64 is one of them.
pub fn parse(text: &str) -> Result<Spanned, SyntaxError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = Reader { rest: text, line: 1, column: 1 };
    reader.blanks()?;
    let value = reader.value(0)?;
    reader.blanks()?;
    match reader.peek() {
        None => Ok(value),
        Some(c) => Err(reader.error(format!("expected the end of the file after the value, found {c:?}"))),
    }
}

const MAX_DEPTH: u32 = 64;

struct Reader<'a> {
    rest: &'a str,
    line: u32,
    column: u32,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn bump(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.rest = self.rest.get(c.len_utf8()..).unwrap_or_default();
        if c == '\n' {
            self.line += 1;
            self.column = 1;
        } else {
            self.column += 1;
        }
        Some(c)
    }

    fn error(&self, what: impl Into<String>) -> SyntaxError {
        SyntaxError { line: self.line, column: self.column, what: what.into() }
    }

    fn blanks(&mut self) -> Result<(), SyntaxError> {
        loop {
            if self.rest.starts_with("//") {
                while self.peek().is_some_and(|c| c != '\n') {
                    self.bump();
                }
            } else if self.rest.starts_with("/*") {
                let opened = self.error("comment /* is not closed by */");
                self.bump();
                self.bump();
                while !self.rest.starts_with("*/") {
                    if self.bump().is_none() {
                        return Err(opened);
                    }
                }
                self.bump();
                self.bump();
            } else if self.peek().is_some_and(|c| matches!(c, ' ' | '\t' | '\r' | '\n')) {
                self.bump();
            } else {
                return Ok(());
            }
        }
    }

    fn value(&mut self, depth: u32) -> Result<Spanned, SyntaxError> {
        if depth > MAX_DEPTH {
            return Err(self.error(format!("nested deeper than {MAX_DEPTH} levels")));
        }
        let (line, column) = (self.line, self.column);
        let node = match self.peek() {
            None => return Err(self.error("expected a value, found the end of the file")),
            Some('{') => self.object(depth)?,
            Some('[') => self.array(depth)?,
            Some('"') => Node::Scalar(Value::String(self.string()?)),
            Some('-' | '0'..='9') => Node::Scalar(self.number()?),
            Some(c) if c.is_ascii_alphabetic() => Node::Scalar(self.word()?),
            Some(c) => return Err(self.error(format!("expected a value, found {c:?}"))),
        };
        Ok(Spanned { line, column, node })
    }

    fn object(&mut self, depth: u32) -> Result<Node, SyntaxError> {
        self.bump();
        let mut members = Vec::new();
        loop {
            self.blanks()?;
            match self.peek() {
                Some('}') => {
                    self.bump();
                    return Ok(Node::Object(members));
                }
                Some('"') => {}
                Some(c) => return Err(self.error(format!("expected \"key\" or }}, found {c:?}"))),
                None => return Err(self.error("object is not closed: expected \"key\" or }")),
            }
            let key = self.string()?;
            self.blanks()?;
            if self.peek() != Some(':') {
                return Err(self.error(format!("expected : after key {key:?}{}", self.found())));
            }
            self.bump();
            self.blanks()?;
            let value = self.value(depth + 1)?;
            members.push((key, value));
            self.separator('}')?;
        }
    }

    fn array(&mut self, depth: u32) -> Result<Node, SyntaxError> {
        self.bump();
        let mut items = Vec::new();
        loop {
            self.blanks()?;
            if self.peek() == Some(']') {
                self.bump();
                return Ok(Node::Array(items));
            }
            items.push(self.value(depth + 1)?);
            self.separator(']')?;
        }
    }

    /// A comma, or the closing bracket (which stays for the caller).
    fn separator(&mut self, close: char) -> Result<(), SyntaxError> {
        self.blanks()?;
        match self.peek() {
            Some(',') => {
                self.bump();
                Ok(())
            }
            Some(c) if c == close => Ok(()),
            _ => Err(self.error(format!("expected , or {close}{}", self.found()))),
        }
    }

    fn found(&self) -> String {
        self.peek().map_or_else(|| ", found the end of the file".to_owned(), |c| format!(", found {c:?}"))
    }

    /// A string; the token is handed to serde_json, which knows the escapes.
    fn string(&mut self) -> Result<String, SyntaxError> {
        let start = self.error("string is not closed");
        let from = self.rest;
        self.bump();
        loop {
            match self.bump() {
                None | Some('\n') => return Err(start),
                Some('\\') => {
                    self.bump();
                }
                Some('"') => break,
                Some(_) => {}
            }
        }
        let token = from.get(..from.len() - self.rest.len()).unwrap_or_default();
        serde_json::from_str(token).map_err(|e| SyntaxError { what: format!("bad string: {e}"), ..start })
    }

    fn take_while(&mut self, keep: impl Fn(char) -> bool) -> &'a str {
        let from = self.rest;
        while self.peek().is_some_and(&keep) {
            self.bump();
        }
        from.get(..from.len() - self.rest.len()).unwrap_or_default()
    }

    fn number(&mut self) -> Result<Value, SyntaxError> {
        let start = self.error("");
        let token = self.take_while(|c| matches!(c, '-' | '+' | '.' | 'e' | 'E' | '0'..='9'));
        let number: Result<Number, _> = serde_json::from_str(token);
        number
            .map(Value::Number)
            .map_err(|_| SyntaxError { what: format!("{token:?} is not a number"), ..start })
    }

    fn word(&mut self) -> Result<Value, SyntaxError> {
        let start = self.error("");
        match self.take_while(|c| c.is_ascii_alphanumeric() || c == '_') {
            "null" => Ok(Value::Null),
            "true" => Ok(Value::Bool(true)),
            "false" => Ok(Value::Bool(false)),
            other => Err(SyntaxError {
                what: format!(
                    "expected a value, found {other} (text wants \"quotes\", yes and no are true and false)"
                ),
                ..start
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn hand_written_files_are_read() {
        let text = "\u{feff}{ // a comment\n \"a\": [1, 2.5, -3e2,], /* more */ \"b\": {\"c\": null,},\n \"_comment\": \"x\", \"d\": \"\\u00e9//no\", }\n// end";
        let doc = parse(text).unwrap();
        assert_eq!(doc.to_value(), json!({"a": [1, 2.5, -300.0], "b": {"c": null}, "d": "é//no"}));
    }

    #[test]
    fn the_last_of_duplicates_counts() {
        assert_eq!(parse(r#"{"a":1,"a":2}"#).unwrap().to_value(), json!({"a": 2}));
    }

    #[test]
    fn mistakes_name_their_place() {
        for (text, message) in [
            ("", "line 1, column 1: expected a value, found the end of the file"),
            ("{\n  \"a\" 1}", "line 2, column 7: expected : after key \"a\", found '1'"),
            (
                "{\"a\": yes}",
                "line 1, column 7: expected a value, found yes (text wants \"quotes\", yes and no are true and false)",
            ),
            ("{\"a\": 1 \"b\": 2}", "line 1, column 9: expected , or }, found '\"'"),
            ("[1", "line 1, column 3: expected , or ], found the end of the file"),
            ("{\"a\": \"x\n\"}", "line 1, column 7: string is not closed"),
            ("{} x", "line 1, column 4: expected the end of the file after the value, found 'x'"),
            ("/* x", "line 1, column 1: comment /* is not closed by */"),
            ("[1-2]", "line 1, column 2: \"1-2\" is not a number"),
        ] {
            assert_eq!(parse(text).unwrap_err().to_string(), message, "{text:?}");
        }
        assert!(parse(&"[".repeat(100)).unwrap_err().what.contains("nested deeper"));
    }
}
