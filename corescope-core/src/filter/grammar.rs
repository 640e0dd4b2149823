//! The grammar: from text to tree, or to a mistake with its place.
//!
//! Below `!`, `(` and the separators every parser fails for good, so that the first mistake is the
//! one that is told; nothing is retried elsewhere.

use std::cell::{Cell, RefCell};

use nom::Parser;
use nom::multi::separated_list1;

use super::ast::{Comparison, Expr, Leaf, Pattern, Test};
use super::error::{FilterError, Syntax, Warning};
use super::field::Field;
use super::lexical::{
    Literal, Parsed, WORD_OPERATORS, regex_source, short_value, skip_blanks, symbol, value, word,
};
use super::names::nearest;
use super::text::Needle;
use crate::geo::LatLon;

mod tests_of;

/// Longest accepted expression in bytes.
pub const MAX_LEN: usize = 8192;
/// Deepest nesting of `!` and `(`.
const MAX_DEPTH: usize = 64;
/// Most comparisons and list items in one expression.
const MAX_TERMS: usize = 512;

/// What parsing gathers besides the tree.
pub(super) struct Notes {
    warnings: RefCell<Vec<Syntax>>,
    terms: Cell<usize>,
}

impl Notes {
    pub(super) fn warn(&self, warning: Syntax) {
        self.warnings.borrow_mut().push(warning);
    }

    fn count_term(&self, at: &str) -> Result<(), nom::Err<Syntax>> {
        self.terms.set(self.terms.get() + 1);
        if self.terms.get() > MAX_TERMS {
            return Syntax::at(at, 0, format!("more than {MAX_TERMS} terms in one expression")).fail();
        }
        Ok(())
    }
}

/// Parses a whole expression.
pub(super) fn expression(text: &str, warnings: &mut Vec<Warning>) -> Result<Expr, FilterError> {
    if text.len() > MAX_LEN {
        let message = format!("the expression has {} bytes; {MAX_LEN} are accepted", text.len());
        return Err(Syntax::at(text, 0, message).into_error(text));
    }
    if skip_blanks(text).is_empty() {
        return Ok(Expr::All(Vec::new()));
    }
    let notes = Notes { warnings: RefCell::default(), terms: Cell::new(0) };
    let whole = any_of(text, &notes, 0).and_then(|(rest, expr)| match skip_blanks(rest) {
        "" => Ok(expr),
        rest => left_over(rest).fail(),
    });
    warnings.extend(notes.warnings.into_inner().into_iter().map(|warning| warning.into_warning(text)));
    whole.map_err(|error| match error {
        nom::Err::Error(syntax) | nom::Err::Failure(syntax) => syntax.into_error(text),
        nom::Err::Incomplete(_) => Syntax::at("", 0, "the expression is incomplete").into_error(text),
    })
}

/// `and ( "||" and )*`
fn any_of<'a>(input: &'a str, notes: &Notes, depth: usize) -> Parsed<'a, Expr> {
    let (rest, mut parts) =
        separated_list1(symbol("||"), |input| all_of(input, notes, depth)).parse(input)?;
    let expr = if parts.len() == 1 { parts.swap_remove(0) } else { Expr::Any(parts) };
    Ok((rest, expr))
}

/// `not ( "&&" not )*`
fn all_of<'a>(input: &'a str, notes: &Notes, depth: usize) -> Parsed<'a, Expr> {
    let (rest, mut parts) =
        separated_list1(symbol("&&"), |input| negation(input, notes, depth)).parse(input)?;
    let expr = if parts.len() == 1 { parts.swap_remove(0) } else { Expr::All(parts) };
    Ok((rest, expr))
}

/// `"!" not | "(" expr ")" | term`
fn negation<'a>(input: &'a str, notes: &Notes, depth: usize) -> Parsed<'a, Expr> {
    let input = skip_blanks(input);
    if depth > MAX_DEPTH {
        return Syntax::at(input, 0, format!("nested deeper than {MAX_DEPTH} levels")).fail();
    }
    match input.as_bytes() {
        [] => Syntax::at(input, 0, "a field is missing at the end").fail(),
        [b'!', b'=', ..] => Syntax::at(input, 2, "a field is missing before !=").fail(),
        [b'!', ..] => {
            let (rest, part) = negation(&input[1..], notes, depth + 1)?;
            Ok((rest, Expr::Not(Box::new(part))))
        }
        [b'(', ..] => {
            let (rest, expr) = any_of(&input[1..], notes, depth + 1)?;
            match skip_blanks(rest) {
                "" => Syntax::at(input, 1, "this parenthesis is not closed").fail(),
                rest if rest.starts_with(')') => Ok((&rest[1..], expr)),
                rest => left_over(rest).fail(),
            }
        }
        _ => {
            notes.count_term(input)?;
            let (rest, leaf) = term(input, notes)?;
            Ok((rest, Expr::Leaf(leaf)))
        }
    }
}

fn term<'a>(input: &'a str, notes: &Notes) -> Parsed<'a, Leaf> {
    let Ok((rest, name)) = word(input) else { return no_field(input).fail() };
    let next = skip_blanks(rest);
    match name {
        "has" if word(next).is_ok_and(|(_, word)| !WORD_OPERATORS.contains(&word)) => {
            let (rest, name) = word(next)?;
            return Ok((rest, Leaf::Comparison(Comparison::new(field(next, name, notes), Test::Present))));
        }
        "only" => {
            if let Ok((rest, "my")) = word(next) {
                return Ok((rest, Leaf::Mine));
            }
        }
        "near" if next.starts_with('(') => return near(next),
        "from" if rest.starts_with(':') => {
            let (rest, literal) = short_value(&rest[1..], name)?;
            return Ok((rest, Leaf::From(Needle::new(literal.text))));
        }
        "true" | "false" => {
            return Syntax::at(input, name.len(), format!("expected a field, found the value {name}")).fail();
        }
        "not" => return Syntax::at(input, 3, "not is written !").try_this("!").fail(),
        "and" | "or" => return no_field(input).fail(),
        _ if WORD_OPERATORS.contains(&name) => {
            return Syntax::at(input, name.len(), format!("a field is missing before {name}")).fail();
        }
        _ => {}
    }
    let field = field(input, name, notes);
    let (rest, test) = test(rest, &field, name, notes)?;
    Ok((rest, Leaf::Comparison(Comparison::new(field, test))))
}

/// The field, with a warning when there is none of that name.
fn field(at: &str, name: &str, notes: &Notes) -> Field {
    let field = Field::named(name);
    if matches!(field, Field::Unknown(_)) {
        let warning = Syntax::at(at, name.len(), format!("no packet has a field {name}: this is never true"));
        notes.warn(match Field::nearest_name(name) {
            Some(meant) => warning.try_this(meant),
            None => warning,
        });
    }
    field
}

/// What follows a field: an operator and its values, or nothing.
fn test<'a>(input: &'a str, field: &Field, name: &str, notes: &Notes) -> Parsed<'a, Test> {
    if let Some(short) = input.strip_prefix(':') {
        let (rest, literal) = short_value(short, name)?;
        return Ok((rest, tests_of::shorthand(field, &literal, notes)));
    }
    let at = skip_blanks(input);
    for operator in ["==", "!=", ">=", "<=", ">", "<"] {
        if let Some(rest) = at.strip_prefix(operator) {
            if operator.len() == 1 && rest.starts_with('>') {
                return Syntax::at(at, 2, "unknown operator <>").try_this("!=").fail();
            }
            let (rest, literal) = value(rest, operator)?;
            return Ok((rest, tests_of::compared(operator, field, &literal, notes)));
        }
    }
    for (wrong, right) in [("=>", ">="), ("=<", "<="), ("=~", "contains"), ("=", "==")] {
        if at.starts_with(wrong) {
            return Syntax::at(at, wrong.len(), format!("unknown operator {wrong}")).try_this(right).fail();
        }
    }
    if let Ok((rest, operator)) = word(at) {
        return word_test(at, rest, operator, field, name, notes);
    }
    if at.starts_with(['"', '\'', '-']) || at.starts_with(|c: char| c.is_ascii_digit()) {
        let length = chunk_len(at);
        return Syntax::at(
            at,
            length,
            format!("an operator is missing between {name} and {}", &at[..length]),
        )
        .try_this(format!("== {}", &at[..length]))
        .fail();
    }
    Ok((input, Test::Truthy))
}

fn word_test<'a>(
    at: &'a str,
    rest: &'a str,
    operator: &'a str,
    field: &Field,
    name: &str,
    notes: &Notes,
) -> Parsed<'a, Test> {
    match operator {
        "contains" | "starts_with" | "ends_with" => {
            let (rest, literal) = value(rest, operator)?;
            let needle = Needle::new(literal.text);
            let test = match operator {
                "contains" => Test::Contains(needle),
                "starts_with" => Test::StartsWith(needle),
                _ => Test::EndsWith(needle),
            };
            Ok((rest, test))
        }
        "after" | "before" => {
            let (rest, literal) = value(rest, operator)?;
            let ms = tests_of::date(&literal, notes).map_err(nom::Err::Failure)?;
            Ok((rest, if operator == "after" { Test::After(ms) } else { Test::Before(ms) }))
        }
        "between" => {
            let (rest, first) = value(rest, operator)?;
            if let Ok((_, "and")) = word(skip_blanks(rest)) {
                let at = skip_blanks(rest);
                return Syntax::at(at, 3, "between takes two values without a word between them")
                    .try_this("")
                    .fail();
            }
            let (rest, second) = value(rest, "the first bound of between")?;
            let test = tests_of::between(field, &first, &second, notes).map_err(nom::Err::Failure)?;
            Ok((rest, test))
        }
        "in" => list(rest, notes),
        "matches" if skip_blanks(rest).starts_with('/') => {
            let (rest, literal) = regex_source(skip_blanks(rest))?;
            match Pattern::new(literal.text) {
                Ok(pattern) => Ok((rest, Test::Matches(pattern))),
                Err(reason) => literal.wrong(format!("bad pattern: {reason}")).fail(),
            }
        }
        _ => no_operator(at, operator, name).fail(),
    }
}

/// `"(" value ("," value)* ")"`
fn list<'a>(input: &'a str, notes: &Notes) -> Parsed<'a, Test> {
    let open = skip_blanks(input);
    let Some(mut rest) = open.strip_prefix('(') else {
        let found = &open[..chunk_len(open)];
        let error = Syntax::at(open, found.len(), "in needs a list in parentheses");
        return if found.is_empty() { error } else { error.try_this(format!("({found})")) }.fail();
    };
    if skip_blanks(rest).starts_with(')') {
        return Syntax::at(open, open.len() - skip_blanks(rest).len() + 1, "the list of in is empty").fail();
    }
    let mut operands = Vec::new();
    loop {
        notes.count_term(rest)?;
        let (after, literal) = value(rest, if operands.is_empty() { "in (" } else { "," })?;
        operands.push(tests_of::operand(&literal));
        let after = skip_blanks(after);
        match after.as_bytes().first() {
            Some(b',') => rest = &after[1..],
            Some(b')') => return Ok((&after[1..], Test::OneOf(operands))),
            None => return Syntax::at(open, 1, "the list of in is not closed").fail(),
            Some(_) => {
                let length = chunk_len(after);
                return Syntax::at(after, length, "expected , or ) in the list of in").fail();
            }
        }
    }
}

/// `near(lat, lon, km)`; the input starts at the parenthesis.
fn near(open: &str) -> Parsed<'_, Leaf> {
    let mut rest = &open[1..];
    let mut figures = [0.0; 3];
    for (i, (figure, what)) in figures.iter_mut().zip(["latitude", "longitude", "distance in km"]).enumerate()
    {
        let (after, literal) = value(rest, "near(lat, lon, km)")?;
        let super::lexical::Kind::Number(number) = literal.kind else {
            return literal.wrong(format!("near expects a number here: the {what}")).fail();
        };
        *figure = number;
        let after = skip_blanks(after);
        let wanted = if i < 2 { ',' } else { ')' };
        match after.strip_prefix(wanted) {
            Some(next) => rest = next,
            None => {
                return Syntax::at(after, chunk_len(after), format!("near(lat, lon, km): expected {wanted}"))
                    .fail();
            }
        }
    }
    let [lat, lon, km] = figures;
    if !(-90.0..=90.0).contains(&lat) || !(-180.0..=180.0).contains(&lon) || km < 0.0 {
        return Syntax::at(
            open,
            open.len() - rest.len(),
            "near: latitude ±90, longitude ±180, distance from 0",
        )
        .fail();
    }
    Ok((rest, Leaf::Near { center: LatLon { lat, lon }, km }))
}

/// A word where an operator should be.
fn no_operator(at: &str, found: &str, field: &str) -> Syntax {
    let lower = found.to_ascii_lowercase();
    let right = match lower.as_str() {
        "and" => "&&",
        "or" => "||",
        "is" | "eq" | "equals" | "equal" => "==",
        "not" | "ne" | "isnt" => "!=",
        "lt" => "<",
        "le" => "<=",
        "gt" => ">",
        "ge" => ">=",
        "like" | "has" | "includes" | "contain" => "contains",
        "matches" => "matches /…/",
        "startswith" => "starts_with",
        "endswith" => "ends_with",
        word => WORD_OPERATORS
            .into_iter()
            .find(|operator| word.len() >= 3 && operator.starts_with(word))
            .or_else(|| nearest(word, WORD_OPERATORS.into_iter()))
            .unwrap_or(""),
    };
    if right.is_empty() {
        return Syntax::at(at, found.len(), format!("an operator is missing between {field} and {found}"))
            .try_this(format!("== {found}"));
    }
    Syntax::at(at, found.len(), format!("unknown operator {found}")).try_this(right)
}

/// Something other than a field where one should be.
fn no_field(at: &str) -> Syntax {
    let Some(c) = at.chars().next() else { return Syntax::at(at, 0, "a field is missing at the end") };
    match c {
        ')' => Syntax::at(at, 1, "a field is missing before )"),
        '"' | '\'' | '-' | '0'..='9' => {
            Syntax::at(at, chunk_len(at), "expected a field; a value cannot stand on the left")
        }
        '=' | '<' | '>' => Syntax::at(at, 1, format!("a field is missing before {c}")),
        '&' | '|' => Syntax::at(at, 1, format!("a field is missing before {c}")),
        _ if word(at).is_ok() => {
            let length = word(at).map_or(0, |(_, word)| word.len());
            Syntax::at(at, length, format!("a field is missing before {}", &at[..length]))
        }
        c => Syntax::at(at, c.len_utf8(), format!("unexpected character {c}")),
    }
}

/// Something after a complete expression.
fn left_over(at: &str) -> Syntax {
    if let Ok((_, word @ ("and" | "AND" | "or" | "OR"))) = word(at) {
        let right = if word.eq_ignore_ascii_case("and") { "&&" } else { "||" };
        return Syntax::at(at, word.len(), format!("{word} is written {right}")).try_this(right);
    }
    match at.chars().next() {
        Some(')') => Syntax::at(at, 1, "no parenthesis is open here"),
        Some('&') => Syntax::at(at, 1, "and is written &&").try_this("&&"),
        Some('|') => Syntax::at(at, 1, "or is written ||").try_this("||"),
        Some('=' | '<' | '>' | '!') => Syntax::at(at, 1, "a comparison takes one operator; join two with &&"),
        Some(c) if c.is_ascii_alphanumeric() || matches!(c, '_' | '"' | '\'' | '(' | '-') => {
            Syntax::at(at, chunk_len(at), "trailing input: expected && or || before it")
        }
        Some(c) => Syntax::at(at, c.len_utf8(), format!("unexpected character {c}")),
        None => Syntax::at(at, 0, "the expression ends too early"),
    }
}

/// Bytes of the thing at the front, at least one character unless the input is over.
fn chunk_len(at: &str) -> usize {
    let one = at.chars().next().map_or(0, char::len_utf8);
    if at.starts_with(['"', '\'']) {
        return value(at, "").map_or(at.len(), |(_, literal): (&str, Literal<'_>)| literal.length);
    }
    super::lexical::chunk(at).len().max(one)
}
