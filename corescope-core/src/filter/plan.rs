//! What every match must fulfil, so that a store can start from an index instead of all rows.

use super::ast::{Comparison, Expr, Leaf, Operand, Test};
use super::eval::Context;
use super::field::Field;

/// Necessary conditions: a packet that fails one of them does not match. The reverse does not
/// hold, so what is left is judged by [`Filter::matches`](super::Filter::matches), unless
/// [`exact`](Self::exact) says that the conditions are all there is.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Plan<'a> {
    /// All of them hold for every match.
    pub required: Vec<Requirement<'a>>,
    /// The conditions are not only necessary but sufficient.
    pub exact: bool,
}

/// A condition that an index can answer.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Requirement<'a> {
    /// The payload type is one of these bits (0–15; 16 for packets without one).
    PayloadTypes(u32),
    /// The route type is one of these bits (0–3; 4 for packets without one).
    RouteTypes(u32),
    /// The hash is one of these, lower-case.
    Hash(Vec<&'a str>),
    /// The observer's id is one of these; compare without case.
    ObserverId(Vec<&'a str>),
    /// The observer's name is one of these; compare without case.
    ObserverName(Vec<&'a str>),
    /// The observer's region is one of these; compare without case.
    Iata(Vec<&'a str>),
    /// The channel is one of these; compare without case.
    Channel(Vec<&'a str>),
    /// The scope is one of these; compare without case.
    Scope(Vec<&'a str>),
    /// The packet's time in milliseconds lies in this range, bounds included.
    TimeMs {
        /// Earliest, `i64::MIN` for no bound.
        from: i64,
        /// Latest, `i64::MAX` for no bound.
        to: i64,
    },
}

impl<'a> Plan<'a> {
    pub(super) fn of(expr: &'a Expr, context: &Context<'_>) -> Self {
        let mut plan = Self { required: Vec::new(), exact: true };
        plan.add(expr, context);
        plan
    }

    fn add(&mut self, expr: &'a Expr, context: &Context<'_>) {
        match expr {
            Expr::All(parts) => parts.iter().for_each(|part| self.add(part, context)),
            Expr::Any(parts) => match any_of_masks(parts) {
                Some(requirement) => self.required.push(requirement),
                None => self.exact = false,
            },
            Expr::Not(part) => match negated_mask(part) {
                Some(requirement) => self.required.push(requirement),
                None => self.exact = false,
            },
            Expr::Leaf(Leaf::Comparison(comparison)) => match requirement(comparison, context) {
                Some((requirement, exact)) => {
                    self.required.push(requirement);
                    self.exact &= exact;
                }
                None => self.exact = false,
            },
            Expr::Leaf(_) => self.exact = false,
        }
    }
}

/// The condition a comparison stands for, and whether it says everything.
fn requirement<'a>(comparison: &'a Comparison, context: &Context<'_>) -> Option<(Requirement<'a>, bool)> {
    if let Some(mask) = comparison.type_mask() {
        return Some((Requirement::PayloadTypes(mask), true));
    }
    if let Some(mask) = comparison.route_mask() {
        return Some((Requirement::RouteTypes(mask), true));
    }
    let wrap: fn(Vec<&'a str>) -> Requirement<'a> = match comparison.field {
        Field::Time | Field::Age => return time_range(comparison, context).map(|range| (range, false)),
        Field::Hash => Requirement::Hash,
        Field::ObserverId => Requirement::ObserverId,
        Field::Observer => Requirement::ObserverName,
        Field::Iata => Requirement::Iata,
        Field::Channel => Requirement::Channel,
        Field::Scope => Requirement::Scope,
        _ => return None,
    };
    let lower = |operand: &'a Operand| operand.text.as_lower();
    let wanted = match &comparison.test {
        Test::Equals(operand) => vec![lower(operand)],
        Test::OneOf(operands) => operands.iter().map(lower).collect(),
        _ => return None,
    };
    // A missing text reads as empty, which no index knows.
    (!wanted.contains(&"")).then(|| (wrap(wanted), true))
}

fn time_range<'a>(comparison: &Comparison, context: &Context<'_>) -> Option<Requirement<'a>> {
    let clamp = |ms: f64| ms.clamp(i64::MIN as f64, i64::MAX as f64) as i64;
    let from = |ms: f64| Some(Requirement::TimeMs { from: clamp(ms.floor()), to: i64::MAX });
    let to = |ms: f64| Some(Requirement::TimeMs { from: i64::MIN, to: clamp(ms.ceil()) });
    let now = context.now_ms as f64;
    let is_age = comparison.field == Field::Age;
    match &comparison.test {
        Test::Less(s) | Test::AtMost(s) if is_age && !s.is_nan() => from(now - s * 1000.0),
        Test::Greater(s) | Test::AtLeast(s) if is_age && !s.is_nan() => to(now - s * 1000.0),
        Test::Between { low, high } if is_age && !low.is_nan() && !high.is_nan() => {
            Some(Requirement::TimeMs {
                from: clamp((now - high * 1000.0).floor()),
                to: clamp((now - low * 1000.0).ceil()),
            })
        }
        _ if is_age => None,
        Test::After(ms) | Test::Greater(ms) | Test::AtLeast(ms) if !ms.is_nan() => from(*ms),
        Test::Before(ms) | Test::Less(ms) | Test::AtMost(ms) if !ms.is_nan() => to(*ms),
        Test::Between { low, high } if !low.is_nan() && !high.is_nan() => {
            Some(Requirement::TimeMs { from: clamp(low.floor()), to: clamp(high.ceil()) })
        }
        _ => None,
    }
}

/// `type == A || type == B`: one mask. `None` when the parts ask different things.
fn any_of_masks<'a>(parts: &[Expr]) -> Option<Requirement<'a>> {
    let mut all = None;
    for part in parts {
        let Expr::Leaf(Leaf::Comparison(comparison)) = part else { return None };
        let (is_type, mask) = mask_of(comparison)?;
        all = match all {
            None => Some((is_type, mask)),
            Some((same, so_far)) if same == is_type => Some((same, so_far | mask)),
            Some(_) => return None,
        };
    }
    all.map(|(is_type, mask)| as_requirement(is_type, mask))
}

fn negated_mask<'a>(part: &Expr) -> Option<Requirement<'a>> {
    let Expr::Leaf(Leaf::Comparison(comparison)) = part else { return None };
    let (is_type, mask) = mask_of(comparison)?;
    let all = if is_type { 0x1_FFFF } else { 0x1F };
    Some(as_requirement(is_type, all & !mask))
}

fn mask_of(comparison: &Comparison) -> Option<(bool, u32)> {
    let by_type = comparison.type_mask().map(|mask| (true, mask));
    by_type.or_else(|| comparison.route_mask().map(|mask| (false, mask)))
}

fn as_requirement<'a>(is_type: bool, mask: u32) -> Requirement<'a> {
    if is_type { Requirement::PayloadTypes(mask) } else { Requirement::RouteTypes(mask) }
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;

    fn with_plan(text: &str, check: impl FnOnce(Plan<'_>)) {
        let filter = parse(text).unwrap();
        check(filter.plan(&Context::at(1_000_000)));
    }

    #[test]
    fn conjunctions_give_all_their_conditions() {
        with_plan("type == ADVERT && hash == C0DE && age < 10s", |plan| {
            let from = Requirement::TimeMs { from: 990_000, to: i64::MAX };
            assert_eq!(
                plan.required,
                [Requirement::PayloadTypes(1 << 4), Requirement::Hash(vec!["c0de"]), from]
            );
            assert!(!plan.exact);
        });
        with_plan(r#"iata in ("AMS", "bru") && !transport"#, |plan| {
            assert_eq!(
                plan.required,
                [Requirement::Iata(vec!["ams", "bru"]), Requirement::RouteTypes(0b10110)]
            );
            assert!(plan.exact);
        });
        with_plan("type == PATH || type == TRACE", |plan| {
            assert_eq!(plan.required, [Requirement::PayloadTypes(1 << 8 | 1 << 9)]);
            assert!(plan.exact);
        });
    }

    #[test]
    fn what_no_index_answers_gives_no_condition() {
        for text in
            ["snr > 5", "type == ADVERT || snr > 5", r#"observer == """#, "!(hash == c0de)", "only my"]
        {
            with_plan(text, |plan| {
                assert!(plan.required.is_empty(), "{text}");
                assert!(!plan.exact, "{text}");
            });
        }
        with_plan("", |plan| assert!(plan.required.is_empty() && plan.exact));
    }
}
