//! From an operator and its literals to a test.

use super::super::ast::{Operand, Test};
use super::super::error::Syntax;
use super::super::eval::moment;
use super::super::field::Field;
use super::super::lexical::{Kind, Literal};
use super::super::names;
use super::super::text::{Needle, number_of};
use super::Notes;

/// `==`, `!=` and the ordering operators.
pub(super) fn compared(operator: &str, field: &Field, literal: &Literal<'_>, notes: &Notes) -> Test {
    match operator {
        "==" | "!=" => {
            check_equality(operator, field, literal, notes);
            if operator == "==" { Test::Equals(operand(literal)) } else { Test::Differs(operand(literal)) }
        }
        _ => {
            let bound = bound(literal);
            if bound.is_nan() {
                let what = format!("{} is no number, so this is never true", literal.text);
                let dated = *field == Field::Time && moment(literal.text).is_some();
                notes.warn(match (dated, operator) {
                    (false, _) => literal.wrong(what),
                    (true, ">" | ">=") => {
                        literal.wrong(what).try_this(format!("time after {}", literal.quoted()))
                    }
                    (true, _) => literal.wrong(what).try_this(format!("time before {}", literal.quoted())),
                });
            }
            match operator {
                "<" => Test::Less(bound),
                "<=" => Test::AtMost(bound),
                ">" => Test::Greater(bound),
                _ => Test::AtLeast(bound),
            }
        }
    }
}

/// `field:value`.
pub(super) fn shorthand(field: &Field, literal: &Literal<'_>, notes: &Notes) -> Test {
    match field {
        Field::Hash => Test::StartsWith(Needle::new(literal.text)),
        field if field.is_free_text() => Test::Contains(Needle::new(literal.text)),
        field => compared("==", field, literal, notes),
    }
}

/// A literal for equality. A number written as such equals numbers by value and texts as written.
pub(super) fn operand(literal: &Literal<'_>) -> Operand {
    match literal.kind {
        Kind::Number(number) => Operand { text: Needle::new(literal.text), number: Some(number) },
        Kind::Duration(_) | Kind::Bool(_) => Operand { text: Needle::new(literal.text), number: None },
        Kind::Text | Kind::Word => Operand::new(literal.text),
    }
}

/// A date for `after` and `before`, in milliseconds.
pub(super) fn date(literal: &Literal<'_>, notes: &Notes) -> Result<f64, Syntax> {
    let no_date =
        || literal.wrong(format!("{} is no date; write it as \"2026-03-01T12:00:00Z\"", literal.text));
    match literal.kind {
        Kind::Number(ms) => {
            if ms.abs() < 1e11 && ms.abs() >= 1e8 {
                let warning =
                    literal.wrong("this number is taken as milliseconds, which makes it a day in 1970");
                notes.warn(warning.try_this(format!("{}000", literal.text)));
            }
            Ok(ms)
        }
        Kind::Text => moment(literal.text).or_else(|| number_of(literal.text)).ok_or_else(no_date),
        Kind::Duration(_) => {
            Err(literal.wrong(format!("{} is no date; for a span use age, as in age < {0}", literal.text)))
        }
        Kind::Word | Kind::Bool(_) => Err(no_date()),
    }
}

/// Two bounds in either order: numbers, or dates.
pub(super) fn between(
    field: &Field,
    first: &Literal<'_>,
    second: &Literal<'_>,
    notes: &Notes,
) -> Result<Test, Syntax> {
    let of = |literal: &Literal<'_>| match literal.kind {
        Kind::Number(number) => Ok(number),
        Kind::Text => {
            let (number, date) = (number_of(literal.text), moment(literal.text));
            // A year alone is both; it is a date where dates are expected.
            let bound = if *field == Field::Time { date.or(number) } else { number.or(date) };
            bound.ok_or_else(|| literal.wrong(format!("{} is neither a number nor a date", literal.text)))
        }
        Kind::Duration(_) => {
            notes.warn(literal.wrong("a duration means something only with > < >= <=; this is never true"));
            Ok(f64::NAN)
        }
        Kind::Word | Kind::Bool(_) => Err(literal
            .wrong(format!("{} is neither a number nor a date", literal.text))
            .try_this(literal.quoted())),
    };
    let (a, b) = (of(first)?, of(second)?);
    if a.is_nan() || b.is_nan() {
        return Ok(Test::Between { low: f64::NAN, high: f64::NAN });
    }
    Ok(Test::Between { low: a.min(b), high: a.max(b) })
}

/// The number for an ordering operator; NaN for what is none.
fn bound(literal: &Literal<'_>) -> f64 {
    match literal.kind {
        Kind::Number(number) | Kind::Duration(number) => number,
        Kind::Bool(truth) => f64::from(u8::from(truth)),
        Kind::Text | Kind::Word => number_of(literal.text).unwrap_or(f64::NAN),
    }
}

/// Warns of comparisons that no packet can pass.
fn check_equality(operator: &str, field: &Field, literal: &Literal<'_>, notes: &Notes) {
    if matches!(literal.kind, Kind::Duration(_)) {
        let what = format!("a duration means something only with > < >= <=, not with {operator}");
        notes.warn(literal.wrong(what));
        return;
    }
    let text = literal.text;
    let is = |name: &str| name.eq_ignore_ascii_case(text);
    let is_type = || names::payload_names().any(is) || names::payload_alias(text).is_some() || is("UNKNOWN");
    let is_route = || names::route_names().any(is) || names::route_alias(text).is_some();
    match field {
        Field::Type if !is_type() => {
            warn_unknown_name("type", literal, names::nearest(text, names::payload_names()), notes);
        }
        Field::Route if !is_route() => {
            warn_unknown_name("route", literal, names::nearest(text, names::route_names()), notes);
        }
        field if field.is_numeric() && number_of(text).is_none() => {
            notes.warn(literal.wrong(format!("{field} is a number; {text} is none")));
        }
        _ => {}
    }
}

fn warn_unknown_name(what: &str, literal: &Literal<'_>, meant: Option<&str>, notes: &Notes) {
    let warning = literal.wrong(format!("no {what} is called {}", literal.text));
    notes.warn(match meant {
        Some(name) => warning.try_this(name),
        None => warning,
    });
}
