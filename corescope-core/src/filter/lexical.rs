//! The words of the language: blanks, names, strings, numbers, durations.

use nom::IResult;
use nom::Parser;
use nom::bytes::complete::{tag, take_while, take_while1};
use nom::character::complete::char;
use nom::combinator::{opt, recognize};
use nom::sequence::{pair, preceded};

use super::error::Syntax;

pub(super) type Parsed<'a, T> = IResult<&'a str, T, Syntax>;

/// A literal as written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Literal<'a> {
    pub(super) kind: Kind,
    /// Without quotes.
    pub(super) text: &'a str,
    /// Input from the literal's first character on, for pointing at it.
    pub(super) at: &'a str,
    /// Bytes it covers, quotes included.
    pub(super) length: usize,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Kind {
    Text,
    Word,
    Number(f64),
    /// In seconds.
    Duration(f64),
    Bool(bool),
}

impl Literal<'_> {
    pub(super) fn wrong(&self, message: impl Into<String>) -> Syntax {
        Syntax::at(self.at, self.length, message)
    }

    pub(super) fn quoted(&self) -> String {
        format!("\"{}\"", self.text)
    }
}

/// Words that are operators and therefore no values.
pub(super) const WORD_OPERATORS: [&str; 7] =
    ["contains", "starts_with", "ends_with", "after", "before", "between", "in"];

/// The input after its leading blanks. Line breaks count as blanks.
pub(super) fn skip_blanks(input: &str) -> &str {
    input.trim_start_matches([' ', '\t', '\n', '\r'])
}

/// A symbol after blanks.
pub(super) fn symbol<'a>(text: &'static str) -> impl Parser<&'a str, Output = &'a str, Error = Syntax> {
    preceded(take_while(|c| matches!(c, ' ' | '\t' | '\n' | '\r')), tag(text))
}

/// `[A-Za-z_][A-Za-z0-9_.]*`
pub(super) fn word(input: &str) -> Parsed<'_, &str> {
    recognize(pair(take_while1(|c: char| c.is_ascii_alphabetic() || c == '_'), take_while(is_word_char)))
        .parse(input)
}

pub(super) fn is_word_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '.')
}

/// Everything up to a blank or a character that ends a value: what a person meant as one thing.
pub(super) fn chunk(input: &str) -> &str {
    let end = input
        .find(|c: char| c.is_whitespace() || matches!(c, '(' | ')' | ',' | '&' | '|' | '"'))
        .unwrap_or(input.len());
    &input[..end]
}

/// A value after the operator `after`.
pub(super) fn value<'a>(input: &'a str, after: &str) -> Parsed<'a, Literal<'a>> {
    let input = skip_blanks(input);
    match input.chars().next() {
        None => Syntax::at(input, 0, format!("a value is missing after {after}")).fail(),
        Some(quote @ ('"' | '\'')) => string(input, quote),
        Some('-' | '0'..='9') => number(input),
        Some(c) if c.is_ascii_alphabetic() || c == '_' => bareword(input, after),
        Some(c @ (')' | ',' | '&' | '|' | '=' | '<' | '>' | '!' | '(')) => {
            Syntax::at(input, c.len_utf8(), format!("a value is missing after {after}; found {c}")).fail()
        }
        Some(c) => {
            let text = chunk(input);
            let error = Syntax::at(input, text.len().max(c.len_utf8()), format!("unexpected character {c}"));
            if text.is_empty() { error.fail() } else { error.try_this(format!("\"{text}\"")).fail() }
        }
    }
}

/// A quoted text. A backslash makes the next character part of the text, and stays in it.
fn string(input: &str, quote: char) -> Parsed<'_, Literal<'_>> {
    let body = &input[1..];
    let mut escaped = false;
    for (at, c) in body.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => {
                let literal = Literal { kind: Kind::Text, text: &body[..at], at: input, length: at + 2 };
                return Ok((&body[at + 1..], literal));
            }
            _ => {}
        }
    }
    Syntax::at(input, input.len(), format!("this text has no closing {quote}"))
        .try_this(format!("{input}{quote}"))
        .fail()
}

/// `-7.5`, `90m`. What starts with a digit but is neither gets the fitting hint.
fn number(input: &str) -> Parsed<'_, Literal<'_>> {
    let digits = || take_while1(|c: char| c.is_ascii_digit());
    let mut shape = recognize((opt(char('-')), digits(), opt((char('.'), digits()))));
    let Ok((rest, text)): Parsed<'_, &str> = shape.parse(input) else {
        return Syntax::at(input, 1, "a minus must be followed by digits").fail();
    };
    let Ok(figure) = text.parse::<f64>() else {
        return Syntax::at(input, text.len(), format!("{text} is no number")).fail();
    };
    let tail_len = rest.find(|c: char| !(is_word_char(c) || matches!(c, '-' | ':'))).unwrap_or(rest.len());
    let (tail, after) = rest.split_at(tail_len);
    let length = text.len() + tail.len();
    let seconds = match tail {
        "" => return Ok((rest, Literal { kind: Kind::Number(figure), text, at: input, length })),
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        "d" => 86_400.0,
        "w" => 604_800.0,
        _ => return misshapen(input, text, tail).fail(),
    };
    let literal =
        Literal { kind: Kind::Duration(figure * seconds), text: &input[..length], at: input, length };
    Ok((after, literal))
}

/// Digits with something behind them: a date, hex, or a unit that does not exist.
fn misshapen(input: &str, figure: &str, tail: &str) -> Syntax {
    let length = figure.len() + tail.len();
    let whole = &input[..length];
    let quoted = format!("\"{whole}\"");
    if tail.starts_with(['-', ':']) {
        return Syntax::at(input, length, format!("{whole} must be quoted, like every date"))
            .try_this(quoted);
    }
    if length > 2 && whole.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Syntax::at(input, length, format!("{whole} is no number; hex must be quoted"))
            .try_this(quoted);
    }
    if tail.starts_with('.') || !tail.chars().all(|c| c.is_ascii_alphabetic()) {
        return Syntax::at(input, length, format!("{whole} is no number")).try_this(quoted);
    }
    let error = Syntax::at(input, length, format!("bad duration unit {tail}: s, m, h, d or w are known"));
    let unit = match tail.to_ascii_lowercase().as_str() {
        "sec" | "secs" | "second" | "seconds" => "s",
        "min" | "mins" | "minute" | "minutes" => "m",
        "hr" | "hrs" | "hour" | "hours" => "h",
        "day" | "days" => "d",
        "week" | "weeks" => "w",
        "s" | "m" | "h" | "d" | "w" => return error.try_this(whole.to_ascii_lowercase()),
        _ => return error,
    };
    error.try_this(format!("{figure}{unit}"))
}

fn bareword<'a>(input: &'a str, after: &str) -> Parsed<'a, Literal<'a>> {
    let (rest, text) = word(input)?;
    let whole = chunk(input);
    if WORD_OPERATORS.contains(&text) {
        return Syntax::at(
            input,
            text.len(),
            format!("a value is missing after {after}; found the operator {text}"),
        )
        .try_this(format!("\"{text}\""))
        .fail();
    }
    // `a==b` and `a>b` start another comparison by mistake; anything else wants to be one text.
    let next = rest.chars().next();
    if whole.len() > text.len() && next.is_some_and(|c| !matches!(c, '=' | '<' | '>' | '!' | '\'')) {
        return Syntax::at(input, whole.len(), format!("{whole} must be quoted"))
            .try_this(format!("\"{whole}\""))
            .fail();
    }
    let kind = match text {
        "true" => Kind::Bool(true),
        "false" => Kind::Bool(false),
        _ => Kind::Word,
    };
    Ok((rest, Literal { kind, text, at: input, length: text.len() }))
}

/// The value of the shorthand `field:value`: quoted, or everything up to the next blank.
pub(super) fn short_value<'a>(input: &'a str, field: &str) -> Parsed<'a, Literal<'a>> {
    if input.starts_with(['"', '\'']) {
        return value(input, ":");
    }
    let text = chunk(input);
    if text.is_empty() {
        let length = input.chars().next().map_or(0, char::len_utf8);
        return Syntax::at(input, length, format!("a value is missing after {field}:")).fail();
    }
    let kind = match (text, super::text::number_of(text)) {
        ("true", _) => Kind::Bool(true),
        ("false", _) => Kind::Bool(false),
        (_, Some(figure)) => Kind::Number(figure),
        _ => Kind::Word,
    };
    Ok((&input[text.len()..], Literal { kind, text, at: input, length: text.len() }))
}

/// `/…/` after `matches`; `\/` is a slash in it.
pub(super) fn regex_source(input: &str) -> Parsed<'_, Literal<'_>> {
    let body = input.strip_prefix('/').unwrap_or(input);
    let mut escaped = false;
    for (at, c) in body.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '/' => {
                let literal = Literal { kind: Kind::Text, text: &body[..at], at: input, length: at + 2 };
                return Ok((&body[at + 1..], literal));
            }
            _ => {}
        }
    }
    Syntax::at(input, input.len(), "this pattern has no closing /").try_this(format!("{input}/")).fail()
}
