//! What is wrong with an expression, where, and how to mend it.

/// A mistake in an expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("column {column}: {message}{}", .suggestion.as_deref().map(|s| format!(" (try: {s})")).unwrap_or_default())]
#[non_exhaustive]
pub struct FilterError {
    /// Where the mistake starts: characters from 1. One past the end when something is missing there.
    pub column: usize,
    /// How many characters it covers, for underlining; 0 at the end.
    pub length: usize,
    /// What was expected and what came.
    pub message: String,
    /// What to write instead of the covered characters.
    pub suggestion: Option<String>,
}

/// Something that parses but can hardly be meant.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Warning {
    /// Where it starts: characters from 1.
    pub column: usize,
    /// How many characters it covers.
    pub length: usize,
    /// What is odd.
    pub message: String,
    /// What may have been meant.
    pub suggestion: Option<String>,
}

/// A mistake while parsing, by byte position; becomes a [`FilterError`] at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Syntax {
    /// Bytes left in the input where it starts.
    pub(super) rest: usize,
    /// Bytes it covers.
    pub(super) length: usize,
    pub(super) message: String,
    pub(super) suggestion: Option<String>,
}

impl Syntax {
    pub(super) fn at(rest: &str, length: usize, message: impl Into<String>) -> Self {
        Self { rest: rest.len(), length, message: message.into(), suggestion: None }
    }

    pub(super) fn try_this(mut self, suggestion: impl Into<String>) -> Self {
        self.suggestion = Some(suggestion.into());
        self
    }

    /// No alternative is tried after this: the mistake is certain.
    pub(super) fn fail<T>(self) -> Result<T, nom::Err<Self>> {
        Err(nom::Err::Failure(self))
    }

    pub(super) fn into_error(self, source: &str) -> FilterError {
        let (column, length) = span(source, self.rest, self.length);
        FilterError { column, length, message: self.message, suggestion: self.suggestion }
    }

    pub(super) fn into_warning(self, source: &str) -> Warning {
        let (column, length) = span(source, self.rest, self.length);
        Warning { column, length, message: self.message, suggestion: self.suggestion }
    }
}

impl<'a> nom::error::ParseError<&'a str> for Syntax {
    fn from_error_kind(input: &'a str, _: nom::error::ErrorKind) -> Self {
        Self::at(input, input.chars().next().map_or(0, char::len_utf8), "unexpected input")
    }

    fn append(_: &'a str, _: nom::error::ErrorKind, other: Self) -> Self {
        other
    }
}

/// Bytes from the end → column and length in characters.
fn span(source: &str, rest: usize, length: usize) -> (usize, usize) {
    let start = source.len().saturating_sub(rest);
    let end = start.saturating_add(length).min(source.len());
    let chars = |range: std::ops::Range<usize>| source.get(range).map_or(0, |s| s.chars().count());
    (chars(0..start) + 1, chars(start..end))
}
